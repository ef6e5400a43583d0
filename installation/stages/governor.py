"""The governor: holds a rate of dreamed frames: it trims what a frame may spend, and gives it back when there is room.

It judges by what the dream's hands *could* make, from the seconds they were busy, and not by the frames that came: a
camera that is slow, frozen or gone leaves them idle, which says nothing about the machine.  For the same reason frames
under another allowance, the first frame of each hand, and everything before a restart are no evidence.

It lives in the show, beside the worker's keeper: what was trimmed outlasts a worker that died, and a worker that hangs
has nobody to judge itself.  Pure: time is handed in, nothing is started, it never waits.
"""

from collections import deque
from dataclasses import dataclass
from typing import Any

from installation.stages.rungs import SCALES, Allowance, Asked, Rung, left_of, named, plain, rungs, scaled, shares

LOOK = 1.0  # seconds of evidence at least for one look at the rate
LOW, SHORT = 0.85, 0.97  # shares of the target: below the first it is trimmed soon, below the second after a while
SOON = 3.0  # seconds below LOW before something is trimmed
A_WHILE = 5.0  # so many times SOON before something is trimmed for a rate between LOW and SHORT
ROOM = 1.15  # share of the target that must be expected of the rung above before it is tried
WAIT, LONGEST_WAIT = 5.0, 640.0  # seconds of room before it is tried, doubled whenever it had to be taken back
HELD = 60.0  # seconds that something given back must stand to count as given back for good
PAUSE = 1.0  # seconds without a frame offered after which there is nothing to judge
DECISIONS = 200  # kept for the report


@dataclass(frozen=True, slots=True)
class Work:
    """What the present worker has done under one allowance, counted up: frames, and seconds busy, of each hand.

    ``turn``: the allowance's number, see `Governor.turn`.  Hands that there are not follow those that there are.
    """

    turn: int
    frames: tuple[int, ...]
    busy: tuple[float, ...]


