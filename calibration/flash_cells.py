"""A picture reduced to cells of light, and the windows of cells over which flashing areas are added up.

A cell is the mean, in linear light, of a square of about 1/240 of the picture's width: 8 pixels of 1920.  Texture
finer than that, which the published limits exempt where it is balanced, averages out; a picture narrower than that has
one cell a pixel.  Squares of whole pixels are taken where there are any that fit, since they are averaged four times as
quickly.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from calibration.limits import AREAS, FIELD, LUMA, SHARE, SOLID_ANGLE, Light, linear

COLUMNS, NEARLY = 240, (180, 320)
_LINEAR = linear(np.arange(256)).reshape(1, 256, 1)
_LUMA = np.array([LUMA], np.float32)
Counts = NDArray[np.uint16]  # (rows, columns)
Place = tuple[float, float, float, float]  # left, top, width, height, as shares of the picture


@dataclass(frozen=True, slots=True)
class Geometry:
    """How the picture is seen: the nearest viewer's ``distance`` and the picture's ``width``, in metres.

    Raises ValueError unless both are above 0.
    """

    distance: float
    width: float

    def __post_init__(self) -> None:
        if not (0 < self.distance < math.inf and 0 < self.width < math.inf):
            raise ValueError(f"{self.distance:g} m away and {self.width:g} m wide: both have to be above 0")


@dataclass(frozen=True, slots=True)
class Window:
    """A rule about area: in no window of ``rows`` by ``columns`` cells may ``most`` cells or more flash too often."""

    name: str
    rows: int
    columns: int
    most: float


class Cells:
    """The grid for pictures of one ``size`` (width, height)."""

    def __init__(self, size: tuple[int, int]) -> None:
        if min(size) < 1:
            raise ValueError(f"a picture of {size[0]}x{size[1]} has no pixels")
        self.size = size
        whole = [size[0] // side for side in _common_divisors(*size) if NEARLY[0] <= size[0] // side <= NEARLY[1]]
        self.columns = min(whole or [min(size[0], COLUMNS)], key=lambda columns: abs(columns - COLUMNS))
        self.rows = max(1, min(size[1], round(self.columns * size[1] / size[0])))

    def linear(self, pixels: NDArray[Any]) -> Light:
        """(H, W, 3) uint8 RGB as linear light of the same shape, 0..1.  Raises ValueError for any other picture."""
        if pixels.shape != (self.size[1], self.size[0], 3) or pixels.dtype != np.uint8:
            raise ValueError(
                f"a picture of {self.size[0]}x{self.size[1]} is (H, W, 3) uint8, not {pixels.shape} {pixels.dtype}"
            )
        return np.asarray(cv2.LUT(np.ascontiguousarray(pixels), _LINEAR), np.float32)

    def averaged(self, light: Light) -> Light:
        """The cells, (rows, columns, 3), of linear light (H, W, 3)."""
        return reduced(light, (self.columns, self.rows))

    def windows(self, geometry: Geometry | None = None) -> tuple[Window, ...]:
        """The area rules in cells: those of `limits.AREAS`, and with ``geometry`` that of the 10 degree field."""
        rules = [self._window(name, share) for name, share in AREAS]
        if geometry is not None:
            cell = geometry.width / self.columns
            side = max(1, round(2 * geometry.distance * math.tan(math.radians(FIELD / 2)) / cell))
            most = SOLID_ANGLE * geometry.distance**2 / cell**2
            name = f"{SOLID_ANGLE:g} sr seen from {geometry.distance:g} m"
            rules.append(Window(name, min(side, self.rows), min(side, self.columns), most))
        return tuple(rules)

    def _window(self, name: str, share: tuple[float, float] | None) -> Window:
        wide, tall = share or (1.0, 1.0)
        rows, columns = max(1, round(tall * self.rows)), max(1, round(wide * self.columns))
        return Window(name, rows, columns, SHARE * rows * columns)

    def place(self, row: int, column: int, rows: int = 1, columns: int = 1) -> Place:
        """Where cells lie in the picture."""
        return column / self.columns, row / self.rows, columns / self.columns, rows / self.rows


def _common_divisors(one: int, other: int) -> list[int]:
    most = math.gcd(one, other)
    return [side for side in range(1, most + 1) if most % side == 0]


def luminance(light: Light) -> Light:
    """Of (rows, columns, 3) linear RGB, by OpenCV, which is quicker than `limits.luminance`."""
    return np.asarray(cv2.transform(light, _LUMA), np.float32).reshape(light.shape[:2])


def reduced(light: Light, size: tuple[int, int]) -> Light:
    """The mean over areas at a smaller ``size`` (width, height)."""
    if size == (light.shape[1], light.shape[0]):
        return light
    return np.asarray(cv2.resize(light, size, interpolation=cv2.INTER_AREA), np.float32)


class Areas:
    """How many transitions go on at once over each rule's area: the count that enough cells of one window reach."""

    def __init__(self, windows: Sequence[Window]) -> None:
        self.windows = windows

    def levels(self, counts: Counts, before: Sequence[int]) -> list[int]:
        """For each window the highest n for which ``most`` cells of one place of it have counted n or more.

        ``before``: the levels of the last picture, from where the search begins: they seldom change by much.
        """
        sums: dict[int, NDArray[np.int32]] = {}
        highest = int(counts.max())
        found = []
        for window, level in zip(self.windows, before, strict=True):
            n = min(level, highest)
            while n > 0 and self._most(window, counts, n, sums) < window.most:
                n -= 1
            while n < highest and self._most(window, counts, n + 1, sums) >= window.most:
                n += 1
            found.append(n)
        return found

    def where(self, window: Window, counts: Counts, level: int) -> tuple[int, int]:
        """Row and column of the window's first cell, where most cells have counted ``level``."""
        within = _within(_summed(counts, level), window)
        row, column = np.unravel_index(int(within.argmax()), within.shape)
        return int(row), int(column)

    def _most(self, window: Window, counts: Counts, n: int, sums: dict[int, NDArray[np.int32]]) -> int:
        if n not in sums:
            sums[n] = _summed(counts, n)
        return int(_within(sums[n], window).max())


def _summed(counts: Counts, n: int) -> NDArray[np.int32]:
    return np.asarray(cv2.integral((counts >= n).view(np.uint8)), np.int32)


def _within(summed: NDArray[np.int32], window: Window) -> NDArray[np.int32]:
    """How many in each place of the window, from sums over everything above and to the left."""
    down, right = window.rows, window.columns
    return summed[down:, right:] - summed[:-down, right:] - summed[down:, :-right] + summed[:-down, :-right]
