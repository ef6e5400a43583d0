"""The director: plays the wall while nobody is in charge.

Programs take turns; where it plays by itself (kiosk) the dream wanders while nobody is in front, and begins afresh when
the picture has come to a stand.  It is a hand like any other, works with knobs and programs only, and gives way to
whoever else is at the desk.
"""

import math
from collections.abc import Callable
from types import TracebackType
from typing import Any, Protocol, Self

from installation.clock import Clock
from installation.control.afresh import Afresh
from installation.control.attention import Attention, Presence, newest, own_look
from installation.control.deck import Deck
from installation.control.others import Others
from installation.desk import Desk
from installation.programs import USUAL_FADE, USUAL_HOLD

NEAR = 1e-6  # seconds: a clock's sums end a hair before what they should be


class Standing(Protocol):
    """Who can tell whether the picture stands; `installation.stages.standing.Standing` fills it."""

    def trouble(self, now: float) -> tuple[str, float] | None:
        """What is wrong with the picture and for how many seconds, or None."""
        ...


class Director:
    """A hand.

    ``hold``: seconds a program stays after its fade; None is each program's own, or 45 where it has none.
    ``fade``: seconds from one to the next; None is each program's own.
    ``shuffle``, ``seed``: the order; see `Deck`.  The seed also draws where the dream wanders.
    ``alone``: seconds without ``presence`` of anybody until it wanders; ``still``: seconds of ``standing`` until the
    dream begins afresh.  Both in kiosk mode only, and each only with its witness.
    """

    def __init__(
        self,
        clock: Clock,
        hold: float | None = None,
        fade: float | None = None,
        shuffle: bool = False,
        seed: int = 0,
        alone: float = 40.0,
        presence: Presence | None = None,
        standing: Standing | None = None,
        event: Callable[[str], None] = lambda _what: None,
        still: float = 60.0,
    ) -> None:
        self._clock, self._hold, self._fade = clock, hold, fade
        self._deck = Deck(shuffle=shuffle, seed=seed)
        self._others = Others()
        self._standing = standing
        self._afresh = Afresh(still, self._others, event)
        self._attention = Attention(presence, alone, seed, self._others) if presence is not None else None
        self._cycling: bool | None = None  # as it was at the last refresh; None before the first
        self._faded = -math.inf  # when the fade of the program that is on ends
        self._until = -math.inf  # when its turn ends
        self._brought = False  # somebody else brought a program on at the last refresh
        self._turns = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None = None,
        error: BaseException | None = None,
        trace: TracebackType | None = None,
    ) -> None: ...

    def reach(self, desk: Desk) -> None:
        """Whatever is due at this refresh."""
        now = self._clock.now()
        turned, brought = self._others.look(desk)
        if brought or self._cycling is None:
            self._came_on(desk, now)
        another_hand, self._brought = turned or self._brought, brought
        if desk.cycling and not self._cycling and desk.program is not None:
            self._until = max(now, self._faded) + self._stay(desk)
        self._cycling = desk.cycling
        if brought:
            return  # what somebody asked for is on the board at the next refresh; anything sent now would undo it
        if self._attention is not None and another_hand:
            self._attention.another_hand(now)

        if desk.kiosk and self._begins_afresh(desk, now, another_hand=another_hand):
            return
        if desk.cycling and (now >= self._until - NEAR or desk.program is None):
            self._next(desk, now)
        if desk.kiosk and self._attention is not None:
            self._attention.reach(desk, now)

    def figures(self) -> dict[str, Any]:
        """For the report.

        ``turns``: programs it brought on.  ``restarts``: times the dream began afresh, ``given_way`` of them to another
        hand.  ``times_alone``: times nobody was there for long, ``alone_s``: seconds it then wandered.
        """
        attention = self._attention
        return {
            "turns": self._turns,
            "restarts": self._afresh.restarts,
            "given_way": self._afresh.given_way,
            "times_alone": attention.times if attention is not None else 0,
            "alone_s": round(attention.seconds, 1) if attention is not None else 0.0,
        }

    def _came_on(self, desk: Desk, now: float) -> None:
        """Somebody else brought a program on, or one was on when the doors opened: its turn begins here."""
        if desk.program is None:
            return
        recall = newest(desk)
        fade = recall.fade if recall is not None and recall.number == desk.program else 0.0
        self._faded = now + fade
        self._until = self._faded + self._stay(desk)
        self._deck.shown(desk.program)

    def _stay(self, desk: Desk) -> float:
        program = desk.programs.get(desk.program or 0)
        own = program.hold if program is not None else None
        return self._hold if self._hold is not None else own if own is not None else USUAL_HOLD

    def _next(self, desk: Desk, now: float) -> bool:
        """Bring on the next program; False when there is no other."""
        number = self._deck.next(len(desk.programs), desk.program)
        if number is None or not desk.recall(number, self._fade):
            return False
        self._others.recalled(desk, own_look(desk))
        recall = newest(desk)
        self._faded = now + (recall.fade if recall is not None else 0.0)
        self._until = self._faded + self._stay(desk)
        self._turns += 1
        return True

    def _begins_afresh(self, desk: Desk, now: float, *, another_hand: bool) -> bool:
        """Whether a restart is going on; begins one, and ends it with a program."""
        if not self._afresh.going:
            trouble = self._standing.trouble(now) if self._standing is not None else None
            return not another_hand and self._afresh.begin(desk, trouble, now)
        if self._afresh.done(desk, now, another_hand=another_hand):
            if desk.cycling and self._next(desk, now):
                self._afresh.over()
            else:
                present = desk.programs.get(desk.program or 0)
                own = present.fade if present is not None else USUAL_FADE
                self._afresh.back(desk, own if self._fade is None else self._fade)
        return True
