"""Compiled ascent: engines that a compiler built from the written-out gradient, and what answers while one is missing.

An engine holds one size and one depth.  The engine for ``layers[:k]`` takes the weights of those k layers, and of all
their channels, when it runs: turning the layer knob within its depth needs no build, and what a deeper engine computes
for a shallower mixture is the same gradient.  What no engine can answer the fallback does, at once, and the wish for
one is written down; whoever builds engines reads it in `Compiled.wanted` and puts them in while the dream runs.
"""

from collections.abc import Callable, Sequence
from threading import Lock
from typing import Protocol

import torch
from torch import Tensor

from models.ascent import Ascent, Stepping, Viewing
from models.network import Network

Runner = Callable[[Tensor, Tensor, Tensor], Tensor]
"""A loaded engine.  Takes the image, (1, 3, H, W), a weight for each of its layers, (k,), and one for each of all their
channels, one layer after another; gives the gradient, (1, 3, H, W), in memory that the next call leaves alone.
All float32 on its compiler's device.  May be called from several threads."""

Place = tuple[int, tuple[int, int]]
"""What one engine is for: how many layers deep, and the picture's (height, width)."""

USUAL_MOST = 16  # engines loaded at once: four octaves at four depths; each keeps weights and scratch memory
MOST_WANTED = 32


class BuildError(Exception):
    """An engine cannot be built or used.  The message is one line: why, and what to do."""


class Compiler(Protocol):
    """What makes engines out of networks.

    ``name``: as in the setting, "tensorrt" or "onnx".  ``version``, ``target`` ("sm_89", "cpu") and ``precision``
    ("float16", "float32"): an engine that another version made, or for another target, cannot be used.
    ``device``: where its runners compute.
    """

    name: str
    version: str
    target: str
    precision: str
    device: torch.device

    def build(self, network: Network, layers: Sequence[str], size: tuple[int, int]) -> bytes:
        """The engine for pictures of ``size`` (height, width).  ``network`` is float32.  Raises BuildError."""
        ...

    def load(self, engine: bytes, layers: Sequence[str], size: tuple[int, int]) -> Runner:
        """``engine``, as `build` made it, ready to run.  Raises BuildError."""
        ...


