"""The flash guard, as a reference: what the shader does on the card, in NumPy.  Reduces flashing to published limits.

The last thing before the display.  It has two tiers, and there is none that lets everything through.

*Counting.*  The guard reads the very 8-bit picture that it hands out, makes of it the analyser's cells, and counts
transitions of luminance and of saturated red, never fewer than the analyser does.  A rule fails when 25 % of the
cells of a window count 7 or more within a second.  Here, once 20 % of them have made 5 (over tiles that cover the
window, so rather more of it than less), those that have are *frozen*: none of their pixels changes until the count
falls.  Suppose 25 % of a window stood at 6.  Look at the moment at which the last of them made its sixth: it was not
frozen, so less than 20 % of the window had made 5; but all of the 25 % had.  So it cannot be.  The same argument keeps
the long run, which fails with 4 a second in 4 seconds of any 5, and warns of 3 that go on for five: once 4 a second
have lasted for a second, net, in one window or another, the ceiling in all of them is 2, until they have been below it
for as long.  Ages are real time between flips, and count for a tenth of a second longer than the rule asks.  A frozen
cell freezes every pixel that it has a share of.  What is proved is about these cells, which are the analyser's.
Patterns finer than a cell that change places leave its mean alone; such churn counts as a transition as well, and on
grids that lie otherwise the outcome was measured.

*Slewing* is the strict tier's.  Each cell has a follower that moves by at most `limits.SLEW` (half of white a second).
When 20 % of the picture would run ahead of its followers the same way, in luminance or in red, those cells are
slewed: no channel of any of their pixels changes by more than that, until they have caught up, or had
time to; and they are frozen
from two transitions on, one flash.  So cuts, strobes, blackouts and knobs thrown about arrive as fades of up to two
seconds, while a person walks through the picture as quickly as he likes.

Not taken: the slew limit on every pixel, always.  It needs no counting, but 0.5 a second lets through five transitions
of 0.1 in every second, which is over the limit of the long run; and of real people it leaves a smear.  Slewing what
was frozen in the performance tier: fine stripes then flickered on, by less than counts in any cell.  Nor a bound on
the share of red in every pixel: it changed every red shirt that stood still (`docs/decisions/0013-the-flash-guard.md`).
"""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from calibration.guard_counts import Follower, Loads, Shut, Signals, Turns, signals
from calibration.guard_light import BAND, Pixels, light_of, rounded
from calibration.guard_rules import (
    CEILING,
    FADED,
    LEAST_STEP,
    LONGEST_STEP,
    SETTLED,
    SLEWED_CEILING,
    TIERS,
    TIRED_CEILING,
    Layout,
    Tier,
    quick,
)
from calibration.limits import LUMA, SLEW, Light

Mask = NDArray[np.bool_]
Modes = NDArray[np.uint8]
FREE, SLEWED, FROZEN = 0, 1, 2  # of a cell, or of a pixel
_LUMA = np.array([LUMA], np.float32)


@dataclass(frozen=True, slots=True)
class State:
    """What the guard did at the last refresh, and in all.

    ``held``: share of the picture, 0..1, that was slewed or frozen.  ``seconds``: for how long something has been.
    ``total``: seconds in which something was, since the beginning.  ``most``: the largest share.
    """

    tier: Tier
    held: float = 0.0
    seconds: float = 0.0
    total: float = 0.0
    most: float = 0.0

    def after(self, elapsed: float, held: float) -> "State":
        """What follows when ``held`` was so for the ``elapsed`` seconds that went by."""
        if not held:
            return State(self.tier, 0.0, 0.0, self.total, self.most)
        return State(self.tier, held, self.seconds + elapsed, self.total + elapsed, max(self.most, held))

    @property
    def status(self) -> str:
        """One line for HUD, page and report."""
        said = f"flash guard {self.tier}"
        if self.held:
            now = f"holds {max(1, round(100 * self.held))} % back"
            said += f": {now} for {self.seconds:.1f} s" if self.seconds >= 0.1 else f": {now}"
        elif self.total >= 0.1:
            said += f", held back {self.total:.1f} s in all, {max(1, round(100 * self.most))} % at most"
        return said


