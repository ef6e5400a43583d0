"""Named directions: eyes, fur, feathers … as channel weights, for whichever network dreams.

Channel 152 of one network is an eye and of another nothing; even two trainings of one architecture number differently.
Pictures mean the same to all of them.  So what ships is a sheet of pictures, a row for each name (drawn by channels
that were chosen by eye, `training/exemplars.py`), and every network is asked which of its channels answer to one row
and not to the others.  A network that knows the directions by name, as the leap does, need not be asked.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from models.network import Network

NAMES = ("eyes", "fur", "feathers", "wheels", "arches", "scripts")
SHIPPED = Path(__file__).with_name("directions.png")
SIDE = 96  # pixels of a picture on the sheet; as many stand beside one another as fit
KEPT = 0.03  # share of a layer's channels that make a direction: fewer draw single things, more draw everything
FEWEST = 4  # channels kept in a narrow layer
# What a direction weighs at a strength is the strength to this power.  What is drawn is seen and drawn again, so that
# a tenth of the weight is half of the picture, and all but the first tenth of a knob would look alike.
GROWTH = 3


class Directions:
    """Named directions as channel weights for the layers of one ascent."""

    def __init__(self, names: Sequence[str], rows: Mapping[str, Sequence[Tensor]], whole: float) -> None:
        """``rows[name][k]``: (C_k,) float32, >= 0, for the k-th layer.  ``whole``: what every channel counts with no
        direction, 1 for a network and 0 where the channels are the directions themselves.
        """
        self.names = tuple(names)
        self._rows, self._whole = {name: tuple(rows[name]) for name in self.names}, whole
        self._last: tuple[tuple[float, ...], list[Tensor]] | None = None

    @classmethod
    def of_network(cls, network: Network, layers: Sequence[str]) -> "Directions":
        """Those of ``network`` in ``layers``, measured on the pictures that ship, on its own device.

        Each row is >= 0 with a mean of 1 over the channels, and 0 for most of them; all ones where a layer cannot tell
        this direction from the others.  The same network always gives the same rows.
        Raises OSError where the sheet cannot be read.
        """
        found = [_rows(answers) for answers in _answers(network, layers)]
        return cls(NAMES, {name: [rows[index] for rows in found] for index, name in enumerate(NAMES)}, 1.0)

    @classmethod
    def of_leap(cls, layers: Sequence[str], names: Sequence[str] = NAMES) -> "Directions":
        """Those of the leap: at each of ``layers`` its channels are ``names``, in the order it was taught them."""
        rows = dict(zip(names, torch.eye(len(names)), strict=True))
        return cls(names, {name: [row] * len(layers) for name, row in rows.items()}, 0.0)

    def to(self, device: torch.device) -> "Directions":
        """The same on ``device``."""
        return Directions(self.names, {n: [r.to(device) for r in rows] for n, rows in self._rows.items()}, self._whole)

    def row(self, name: str) -> tuple[Tensor, ...]:
        """The channel weights of one direction at full strength, for each layer.  Raises KeyError for another name."""
        return self._rows[name]

    def channels(self, strengths: Mapping[str, float]) -> list[Tensor] | None:
        """Channel weights for each layer, (C,) float32, as `models.dreamer.Recipe` takes them.

        ``strengths``: 0..1 by name; a name left out is 0.  With all at 0 None, which is the whole layer; with one at 1
        that direction alone; half way to the eye about half.  Several share.
        """
        wished = tuple(max(0.0, strengths.get(name, 0.0)) for name in self.names)
        if not any(wished):
            return None
        last = self._last  # read once: two hands may ask at a time
        if last is None or last[0] != wished:
            last = self._last = wished, self._mixed(wished)
        return last[1]

    def _mixed(self, wished: Sequence[float]) -> list[Tensor]:
        # The leap was taught what a strength looks like; a network is told what to do for it.
        shares = [strength**GROWTH if self._whole else strength for strength in wished]
        rest = self._whole * (1 - min(1.0, sum(shares)))
        used = [(shares[place], rows) for place, rows in enumerate(self._rows.values()) if wished[place] > 0]
        return [
            torch.stack([share * rows[layer] for share, rows in used]).sum(0) + rest for layer in range(len(used[0][1]))
        ]


def exemplars(path: Path = SHIPPED) -> Tensor:
    """The pictures of each direction, (names, pictures, 3, `SIDE`, `SIDE`), RGB in [-1, 1].

    Raises OSError where the sheet cannot be read.
    """
    from PIL import Image

    with Image.open(path) as opened:
        sheet = torch.from_numpy(np.array(opened.convert("RGB"), np.float32)) / 127.5 - 1
    rows, columns = len(NAMES), sheet.shape[1] // SIDE
    if sheet.shape[0] != rows * SIDE or columns == 0:
        raise OSError(f"{path} is no sheet of {rows} rows of {SIDE} pixels; install Dreamwall again")
    return sheet[:, : columns * SIDE].reshape(rows, SIDE, columns, SIDE, 3).permute(0, 2, 4, 1, 3).contiguous()


@torch.no_grad()
def _answers(network: Network, layers: Sequence[str]) -> list[Tensor]:
    """For each layer how strongly each channel answers to each picture, (names + 1, pictures, channels), float32.

    The last row are pictures that show nothing: what any channel answers to colour and grain alone must not count.
    """
    shown = exemplars()
    pictures = torch.cat([shown, _shows_nothing(shown)])
    own = next(network.parameters())
    batch = pictures.flatten(0, 1).to(own.device, own.dtype).contiguous(memory_format=torch.channels_last)
    found = network.activations(batch, layers)
    return [a.float().pow(2).mean((2, 3)).sqrt().reshape(*pictures.shape[:2], -1) for a in found]


def _shows_nothing(pictures: Tensor) -> Tensor:
    """One row more: the first picture of every name with its waves moved about, so that colours and grain remain."""
    chance = torch.Generator().manual_seed(0)
    some = pictures[[index % len(pictures) for index in range(pictures.shape[1])], 0]
    noise = torch.fft.rfft2(torch.randn(len(some), 1, SIDE, SIDE, generator=chance))
    waves = torch.fft.rfft2(some) * noise / noise.abs().clamp_min(1e-9)
    nothing: Tensor = torch.fft.irfft2(waves, (SIDE, SIDE)).clamp(-1, 1)
    return nothing[None]


def _rows(answers: Tensor) -> Tensor:
    """(names, channels) from the answers to all pictures: how much more to one direction than to any other.

    How much, not how many times: a channel that hardly answers to anything would draw nothing.
    """
    answers = answers / answers.mean((1, 2), keepdim=True).clamp_min(1e-9)  # some pictures are louder than others
    means = answers.mean(1)
    names, channels = len(means) - 1, means.shape[1]
    (alive,) = torch.where(means.amax(0) > 0)
    count = min(len(alive) - 1, max(FEWEST, round(KEPT * channels)))
    rows = torch.ones(names, channels, device=answers.device)
    for own, row in enumerate(rows if count > 0 else ()):
        others = torch.cat([means[:own], means[own + 1 :]]).amax(0)
        # A channel that one picture alone excites is about that picture, so the weakest answer counts as well.
        better = (0.5 * (means[own] + answers[own].amin(0)) - others)[alive]
        best = better.topk(count + 1)
        # Where too few answer most to this direction, those that come nearest stand in: the knob shall not be dead.
        weights = best.values[:count] - best.values[count].clamp(max=0)
        if weights.sum() > 0:
            row.zero_()[alive[best.indices[:count]]] = weights * (channels / weights.sum())
    return rows