class Compiled(Stepping):
    """Engines where there are any, and the fallback elsewhere.  Fills `models.ascent.Ascent`.

    ``refused``: for each place whose engine will not be used again, why.
    """

    reach = 1.0

    def __init__(self, compiler: Compiler, fallback: Ascent, network: Network, *, most: int = USUAL_MOST) -> None:
        """``fallback``: a true gradient on the compiler's own device; its layers are these.

        ``network``: what they are layers of, float32 on the CPU; it is what engines are built from and held to.
        ``most``: engines held at once; beyond it the one not used for longest is let go, and wanted anew.
        """
        if fallback.device.type != compiler.device.type:
            raise ValueError(f"{compiler.name} computes on {compiler.device} and its fallback on {fallback.device}")
        if fallback.reach != 1 or fallback.viewing([1.0] * len(fallback.layers)) != Viewing():
            raise ValueError(f"{fallback.status} gives no true gradient, which engines are held to")
        self.compiler, self.fallback, self.network = compiler, fallback, network
        self.layers, self.device = fallback.layers, compiler.device
        self.refused: dict[Place, str] = {}
        self._most = most
        self._lock = Lock()  # only ever held to look something up or to write it down
        self._runners: dict[Place, Runner] = {}  # least lately used first
        self._wanted: dict[Place, None] = {}  # most lately asked for last
        self._ones: dict[int, Tensor] = {}
        self._weights: dict[int, tuple[tuple[float, ...], Tensor]] = {}

    # -- engines come and go ---------------------------------------------------------------------------------------

    def put(self, depth: int, size: tuple[int, int], runner: Runner) -> None:
        """From the next step on ``runner`` answers for ``layers[:depth]`` at ``size``.  From any thread."""
        with self._lock:
            self._runners.pop((depth, size), None)
            self._runners[depth, size] = runner
            self._wanted.pop((depth, size), None)
            while len(self._runners) > self._most:
                del self._runners[next(iter(self._runners))]

    def refuse(self, depth: int, size: tuple[int, int], why: str) -> None:
        """Use no engine for this place, now or later, and want none; others may answer for it.  From any thread."""
        with self._lock:
            self._runners.pop((depth, size), None)
            self._wanted.pop((depth, size), None)
            self.refused[depth, size] = why

    def wanted(self) -> list[Place]:
        """The places that were asked for and have no engine of their own, the latest first; at most 32."""
        with self._lock:
            return list(reversed(self._wanted))

    @property
    def ready(self) -> list[Place]:
        """The places that have an engine of their own."""
        with self._lock:
            return sorted(self._runners)

    @property
    def status(self) -> str:
        """What runs, what is still missing, and what answers in its place."""
        with self._lock:
            ready, missing, refused = len(self._runners), len(self._wanted), len(self.refused)
        compiler = self.compiler
        begins = f"{compiler.name}, {compiler.precision} on {self.device.type}"
        counts = [f"{number} {what}" for number, what in ((missing, "to come"), (refused, "refused")) if number]
        if not ready:
            return f"{self.fallback.status} ({'; '.join([begins, *(counts or ['no engine yet'])])})"
        engines = f"{begins}: {ready} engine{'s' if ready != 1 else ''} ready"
        if not counts:
            return engines
        fallback = self.fallback.status.partition(":")[0]  # without the reason why nothing better runs: something does
        return f"{engines}, {', '.join(counts)} ({'until then' if missing else 'there'} {fallback})"

    # -- the gradient ----------------------------------------------------------------------------------------------

    def gradient(self, image: Tensor, weights: Sequence[float], channels: Sequence[Tensor] | None = None) -> Tensor:
        """See `models.ascent.Ascent.gradient`."""
        while (found := self._find(image, weights)) is not None:
            place, runner = found
            try:
                return runner(
                    image.to(self.device, torch.float32).contiguous(),
                    self._weights_of(place[0], weights),
                    self._channels_of(place[0], channels),
                )
            except Exception as error:
                if out_of_memory(error):
                    raise  # a smaller size needs less, and only the caller can step down to one
                self.refuse(*place, f"it failed while it ran: {one_line(error)}")
        return self.fallback.gradient(image, weights, channels)

    def step(
        self,
        image: Tensor,
        weights: Sequence[float],
        size: float,
        shift: tuple[int, int],
        channels: Sequence[Tensor] | None = None,
        mask: Tensor | None = None,
    ) -> Tensor:
        """See `models.ascent.Ascent.step`."""
        if self._find(image, weights) is None:  # the fallback may have a quicker way than a step made of its gradient
            return self.fallback.step(image, weights, size, shift, channels, mask)
        return super().step(image, weights, size, shift, channels, mask)

    def _find(self, image: Tensor, weights: Sequence[float]) -> tuple[Place, Runner] | None:
        """The engine for the deepest layer in use at the picture's size, else the next deeper one of that size."""
        height, width = image.shape[-2:]
        size = height, width
        depth = max((index + 1 for index, weight in enumerate(weights) if weight > 0), default=0)
        with self._lock:
            if (depth, size) not in self._runners and (depth, size) not in self.refused and depth:
                self._wanted.pop((depth, size), None)
                self._wanted[depth, size] = None
                while len(self._wanted) > MOST_WANTED:
                    del self._wanted[next(iter(self._wanted))]
            deep = [place for place in self._runners if place[1] == size and place[0] >= depth > 0]
            if not deep:
                return None
            place = min(deep)
            runner = self._runners[place] = self._runners.pop(place)
            return place, runner

    def _weights_of(self, depth: int, weights: Sequence[float]) -> Tensor:
        """The weights of ``layers[:depth]``, on the device; sent there only when they have changed."""
        values = tuple(float(weight) for weight in weights[:depth])
        kept = self._weights.get(depth)
        if kept is None or kept[0] != values:
            kept = self._weights[depth] = values, self._sent(torch.tensor(values, dtype=torch.float32))
        return kept[1]

    def _channels_of(self, depth: int, channels: Sequence[Tensor] | None) -> Tensor:
        """The channel weights of ``layers[:depth]`` in one row, on the device; None means ones."""
        if channels is not None:
            return torch.cat([row.to(self.device, torch.float32) for row in channels[:depth]])
        if depth not in self._ones:
            self._ones[depth] = self._sent(torch.ones(sum(map(self.network.channels, self.layers[:depth]))))
        return self._ones[depth]

    def _sent(self, tensor: Tensor) -> Tensor:
        """``tensor`` on the device.  From pinned memory, so that nothing waits for what the card is doing."""
        if self.device.type == "cuda":
            return tensor.pin_memory().to(self.device, non_blocking=True)
        return tensor.to(self.device)


def called(layers: Sequence[str], place: Place) -> str:
    """An engine by what it is for, as a person says it: "Mixed_6b at 320x240"."""
    depth, (height, width) = place
    return f"{layers[depth - 1]} at {width}x{height}"


def out_of_memory(error: BaseException) -> bool:
    """Whether it was memory that ran out; every library has a way of its own to say so."""
    said = str(error).lower()
    return (
        isinstance(error, MemoryError | torch.OutOfMemoryError) or "out of memory" in said or "allocate memory" in said
    )


def one_line(error: BaseException) -> str:
    """What went wrong, with its kind, in one line."""
    text = str(error).strip().split("\n", 1)[0]
    return text if isinstance(error, BuildError) else f"{type(error).__name__}: {text}".rstrip(": ")
