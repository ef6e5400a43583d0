"""Opening a path: the ascent that a row measures, made as the show makes it."""

import copy
from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, version
from time import perf_counter
from typing import NamedTuple

import torch
from torch import Tensor

from installation.bench.plain import Full, Plain
from installation.bench.task import LEAP
from models.ascent import Ascent, Stepping
from models.ascent.compiled import BuildError, Compiled, Compiler
from models.network import Network

LIBRARIES = ("onnxruntime", "tensorrt", "tensorrt-rtx", "tensorrt_rtx", "torch-tensorrt", "torch-tensorrt-rtx")


class Engines(NamedTuple):
    """Engines as their compiler built them, by (height, width), and the seconds that it took."""

    compiler: Compiler
    files: dict[tuple[int, int], bytes]
    seconds: float


def built(
    path: str, precision: str, network: Network | None, layer: str, sizes: Sequence[tuple[int, int]]
) -> Engines | None:
    """Engines for ``layer`` at every (height, width) of ``sizes``; None for a path that has none.

    ``network``: float32 on the CPU.  Raises `models.ascent.compiled.BuildError` where they cannot be built.
    """
    if path not in {"onnx", "tensorrt"} or network is None:
        return None
    compiler = _compiler(path, precision)
    begun = perf_counter()
    files = {size: compiler.build(network, [layer], size) for size in sizes}
    return Engines(compiler, files, perf_counter() - begun)


def open_path(
    path: str, precision: str, network: Network | None, layer: str, device: torch.device, engines: Engines | None = None
) -> Ascent:
    """The ascent of ``path`` at ``layer`` on ``device``, over ``engines`` where the path has any.

    ``network``: float32 on the CPU, left as it is; a path that computes with its weights takes a copy of them, so that
    their memory can be counted.  Raises BuildError or ImportError where it cannot be had, saying why.
    """
    from models.ascent.eager import Eager

    dtype = getattr(torch, precision)
    if path == LEAP:
        from models.leap import Leap

        return Leap.load(device=device, dtype=dtype)
    assert network is not None
    if engines is not None:
        return _compiled(engines, network.truncated(layer), layer)
    if path == "full":
        return Full(network, [layer], device)
    if path == "plain":
        return Plain(network, [layer], device)
    eager = Eager(copy.deepcopy(network.truncated(layer)), [layer], device=device, dtype=dtype)
    if path == "eager":
        return eager
    from models.ascent.graphed import Graphed

    return Graphed(eager)


def check(path: str, ascent: Ascent) -> None:
    """Raise BuildError where ``ascent`` has quietly given way to another path: its figures would be that one's."""
    if path == "graphed" and not ascent.status.startswith("graphed"):
        raise BuildError(ascent.status)


def _compiler(path: str, precision: str) -> Compiler:
    if path == "onnx":
        from models.ascent.onnx_runtime import OnnxRuntime

        return OnnxRuntime()
    from models.ascent.tensorrt import TensorRT

    try:
        return TensorRT.here(precision)
    except BuildError as error:
        try:  # TensorRT-RTX may take a card that it has no name for; here nothing is lost by trying
            return TensorRT.here(precision, any_card=True)
        except BuildError:
            raise error from None


def _compiled(engines: Engines, network: Network, layer: str) -> Ascent:
    nothing = Nothing((layer,), engines.compiler.device)
    ours = nothing.compiled = Compiled(engines.compiler, nothing, network)
    for size, engine in engines.files.items():
        ours.put(1, size, engines.compiler.load(engine, [layer], size))
    return ours


class Nothing(Stepping):
    """Stands where an engine's fallback would: a benchmark must not measure the fallback under the engine's name."""

    reach = 1.0
    span = 1

    def __init__(self, layers: tuple[str, ...], device: torch.device) -> None:
        self.layers, self.device, self.status = layers, device, "nothing"
        self.compiled: Compiled | None = None

    def gradient(self, image: Tensor, weights: Sequence[float], channels: Sequence[Tensor] | None = None) -> Tensor:  # noqa: ARG002
        """Raises BuildError, saying what became of the engine."""
        reasons = set(self.compiled.refused.values() if self.compiled else ()) or {"no engine answers for this size"}
        raise BuildError("; ".join(sorted(reasons)))


def libraries() -> dict[str, str]:
    """The engines' packages that are installed, with their versions."""
    found = {}
    for name in LIBRARIES:
        try:
            found[name.replace("-", "_")] = version(name)
        except PackageNotFoundError:
            continue
    return found
