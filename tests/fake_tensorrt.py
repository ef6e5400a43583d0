"""A stand-in for TensorRT's Python module: its names and its manners, on the CPU, and an engine that adds things up."""

import ctypes
import enum
import json
from types import SimpleNamespace
from typing import Any

ADDED = 100.0  # to every pixel, beside the sum of all weights: what this engine calls a gradient
ALIGNED = 64  # bytes; the CPU's memory is handed out so, CUDA's at multiples of 512


class Capability(enum.Enum):
    NONE, CURRENT, SM75, SM89 = range(4)


class Mode(enum.Enum):
    INPUT, OUTPUT = range(2)


class Validity(enum.Enum):
    VALID, SUBOPTIMAL, INVALID = range(3)


def engine(shapes: dict[str, list[int]], *, trouble: int = 0) -> bytes:
    """The bytes of an engine with these tensors, the last of them its output; ``trouble``: what its header shows."""
    return bytes([trouble]) * 64 + json.dumps(shapes).encode()


def module(**instead: Any) -> Any:
    """What ``import tensorrt_rtx`` gives.  ``instead``: names with another meaning than usual.

    ``heard``: what was done, in order.  ``fail``: set to a line that TensorRT would log, and the next step fails.
    """
    fake = SimpleNamespace(
        __version__="9.9", heard=[], fail=None, float32="float32", ComputeCapability=Capability, TensorIOMode=Mode,
        EngineValidity=Validity, EngineInvalidityDiagnostics=Diagnostics, ILogger=Logger,
        NetworkDefinitionCreationFlag=SimpleNamespace(STRONGLY_TYPED=0), BuilderFlag=SimpleNamespace(TF32="TF32"),
    )  # fmt: skip

    def failing(logger: Any) -> bool:
        if fake.fail:
            logger.log(Logger.Severity.ERROR, fake.fail)
        return bool(fake.fail)

    class Builder:
        def __init__(self, logger: Any) -> None:
            self._logger = logger

        def create_network(self, flags: int) -> Any:
            fake.heard.append(("typed", flags))
            return SimpleNamespace()

        def create_builder_config(self) -> Any:
            def choose(capability: Capability, _index: int) -> bool:
                fake.heard.append(("for", capability))
                return True

            def without(flag: str) -> None:
                fake.heard.append(("without", flag))

            return SimpleNamespace(num_compute_capabilities=0, set_compute_capability=choose, clear_flag=without)

        def build_serialized_network(self, _network: Any, _config: Any) -> bytes | None:
            return None if failing(self._logger) else b"engine"

    class Parser:
        def __init__(self, _network: Any, _logger: Any) -> None:
            self.num_errors = 0

        def parse(self, model: bytes) -> bool:
            self.num_errors = int(model == b"bad")
            return not self.num_errors

        def get_error(self, _number: int) -> Any:
            return SimpleNamespace(desc=lambda: "node 7 is strange\nIn function parse")

    class Runtime:
        engine_header_size = 64

        def __init__(self, logger: Any) -> None:
            self._logger = logger

        def get_engine_validity(self, header: bytes) -> tuple[Validity, int]:
            return (Validity.INVALID, header[0]) if header[0] else (Validity.VALID, 0)

        def deserialize_cuda_engine(self, data: bytes) -> Any:
            return None if failing(self._logger) else Engine(json.loads(data[64:]), failing, self._logger)

    fake.Builder, fake.OnnxParser, fake.Runtime = Builder, Parser, Runtime
    vars(fake).update(instead)
    return Module(fake)


class Module:
    """Can be a key, as a module can."""

    def __init__(self, names: SimpleNamespace) -> None:
        self.__dict__ = vars(names)


class Diagnostics(enum.IntFlag):
    VERSION_MISMATCH, UNSUPPORTED_CC, OLD_CUDA_DRIVER, MALFORMED_ENGINE = 1, 2, 4, 32


class Logger:
    class Severity(enum.Enum):
        INTERNAL_ERROR, ERROR, WARNING = range(3)

    def log(self, severity: Severity, message: str) -> None: ...


class Engine:
    def __init__(self, shapes: dict[str, list[int]], failing: Any, logger: Any) -> None:
        self._shapes, self._failing, self._logger = shapes, failing, logger
        self.num_io_tensors = len(shapes)

    def get_tensor_name(self, number: int) -> str:
        return list(self._shapes)[number]

    def get_tensor_mode(self, name: str) -> Mode:
        return Mode.OUTPUT if name == list(self._shapes)[-1] else Mode.INPUT

    def get_tensor_shape(self, name: str) -> list[int]:
        return self._shapes[name]

    def get_tensor_dtype(self, _name: str) -> str:
        return "float32"

    def create_execution_context(self) -> Any:
        return None if self._failing(self._logger) else Context(self._shapes, self._failing, self._logger)


class Context:
    """Reads and writes memory at the addresses it is given, as TensorRT does."""

    def __init__(self, shapes: dict[str, list[int]], failing: Any, logger: Any) -> None:
        self._shapes, self._failing, self._logger = shapes, failing, logger
        self._addresses: dict[str, int] = {}

    def set_tensor_address(self, name: str, address: int) -> bool:
        assert address % ALIGNED == 0, f"{name} does not begin where TensorRT wants it"
        self._addresses[name] = address
        return True

    def execute_async_v3(self, _stream: int) -> bool:
        if self._failing(self._logger):
            return False
        image, weights, channels, output = (self._floats(name) for name in self._shapes)
        added = sum(weights) + sum(channels) + ADDED
        for index, pixel in enumerate(image):
            output[index] = pixel + added
        return True

    def _floats(self, name: str) -> Any:
        count = 1
        for side in self._shapes[name]:
            count *= side
        return (ctypes.c_float * count).from_address(self._addresses[name])
