"""The gradient written out: autograd through a frozen network as one forward graph of plain operations.

Compilers for inference (TensorRT, ONNX Runtime) know no autograd, and so, it is said, they cannot dream.  They need
none: `make_fx` traces a function *through* ``torch.autograd.grad``, and what comes out is an ordinary graph from the
image to its gradient.  All that is left is to say each backward operation in words that every compiler has:

- the gradient of a convolution with a frozen weight is a convolution of the incoming gradient, the weight turned round
  and its channels exchanged; where it strides, a transposed convolution;
- that of an average pool that keeps the size is an average pool;
- that of a max pool is a mask, "this was its window's first largest", found along columns and then along rows.

Against autograd it is exact but for the order of additions; ties in a max pool go to the first, as they do there.
"""

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor, fx, nn
from torch.fx.experimental.proxy_tensor import make_fx
from torch.nn import functional as F

from models.network import Network
from models.objective import seeds

aten = torch.ops.aten


def trace(network: Network, layers: Sequence[str], size: tuple[int, int]) -> fx.GraphModule:
    """The gradient of ``network`` at ``layers`` for pictures of ``size`` (height, width), as one forward graph.

    What comes back takes the image, (1, 3, H, W) in [-1, 1], the layers' weights, (layers,), and the weights of all
    their channels, one layer's after another's; all float32, and so is the gradient that it returns (float64 for a
    network in float64).  In between it computes in the network's own dtype, on the network's own device.  Nothing is
    computed while tracing, so any size can be.  Raises ValueError for a layer that the network does not have, and
    NotImplementedError for a backward operation that is not written out here.
    """
    counts = [network.channels(layer) for layer in layers]
    taps = _Taps(network.truncated(max(layers, key=network.layers.index)), layers)
    frozen = {**dict(taps.named_parameters()), **dict(taps.named_buffers())}
    some = next(taps.parameters())
    outside = torch.promote_types(some.dtype, torch.float32)

    def gradient(*inputs: Tensor) -> Tensor:
        *given, image, weights, channels = inputs
        x = image.to(some.dtype).requires_grad_(True)
        found = torch.func.functional_call(taps, dict(zip(frozen, given, strict=True)), (x,))
        (result,) = torch.autograd.grad(found, x, seeds(found, weights, torch.split(channels, counts)))
        return result.to(outside)

    shapes = (1, 3, *size), (len(counts),), (sum(counts),)
    example = [torch.zeros(shape, dtype=outside, device=some.device) for shape in shapes]
    graph = make_fx(gradient, decomposition_table=WRITTEN_OUT, tracing_mode="fake")(*frozen.values(), *example)
    left = {str(node.target) for node in graph.graph.nodes if "backward" in str(node.target)}
    if left:
        raise NotImplementedError(f"{network.name} at {', '.join(layers)} needs {', '.join(sorted(left))} written out")
    return _bound(graph, frozen, ("image", "weights", "channels"))


class _Taps(nn.Module):
    """A network called for its tapped layers."""

    def __init__(self, network: Network, layers: Sequence[str]) -> None:
        super().__init__()
        self._network, self._layers = network, tuple(layers)

    def forward(self, image: Tensor) -> list[Tensor]:
        return self._network.activations(image, self._layers)


def _bound(graph: fx.GraphModule, frozen: dict[str, Tensor], inputs: Sequence[str]) -> fx.GraphModule:
    """``graph`` with its first inputs bound to the ``frozen`` tensors, the rest named ``inputs``, and tidied.

    What depends on frozen tensors alone, as the turned weights do, is worked out here, once.
    """
    nodes = graph.graph
    for node in nodes.find_nodes(op="call_function", target=aten.max_pool2d_with_indices.default):
        with nodes.inserting_before(node):
            pool = nodes.call_function(aten.max_pool2d.default, node.args[:4])  # the rest is as if it were not said
        for user in list(node.users):  # the indices are not asked for: the masks have taken their place
            user.replace_all_uses_with(pool)
            nodes.erase_node(user)
    for target in (aten.detach.default, aten.alias.default):
        for node in nodes.find_nodes(op="call_function", target=target):
            node.replace_all_uses_with(node.args[0])  # there is nothing left to detach from
    nodes.eliminate_dead_code()
    places = nodes.find_nodes(op="placeholder")
    known: dict[fx.Node, Tensor] = dict(zip(places, frozen.values(), strict=False))
    for node in nodes.nodes:
        if node.op == "call_function" and all(n in known for n in node.all_input_nodes):
            arguments, options = fx.map_arg((node.args, node.kwargs), lambda n: known[n])
            with torch.no_grad():
                known[node] = node.target(*arguments, **options)
    for number, (node, tensor) in enumerate(known.items()):
        if any(user not in known for user in node.users):
            graph.register_buffer(f"frozen_{number}", tensor.detach().contiguous())
            with nodes.inserting_before(node):
                node.replace_all_uses_with(nodes.get_attr(f"frozen_{number}"), lambda user: user not in known)
    for node in reversed(known):
        nodes.erase_node(node)
    for node, name in zip(places[len(frozen) :], inputs, strict=True):
        node.name = node.target = name
    graph.recompile()
    return graph


