"""A TensorRT engine, loaded: tensors in, tensors out, nothing waited for."""

from collections.abc import Sequence
from threading import Lock
from typing import Any

import torch
from torch import Tensor

from models.ascent.compiled import BuildError, one_line
from models.ascent.onnx_file import INPUTS
from models.ascent.tensorrt_library import Library

ALIGNED = 256  # bytes; TensorRT wants every tensor to begin at a multiple of this
ANEW = "it must be built anew"
TROUBLES = {
    "VERSION_MISMATCH": "it was built by another version",
    "UNSUPPORTED_CC": "it was built for another card",
    "OLD_CUDA_DRIVER": "it needs a newer driver",
    "OLD_CUDA_RUNTIME": "it needs a newer CUDA",
    "INSUFFICIENT_GPU_MEMORY": "the card is out of memory for it",
    "MALFORMED_ENGINE": "it is damaged or of another version",
    "CUDA_ERROR": "CUDA failed",
}


def deserialized(library: Library, engine: bytes, layers: Sequence[str], size: tuple[int, int]) -> Any:
    """``engine`` as ``library``'s ICudaEngine, surely one for ``layers`` and ``size``, (height, width).

    Raises BuildError, one line, for one that is damaged, of another version, for another card, size or depth.
    """
    library.listen()
    runtime = library.trt.Runtime(library.logger)
    trouble = _trouble(library, runtime, engine)
    found = None if trouble else runtime.deserialize_cuda_engine(engine)
    if found is None:
        if not trouble and not torch.cuda.is_available():
            raise BuildError("no CUDA device; engines of TensorRT can be built without an NVIDIA card, but not run")
        raise BuildError(f"{library.title} refuses the engine: {trouble or library.reason()}; {ANEW}")
    takes = {name: _shape(found, name) for name in _names(library, found, "INPUT")}
    gives = {name: _shape(found, name) for name in _names(library, found, "OUTPUT")}
    image = (1, 3, *size)
    fits = takes.get("image") == image and takes.get("weights") == (len(layers),) and [*gives.values()] == [image]
    floats = all(found.get_tensor_dtype(name) == library.trt.float32 for name in (*takes, *gives))
    if set(takes) != set(INPUTS) or not fits or not floats:
        wanted = f"{len(layers)} layers at {size[1]}x{size[0]}"
        raise BuildError(f"the engine is not one for {wanted}: it takes {takes} and gives {gives}; {ANEW}")
    return found


def _trouble(library: Library, runtime: Any, engine: bytes) -> str:
    """What the engine's header says is wrong, in words; nothing where it is well, or where only loading can tell."""
    if not hasattr(runtime, "get_engine_validity"):  # TensorRT-RTX has it
        return ""
    if len(engine) < runtime.engine_header_size:
        return TROUBLES["MALFORMED_ENGINE"]
    validity, found = runtime.get_engine_validity(engine[: runtime.engine_header_size])
    if validity != library.trt.EngineValidity.INVALID:
        return ""
    known = library.trt.EngineInvalidityDiagnostics.__members__
    return ", ".join(words for name, words in TROUBLES.items() if name in known and int(known[name]) & int(found))


def _names(library: Library, engine: Any, mode: str) -> list[str]:
    names = [engine.get_tensor_name(number) for number in range(engine.num_io_tensors)]
    return [name for name in names if engine.get_tensor_mode(name) == getattr(library.trt.TensorIOMode, mode)]


def _shape(engine: Any, name: str) -> tuple[int, ...]:
    return tuple(engine.get_tensor_shape(name))


class Loaded:
    """An engine that runs on CUDA tensors, where they lie.  Fills `models.ascent.compiled.Runner`.

    It has a stream of its own, on which the calls of all threads come one after another: its scratch memory is one,
    and on CUDA's default stream TensorRT would make the whole card wait.  The caller's stream waits for the result
    there, on the card; Python waits for nothing.
    """

    def __init__(self, library: Library, engine: Any, device: torch.device) -> None:
        """Runs once, which compiles what TensorRT leaves until then.  Raises BuildError where memory runs out."""
        self._library, self._engine, self._device = library, engine, device
        self._lock = Lock()
        (self._output,) = _names(library, engine, "OUTPUT")
        library.listen()
        try:
            self._context = engine.create_execution_context()
            if self._context is None:
                raise BuildError(f"{library.title} cannot get the engine ready: {library.reason()}")
            self._stream = torch.cuda.Stream(device)  # type: ignore[no-untyped-call]
            # Of ones: in a picture of zeros some layers would be dead, which is no fault but looks like one.
            self(*(torch.ones(_shape(engine, name), device=device) for name in INPUTS))
            self._stream.synchronize()
        except RuntimeError as error:
            raise BuildError(f"{library.title} cannot run the engine: {one_line(error)}") from error

    def __call__(self, image: Tensor, weights: Tensor, channels: Tensor) -> Tensor:
        """The gradient, (1, 3, H, W) float32, in memory of its own.  Raises RuntimeError where TensorRT fails."""
        given = dict(zip(INPUTS, map(_plain, (image, weights, channels)), strict=True))
        for name, tensor in given.items():  # TensorRT would read whatever lies behind a tensor that is too small
            if tuple(tensor.shape) != _shape(self._engine, name) or tensor.device.type != self._device.type:
                found = f"{tuple(tensor.shape)} on {tensor.device.type}"
                raise ValueError(f"{name} is {found}, the engine takes {_shape(self._engine, name)}")
        gradient = torch.empty(_shape(self._engine, self._output), device=self._device)
        with self._lock:
            for name, tensor in (*given.items(), (self._output, gradient)):
                self._context.set_tensor_address(name, tensor.data_ptr())
            callers = torch.cuda.current_stream(self._device)
            self._stream.wait_stream(callers)
            self._library.listen()
            done = self._context.execute_async_v3(self._stream.cuda_stream)
            # That also keeps the tensors' memory from being handed out anew too early: it goes by the caller's stream.
            callers.wait_stream(self._stream)
        if not done:
            raise RuntimeError(self._library.reason())
        return gradient


def _plain(tensor: Tensor) -> Tensor:
    """``tensor`` as TensorRT reads it: float32, dense, row after row, at an aligned address."""
    tensor = tensor.detach().to(torch.float32).contiguous()
    return tensor if tensor.data_ptr() % ALIGNED == 0 else tensor.clone()
