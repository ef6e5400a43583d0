"""Clouds, the understudy: a sky that drifts for hours and never comes round.

All this began with people seeing things in clouds, so this is what the network is given to dream in when there is
no camera: banks of cumulus at three distances under high wisps, lit by a sun that crosses the sky in minutes.
Every picture is drawn from the seed and the time alone, in a few milliseconds of one core.
"""

import math
from dataclasses import dataclass
from types import TracebackType
from typing import Self

import cv2
import numpy as np
from cv2.typing import MatLike
from numpy.typing import NDArray

from installation.frame import Frame, Pixels
from installation.sources.daylight import Light, light_at
from installation.sources.vapour import Vapour, Window, vapour_of

Map = NDArray[np.float32]

_FULL = 640 * 360  # pixels drawn at most; larger pictures are scaled up, since clouds have no hard edges
_BAND = 60  # rows painted at a time; those of open sky are passed over
_EDGE = np.array([round(255 * x * x * (3 - 2 * x)) for x in np.linspace(0, 1, 256)], np.uint8)  # density to cover
_SKY_EVERY = 0.25  # seconds; the light changes by less than one display level in that time


@dataclass(frozen=True, slots=True)
class _Bank:
    """One bank of cumulus: how far away it is, and where on the picture it lies."""

    scale: float  # size of its puffs; 1 puts one turn of the noise across 1024 pixels of a 640 pixel wide picture
    drift: float  # picture widths a minute: the near ones overtake the far ones
    base: float  # height of its flat base, as a share of the picture from the top
    tall: float  # how far it towers above that, same unit
    cover: float  # how much of its stretch of sky it fills
    haze: float  # share of the horizon's light between it and us


_BANKS = (
    _Bank(scale=0.34, drift=0.10, base=0.98, tall=0.34, cover=0.25, haze=0.50),
    _Bank(scale=0.62, drift=0.20, base=0.96, tall=0.70, cover=0.00, haze=0.18),
    _Bank(scale=1.15, drift=0.42, base=1.10, tall=1.00, cover=-0.50, haze=0.0),
)


class Clouds:
    """A procedural sky.

    ``seed``: which sky.  ``size``: (width, height) of its frames.  ``fps``: frames a second as a source.
    ``frame_at`` draws any moment at any size: the same picture for the same seed, time and size.
    The noise is made on entering or at the first picture (about half a second).
    """

    name = "clouds"
    live = False

    def __init__(self, seed: int = 0, size: tuple[int, int] = (640, 360), fps: float = 15.0) -> None:
        self.size = size
        self._seed = seed
        self._fps = fps
        self._canvas: _Canvas | None = None
        self._next = 0

    def __enter__(self) -> Self:
        self._next = 0
        vapour_of(self._seed)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None = None,
        error: BaseException | None = None,
        trace: TracebackType | None = None,
    ) -> None:
        """Nothing is held open."""

    def read(self) -> Frame | None:
        """The next frame, 1 / fps seconds after the last; the first is at time 0."""
        index, self._next = self._next, self._next + 1
        time = index / self._fps
        return Frame(self.frame_at(time), index, time)

    def frame_at(self, time: float, size: tuple[int, int] | None = None) -> Pixels:
        """The sky at ``time`` seconds, (height, width, 3) uint8 RGB, newly made; ``size`` is (width, height)."""
        size = self.size if size is None else size
        if self._canvas is None or self._canvas.size != size:
            self._canvas = _Canvas(vapour_of(self._seed), size)
        return self._canvas.draw(time)


