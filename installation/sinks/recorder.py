"""The recorder: a film of the show, in a thread of its own, at a steady rate by the clock.

The show leaves its newest refresh in a mailbox and goes on.  At each of the film's own moments the newest refresh is
composed and encoded; where the show was slower, or the encoder, the picture before stands longer, so that the film
keeps the time of the show whatever the machine can do.
"""

import os
import sys
import threading
from collections.abc import Callable
from pathlib import Path

from installation.clock import Clock
from installation.compose import Placing
from installation.errors import SinkError
from installation.frame import Frame, Pixels
from installation.knobs import Look
from installation.mailbox import Latest
from installation.sinks.film import Film
from installation.veil import Veil

Seen = tuple[Frame, Veil, Look]

NICE = 5  # after the screen, before the dream's 10: behind it, it would wait for a core while it holds Python's lock
LOOKED = 1.0  # seconds between two looks at how full the disk is


class Recorder:
    """One film, from `start` to `stop`.

    ``path``: asked in the recorder's thread, since a disk may be slow.  ``room``: what is wrong with the disk, or "".
    ``rate``: frames a second.  Read from any thread: ``frames``, ``dropped`` (frames of the film for which there was no
    time, filled with the picture before), ``name`` (once it is open), ``going``.
    """

    def __init__(
        self,
        path: Callable[[], Path],
        room: Callable[[Path], str],
        *,
        size: tuple[int, int] | None,
        placing: Placing,
        event: Callable[[str], None],
        clock: Clock,
        rate: float,
    ) -> None:
        self.box: Latest[Seen] = Latest()
        self.frames = self.dropped = 0
        self.name = ""
        self._path, self._room, self._size, self._placing = path, room, size, placing
        self._event, self._clock, self._rate = event, clock, rate
        self._over = threading.Event()
        self._begun: float | None = None
        self._looked = 0.0
        self._shown: Seen | None = None
        self._picture: Pixels | None = None
        self._thread = threading.Thread(target=self._run, name="recorder", daemon=True)

    @property
    def going(self) -> bool:
        """From `start` until it was stopped or gave up."""
        return not self._over.is_set()

    @property
    def seconds(self) -> float:
        """Length of the film so far."""
        return self.frames / self._rate

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """Ask it to finish; it does so in its own time."""
        self._over.set()

    def finished(self, patience: float) -> bool:
        """Whether the film is closed, waiting for that up to ``patience`` seconds."""
        self._thread.join(patience)
        return not self._thread.is_alive()

    def _run(self) -> None:
        after_the_screen()
        try:
            path = self._path()
            with Film(path, self._size, rate=self._rate, placing=self._placing, quick=True) as film:
                self.name = path.name
                while not self._over.wait(self._until_due()):
                    trouble = self.catch_up(film)
                    if trouble:
                        self._event(f"the recording stops: {trouble}")
                        break
                else:
                    self.catch_up(film)  # up to the moment it was asked to stop, or a little later
            if self.frames:
                late = f"; {self.dropped} frames came too late and are filled" if self.dropped else ""
                self._event(f"recorded {minutes(self.seconds)} in {path}{late}")
        except SinkError as error:
            self._event(str(error))
        except OSError as error:
            self._event(f"nothing can be recorded in {error.filename or 'the folder'}: {error.strerror or error}")
        except Exception as error:
            self._event(f"the recording failed: {type(error).__name__}: {error}".split("\n", 1)[0])
        finally:
            self._over.set()
            self._picture = self._shown = None

    def catch_up(self, film: Film) -> str:
        """Bring the film up to this moment; returns why it cannot go on, or ""."""
        now = self._clock.now()
        seen = self.box.take()
        if self._begun is None:
            if seen is None:
                return ""  # nothing has been on the wall yet
            self._begun = now
        if now >= self._looked + LOOKED or not self.frames:
            self._looked = now
            trouble = self._room(film.path.parent)
            if trouble:
                return trouble
        due = int((now - self._begun) * self._rate + 1e-6) + 1 - self.frames
        if due > 1 and self._picture is not None:
            film.add(self._picture, due - 1)
            self.dropped += due - 1
        if seen is not None and (self._shown is None or not _same(seen, self._shown)):
            self._picture, self._shown = film.compose(*seen), seen
        if due > 0 and self._picture is not None:
            film.add(self._picture)
        self.frames = film.shown
        return ""

    def _until_due(self) -> float:
        if self._begun is None:
            return 0.5 / self._rate
        return max(0.0, self._begun + self.frames / self._rate - self._clock.now())


def _same(one: Seen, other: Seen) -> bool:
    """Whether two refreshes show the same picture, as they do while it is frozen."""
    return one[0] is other[0] and one[1] is other[1] and one[2] == other[2]


def after_the_screen() -> None:
    """Let the show go before the thread that calls this, where the system gives threads priorities of their own."""
    if sys.platform == "linux":
        try:
            os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), NICE)
        except OSError:
            pass


def minutes(seconds: float) -> str:
    """As a person reads a length: 0:12, 61:05."""
    whole = int(seconds)
    return f"{whole // 60}:{whole % 60:02d}"