# -- the backward operations, written out ------------------------------------------------------------------------------


def _convolution_backward(
    gradient: Tensor, image: Tensor, weight: Tensor, _bias: Any, stride: Sequence[int], padding: Sequence[int],
    dilation: Sequence[int], transposed: bool, output_padding: Sequence[int], groups: int, wanted: Sequence[bool],
) -> tuple[Tensor, None, None]:  # fmt: skip
    if transposed or groups != 1 or any(d != 1 for d in dilation) or any(wanted[1:]) or any(output_padding):
        raise NotImplementedError("only plain convolutions with frozen weights are written out")
    kernel = weight.shape[2:]
    if all(s == 1 for s in stride) and all(p < k for p, k in zip(padding, kernel, strict=True)):
        turned = weight.flip(2, 3).transpose(0, 1)
        return (
            F.conv2d(gradient, turned, None, 1, [k - 1 - p for k, p in zip(kernel, padding, strict=True)]),
            None,
            None,
        )
    # A stride forgets how many last rows no window reached; without them the result would be too small.
    missing = [
        image.shape[2 + i] - ((gradient.shape[2 + i] - 1) * stride[i] - 2 * padding[i] + kernel[i]) for i in (0, 1)
    ]
    # What lies beyond the padding are zeros, and is padded as such.  As output_padding it would be negative padding to
    # TensorRT, which torch_tensorrt 2.13 asks for, is refused, and goes on without: the gradient comes out too small.
    within = [min(m, p) for m, p in zip(missing, padding, strict=True)]
    result = F.conv_transpose2d(gradient, weight, None, stride, padding, within)
    down, right = (m - w for m, w in zip(missing, within, strict=True))
    return F.pad(result, (0, right, 0, down)) if down or right else result, None, None


def _avg_pool2d_backward(
    gradient: Tensor, image: Tensor, kernel: list[int], stride: Sequence[int], padding: list[int],
    _ceil: bool, count_padding: bool, divisor: int | None,
) -> Tensor:  # fmt: skip
    if any(s != 1 for s in stride) or any(k != 2 * p + 1 for k, p in zip(kernel, padding, strict=True)) or divisor:
        raise NotImplementedError("only average pools that keep the size are written out")
    if not count_padding:
        ones = torch.ones(1, 1, *image.shape[2:], dtype=image.dtype, device=image.device)
        gradient = gradient / F.avg_pool2d(ones, kernel, 1, padding)  # each window's share of real pixels
    return F.avg_pool2d(gradient, kernel, 1, padding)


