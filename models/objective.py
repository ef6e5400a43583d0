"""What the ascent climbs: a weighted sum over layers of the L2 norm of their activations.

Google's objective (Mordvintsev, Olah, Tyka, *Inceptionism*, 2015) is half the squared L2 norm of one layer; its
gradient at that layer is the activations themselves.  For several layers at once the norm itself serves better: its
gradient is the activations over their root mean square, so that a layer whose activations happen to be large does not
drown the others and a weight of one half means half.  For one layer both give the same direction, which is all that
counts, since the step is divided by the gradient's mean size.  Seeding backpropagation with numbers around one also
means that half precision needs no loss scaling.
"""

from collections.abc import Sequence

import torch
from torch import Tensor

from models.network import Network

FLOOR = 1e-6  # keeps a dead layer (all zero) from becoming a division by zero


def seeds(
    activations: Sequence[Tensor], weights: Sequence[float] | Tensor, channels: Sequence[Tensor] | None = None
) -> list[Tensor]:
    """The gradient of the objective at each layer: ``weight * activation / rms(activation)``, in the layer's dtype.

    ``channels``: for each layer a weight >= 0 per channel, (C,) float32; each then counts that much in the squared
    norm.
    The root mean square is taken in float32 at least: in half precision the sum of squares of a layer overflows.
    """
    found = []
    for index, activation in enumerate(activations):
        a = activation.detach()
        counted = a if channels is None else a * channels[index].to(a.dtype).view(1, -1, 1, 1)
        wide = torch.promote_types(a.dtype, torch.float32)
        square = a.to(wide).pow(2) if channels is None else a.to(wide) * counted.to(wide)
        found.append(counted * (weights[index] / square.mean().sqrt().clamp_min(FLOOR)).to(a.dtype))
    return found


@torch.no_grad()
def score(network: Network, image: Tensor, weights: dict[str, float]) -> float:
    """How much the network sees: the weighted mean of squared activations of ``image`` (1, 3, H, W), RGB in [-1, 1].

    Zero for a network that sees nothing; no upper end.  This is the figure in reports and plots, comparable between
    pictures of one size, layer for layer.
    """
    names = [name for name, weight in weights.items() if weight > 0]
    found = network.activations(image, names)
    total = sum(weights[n] * a.float().pow(2).mean().item() for n, a in zip(names, found, strict=True))
    return total / sum(weights[n] for n in names)
