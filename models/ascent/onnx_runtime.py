"""The gradient in ONNX Runtime, on the processor: it proves the graph, and it is slower than PyTorch on most machines.

Measured on a processor with AVX2, beside `eager`: 194 ms a step against 185 with one thread, 116 against 153 with two.
So nobody gets it unasked.  It is here because it needs no card: what is true of engines (built ahead, kept in files,
swapped in while the show runs) can be seen and tested with it anywhere.
"""

import copy
from collections.abc import Sequence
from importlib.util import find_spec

import torch
from torch import Tensor

from models.ascent.compiled import BuildError, Runner, one_line
from models.ascent.onnx_file import INPUTS, OUTPUT, onnx_of
from models.network import Network

FATAL = 4  # ONNX Runtime's levels of logging; less would put its own lines between the show's


class OnnxRuntime:
    """Builds ONNX models and runs them on the processor, in float32.  Fills `models.ascent.compiled.Compiler`.

    Raises BuildError where the package ``onnxruntime`` is missing.
    """

    name = "onnx"
    target = "cpu"
    precision = "float32"
    device = torch.device("cpu")

    def __init__(self) -> None:
        if find_spec("onnxruntime") is None:
            raise BuildError("onnxruntime is missing; pip install 'dreamwall[onnx]'")
        import onnxruntime

        self.version = f"onnxruntime {onnxruntime.__version__}"

    def build(self, network: Network, layers: Sequence[str], size: tuple[int, int]) -> bytes:
        """The ONNX model, see `onnx_of`; float32 whatever ``network`` computes in, which is left as it is.

        ``size``: (height, width).  Raises BuildError.
        """
        return onnx_of(copy.deepcopy(network).to(self.device, torch.float32), layers, size)

    def load(self, engine: bytes, layers: Sequence[str], size: tuple[int, int]) -> Runner:
        """What runs ``engine``.  Raises BuildError for bytes that are no model, or one of other layers or size."""
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = torch.get_num_threads()
        options.log_severity_level = FATAL
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")  # between steps the screen needs them
        try:
            session = onnxruntime.InferenceSession(engine, options, providers=["CPUExecutionProvider"])
        except Exception as error:
            raise BuildError(
                f"ONNX Runtime cannot read the engine: {one_line(error)}; it must be built anew"
            ) from error
        found = {given.name: given.shape for given in session.get_inputs()}
        height, width = size
        if tuple(found) != INPUTS or found["image"] != [1, 3, height, width] or found["weights"] != [len(layers)]:
            wanted = f"{len(layers)} layers at {width}x{height}"
            raise BuildError(f"the engine is not one for {wanted}; it must be built anew (its inputs: {found})")

        def run(image: Tensor, weights: Tensor, channels: Tensor) -> Tensor:
            given = [tensor.detach().float().cpu().contiguous().numpy() for tensor in (image, weights, channels)]
            (gradient,) = session.run([OUTPUT], dict(zip(INPUTS, given, strict=True)))
            return torch.from_numpy(gradient)  # a new array at each run

        return run
