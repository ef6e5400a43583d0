"""True dreams to learn from: `python -m training.dreams --teacher PATH --photos DIR --out DIR --count N`.

Each is a made-up scene (`pictures`), a mixture of layers and of named directions, and what some twenty steps of true
gradient ascent over three octaves make of it.  Number k is always the same and what is there already is skipped, so the
work can be stopped and gone on with.
"""

import argparse
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor
from tqdm import tqdm

from models.ascent.eager import Eager
from models.directions import NAMES, Directions
from models.dreamer import Dreamer, Recipe
from models.leap_net import TAPS
from models.octaves import octave_sizes, resize
from models.weights import load_network
from training.pictures import Stock
from training.reference import at_strength

HEIGHT, WIDTH = 240, 320
OCTAVES, SIZE = 3, 2.7 / 127.5  # of a step: its mean change
STEPS = 6  # at each octave
RMS = 0.12  # of the dream in [-1, 1]; a little more than it is judged at, since the leap only comes near
LEADS = (0.13, 0.16, 0.21, 0.31, 0.19, 0)  # how often each tap leads; for the deepest there are `training.creatures`
DIRECTED = 0.35  # share of dreams with a named direction; only where creatures live
FIRST_DIRECTED = TAPS.index("Mixed_5d")


@dataclass(frozen=True, slots=True)
class Wish:
    """What is dreamed: ``weights`` of the taps (sum 1; the deepest leads), ``emphasis`` of `NAMES`."""

    weights: tuple[float, ...]
    emphasis: tuple[float, ...]

    @property
    def lead(self) -> int:
        return int(np.flatnonzero(self.weights)[-1])

    @property
    def plain(self) -> bool:
        """Whether it is a single tap's own dream."""
        return max(self.weights) == 1 and not any(self.emphasis)


def wish(rng: np.random.Generator) -> Wish:
    """A mixture of one tap, or of two, mostly neighbours; now and then with one named direction."""
    weights, emphasis = np.zeros(len(TAPS)), np.zeros(len(NAMES))
    lead = int(rng.choice(len(TAPS), p=LEADS))
    weights[lead] = 1
    if rng.random() < 0.25:
        other = int(np.clip(lead + rng.choice((-2, -1, 1)), 0, lead))  # never deeper: the teacher would run further
        weights[other] += rng.uniform(0.2, 0.9)
    if lead >= FIRST_DIRECTED and rng.random() < DIRECTED:
        emphasis[rng.integers(len(NAMES))] = rng.uniform(0.3, 1)
    return Wish(tuple(weights / weights.sum()), tuple(emphasis))


def main() -> None:
    parser = argparse.ArgumentParser(description="Dream for the leap to learn from.")
    parser.add_argument("--teacher", type=Path, required=True, help="Inception-v3 weights (.pth or .safetensors)")
    parser.add_argument("--photos", type=Path, required=True, help="folder of photographs and cut-outs")
    parser.add_argument("--out", type=Path, required=True, help="folder for the dreams")
    parser.add_argument("--count", type=int, default=500, help="how many in all (default: 500)")
    args = parser.parse_args()
    network, stock = load_network(args.teacher), Stock(args.photos)
    ascent, directions = Eager(network, TAPS), Directions.of_network(network, TAPS)
    args.out.mkdir(parents=True, exist_ok=True)
    for index in tqdm(range(args.count), unit="dream"):
        file = args.out / f"{index:05d}.npz"
        if file.exists():
            continue
        rng = np.random.default_rng(index)
        wanted, picture = wish(rng), stock.scene(HEIGHT, WIDTH, rng)
        base = torch.from_numpy(picture.transpose(2, 0, 1).copy())[None]
        channels = directions.channels(dict(zip(NAMES, wanted.emphasis, strict=True)))
        save(file, base, base + dreamt(ascent, base, wanted.weights, channels), wanted)


def dreamt(ascent: Eager, base: Tensor, weights: Sequence[float], channels: Sequence[Tensor] | None) -> Tensor:
    """The residual of a dream from the smallest octave to the largest, at the strength that the leap learns."""
    residual, dreamer = torch.zeros_like(base), Dreamer(ascent)
    recipe = Recipe(weights, SIZE, STEPS, octaves=1, channels=channels)
    for size in reversed(octave_sizes(HEIGHT, WIDTH, OCTAVES)):
        residual = dreamer.dream(resize(base, size), resize(residual, size), recipe)
    return at_strength(base, residual, RMS)


def save(file: Path, base: Tensor, dream: Tensor, wanted: Wish) -> None:
    half = file.with_suffix(f".{os.getpid()}.npz")
    pixels = [((t[0] + 1) * 127.5).round().clamp(0, 255).byte().numpy() for t in (base, dream)]
    np.savez(half, base=pixels[0], dream=pixels[1], weights=wanted.weights, emphasis=wanted.emphasis)
    half.replace(file)


Pixels = np.ndarray[Any, np.dtype[np.uint8]]


@dataclass(frozen=True, slots=True)
class Lesson:
    """A scene and its dream, (3, H, W) uint8 RGB each, and what was wished for."""

    base: Pixels
    dream: Pixels
    wish: Wish


def lessons(folder: Path) -> Sequence[Lesson]:
    """All dreams of a folder, in order.  Raises SystemExit, in one line, where there are too few."""
    found = []
    for file in sorted(folder.glob("[0-9]*[0-9].npz")):
        if file.stem.isdigit():
            with np.load(file) as kept:
                wanted = Wish(tuple(kept["weights"].tolist()), tuple(kept["emphasis"].tolist()))
                found.append(Lesson(kept["base"], kept["dream"], wanted))
    if len(found) < 50:
        raise SystemExit(f"{folder} has {len(found)} dreams, too few to learn from: run training.dreams first")
    return found


if __name__ == "__main__":
    main()