class Guard:
    """Give it every picture before it is shown, and show what it returns.

    ``tier``: "strict" for galleries and kiosks, or "performance", which has no slew limit but the same ceilings.
    Raises ValueError for any other tier.
    """

    def __init__(self, tier: Tier = "strict") -> None:
        if tier not in TIERS:
            raise ValueError(f"the flash guard is {' or '.join(TIERS)}, not {tier!r}")
        self.state = State(tier)
        self._tier = tier
        self._layout: Layout | None = None
        self._shown: Pixels  # the last output
        self._luminance: Light  # of each of its pixels
        self._light: Light | None = None  # the same, not rounded, (H, W, 3) linear; None: exactly what is in _shown
        self._sheets = [np.empty(0, np.float32) for _ in range(2)]
        self._emitted: Signals  # of its cells
        self._turns: Turns
        self._follower: Follower
        self._loads: Loads
        self._shut: Shut
        self._behind: Light  # seconds for which each cell has been, (rows, columns)

    def __call__(self, pixels: Pixels, elapsed: float) -> Pixels:
        """What is to be shown: (H, W, 3) uint8 RGB for such a picture, the same array where nothing had to be done.

        ``elapsed``: real seconds since the previous flip; only the first picture has none and is shown as it comes.
        After another size the last output is stretched to it, and the picture goes on from there.
        Raises ValueError for what is not a picture.
        """
        if pixels.ndim != 3 or pixels.shape[2] != 3 or pixels.dtype != np.uint8 or not pixels.size:
            raise ValueError(f"a picture is (H, W, 3) uint8, not {pixels.shape} {pixels.dtype}")
        elapsed = elapsed if 0 < elapsed < np.inf else 0.0
        step = min(elapsed, LONGEST_STEP)
        if self._layout is None:
            self._begin(pixels)
            return self._shown
        if self._shown.shape != pixels.shape:
            self._resize((pixels.shape[1], pixels.shape[0]))
        self._turns.grow(elapsed)
        wanted = light_of(pixels, self._sheet(pixels.shape))
        seen = signals(self._cells(wanted))
        mode = self._modes(seen, step)
        light, emitted = None, pixels.copy()  # whose buffer may be written again
        if mode.any():
            light, emitted = self._held(wanted, pixels, mode, step)
            wanted = light_of(emitted)
            seen = signals(self._cells(wanted))
        churn = self._churn(wanted)
        self._shown, self._light = emitted, light
        self._follower.see(seen, step)
        self._turns.see(seen, churn)
        self._emitted = seen
        self._shut = self._loads.see(self._turns, elapsed)
        self.state = self.state.after(elapsed, float((mode > FREE).mean()))
        return emitted

    def _sheet(self, shape: tuple[int, ...]) -> Light:
        """Memory for light that is not in use, since fresh memory costs as much as the sums."""
        at = int(self._sheets[0] is self._light)
        if self._sheets[at].shape != shape:
            self._sheets[at] = np.empty(shape, np.float32)
        return self._sheets[at]

    def _begin(self, pixels: Pixels) -> None:
        self._layout = Layout((pixels.shape[1], pixels.shape[0]))
        self._shown = pixels.copy()
        seen = self._again()
        self._turns, self._loads = Turns(seen), Loads(self._layout)
        self._behind = np.zeros(seen.red.shape, np.float32)
        self._shut = self._loads.see(self._turns, 0.0)

    def _again(self) -> Signals:
        """What follows from another picture in ``_shown``."""
        light = light_of(self._shown)
        self._luminance = np.asarray(cv2.transform(light, _LUMA), np.float32)
        self._emitted = signals(self._cells(light))
        self._follower = Follower(self._emitted)
        return self._emitted

    def _resize(self, size: tuple[int, int]) -> None:
        self._layout = Layout(size)
        self._shown = np.asarray(cv2.resize(self._shown, size, interpolation=cv2.INTER_LINEAR), np.uint8)
        self._light = None
        self._loads = Loads(self._layout, self._loads.long_run)
        seen = self._again()
        self._turns.resized(seen)
        self._behind = np.full(seen.red.shape, LEAST_STEP, np.float32)
        self._shut = self._loads.see(self._turns, 0.0)

    def _cells(self, light: Light) -> Light:
        assert self._layout is not None
        size = (self._layout.columns, self._layout.rows)
        if size == self._layout.size:
            return light
        return np.asarray(cv2.resize(light, size, interpolation=cv2.INTER_AREA), np.float32)

    def _churn(self, light: Light) -> Light:
        """By how much the luminance of each cell's pixels has just changed on average, (rows, columns), either way."""
        before = self._luminance
        self._luminance = np.asarray(cv2.transform(light, _LUMA), np.float32)
        return self._cells(np.asarray(cv2.absdiff(before, self._luminance), np.float32))

    def _modes(self, wanted: Signals, step: float) -> Modes:
        """What happens to each cell."""
        assert self._layout is not None
        frozen = (self._turns.made(CEILING) & self._shut.spent) | (self._turns.made(TIRED_CEILING) & self._shut.tired)
        if self._tier == "performance":
            return np.where(frozen, FROZEN, FREE).astype(np.uint8)
        fading = (self._behind > 0) & (self._behind < FADED)
        behind = fading & (np.abs(wanted.followed - self._emitted.followed) > SETTLED).any(axis=0)
        ahead, most = wanted.followed - self._follower.at, quick(step)
        for runs in (*(ahead >= most), *(ahead <= -most)):
            if np.count_nonzero(runs) >= self._layout.at_once:
                behind |= runs
        frozen |= behind & self._turns.made(SLEWED_CEILING)
        behind |= frozen
        self._behind = np.where(behind, self._behind + np.float32(max(step, LEAST_STEP)), np.float32(0))
        return np.where(frozen, FROZEN, np.where(behind, SLEWED, FREE)).astype(np.uint8)

    def _held(self, wanted: Light, pixels: Pixels, mode: Modes, step: float) -> tuple[Light, Pixels]:
        """The next output, not rounded and rounded: from the last towards ``wanted``, as far as ``mode`` lets it."""
        last = light_of(self._shown) if self._light is None else self._light
        modes, reach = self._of_pixels(mode), np.float32(SLEW * step)
        light, emitted = wanted, pixels.copy()
        for top in range(0, modes.shape[0], BAND):
            band = slice(top, top + BAND)
            free, frozen = modes[band] == FREE, modes[band] == FROZEN
            if free.all():
                continue
            before, after = last[band], light[band]
            red, green, blue = cv2.split(cv2.absdiff(after, before))
            furthest = np.maximum(cv2.max(cv2.max(red, green), blue), np.float32(1e-6))
            share = np.minimum(reach / furthest, np.float32(1))
            share[frozen] = 0
            way = cv2.multiply(cv2.subtract(after, before), cv2.cvtColor(share, cv2.COLOR_GRAY2RGB))
            reached = cv2.add(before, way)
            levels = rounded(np.asarray(reached, np.float32))
            cv2.copyTo(self._shown[band], frozen.view(np.uint8), levels)
            cv2.copyTo(pixels[band], free.view(np.uint8), levels)
            cv2.copyTo(after, free.view(np.uint8), reached)
            light[band], emitted[band] = reached, levels
        return light, emitted

    def _of_pixels(self, mode: Modes) -> Modes:
        """For each pixel the strictest mode of the cells that it has a share of."""
        layout = self._layout
        assert layout is not None
        for axis, (cells, pixels) in enumerate(((layout.rows, layout.size[1]), (layout.columns, layout.size[0]))):
            at = np.arange(pixels)
            first, last = at * cells // pixels, ((at + 1) * cells - 1) // pixels
            mode = np.maximum(mode.take(first, axis), mode.take(last, axis))
        return mode
