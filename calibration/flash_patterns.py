"""Regular stripes: the patterns of light and dark pairs that are a risk without any flashing.

Several times a second the strongest wave in the picture's spectrum is taken for stripes, and its amplitude is asked for
in every place: it has to make most of what varies there, and be bright and high enough.  Straight stripes of any
direction and width are found, and checks, as the two waves they are made of; rings and spirals are not, nor a second
set of stripes beside the first.
"""

import math
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from calibration.flash_cells import Cells, luminance, reduced
from calibration.limits import (
    STRIPES,
    STRIPES_LIGHT,
    STRIPES_MOVING,
    STRIPES_SECONDS,
    STRIPES_STILL,
    TRANSITION,
    WINDOW,
    Light,
)

WIDEST = 640  # pixels: stripes down to 7 pixels a pair in a picture 1920 wide are seen
EVERY = 0.2  # seconds between two looks
POINTS = 4096  # of the picture, at most, that are compared with the last look in every picture between two
MAP = 64  # places across for which an amplitude is asked
ENVELOPE = 8.0  # how much narrower than its frequency the wave's band is: places are about three pairs across
PURE = 0.4  # share of the local variance that the wave has to make; a square wave makes 0.81, lines a fifth wide 0.44
CHANGED = 0.2  # of the amplitude, by which stripes that move or reverse differ from one look to another
_SQUARE = np.ones((3, 3), np.uint8)


@dataclass(frozen=True, slots=True)
class Stripes:
    """What was found at one moment: the ``share`` of the screen, how many ``pairs``, and whether they have been
    ``moving`` or reversing in the second before.
    """

    share: float
    pairs: float
    moving: bool

    @property
    def limit(self) -> float:
        return STRIPES_MOVING if self.moving else STRIPES_STILL

    @property
    def too_many(self) -> bool:
        return self.pairs > STRIPES and self.share > self.limit


