"""What the flash guard knows of each cell, and over which windows too much was spent.

Luminance and saturated red are followed in every cell.  Arrays are float32, as textures are on
a card.
"""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from calibration.guard_rules import (
    AGES,
    CEILING,
    FIRST_AGE,
    HORIZON,
    NEEDED,
    NEEDED_ABOVE,
    RED_BRIGHT,
    RED_FROM,
    RED_GREY,
    RED_UNTIL,
    TIRED_AFTER,
    TIRED_CEILING,
    TIRED_MOST,
    Layout,
    Span,
)
from calibration.limits import LUMA, SLEW, WARN, WINDOW, Light

Mask = NDArray[np.bool_]
_PLANES = np.array(
    [LUMA, (1.0, -1.0, -1.0), (1 - RED_FROM, -RED_FROM, -RED_FROM), (1 - RED_UNTIL, -RED_UNTIL, -RED_UNTIL)], np.float32
)


@dataclass(frozen=True, slots=True)
class Signals:
    """What of cells of light is followed.

    ``followed``: luminance, and red less green and blue where that is above 0, (2, rows, columns): neither may run
    ahead of the slew limit.  ``red``: where a cell is saturated red; ``not_red``: where it is so no longer, (rows,
    columns).  In between it is what it was.  Every transition of the analyser's goes from one to the other, so these
    are at least as many, and noise about one threshold is none.
    """

    followed: Light
    red: Mask
    not_red: Mask


def signals(light: Light) -> Signals:
    """Of linear RGB (rows, columns, 3)."""
    luminance, redness, above, left = cv2.split(cv2.transform(light, _PLANES))
    return Signals(
        np.stack([luminance, np.maximum(redness, 0)]),
        (above >= 0) & (light[..., 0] >= np.float32(RED_BRIGHT)),
        np.asarray(left <= np.float32(RED_GREY * (3 * RED_UNTIL - 1))),
    )


class Turns:
    """Transitions of the emitted picture: the ages in seconds of each cell's newest ones, newest first.

    ``ages``: (`AGES`, 2, rows, columns), of luminance and of red.
    """

    def __init__(self, seen: Signals) -> None:
        now = seen.followed[0]
        self.low, self.high, self.way = now.copy(), now.copy(), np.zeros_like(now)  # the last went up: 1, down: -1
        self.red = seen.red.copy()
        self.ages = np.full((AGES, 2, *now.shape), FIRST_AGE, np.float32)
        self._last = now

    def grow(self, elapsed: float) -> None:
        """Real time went by."""
        np.minimum(self.ages + np.float32(elapsed), np.float32(FIRST_AGE), out=self.ages)

    def see(self, seen: Signals, churn: Light) -> None:
        """These were emitted.

        ``churn``: by how much the pixels of each cell changed their luminance on average, either way, (rows, columns).
        What of it the mean does not show counts as a transition too: patterns finer than a cell that change places.
        """
        now, reddened = seen.followed[0], np.where(self.red, seen.not_red, seen.red)
        counts = np.stack([self._turned(now), reddened])
        counts[0] |= churn - np.abs(now - self._last) >= NEEDED
        self.red ^= reddened
        self._last = now
        if counts.any():
            for older in range(AGES - 1, 0, -1):
                np.copyto(self.ages[older], self.ages[older - 1], where=counts)
            self.ages[0][counts] = 0

    def made(self, count: int) -> Mask:
        """Cells (rows, columns) that made so many or more within `HORIZON`, of either kind."""
        return np.asarray((self.ages[count - 1] < HORIZON).any(axis=0))

    def resized(self, seen: Signals) -> None:
        """Carry what is known over to another grid, on which this is shown now."""
        self._last = seen.followed[0]
        size = (self._last.shape[1], self._last.shape[0])
        self.low, self.high, self.way = (_nearest(plane, size) for plane in (self.low, self.high, self.way))
        self.red = _nearest(self.red.astype(np.float32), size) > 0.5
        self.ages = np.stack([np.stack([_nearest(plane, size) for plane in both]) for both in self.ages])

    def _turned(self, now: Light) -> Mask:
        np.minimum(self.low, now, out=self.low)
        np.maximum(self.high, now, out=self.high)
        rises = (now - self.low >= _needed(self.low)) & (self.way < 0.5)
        falls = (self.high - now >= _needed(now)) & (self.way > -0.5)
        turned = rises | falls
        if turned.any():
            np.copyto(self.way, np.where(rises, np.float32(1), np.float32(-1)), where=turned)
            np.copyto(self.low, now, where=turned)
            np.copyto(self.high, now, where=turned)
        return np.asarray(turned)


