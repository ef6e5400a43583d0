"""The gradient graph as an ONNX file, which TensorRT's builders and ONNX Runtime read.

Needs the packages ``onnx`` and ``onnxscript``, which come with the extras ``onnx``, ``rtx`` and ``tensorrt``.
"""

from collections.abc import Sequence
from importlib.util import find_spec

import torch

from models.ascent.compiled import BuildError, one_line
from models.ascent.gradient import trace
from models.ascent.quiet import quiet
from models.network import Network

INPUTS = ("image", "weights", "channels")
OUTPUT = "gradient"


def onnx_of(network: Network, layers: Sequence[str], size: tuple[int, int]) -> bytes:
    """The gradient of ``network`` at ``layers`` for pictures of ``size`` (height, width), as an ONNX model.

    Its inputs are `INPUTS` and its output `OUTPUT`, as `trace` has them: float32, whatever ``network`` computes in.
    Takes some ten seconds for Inception-v3.  Prints nothing.  Raises BuildError where a package is missing, where the
    network cannot be traced, and where the exporter fails.
    """
    missing = [package for package in ("onnx", "onnxscript") if find_spec(package) is None]
    if missing:
        raise BuildError(f"{' and '.join(missing)} missing; pip install 'dreamwall[onnx]'")
    try:
        graph = trace(network, layers, size).eval()
        some = next(network.parameters())
        outside = torch.promote_types(some.dtype, torch.float32)
        channels = sum(network.channels(layer) for layer in layers)
        shapes = (1, 3, *size), (len(layers),), (channels,)
        example = tuple(torch.zeros(shape, dtype=outside, device=some.device) for shape in shapes)
        with quiet("torch.onnx", "torch.export", "onnxscript", "onnx_ir"):
            # Not without the exporter's optimizer: splitting the channels' weights would stay a "sequence" in ONNX,
            # which TensorRT's parser does not take, and it costs no more time than it saves.
            made = torch.onnx.export(
                graph, example, dynamo=True, verbose=False, input_names=INPUTS, output_names=[OUTPUT], optimize=True
            )
            assert made is not None
            return bytes(made.model_proto.SerializeToString())
    except Exception as error:  # the exporter's own kinds are many
        what = f"{network.name} at {', '.join(layers)}, {size[1]}x{size[0]},"
        raise BuildError(f"{what} cannot be made an ONNX model: {one_line(error)}") from error
