"""The sheet of named directions: `python -m training.exemplars --teacher PATH`.

Draws the pictures by which every network finds its own channels for eyes, fur and the rest (`models.directions`): the
teacher dreams on clouds with nothing but the channels that `exemplars.toml` names.  The same command always draws the
same sheet.  Not photographs of eyes and fur: they would need a licence, and show much else besides.
"""

import argparse
import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path

import cv2
import numpy as np
import torch
from torch import Tensor
from tqdm import tqdm

from models.ascent.eager import Eager
from models.directions import NAMES, SHIPPED, SIDE
from models.dreamer import Dreamer, Recipe
from models.network import Network
from models.octaves import octave_sizes, resize
from models.weights import load_network

CHOSEN = Path(__file__).with_suffix(".toml")
PICTURES = 4  # of each direction: enough to tell what they share, few enough to be asked in a moment
AROUND = 20  # pixels dreamed on each side and cut off: the border of a dream looks like no other place
OCTAVES, STEPS, SIZE = 2, 15, 3 / 127.5


def main() -> None:
    parser = argparse.ArgumentParser(description="Draw the sheet of named directions.")
    parser.add_argument("--teacher", type=Path, required=True, help="Inception-v3 weights (.pth or .safetensors)")
    parser.add_argument("--out", type=Path, default=SHIPPED, help="where the sheet goes (.png)")
    args = parser.parse_args()
    chosen = tomllib.loads(CHOSEN.read_text(encoding="utf-8"))
    network = load_network(args.teacher)
    rows = [
        [drawn(network, chosen[name], seed=100 * row + column) for column in range(PICTURES)]
        for row, name in enumerate(tqdm(NAMES, unit="direction"))
    ]
    write(args.out, rows)


def drawn(network: Network, chosen: Mapping[str, Sequence[int]], seed: int) -> Tensor:
    """One picture, (3, SIDE, SIDE) in [-1, 1], of what the ``chosen`` channels see.  ``chosen``: channels by layer."""
    layers = sorted(chosen, key=network.layers.index)
    channels = []
    for layer in layers:
        row = torch.zeros(network.channels(layer))
        row[list(chosen[layer])] = 1
        channels.append(row)
    dreamer = Dreamer(Eager(network, layers, device=torch.device("cpu"), dtype=torch.float32))
    recipe = Recipe([1.0] * len(layers), SIZE, STEPS, octaves=1, channels=channels)
    side = SIDE + 2 * AROUND
    base = clouds(side, seed)
    residual = torch.zeros_like(base)
    for size in reversed(octave_sizes(side, side, OCTAVES)):
        small, change = resize(base, size), resize(residual, size)
        residual = resize(dreamer.dream(small, change, recipe), (side, side))
    return (base + residual)[0, :, AROUND:-AROUND, AROUND:-AROUND].clamp(-1, 1)


def clouds(side: int, seed: int) -> Tensor:
    """Soft coloured clouds to dream on, (1, 3, side, side) in [-1, 1], another sky for each ``seed``."""
    chance = np.random.default_rng(seed)
    sky = np.zeros((side, side, 3))
    for cells in (3, 6, 12, 24, 48):
        drops = chance.normal(size=(cells, cells, 1)) + 0.6 * chance.normal(size=(cells, cells, 3))
        sky += np.asarray(cv2.resize(drops, (side, side), interpolation=cv2.INTER_CUBIC), np.float64) / cells**0.8
    sky *= 0.25 / sky.std()
    return torch.from_numpy(sky - sky.mean()).float().permute(2, 0, 1)[None].clamp(-1, 1)


def write(path: Path, rows: Sequence[Sequence[Tensor]]) -> None:
    """The sheet as a PNG with few colours, which keeps it small; no network sees the difference."""
    from PIL import Image

    sheet = torch.cat([torch.cat(list(row), 2) for row in rows], 1)
    pixels = ((sheet + 1) * 127.5).round().clamp(0, 255).byte().permute(1, 2, 0).numpy()
    Image.fromarray(np.ascontiguousarray(pixels)).quantize(192).save(path, optimize=True)


if __name__ == "__main__":
    main()