class _Canvas:
    """Draws the sky at one size.  Keeps what does not change from picture to picture."""

    def __init__(self, vapour: Vapour, size: tuple[int, int]) -> None:
        self.size = size
        shrink = min(1.0, math.sqrt(_FULL / (size[0] * size[1])))
        full = self._full = max(8, round(size[0] * shrink)), max(8, round(size[1] * shrink))
        self._half = full[0] // 2, full[1] // 2
        self._small = full[0] // 4, full[1] // 4
        self._unit = math.sqrt(full[0] * full[1] / _FULL)  # 1.0 at 640 x 360
        self._vapour = vapour
        self._puffs = [
            Window(vapour.puffs, bank.scale * self._unit, full, row=211 * i) for i, bank in enumerate(_BANKS)
        ]
        self._blurs = [
            Window(vapour.puffs, bank.scale * self._unit / 4, self._small, row=211 * i) for i, bank in enumerate(_BANKS)
        ]
        self._wisps = Window(vapour.wisps, 0.9 * self._unit, self._half, row=0)
        self._dither = np.random.default_rng(0).uniform(0.0, 1.0, (self._half[1], self._half[0], 1)).astype(np.float32)
        self._sky: tuple[Light, Pixels, Pixels, Map] | None = None
        self._ramps: list[Pixels] = []

    def draw(self, time: float) -> Pixels:
        light, sky, white, glow = self._behind(math.floor(time / _SKY_EVERY) * _SKY_EVERY)
        picture = self._high(sky, white, time)
        for i in range(len(_BANKS)):
            self._bank(picture, i, time, light, glow)
        if self._full != self.size:
            picture = np.asarray(cv2.resize(picture, self.size, interpolation=cv2.INTER_LINEAR), np.uint8)
        return picture

    def _behind(self, time: float) -> tuple[Light, Pixels, Pixels, Map]:
        """The light; at half size the open sky with the sun in it, and the white of wisps; at a quarter the glow."""
        if self._sky is not None and self._sky[0].time == time:
            return self._sky
        light = light_at(time)
        down = _shares(self._small)[1][..., None]
        column = light.zenith + (light.middle - light.zenith) * _smooth(down, 0.0, 0.55)
        column = column + (light.horizon - column) * _smooth(down, 0.45, 1.0)
        glow = _glow(self._small, light)
        sky = _resized((column + (light.sunlit - column) * glow[..., None]).astype(np.float32), self._half)
        dithered = np.clip(sky + self._dither, 0, 255).astype(np.uint8)  # a plain gradient shows its bands
        self._ramps = [light.ramp(bank.haze) for bank in _BANKS]
        white = np.empty_like(dithered)
        white[:] = light.lit * 0.8 + light.horizon * 0.2
        self._sky = light, dithered, white, glow
        return self._sky

    def _high(self, sky: Pixels, white: Pixels, time: float) -> Pixels:
        """Ice clouds far above, thin and slow, so that even the open sky holds something."""
        veil = np.clip(self._wisps.at(time / 60.0 * 0.06 * self._half[0]) * 0.13 + 0.04, 0.0, 0.5)
        return np.asarray(cv2.resize(cv2.blendLinear(white, sky, veil, 1.0 - veil), self._full), np.uint8)

    def _bank(self, picture: Pixels, i: int, time: float, light: Light, glow: Map) -> None:
        """Paint one bank of cumulus over what is already there."""
        bank, toward = _BANKS[i], light.toward
        # Where there is cloud at all: two slow shapes sliding over each other, heaped up above a flat base.
        drift = time / 60.0 * bank.drift
        span = 116.0 / (0.35 + 0.65 * bank.scale) * self._full[0] / (640 * self._unit)  # pixels of noise across
        shape = self._vapour.shapes(self._small, span / self._small[0], drift * span, i, time)
        up = (bank.base - _shares(self._small)[1]) / bank.tall
        heap = np.where(up < 0, 9.0 * up, -1.6 * np.clip(up, 0.0, 3.0) ** 1.5) + (bank.cover + 0.45)
        mass = (shape * 0.8 + heap).astype(np.float32)
        puffs = self._puffs[i].at(drift * self._full[0])

        # Lit from the sun.  Coarse here: the shadow that one heap throws on the next; fine, for each puff, below.
        coarse = np.sqrt(np.maximum(mass + 0.62 * self._blurs[i].at(drift * self._small[0]), 0.0))
        shadow = sum(
            _toward(cv2.GaussianBlur(coarse, (0, 0), blur * self._unit), toward, reach * self._unit)
            for blur, reach in ((3.0, 6.0), (7.0, 14.0))
        )
        body = 0.79 + 0.55 * (coarse - _toward(coarse, toward, 2.0)) - 0.17 * shadow
        body += glow * np.clip(1.0 - 1.5 * coarse, 0.0, 1.0)  # thin edges near the sun shine: the silver lining

        mass = _resized(mass, self._full)
        body = _resized(body, self._full)
        slope = _slope(toward) * -2.1
        for top in range(0, self._full[1], _BAND):
            bottom = min(top + _BAND, self._full[1])
            begin = max(0, top - 2)
            rows, inner = slice(begin, bottom + 2), slice(top - begin, bottom - begin)
            density = cv2.addWeighted(mass[rows], 1.0, puffs[rows], 0.62, 0.0)
            if density.max() <= 0.0:
                continue  # open sky
            density = cv2.threshold(density, 0.0, 0.0, cv2.THRESH_TOZERO)[1]
            relief = cv2.filter2D(cv2.sqrt(density), -1, slope, borderType=cv2.BORDER_REPLICATE)
            lit = cv2.add(relief[inner], body[top:bottom])
            level = cv2.addWeighted(lit, 255.0, puffs[top:bottom], 15.0, 0.0, dtype=cv2.CV_8U)
            _lay(picture[top:bottom], cv2.applyColorMap(level, self._ramps[i]), density[inner])


