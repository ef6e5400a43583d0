"""Attention: while nobody is in front the dream deepens and wanders; for whoever comes it is itself again."""

import math
from typing import Protocol

from installation.control.others import Others
from installation.control.wander import Wander
from installation.desk import Desk, Recall
from installation.programs import OF_THE_ROOM

RETURN = 2.0  # seconds in which the program's own look is back when somebody comes


class Presence(Protocol):
    """Who can tell whether somebody is in front; `installation.stages.presence.Presence` fills it."""

    def alone_for(self, now: float) -> float:
        """Seconds since anybody was seen."""
        ...


class Attention:
    """Nobody there for ``alone`` seconds: leg after leg of a `Wander`.  Somebody there, or a hand at a knob: home.

    Home is the look of the program that is on, so that every visitor finds the same wall, whatever the last one did to
    the knobs; where a person has ended the turns of the programs it is the look that this person left.
    """

    def __init__(self, presence: Presence, alone: float, seed: int, others: Others) -> None:
        self.times = 0  # that nobody was there for so long
        self.seconds = 0.0  # of wandering, all in all
        self._presence, self._alone, self._others = presence, alone, others
        self._wander = Wander(seed)
        self._home: dict[str, float] | None = None  # None: it is there
        self._program: Recall | None = None
        self._legs, self._until = 0, 0.0
        self._hand = -math.inf  # when another hand was last at work
        self._now = 0.0

    def another_hand(self, now: float) -> None:
        """Somebody turned a knob: not alone, whatever the camera sees."""
        self._hand = now

    def reach(self, desk: Desk, now: float) -> None:
        """Set off, go on, or come home."""
        passed, self._now = now - self._now, now
        alone = min(self._presence.alone_for(now), now - self._hand) >= self._alone
        if self._home is None:
            if alone:
                self.times += 1
                self._home = self._own(desk)
                self._program, self._legs = newest(desk), 0
                self._leg(desk, now)
            return
        self.seconds += passed
        if not alone:
            self._return(desk)
        elif newest(desk) is not self._program:  # it was the next one's turn: on from there
            self._program, self._home = newest(desk), own_look(desk)
            self._leg(desk, now, at_least=self._program.fade if self._program is not None else 0.0)
        elif now >= self._until:
            self._leg(desk, now)

    def _own(self, desk: Desk) -> dict[str, float]:
        if desk.cycling:
            return own_look(desk)
        return {name: desk.board.standing(name) for name in own_look(desk)}

    def _leg(self, desk: Desk, now: float, at_least: float = 0.0) -> None:
        assert self._home is not None
        self._legs += 1
        leg = self._wander.leg(self._home, self._legs)
        seconds = max(leg.seconds, at_least)
        knobs = self._home | leg.knobs
        desk.board.fade(knobs, seconds)
        self._others.turned(knobs)
        self._until = now + seconds

    def _return(self, desk: Desk) -> None:
        """All that still stands where the wandering left it; a knob that a hand has turned stays in that hand."""
        assert self._home is not None
        if newest(desk) is self._program:  # otherwise a program has come on this moment, and turns them all
            kept = self._others.kept(desk, self._home)
            knobs = {name: value for name, value in self._home.items() if name in kept}
            desk.board.fade(knobs, RETURN)
            self._others.turned(knobs)
        self._home = None


def own_look(desk: Desk) -> dict[str, float]:
    """Where the program that is on wants every knob but those of the room; where the show began, without one."""
    program = desk.programs.get(desk.program or 0)
    knobs = desk.begin | (program.knobs if program is not None else {})
    return {name: value for name, value in knobs.items() if name not in OF_THE_ROOM}


def newest(desk: Desk) -> Recall | None:
    """The program that came on last."""
    return desk.recalls[-1] if desk.recalls else None
