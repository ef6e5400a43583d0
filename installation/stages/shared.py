"""Latest between two processes: a one-place mailbox in shared memory that no death can lock.

One process writes, the other reads, and neither ever holds a lock: a process that is killed while it holds one would
take the wall with it.  Three slots are used in turn; each is stamped before and after it is filled, so a reader that
was overtaken notices and looks again.
"""

import ctypes
from collections.abc import Sequence
from multiprocessing.context import BaseContext
from typing import Any

import numpy as np
from numpy.typing import NDArray

SLOTS = 3
UNFINISHED = -1


class SharedLatest:
    """Carries a row of numbers and some bytes.  Make it in one process and pass it to the other as an argument.

    The memory is an anonymous `RawArray`, not a named block, so that nothing is left behind in the system however the
    processes end.
    """

    def __init__(self, context: BaseContext, numbers: int, capacity: int) -> None:
        """``numbers``: floats a message.  ``capacity``: bytes a message, at most."""
        self._numbers, self._capacity = numbers, capacity
        self._counts: Any = context.RawArray(ctypes.c_int64, 3 + SLOTS)  # published, taken, last taken, a stamp a slot
        self._head: Any = context.RawArray(ctypes.c_double, SLOTS * (numbers + 1))  # the numbers and how many bytes
        self._body: Any = context.RawArray(ctypes.c_uint8, SLOTS * capacity)
        self._counts[3:] = [UNFINISHED] * SLOTS
        self._views: tuple[NDArray[np.int64], NDArray[np.float64], NDArray[np.uint8]] | None = None
        self._seen = 0

    def __getstate__(self) -> dict[str, Any]:
        # The other process makes its own views, and starts with what is published from now on.
        return {**self.__dict__, "_views": None, "_seen": int(self._counts[0])}

    def _open(self) -> tuple[NDArray[np.int64], NDArray[np.float64], NDArray[np.uint8]]:
        if self._views is None:
            self._views = (
                np.frombuffer(self._counts, np.int64),
                np.frombuffer(self._head, np.float64).reshape(SLOTS, self._numbers + 1),
                np.frombuffer(self._body, np.uint8).reshape(SLOTS, self._capacity),
            )
        return self._views

    def put(self, numbers: Sequence[float], *parts: NDArray[Any]) -> None:
        """Leave a message.  ``parts`` are laid one behind the other; ValueError when they do not fit."""
        size = sum(part.nbytes for part in parts)
        if size > self._capacity:
            raise ValueError(f"a message of {size} bytes does not fit into {self._capacity}")
        counts, head, body = self._open()
        turn = int(counts[0]) + 1
        slot = turn % SLOTS
        counts[3 + slot] = UNFINISHED
        head[slot, :-1], head[slot, -1] = numbers, size
        at = 0
        for part in parts:
            flat = np.ascontiguousarray(part).reshape(-1).view(np.uint8)
            body[slot, at : at + flat.size] = flat
            at += flat.size
        counts[3 + slot] = turn
        counts[0] = turn

    def take(self) -> tuple[list[float], NDArray[np.uint8]] | None:
        """The newest message that was not taken yet, as a copy, or None."""
        counts, head, body = self._open()
        for _ in range(SLOTS):
            turn = int(counts[0])
            if turn == self._seen:
                return None
            slot = turn % SLOTS
            numbers = head[slot].tolist()
            message = body[slot, : max(0, min(int(numbers[-1]), self._capacity))].copy()
            if int(counts[3 + slot]) == turn:
                self._seen = turn
                counts[1] += 1
                counts[2] = turn
                return numbers[:-1], message
        return None  # overtaken three times running: the next look will find a newer one

    @property
    def dropped(self) -> int:
        """Messages replaced before anybody took them."""
        published, taken, last = map(int, self._counts[:3])
        waiting = 1 if last < published else 0
        return max(0, published - taken - waiting)

    @property
    def published(self) -> int:
        """Messages put so far."""
        return int(self._counts[0])
