"""The whole step as one CUDA graph: recorded once, then started by a single call.

A step of Inception is some hundred small kernels; on a quick card Python needs longer to start them than the card needs
to run them.  A graph is started whole.  But it repeats what was recorded to the letter: it reads and writes the tensors
of then, and a Python number of then is in it for good.  So everything that changes from step to step lies in a tensor
of its own that is filled before each replay: the picture, the mask, the weights of layers and channels, the size of the
step, the shift.  What cannot lie in a tensor, such as the picture's size, has a graph for each of its values.

How a graph is recorded is handed in (`models.ascent.cuda_graphs`): tests record on the processor, where a recording
likewise keeps its tensors and repeats its numbers.
"""

from collections import OrderedDict
from collections.abc import Callable, Sequence
from threading import Lock
from typing import NamedTuple, Protocol
from weakref import WeakValueDictionary

import torch
from torch import Tensor

from models.ascent import Ascent, Viewing
from models.ascent.compiled import one_line, out_of_memory
from models.ascent.cuda_graphs import Capture, CudaGraphs

MOST = 32  # graphs kept: six layers and the ways between them, at three octaves


class Recordable(Ascent, Protocol):
    """An ascent that can compute without looking at its weights."""

    def only(self, layers: Sequence[str]) -> Ascent:
        """The same ascent for ``layers`` alone, whose ``gradient`` and ``step`` also take tensors for numbers.

        Weights may be a tensor (layers,) and the step's size one of no dimension, both on `device`.  They are not
        looked at, so that every layer counts, with a weight of zero too.
        """
        ...


class Graphed:
    """An ascent whose steps are replayed.  Fills `models.ascent.Ascent`.

    What cannot be recorded, ``inner`` computes as it always does; `status` says so.  The first step of a kind (of
    picture size, layers in use, with or without channels and mask) records it and takes longer.
    """

    def __init__(self, inner: Recordable, capture: Capture | None = None, most: int = MOST) -> None:
        """``inner``: what is recorded.  ``most``: graphs kept; the one longest unused gives way to a new one."""
        self.layers, self.reach, self.device = inner.layers, inner.reach, inner.device
        self._inner, self._most = inner, most
        self._capture = capture or CudaGraphs(inner.device)
        self._kept: OrderedDict[_Kind, _Recording] = OrderedDict()
        self._refused: dict[_Kind, str] = {}
        self._rooms: WeakValueDictionary[tuple[int, int], _Room] = WeakValueDictionary()
        self._lock = Lock()  # two threads may dream, and each graph has one set of tensors

    @property
    def status(self) -> str:
        if not self._refused:
            return f"graphed over {self._inner.status}"
        (height, width), why = next((kind.size, why) for kind, why in reversed(self._refused.items()))
        if not self._kept:
            return f"{self._inner.status}; not graphed: {why}"
        return f"graphed over {self._inner.status}; not all of {width}x{height}: {why}"

    def viewing(self, weights: Sequence[float]) -> Viewing:
        """See `models.ascent.Ascent.viewing`."""
        return self._inner.viewing(weights)

    def gradient(self, image: Tensor, weights: Sequence[float], channels: Sequence[Tensor] | None = None) -> Tensor:
        """See `models.ascent.Ascent.gradient`."""
        found = self._replayed(image, weights, channels, None)
        return self._inner.gradient(image, weights, channels) if found is None else found

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
        found = self._replayed(image, weights, channels, _Move(size, shift, mask))
        return self._inner.step(image, weights, size, shift, channels, mask) if found is None else found

    def _replayed(
        self, image: Tensor, weights: Sequence[float], channels: Sequence[Tensor] | None, move: "_Move | None"
    ) -> Tensor | None:
        """The step, or without a ``move`` the gradient; None where it could not be recorded."""
        used = tuple(index for index, weight in enumerate(weights) if weight > 0)
        if not used or len(weights) != len(self.layers):
            return None  # a mistake, and the inner ascent says which
        counted = None if channels is None else [channels[index] for index in used]
        height, width = image.shape[-2:]
        kind = _Kind((height, width), used, counted is not None, move is not None, bool(move and move.mask is not None))
        with self._lock:
            recording = self._recording(kind, counted)
            if recording is None:
                return None
            return recording.replay(image, [weights[index] for index in used], counted, move)

    def _recording(self, kind: "_Kind", channels: Sequence[Tensor] | None) -> "_Recording | None":
        if kind in self._refused:
            return None
        if kind not in self._kept:
            while len(self._kept) >= self._most:
                self._kept.popitem(last=False)
            made = self._made(kind, channels)
            if made is None:
                return None
            self._kept[kind] = made
        self._kept.move_to_end(kind)
        return self._kept[kind]

    def _made(self, kind: "_Kind", channels: Sequence[Tensor] | None) -> "_Recording | None":
        while True:
            try:
                room = self._rooms.get(kind.size) or self._rooms.setdefault(kind.size, _Room(kind.size, self.device))
                return _Recording(self._inner, kind, room, channels, self._capture)
            except Exception as error:
                why, short = one_line(error), _short_of_memory(error)
            # Out here the error and all that its frames held is gone; now what the others hold may be enough.
            if not short or not self._kept:
                self._refused[kind] = why
                return None
            self._kept.clear()