class Governor:
    """Decides what a dreamed frame may spend.  ``target``: dreamed frames a second; None is locked off.

    Locked off it trims nothing by itself; a size that memory has no room for it steps down all the same.
    ``turn``: rises whenever what is allowed or asked changes; frames are counted by it.
    """

    def __init__(self, target: float | None) -> None:
        self.target = target
        self.turn = 0
        self._asked: Asked | None = None
        self._ceiling = 1.0  # the largest scale that memory has room for
        self._rungs = [Rung(Allowance(), 0.0)]
        self._level = 0
        self._start: tuple[float, int, Work] | None = None
        self._offered, self._offered_at = 0, 0.0
        self._strain = self._room = 0.0
        self._wait = WAIT
        self._given_back: float | None = None
        self._at_the_end = False
        self._able: float | None = None
        self._begun: float | None = None
        self._decisions: deque[dict[str, Any]] = deque(maxlen=DECISIONS)

    @property
    def allow(self) -> Allowance:
        """What a frame may spend now."""
        return self._rungs[self._level].allow

    @property
    def locked(self) -> bool:
        """It trims nothing for the rate's sake."""
        return self.target is None

    def ask(self, asked: Asked) -> Allowance:
        """Say what would be dreamed, with every frame offered; returns what of it is allowed."""
        if asked != self._asked:
            cost = self._rungs[self._level].cost if self._level else None
            self._asked = asked
            self._climb(cost)
        return self.allow

    def see(self, now: float, offered: int, work: Work) -> str | None:
        """Look at what was done until ``now``; a decision comes back as one line.

        ``offered``: frames handed to the dream so far.  Call it often; it decides at most once a look.
        """
        self._begun = now if self._begun is None else self._begun
        if offered != self._offered:
            self._offered, self._offered_at = offered, now
        if self.target is None or self._asked is None:
            return None
        start, hands = self._start, self._asked.hands
        if work.turn != self.turn or now - self._offered_at > PAUSE:
            self.pardon()
            return None
        if start is None:
            if min(work.frames[:hands]) >= 1:
                self._start = now, offered, work
            return None
        passed = now - start[0]
        done = [after - before for after, before in zip(work.frames, start[2].frames, strict=True)][:hands]
        if min(done) < 0:  # another worker
            self.pardon()
            return None
        if passed < LOOK or not self._whole(done):
            return None
        busy = [after - before for after, before in zip(work.busy, start[2].busy, strict=True)][:hands]
        self._start = now, offered, work
        self._able = sum(frames / max(seconds, 1e-6) for frames, seconds in zip(done, busy, strict=True))
        # Of a camera that gives fewer pictures than are wanted, no machine could make more dreams.
        wanted = min(self.target, len(done) * (offered - start[1]) / passed)
        return self._judge(now, passed, self._able, wanted)

    def out_of_memory(self, now: float, size: tuple[int, int], scale: float) -> str:
        """A worker ended for want of memory with frames of ``size`` at ``scale``: go down a size, and say so."""
        at = scaled(size, scale)
        smaller = next((s for s in SCALES if s < scale and scaled(size, s) != at), None)
        if smaller is None:
            line = f"the dream runs out of memory even at {at[0]}x{at[1]}: only another network or --size needs less"
        else:
            cost = self._rungs[self._level].cost if self._level else None
            self._ceiling = min(self._ceiling, smaller)
            width, height = scaled(size, smaller)
            line = f"the dream ran out of memory at {at[0]}x{at[1]}; it goes on at {width}x{height}"
            self._climb(cost)
        return self._decided(now, line)

    def pardon(self) -> None:
        """What came before does not count: the dream has just begun, or begun again, or its engine is another."""
        self._start = None
        self._strain = self._room = 0.0

    def lines(self) -> list[str]:
        """For the HUD and the page, while something is trimmed: label and value with a tab between."""
        trimmed = self._trimmed()
        if not trimmed or self.target is None:
            return [f"governor\t{trimmed}, for want of memory"] if trimmed else []
        makes = "" if self._able is None else f"; could make {self._able:.1f} a second of {self.target:g}"
        return [f"governor\t{trimmed}{makes}"]

    def figures(self) -> dict[str, Any]:
        """The report's ``governor``.

        ``level``: rungs trimmed, 0 is none, ``lowest``: how many there are.  ``trimmed``: what, in words, or None.
        ``decisions``: ``time`` in seconds since it first looked, and ``what``.
        """
        return {
            "target": self.target,
            "locked": self.locked,
            "level": self._level,
            "lowest": len(self._rungs) - 1,
            "trimmed": self._trimmed() or None,
            "decisions": list(self._decisions),
        }

    def _judge(self, now: float, passed: float, able: float, wanted: float) -> str | None:
        if self._given_back is not None and now - self._given_back > HELD:
            self._given_back, self._wait = None, WAIT
        here = self._rungs[self._level]
        expected = able * here.cost / self._rungs[self._level - 1].cost if self._level else 0.0
        if able < SHORT * wanted:
            self._strain += passed if able < LOW * wanted else passed / A_WHILE
            self._room = 0.0
        else:
            self._strain = 0.0
            self._room = self._room + passed if expected >= ROOM * wanted else 0.0
        if self._strain >= SOON:
            return self._trim(now, able, wanted)
        if self._room >= self._wait:
            return self._give_back(now)
        return None

    def _trim(self, now: float, able: float, wanted: float) -> str | None:
        assert self._asked is not None
        self.pardon()
        line = f"the dream makes {able:.1f} frames a second of {wanted:.3g} wanted: "
        if self._level == len(self._rungs) - 1:
            said, self._at_the_end = self._at_the_end, True
            return None if said else self._decided(now, line + "there is nothing left to trim")
        if self._given_back is not None:  # it was no room after all
            self._wait, self._given_back = min(LONGEST_WAIT, 2 * self._wait), None
        before = plain(self._asked, self.allow)
        self._step(self._down(able, wanted))
        after = plain(self._asked, self.allow)
        changed = [what for what in after if after[what] != before[what]]
        return self._decided(
            now, line + ", ".join(f"{named(what, after[what])} instead of {before[what]}" for what in changed)
        )

    def _give_back(self, now: float) -> str:
        assert self._asked is not None
        before = plain(self._asked, self.allow)
        self._step(-1)
        self._given_back, self._at_the_end = now, False
        after = plain(self._asked, self.allow)
        changes = [named(what, after[what]) for what in after if after[what] != before[what]]
        return self._decided(now, "there is room again: " + ", ".join(changes))

    def _down(self, able: float, wanted: float) -> int:
        """How many rungs to go down: until the rate is to be expected, but no frame is more than about halved at once.

        One rung at a time, a slow machine would take a minute to arrive; all at once, a bad moment would take all.
        """
        here = self._rungs[self._level].cost
        below = self._rungs[self._level + 1 :]
        enough = (by for by, rung in enumerate(below, 1) if rung.cost <= max(here / 2, here * able / (LOW * wanted)))
        return next(enough, len(below))

    def _step(self, by: int) -> None:
        self._level += by
        self._turned()

    def _climb(self, cost: float | None) -> None:
        """Build the rungs anew; where something was trimmed, to what costs as little as before."""
        self._turned()
        self._at_the_end = False
        if self._asked is None:
            self._rungs = [Rung(Allowance(scale=self._ceiling), 0.0)]
            return
        self._rungs = rungs(self._asked, self._ceiling)
        last = len(self._rungs) - 1
        cheap = (level for level, rung in enumerate(self._rungs) if cost is not None and rung.cost <= 1.02 * cost)
        self._level = 0 if cost is None else next(cheap, last)

    def _turned(self) -> None:
        self.turn += 1
        self._able = None
        self.pardon()

    def _whole(self, done: list[int]) -> bool:
        """Every hand has been through its octaves, and not half through them again: they do not cost alike."""
        assert self._asked is not None
        turns = [len(areas) for areas in shares(self._asked, self.allow)]
        return all(
            frames >= turn and (frames % turn == 0 or frames >= 5 * turn)
            for frames, turn in zip(done, turns, strict=True)
        )

    def _trimmed(self) -> str:
        if self._asked is None:
            return ""
        now, full = plain(self._asked, self.allow), plain(self._asked, Allowance())
        changed = [what for what in now if now[what] != full[what]]
        return ", ".join(left_of(what, now[what], full[what]) for what in changed)

    def _decided(self, now: float, line: str) -> str:
        self._begun = now if self._begun is None else self._begun
        if not self._decisions or self._decisions[-1]["what"] != line:
            self._decisions.append({"time": round(now - self._begun, 1), "what": line})
        return line
