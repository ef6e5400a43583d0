"""The flash guard for pictures in memory: for the plain screen and for the page.  On a card: `sinks.guarding`.

`calibration.guard` says what it does and why it holds.  There is nothing here to switch it off.
"""

import numpy as np

from calibration import guard_rules as rules
from calibration.guard import Guard, State
from calibration.guard_rules import Tier
from calibration.limits import SLEW, Light, levels, linear
from installation.frame import Pixels

HOLD = 1.0  # seconds that the last output stands after a failure, before it fades
DIM = 0.03  # of white: the grey that it fades to
DIM_LEVEL = int(np.rint(levels(np.full(1, DIM, np.float32)))[0])


class PictureGuard:
    """Guards pictures in memory; after a failure of its own it holds the last output, fades to grey and begins anew."""

    def __init__(self, tier: Tier = "strict") -> None:
        self._tier = tier
        self._guard = Guard(tier)
        self._time: float | None = None
        self._shown: Pixels | None = None
        self._fade: Light | None = None
        self._failed_for = 0.0
        self.failure = ""

    @property
    def state(self) -> State:
        return self._guard.state

    @property
    def status(self) -> str:
        """One line: the tier, what is held back, and a failure while it lasts."""
        return f"flash guard failed: {self.failure}; the picture rests" if self.failure else self.state.status

    def __call__(self, picture: Pixels, now: float) -> Pixels:
        """What to show at ``now`` (seconds on any clock) for a finished picture, (H, W, 3) uint8 RGB.

        Never raises for a failure of its own.
        """
        elapsed = max(0.0, now - self._time) if self._time is not None else 0.0
        self._time = now
        if not self.failure:
            try:
                self._shown = self._guard(picture, elapsed)
            except Exception as error:
                self.failure, self._failed_for = f"{type(error).__name__}: {error}".split("\n", 1)[0], 0.0
            else:
                return self._shown
        return self._resting(picture, elapsed)

    def _resting(self, picture: Pixels, elapsed: float) -> Pixels:
        self._failed_for += elapsed
        if self._shown is None:
            self._shown = np.full(picture.shape, DIM_LEVEL, np.uint8)
        if self._failed_for >= HOLD:
            if self._fade is None:
                self._fade = linear(self._shown)
            step = SLEW * min(elapsed, rules.LONGEST_STEP)
            self._fade += np.clip(DIM - self._fade, -step, step)
            self._shown = np.rint(levels(self._fade)).astype(np.uint8)
            if float(np.abs(self._fade - DIM).max()) < 1e-4:
                self._guard, self._fade, self.failure = Guard(self._tier), None, ""
                self._guard(self._shown, 0.0)
        return self._shown
