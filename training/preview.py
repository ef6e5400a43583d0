"""What a training run shows of itself: a sheet of dreams on lessons it never saw, and the curve of what it measured."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from torch import Tensor

from models.dreamer import Dreamer, Recipe
from models.leap import Leap
from models.leap_net import TAPS, LeapNet
from training.dreams import RMS, Lesson
from training.reference import at_strength

CALLS = (1, 3, 8)
STEP = 3 / 127.5


@torch.no_grad()
def sheet(net: LeapNet, shown: Sequence[Lesson], path: Path) -> None:
    """One row a lesson: undreamed, after some calls of the leap at the true dream's strength, and the true dream."""
    leap, rows = Leap(net, {}), []
    for lesson in shown:
        base, dream = (torch.from_numpy(a)[None].float() / 127.5 - 1 for a in (lesson.base, lesson.dream))
        channels = [torch.tensor(lesson.wish.emphasis)] * len(TAPS) if any(lesson.wish.emphasis) else None
        octaves = leap.viewing(lesson.wish.weights).span  # one size
        recipe = Recipe(lesson.wish.weights, STEP / leap.reach, steps=1, octaves=octaves, channels=channels)
        dreamer, residual, row = Dreamer(leap), torch.zeros_like(base), [base]
        for call in range(1, max(CALLS) + 1):
            residual = dreamer.dream(base, residual, recipe)
            if call in CALLS:
                row.append(base + at_strength(base, residual, RMS))
        rows.append(labelled(torch.cat([*row, dream], 3), lesson))
    cv2.imwrite(str(path), np.concatenate(rows))


def labelled(row: Tensor, lesson: Lesson) -> np.ndarray[Any, np.dtype[np.uint8]]:
    found = ((row[0].permute(1, 2, 0).numpy() + 1) * 127.5).round().clip(0, 255).astype(np.uint8)
    pixels = np.asarray(cv2.cvtColor(found, cv2.COLOR_RGB2BGR), np.uint8)
    named = ", ".join(f"{tap} {w:.2f}" for tap, w in zip(TAPS, lesson.wish.weights, strict=True) if w)
    wished = " ".join(f"{e:.1f}" for e in lesson.wish.emphasis) if any(lesson.wish.emphasis) else ""
    cv2.putText(pixels, f"{named}  {wished}", (6, 16), cv2.FONT_HERSHEY_SIMPLEX, 0.45, (255, 255, 255), 1, cv2.LINE_AA)
    return pixels


def curve(log: Path, path: Path, window: int = 200) -> None:
    """Plot the log of a run, as running means by tap.  Without matplotlib (the extra `training`) it does nothing."""
    try:
        import matplotlib as mpl

        mpl.use("Agg")
        from matplotlib import pyplot as plt
    except ImportError:
        return
    rows = [json.loads(line) for line in log.read_text().splitlines()]
    names = ("likeness", "found", "gain", "unlike")
    figure, axes = plt.subplots(1, len(names), figsize=(16, 4), constrained_layout=True)
    for name, axis in zip(names, axes, strict=True):
        for lead, tap in enumerate(TAPS):
            points = [(r["count"], r[name]) for r in rows if r["lead"] == lead and name in r]
            if len(points) > 5:
                x, y = np.array(points).T
                wide = min(window // len(TAPS), len(x))
                means = (np.convolve(values, np.ones(wide) / wide, "valid") for values in (x, y))
                axis.plot(*means, label=tap)
        axis.set_title(name)
        axis.set_xlabel("iterations")
    if axes[-1].lines:
        axes[-1].legend(fontsize="small")
    figure.savefig(path, dpi=80)
    plt.close(figure)