def _nearest(plane: Light, size: tuple[int, int]) -> Light:
    return np.asarray(cv2.resize(plane, size, interpolation=cv2.INTER_NEAREST), np.float32)


def _needed(darker: Light) -> Light:
    return np.asarray(np.maximum(np.float32(NEEDED), darker * np.float32(NEEDED_ABOVE)), np.float32)


class Follower:
    """Follows the emitted cells no quicker than the slew limit; who is far ahead of it went too quickly."""

    def __init__(self, seen: Signals) -> None:
        self.at = seen.followed.copy()

    def see(self, seen: Signals, step: float) -> None:
        """``step``: seconds, already bounded."""
        self.at += np.clip(seen.followed - self.at, -SLEW * step, SLEW * step).astype(np.float32)


@dataclass(slots=True)
class Shut:
    """Cells (rows, columns) in a window that has no more room, for what has made `CEILING` or `TIRED_CEILING`."""

    spent: Mask
    tired: Mask


class Loads:
    """Over which windows the ceilings hold.

    ``long_run``: seconds, net, in which any window was at the limit for the long run.  One number for the whole
    picture: windows that were at it in turn would add up otherwise, each of them rested.
    """

    def __init__(self, layout: Layout, long_run: float = 0.0) -> None:
        self.layout, self.long_run = layout, long_run
        self._warned = False

    def see(self, turns: Turns, elapsed: float) -> Shut:
        """``elapsed``: real seconds since the last refresh."""
        layout = self.layout
        shape = (layout.tile_rows, layout.tile_columns)
        shut = {count: np.zeros(shape, bool) for count in (TIRED_CEILING, WARN, CEILING)}
        for count, tiles in shut.items():
            made = turns.made(count)
            if made.any():
                summed = self._sums(made)
                for span in layout.spans:
                    np.logical_or(tiles, _spread(_over(summed, span), span, shape), out=tiles)
        warned = bool(shut[WARN].any())
        # What was so before the refresh lasted until it; longer than a second nothing is remembered.
        lasted = min(elapsed, WINDOW) if warned or self._warned else -elapsed
        self.long_run, self._warned = float(np.clip(self.long_run + lasted, 0, TIRED_MOST)), warned
        tired = shut[TIRED_CEILING] if self.long_run >= TIRED_AFTER else np.zeros(shape, bool)
        return Shut(self._cells(shut[CEILING]), self._cells(tired))

    def _sums(self, cells: Mask) -> NDArray[np.int32]:
        """Over everything above and to the left of each corner of a tile."""
        layout = self.layout
        summed = np.asarray(cv2.integral(cells.view(np.uint8)), np.int32)
        rows = np.minimum(np.arange(layout.tile_rows + 1) * layout.tile, layout.rows)
        columns = np.minimum(np.arange(layout.tile_columns + 1) * layout.tile, layout.columns)
        return np.asarray(summed[np.ix_(rows, columns)], np.int32)

    def _cells(self, tiles: Mask) -> Mask:
        layout = self.layout
        if not tiles.any():
            return np.zeros((layout.rows, layout.columns), bool)
        return tiles.repeat(layout.tile, 0).repeat(layout.tile, 1)[: layout.rows, : layout.columns]


def _over(summed: NDArray[np.int32], span: Span) -> Mask:
    down, right = span.rows, span.columns
    within = summed[down:, right:] - summed[:-down, right:] - summed[down:, :-right] + summed[:-down, :-right]
    return np.asarray(within >= span.most)


def _spread(over: Mask, span: Span, shape: tuple[int, int]) -> Mask:
    """Tiles that lie in any window that is over."""
    if not over.any():
        return np.zeros(shape, bool)
    begun = np.zeros(shape, np.uint8)
    begun[: over.shape[0], : over.shape[1]] = over
    window = np.ones((span.rows, span.columns), np.uint8)
    return cv2.dilate(begun, window, anchor=(span.columns - 1, span.rows - 1)).astype(bool)
