"""The show itself.  Read this file first.

At every refresh of the screen: take the newest camera frame, carry the newest dream to it, show both.  The dream is
made elsewhere, in its own time; nothing here waits for it.  A rehearsal runs this same code, with a clock that is
moved by hand.
"""

from collections import deque
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import Protocol

import cv2
import numpy as np

from installation.clock import Clock
from installation.desk import Desk
from installation.frame import Frame, fit
from installation.knobs import Look
from installation.parts import Dream, Hand, Part, Screen
from installation.stages.carrier import Carrier
from installation.stages.flow import grey_of
from installation.veil import Veil
from installation.vitals import Vitals

AGAIN = 1.0  # seconds between tries to open a screen that was lost


Witness = Callable[[Frame, Veil, Look, float], None]


class Camera(Part, Protocol):
    """What the show reads pictures from: it always has one, and gives the same object while there is nothing new."""

    def newest(self, now: float) -> Frame: ...


@dataclass
class Show:
    """The line from camera to screen.

    ``working_size``: the box the dream works in.  ``rate``: refreshes a second, or None where the screen itself waits
    for the display.  ``over``: asked before each refresh, ends the show.  ``hud``: the lines to lay over it.
    ``witnesses``: see every refresh after it was shown: frame, veil, look and the time (measurements, presence, what is
    kept); they must be quick.
    ``others``: further parts that live as long: a page beside the screen, what keeps pictures.
    ``live``: people are watching, so a failing part is an event; a rehearsal stops there and says what failed.
    """

    clock: Clock
    desk: Desk
    camera: Camera
    dream: Dream
    screen: Screen
    vitals: Vitals
    working_size: tuple[int, int]
    rate: float | None
    over: Callable[[], bool]
    hands: Sequence[Hand] = ()
    hud: Callable[[Look], list[str]] = lambda _look: []
    others: Sequence[Part] = ()
    witnesses: Sequence[Witness] = ()
    live: bool = True
    carrier: Carrier = field(default_factory=Carrier)
    _frame: Frame | None = None
    _veil: Veil = field(default_factory=Veil)
    _finished: deque[float] = field(default_factory=lambda: deque(maxlen=16))
    _screen_lost: float | None = None

    def run(self) -> None:
        """Play until it is over.  Parts open in this order and close in reverse, whatever happens."""
        with ExitStack() as stack:
            for part in (self.screen, self.camera, self.dream, *self.hands, *self.others):
                stack.enter_context(part)
            due = self.clock.now()
            while not (self.screen.closed or self.over()):
                self.refresh()
                if self.rate is not None:
                    due = max(due + 1 / self.rate, self.clock.now() - 1 / self.rate)
                    self.clock.sleep(due - self.clock.now())

    def refresh(self) -> None:
        """One picture on the wall."""
        now = self.clock.now()
        self.desk.serve(now)
        for hand in self.hands:
            self._safely("a control", lambda hand=hand: hand.reach(self.desk))  # type: ignore[misc]
        look = self.desk.board.look(now)
        if self._frame is None or not look.freeze:
            frame = self.camera.newest(now)
            is_new, self._frame = frame is not self._frame, frame
            self._safely("the dream", lambda: self._dream(frame, is_new, now, look))
        assert self._frame is not None
        self._show(self._frame, look)
        for witness in self.witnesses:
            self._safely("a witness", lambda see=witness: see(self._frame, self._veil, look, now))  # type: ignore[misc]

    def _dream(self, frame: Frame, is_new: bool, now: float, look: Look) -> None:
        """Hand the frame over, take what was dreamed meanwhile, carry it here."""
        if is_new:
            size = fit(frame.size, self.working_size)
            small = frame
            if size != frame.size:
                pixels = np.asarray(cv2.resize(frame.pixels, size, interpolation=cv2.INTER_AREA), np.uint8)
                small = Frame(pixels, frame.index, frame.time)
            self.carrier.follow(grey_of(small.pixels))
            self.dream.offer(small, look)
        residual = self.dream.newest()
        if residual is not None:
            self.carrier.receive(residual, now)
            self.vitals.dream.tick(now)
        if is_new:
            self.vitals.camera.tick(now)
            self.vitals.shown_after(1 + sum(done > frame.time for done in self._finished))
        self._veil = self.carrier.veil(now, look)

    def _show(self, frame: Frame, look: Look) -> None:
        if self._screen_lost is not None:
            if self.clock.now() < self._screen_lost + AGAIN:
                return
            self._screen_lost = self.clock.now()
            if not self._safely("the screen", self.screen.__enter__):
                return
            self._screen_lost = None
            self.vitals.event(f"the screen is back: {self.screen.status}")
        if self._safely("the screen", lambda: self.screen.show(frame, self._veil, look, self.hud(look))):
            done = self.clock.now()
            self._finished.append(done)
            self.vitals.refreshed(done)
        else:
            self._safely("the screen", lambda: self.screen.__exit__(None, None, None))
            self._screen_lost = self.clock.now()

    def _safely(self, what: str, do: Callable[[], object]) -> bool:
        """After the doors are open a failing part is an event, never the end of the picture."""
        try:
            do()
        except Exception as error:
            if not self.live:
                raise
            self.vitals.event(f"{what} failed: {type(error).__name__}: {error}".split("\n", 1)[0])
            if what == "the dream":
                self._veil = Veil()
            return False
        return True
