"""What clouds are made of: seamless noise, made once, and windows that slide over it."""

import math
from functools import lru_cache

import cv2
import numpy as np
from numpy.typing import NDArray

Map = NDArray[np.float32]

_SIDE = 1024
_SHAPES = 256


class Vapour:
    """The noise of one seed.  Every field repeats without a seam.

    ``puffs``: (1024, 1024), the relief of cumulus: half spheres of four sizes standing in each other, stirred.
    ``wisps``: (512, 512), combed fibres of high ice clouds.  Both mean 0, deviation about 1.
    """

    def __init__(self, seed: int) -> None:
        random = np.random.default_rng(seed)
        sizes = [(1, 10, 0.50), (2, 11, 0.27), (4, 12, 0.15), (8, 12, 0.08)]
        relief = sum(np.tile(_spheres(random, _SIDE // n, cells), (n, n)) * weight for n, cells, weight in sizes)
        relief = np.asarray((relief - np.mean(relief)) / np.std(relief), np.float32)
        stir = [_waves(random, _SIDE, 2, 40, 1.6) * 10 for _ in "xy"]  # or they would look like soap
        self.puffs = _displaced(relief, *stir) + 0.22 * _waves(random, _SIDE, 20, 500, 1.3)
        fibres = _waves(random, 512, 1, 200, 1.3, stretch=4.0)
        comb = [_waves(random, 512, 1, 9, 1.8) * 11 for _ in "xy"]
        self.wisps = _displaced(fibres, *comb)
        self._shapes = [_waves(random, _SHAPES, 1, 14, 1.25) for _ in range(2)]

    def shapes(self, size: tuple[int, int], step: float, across: float, bank: int, time: float) -> Map:
        """Where a bank has cloud, (height, width), mean 0, deviation about 1.

        ``step``: pixels of noise a pixel of ``size``; ``across``: how far it has drifted, in pixels of noise.
        Two fields go over each other at speeds that never meet again, so the sum does not repeat in hours.
        """
        width, height = size
        x = np.arange(width, dtype=np.float32) * step
        y = np.arange(height, dtype=np.float32) * (step * 1.25)
        first = _sampled(self._shapes[0], x + across + 91 * bank, y + 57 * bank)
        second = _sampled(
            self._shapes[1], x + across * 0.83 + 31 + 91 * bank + 0.11 * time, y + 57 * bank + 0.05 * time
        )
        return np.asarray(first * 0.75 + second * 0.66, np.float32)


@lru_cache(maxsize=2)  # half a second to make, twelve megabytes to keep; never written to
def vapour_of(seed: int) -> Vapour:
    """The noise of ``seed``, made once."""
    return Vapour(seed)


class Window:
    """A window of ``size`` (width, height) that slides sideways over a tile scaled by ``scale``."""

    def __init__(self, tile: Map, scale: float, size: tuple[int, int], row: int) -> None:
        side = max(8, round(tile.shape[0] * scale))
        scaled = cv2.resize(tile, (side, side), interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC)
        width, height = size
        rows = (np.arange(height) + round(row * scale)) % side
        columns = np.arange(-1, side + width + 3) % side
        self._strip = np.ascontiguousarray(scaled[rows][:, columns], np.float32)
        self._side, self._width = side, width

    def at(self, x: float) -> Map:
        """The window at ``x`` pixels.  Cubic, since linear would breathe: sharp on a pixel, soft between two."""
        whole = math.floor(x)
        left, t = whole % self._side, x - whole
        taps = np.array(
            [
                [
                    ((2 - t) * t - 1) * t / 2,
                    ((3 * t - 5) * t * t + 2) / 2,
                    ((4 - 3 * t) * t + 1) * t / 2,
                    (t - 1) * t * t / 2,
                ]
            ],
            np.float32,
        )
        part = self._strip[:, left : left + self._width + 3]
        slid = cv2.filter2D(part, -1, taps, anchor=(0, 0), borderType=cv2.BORDER_REPLICATE)
        return np.asarray(slid[:, : self._width], np.float32)


def _waves(
    random: np.random.Generator, side: int, low: float, high: float, fall: float, *, stretch: float = 1.0
) -> Map:
    """Seamless noise, (side, side): waves of ``low``..``high`` a tile whose strength falls with their number.

    ``stretch``: how many times longer than high its features are.
    """
    down, across = np.fft.fftfreq(side)[:, None] * side, np.fft.rfftfreq(side)[None, :] * side
    number = np.hypot(down, across * stretch)
    inside = (number >= low) & (number <= high)
    gain = np.where(inside, np.where(inside, number, 1.0) ** -fall, 0.0).astype(np.float32)
    field = np.fft.irfft2(np.fft.rfft2(random.standard_normal((side, side), np.float32)) * gain, s=(side, side))
    return np.asarray((field - field.mean()) / field.std(), np.float32)


def _spheres(random: np.random.Generator, side: int, cells: int) -> Map:
    """Seamless half spheres of random sizes standing in each other, (side, side) in 0..1, ``cells`` across."""
    step = side / cells
    grid = np.stack(np.meshgrid(np.arange(cells), np.arange(cells)), -1).reshape(-1, 2)
    centres = (grid + random.uniform(0.05, 0.95, grid.shape)) * step
    radii = random.uniform(0.55, 1.15, len(grid)) * step
    relief = np.zeros((side, side), np.float32)
    reach = math.ceil(1.15 * step) + 1
    spread = np.arange(-reach, reach + 1)
    for (x, y), radius in zip(centres, radii, strict=True):
        left, top = int(x), int(y)
        squared = radius**2 - ((spread + left - x) ** 2)[None, :] - ((spread + top - y) ** 2)[:, None]
        where = np.ix_((spread + top) % side, (spread + left) % side)
        relief[where] = np.maximum(relief[where], np.sqrt(np.maximum(squared, 0.0)) / (1.15 * step))
    return relief


def _displaced(tile: Map, x: Map, y: Map) -> Map:
    side = tile.shape[0]
    grid = np.arange(side, dtype=np.float32)
    columns, rows = (grid[None, :] + x) % side, (grid[:, None] + y) % side
    return np.asarray(cv2.remap(tile, columns, rows, cv2.INTER_LINEAR, borderMode=cv2.BORDER_WRAP), np.float32)


def _sampled(tile: Map, x: Map, y: Map) -> Map:
    """``tile`` at the rows ``y`` and columns ``x``, wrapped."""
    side = tile.shape[0]
    columns, rows = np.meshgrid(np.mod(x, side).astype(np.float32), np.mod(y, side).astype(np.float32))
    return np.asarray(cv2.remap(tile, columns, rows, cv2.INTER_LINEAR, borderMode=cv2.BORDER_WRAP), np.float32)
