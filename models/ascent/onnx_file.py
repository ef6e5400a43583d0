"""The gradient graph as an ONNX file, which TensorRT's builders and ONNX Runtime read.

Needs the packages ``onnx`` and ``onnxscript``, which come with the extras ``onnx``, ``rtx`` and ``tensorrt``.
"""

from collections.abc import Sequence

import torch

from models.ascent.gradient import trace
from models.network import Network

INPUTS = ("image", "weights", "channels")
OUTPUT = "gradient"


def onnx_of(network: Network, layers: Sequence[str], size: tuple[int, int]) -> bytes:
    """The gradient of ``network`` at ``layers`` for pictures of ``size`` (height, width), as an ONNX model.

    Its inputs are `INPUTS` and its output `OUTPUT`, as `trace` has them.
    """
    graph = trace(network, layers, size)
    some = next(network.parameters())
    channels = sum(network.channels(layer) for layer in layers)
    example = tuple(torch.zeros(shape, device=some.device) for shape in ((1, 3, *size), (len(layers),), (channels,)))
    made = torch.onnx.export(
        graph, example, dynamo=True, verbose=False, input_names=INPUTS, output_names=[OUTPUT], optimize=True
    )
    assert made is not None
    return bytes(made.model_proto.SerializeToString())
