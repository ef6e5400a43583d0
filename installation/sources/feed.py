"""Feed: the thread that keeps one source alive behind a one-place mailbox.

It opens the source, reads it, keeps time for those that have no pace of their own, and opens it again when it is
lost, for as long as the show lasts.  Nothing a source does ends it or reaches the wall as an exception.
"""

import logging
import threading
from collections.abc import Callable
from types import TracebackType
from typing import Self

from installation.clock import Clock
from installation.errors import SourceError
from installation.frame import Frame
from installation.mailbox import Latest
from installation.parts import Source

_log = logging.getLogger("dreamwall.feed")

FIRST_RETRY = 0.25  # seconds before the first try to open a lost source again; doubles
LAST_RETRY = 1.5  # and stays here: with opening and fading in, a camera is back on the wall within three
LEAVE = 2.0  # seconds a reading source is given to end; then its thread is left behind
_NAP = 0.1  # longest sleep on the clock, so that leaving is noticed
_LATE = 0.25  # seconds behind its own pace at which a recording stops trying to catch up


class Feed:
    """Drives one source in a thread of its own.

    ``events`` is called from that thread with one line for the operator, once per change of state.
    Frames that come out carry the show clock's time and an index that rises over every reopening; their pixels
    are the source's own, never copied.
    Entering returns at once, whatever the device does, and can be done again after leaving.
    """

    def __init__(self, source: Source, clock: Clock, events: Callable[[str], None]) -> None:
        self._source = source
        self._clock = clock
        self._events = events
        self.live = source.live
        self.latest: Latest[Frame] = Latest()
        self.trouble: str | None = None  # why there is no picture, in one line; None while frames come
        self._index = -1
        self._time = float("-inf")
        self._retry = FIRST_RETRY
        self._thread: threading.Thread | None = None
        self._stop = threading.Event()

    @property
    def name(self) -> str:
        """The source's name, which may become more exact once it is open."""
        return self._source.name

    @property
    def frames(self) -> int:
        """How many frames came, those nobody took included."""
        return self.latest.put_count

    @property
    def drops(self) -> int:
        """How many frames were replaced by newer ones before anybody took them."""
        return self.latest.dropped

    def take(self) -> Frame | None:
        """The newest frame if it was not taken yet; never blocks."""
        return self.latest.take()

    def __enter__(self) -> Self:
        if self._thread is not None and not self._stop.is_set():
            return self
        before, self._stop = self._thread, threading.Event()
        self._thread = threading.Thread(target=self._run, args=(self._stop, before), name="feed", daemon=True)
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None = None,
        error: BaseException | None = None,
        trace: TracebackType | None = None,
    ) -> None:
        self._stop.set()
        if self._thread is None or self._thread is threading.current_thread():
            return
        self._thread.join(LEAVE)
        if self._thread.is_alive():
            _log.warning("%s does not answer; its thread is left behind", self.name)

    def _run(self, stop: threading.Event, before: threading.Thread | None) -> None:
        if before is not None:  # a thread that hung in the device and was left behind still holds the source
            before.join()
        while not stop.is_set():
            try:
                with self._source:
                    self._pump(stop)
                continue
            except SourceError as error:
                self._lost(str(error))
            except Exception as error:  # a fault in a driver or in our own code must not end the show either
                _log.exception("%s failed in a way nobody thought of", self.name)
                self._lost(f"{self.name} failed: {type(error).__name__}: {error}".split("\n", 1)[0])
            wait, self._retry = self._retry, min(LAST_RETRY, self._retry * 2)
            self._wait(self._clock.now() + wait, stop)

    def _pump(self, stop: threading.Event) -> None:
        """Read until told to stop.  Raises what the source raises."""
        begin: float | None = None
        while not stop.is_set():
            frame = self._source.read()
            if frame is None:
                if not self.live:  # the end of a recording that does not loop: its last picture stands
                    self._wait(self._clock.now() + _NAP, stop)
                continue
            when = frame.time
            if not self.live:
                now = self._clock.now()
                if begin is None or begin + frame.time < now - _LATE:
                    begin = now - frame.time
                when = begin + frame.time
                self._wait(when, stop)
                if stop.is_set():
                    return
            self._give(frame, when)

    def _give(self, frame: Frame, when: float) -> None:
        self._index += 1
        self._time = max(self._time, when)
        self._retry = FIRST_RETRY
        self.latest.put(Frame(frame.pixels, self._index, self._time))
        if self.trouble is not None or self._index == 0:
            back = "open again" if self.trouble is not None and self._index else "open"
            self.trouble = None
            self._tell(f"{self.name}: {back}, {frame.size[0]}x{frame.size[1]}")

    def _lost(self, why: str) -> None:
        news = self.trouble is None
        self.trouble = why
        if news:
            self._tell(f"{why}; it is tried again until it comes back")
        else:
            _log.debug("%s: %s", self.name, why)

    def _tell(self, what: str) -> None:
        try:
            self._events(what)
        except Exception:
            _log.exception("an event could not be told: %s", what)

    def _wait(self, until: float, stop: threading.Event) -> None:
        while (left := until - self._clock.now()) > 0 and not stop.is_set():
            self._clock.sleep(min(left, _NAP))
