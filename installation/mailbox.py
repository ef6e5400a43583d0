"""Latest: the one-place mailbox between two threads.  Newest wins, the lost are counted.

Nothing that carries frames is longer than one.  A queue would turn every hiccup into lasting latency (a peer
of ours was reported 10 s behind its camera, from an output queue that was never flushed).
"""

import threading
from typing import Generic, TypeVar

T = TypeVar("T")


class Latest(Generic[T]):
    """Holds the newest value put, until it is taken or replaced."""

    def __init__(self) -> None:
        self._condition = threading.Condition()
        self._value: T | None = None
        self.put_count = 0
        self.dropped = 0  # values replaced before anybody took them

    def put(self, value: T) -> None:
        """Leave a value; one that nobody took is replaced and counted."""
        with self._condition:
            if self._value is not None:
                self.dropped += 1
            self._value = value
            self.put_count += 1
            self._condition.notify()

    def take(self, timeout: float = 0.0) -> T | None:
        """The newest value, or None when nothing new came within ``timeout`` seconds."""
        with self._condition:
            if self._value is None and timeout > 0:
                self._condition.wait(timeout)
            value, self._value = self._value, None
            return value
