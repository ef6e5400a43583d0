"""The feed: the thread that keeps one source alive."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import pairwise
from typing import Self

import pytest

from fakes import ScriptedSource, Step, plain
from installation.clock import HandClock, WallClock
from installation.errors import SourceError
from installation.frame import Frame
from installation.mailbox import Latest
from installation.sources import feed as feeding
from installation.sources.feed import Feed


class Kept(Latest[Frame]):
    """A mailbox that also keeps every frame ever put."""

    def __init__(self) -> None:
        super().__init__()
        self.all: list[Frame] = []

    def put(self, value: Frame) -> None:
        self.all.append(value)
        super().put(value)


def frames(count: int, interval: float = 0.1) -> list[Step]:
    return [Frame(plain(i % 256), i, i * interval) for i in range(count)]


@contextmanager
def fed(source: ScriptedSource, clock: HandClock, until: Callable[[Kept], bool]) -> Iterator[tuple[Kept, list[str]]]:
    """Run a feed on a clock moved by hand until its mailbox is as wanted; then leave it."""
    events: list[str] = []
    feed, kept = Feed(source, clock, events.append), Kept()
    feed.latest = kept
    with feed:
        wait(lambda: until(kept))
    yield kept, events


def wait(there: Callable[[], bool], limit: float = 10.0) -> None:
    begin = time.monotonic()
    while not there():
        assert time.monotonic() - begin < limit, "it did not come"
        time.sleep(0.002)


def test_entering_returns_at_once_whatever_the_device_does() -> None:
    """A camera that hangs while it is opened holds up nobody, and neither does leaving it for more than two seconds."""
    free = threading.Event()

    class Stuck(ScriptedSource):
        def __enter__(self) -> Self:
            free.wait(30)
            return self

    feed = Feed(Stuck([], WallClock()), WallClock(), print)
    begin = time.monotonic()
    feed.__enter__()
    assert time.monotonic() - begin < 0.5
    feed.__exit__()
    assert time.monotonic() - begin < feeding.LEAVE + 1.0
    free.set()


def test_a_hung_read_does_not_hold_up_leaving(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leaving gives a hung read its two seconds and goes; entered again, it waits for the device to let go."""
    monkeypatch.setattr(feeding, "LEAVE", 0.1)
    free = threading.Event()
    source = ScriptedSource([frames(1)[0], lambda: free.wait(30) and None, *frames(500)], WallClock())
    feed = Feed(source, WallClock(), lambda _: None)
    with feed:
        wait(lambda: feed.frames == 1)
        begin = time.monotonic()
    assert time.monotonic() - begin < 1.0
    with feed:
        assert len(source.entered) == 1, "two threads would have been in the device at once"
        free.set()
        wait(lambda: len(source.entered) == 2 and feed.frames > 1)


def test_back_off_doubles_up_to_a_limit() -> None:
    """A lost source is tried again after 0.25, 0.5, 1 and from then on 1.5 seconds."""
    clock = HandClock()
    source = ScriptedSource(frames(3), clock, refusals=7)
    with fed(source, clock, lambda kept: kept.put_count >= 3):
        gaps = [round(after - before, 2) for before, after in pairwise(source.entered)]
    assert gaps[:7] == [0.25, 0.5, 1.0, 1.5, 1.5, 1.5, 1.5]


def test_back_off_begins_anew_after_a_frame() -> None:
    """Once frames came, the next loss is answered quickly again."""
    clock = HandClock()
    lost = SourceError("cam is gone")
    source = ScriptedSource([lost, lost, lost, *frames(1), lost, *frames(1)], clock)
    with fed(source, clock, lambda kept: kept.put_count >= 2):
        gaps = [round(after - before, 2) for before, after in pairwise(source.entered)]
    assert gaps[:4] == [0.25, 0.5, 1.0, 0.25]


