"""Taking one picture of each pattern, once the wall stands still.

Time is counted as the flash guard counts it: a refresh that took long lets the light rise no further than one of
`LONGEST_STEP`.  So a machine that was busy for a while holds a pattern for longer, and takes no picture too early.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from calibration.graycode import LOOK, Pattern
from calibration.guard_rules import LONGEST_STEP
from installation.calibrate.seam import CalibrationError, Eye, Step, Steps, Wall

Grey = NDArray[np.float16]  # (h, w), 0..255: an eighth of a level is less than noise, and fifty of these fit in memory
PATIENCE = 3.0  # seconds that a camera is waited for


def taken(
    patterns: Sequence[Pattern], wall: Wall, eye: Eye, sentence: str, span: tuple[float, float] = (0.0, 1.0)
) -> Steps[dict[str, Grey]]:
    """What ``eye`` saw of each pattern on ``wall``, by the patterns' names.

    Each is the mean of all frames taken in the last `LOOK` seconds of its hold.  ``span``: shares of the whole
    calibration at which this begins and ends.  Raises SourceError when the camera is lost, CalibrationError when it
    gives no frames, Stopped when a person ended it.
    """
    pictures: dict[str, Grey] = {}
    whole, past = sum(pattern.hold for pattern in patterns), 0.0
    for number, pattern in enumerate(patterns, 1):
        pixels = pattern.pixels()
        before: float | None = None
        looking: float | None = None
        held, count = 0.0, 0
        total = np.zeros((0, 0), np.float32)
        while held < pattern.hold or not count:
            now = wall.show(pixels)
            held += 0.0 if before is None else min(max(0.0, now - before), LONGEST_STEP)
            before = now
            if looking is None and held >= pattern.hold - LOOK:
                looking = now
            frame = eye.newest(looking) if looking is not None else None
            if frame is not None:
                grey = frame.pixels.mean(axis=2, dtype=np.float32)
                total, count = (total + grey, count + 1) if count and total.shape == grey.shape else (grey, 1)
            if held > pattern.hold + PATIENCE:
                raise CalibrationError(
                    f"{eye.name} gave no picture for {PATIENCE:g} s while pattern {number} was shown; check its cable"
                )
            share = (past + min(held, pattern.hold)) / whole
            yield Step(f"{sentence} ({len(patterns)} pictures)", span[0] + share * (span[1] - span[0]), pixels)
        pictures[pattern.name] = (total / count).astype(np.float16)
        past += pattern.hold
    return pictures


def settled(seconds: float, pixels: NDArray[np.uint8], wall: Wall, eye: Eye, step: Step) -> Steps[tuple[int, int]]:
    """Show ``pixels`` for ``seconds`` and until the camera gives a frame; returns that frame's width and height."""
    before: float | None = None
    held = 0.0
    size: tuple[int, int] | None = None
    while held < seconds or size is None:
        now = wall.show(pixels)
        held += 0.0 if before is None else min(max(0.0, now - before), LONGEST_STEP)
        before = now
        frame = eye.newest()
        size = size if frame is None else frame.size
        if held > seconds + PATIENCE:
            raise CalibrationError(f"{eye.name} gave no picture for {seconds + PATIENCE:.0f} s; check its cable")
        yield step
    return size
