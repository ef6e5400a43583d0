"""What the end of the chain is told for one refresh: a profile, and what its operator lays over the wall.

An overlay belongs to the display and not to the picture: handles stand where the corners are, whatever the warp does.
This is the reference for shader and plain screen alike.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from calibration.profile import Profile
from calibration.warp import Lookup, Picture, warped


@dataclass(frozen=True, slots=True)
class Magnifier:
    """A magnifier: a square of the display that shows what lies around another place, larger.

    ``box``: left, top and side of it; ``centre``: the display pixel in its middle; ``zoom``: how many times as large.
    Parts of it that look beyond the display are black.
    """

    box: tuple[int, int, int]
    centre: tuple[int, int]
    zoom: int = 8


@dataclass(frozen=True, slots=True, eq=False)
class Overlay:
    """``pixels``: (H, W, 4) uint8 RGBA, colours already multiplied by alpha, laid over the display pixel by pixel."""

    pixels: NDArray[np.uint8]
    magnifier: Magnifier | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Geometry:
    """``card``: (h, w, 3) uint8 RGB of ``profile.picture_size``, shown instead of the picture."""

    profile: Profile
    card: Picture | None = None
    overlay: Overlay | None = None


def laid(picture: Picture, geometry: Geometry, made: Lookup | None = None) -> Picture:
    """``picture`` as it goes to the display, (H, W, 3) uint8; ``made`` as for `warped`."""
    shown = warped(picture if geometry.card is None else geometry.card, geometry.profile, made)
    return shown if geometry.overlay is None else laid_over(shown, geometry.overlay)


def laid_over(picture: Picture, overlay: Overlay) -> Picture:
    """A picture of the display with the overlay on it, as a new array; an overlay of another size is left out."""
    if overlay.pixels.shape[:2] != picture.shape[:2]:
        return picture
    shown = magnified(picture, overlay.magnifier) if overlay.magnifier is not None else picture.copy()
    # Most of it is clear: only what is not is summed.
    rows, columns = np.nonzero(overlay.pixels[..., 3])
    over = overlay.pixels[rows, columns].astype(np.float32)
    below = shown[rows, columns] * (1 - over[:, 3:] / np.float32(255))
    shown[rows, columns] = np.rint(np.minimum(over[:, :3] + below, 255)).astype(np.uint8)
    return shown


def magnified(picture: Picture, magnifier: Magnifier) -> Picture:
    """A copy of ``picture`` with what the magnifier shows in it."""
    height, width = picture.shape[:2]
    left, top, side = magnifier.box
    shown = picture.copy()
    x, y = np.arange(max(0, left), min(width, left + side)), np.arange(max(0, top), min(height, top + side))
    if not len(x) or not len(y):
        return shown
    from_x = magnifier.centre[0] + (x - left - side // 2 + magnifier.zoom // 2) // magnifier.zoom
    from_y = magnifier.centre[1] + (y - top - side // 2 + magnifier.zoom // 2) // magnifier.zoom
    seen = picture[np.clip(from_y, 0, height - 1)[:, None], np.clip(from_x, 0, width - 1)]
    seen[(from_y < 0) | (from_y >= height)] = 0
    seen[:, (from_x < 0) | (from_x >= width)] = 0
    shown[y[0] : y[-1] + 1, x[0] : x[-1] + 1] = seen
    return shown
