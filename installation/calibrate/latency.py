"""``dreamwall calibrate latency``: how long from the screen's refresh until the camera's picture of it is in hand."""

from collections import deque
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from calibration.latency import APART, FLIPS, SETTLED, SPREAD, Latency, flip_times, measure
from installation.calibrate.seam import CalibrationError, Eye, Step, Steps, Wall
from installation.clock import HandClock
from installation.frame import Frame, Pixels

SIDE = 0.1  # of the display's sides: a hundredth of its area, a third of what may flash at once by the strictest rule
GROUND, BRIGHT = 40, 220  # levels; the patch is as the ground when it is dark
FINDING = 6  # flips by which the patch is found in the camera's picture
PERIOD = APART + SPREAD
FAINTEST = 4.0  # levels of 255 by which it must become brighter there
PART = 0.5  # of the most, by which a camera pixel belongs to the patch
LOOPBACK = (640, 360)
FPS, REFRESHES = 30.0, 59.94  # of the loopback: two clocks that never agree for long
NOISE = 1.0


def latency_seen(wall: Wall, eye: Eye, flips: int = FLIPS) -> Steps[Latency]:
    """Flip a small patch, at most once a second, and see when the camera sees it.

    The patch is looked for first.  Raises ValueError or CalibrationError, in one line, when it is not seen.
    """
    dark, bright = patches(wall.size)
    length = FINDING * PERIOD + float(flip_times(flips)[-1]) + PERIOD
    place = yield from _found(wall, eye, (dark, bright), length)
    begin = wall.show(dark)
    shown: list[tuple[float, float]] = [(begin, 0.0)]
    seen: list[tuple[float, float]] = []
    waiting = deque(begin + PERIOD / 2 + flip_times(flips))
    now, lit, late = begin, 0, 0.0
    while waiting or now < shown[-1][0] + PERIOD:
        due = bool(waiting) and now >= waiting[0] + late
        lit = 1 - lit if due else lit
        now = wall.show((dark, bright)[lit])
        if due:
            shown.append((now, float(lit)))
            late = max(late, now - waiting.popleft())  # after a stumble the next flips wait too: one a second at most
        frame = eye.newest()
        if frame is not None:
            seen.append((frame.time, place.brightness(frame)))
        done = (FINDING * PERIOD + now - begin) / length
        yield Step(f"the patch flips {flips} times, in {length:.0f} s: keep still before the camera", min(1.0, done))
    return measure(shown, seen)


def patches(size: tuple[int, int]) -> tuple[Pixels, Pixels]:
    """The two pictures, dark and bright: (H, W, 3) uint8 for a display of ``size``."""
    dark = np.full((size[1], size[0], 3), GROUND, np.uint8)
    bright = dark.copy()
    across, down = (max(2, round(side * SIDE)) for side in size)
    left, top = (size[0] - across) // 2, (size[1] - down) // 2
    bright[top : top + down, left : left + across] = BRIGHT
    return dark, bright


class Place:
    """Where the camera sees the patch."""

    def __init__(self, inside: NDArray[np.bool_]) -> None:
        rows, columns = np.nonzero(inside)
        self._shape = inside.shape
        self._box = np.s_[rows.min() : rows.max() + 1, columns.min() : columns.max() + 1]
        self._inside = inside[self._box]

    def brightness(self, frame: Frame) -> float:
        """Mean level of the patch, 0..255.  Raises CalibrationError when the camera's size is another."""
        if frame.pixels.shape[:2] != self._shape:
            raise CalibrationError(f"the camera changed its picture to {frame.size[0]}x{frame.size[1]}: begin again")
        return float(frame.pixels[self._box][self._inside].mean())


def _found(wall: Wall, eye: Eye, pictures: tuple[Pixels, Pixels], length: float) -> Steps[Place]:
    """Where the patch is: camera pixels that were brighter with it, each time that it was shown."""
    means: list[NDArray[np.float32]] = []  # of the end of each dark and each bright, in turn
    begin = wall.show(pictures[0])
    for flip in range(FINDING):
        total, count = np.zeros((0, 0), np.float32), 0
        now, end = begin + flip * PERIOD, begin + (flip + 1) * PERIOD
        while now < end or not count:
            now = wall.show(pictures[flip % 2])
            frame = eye.newest(end - SETTLED)
            if frame is not None:
                grey = frame.pixels.mean(axis=2, dtype=np.float32)
                total, count = (total + grey, count + 1) if count and total.shape == grey.shape else (grey, 1)
            if not count and now > end + 3 * PERIOD:
                raise CalibrationError(f"{eye.name} gives no pictures; check its cable")
            yield Step("a small patch flips in the middle of the display: looking for it", (now - begin) / length)
        begin += max(0.0, now - end)  # it took longer
        means.append(total / np.float32(count))
    if len({mean.shape for mean in means}) > 1:
        raise CalibrationError("the camera changed the size of its picture: begin again")
    rises = np.array([bright - dark for dark, bright in zip(means[::2], means[1::2], strict=True)])
    added = np.median(rises, axis=0)
    most = float(np.percentile(added, 99.9))
    if most < FAINTEST:
        raise CalibrationError(
            f"the camera does not see the patch in the middle of the display (it changes by {max(most, 0):.0f} levels "
            "of 255): point it there, hold its exposure, darken the room"
        )
    return Place((added > PART * most) & (rises > PART * PART * most).all(axis=0))


class Loopback:
    """A wall and an eye in one: it sees what is shown, ``delay`` seconds later.  Its clock is moved by hand."""

    name, size = "loopback", LOOPBACK

    def __init__(self, delay: float, clock: HandClock) -> None:
        self._delay, self._clock = delay, clock
        self._shown: deque[tuple[float, Pixels]] = deque(maxlen=round(2 * REFRESHES))
        self._count = 0
        self._chance = np.random.default_rng(1)

    def show(self, picture: Pixels, words: Sequence[str] = ()) -> float:  # noqa: ARG002
        self._clock.sleep(1 / REFRESHES)
        self._shown.append((self._clock.now(), picture))
        return self._clock.now()

    def newest(self, after: float = float("-inf")) -> Frame | None:
        count = int(self._clock.now() * FPS)
        time = count / FPS
        if count == self._count or time <= after:
            return None
        self._count = count
        then = [picture for when, picture in self._shown if when <= time - self._delay]
        sight = (then[-1] if then else self._shown[0][1])[::8, ::8]
        noisy = sight + self._chance.normal(0, NOISE, sight.shape).astype(np.float32)
        return Frame(np.rint(np.clip(noisy, 0, 255)).astype(np.uint8), count, time)
