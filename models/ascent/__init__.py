"""The seam *picture in, gradient out*, which every engine fills.

The cut is here, and not at *picture in, activations out*, because a compiled engine has no autograd: what it runs is
forward and backward as one.  At this cut eager, compiled and learned ascents can take each other's place and be tested
against one another.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor


@dataclass(frozen=True, slots=True)
class Viewing:
    """How a picture is best put before an ascent.  What is not said is as for a true gradient.

    ``span``: how many octaves one call covers by itself.  ``holds``: for how many steps in a row the picture is rolled
    alike; a true gradient's own grid leaves marks if it is not rolled anew at each.  ``grid``: by multiples of how many
    pixels it is rolled.  ``share``: of the step that is asked for, how much is taken.
    """

    span: int = 1
    holds: int = 1
    grid: int = 1
    share: float = 1.0


class Ascent(Protocol):
    """Which way a picture must change for the network to see more of what it sees.

    ``layers``: the tapped layers, shallow to deep; ``weights`` below come in this order.
    ``status``: what runs, and why nothing better: "eager, float32 on cpu: no CUDA device".
    ``reach``: how many plain ascent steps one call stands for; 1 for a true gradient.
    """

    layers: tuple[str, ...]
    reach: float
    device: torch.device

    @property
    def status(self) -> str: ...

    def viewing(self, weights: Sequence[float]) -> Viewing:
        """How the picture is best put before it, with these ``weights``."""
        ...

    def gradient(self, image: Tensor, weights: Sequence[float], channels: Sequence[Tensor] | None = None) -> Tensor:
        """The direction of steepest ascent, of any length, (1, 3, H, W) float32 like ``image``.

        ``image``: RGB in [-1, 1] on `device`.  ``weights``: >= 0, not all zero, one per layer of `layers`; a layer
        whose weight is zero costs nothing when no deeper one is in use.  ``channels``: for each layer a weight >= 0
        per channel, (C,) float32 on `device`; None counts all alike.  An ascent that cannot tell channels apart
        raises ValueError when it is given any.
        """
        ...

    def step(
        self,
        image: Tensor,
        weights: Sequence[float],
        size: float,
        shift: tuple[int, int],
        channels: Sequence[Tensor] | None = None,
        mask: Tensor | None = None,
    ) -> Tensor:
        """``image`` after one step of ascent; the same as `Stepping` has it, however it is computed.

        ``size``: the mean change, in the picture's range.  ``shift``: (down, right), the pixels by which the picture is
        rolled while the network looks at it.  ``mask``: (1, 1, H, W) in 0..1, how much each pixel may change; where it
        is 0 the picture comes back bit for bit.
        """
        ...


class Stepping:
    """The step made of a gradient: all of it for engines that know no quicker way."""

    def viewing(self, weights: Sequence[float]) -> Viewing:  # noqa: ARG002 (part of the seam)
        """See `Ascent.viewing`."""
        return Viewing()

    def step(
        self: Ascent,
        image: Tensor,
        weights: Sequence[float],
        size: float,
        shift: tuple[int, int],
        channels: Sequence[Tensor] | None = None,
        mask: Tensor | None = None,
    ) -> Tensor:
        """See `Ascent.step`."""
        gradient = self.gradient(torch.roll(image, shift, (2, 3)), weights, channels)
        # Dividing by the mean size, Google's way, makes a step mean the same for every layer, network and picture.
        if mask is None:
            gradient = gradient * (size * self.reach / gradient.abs().mean().clamp_min(1e-12))
            return image + torch.roll(gradient, (-shift[0], -shift[1]), (2, 3))
        gradient = torch.roll(gradient, (-shift[0], -shift[1]), (2, 3)) * mask
        mean = gradient.abs().sum() / (3 * mask.sum()).clamp_min(1e-12)
        return image + gradient * (size * self.reach / mean.clamp_min(1e-12))
