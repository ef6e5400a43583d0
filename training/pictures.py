"""What the leap is trained on: made-up scenes of photographs, cut-outs, skies and noise, each one new.

Photographs (opaque files) become backgrounds; cut-outs (files with transparency) are laid over them at any size and
angle, so that few hundred pictures give endless scenes with something in them to dream on.
"""

from pathlib import Path
from typing import Any

import cv2
import numpy as np

Picture = np.ndarray[Any, np.dtype[np.float32]]  # (H, W, 3), RGB in [-1, 1]
Random = np.random.Generator


class Stock:
    """The photographs and cut-outs of a folder (png, jpg, webp; searched through), shrunk to what is needed.

    Raises SystemExit, in one line, for a folder with nothing in it or a file that is no picture.
    """

    LARGEST = 900, 360  # pixels of the longer side that are kept: of a photograph, of a cut-out

    def __init__(self, folder: Path) -> None:
        self.photographs: list[np.ndarray[Any, Any]] = []
        self.cutouts: list[np.ndarray[Any, Any]] = []
        for file in sorted(f for f in folder.rglob("*") if f.suffix.lower() in {".png", ".jpg", ".jpeg", ".webp"}):
            pixels = cv2.imread(str(file), cv2.IMREAD_UNCHANGED)
            if pixels is None or pixels.dtype != np.uint8:
                raise SystemExit(f"{file} cannot be read as a picture of eight bits; remove it")
            cut = pixels.ndim == 3 and pixels.shape[2] == 4 and bool((pixels[..., 3] < 128).mean() > 0.02)
            pixels = pixels if cut else cv2.imread(str(file))
            assert pixels is not None
            scale = min(1.0, self.LARGEST[cut] / max(pixels.shape[:2]))
            pixels = cv2.resize(pixels, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
            code = cv2.COLOR_BGRA2RGBA if cut else cv2.COLOR_BGR2RGB
            (self.cutouts if cut else self.photographs).append(cv2.cvtColor(pixels, code))
        if not self.photographs:
            raise SystemExit(f"{folder} has no photographs (png, jpg, webp) to train on")

    def scene(self, height: int, width: int, rng: Random) -> Picture:
        """A new picture: mostly a photograph with or without cut-outs, now and then a sky or noise."""
        kind = rng.random()
        picture = spectrum(height, width, rng) if kind < 0.2 else self.background(height, width, rng)
        if self.cutouts and (0.1 < kind < 0.2 or kind > 0.5):
            for _ in range(int(rng.integers(1, 6))):
                self.paste(picture, rng)
        return graded(picture, rng)

    def background(self, height: int, width: int, rng: Random) -> Picture:
        photo = self.photographs[rng.integers(len(self.photographs))]
        share = rng.uniform(0.3, 1) * min(photo.shape[0] / height, photo.shape[1] / width)
        high, wide = int(height * share), int(width * share)
        y, x = int(rng.integers(photo.shape[0] - high + 1)), int(rng.integers(photo.shape[1] - wide + 1))
        piece = cv2.resize(photo[y : y + high, x : x + wide], (width, height), interpolation=cv2.INTER_AREA)
        return np.asarray(piece[:, :: rng.choice((1, -1))] / 127.5 - 1, np.float32).copy()

    def paste(self, picture: Picture, rng: Random) -> None:
        """Lay a cut-out over the picture: anywhere, mostly upright, 0.2 to 1.2 times as high as the picture."""
        cut = self.cutouts[rng.integers(len(self.cutouts))]
        height, width = picture.shape[:2]
        scale = height * np.exp(rng.uniform(np.log(0.2), np.log(1.2))) / max(cut.shape[:2])
        angle = rng.normal(0, 12)
        warp = cv2.getRotationMatrix2D((cut.shape[1] / 2, cut.shape[0] / 2), angle, float(scale))
        warp[:, 2] += (rng.uniform(0, width) - cut.shape[1] / 2, rng.uniform(0, height) - cut.shape[0] / 2)
        if rng.random() < 0.5:
            cut = np.ascontiguousarray(cut[:, ::-1])
        if scale < 0.5:
            cut = cv2.GaussianBlur(cut, (0, 0), 0.3 / scale)
        there = cv2.warpAffine(cut, warp, (width, height), flags=cv2.INTER_LINEAR).astype(np.float32)
        alpha = there[..., 3:] / 255
        picture *= 1 - alpha
        picture += alpha * (there[..., :3] / 127.5 - 1)


def graded(picture: Picture, rng: Random) -> Picture:
    """Another exposure, contrast and white balance, as from any camera."""
    found = picture * rng.uniform(0.5, 1.15) + rng.uniform(-0.25, 0.25) + rng.normal(0, 0.04, 3)
    if rng.random() < 0.3:  # the camera's noise
        found = found + rng.standard_normal(picture.shape) * rng.uniform(0, 0.06)
    return np.asarray(found.clip(-1, 1), np.float32)


def spectrum(height: int, width: int, rng: Random) -> Picture:
    """Noise whose amplitude falls with frequency by a random power; with a soft threshold it makes clouds."""
    fy, fx = np.fft.fftfreq(height)[:, None], np.fft.rfftfreq(width)[None]
    fall = np.maximum(np.hypot(fy, fx), 1 / max(height, width))[..., None] ** -rng.uniform(0.5, 2.2)
    white = np.fft.rfft2(rng.standard_normal((height, width, 3)), axes=(0, 1))
    noise = np.fft.irfft2(white * fall, (height, width), (0, 1))
    noise = noise / noise.std()
    if rng.random() < 0.5:  # a sky: white over a gradient of blues, or of any two colours
        cover = 1 / (1 + np.exp(-3 * (noise[..., :1] * 1.2 - rng.uniform(-1, 1))))
        sky = rng.uniform(-0.6, 0.4, 3) + np.linspace(0, rng.uniform(0, 0.5), height)[:, None, None]
        noise = sky + (rng.uniform(0.2, 1, 3) - sky) * cover
    else:
        noise = noise * rng.uniform(0.1, 0.5) + rng.uniform(-0.5, 0.5, 3)
    return np.asarray(noise.clip(-1, 1), np.float32)
