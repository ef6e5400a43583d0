"""What the leap is trained on: photographs, made-up skies and noise, and the states its own feedback leads to.

The pictures come from a pool of carried states, as in cellular-automaton training (Mordvintsev et al., "Growing Neural
Cellular Automata", 2020): each keeps its residual from visit to visit, which decays, is resized and shifted as in the
dreamer, so that the network learns on what it will meet after hundreds of frames.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

SIZE = 128  # pixels: side of a training picture
DECAY = 0.95  # of the residual from visit to visit
HELD_OUT = ("07", "16", "20", "23")  # photographs for validation only
PEOPLE = ("04", "05", "10", "12", "14", "15", "18")  # photographs that show people are not used at all

Picture = np.ndarray[Any, np.dtype[np.float32]]


def photographs(folder: Path, names: Sequence[str] = ()) -> list[Picture]:
    """The photographs for training, or those named; (H, W, 3), RGB in [-1, 1]."""
    files = [f for f in sorted(folder.glob("*.png")) if (f.stem in names if names else f.stem not in HELD_OUT + PEOPLE)]
    if not files:
        raise SystemExit(f"{folder} has no photographs (*.png) to train on")
    found = []
    for file in files:
        pixels = cv2.imread(str(file))
        if pixels is None:
            raise SystemExit(f"{file} cannot be read as a picture")
        found.append(cv2.cvtColor(pixels, cv2.COLOR_BGR2RGB).astype(np.float32) / 127.5 - 1)
    return found


def crop(photos: list[Picture], rng: np.random.Generator) -> Picture:
    photo = photos[rng.integers(len(photos))]
    side = int(rng.uniform(0.35, 1) * min(photo.shape[:2]))
    y, x = (int(rng.integers(n - side + 1)) for n in photo.shape[:2])
    piece = cv2.resize(photo[y : y + side, x : x + side], (SIZE, SIZE), interpolation=cv2.INTER_AREA)
    piece = piece[:, :: rng.choice((1, -1)), :: rng.choice((1, 1, -1))]
    piece = piece * rng.uniform(0.5, 1.2) + rng.uniform(-0.25, 0.25)
    return np.asarray(piece.clip(-1, 1), np.float32)


def spectrum(rng: np.random.Generator) -> Picture:
    """Noise whose amplitude falls with frequency by a random power; with a soft threshold it makes clouds."""
    fy, fx = np.fft.fftfreq(SIZE)[:, None], np.fft.rfftfreq(SIZE)[None]
    fall = np.maximum(np.hypot(fy, fx), 1 / SIZE)[..., None] ** -rng.uniform(0.5, 2.2)
    noise = np.fft.irfft2(np.fft.rfft2(rng.standard_normal((SIZE, SIZE, 3)), axes=(0, 1)) * fall, (SIZE, SIZE), (0, 1))
    noise = noise / noise.std()
    if rng.random() < 0.5:  # a sky: white over a gradient of blues, or of any two colours
        cover = 1 / (1 + np.exp(-3 * (noise[..., :1] * 1.2 - rng.uniform(-1, 1))))
        sky, cloud = (
            rng.uniform(-0.6, 0.4, 3) + np.linspace(0, rng.uniform(0, 0.5), SIZE)[:, None, None],
            rng.uniform(0.2, 1, 3),
        )
        noise = sky + (cloud - sky) * cover
    else:
        noise = noise * rng.uniform(0.1, 0.5) + rng.uniform(-0.5, 0.5, 3)
    return np.asarray(noise.clip(-1, 1), np.float32)


def fresh(photos: list[Picture], rng: np.random.Generator) -> Tensor:
    picture = spectrum(rng) if rng.random() < 0.2 else crop(photos, rng)
    return torch.from_numpy(np.ascontiguousarray(picture.transpose(2, 0, 1), dtype=np.float32))


@dataclass
class Pool:
    """Carried states, some for each layer led by: bases and residuals (P, 3, SIZE, SIZE), layer weights (P, taps)."""

    photos: list[Picture]
    rng: np.random.Generator
    taps: int
    each: int = 12
    base: list[Tensor] = field(default_factory=list)
    residual: list[Tensor] = field(default_factory=list)
    weights: list[Tensor] = field(default_factory=list)

    def __post_init__(self) -> None:
        for lead in range(self.taps):
            self.base.append(torch.stack([fresh(self.photos, self.rng) for _ in range(self.each)]))
            self.residual.append(torch.zeros(self.each, 3, SIZE, SIZE))
            self.weights.append(torch.stack([self.mix(lead) for _ in range(self.each)]))

    def mix(self, lead: int) -> Tensor:
        """Layer weights led by one layer; the deepest in use, so that the teacher runs no deeper than needed."""
        weights = torch.zeros(self.taps)
        weights[lead] = 1
        if lead and self.rng.random() < 0.25:
            weights[int(self.rng.integers(lead))] = float(self.rng.uniform(0, 1.5))
        return weights / weights.sum()

    def draw(self, lead: int, count: int, fresh_share: float) -> list[int]:
        """Which states come next; now and then one of them begins anew."""
        picks = [int(i) for i in self.rng.choice(self.each, count, replace=False)]
        for i in picks:
            if self.rng.random() < fresh_share:
                self.base[lead][i] = fresh(self.photos, self.rng)
                self.residual[lead][i] = 0
                self.weights[lead][i] = self.mix(lead)
        return picks

    def carry(self, lead: int, picks: list[int], change: Tensor) -> None:
        """Give the states what the dreamer gives them: change, decay, another octave, a drift, the clip."""
        base, residual = self.base[lead][picks], (self.residual[lead][picks] + change) * DECAY
        if self.rng.random() < 0.3:
            small = int(SIZE / self.rng.choice((1.4, 1.96)))
            residual = F.interpolate(residual, (small, small), mode="bilinear", antialias=True)
            residual = F.interpolate(residual, (SIZE, SIZE), mode="bicubic")
        if self.rng.random() < 0.3:
            shift = (int(self.rng.integers(-16, 17)), int(self.rng.integers(-16, 17)))
            base, residual = base.roll(shift, (2, 3)), residual.roll(shift, (2, 3))
        self.base[lead][picks] = base
        self.residual[lead][picks] = (base + residual).clamp(-1, 1) - base
