"""Front of house: there is always a picture.  When the camera has none, the clouds step in.

The show reads one `Front` at every refresh.  While the camera plays, its frames pass through with their pixels
untouched; while it does not, clouds are drawn at their own slow pace; in between the one fades into the other.
"""

import logging
from collections import deque
from collections.abc import Callable
from statistics import median
from types import TracebackType
from typing import Protocol, Self

import cv2
import numpy as np

from installation.frame import Frame, Pixels
from installation.parts import Part

_log = logging.getLogger("dreamwall.front")

PATIENCE = 0.5  # seconds without a new frame after which a camera counts as gone
FADE = 0.4  # seconds of either crossfade; patience and fade together stay under a second
CLOUDS_FPS = 15.0
_FPS_WINDOW = 3.0


class Feeding(Part, Protocol):
    """What the front needs of a feed; `installation.sources.feed.Feed` fills it."""

    live: bool
    trouble: str | None

    @property
    def name(self) -> str: ...

    @property
    def frames(self) -> int: ...

    @property
    def drops(self) -> int: ...

    def take(self) -> Frame | None: ...


class Sky(Part, Protocol):
    """What the front needs of an understudy; `installation.sources.clouds.Clouds` fills it."""

    name: str
    size: tuple[int, int]

    def frame_at(self, time: float, size: tuple[int, int] | None = None) -> Pixels: ...


class Front:
    """What the show reads at each refresh.  Owns the feed and the understudy: entering and leaving it is theirs.

    ``feed``: None for an evening of clouds alone.  ``events`` is called with one line per change of face.
    ``patience``: seconds; a source whose own frames lie further apart is given two and a half of its intervals.
    """

    def __init__(
        self,
        feed: Feeding | None,
        clouds: Sky,
        events: Callable[[str], None],
        *,
        patience: float = PATIENCE,
        fade: float = FADE,
    ) -> None:
        self._feed = feed
        self._clouds = clouds
        self._events = events
        self._patience = patience
        self._fade = fade
        self._camera: Frame | None = None  # the newest that came
        self._arrived = float("-inf")
        self._intervals: deque[float] = deque(maxlen=9)
        self._playing = False  # the camera is what should be seen
        self._pair = 0  # frames since it was gone: one alone is no camera
        self._share = 0.0  # how much of it is seen
        self._last: Frame | None = None
        self._now = float("-inf")
        self._sky: tuple[int, tuple[int, int], Pixels] | None = None  # tick, size, picture
        self._came: deque[tuple[float, int]] = deque()

    def __enter__(self) -> Self:
        if self._feed is not None:
            self._feed.__enter__()  # the camera opens in its thread while the clouds are made ready
        try:
            self._clouds.__enter__()
        except BaseException:
            if self._feed is not None:
                self._feed.__exit__(None, None, None)
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None = None,
        error: BaseException | None = None,
        trace: TracebackType | None = None,
    ) -> None:
        try:
            if self._feed is not None:
                self._feed.__exit__(kind, error, trace)
        finally:
            self._clouds.__exit__(kind, error, trace)

    @property
    def on_air(self) -> str:
        """Who is seen, or is just fading in."""
        return self._feed.name if self._feed is not None and self._playing else self._clouds.name

    @property
    def camera_share(self) -> float:
        """How much of the camera is seen: 0 is clouds alone, 1 the camera alone."""
        return self._share

    @property
    def drops(self) -> int:
        """Frames of the source that were replaced by newer ones before a refresh wanted them."""
        return self._feed.drops if self._feed is not None else 0

    @property
    def camera_fps(self) -> float | None:
        """Frames a second that came from the source over the last three seconds; None before there is a figure."""
        if len(self._came) < 2:
            return None
        (begin, first), (end, last) = self._came[0], self._came[-1]
        return (last - first) / (end - begin) if end - begin >= 0.5 else None

    def newest(self, now: float) -> Frame:
        """The picture for a refresh at ``now`` seconds: always one, at once.

        The *same object* as before when there is nothing new.  Its index rises, its time never goes back and is
        the show clock's.
        """
        passed = 0.0 if self._now == float("-inf") else max(0.0, now - self._now)
        self._now = max(now, self._now)
        fresh = self._listen(self._now)
        self._judge(self._now)
        step = passed / self._fade if self._fade > 0 else 1.0
        before, self._share = self._share, min(1.0, max(0.0, self._share + (step if self._playing else -step)))

        if self._share >= 1.0 and self._camera is not None:
            if fresh or before < 1.0 or self._last is None:
                return self._give(self._camera.pixels, self._camera.time)
            return self._last
        sky, changed = self._draw(self._now)
        if self._share <= 0.0 or self._camera is None:
            return self._give(sky, self._now) if changed or before > 0.0 or self._last is None else self._last
        if self._last is not None and not (fresh or changed or self._share != before):
            return self._last
        share = self._share * self._share * (3.0 - 2.0 * self._share)
        mixed = cv2.addWeighted(self._camera.pixels, share, sky, 1.0 - share, 0.0)
        return self._give(np.asarray(mixed, np.uint8), self._now)

    def _listen(self, now: float) -> bool:
        """Take what the feed has; True when that is a new frame."""
        if self._feed is None:
            return False
        self._came.append((now, self._feed.frames))
        while now - self._came[0][0] > _FPS_WINDOW:
            self._came.popleft()
        frame = self._feed.take()
        if frame is None:
            return False
        if self._pair and self._camera is not None:
            self._intervals.append(frame.time - self._camera.time)
        self._camera, self._arrived = frame, now
        self._pair += 1
        return True

    def _judge(self, now: float) -> None:
        """Decide who should be seen, and say so when that changes."""
        if self._feed is None:
            return
        if now - self._arrived > self._allowed():
            self._pair = 0
            if self._playing:
                self._playing = False
                self._tell(f"{self._feed.name} gives no picture: {self._clouds.name} step in")
        elif not self._playing and self._pair >= 2:
            self._playing = True
            self._tell(f"{self._feed.name} is on the wall")

    def _allowed(self) -> float:
        """Seconds without a frame that are no reason to worry."""
        if self._intervals:
            return max(self._patience, min(5.0, 2.5 * median(self._intervals)))
        return 4.0 * self._patience  # one frame only so far: its pace is not known yet

    def _draw(self, now: float) -> tuple[Pixels, bool]:
        """The sky of this moment, and whether it is another than last time: it has a slow pace of its own."""
        size = self._camera.size if self._camera is not None else self._clouds.size
        tick = int(now * CLOUDS_FPS)
        if self._sky is not None and self._sky[:2] == (tick, size):
            return self._sky[2], False
        self._sky = tick, size, self._clouds.frame_at(tick / CLOUDS_FPS, size)
        return self._sky[2], True

    def _give(self, pixels: Pixels, time: float) -> Frame:
        index = 0 if self._last is None else self._last.index + 1
        time = time if self._last is None else max(time, self._last.time)
        self._last = Frame(pixels, index, time)
        return self._last

    def _tell(self, what: str) -> None:
        try:
            self._events(what)
        except Exception:
            _log.exception("an event could not be told: %s", what)
