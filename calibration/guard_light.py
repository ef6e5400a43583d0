"""Display levels and linear light for whole pictures, quickly.

Both ways are tables.  The way back has 65536 steps of light, a twentieth of a level in the darkest tones; the shader
is given the same table, since a graphics card's powers are not to be relied on to the last digit.
"""

import cv2
import numpy as np
from numpy.typing import NDArray

from calibration.limits import Light, levels, linear

Pixels = NDArray[np.uint8]
CURVE = linear(np.arange(256))
STEPS = 65535
TABLE = np.rint(levels((np.arange(STEPS + 1) / STEPS).astype(np.float32))).clip(0, 255).astype(np.uint8)
BAND = 48  # rows that are worked on at a time, so that they stay in the processor's cache

_LINEAR = CURVE.reshape(1, 256, 1)


def light_of(pixels: Pixels, out: Light | None = None) -> Light:
    """(H, W, 3) uint8 RGB as linear light 0..1."""
    return np.asarray(cv2.LUT(pixels, _LINEAR, dst=out), np.float32)


def rounded(light: Light) -> Pixels:
    """Linear light (..., 3) as levels."""
    return TABLE.take((light * np.float32(STEPS) + np.float32(0.5)).astype(np.uint16))  # twice as quick as indexing
