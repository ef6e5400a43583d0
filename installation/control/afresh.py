"""A gentle restart of the dream, with knobs only: the dream fades away, its residual is let go, it comes back.

A command to the dream's process was the road not taken: this works whatever dreams, it cannot fail, and it looks like
breathing out and in.
"""

import math
from collections.abc import Callable

from installation.control.others import Others
from installation.desk import Desk
from installation.knobs import KNOBS

AWAY = 2.0  # seconds in which the dream fades away
CLEAR = 1.5  # seconds at the shortest linger: fifteen half-lives, and nothing is left
BACK = 2.0  # seconds in which knobs come back when somebody else takes over
WORDS = {"static": "stood still"}


class Afresh:
    """At most one restart at a time, and none within twice ``still`` seconds of the last."""

    def __init__(self, still: float, others: Others, event: Callable[[str], None]) -> None:
        self.restarts = self.given_way = 0
        self._still, self._others, self._event = still, others, event
        self._next = -math.inf
        self._back: dict[str, float] = {}  # where its knobs stood before
        self._until: float | None = None

    @property
    def going(self) -> bool:
        """Whether a restart is going on."""
        return self._until is not None

    def begin(self, desk: Desk, trouble: tuple[str, float] | None, now: float) -> bool:
        """Begin one if this ``trouble`` has lasted long enough and nothing speaks against it."""
        if trouble is None or trouble[1] < self._still or now < self._next or not _wanted(desk):
            return False
        away = {"intensity": 0.0, "linger": KNOBS["linger"].low}
        self._back = {name: desk.board.standing(name) for name in away}
        desk.board.fade(away, AWAY)
        self._others.turned(away)
        self._next, self._until = now + 2 * self._still, now + AWAY + CLEAR
        self.restarts += 1
        what = WORDS.get(trouble[0], f"was {trouble[0]}")
        self._event(f"the picture {what} for {self._still:.0f} s; the dream begins afresh")
        return True

    def done(self, desk: Desk, now: float, *, another_hand: bool) -> bool:
        """Go on with it; True at the moment when the old dream is gone and a look may come back.

        Gives way to ``another_hand``, and to whoever goes dark, holds the picture or shows the camera alone.
        """
        if self._until is None:
            return False
        if another_hand or not _wanted(desk, fading=True):
            self.given_way += 1
            self.back(desk, BACK)
            return False
        return now >= self._until

    def back(self, desk: Desk, seconds: float) -> None:
        """End it: what still stands where it was put goes back to where it was, in ``seconds``."""
        kept = self._others.kept(desk, self._back)
        knobs = {name: value for name, value in self._back.items() if name in kept}
        if knobs:
            desk.board.fade(knobs, seconds)
            self._others.turned(knobs)
        self._until = None

    def over(self) -> None:
        """End it: a program has come on and turns all of its knobs."""
        self._until = None


def _wanted(desk: Desk, *, fading: bool = False) -> bool:
    """Whether people should be seeing a dream: nobody has gone dark, held the picture or taken the dream away."""
    look = desk.board.last
    dark = look.blackout or look.freeze or look.bypass or look.brightness <= 0.01
    return not dark and (fading or (look.intensity > 0.01 and desk.board.standing("intensity") > 0.0))
