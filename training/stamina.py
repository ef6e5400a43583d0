"""Thousands of frames of a leap's own feedback: it must neither fade, drift in colour, explode nor freeze."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

import cv2
import torch
from torch import Tensor

from models.ascent import Ascent
from models.dreamer import Dreamer, Recipe
from models.network import Network
from training.photographs import fitted
from training.reference import LEVELS, rms, seen

FRAMES = 3000
EVERY = 25  # frames between two marks
SETTLED = 100  # frames that a dream may take to come to what it stays at
BAND = 0.15  # how far it may move after that
STILL = 0.25 / LEVELS  # change from frame to frame below which a picture of 256 levels looks frozen
LONGEST = 300  # frames of a clip: the first ten seconds

# As the show has it where nobody turned a knob: one call a frame, octaves in turn, and this step.
STEP, OCTAVES = 1.5 / LEVELS, 3
# What is left of the residual after a frame.  A linger of 2.5 s is this at 5.4 dreamed frames a second; a quicker show
# keeps more of it (0.989 at 24) and takes longer than `SETTLED` to come to rest, by arithmetic alone.
KEPT = 0.95


@dataclass(frozen=True, slots=True)
class Mark:
    """The state after ``frame`` frames.

    ``rms``: of the residual.  ``colour``: its mean, R, G and B.  ``objective``: what the teacher sees at the taps in
    use, 1 for the first undreamed picture.  ``change``: RMS of the residual's change in this frame.  ``renewed``: RMS
    of its change since the mark before (of a clip: since the same picture's, a loop ago), as a share of its own.
    """

    frame: int
    rms: float
    colour: tuple[float, float, float]
    objective: float
    change: float
    renewed: float


@dataclass(frozen=True, slots=True)
class Verdict:
    """``rms``, ``objective``: the farthest from their mean after the first frames, as a share of it.

    ``colour``: the farthest of any channel from its mean, as a share of the residual's RMS.  ``change``, ``renewed``:
    means of the marks'.  ``fails``: what does not hold, in words; empty where all does.
    """

    rms: float
    objective: float
    colour: float
    change: float
    renewed: float
    fails: tuple[str, ...]


def clip(file: Path, device: torch.device | None = None) -> list[Tensor]:
    """The frames of a clip as `endure` takes them, 300 at most.  Raises SystemExit for what is no clip."""
    reader = cv2.VideoCapture(str(file))
    found: list[Tensor] = []
    while len(found) < LONGEST and (read := reader.read())[0]:
        found.append(fitted(read[1], device))
    reader.release()
    if len(found) < 2:
        raise SystemExit(f"{file} cannot be read as a clip")
    return found


def endure(
    leap: Ascent,
    teacher: Network,
    pictures: Sequence[Tensor],
    weights: Mapping[str, float],
    frames: int = FRAMES,
    kept: float = KEPT,
) -> Iterator[Mark]:
    """Dream ``pictures`` over and over, one a frame, and say every 25 frames or so what it has come to.

    ``pictures``: one for a still, (1, 3, H, W), RGB in [-1, 1].  ``weights``: by tap of the leap.  ``kept``: what is
    left of the residual from frame to frame; it is not carried along by flow, which is the show's.  Every loop is
    marked at the same pictures, so that loops can be compared.
    """
    period, marked = _period(len(pictures)), _marked(len(pictures))
    recipe = Recipe([weights.get(tap, 0.0) for tap in leap.layers], step=STEP, steps=1, octaves=OCTAVES)
    taps = [tap for tap, weight in weights.items() if weight > 0]
    undreamed = seen(teacher, pictures[0], taps)
    dreamer, residual = Dreamer(leap), torch.zeros_like(pictures[0])
    earlier: dict[int, Tensor] = {}
    for frame in range(1, frames + 1):
        picture, before = pictures[(frame - 1) % len(pictures)], residual
        residual = dreamer.dream(picture, residual * kept, recipe)
        if (place := (frame - 1) % period + 1) in marked:
            now = seen(teacher, picture + residual, taps)
            objective = sum(weights[tap] * now[tap] / undreamed[tap] for tap in taps) / sum(weights.values())
            red, green, blue = residual.mean((0, 2, 3)).tolist()
            strength, change = rms(residual), rms(residual - before)
            renewed = rms(residual - earlier[place]) if place in earlier else strength
            earlier[place] = residual
            yield Mark(frame, strength, (red, green, blue), objective, change, renewed / max(strength, 1e-9))


def loops(marks: Sequence[Mark], pictures: int) -> list[Mark]:
    """The means of each loop over a clip of that many ``pictures``, at its last frame.  Of a still, the marks."""
    period = _period(pictures)
    grouped = [list(group) for _, group in groupby(marks, lambda mark: (mark.frame - 1) // period)]
    return [_together(group) for group in grouped if len(group) == len(grouped[0])]


def least(pictures: int) -> int:
    """How many frames it takes to judge that many ``pictures``: two whole loops after the first hundred frames."""
    period = _period(pictures)
    return -(-SETTLED // period) * period + 2 * period


def verdict(marks: Sequence[Mark], pictures: int) -> Verdict:
    """What `endure` has shown, loop against loop.

    Raises ValueError where the frames are fewer than `least`.
    """
    period = _period(pictures)
    settled = [loop for loop in loops(marks, pictures) if loop.frame - period >= SETTLED]
    if len(settled) < 2:
        raise ValueError(f"too few frames to judge; it takes {least(pictures)}")
    mean = _together(settled)
    found = {
        name: max(abs(getattr(loop, name) / max(getattr(mean, name), 1e-9) - 1) for loop in settled)
        for name in ("rms", "objective")
    }
    colour = max(abs(c - m) for loop in settled for c, m in zip(loop.colour, mean.colour, strict=True))
    colour /= max(mean.rms, 1e-9)
    fails = [f"{name} moves by {share:.0%}" for name, share in found.items() if not share <= BAND]
    if not colour <= BAND:
        fails.append(f"mean colour moves by {colour:.0%} of the residual")
    if not mean.change > STILL:
        fails.append(f"a frame changes it by {mean.change * LEVELS:.2g} levels, which looks frozen")
    return Verdict(found["rms"], found["objective"], colour, mean.change, mean.renewed, tuple(fails))


def how_many(frames: int, pictures: int) -> int:
    """How many marks that many frames give."""
    period = _period(pictures)
    return sum((frame - 1) % period + 1 in _marked(pictures) for frame in range(1, frames + 1))


def _marked(pictures: int) -> set[int]:
    """At which frames of a loop, from 1, there is a mark: evenly, and at the last."""
    period = _period(pictures)
    count = max(1, period // EVERY)
    return {period * (k + 1) // count for k in range(count)}


def _period(pictures: int) -> int:
    """Frames in a loop; a still has the time between two marks for one."""
    return pictures if pictures > 1 else EVERY


def _together(marks: Sequence[Mark]) -> Mark:
    def mean(name: str) -> float:
        return float(sum(getattr(mark, name) for mark in marks)) / len(marks)

    red, green, blue = (sum(mark.colour[k] for mark in marks) / len(marks) for k in range(3))
    return Mark(marks[-1].frame, mean("rms"), (red, green, blue), mean("objective"), mean("change"), mean("renewed"))
