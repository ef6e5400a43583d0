"""torch_tensorrt's own converters, as one of two ways from the gradient graph to a TensorRT engine.

They know PyTorch's operations and need no ONNX.  But they build for the card that is there and for no other, and the
package can only be imported where PyTorch was made for CUDA; everywhere else `onnx_file` is the way.
"""

import inspect
from collections.abc import Sequence
from importlib import import_module
from typing import Any

import torch

from models.ascent.compiled import BuildError, one_line
from models.ascent.gradient import trace
from models.ascent.quiet import quiet
from models.ascent.tensorrt_library import Library
from models.network import Network

SPEAKERS = ("torch_tensorrt", "torch_tensorrt [TensorRT Conversion Context]", "torch.export")


def converted(
    library: Library, network: Network, layers: Sequence[str], size: tuple[int, int], device: str = "cuda"
) -> bytes:
    """The gradient of ``network`` at ``layers`` for pictures of ``size`` (height, width), as an engine for this card.

    Its inputs are named as in `onnx_file`, its output as torch_tensorrt likes.  ``network`` is on the CPU; its types
    are the engine's.  Raises BuildError where torch_tensorrt is missing, is made for the other distribution, or fails.
    """
    with quiet(*SPEAKERS) as errors:
        try:
            converter: Any = import_module("torch_tensorrt")
        except Exception as error:  # an AssertionError where PyTorch was not made for CUDA
            raise BuildError(f"torch_tensorrt cannot be imported ({one_line(error)})") from error
        flavour = getattr(converter, "tensorrt_package_name", "tensorrt")
        if flavour != library.name:
            raise BuildError(f"torch_tensorrt is the one for {flavour}, not for {library.name}")
        library.listen()
        errors.clear()  # what it said while it was imported
        try:
            channels = sum(network.channels(layer) for layer in layers)
            example = torch.zeros(1, 3, *size), torch.zeros(len(layers)), torch.zeros(channels)
            program = torch.export.export(trace(network, layers, size).eval(), example, strict=False)
            convert = converter.dynamo.convert_exported_program_to_serialized_trt_engine
            options: dict[str, Any] = {"arg_inputs": example, "device": device, "require_full_compilation": True}
            options["disable_tf32"] = True  # it multiplies float32 with no more digits than float16 has
            if "use_explicit_typing" in inspect.signature(convert).parameters:  # later versions know no other way
                options["use_explicit_typing"] = True  # the graph says where it is half and where it is float32
            return bytes(convert(program, **options))
        except Exception as error:  # those of torch.export, of the converters, of TensorRT
            first: BaseException = error
            while first.__cause__ is not None:  # the later ones only print the graph
                first = first.__cause__
            heard = "".join(f" ({told.splitlines()[0]})" for told in errors[:1] if told)
            why = f"{one_line(first)}{heard}"
            raise BuildError(f"torch_tensorrt {converter.__version__} failed: {why[:200]}") from error