def test_the_operator_is_told_once_per_change() -> None:
    """However often it is tried, the log says once that a source is gone, and once that it is back."""
    clock = HandClock()
    lost = SourceError("cam is gone; check its cable")
    source = ScriptedSource([*frames(2), *[lost] * 20, *frames(3)], clock)
    with fed(source, clock, lambda kept: kept.put_count >= 5) as (_, events):
        pass
    assert len(events) == 3
    assert events[0] == "scripted: open, 64x48"
    assert events[1].startswith("cam is gone; check its cable")
    assert events[2] == "scripted: open again, 64x48"


@pytest.mark.parametrize("live", [True, False])
def test_index_and_time_rise_over_reopenings(live: bool) -> None:
    """Downstream sees one stream of frames: indices and times rise although the source began again at 0."""
    clock = HandClock()
    source = ScriptedSource([*frames(5), SourceError("gone"), *frames(5)], clock, live=live)
    with fed(source, clock, lambda kept: kept.put_count >= 10) as (kept, _):
        pass
    assert [frame.index for frame in kept.all] == list(range(10))
    assert all(after.time >= before.time for before, after in pairwise(kept.all))


def played(script: list[Step], clock: HandClock, count: int) -> tuple[list[float], list[Frame]]:
    """When each frame of a recording came, on the clock, and the frames."""
    arrivals: list[float] = []

    class Clocked(Kept):
        def put(self, value: Frame) -> None:
            arrivals.append(clock.now())
            super().put(value)

    feed, kept = Feed(ScriptedSource(script, clock, live=False), clock, lambda _: None), Clocked()
    feed.latest = kept
    with feed:
        wait(lambda: feed.frames >= count)
    return arrivals[:count], kept.all[:count]


def test_a_recording_is_played_at_its_own_pace() -> None:
    """Frames of a clip come when their time has come, stamped with the show's clock, which did not begin at 0."""
    arrivals, came = played(frames(20, 0.1), HandClock(100.0), 20)
    assert arrivals == pytest.approx([100 + i * 0.1 for i in range(20)])
    assert [frame.time for frame in came] == pytest.approx(arrivals)


def test_a_recording_that_was_held_up_does_not_rush() -> None:
    """After a hold-up of three seconds a clip goes on at its pace instead of racing through what was missed."""
    clock = HandClock()
    script = [*frames(5), lambda: clock.sleep(3.0), *frames(10)[5:]]
    arrivals, came = played(script, clock, 10)
    assert [after - before for before, after in pairwise(arrivals[5:])] == pytest.approx([0.1] * 4)
    assert [frame.time for frame in came] == pytest.approx(arrivals)


def test_no_fault_ends_it() -> None:
    """A fault in a driver, in our own code or in the listener of events is survived."""
    clock = HandClock()
    source = ScriptedSource([*frames(1), ZeroDivisionError("driver"), *frames(2)], clock)

    def deaf(_: str) -> None:
        raise RuntimeError("nobody listens")

    feed = Feed(source, clock, deaf)
    with feed:
        wait(lambda: feed.frames >= 3)


def test_pixels_are_not_copied_and_losses_are_counted() -> None:
    """A frame goes through with its pixels untouched; frames that nobody took are counted as drops."""
    clock = HandClock()
    script = frames(4)
    with fed(ScriptedSource(script, clock), clock, lambda kept: kept.put_count >= 4) as (kept, _):
        pass
    assert kept.all[0].pixels is script[0].pixels  # type: ignore[union-attr]
    assert kept.dropped == 3


def test_it_can_be_entered_again() -> None:
    """A feed can be entered again after it was left, and leaving twice is harmless."""
    source = ScriptedSource(frames(3), WallClock(), again=True)
    feed = Feed(source, WallClock(), lambda _: None)
    for _ in range(2):
        with feed:
            before = feed.frames
            wait(lambda before=before: feed.frames > before)
        feed.__exit__()
    assert source.left == 2
