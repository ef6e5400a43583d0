"""Stand-ins that everybody's tests may use."""

from collections.abc import Callable, Sequence
from types import TracebackType
from typing import Self

import numpy as np

from installation.board import Board
from installation.clock import Clock, HandClock
from installation.desk import Desk
from installation.errors import SourceError
from installation.frame import Frame, Pixels
from installation.programs import Program, Programs

Step = Frame | float | Exception | Callable[[], None] | None


def plain(red: int = 128, green: int = 128, blue: int = 128, size: tuple[int, int] = (64, 48)) -> Pixels:
    """A picture of one colour, (height, width, 3) uint8 for ``size`` (width, height)."""
    picture = np.empty((size[1], size[0], 3), np.uint8)
    picture[:] = red, green, blue
    return picture


def a_desk(*programs: Program, kiosk: bool = False, **knobs: float) -> Desk:
    """A desk with these programs (else three plain ones), its knobs standing so; what it tells is in ``desk.told``."""
    told: list[str] = []
    rows = programs or (Program("One"), Program("Two", {"layer": 0.2}), Program("Three", {"layer": 0.9, "zoom": 0.1}))
    desk = Desk(Board(**knobs), Programs(rows), knobs, kiosk=kiosk, event=told.append)
    desk.told = told  # type: ignore[attr-defined]
    return desk


class Leaps(HandClock):
    """Moves on by two seconds whenever it is asked, so that pictures that have nothing in common are no flashing."""

    def now(self) -> float:
        self.sleep(2.0)
        return super().now()


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


class FakeCapture:
    """Stands in for `cv2.VideoCapture`: red pictures at 30 a second that all differ, until told otherwise.

    ``there``: False is an unplugged camera.  ``frozen``: it repeats its last picture, as some do after the cable is
    out.  ``dead``: reads fail at once.  Every read takes 1/30 s on ``clock``.
    """

    def __init__(self, clock: Clock, *, there: bool = True) -> None:
        self._clock = clock
        self.there, self.frozen, self.dead = there, False, False
        self.asked: dict[int, float] = {}
        self.released = 0
        self._count = 0

    def plug(self) -> None:
        """Put the cable in."""
        self.there = True

    def isOpened(self) -> bool:
        return self.there

    def set(self, prop: int, value: float) -> bool:
        self.asked[prop] = value
        return True

    def release(self) -> None:
        self.released += 1

    def grab(self) -> bool:
        if self.dead or not self.there:
            return False
        self._clock.sleep(1 / 30)
        if not self.frozen:
            self._count += 1
        return True

    def retrieve(self) -> tuple[bool, Pixels | None]:
        picture = plain(0, 0, 255)  # BGR, as OpenCV gives it
        picture[0, :, 0] = self._count % 256
        return True, picture
