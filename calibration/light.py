"""How much light each place of the display gives: soft edges where projectors overlap, and masks.

Weights are light: 0.5 is half of it.  A picture's levels are not, so `Profile.gamma` turns weights into factors for
levels; without that the overlap of two projectors shows as a bright or a dark band.
"""

from dataclasses import dataclass
from functools import lru_cache

import cv2
import numpy as np
from numpy.typing import NDArray

Weights = NDArray[np.float32]  # 0..1
SIDES = ("left", "top", "right", "bottom")
FINE = 4  # binary digits of a pixel that a polygon's points are drawn to


@dataclass(frozen=True, slots=True)
class SoftEdges:
    """Ramps along the sides of the picture, as they lie on the display once it is turned.

    ``left``, ``top``, ``right``, ``bottom``: how wide, in pixels of the picture before it is pinned; 0 for none.
    ``curve``: 1 is a straight ramp of light, above that an S, steeper in the middle.  Two ramps that face each other
    add up to one at every place, whatever the curve.
    """

    left: float = 0.0
    top: float = 0.0
    right: float = 0.0
    bottom: float = 0.0
    curve: float = 2.0

    @property
    def any(self) -> bool:
        return any(getattr(self, side) > 0 for side in SIDES)


@dataclass(frozen=True, slots=True)
class Mask:
    """A polygon in display pixels.

    ``points``: three or more.  ``keep``: what lies outside is dark; otherwise what lies inside is.
    ``feather``: pixels over which the light comes back.  It lies wholly on the lit side, since a mask is there to keep
    the light off something: a door, a window, people's eyes.
    """

    points: tuple[tuple[float, float], ...]
    feather: float = 0.0
    keep: bool = False


def ramp(distance: Weights, width: float, curve: float) -> Weights:
    """Light at ``distance`` pixels inside a side with a ramp of ``width``: 0 at the side, 1 beyond the ramp."""
    t = np.clip(distance / np.float32(width), 0, 1)
    half = np.float32(0.5) * (2 * np.minimum(t, 1 - t)) ** np.float32(curve)
    return np.asarray(np.where(t < 0.5, half, 1 - half), np.float32)


def blended(edges: SoftEdges, places: NDArray[np.float32], size: tuple[int, int]) -> Weights:
    """Light that ``edges`` leave at ``places`` (H, W, 2): pixels of a turned picture of ``size``."""
    width, height = size
    x, y = places[..., 0], places[..., 1]
    light = np.ones(places.shape[:2], np.float32)
    for side, distance in zip(SIDES, (x, y, width - x, height - y), strict=True):
        reach = getattr(edges, side)
        if reach > 0:
            light *= ramp(distance, reach, edges.curve)
    return light


@lru_cache(2)
def masked(masks: tuple[Mask, ...], size: tuple[int, int]) -> Weights:
    """Light that ``masks`` leave on a display of ``size``: (H, W), read-only.

    Kept for the last two questions, since a corner that is dragged asks the same one over and over.  Several that
    keep add up; what any of the others covers is dark.
    """
    light = np.ones((size[1], size[0]), np.float32)
    kept = [_lit(mask, size) for mask in masks if mask.keep]
    if kept:
        light = np.maximum.reduce(kept)
    for mask in masks:
        if not mask.keep:
            light = light * _lit(mask, size)
    light.flags.writeable = False
    return light


def _lit(mask: Mask, size: tuple[int, int]) -> Weights:
    """One mask's light.  Distances are to pixel centres, by OpenCV's exact Euclidean transform."""
    points = np.array(mask.points, np.float64) - 0.5  # OpenCV counts pixels from their centres
    covered = np.zeros((size[1], size[0]), np.uint8)
    cv2.fillPoly(covered, [np.rint(points * (1 << FINE)).astype(np.int32)], 1, lineType=cv2.LINE_8, shift=FINE)
    lit = covered if mask.keep else 1 - covered
    if lit.all() or not lit.any() or mask.feather <= 1:
        return lit.astype(np.float32)
    distance = np.asarray(cv2.distanceTransform(lit, cv2.DIST_L2, cv2.DIST_MASK_PRECISE), np.float32)
    return np.asarray(np.minimum(distance / np.float32(mask.feather), 1), np.float32)
