"""The seam *picture in, gradient out*, which every engine fills.

The cut is here, and not at *picture in, activations out*, because a compiled engine has no autograd: what it runs is
forward and backward as one.  At this cut eager, compiled and learned ascents can take each other's place and be tested
against one another.
"""

from collections.abc import Sequence
from typing import Protocol

import torch
from torch import Tensor


class Ascent(Protocol):
    """Which way a picture must change for the network to see more of what it sees.

    ``layers``: the tapped layers, shallow to deep; ``weights`` below come in this order.
    ``status``: what runs, and why nothing better: "eager, float32 on cpu: no CUDA device".
    ``reach``: how many plain ascent steps one call stands for; 1 for a true gradient.
    ``span``: how many octaves one call covers by itself; 1 for a true gradient.
    """

    layers: tuple[str, ...]
    status: str
    reach: float
    span: int
    device: torch.device

    def gradient(self, image: Tensor, weights: Sequence[float]) -> Tensor:
        """The direction of steepest ascent, of any length, (1, 3, H, W) float32 like ``image``.

        ``image``: RGB in [-1, 1] on `device`.  ``weights``: >= 0, not all zero, one per layer of `layers`; a layer
        whose weight is zero costs nothing when no deeper one is in use.
        """
        ...