class Patterns:
    """Looks for stripes in pictures of the size of ``cells``, and keeps the worst that stood too long."""

    def __init__(self, cells: Cells) -> None:
        width = min(cells.size[0], WIDEST)
        self._size = width, max(1, round(cells.size[1] * width / cells.size[0]))
        self._padded = cv2.getOptimalDFTSize(self._size[1]), cv2.getOptimalDFTSize(self._size[0])
        across = np.fft.fftfreq(self._padded[1]).astype(np.float32)
        down = np.fft.fftfreq(self._padded[0]).astype(np.float32)[:, None]
        frequency = np.hypot(across, down)
        # Pictures have more of what is wide; the root evens that out and still prefers a wave to its own third.
        self._even = np.sqrt(frequency)
        self._even[(frequency < (STRIPES + 0.5) / max(self._size)) | (across < 0)] = 0
        self._points, self._places = _scattered(cells.size)
        self._watched = self._points[:0]  # those that lie on stripes
        self._were: Light = np.zeros((0, 1), np.float32)  # their luminance at the last look
        self._amplitude = 0.0
        self._moved = -math.inf  # when they had changed last
        self._next = -math.inf
        self._since: float | None = None  # too many since
        self.worst: Stripes | None = None
        self.worst_at: float | None = None

    def see(self, light: Light, time: float) -> None:
        """The next picture, (H, W, 3) linear RGB, 0..1.  Most are only asked whether the stripes in them have moved."""
        if len(self._watched):
            change = np.abs(_luminances(light, self._watched) - self._were)
            if float(change.mean()) > CHANGED * self._amplitude:
                self._moved = time
        if time < self._next:
            return
        self._next = time + EVERY
        now = self._stripes(light, time)
        if now is None or not now.too_many:
            self._since = None
            return
        self._since = time if self._since is None else self._since
        stood = time - self._since > STRIPES_SECONDS
        if stood and (self.worst is None or now.share > self.worst.share):
            self.worst, self.worst_at = now, time

    def _stripes(self, light: Light, time: float) -> Stripes | None:
        self._watched = self._points[:0]
        seen = reduced(luminance(light), self._size)
        varied = seen - seen.mean()
        if float(varied.std()) < TRANSITION / 8:  # too even for stripes over enough of it
            return None
        padded = np.zeros(self._padded, np.float32)
        padded[: self._size[1], : self._size[0]] = varied
        spectrum = np.asarray(cv2.dft(padded, flags=cv2.DFT_COMPLEX_OUTPUT), np.float32)
        strength = cv2.magnitude(spectrum[..., 0], spectrum[..., 1]) * self._even
        if not strength.any():  # a picture too small for so many pairs
            return None
        row, column = np.unravel_index(int(strength.argmax()), strength.shape)
        down, right = (int(row) + self._padded[0] // 2) % self._padded[0] - self._padded[0] // 2, int(column)
        wave = np.array([right / self._padded[1], down / self._padded[0]])  # pairs in a pixel, across and down
        amplitude, spread = self._amplitudes(spectrum, down, right, float(np.hypot(*wave)))
        rows, columns = amplitude.shape
        mean, variance = _around(seen, (columns, rows), spread * columns / self._padded[1])
        height = amplitude * (math.pi / 4)  # of the stripes, if they have edges
        mask = (amplitude**2 / 2 >= PURE * variance) & (2 * height >= TRANSITION) & (mean + height >= STRIPES_LIGHT)
        if not mask.any():
            return None
        self._amplitude = float(amplitude[mask].mean())
        # The edge of the stripes lies where the envelope is half full of them.
        grown = cv2.dilate(mask.view(np.uint8), _SQUARE, iterations=max(1, round(spread * columns / self._padded[1])))
        mask = (grown > 0) & (amplitude >= self._amplitude / 2)
        down_at, across_at = (self._places * [[rows], [columns]]).astype(np.intp)
        self._watched = self._points[mask[down_at, across_at]]
        self._were = _luminances(light, self._watched)
        y, x = np.nonzero(mask)
        along = (x * wave[0] * self._size[0] / columns) + (y * wave[1] * self._size[1] / rows)
        pairs = float(np.ptp(np.percentile(along, (2, 98))))
        return Stripes(float(mask.mean()), pairs, time - self._moved < WINDOW)

    def _amplitudes(self, spectrum: Light, down: int, right: int, wave: float) -> tuple[Light, float]:
        """Amplitude of the wave at bin (``down``, ``right``) in each place; how far a place reaches (sigma, pixels).

        Only the bins round the wave are put back, with it in the middle: a map as coarse as they are few, which is all
        that a band so narrow can fill.
        """
        high, wide = self._padded
        columns = min(MAP, self._size[0])
        rows = max(1, min(self._size[1], round(columns * self._size[1] / self._size[0])))
        band = min(wave / ENVELOPE, columns / 6 / wide)  # sigma, in pairs a pixel
        y, x = np.arange(rows) - rows // 2, np.arange(columns) - columns // 2
        weight = np.exp(-((y[:, None] / high) ** 2 + (x / wide) ** 2) / (2 * band**2))
        cut = spectrum[np.ix_((y + down) % high, (x + right) % wide)]
        block = np.fft.ifftshift((cut[..., 0] + 1j * cut[..., 1]) * weight)
        amplitude = 2 * np.abs(np.fft.ifft2(block)) * (rows * columns) / (high * wide)
        # What was padded lies at the lower and right edge of the map.
        kept = amplitude[: max(1, rows * self._size[1] // high), : max(1, columns * self._size[0] // wide)]
        return kept.astype(np.float32), 1 / (2 * math.pi * band)


def _around(seen: Light, size: tuple[int, int], sigma: float) -> tuple[Light, Light]:
    """Mean and variance round each place of a map of ``size`` (width, height); ``sigma``: in its places."""
    mean, square = reduced(seen, size), reduced(seen * seen, size)
    if sigma > 0.3:
        mean = np.asarray(cv2.GaussianBlur(mean, (0, 0), sigma), np.float32)
        square = np.asarray(cv2.GaussianBlur(square, (0, 0), sigma), np.float32)
    return mean, np.maximum(square - mean * mean, 1e-6)


def _scattered(size: tuple[int, int]) -> tuple[NDArray[np.intp], NDArray[np.float64]]:
    """Pixels all over the picture, as places in a row of all pixels, and how far down and across they lie, (2, n) 0..1.

    They are drawn by chance, always the same: on a lattice stripes of its own spacing would seem to stand still.
    """
    width, height = size
    points = np.random.default_rng(0).integers(0, width * height, min(POINTS, width * height), np.intp)
    return points, np.stack([points // width / height, points % width / width])


def _luminances(light: Light, points: NDArray[np.intp]) -> Light:
    return luminance(light.reshape(-1, 1, 3)[points])
