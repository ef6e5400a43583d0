"""The seams of the line.  Whatever has a life is a ``with``: opened in order, closed in reverse, harmless twice."""

from types import TracebackType
from typing import Protocol, Self

from installation.desk import Desk
from installation.frame import Frame, Residual
from installation.knobs import Look
from installation.veil import Veil


class Part(Protocol):
    """Anything with a life."""

    def __enter__(self) -> Self: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...


class Source(Part, Protocol):
    """Gives frames, in the thread that reads it.

    Entering opens the device or file and raises SourceError, in one line, when there is none; a failed enter can be
    tried again, and a source can be entered again after it was left.
    ``live``: the source sets the pace and `read` blocks for it (a camera, a stream).  Otherwise `read` returns at
    once and the reader keeps time by ``frame.time`` (a clip, stills, clouds), which starts at 0.
    """

    @property
    def name(self) -> str: ...

    @property
    def live(self) -> bool: ...

    def read(self) -> Frame | None:
        """The next frame; None when none came within half a second or so; SourceError when it is gone for good."""
        ...


class Dream(Part, Protocol):
    """Takes frames and looks, gives residuals back in its own time.  Filled by the worker and, offline, inline."""

    def offer(self, frame: Frame, look: Look) -> None:
        """Hand over the newest frame with its look; never blocks."""
        ...

    def newest(self) -> Residual | None:
        """The newest residual that was not taken yet, or None; never blocks."""
        ...


class Screen(Part, Protocol):
    """Shows pictures to people: a window, a page, a ledger in tests."""

    @property
    def name(self) -> str: ...

    @property
    def status(self) -> str:
        """What it is and, when second-best, why: "plain SDL (no OpenGL 3.3), 1280x720"."""
        ...

    @property
    def guard(self) -> str:
        """What the flash guard at its end does, in one line; empty where nobody looks."""
        ...

    def show(self, frame: Frame, veil: Veil, look: Look, hud: list[str]) -> None:
        """Show one refresh.  ``hud``: lines to lay over it; empty for none.  Waits for the display where it can."""
        ...

    @property
    def closed(self) -> bool:
        """True once a person closed it."""
        ...


class Hand(Part, Protocol):
    """Works at the desk: keys, MIDI, the page, the kiosk's director."""

    def reach(self, desk: Desk) -> None:
        """Do what has come in since the last refresh; never blocks."""
        ...
