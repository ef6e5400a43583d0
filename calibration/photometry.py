"""Photometry: how bright the projector makes the wall for each level, and what the camera makes of that.

Two curves lie one behind the other, and grey steps alone show only both together.  So a second series mixes black and
white pixels: of two whites and two blacks comes half of the light whatever the projector's curve, which leaves the
camera's.  With that curve taken off, the grey steps are light, and black level, gamma and white can be read from them:

    light(level) = black + (white - black) * (level / 255) ** gamma
    reading      = pedestal + (255 - pedestal) * light ** (1 / camera's gamma)

Readings at either end of the camera's range are clipped and are left out.  The camera must hold its exposure and white
balance, and the mixed pixels must melt into one another in its picture: half a turn out of focus helps.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

Readings = NDArray[np.float64]  # (n,) or (n, channels), levels 0..255

LEVELS = tuple(round(255 * step / 16) for step in range(17))  # grey steps
SHARES = tuple(step / 8 for step in range(9))  # shares of white pixels
CLIPPED = (1.0, 252.0)  # readings outside are clipped, wherever the camera's own end is
FLAT = 1.0  # levels: the brightest readings do not differ by more where the camera is at its end
STEPS = 6  # unclipped readings that are needed
SPAN = 12.0  # levels that these must span
GAMMAS = (0.8, 4.0)  # of a projector, and of a camera, that are believed
MISS = 0.04  # of the span: root mean square by which a curve may miss
COARSE = 0.25  # of the brightness by which the mixed pixels may differ in the camera's picture
_ORDER = np.array([[0, 8, 2, 10], [12, 4, 14, 6], [3, 11, 1, 9], [15, 7, 13, 5]])  # Bayer's, 1973


@dataclass(frozen=True, slots=True)
class Camera:
    """``gamma``: light is (level above the pedestal) ** gamma.  ``pedestal``: the level with the cap on, 0..255.

    ``error``: root mean square share of its range by which the readings missed the curve; nan if it was not measured.
    """

    gamma: float = 2.2
    pedestal: float = 0.0
    error: float = float("nan")

    def light(self, readings: NDArray[Any]) -> NDArray[np.float64]:
        """Readings 0..255, any shape, as linear light 0..1."""
        share = (np.asarray(readings, np.float64) - self.pedestal) / (255 - self.pedestal)
        return np.asarray(np.maximum(share, 0) ** self.gamma)


@dataclass(frozen=True, slots=True)
class Curve:
    """One channel of the projector, as the camera sees it.

    ``black``, ``white``: the light of level 0, with the room's, and of 255, as shares of the brightest that the
    camera could tell; white may lie above 1 if it was clipped.  ``gamma``: between them.  ``levels``: those whose
    readings were not clipped; ``light``: theirs, as a share from black 0 to white 1.  ``clipped``: how many were left
    out.  ``error``: root mean square share of the span by which the curve misses them.
    """

    black: float
    white: float
    gamma: float
    levels: tuple[float, ...]
    light: tuple[float, ...]
    clipped: int
    error: float

    @property
    def contrast(self) -> float:
        """White against black, the room's light included."""
        return self.white / max(self.black, 1e-6)

    def table(self, wanted: float = 2.2) -> NDArray[np.uint8]:
        """(256,) levels to send, so that level v gives (v / 255) ** ``wanted`` of the way from black to white in light.

        Through the measured points where there are any, since projectors do not all follow a power; by gamma elsewhere.
        """
        level = np.arange(256.0)
        fitted = (level / 255) ** self.gamma
        if len(self.levels) >= STEPS:
            # What was measured differs from the power by a smooth share: that is interpolated, not the steep curve
            # itself.
            ends = np.array([0.0, *self.levels, 255.0])
            off = np.array([0.0, *(np.array(self.light) - (np.array(self.levels) / 255) ** self.gamma), 0.0])
            first = np.concatenate([[True], np.diff(ends) > 0])
            first[-1] &= ends[-1] > ends[-2]
            fitted = fitted + np.interp(level, ends[first], off[first])
        fitted = np.maximum.accumulate(np.clip(fitted, 0, 1))
        fitted += np.arange(256) * 1e-9  # rises everywhere, so that it has an inverse
        return np.asarray(np.rint(np.interp((level / 255) ** wanted, fitted, level)), np.uint8)


