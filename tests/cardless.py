"""A program: torch_tensorrt's converters on a machine without a card, on the gradient of each network.

Importing torch_tensorrt asks CUDA which card there is, and its interpreter asks again; converting needs none.  So the
questions are answered with a made-up card, TensorRT-RTX is told to build for that one by name, and the engine, which
could not be loaded here, is handed on unread.  Everything between is real: the export, the lowering, the converters and
what they check, TensorRT's builder.  Prints one JSON object; to be run in a process of its own, which it spoils.
"""

import json
import os
import sys
from types import SimpleNamespace

import torch

SIZE = (120, 160)


def pretend_a_card() -> None:
    """Answers for what torch_tensorrt asks of a PyTorch that was not made for CUDA."""
    card = SimpleNamespace(major=8, minor=9, name="made up", total_memory=8 << 30)
    torch.cuda.get_device_capability = lambda *_: (8, 9)
    torch.cuda.get_device_properties = lambda *_: card
    torch.cuda.current_device = lambda: 0
    torch.cuda.mem_get_info = lambda *_: (8 << 30, 8 << 30)
    if not hasattr(torch._C, "_CudaDeviceProperties"):
        torch._C._CudaDeviceProperties = SimpleNamespace
    if torch.version.cuda is None:  # its compiled runtime would look for PyTorch's CUDA libraries
        is_file = os.path.isfile
        os.path.isfile = lambda path: "libtorchtrt" not in str(path) and is_file(path)


def build_for(trt, capability, seen: dict) -> None:
    """TensorRT-RTX builds for ``capability`` whatever it is told, writes into ``seen``, and loads nothing."""

    class Builder(trt.Builder):
        def create_builder_config(self):
            config = super().create_builder_config()
            config.num_compute_capabilities = 1
            config.set_compute_capability(capability, 0)
            return config

        def build_serialized_network(self, network, config):
            seen["layers"] = network.num_layers
            inputs = [network.get_input(number) for number in range(network.num_inputs)]
            seen["takes"] = {tensor.name: list(tensor.shape) for tensor in inputs}
            outputs = [network.get_output(number) for number in range(network.num_outputs)]
            seen["gives"] = [list(tensor.shape) for tensor in outputs]
            types = {tensor.dtype for tensor in (*inputs, *outputs)}
            seen["types"] = [str(kind) for kind in types]
            return super().build_serialized_network(network, config)

    class Unread:
        def __init__(self, _logger) -> None: ...

        def deserialize_cuda_engine(self, engine):
            return SimpleNamespace(serialize=lambda: engine)

    trt.Builder, trt.Runtime = Builder, Unread


def main() -> None:
    from models.ascent.tensorrt_converters import converted
    from models.ascent.tensorrt_library import RTX, Library
    from models.googlenet import googlenet
    from models.inception import inception_v3

    torch.set_num_threads(1)
    torch.manual_seed(0)
    library = Library(RTX)
    pretend_a_card()
    found = {}
    for network, layers in (
        (inception_v3("Mixed_5b"), ["Conv2d_4a_3x3", "Mixed_5b"]),
        (googlenet("inception3a"), ["conv3", "inception3a"]),
    ):
        seen = found[network.name] = {}
        plain = library.trt.Builder, library.trt.Runtime
        build_for(library.trt, library.targets["sm_89"], seen)
        engine = converted(library, network.half(), layers, SIZE, "cuda:0")
        library.trt.Builder, library.trt.Runtime = plain
        seen["bytes"] = len(engine)
        seen["errors"] = list(library.logger.errors)
    json.dump(found, sys.stdout)


if __name__ == "__main__":
    main()
