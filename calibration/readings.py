"""Readings that are means of light: what a region of a camera's picture gives, whatever the camera's gamma is.

The mean level of a region is not the level of its mean light: noise in the dark, and mixed pixels that did not melt
wholly, pull it down, by which a contrast of 170 came out as 220.  Light can only be averaged once the camera's gamma is
known; so how often each level came is counted first, and gamma and readings are found in turn.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from calibration.photometry import Camera, Readings, camera_curve

Counts = NDArray[np.float64]  # (256, channels), the share of the region that has each level
ROUNDS = 8  # in which gamma and readings are found; two do, unless the camera nearly tells single pixels apart


def counted(picture: NDArray[Any], region: NDArray[np.bool_]) -> Counts:
    """How often each level comes within ``region`` (h, w) of a picture (h, w, channels) in 0..255."""
    levels = np.rint(picture[region]).clip(0, 255).astype(np.int64)
    return np.stack([np.bincount(channel, minlength=256) / len(channel) for channel in levels.T], axis=1)


def read(counts: Sequence[Counts], gamma: float) -> Readings:
    """(n, channels): the level that each mean of light has, for a camera of ``gamma``; 1 gives the mean level."""
    light = (np.arange(256) / 255) ** gamma
    return np.asarray(255 * np.einsum("nlc,l->nc", np.array(counts), light) ** (1 / gamma))


def camera_of(shares: Sequence[float], counts: Sequence[Counts]) -> Camera:
    """As `calibration.photometry.camera_curve`, from what was counted of each mixed picture."""
    camera = Camera(1.0)
    for _ in range(ROUNDS):
        before, camera = camera, camera_curve(shares, read(counts, camera.gamma))
        if abs(camera.gamma - before.gamma) < 1e-6:
            break
    return camera
