"""How much arithmetic a step of ascent takes: its convolutions, counted by their shapes.

Only convolutions count.  Whatever else a step does (pools, ReLUs, rolling the picture) moves memory and hardly
multiplies, so a machine that did nothing but multiply would need this much and no less.  The first convolution's
gradient counts too: it is what the ascent is after.
"""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from models.network import Network


def ascent_flops(network: Network, layer: str, size: tuple[int, int]) -> int:
    """Floating point operations of one gradient with respect to a picture of ``size`` (height, width) at ``layer``.

    Down to ``layer`` and back up again, two for each multiplication with its addition.  Back is as much as down: each
    product of a pixel and a weight then occurs once more, as one of a gradient and that weight.
    Raises ValueError for a layer that the network does not have and for a picture that is too small for it.
    """
    smallest = network.smallest_side(layer)
    if min(size) < smallest:
        raise ValueError(f"{size[1]}x{size[0]} pixels are too few for {layer}: it needs {smallest} a side")
    return 2 * forward_flops(network.truncated(layer), (1, 3, *size))


def forward_flops(module: nn.Module, *shapes: Sequence[int]) -> int:
    """Floating point operations of the convolutions of ``module``, called once with tensors of ``shapes``.

    Nothing is computed and no memory taken: the call is made on the meta device, whose tensors are shapes alone.
    """
    counted = 0

    def count(convolution: nn.Module, _inputs: Any, output: Tensor) -> None:
        nonlocal counted
        assert isinstance(convolution, nn.Conv2d)
        counted += 2 * output.numel() * convolution.weight[0].numel()

    hooks = [part.register_forward_hook(count) for part in module.modules() if isinstance(part, nn.Conv2d)]
    try:
        held = {**dict(module.named_parameters()), **dict(module.named_buffers())}
        bare = {name: torch.empty_like(tensor, device="meta") for name, tensor in held.items()}
        some = next(module.parameters())
        inputs = tuple(torch.empty(tuple(shape), device="meta", dtype=some.dtype) for shape in shapes)
        torch.func.functional_call(module, bare, inputs)
    finally:
        for hook in hooks:
            hook.remove()
    return counted
