"""What counts as a transition, followed in every cell at once: luminance, and saturated red beside it.

Both are counted from turn to turn, however many pictures a change takes and whatever small ripples lie on it.  A cell
remembers the extremes since its last transition; the next one is due as soon as it has come far enough from them the
other way.  This finds as many opposing changes as there are, so nothing passes for slow or noisy.
"""

import cv2
import numpy as np
from numpy.typing import NDArray

from calibration.limits import DARK, MICHELSON, RED_DISTANCE, RED_LEAST, RED_RATIO, TRANSITION, Light

Mask = NDArray[np.bool_]  # (rows, columns)

# A change of d from the darker state D has the contrast d / (2 D + d); for 1/17 it is D / 8, which at DARK is 0.10 too:
# the two rules meet there.
_ABOVE = 2 * MICHELSON / (1 - MICHELSON)
assert abs(_ABOVE * DARK - TRANSITION) < 1e-9

# From linear sRGB (IEC 61966-2-1): the numerators of u' and v', and what both are divided by.
_XYZ = np.array([[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]])
_UV = np.array([4 * _XYZ[0], 9 * _XYZ[1], _XYZ[0] + 15 * _XYZ[1] + 3 * _XYZ[2]], np.float32)
_GREY = 0.001  # of white, added before asking for a colour: black is grey then, and rounding has no hue
_REDDEST = np.array([0.4507, 0.5229], np.float32)  # u'v' of the red primary


class Luminance:
    """Transitions of luminance, by `limits.TRANSITION` below `limits.DARK` and by `limits.MICHELSON` above."""

    def __init__(self) -> None:
        self._low: Light | None = None
        self._high: Light
        self._up: Mask  # the last transition went up; at first neither went
        self._down: Mask

    def see(self, light: Light) -> Mask:
        """Where luminance (rows, columns), 0..1, has just made a transition."""
        if self._low is None:
            self._low, self._high = light.copy(), light.copy()
            self._up = np.zeros(light.shape, bool)
            self._down = self._up.copy()
            return self._up.copy()
        np.minimum(self._low, light, out=self._low)
        np.maximum(self._high, light, out=self._high)
        rises = (light - self._low >= _needed(self._low)) & ~self._up
        falls = (self._high - light >= _needed(light)) & ~self._down
        turned = rises | falls
        if turned.any():
            self._up[turned] = rises[turned]
            self._down[turned] = falls[turned]
            self._low[turned] = light[turned]
            self._high[turned] = light[turned]
        return turned


def _needed(darker: Light) -> Light:
    return np.asarray(np.maximum(np.float32(TRANSITION), darker * np.float32(_ABOVE)), np.float32)


class Red:
    """Transitions to and from saturated red: the state of at least `limits.RED_RATIO`, and one that lies
    `limits.RED_DISTANCE` from it in CIE 1976 u'v', whatever the luminance of both.
    """

    def __init__(self) -> None:
        self._red: Mask | None = None  # the last transition went to red
        self._turn: Light  # (rows, columns, 2): the u'v' that the next one is counted from

    def see(self, light: Light) -> Mask:
        """Where linear RGB (rows, columns, 3), 0..1, has just made a transition to or from red."""
        colour = chromaticity(light)
        saturated = is_red(light)
        if self._red is None:
            self._red, self._turn = saturated.copy(), colour.copy()
            return np.zeros(saturated.shape, bool)
        far = _distance(colour, self._turn) > RED_DISTANCE
        turned = far & (self._red ^ saturated)
        # What is red waits with its reddest colour for the way out, what is not with its least red for the way in.
        redder = _distance(colour, _REDDEST) < _distance(self._turn, _REDDEST)
        further = turned | np.where(self._red, redder & saturated, ~redder)
        self._red ^= turned
        self._turn[further] = colour[further]
        return turned


def is_red(light: Light) -> Mask:
    """Where linear RGB (..., 3) is saturated red, and bright enough to be a colour."""
    red = light[..., 0]
    whole = red + light[..., 1] + light[..., 2]
    return (red >= RED_LEAST) & (red >= np.float32(RED_RATIO - 1e-6) * whole)


def chromaticity(light: Light) -> Light:
    """CIE 1976 u'v', (rows, columns, 2), of linear RGB (rows, columns, 3); black is grey."""
    parts = np.asarray(cv2.transform(light + np.float32(_GREY), _UV), np.float32)
    return parts[..., :2] / parts[..., 2:]


def _distance(a: Light, b: Light) -> Light:
    apart = a - b
    return np.asarray(cv2.magnitude(apart[..., 0].copy(), apart[..., 1].copy()), np.float32)
