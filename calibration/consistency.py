"""Whether the pictures of one Gray code belong together, and show a projector at all.

Picture and inverse add up to white and black, whatever the wall looks like.  Where they do not, a picture is missing,
in the wrong place or was taken too early; where they do elsewhere, the camera has moved; where all of it is brighter,
its exposure was not held.  Each check raises ValueError, with one line for the person on the ladder.
"""

from collections.abc import Mapping
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from calibration.graycode import BLACK, GrayCode

Light = NDArray[np.float32]  # (h, w), linear, 1 is the brightest that the camera tells apart

FAINTEST = 8.0  # levels of 255 that the projector must add somewhere
MOVED = 0.7  # camera pixels by which pictures may lie apart
EXPOSURE = 0.15  # share by which they may differ in brightness as a whole
FINE = 2  # digits of each direction below this are of stripes so fine that many a pixel is half lit


def complete(pictures: Mapping[str, NDArray[Any]], code: GrayCode) -> None:
    missing = [name for name in code.names if name not in pictures]
    if missing:
        raise ValueError(
            f"{len(missing)} of {len(code.names)} pictures are missing, the first is {missing[0]!r}: take them again"
        )
    shape = pictures[BLACK].shape[:2]
    for name in code.names:
        if pictures[name].shape[:2] != shape:
            (height, width), (tall, wide) = pictures[name].shape[:2], shape
            raise ValueError(f"picture {name!r} is {width}x{height}, the others are {wide}x{tall}: take them again")


def visible(added: Light, black: Light) -> None:
    """Raise ValueError unless the projector adds enough to be seen."""
    added = np.asarray(cv2.blur(added, (5, 5)), np.float32)
    most, least = float(np.percentile(added, 99)), float(np.percentile(added, 1))
    if -least > max(FAINTEST, 2 * most):
        raise ValueError("the white picture is darker than the black one: they were swapped, or taken too early")
    if most >= FAINTEST:
        return
    level = float(np.median(black))
    if level > 100:
        raise ValueError(
            f"the room is too bright: the projector adds {max(most, 0):.0f} levels of 255 to the camera's {level:.0f}; "
            "darken the room, or shorten the camera's exposure if its picture is white"
        )
    raise ValueError(
        f"the projector adds {max(most, 0):.0f} levels of 255 to the camera's {level:.0f}: point the camera at "
        "the wall, take the cap off the projector, lengthen the exposure"
    )


def together(
    sums: dict[str, Light], both: Light, lit: NDArray[np.bool_], width: int, strange: list[str], code: GrayCode
) -> None:
    """Raise ValueError unless all pairs of picture and inverse belong to the same wall, camera and exposure.

    All at `_small` size; ``width`` is the camera's.
    """
    scale = width / both.shape[1]
    apart = {digit: scale * _shift(both, total, MOVED / scale) for digit, total in sums.items()}
    moved = [digit for digit in code.digits if apart[digit] > MOVED]
    # A camera that was knocked stays where it is; a strange picture is alone, and the next pairs fit again.
    since = code.digits[-len(moved) - 1 :]  # and the one before, whose inverse may have been the first
    if moved and since[-len(moved) :] == tuple(moved) and set(strange) <= set(since):
        digit = moved[0]
        raise ValueError(
            f"the camera moved by about {apart[digit]:.0f} px before or at picture {digit!r}: fasten it, and take all "
            "pictures again"
        )
    if len(strange) == len(code.digits):
        raise ValueError(
            "no picture and its inverse belong together: all were taken too early, or are nothing but noise (darken "
            "the room, give the camera more light and less gain)"
        )
    if strange:
        named = ", ".join(repr(digit) for digit in strange[:4]) + (" and more" if len(strange) > 4 else "")
        raise ValueError(
            f"{named} and the inverse of each do not belong together: a picture was swapped, taken too early, or "
            "something moved; take all pictures again"
        )
    if moved:
        raise ValueError(
            f"the camera moved for a moment at picture {moved[0]!r}: fasten it, and take all pictures again"
        )
    reference = float(np.median(both[lit]))
    for digit in coarse(code):
        ratio = float(np.median(sums[digit][lit])) / reference
        if abs(ratio - 1) > EXPOSURE:
            raise ValueError(
                f"the camera became {'brighter' if ratio > 1 else 'darker'} by {abs(ratio - 1):.0%} at picture "
                f"{digit!r}: switch its automatic exposure off"
            )


def _shift(one: Light, other: Light, least: float) -> float:
    """Pixels by which ``other`` is displaced; nought below ``least``, or where moving it back explains nothing."""
    one, other = (np.asarray(cv2.GaussianBlur(each, (0, 0), 1.5), np.float32) for each in (one, other))
    height, width = one.shape
    window = cv2.createHanningWindow((width, height), cv2.CV_32F)
    (x, y), _ = cv2.phaseCorrelate(one - one.mean(), other - other.mean(), window)
    if np.hypot(x, y) < least or abs(x) > width / 4 or abs(y) > height / 4:
        return 0.0
    back = cv2.warpAffine(
        other, np.array([[1, 0, x], [0, 1, y]]), (width, height), flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    )
    edge_x, edge_y = int(abs(x)) + 2, int(abs(y)) + 2
    inner = np.s_[edge_y : height - edge_y, edge_x : width - edge_x]
    before, after = (float(np.mean((each[inner] - one[inner]) ** 2)) for each in (other, back))
    return float(np.hypot(x, y)) if after < 0.5 * before else 0.0


def coarse(code: GrayCode) -> list[str]:
    """Digits of stripes so wide that hardly any pixel is half lit: there the camera's gamma need not be known well."""
    return [digit for digit in code.digits if int(digit[1:]) >= FINE]


def small(picture: Light) -> Light:
    """So small that those of all pictures can be kept: a camera's 1920 pixels become 640."""
    by = max(1, picture.shape[1] // 640)
    size = picture.shape[1] // by, picture.shape[0] // by
    return np.asarray(cv2.resize(picture, size, interpolation=cv2.INTER_AREA), np.float32)


def levels(picture: NDArray[Any]) -> Light:
    grey = picture if picture.ndim == 2 else picture.astype(np.float32).mean(axis=2)
    return np.asarray(grey, np.float32)


def light(picture: NDArray[Any], gamma: float) -> Light:
    return np.asarray(np.power(np.maximum(levels(picture), 0) / np.float32(255), np.float32(gamma)), np.float32)
