"""Ascent in TensorRT: the written-out gradient, compiled in half precision for one card.

Two ways lead from the graph to an engine: torch_tensorrt's converters, tried first on the machine that has the card,
and an ONNX file for TensorRT's own parser, which also works ahead of time on a machine that has none.
The graph itself is typed: traced through the network in half precision, it is float32 only at the picture, at the
layers' root mean squares and at the gradient.  So TensorRT is told to keep to the types it finds, which is all that
TensorRT-RTX can do.
"""

import copy
from collections.abc import Sequence
from typing import Any

import torch

from models.ascent.compiled import BuildError, Runner, one_line
from models.ascent.onnx_file import onnx_of
from models.ascent.tensorrt_converters import converted
from models.ascent.tensorrt_library import FULL, RTX, Library
from models.ascent.tensorrt_runtime import Loaded, deserialized
from models.network import Network

PRECISIONS = {"float16": torch.float16, "float32": torch.float32}


class TensorRT:
    """Builds and loads TensorRT engines.  Fills `models.ascent.compiled.Compiler`; made by its two class methods.

    ``status``: for which card, by what, and which way the last engine was built.
    """

    name = "tensorrt"
    device = torch.device("cuda")

    def __init__(self, library: Library, target: str, precision: str, capability: Any, *, ahead: bool) -> None:
        """``capability``: the library's own value for ``target``; None where it builds for the card it finds.

        ``ahead``: build through ONNX only.  Raises ValueError for a ``precision`` that is not in `PRECISIONS`.
        """
        if precision not in PRECISIONS:
            raise ValueError(f"precision is {precision!r}; there are {', '.join(PRECISIONS)}")
        self.version, self.target, self.precision = library.title, target, precision
        self.status = f"{library.title}, {precision} for {target}"
        self._library, self._capability, self._ahead = library, capability, ahead

    @classmethod
    def for_target(cls, target: str, precision: str = "float16") -> "TensorRT":
        """Ahead of time, on any machine, for the card ``target``: "sm_89", "89" or "8.9".

        Raises BuildError where TensorRT-RTX is not installed or does not know the card.
        """
        library = Library(RTX)
        name = f"sm_{target.lower().removeprefix('sm').removeprefix('_').replace('.', '')}"
        if name not in library.targets:
            raise BuildError(f"{library.title} cannot build for {target}; it can for {', '.join(library.targets)}")
        return cls(library, name, precision, library.targets[name], ahead=True)

    @classmethod
    def here(cls, precision: str = "float16", *, any_card: bool = False) -> "TensorRT":
        """For this machine's card: TensorRT-RTX where it knows the card, else the full TensorRT.

        ``any_card``: let TensorRT-RTX try a card, too, that it has no name for.
        Raises BuildError where there is no CUDA device, neither is installed, or none of them takes the card.
        """
        if not torch.cuda.is_available():
            raise BuildError("no CUDA device; TensorRT needs an NVIDIA card, its driver and a PyTorch made for CUDA")
        target = "sm_{}{}".format(*torch.cuda.get_device_capability())
        why = []
        try:
            library = Library(RTX)
            if target in library.targets:  # by its name, so that an engine built elsewhere for this card is found
                return cls(library, target, precision, library.targets[target], ahead=False)
            if any_card:
                return cls(library, target, precision, library.trt.ComputeCapability.CURRENT, ahead=False)
            card = f"{torch.cuda.get_device_name()} ({target})"
            why = [f"{library.title} does not know this card, {card}; it knows {', '.join(library.targets)}"]
        except BuildError as error:
            why = [str(error)]
        try:
            return cls(Library(FULL), target, precision, None, ahead=False)
        except BuildError as error:
            raise BuildError("; ".join([*why, str(error)])) from error

    def build(self, network: Network, layers: Sequence[str], size: tuple[int, int]) -> bytes:
        """See `models.ascent.compiled.Compiler.build`.  ``network`` is left as it is, whatever its type and device."""
        try:
            for layer in layers:
                network.channels(layer)  # which names the layers there are
            deepest = max(layers, key=network.layers.index)
            typed = copy.deepcopy(network.truncated(deepest)).to("cpu", PRECISIONS[self.precision])
            way = "through ONNX"
            if not self._ahead:
                try:
                    engine = converted(self._library, typed, layers, size)
                    deserialized(self._library, engine, layers, size)  # what it gives has the picture's size, and so on
                    self._built("by torch_tensorrt")
                    return engine
                except BuildError as error:
                    way = f"through ONNX: {error}"
            engine = self.from_onnx(onnx_of(typed, layers, size))
        except BuildError:
            raise
        except Exception as error:  # memory, or a layer that there is not
            what = f"{network.name} at {', '.join(layers)}, {size[1]}x{size[0]}"
            raise BuildError(f"{what} cannot be built for {self.target}: {one_line(error)}") from error
        self._built(way)
        return engine

    def from_onnx(self, model: bytes) -> bytes:
        """The engine of ``model``, as `onnx_of` makes it: one file serves all targets.  Raises BuildError."""
        trt, library = self._library.trt, self._library
        library.listen()
        builder = trt.Builder(library.logger)
        graph = builder.create_network(1 << int(trt.NetworkDefinitionCreationFlag.STRONGLY_TYPED))
        parser = trt.OnnxParser(graph, library.logger)
        if not parser.parse(model):
            told = [parser.get_error(number).desc() for number in range(parser.num_errors)]
            why = told[0].splitlines()[0] if told else library.reason()
            raise BuildError(f"{library.title} cannot read the graph: {why}")
        config = builder.create_builder_config()
        if self._capability is not None:
            config.num_compute_capabilities = 1
            if not config.set_compute_capability(self._capability, 0):
                raise BuildError(f"{library.title} cannot build for {self.target}: {library.reason()}")
        if self.precision == "float32":  # and not TensorFloat-32, which multiplies with no more digits than float16
            config.clear_flag(trt.BuilderFlag.TF32)
        engine = builder.build_serialized_network(graph, config)
        if engine is None:
            raise BuildError(f"{library.title} cannot build for {self.target}: {library.reason()}")
        return bytes(engine)

    def load(self, engine: bytes, layers: Sequence[str], size: tuple[int, int]) -> Runner:
        """See `models.ascent.compiled.Compiler.load`.  Runs it once, since TensorRT-RTX compiles at the first run."""
        return Loaded(self._library, deserialized(self._library, engine, layers, size), self.device)

    def _built(self, way: str) -> None:
        self.status = f"{self.version}, {self.precision} for {self.target}, built {way}"
