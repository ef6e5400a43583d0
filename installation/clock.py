"""Time, handed in.  A stage never asks the operating system what time it is."""

import time
from typing import Protocol


class Clock(Protocol):
    """Seconds that only go forward."""

    def now(self) -> float:
        """Seconds since some fixed moment."""
        ...

    def sleep(self, seconds: float) -> None:
        """Let ``seconds`` pass; zero or less returns at once."""
        ...


class WallClock:
    """The machine's monotonic clock.  It reads the same in every process of one machine."""

    def now(self) -> float:
        return time.monotonic()

    def sleep(self, seconds: float) -> None:
        if seconds > 0:
            time.sleep(seconds)


class HandClock:
    """A clock moved by hand, for rehearsals and tests: sleeping moves it, nothing else does."""

    def __init__(self, start: float = 0.0) -> None:
        self._now = start

    def now(self) -> float:
        return self._now

    def sleep(self, seconds: float) -> None:
        self._now += max(0.0, seconds)
