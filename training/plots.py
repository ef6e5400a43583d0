"""The curves of a measurement as pictures.  Needs matplotlib, from the `training` extra."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from training.reference import LEVELS
from training.stamina import BAND, SETTLED, STILL, Mark
from training.transfer import MOST

LEAP, TRUE, QUIET = "#d1495b", "#30638e", "#888888"
LINES = ("#d1495b", "#30638e", "#edae49", "#3d8361", "#7d5ba6", "#444444")


def plot_transfer(report: Mapping[str, Mapping[str, Any]], path: Path) -> None:
    """One small plot a tap: what the teacher sees by the number of calls, of the leap and of true ascent."""
    from matplotlib.figure import Figure

    columns = min(3, len(report))
    rows = -(-len(report) // columns)
    figure = Figure(figsize=(12, 3.5 * max(rows, 1)), dpi=100, layout="constrained")
    axes = figure.subplots(rows, columns, squeeze=False).flatten().tolist()
    for axis, (tap, found) in zip(axes, report.items(), strict=False):
        for kind, colour, label in (("true", TRUE, "true steps"), ("leap", LEAP, "leaps")):
            curve = found[kind]["objective"]
            axis.plot(list(curve), list(curve.values()), "o-", color=colour, markersize=4, label=label)
        best = max(found["true"]["objective"].items())[1]
        axis.axhline(best, color=QUIET, linewidth=0.8, linestyle=":")
        axis.axvline(MOST, color=QUIET, linewidth=0.8, linestyle="--")
        reached = found["reached"]
        axis.set_title(f"{tap}: {reached['value']:.0%} of 40 steps, {reached['rise']:.0%} of the rise", fontsize=10)
        axis.set_xscale("symlog", linthresh=1, linscale=0.4)
        axis.set_xlim(-0.2, 48)
        axis.set_xticks([0, 1, 2, 4, 8, 16, 40], ["0", "1", "2", "4", "8", "16", "40"])
        axis.minorticks_off()
        axis.set_ylim(bottom=0)
        axis.grid(alpha=0.25)
    for axis in axes[len(report) :]:
        axis.set_axis_off()
    figure.axes[0].legend(loc="lower right", fontsize=9, frameon=False)
    figure.supxlabel("calls of the network", fontsize=10)
    figure.supylabel("teacher's objective at equal strength (RMS 0.10)", fontsize=10)
    figure.savefig(path)


def plot_stamina(report: Mapping[str, Mapping[str, Sequence[Mark]]], path: Path) -> None:
    """``report``: by what was looked at ("still", "clip"), then by mixture, the loops of `training.stamina.loops`."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(12, 10), dpi=100, layout="constrained")
    axes = figure.subplots(4, len(report), squeeze=False, sharex=True, sharey="row")
    for column, (scene, mixtures) in zip(axes.T, report.items(), strict=True):
        column[0].set_title(f"{scene}, looped" if scene != "still" else scene, fontsize=11)
        for colour, (mixture, marks) in zip(LINES * len(mixtures), mixtures.items(), strict=False):
            frames = [mark.frame for mark in marks]
            settled = [mark for mark in marks if mark.frame > SETTLED] or list(marks)
            strength = sum(mark.rms for mark in settled) / len(settled)
            for axis, name in zip(column[:2], ("rms", "objective"), strict=True):
                mean = sum(getattr(mark, name) for mark in settled) / len(settled)
                axis.plot(frames, [getattr(mark, name) / mean for mark in marks], color=colour, label=mixture)
            for k in range(3):
                tint = sum(mark.colour[k] for mark in settled) / len(settled)
                column[2].plot(
                    frames, [(mark.colour[k] - tint) / strength for mark in marks], color=colour, alpha=0.7, linewidth=1
                )
            column[3].plot(frames, [mark.change * LEVELS for mark in marks], color=colour)
        for axis in column[:2]:
            axis.axhspan(1 - BAND, 1 + BAND, color=QUIET, alpha=0.15)
            axis.set_ylim(0.4, 1.6)
        column[2].axhspan(-BAND, BAND, color=QUIET, alpha=0.15)
        column[2].set_ylim(-0.5, 0.5)
        column[3].axhspan(0, STILL * LEVELS, color=QUIET, alpha=0.3)
        column[3].set_ylim(bottom=0)
        column[3].set_xlabel("frames")
        for axis in column:
            axis.axvline(SETTLED, color=QUIET, linewidth=0.8, linestyle="--")
            axis.grid(alpha=0.25)
    for axis, label in zip(
        axes[:, 0],
        ("RMS / its mean", "objective / its mean", "mean colour's move / RMS", "change a frame, levels"),
        strict=True,
    ):
        axis.set_ylabel(label)
    axes[0, -1].legend(loc="upper right", fontsize=8, frameon=False)
    figure.savefig(path)