def _lay(picture: Pixels, colour: MatLike, density: MatLike) -> None:
    """Lay cloud of this colour and density over ``picture``, in whole numbers: floats would cost twice as much."""
    alpha = cv2.LUT(cv2.convertScaleAbs(density, alpha=255 / 0.42), _EDGE)
    alpha = cv2.cvtColor(alpha, cv2.COLOR_GRAY2RGB)
    colour = cv2.multiply(colour, alpha, scale=1 / 255)
    rest = cv2.multiply(picture, cv2.bitwise_not(alpha), scale=1 / 255)
    cv2.add(rest, colour, picture)


def _shares(size: tuple[int, int]) -> tuple[Map, Map]:
    """Where each column and each row lies, in 0..1: (1, width) and (height, 1)."""
    across, down = (((np.arange(side) + 0.5) / side).astype(np.float32) for side in size)
    return across[None, :], down[:, None]


def _resized(field: Map, size: tuple[int, int]) -> Map:
    return np.asarray(cv2.resize(field, size, interpolation=cv2.INTER_LINEAR), np.float32)


def _glow(size: tuple[int, int], light: Light) -> Map:
    across, down = _shares(size)
    away = np.hypot((across - light.sun[0]) * (size[0] / size[1]), down - light.sun[1])
    bright = (0.55 * np.exp(-3.2 * away) + 0.8 * np.exp(-14.0 * away)) * light.glow
    return np.asarray(np.clip(bright, 0.0, 1.0), np.float32)


def _smooth(x: Map, low: float, high: float) -> Map:
    share = np.clip((x - low) / (high - low), 0.0, 1.0)
    return np.asarray(share * share * (3.0 - 2.0 * share), np.float32)


def _toward(field: MatLike, direction: tuple[float, float], reach: float) -> Map:
    """``field`` as found ``reach`` pixels away in ``direction``."""
    move = np.array([[1, 0, -reach * direction[0]], [0, 1, -reach * direction[1]]], np.float32)
    size = field.shape[1], field.shape[0]
    return np.asarray(cv2.warpAffine(field, move, size, borderMode=cv2.BORDER_REPLICATE), np.float32)


def _slope(direction: tuple[float, float]) -> Map:
    """A 5 x 5 kernel whose answer is how fast a field, a little softened, rises in ``direction``, a pixel."""
    at = np.arange(-2, 3, dtype=np.float32)
    bell = np.exp(-(at**2) / (2 * 1.3**2))
    rising = at[None, :] * bell[None, :] * bell[:, None]
    rising = rising / (rising * at[None, :]).sum()
    return np.asarray(rising * direction[0] + rising.T * direction[1], np.float32)