def mixed(size: tuple[int, int], share: float) -> NDArray[np.uint8]:
    """A projector's picture, (H, W, 3) uint8, of which ``share`` of the pixels (in sixteenths) are white, strewn."""
    width, height = size
    tile = np.where(round(16 * share) > _ORDER, 255, 0).astype(np.uint8)
    plane = np.tile(tile, (-(-height // 4), -(-width // 4)))[:height, :width]
    return np.ascontiguousarray(np.repeat(plane[..., None], 3, axis=2))


def reading(picture: NDArray[np.uint8], region: NDArray[np.bool_]) -> Readings:
    """(3,) mean levels of a camera's RGB picture (h, w, 3) within ``region`` (h, w).

    Raises ValueError when the picture is so uneven, from one pixel to the next, that mixed pixels did not melt.
    """
    if not region.any():
        raise ValueError("no part of the camera's picture is lit by the projector")
    pixels = picture.astype(np.float32)
    inner = cv2.erode(region.astype(np.uint8), np.ones((5, 5), np.uint8)).astype(bool)
    rough = np.abs(pixels - cv2.blur(pixels, (5, 5)))[inner if inner.any() else region]
    mean = np.asarray(pixels[region].mean(axis=0), np.float64)
    if rough.mean() > COARSE * max(10.0, float(mean.mean())):
        raise ValueError(
            "the camera tells black and white pixels apart where they should melt: turn it out of focus a little"
        )
    return mean


def camera_curve(shares: Sequence[float], readings: NDArray[Any], pedestal: float = 0.0) -> Camera:
    """The camera's curve from mixed pictures: the gamma for which its readings are straight in the share of white.

    ``shares``: (n,) 0..1.  ``readings``: (n,) or (n, channels).  ``pedestal``: its level with the cap on.
    Raises ValueError, saying what to do, if too many readings are clipped, or no gamma makes them straight.
    """
    share, seen = np.asarray(shares, np.float64), _columns(readings, len(shares))
    kept = [_unclipped(column, pedestal) for column in seen.T]
    best, least = 0.0, np.inf
    for gamma in np.arange(GAMMAS[0], GAMMAS[1] + 1e-9, 0.01):
        camera = Camera(float(gamma), pedestal)
        missed = np.mean([_line(share[k], camera.light(c[k]))[2] for k, c in zip(kept, seen.T, strict=True)])
        if missed < least:
            best, least = float(gamma), float(missed)
    if least > MISS or not GAMMAS[0] + 0.02 < best < GAMMAS[1] - 0.02:
        raise ValueError(
            "the camera's brightness does not follow the share of white: hold its exposure, keep the light in "
            "the room steady, and turn it out of focus a little"
        )
    return Camera(best, pedestal, least)


def projector_curves(
    levels: Sequence[float], readings: NDArray[Any], camera: Camera | None = None
) -> tuple[Curve, ...]:
    """The projector's curve for each channel from grey steps.

    ``levels``: (n,) 0..255.  ``readings``: (n,) or (n, channels) of the camera.  ``camera``: its curve; without it
    2.2 is taken for its gamma.  Raises ValueError, saying what to do, if it is too dark or too bright, or follows no
    curve.
    """
    level, seen = np.asarray(levels, np.float64), _columns(readings, len(levels))
    return tuple(_curve(level, column, camera or Camera()) for column in seen.T)


def _curve(level: NDArray[np.float64], seen: NDArray[np.float64], camera: Camera) -> Curve:
    kept = _unclipped(seen, camera.pedestal)
    x, light = level[kept] / 255, camera.light(seen[kept])
    black, white, gamma, least = 0.0, 1.0, 1.0, np.inf
    for tried in np.arange(GAMMAS[0], GAMMAS[1] + 1e-9, 0.01):
        start, rise, missed = _line(x**tried, light)
        if missed < least:
            black, white, gamma, least = start, start + rise, float(tried), missed
    if least > MISS or not GAMMAS[0] + 0.02 < gamma < GAMMAS[1] - 0.02 or white <= black:
        raise ValueError(
            "the projector's brightness follows no curve: switch its dynamic contrast and eco mode off, hold the "
            "camera's exposure, and take the grey steps again"
        )
    share = (light - black) / (white - black)
    return Curve(
        max(0.0, black),
        white,
        gamma,
        tuple(map(float, level[kept])),
        tuple(map(float, share)),
        int(np.count_nonzero(~kept)),
        least,
    )


def _unclipped(seen: NDArray[np.float64], pedestal: float) -> NDArray[np.bool_]:
    """Which readings lie inside the camera's range.  Raises ValueError if too few do, or they hardly differ."""
    kept = (seen > max(0.0, pedestal) + CLIPPED[0]) & (seen < CLIPPED[1])
    # Some cameras end at 235: there the last steps hardly differ, while those before them did.
    top = seen >= seen.max() - FLAT
    below = seen[~top]
    if np.count_nonzero(top) >= 2 and below.size >= 2:
        order = np.sort(below)
        pace = order[-1] - order[max(0, len(order) - 3)]
        if pace > 4 * FLAT:
            kept &= ~top
    if np.count_nonzero(kept) < STEPS:
        bright = np.count_nonzero(seen >= seen.max() - FLAT) > np.count_nonzero(seen <= max(0.0, pedestal) + CLIPPED[0])
        raise ValueError(
            f"{np.count_nonzero(~kept)} of {len(seen)} readings are clipped: "
            + ("shorten the camera's exposure" if bright else "lengthen the camera's exposure")
        )
    if np.ptp(seen[kept]) < SPAN:
        raise ValueError(
            f"black and white differ by only {np.ptp(seen[kept]):.0f} levels of 255: darken the room, or lengthen "
            "the exposure"
        )
    return np.asarray(kept)


def _line(x: NDArray[np.float64], y: NDArray[np.float64]) -> tuple[float, float, float]:
    """Start and rise of the straight line through (x, y), and by what share of the span it misses (rms)."""
    spread = x - x.mean()
    rise = float(spread @ y / max(1e-12, float(spread @ spread)))
    start = float(y.mean() - rise * x.mean())
    missed = float(np.sqrt(np.mean((start + rise * x - y) ** 2)))
    return start, rise, missed / max(1e-9, float(np.ptp(y)))


def _columns(readings: NDArray[Any], count: int) -> NDArray[np.float64]:
    seen = np.asarray(readings, np.float64)
    seen = seen[:, None] if seen.ndim == 1 else seen
    if seen.ndim != 2 or len(seen) != count:
        raise ValueError(f"{count} steps were shown, and readings of {len(seen)} have come: take them again")
    return seen