def _max_pool2d(
    image: Tensor, kernel: Sequence[int], stride: Sequence[int] = (), padding: Sequence[int] = (0, 0),
    dilation: Sequence[int] = (1, 1), ceil: bool = False,
) -> Any:  # fmt: skip
    """Not a backward operation, but torch_tensorrt has no pool that counts its windows by rounding up."""
    if not ceil:
        return NotImplemented
    beyond = []
    for side, k, s, p in zip(image.shape[2:], kernel, stride or kernel, padding, strict=True):
        count = -((k - side - 2 * p) // s) + 1
        if (count - 1) * s >= side + p:  # a window must begin inside the picture or its padding
            count -= 1
        beyond.append(max(0, (count - 1) * s + k - side - 2 * p))
    down, right = beyond
    if down or right:
        image = F.pad(image, (0, right, 0, down), value=float("-inf"))
    return aten.max_pool2d_with_indices(image, kernel, stride, padding, dilation)


def _max_pool2d_backward(
    gradient: Tensor, image: Tensor, kernel: Sequence[int], stride: Sequence[int], padding: Sequence[int],
    dilation: Sequence[int], _ceil: bool, _indices: Tensor,
) -> Tensor:  # fmt: skip
    if any(d != 1 for d in dilation):
        raise NotImplementedError("only max pools without dilation are written out")
    # A window's largest is the largest of its rows' largest, and the first in reading order is in the first such row.
    # So the gradient goes back in two short walks, to the row and along it: six masks for a 3 x 3 window, not nine.
    height, width = image.shape[2:]
    rows, columns = ((gradient.shape[2 + i] - 1) * stride[i] + kernel[i] for i in (0, 1))
    down, right = max(0, rows - height - padding[0]), max(0, columns - width - padding[1])
    padded = F.pad(image, (padding[1], right, padding[0], down), value=float("-inf"))
    wide = _windows(padded, 3, kernel[1], stride[1], gradient.shape[3])
    across = _largest(wide)
    tall = _windows(across, 2, kernel[0], stride[0], gradient.shape[2])
    to_rows = _put_back(_shares(gradient, tall, _largest(tall)), 2, stride[0], padded.shape[2])
    to_pixels = _put_back(_shares(to_rows, wide, across), 3, stride[1], padded.shape[3])
    return to_pixels[:, :, padding[0] : padding[0] + height, padding[1] : padding[1] + width]


def _windows(x: Tensor, axis: int, kernel: int, stride: int, count: int) -> list[Tensor]:
    """For each place in a window of ``kernel`` along ``axis``, what stands there in all ``count`` windows."""
    span = (count - 1) * stride + 1
    return [aten.slice(x, axis, place, place + span, stride) for place in range(kernel)]


def _largest(places: Sequence[Tensor]) -> Tensor:
    largest = places[0]
    for place in places[1:]:
        largest = torch.maximum(largest, place)
    return largest


def _shares(gradient: Tensor, places: Sequence[Tensor], largest: Tensor) -> list[Tensor]:
    """What each place of the windows gets: the whole gradient where it is the first that is largest, else nothing."""
    shares, nothing = [], _nothing(gradient)
    for place in places[:-1]:
        first = place == largest
        shares.append(torch.where(first, gradient, nothing))
        gradient = torch.where(first, nothing, gradient)
    return [*shares, gradient]


def _put_back(shares: Sequence[Tensor], axis: int, stride: int, length: int) -> Tensor:
    """The sum of all shares at their places along ``axis``, which is ``length`` long: the reverse of `_windows`."""
    beyond = (len(shares) - 1) // stride  # windows further on that reach back to the same remainder
    phases: list[Tensor] = []
    for remainder in range(stride):
        phase: Tensor | None = None
        for late, share in enumerate(shares[remainder::stride]):
            moved = F.pad(share, (0, 0, late, beyond - late) if axis == 2 else (late, beyond - late))
            phase = moved if phase is None else phase + moved
        phases.append(torch.zeros_like(phases[0]) if phase is None else phase)
    whole = torch.stack(phases, axis + 1).flatten(axis, axis + 1) if stride > 1 else phases[0]
    short = length - whole.shape[axis]
    if short > 0:  # pixels at the end that no window reached
        whole = F.pad(whole, (0, 0, 0, short) if axis == 2 else (0, short))
    return whole.narrow(axis, 0, length)


def _threshold_backward(gradient: Tensor, result: Tensor, threshold: float) -> Tensor:
    return torch.where(result > threshold, gradient, _nothing(gradient))


def _nothing(like: Tensor) -> Tensor:
    return torch.zeros((), dtype=like.dtype, device=like.device)


WRITTEN_OUT: dict[Any, Callable[..., Any]] = {
    aten.convolution_backward.default: _convolution_backward,
    aten.avg_pool2d_backward.default: _avg_pool2d_backward,
    aten.max_pool2d_with_indices.default: _max_pool2d,
    aten.max_pool2d_with_indices_backward.default: _max_pool2d_backward,
    aten.threshold_backward.default: _threshold_backward,
}
