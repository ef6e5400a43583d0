"""Networks with random weights that let signals through, so that every layer answers to the picture."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from models.network import Network


def lively(kind: Callable[..., Network], deepest: str | None, **how: Any) -> Network:
    """``kind`` down to ``deepest``: normal weights that keep the size of what flows through, and no biases."""
    network = kind(deepest, **how)
    chance = torch.Generator().manual_seed(3)
    for name, parameter in network.named_parameters():
        fan = parameter[0].numel()
        parameter.data = torch.randn(parameter.shape, generator=chance) * (2 / fan) ** 0.5 * name.endswith("weight")
    return network


def noise(height: int, width: int, seed: int = 5) -> Tensor:
    """A picture of even noise, (1, 3, height, width) in [-1, 1]."""
    return torch.rand(1, 3, height, width, generator=torch.Generator().manual_seed(seed)) * 2 - 1


def off(found: Tensor, expected: Tensor) -> float:
    """The largest error, as a share of the largest number that was expected."""
    return float((found.double() - expected.double()).abs().max() / expected.double().abs().max())
