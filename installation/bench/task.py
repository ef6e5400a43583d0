"""What one row measures, and where it stands."""

from dataclasses import dataclass

PATHS = ("plain", "full", "eager", "graphed", "tensorrt", "onnx", "leap")
PRECISIONS = ("float32", "bfloat16", "float16")
RANDOM = "random"
LEAP = "leap"


@dataclass(frozen=True, slots=True)
class Task:
    """One row to measure.

    ``network``: its kind.  ``weights``: the file they come from, or "random".  ``layer``: the one tapped layer.
    ``steps``: ascent steps at an octave.  ``whole``: a frame is every octave, as in other people's programs, and not
    one octave in turn, as in ours.  ``seconds``: how long to measure.  ``threads``: of the processor; None leaves them
    to PyTorch.
    """

    network: str
    weights: str
    layer: str
    width: int
    height: int
    steps: int
    octaves: int
    precision: str
    path: str
    seconds: float
    threads: int | None = None
    whole: bool = False

    @property
    def about(self) -> str:
        """The workload in words, which is the same for every path."""
        octaves = f"{self.octaves} octave{'s' * (self.octaves != 1)} {'a frame' if self.whole else 'in turn'}"
        steps = f"{self.steps} step{'s' * (self.steps != 1)}"
        layer = "" if self.network == LEAP else f" {self.layer}"
        weights = " (random weights)" if self.weights == RANDOM else ""
        return f"{self.network}{layer}{weights}, {self.width}x{self.height}, {steps}, {octaves}"

    def __str__(self) -> str:
        return f"{self.path} {self.precision}: {self.about}"


@dataclass(frozen=True, slots=True)
class Machine:
    """What the rows can run on: ``device`` is "cuda", "mps" or "cpu", ``native`` its smallest native precision."""

    device: str
    native: str


@dataclass(frozen=True, slots=True)
class Footnote:
    """What could not be measured, where, and why."""

    what: str
    where: str
    why: str


def this_machine() -> Machine:
    """The best device there is here, as the show would take it."""
    from models.ascent.eager import best_device, native_dtype

    device = best_device()
    return Machine(device.type, str(native_dtype(device)).removeprefix("torch."))


def refusal(path: str, precision: str, machine: Machine) -> str | None:
    """Why ``path`` cannot run in ``precision`` here; None where it can be tried."""
    computes = COMPUTES[path]
    if precision not in computes:
        return f"it computes in {' or '.join(computes)}"
    if path in {"graphed", "tensorrt"} and machine.device != "cuda":
        return "it needs an NVIDIA card, and PyTorch finds none here"
    if path == "onnx":
        return None  # on the processor, in float32: every machine can
    if precision == "float16" and machine.device == "cpu":
        return "processors have no float16 that pays"
    if precision == "bfloat16" and machine.device == "cpu" and machine.native != "bfloat16":
        return "this processor has no native bfloat16; emulated it is some 25 times slower, which says nothing"
    return None


COMPUTES: dict[str, tuple[str, ...]] = {
    "plain": ("float32",),
    "full": ("float32",),
    "eager": PRECISIONS,
    "graphed": PRECISIONS,
    "tensorrt": ("float32", "float16"),
    "onnx": ("float32",),
    "leap": PRECISIONS,
}
