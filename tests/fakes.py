"""Stand-ins that everybody's tests may use."""

from collections.abc import Callable, Sequence
from types import TracebackType
from typing import Self

import numpy as np

from installation.clock import Clock
from installation.errors import SourceError
from installation.frame import Frame, Pixels

Step = Frame | float | Exception | Callable[[], None] | None


def plain(red: int = 128, green: int = 128, blue: int = 128, size: tuple[int, int] = (64, 48)) -> Pixels:
    """A picture of one colour, (height, width, 3) uint8 for ``size`` (width, height)."""
    picture = np.empty((size[1], size[0], 3), np.uint8)
    picture[:] = red, green, blue
    return picture


class ScriptedSource:
    """A source that does what it is told, one step a read.

    ``script``: a Frame (given as it is), None (no frame came), a number (that many seconds pass on ``clock``, then
    None), an exception (raised), or a function (called, then the next step is taken: hangs, faults).  When the
    script is at its end it begins again if ``again``, else `read` gives None and lets 0.01 s pass.
    ``refusals``: how many of the first enters fail with SourceError.
    """

    def __init__(
        self,
        script: Sequence[Step],
        clock: Clock,
        *,
        live: bool = True,
        again: bool = False,
        refusals: int = 0,
        name: str = "scripted",
    ) -> None:
        self.name, self.live = name, live
        self._script, self._clock, self._again = list(script), clock, again
        self.refusals = refusals
        self.at = 0
        self.entered: list[float] = []  # when each enter was tried, the failed ones too
        self.left = 0

    def __enter__(self) -> Self:
        self.entered.append(self._clock.now())
        if self.refusals > 0:
            self.refusals -= 1
            raise SourceError(f"{self.name} cannot be opened: the script says so")
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None = None,
        error: BaseException | None = None,
        trace: TracebackType | None = None,
    ) -> None:
        self.left += 1

    def read(self) -> Frame | None:
        while True:
            if self.at >= len(self._script):
                if not self._again or not self._script:
                    self._clock.sleep(0.01)
                    return None
                self.at = 0
            step = self._script[self.at]
            self.at += 1
            if isinstance(step, Frame) or step is None:
                return step
            if isinstance(step, Exception):
                raise step
            if callable(step):
                step()
                continue
            self._clock.sleep(step)
            return None
