"""Vitals: rates, intervals, latencies, drops and events.  What the operator, the page and the report see."""

import heapq
import logging
import threading
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from installation.clock import Clock

log = logging.getLogger("dreamwall")

WINDOW = 3.0  # seconds over which a rate is counted
KEPT = 200_000  # intervals and latencies kept for the report: an hour at 60 Hz, so memory stays flat for months
EVENTS = 1000  # events kept
LONGEST = 8  # longest intervals kept with their time, so that a stumble can be laid beside the events
REPEATS = 4  # an event that is among the newest so many is counted there, not told again


class Rate:
    """How often something happened a second, of late and since the first time."""

    def __init__(self) -> None:
        self._times: deque[float] = deque(maxlen=1024)
        self.first: float | None = None
        self._last = 0.0
        self._count = 0

    def tick(self, now: float) -> None:
        """It happened."""
        self.first = now if self.first is None else self.first
        self._last, self._count = now, self._count + 1
        self._times.append(now)

    def lately(self, now: float) -> float:
        """Times a second over the last few seconds; 0 when it has stopped."""
        recent = [t for t in self._times if now - t <= WINDOW]
        return (len(recent) - 1) / (now - recent[0]) if len(recent) > 1 and now > recent[0] else 0.0

    def age(self, now: float) -> float | None:
        """Seconds since it happened last; None when it never has."""
        return None if self.first is None else round(now - self._last, 2)

    def overall(self) -> float | None:
        """Times a second from the first to the last, None before the second."""
        if self.first is None or self._count < 2 or self._last <= self.first:
            return None
        return (self._count - 1) / (self._last - self.first)


@dataclass(slots=True)
class Event:
    """Something the operator should know; ``count`` times running, first at ``time`` seconds into the show."""

    time: float
    what: str
    count: int = 1


class Vitals:
    """Filled by the show's thread, and events by any; read by anybody."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._begun = clock.now()
        self._lock = threading.Lock()
        self.camera, self.dream, self.screen = Rate(), Rate(), Rate()
        self._intervals: deque[float] = deque(maxlen=KEPT)
        self._latencies: deque[int] = deque(maxlen=KEPT)
        self._events: deque[Event] = deque(maxlen=EVENTS)
        self._told = 0  # events so far, repeats too
        self._longest: list[tuple[float, float]] = []  # a heap of the longest intervals, and when they ended
        self._last_refresh: float | None = None
        self.refreshes = 0
        self.facts: dict[str, Any] = {}  # what is set once or seldom: network, layers, engine, screen …

    def event(self, what: str) -> None:
        """Note something the operator should know; the same thing again and again stays one line with a count."""
        with self._lock:
            self._told += 1
            # A part that fails over and over tells the same few lines in turn, for months if need be.
            for event in list(self._events)[-REPEATS:]:
                if event.what == what:
                    event.count += 1
                    return
            self._events.append(Event(round(self._clock.now() - self._begun, 3), what))
        log.warning("%s", what)

    def refreshed(self, now: float) -> None:
        """The screen has shown a picture."""
        self.screen.tick(now)
        if self._last_refresh is not None:
            interval = now - self._last_refresh
            self._intervals.append(interval)
            if len(self._longest) < LONGEST or interval > self._longest[0][0]:
                row = (interval, now - self._begun)
                (heapq.heappush if len(self._longest) < LONGEST else heapq.heapreplace)(self._longest, row)
        self._last_refresh = now
        self.refreshes += 1

    def shown_after(self, refreshes: int) -> None:
        """A new camera frame was shown at the ``refreshes``-th refresh after it was taken; 1 is the very next."""
        self._latencies.append(refreshes)

    def events(self) -> list[dict[str, Any]]:
        """The events so far, as the report writes them."""
        with self._lock:
            return [
                {"time": e.time, "what": e.what} | ({"count": e.count} if e.count > 1 else {}) for e in self._events
            ]

    def now(self) -> dict[str, Any]:
        """How the show is doing at this moment, for the HUD and the page."""
        now = self._clock.now()
        return {
            "camera_fps": round(self.camera.lately(now), 1),
            "dream_fps": round(self.dream.lately(now), 1),
            "screen_fps": round(self.screen.lately(now), 1),
            "latency_refreshes": self._latencies[-1] if self._latencies else None,
            "refreshes": self.refreshes,
            "uptime_s": round(now - self._begun, 1),
            "ages": {name: rate.age(now) for name, rate in (("camera", self.camera), ("dream", self.dream))},
            "events": self.events()[-20:],
            "events_total": self._told,
            **self.facts,
        }

    def report(self) -> dict[str, Any]:
        """The whole show so far; a figure that was not measured is None."""
        return {
            "camera_fps": _rounded(self.camera.overall()),
            "dream_fps": _rounded(self.dream.overall()),
            "screen_fps": _rounded(self.screen.overall()),
            "screen_interval_ms": _spread([1000 * i for i in self._intervals], ("median", "p95", "max")),
            "longest_intervals": [
                {"ms": round(1000 * interval, 1), "at_s": round(at, 1)}
                for interval, at in sorted(self._longest, reverse=True)
            ],
            "latency_refreshes": _spread(list(self._latencies), ("median", "p95")),
            "refreshes": self.refreshes,
            "first_s": {
                name: None if rate.first is None else round(rate.first - self._begun, 2)
                for name, rate in (("picture", self.screen), ("camera", self.camera), ("dream", self.dream))
            },
            "events": self.events(),
            **self.facts,
        }


def _spread(values: Sequence[float], names: Sequence[str]) -> dict[str, float | None]:
    if not values:
        return dict.fromkeys(names)
    at = {"median": 50, "p95": 95, "max": 100}
    return {name: round(float(np.percentile(values, at[name])), 2) for name in names}


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 2)
