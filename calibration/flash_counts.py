"""Transitions counted: in a sliding second in every cell, over every area rule, and in the long run."""

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from calibration.flash_cells import Areas, Cells, Counts, Place, Window
from calibration.flash_states import Mask
from calibration.limits import EXTENDED_FROM, EXTENDED_WINDOW, REPEATED, SYNCHRONY, WINDOW

BLUR = 0.002  # seconds: stamps of films are rounded to milliseconds; three flashes a second must not become four by it
BUCKETS, BUCKET = 1200, 0.05  # of a history: how many at most, and how many seconds each holds at first


class Sliding:
    """Transitions in the second before each picture, per cell.  Memory is bounded by the pictures of one second."""

    def __init__(self, shape: tuple[int, int]) -> None:
        self.counts: Counts = np.zeros(shape, np.uint16)
        self._changes: deque[tuple[float, Mask]] = deque()
        self._recent: deque[tuple[float, Counts]] = deque()

    def see(self, turned: Mask, time: float) -> Counts:
        """Count the cells that ``turned`` at ``time``; returns the highest count of each within `limits.SYNCHRONY`.

        Cells that are over a limit so shortly after one another are over it at once, be it by a hair's breadth each.
        """
        while self._changes and time - self._changes[0][0] >= WINDOW - BLUR:
            np.subtract(self.counts, self._changes.popleft()[1], out=self.counts)
        if turned.any():
            self._changes.append((time, turned))
            np.add(self.counts, turned, out=self.counts)
        while self._recent and time - self._recent[0][0] > SYNCHRONY:
            self._recent.popleft()
        if not self._changes and not self._recent:
            return self.counts
        self._recent.append((time, self.counts.copy()))
        highest = self.counts.copy()
        for _, counts in self._recent:
            np.maximum(highest, counts, out=highest)
        return highest


class Span:
    """How long something was so: in the last `limits.EXTENDED_WINDOW` seconds, and without a break."""

    def __init__(self) -> None:
        self._spans: deque[list[float]] = deque()

    def see(self, so: bool, time: float, elapsed: float) -> tuple[float, float]:
        """It was ``so`` for the ``elapsed`` seconds up to ``time``; returns (seconds of the last five, of this run)."""
        if so:
            begin = time - elapsed
            if self._spans and begin - self._spans[-1][1] < 1e-6:
                self._spans[-1][1] = time
            else:
                self._spans.append([begin, time])
        while self._spans and self._spans[0][1] <= time - EXTENDED_WINDOW:
            self._spans.popleft()
        total = sum(end - max(begin, time - EXTENDED_WINDOW) for begin, end in self._spans)
        return total, self._spans[-1][1] - self._spans[-1][0] if so else 0.0


@dataclass(slots=True)
class Worst:
    """The worst over one rule's window so far; ``time`` in seconds as handed in, None while there was nothing."""

    level: int = 0  # transitions in one second
    time: float | None = None
    place: Place | None = None  # the window
    cell: Place | None = None  # the cell in it that changed most often
    extended: float = 0.0  # seconds of five with at least EXTENDED_FROM transitions a second
    extended_at: float | None = None
    run: float = 0.0  # seconds on end with at least REPEATED
    run_at: float | None = None


class History:
    """The highest levels over time, in at most `BUCKETS`; when they are full, two become one."""

    def __init__(self, rules: int) -> None:
        self.bucket = BUCKET
        self._start = 0.0
        self._values = np.zeros((rules, BUCKETS), np.uint16)
        self._used = 0

    def add(self, time: float, levels: Sequence[int]) -> None:
        if not self._used:
            self._start = time
        while (at := int((time - self._start) / self.bucket)) >= BUCKETS:
            halved = self._values.reshape(len(self._values), -1, 2).max(axis=2)
            self._values[:, : BUCKETS // 2], self._values[:, BUCKETS // 2 :] = halved, 0
            self.bucket *= 2
            self._used = -(-self._used // 2)
        self._used = max(self._used, at + 1)
        self._values[:, at] = np.maximum(self._values[:, at], levels)

    @property
    def levels(self) -> NDArray[np.uint16]:
        """(rules, buckets): the highest level of each rule in each ``bucket`` seconds."""
        return self._values[:, : self._used]


class Count:
    """Everything that is counted of one kind of transition, luminance or red."""

    def __init__(self, cells: Cells, windows: Sequence[Window]) -> None:
        self.windows = windows
        self.worst = [Worst() for _ in windows]
        self.history = History(len(windows))
        self.peaks: Counts = np.zeros((cells.rows, cells.columns), np.uint16)  # the most in a second, per cell
        self.levels = [0] * len(windows)
        self._cells, self._areas = cells, Areas(windows)
        self._sliding = Sliding(self.peaks.shape)
        self._extended = [Span() for _ in windows]
        self._runs = [Span() for _ in windows]

    def see(self, turned: Mask, time: float, elapsed: float) -> None:
        """Cells that ``turned`` at ``time``, ``elapsed`` seconds after the picture before."""
        # Between two pictures things stand as they did, but no longer than what was counted is remembered.
        held = min(elapsed, WINDOW)
        before, counts = self.levels, self._sliding.see(turned, time)
        np.maximum(self.peaks, counts, out=self.peaks)
        self.levels = self._areas.levels(counts, before)
        self.history.add(time, self.levels)
        for at, worst in enumerate(self.worst):
            if self.levels[at] > worst.level:
                self._found(worst, self.windows[at], counts, self.levels[at], time)
            extended, _ = self._extended[at].see(before[at] >= EXTENDED_FROM, time, held)
            if extended > worst.extended:
                worst.extended, worst.extended_at = extended, time
            _, run = self._runs[at].see(before[at] >= REPEATED, time, held)
            if run > worst.run:
                worst.run, worst.run_at = run, time

    def _found(self, worst: Worst, window: Window, counts: Counts, level: int, time: float) -> None:
        row, column = self._areas.where(window, counts, level)
        inside = counts[row : row + window.rows, column : column + window.columns]
        # Of those that changed as often the one in their midst: of a flash of the whole picture the middle.
        often = np.argwhere(inside == inside.max())
        down, right = often[((often - often.mean(axis=0)) ** 2).sum(axis=1).argmin()]
        worst.level, worst.time = level, time
        worst.place = self._cells.place(row, column, window.rows, window.columns)
        worst.cell = self._cells.place(row + int(down), column + int(right))