class _Move(NamedTuple):
    """What a step has beyond its gradient."""

    size: float
    shift: tuple[int, int]
    mask: Tensor | None


class _Kind(NamedTuple):
    """What a graph cannot change: it needs another for another."""

    size: tuple[int, int]
    used: tuple[int, ...]
    channels: bool
    moves: bool
    masked: bool


class _Room:
    """The large tensors of one picture size, shared by all its graphs, since only one runs at a time."""

    def __init__(self, size: tuple[int, int], device: torch.device) -> None:
        self.picture = torch.zeros(1, 3, *size, device=device)
        self.result = torch.zeros_like(self.picture)
        self.mask = torch.ones(1, 1, *size, device=device)
        self._places = [torch.arange(side, device=device) for side in size]

    def rolled(self, x: Tensor, shift: Tensor) -> Tensor:
        """`torch.roll` by a ``shift`` (2,) that lies on the device."""
        for axis, places in enumerate(self._places):
            x = x.index_select(axis + 2, (places - shift[axis]) % len(places))
        return x


class _Numbers:
    """A few numbers on the device.  They travel as arguments of small kernels, so that nothing waits for a copy."""

    def __init__(self, numbers: Sequence[float], dtype: torch.dtype, device: torch.device) -> None:
        self.tensor = torch.tensor(numbers, dtype=dtype, device=device)
        self._known = list(numbers)

    def set(self, numbers: Sequence[float]) -> None:
        for index, (known, number) in enumerate(zip(self._known, numbers, strict=True)):
            if number != known:
                self.tensor[index].fill_(number)
        self._known = list(numbers)


class _Recording:
    """One graph, and the tensors that it reads and writes."""

    def __init__(
        self, inner: Recordable, kind: _Kind, room: _Room, channels: Sequence[Tensor] | None, capture: Capture
    ) -> None:
        part = inner.only([inner.layers[index] for index in kind.used])
        # The step of the seam itself, given tensors where it has numbers: there is one description of a step.
        self._step: Callable[..., Tensor] = part.step
        self._gradient: Callable[..., Tensor] = part.gradient
        self._kind, self._room = kind, room
        self._weights = _Numbers([1.0] * len(kind.used), torch.float32, inner.device)
        self._size = _Numbers([1.0], torch.float32, inner.device)
        self._shift = _Numbers([0, 0], torch.int64, inner.device)
        self._channels = None if channels is None else [c.to(inner.device, torch.float32, copy=True) for c in channels]
        self._replay = capture(self._work)

    def replay(
        self, image: Tensor, weights: Sequence[float], channels: Sequence[Tensor] | None, move: _Move | None
    ) -> Tensor:
        self._room.picture.copy_(image.detach())
        self._weights.set(weights)
        for own, given in zip(self._channels or (), channels or (), strict=True):
            own.copy_(given)
        if move is not None:
            self._size.set([move.size])
            self._shift.set(move.shift)
            if move.mask is not None:
                self._room.mask.copy_(move.mask)
        self._replay()
        return self._room.result.clone()

    def _work(self) -> None:
        room, weights = self._room, self._weights.tensor
        if not self._kind.moves:
            room.result.copy_(self._gradient(room.picture, weights, self._channels))
            return
        # Rolled out here by tensors, the step itself need not roll: it gets a mask that is rolled as well.
        there = self._shift.tensor
        mask = room.rolled(room.mask, there) if self._kind.masked else None
        rolled = room.rolled(room.picture, there)
        moved = self._step(rolled, weights, self._size.tensor[0], (0, 0), self._channels, mask)
        room.result.copy_(room.rolled(moved, -there))


def _short_of_memory(error: BaseException | None) -> bool:
    """Whether ``error`` is, or hides, one about memory: ending a failed recording may itself fail."""
    while error is not None and not out_of_memory(error):
        error = error.__context__
    return error is not None
