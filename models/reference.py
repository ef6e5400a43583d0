"""The reference dream: Google's own algorithm, step for step, to measure every quicker dream against.

After ``dream.ipynb`` (Mordvintsev, Olah, Tyka, "DeepDream - a code example for visualizing Neural Networks", July 2015,
https://github.com/google/deepdream, commit bbc2ddf). Its functions ``make_step`` and ``deepdream`` with their default
arguments, except that its layer is a parameter and that the pixels here are in [-1, 1]: a unit of theirs is 1/127.5.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from models.network import Network

UNITS = 127.5  # of 0 to 255, in one of -1 to 1


def reference_dream(
    network: Network,
    image: Tensor,
    layer: str,
    *,
    iterations: int = 10,
    octaves: int = 4,
    octave_scale: float = 1.4,
    step: float = 1.5,
    jitter: int = 32,
    seed: int = 0,
    progress: Callable[[int, int], None] | None = None,
) -> Tensor:
    """Dream ``image`` (1, 3, H, W), RGB in [-1, 1], at ``layer``; the result has the same shape and range.

    ``iterations`` gradient ascent steps in each of ``octaves``, each ``octave_scale`` times smaller than the one
    above. ``step`` is in units of 0 to 255 over the mean absolute gradient; ``jitter`` is the farthest roll in pixels,
    drawn from ``seed``. ``progress(done, of)`` is called after every step.
    A picture too small for all octaves gets fewer, with a warning. Raises ValueError for a layer that the network does
    not have and for a picture too small for even one octave.
    """
    sizes = octave_sizes(network, layer, image.shape[-2], image.shape[-1], octaves=octaves, scale=octave_scale)
    if len(sizes) < octaves:
        warnings.warn(f"{len(sizes)} octaves instead of {octaves}: the picture is too small for more", stacklevel=2)
    bases = [image.detach()]
    for size in sizes[1:]:
        bases.append(zoom(bases[-1], size))
    chance = np.random.default_rng(seed)
    detail = torch.zeros_like(bases[-1])
    dream = bases[-1]
    for octave, base in enumerate(reversed(bases)):
        detail = zoom(detail, (base.shape[-2], base.shape[-1]))
        dream = base + detail
        for iteration in range(iterations):
            across, down = (int(shift) for shift in chance.integers(-jitter, jitter, size=2, endpoint=True))
            dream = _step(network, dream, layer, step / UNITS, (down, across))
            if progress:
                progress(octave * iterations + iteration + 1, len(bases) * iterations)
        detail = dream - base
    return dream


def octave_sizes(
    network: Network, layer: str, height: int, width: int, *, octaves: int = 4, scale: float = 1.4
) -> list[tuple[int, int]]:
    """(height, width) of each octave that the reference dream works in, largest first.

    Fewer than ``octaves`` where the next would be too small for ``layer`` to have an activation. Raises ValueError for
    a layer that the network does not have, a ``scale`` of 1 or less, and a picture too small for even one octave.
    """
    if octaves < 1 or scale <= 1:
        raise ValueError(f"there must be 1 octave or more and a scale above 1, not {octaves} and {scale}")
    smallest = network.smallest_side(layer)
    if min(height, width) < smallest:
        raise ValueError(f"{width} x {height} pixels are too few for {layer}: it needs {smallest} a side")
    sizes = [(height, width)]
    while len(sizes) < octaves:
        # Each from the one before, rounded each time, and to even in the middle, as in the notebook.
        smaller = (round(sizes[-1][0] / scale), round(sizes[-1][1] / scale))
        if min(smaller) < smallest:
            break
        sizes.append(smaller)
    return sizes


def zoom(image: Tensor, size: tuple[int, int]) -> Tensor:
    """Resize (N, C, H, W) to ``size`` as ``scipy.ndimage.zoom(order=1)`` does: linear, corner pixels kept in place."""
    return F.interpolate(image, size, mode="bilinear", align_corners=True)


def _step(network: Network, image: Tensor, layer: str, size: float, shift: tuple[int, int]) -> Tensor:
    """One gradient ascent step on half the squared L2 norm of ``layer``, with the image rolled by ``shift``."""
    rolled = torch.roll(image, shift, (-2, -1))
    rolled.requires_grad = True
    (activation,) = network.activations(rolled, [layer])
    # The gradient of half the squared norm with respect to the activations is the activations themselves.
    (gradient,) = torch.autograd.grad(activation, rolled, activation.detach())
    # Where nothing is active there is no gradient and nothing to climb; the notebook would divide by zero.
    mean = gradient.abs().mean().clamp_min(torch.finfo(gradient.dtype).tiny)
    risen = rolled.detach() + size / mean * gradient
    return torch.roll(risen, (-shift[0], -shift[1]), (-2, -1)).clamp(-1, 1)
