"""What every path is measured against: autograd in float32 as other people's scripts run it.

Both keep PyTorch's own layout (NCHW).  That takes care: weights that lie in channels_last, as ours do after loading,
pull every activation into that layout, and the comparison would be with half of our own work.
"""

import copy
from collections.abc import Sequence

import torch
from torch import Tensor

from installation.bench.networks import whole
from models.ascent import Stepping
from models.network import Network
from models.objective import seeds


class Plain(Stepping):
    """The network down to its deepest tapped layer, frozen.  Fills `models.ascent.Ascent`."""

    reach = 1.0
    span = 1

    def __init__(self, network: Network, layers: Sequence[str], device: torch.device) -> None:
        self.layers, self.device = tuple(layers), device
        self._network = _laid_out(network.truncated(max(layers, key=network.layers.index)), device)
        self.status = f"autograd, float32 NCHW on {device.type}, truncated"

    def gradient(self, image: Tensor, weights: Sequence[float], channels: Sequence[Tensor] | None = None) -> Tensor:
        """See `models.ascent.Ascent.gradient`."""
        x = image.detach().clone().requires_grad_(True)
        found = self._network.activations(x, self.layers)
        (gradient,) = torch.autograd.grad(found, x, seeds(found, weights, channels))
        return gradient


class Full(Stepping):
    """The whole network, every parameter asking for its gradient too: a hook on a layer, a loss and ``backward()``.

    It computes what lies deeper than the layer and throws it away, and it computes the gradients of the weights above.
    Fills `models.ascent.Ascent`.  The classifier's last few operations are left out.
    """

    reach = 1.0
    span = 1

    def __init__(self, network: Network, layers: Sequence[str], device: torch.device) -> None:
        self.layers, self.device = tuple(layers), device
        # A file may end above the network's last layer; its speed would then be another's.
        self._network = _laid_out(network.completed(whole(network.name)), device).requires_grad_(True)
        self.status = f"autograd, float32 NCHW on {device.type}, the whole network with its parameters' gradients"

    def gradient(self, image: Tensor, weights: Sequence[float], channels: Sequence[Tensor] | None = None) -> Tensor:
        """See `models.ascent.Ascent.gradient`."""
        if channels is not None:
            raise ValueError("the common scripts know no channel weights")
        x = image.detach().clone().requires_grad_(True)
        *found, _ = self._network.activations(x, [*self.layers, self._network.layers[-1]])
        self._network.zero_grad()
        # The norm of a layer over the root of its size is its root mean square, whose gradient `seeds` writes out.
        parts = [weight * a.norm() * a.numel() ** 0.5 for weight, a in zip(weights, found, strict=True)]
        torch.stack(parts).sum().backward()  # type: ignore[no-untyped-call]
        assert x.grad is not None
        return x.grad


def _laid_out(network: Network, device: torch.device) -> Network:
    """A float32 copy of ``network`` whose weights lie as PyTorch lays them out."""
    made = copy.deepcopy(network)
    for parameter in made.parameters():
        # A 1 x 1 kernel counts as contiguous in both layouts and `contiguous` would leave its strides alone.
        parameter.data = parameter.detach().float().clone(memory_format=torch.contiguous_format)
    return made.to(device)
