"""Optical flow: where each place of a picture was in an older one, and how far that is to be believed.

Flow is computed on small grey pictures, whatever the camera and the network work at: a person's movement is smooth, and
at 320x240 OpenCV's DIS flow (Kroeger, Timofte, Dai, Van Gool, *Fast optical flow using dense inverse search*, 2016)
takes about a millisecond.
"""

from typing import Any, cast

import cv2
import numpy as np
from numpy.typing import NDArray

from calibration.thresholds import USUAL, Thresholds
from installation.frame import Pixels, fit
from installation.knobs import Look

Grey = NDArray[np.uint8]  # (gh, gw)
Displacement = NDArray[np.float32]  # (gh / 2, gw / 2, 2), x and y in its own pixels: half a grey picture's resolution

FLOW_BOX = (320, 240)  # grey pictures fit in here


def flow_size(size: tuple[int, int]) -> tuple[int, int]:
    """(width, height) of the grey picture of one of ``size``; never larger than the picture itself."""
    return fit(size, (min(size[0], FLOW_BOX[0]), min(size[1], FLOW_BOX[1])))


def grey_of(pixels: Pixels) -> Grey:
    """The grey picture of ``pixels`` that flow is computed on."""
    height, width = pixels.shape[:2]
    size = flow_size((width, height))
    small = pixels if size == (width, height) else cv2.resize(pixels, size, interpolation=cv2.INTER_AREA)
    return np.asarray(cv2.cvtColor(small, cv2.COLOR_RGB2GRAY), np.uint8)


class Flow:
    """Finds displacements between grey pictures.  One per thread: OpenCV's object keeps buffers."""

    def __init__(self, thresholds: Thresholds = USUAL) -> None:
        """``thresholds``: learned of this room, where they were."""
        self._still = thresholds.still
        self._dis: Any = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_ULTRAFAST)

    def back(self, new: Grey, old: Grey) -> Displacement:
        """For each place of ``new``: how far away it was in ``old``."""
        found: Displacement = np.asarray(self._dis.calc(new, old, None), np.float32)
        length = cv2.magnitude(found[..., 0], found[..., 1])
        # A still room must stay still: carrying by a tenth of a pixel, frame after frame, is a blur.
        moves = np.clip((length - self._still[0]) / (self._still[1] - self._still[0]), 0, 1)
        found *= moves[..., None] * 0.5
        # DIS itself stops at a quarter of the resolution, so nothing is lost, and all that follows costs a quarter.
        return cast(Displacement, cv2.resize(found, _half(new), interpolation=cv2.INTER_AREA))


def follow(path: Displacement, moved: Displacement) -> Displacement:
    """The displacement all the way back: ``moved`` (new to middle), then ``path`` (middle to old)."""
    return cast(Displacement, moved + _sample(path, moved))


def trust(new: Grey, old: Grey, path: Displacement, doubt: float = USUAL.doubt) -> NDArray[np.float32]:
    """How far ``path`` explains ``new`` by ``old``, 0..1 per place.

    Where the background was uncovered, or a hand was faster than flow can follow, the carried picture is not the new
    one, and the residual must let go rather than smear.  A change of light as a whole (exposure) is not held against
    it.
    """
    new = cv2.resize(new, _half(new), interpolation=cv2.INTER_AREA)  # type: ignore[assignment]
    carried = _sample(cv2.resize(old, _half(old), interpolation=cv2.INTER_AREA), path)
    wrong = cv2.subtract(new, carried, dtype=cv2.CV_32F)
    wrong = np.asarray(wrong, np.float32) - np.float32(np.median(wrong[::2, ::2]))
    wrong = cv2.boxFilter(cv2.multiply(wrong, wrong), -1, (3, 3))
    kept = cv2.exp(wrong * (-1 / doubt**2))
    height, width = new.shape
    x = path[..., 0] + np.arange(width, dtype=np.float32)
    y = path[..., 1] + np.arange(height, dtype=np.float32)[:, None]
    outside = (x < -1) | (x > width) | (y < -1) | (y > height)
    kept[outside] = 0
    return np.asarray(cv2.blur(kept, (3, 3)), np.float32)


def drift(look: Look, seconds: float) -> tuple[float, float]:
    """(scale, angle in radians) by which the place where a residual is found shrinks and turns in ``seconds``."""
    return (1.0 + look.zoom) ** -seconds, -np.deg2rad(look.rotation) * seconds


def grid(path: Displacement, believed: NDArray[np.float32], scale: float, angle: float) -> NDArray[np.float32]:
    """``path`` and its trust, with the accumulated drift, as the grid of a `Carried`: (gh, gw, 3)."""
    height, width = believed.shape
    made = np.empty((height, width, 3), np.float32)
    x, y = path[..., 0], path[..., 1]
    if scale != 1.0 or angle != 0.0:
        across = np.arange(width, dtype=np.float32) - (width - 1) / 2
        down = np.arange(height, dtype=np.float32)[:, None] - (height - 1) / 2
        from_x, from_y = across + x, down + y
        cos, sin = scale * np.cos(angle), scale * np.sin(angle)
        x, y = cos * from_x - sin * from_y - across, sin * from_x + cos * from_y - down
    made[..., 0] = x / width
    made[..., 1] = y / height
    made[..., 2] = believed
    return made


def _half(grey: Grey) -> tuple[int, int]:
    return max(1, grey.shape[1] // 2), max(1, grey.shape[0] // 2)


def _sample(picture: Any, path: Displacement) -> Any:
    height, width = path.shape[:2]
    x = path[..., 0] + np.arange(width, dtype=np.float32)
    y = path[..., 1] + np.arange(height, dtype=np.float32)[:, None]
    return cv2.remap(picture, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
