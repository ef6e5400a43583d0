"""A small teacher, pictures for it, and ascents that dream as a leap must and as it must not."""

from collections.abc import Callable, Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from models.ascent import Stepping
from models.ascent.eager import Eager
from models.blocks import Conv, build
from models.network import ConvUnit, Network
from training.photographs import APART, Photograph

CPU = torch.device("cpu")
TAPS = ("two", "three")


def a_teacher(seed: int = 1, name: str = "small") -> Network:
    """Three convolutions with random weights that see nothing in an even wall, and only what stands out elsewhere."""
    rows = [Conv("one", 12, 5, 2), Conv("two", 24, 3), Conv("three", 32, 3, 2)]
    network = build(name, rows, None, None)
    chance = torch.Generator().manual_seed(seed)
    for unit in network.modules():
        if isinstance(unit, ConvUnit):
            weight = torch.randn(unit.conv.weight.shape, generator=chance)
            weight -= weight.mean((1, 2, 3), keepdim=True)
            fan = weight[0].numel()
            unit.fill(weight * (4 / fan) ** 0.5, torch.full((unit.out,), -0.05))
    return network


def true_ascent(teacher: Network) -> Eager:
    return Eager(teacher, TAPS, device=CPU, dtype=torch.float32)


def scene(seed: int, height: int = 112, width: int = 144, strength: float = 0.4, most: float = 0.9) -> Tensor:
    """Soft coloured shapes at several sizes, (1, 3, height, width), at most ``most``."""
    chance = torch.Generator().manual_seed(seed)
    total = torch.zeros(1, 3, height, width)
    for cells in (3, 6, 12, 24):
        noise = torch.randn(1, 3, cells, cells, generator=chance)
        total += F.interpolate(noise, (height, width), mode="bicubic") / cells**0.5
    return (total * strength).clamp(-most, most)


def a_photograph(seed: int, height: int = 112, width: int = 144) -> Photograph:
    wide = scene(seed, height, width + APART)
    return Photograph(str(seed), wide[..., :width].contiguous(), wide[..., APART:].contiguous(), (0, APART))


class Fake(Stepping):
    """An ascent whose direction is what ``paint`` makes of the picture, and whose steps are ``size(calls)`` long."""

    layers, reach, device, status = TAPS, 1.0, CPU, "fake"

    def __init__(self, paint: Callable[[Tensor], Tensor], size: Callable[[int], float] = lambda _: 1.0) -> None:
        self._paint, self._size, self._calls = paint, size, 0

    def gradient(self, image: Tensor, weights: Sequence[float], channels: Sequence[Tensor] | None = None) -> Tensor:
        return self._paint(image)

    def step(self, image, weights, size, shift, channels=None, mask=None):
        self._calls += 1
        return super().step(image, weights, size * self._size(self._calls), shift, channels, mask)


def noise(seed: int, image: Tensor) -> Tensor:
    """The same grain on every picture of a size."""
    return torch.randn(image.shape, generator=torch.Generator().manual_seed(seed))
