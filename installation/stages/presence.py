"""Presence: whether somebody moves, or stands, in front of the camera.

Ten times a second the newest frame is looked at very small, by two measures.  *Movement*: the last third of a second
against the second before; it is over within two seconds when somebody has left.  *Standing there*: against the empty
room, which is learned only while nothing moves; it holds on to people who stand still.  Movement alone was tried and
lost a woman who looked at a wall for thirteen seconds; a background that learns all the time swallowed people and saw
their ghosts where they had been.  So the room is also remembered as it was before the visit.

Both ask by what share a place has changed, once the exposure of the two pictures is made the same, and movement must
rise above each place's own noise.
"""

import math
from collections import deque
from collections.abc import Callable

import cv2
import numpy as np
from numpy.typing import NDArray

from calibration.thresholds import USUAL, Thresholds
from installation.frame import Frame, Pixels
from installation.knobs import Look
from installation.veil import Veil

WIDTH = 64  # pixels at which it looks
DIM = 16.0  # levels, added before shares are taken: in the dark there is only noise
SAMPLES = 4  # camera pixels a side that make one of these
EVERY = 0.1  # seconds between looks
NEWEST, MIDDLE, OLDEST = 3, 10, 20  # looks: the first three against the tenth to the twentieth
ABOVE = 5.0  # times the noise of a place
NOISE_TIME = 20.0  # seconds in which noise is learned
QUIET = 8.0  # seconds without movement before the room is taken for empty and learned
ROOM_TIME = 20.0  # seconds in which it is
VISIT = 3.0  # seconds without anybody that lie between two visits
MOST = 0.6  # share of the picture that changes only when the light or the camera does
SETTLING = 1.0  # seconds after the camera has come back: it fades in

Places = NDArray[np.float32]  # (h, WIDTH) levels


class Presence:
    """A witness of every refresh.  For the show's thread; a look takes under half a millisecond.

    ``moving`` is true while somebody moves.  A blackout, or whatever the dream does, makes no difference: it looks at
    the camera's frames alone.
    """

    def __init__(self, camera_there: Callable[[], bool] = lambda: True, thresholds: Thresholds = USUAL) -> None:
        """``camera_there``: whether the frames are the camera's; in front of the understudy there is nobody.

        ``thresholds``: learned of this room, where they were.
        """
        self._there, self._from = camera_there, thresholds
        self.moving = False
        self._seen: float | None = None  # when somebody was seen last; at first, when looking began
        self._now = 0.0
        self._frame: Frame | None = None
        self._looked = -math.inf
        self._moved = -math.inf
        self._away = -math.inf  # when the camera was last not there
        self._looks: deque[Places] = deque(maxlen=OLDEST)
        self._noise: Places | None = None
        self._room: Places | None = None  # the empty room
        self._before: Places | None = None  # the same before this visit began

    def alone_for(self, now: float) -> float:
        """Seconds since anybody moved or stood there; since the beginning, if nobody has yet."""
        return 0.0 if self._seen is None else max(0.0, now - self._seen)

    def see(self, frame: Frame, veil: Veil, look: Look, now: float) -> None:  # noqa: ARG002 (a witness is shown it all)
        """Look at ``frame`` if it is a new one and it is time; a refresh at ``now`` seconds."""
        passed, self._now = (now - self._now if self._seen is not None else 0.0), now
        if self._seen is None:
            self._seen = now
        if look.freeze:
            self._seen += passed  # the frame is held: nothing is known of what goes on in front
            return
        if not self._there():
            self.moving, self._away = False, now
            self._looks.clear()
            return
        if frame is self._frame or now - self._looked < EVERY - 1e-6 or now - self._away < SETTLING:
            return
        self._frame, gap, self._looked = frame, now - self._looked, now
        if self._somebody(places_of(frame.pixels), min(gap, 1.0), now):
            self._seen = now

    def _somebody(self, places: Places, gap: float, now: float) -> bool:
        """Whether somebody moves or stands there, as of the newest ``places``, ``gap`` seconds after those before."""
        if self._looks and self._looks[0].shape != places.shape:
            self._looks.clear()
            self._noise = self._room = self._before = None
        self._looks.appendleft(places)
        if len(self._looks) < OLDEST:
            return False
        looks = list(self._looks)
        newest = mean_of(looks[:NEWEST])
        moved = apart(newest, mean_of(looks[MIDDLE:]))
        if self._noise is None or self._room is None or self._before is None:
            noise = max(self._from.faintest / ABOVE, 3 * float(np.median(moved)))  # dark places tremble more than most
            self._noise, self._room, self._before = np.full_like(newest, noise), newest, newest
        moves = moved > np.maximum(self._from.faintest, ABOVE * self._noise)
        self.moving = int(np.count_nonzero(moves)) >= self._from.moved
        self._noise += gap / NOISE_TIME * (np.minimum(moved, 3 * self._noise) - self._noise)

        differs = apart(newest, self._room) > self._from.apart
        if self.alone_for(now) >= VISIT:
            # Somebody stood there for so long as to be learned, and is gone.
            if np.count_nonzero(differs) >= self._from.stands:
                self._room = self._before
            self._before = self._room
        other = int(np.count_nonzero(differs & (apart(newest, self._before) > self._from.apart)))
        if other > MOST * newest.size:
            self._room, other = newest, 0
        if self.moving:
            self._moved = now
        elif now - self._moved >= QUIET:
            self._room = self._room + min(1.0, gap / ROOM_TIME) * (newest - self._room)
        return self.moving or other >= self._from.stands


def apart(one: Places, other: Places) -> Places:
    """By what share each place of two looks differs, but for what they differ by as a whole: the exposure."""
    ratios = ((one + 1) / (other + 1)).ravel()
    gain = np.partition(ratios, ratios.size // 2)[ratios.size // 2]  # their median, at half of np.median's price
    same = other * gain
    return np.asarray(np.abs(cv2.blur((one - same) / (same + DIM), (3, 3))), np.float32)


def mean_of(looks: list[Places]) -> Places:
    return np.asarray(sum(looks) / np.float32(len(looks)), np.float32)


def places_of(pixels: Pixels) -> Places:
    """The grey picture, very small.  From every n-th pixel: averaging all of them costs 3 ms.

    Green alone would be quicker still, and was: the trembling colours of a compressed stream came through as movement.
    """
    height, width = pixels.shape[:2]
    size = WIDTH, max(1, round(WIDTH * height / width))
    sampled = cv2.resize(pixels, (size[0] * SAMPLES, size[1] * SAMPLES), interpolation=cv2.INTER_NEAREST)
    small = cv2.resize(cv2.cvtColor(sampled, cv2.COLOR_RGB2GRAY), size, interpolation=cv2.INTER_AREA)
    return small.astype(np.float32)
