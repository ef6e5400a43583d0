"""Measuring several things in one run, in turn, so that a machine that slows down slows them all alike."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from time import perf_counter

import torch
from torch import Tensor

Call = Callable[[], object]
Clock = Callable[[], float]

BLOCK = 0.1  # seconds that a turn lasts about: many calls of a quick thing, one of a slow one
SLOW = 1.0  # seconds of one call
MOST_CALLS = 200
LEAST_ROUNDS = 3
PATIENCE = 5.0  # times the seconds that were given; then even fewer rounds have to do

MATMULS = {"cpu": (1024, 2048), "mps": (2048, 4096), "cuda": (2048, 4096, 8192)}


@dataclass(frozen=True, slots=True)
class Measured:
    """Median seconds of one call of each, and how many rounds they are the medians of."""

    seconds: Mapping[str, float]
    rounds: int


def interleaved(
    calls: Mapping[str, Call], seconds: float, *, sync: Call = lambda: None, clock: Clock = perf_counter
) -> Measured:
    """Take ``calls`` in turn, round after round, for about ``seconds``, at least three rounds.

    Each is called beforehand, to warm up and to see how many calls make a turn of a tenth of a second.
    ``sync`` waits for a device that works on its own.
    """

    def timed(call: Call, times: int) -> float:
        sync()
        begun = clock()
        for _ in range(times):
            call()
        sync()
        return (clock() - begun) / times

    times = {}
    for name, call in calls.items():
        once = timed(call, 1)
        if once < SLOW:  # what is slow is not much slower at first, and twice would be long
            once = timed(call, 1)
        times[name] = min(MOST_CALLS, max(1, round(BLOCK / max(once, 1e-9))))
    found: dict[str, list[float]] = {name: [] for name in calls}
    begun = clock()
    rounds = 0
    while True:
        for name, call in calls.items():
            found[name].append(timed(call, times[name]))
        rounds += 1
        gone = clock() - begun
        enough = rounds >= LEAST_ROUNDS and gone * (rounds + 1) / rounds >= seconds
        if enough or gone >= PATIENCE * seconds:
            return Measured({name: median(each) for name, each in found.items()}, rounds)


@dataclass(frozen=True, slots=True)
class Matmul:
    """A product of two square matrices."""

    side: int
    call: Call

    @property
    def flops(self) -> float:
        return 2.0 * self.side**3


def best_matmul(
    dtype: torch.dtype,
    device: torch.device,
    *,
    sides: Sequence[int] = (),
    sync: Call = lambda: None,
    clock: Clock = perf_counter,
) -> Matmul:
    """The size at which this machine multiplies matrices quickest, ready to be measured beside a row."""
    made = [_matmul(side, dtype, device) for side in sides or MATMULS[device.type]]

    def rate(matmul: Matmul) -> float:
        return matmul.flops / interleaved({"": matmul.call}, 0.0, sync=sync, clock=clock).seconds[""]

    return max(made, key=rate)


def _matmul(side: int, dtype: torch.dtype, device: torch.device) -> Matmul:
    chance = torch.Generator().manual_seed(0)
    a, b = (torch.rand(side, side, generator=chance).to(device, dtype) for _ in range(2))
    out = torch.empty_like(a)

    def call() -> Tensor:
        return torch.mm(a, b, out=out)

    return Matmul(side, call)


def as_convolutions_multiply(device: torch.device) -> str | None:
    """Let float32 matrices be multiplied as PyTorch multiplies in float32 convolutions; says so where that differs.

    On NVIDIA's cards since Ampere convolutions in float32 use its shorter TF32 unless told otherwise, and matrices do
    not.  A share of the slower rate would come out above one.
    """
    if device.type != "cuda" or torch.cuda.get_device_capability(device) < (8, 0):
        return None
    if not torch.backends.cudnn.allow_tf32:
        return None
    torch.set_float32_matmul_precision("high")
    return "float32 is multiplied in TF32, PyTorch's own choice for convolutions, also in the matrices beside them"
