"""Vitals: what the report says is what happened."""

import pytest

from installation.clock import HandClock
from installation.vitals import Vitals


def test_rates_and_intervals():
    """Ten refreshes a second for four seconds, one of them late, read as that."""
    clock = HandClock(100.0)
    vitals = Vitals(clock)
    for tick in range(41):
        vitals.refreshed(clock.now())
        clock.sleep(0.3 if tick == 10 else 0.1)
    report = vitals.report()
    assert report["screen_fps"] == pytest.approx(40 / 4.2, abs=0.01)
    assert report["screen_interval_ms"] == {"median": 100.0, "p95": 100.0, "max": 300.0}


def test_what_was_not_measured_is_none():
    """A report never makes a figure up."""
    report = Vitals(HandClock()).report()
    assert report["camera_fps"] is None and report["screen_interval_ms"]["max"] is None
    assert report["latency_refreshes"] == {"median": None, "p95": None}


def test_the_same_event_again_is_one_line():
    """A camera that fails a thousand times in the night is one line with a count."""
    clock = HandClock()
    vitals = Vitals(clock)
    for _ in range(1000):
        vitals.event("camera gone")
        clock.sleep(1)
    vitals.event("camera back")
    assert vitals.events() == [
        {"time": 0.0, "what": "camera gone", "count": 1000},
        {"time": 1000.0, "what": "camera back"},
    ]


def test_a_rate_that_stopped_is_zero():
    """The HUD does not go on showing the last good rate of a dead camera."""
    clock = HandClock()
    vitals = Vitals(clock)
    for _ in range(30):
        vitals.camera.tick(clock.now())
        clock.sleep(1 / 30)
    assert vitals.now()["camera_fps"] == pytest.approx(30, rel=0.05)
    clock.sleep(5)
    assert vitals.now()["camera_fps"] == 0
