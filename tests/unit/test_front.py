"""Front of house: a picture at every refresh, whatever the camera does."""

from collections.abc import Callable, Iterator
from itertools import pairwise
from types import TracebackType
from typing import Self

import numpy as np
import pytest

from fakes import plain
from installation.frame import Frame, Pixels
from installation.sources.understudy import Front

REFRESH = 1 / 60
LAG = 0.04  # a picture is taken before it arrives
RED, BLUE = (200, 0, 0), (0, 0, 200)


class FakeFeed:
    """A feed whose frames the test puts in by hand."""

    live = True
    name = "camera 7"

    def __init__(self) -> None:
        self.trouble: str | None = None
        self.frames = self.drops = 0
        self.waiting: Frame | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...

    def put(self, time: float, size: tuple[int, int] = (64, 48)) -> Frame:
        self.waiting = Frame(plain(*RED, size=size), self.frames, time)
        self.frames += 1
        return self.waiting

    def take(self) -> Frame | None:
        frame, self.waiting = self.waiting, None
        return frame


class FakeSky:
    """Blue, and counted."""

    name = "clouds"
    size = (32, 18)

    def __init__(self) -> None:
        self.drawn: list[float] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...

    def frame_at(self, time: float, size: tuple[int, int] | None = None) -> Pixels:
        self.drawn.append(time)
        return plain(*BLUE, size=size or self.size)


class House:
    """A front with everything around it; `play` refreshes it at 60 a second on a clock of its own."""

    def __init__(self) -> None:
        self.feed, self.sky = FakeFeed(), FakeSky()
        self.events: list[str] = []
        self.front = Front(self.feed, self.sky, self.events.append)
        self.now = 1000.0
        self.shown: list[tuple[float, Frame]] = []

    def play(self, seconds: float, interval: float | None = 1 / 30, size: tuple[int, int] = (64, 48)) -> list[Frame]:
        """Let ``seconds`` pass with a camera frame every ``interval``, or with none."""
        end, due, shown = self.now + seconds, self.now, []
        while self.now < end - 1e-9:
            if interval is not None and self.now >= due - 1e-9:
                self.feed.put(self.now - LAG, size)
                due += interval
            shown.append(self.front.newest(self.now))
            self.shown.append((self.now, shown[-1]))
            self.now += REFRESH
        return shown


@pytest.fixture
def house() -> Iterator[House]:
    made = House()
    with made.front:
        yield made


def is_all(frame: Frame, colour: tuple[int, int, int]) -> bool:
    return bool((frame.pixels == np.array(colour, np.uint8)).all())


def when(house: House, true: Callable[[Frame], bool], since: float) -> float:
    """Seconds from ``since`` to the first refresh shown after it that is ``true``."""
    return next(now for now, frame in house.shown if now >= since and true(frame)) - since


def test_there_is_a_picture_from_the_first_instant(house: House) -> None:
    """Before any camera has opened, the wall shows clouds."""
    assert is_all(house.front.newest(0.0), BLUE)
    assert house.front.on_air == "clouds"


def test_the_camera_fades_in(house: House) -> None:
    """When the camera's frames come, it is alone on the wall within half a second, through a fade without a jump."""
    house.play(0.5, None)
    begin = house.now
    shown = house.play(1.0)
    assert when(house, lambda frame: is_all(frame, RED), begin) <= 0.5 + REFRESH
    reds = [int(frame.pixels[0, 0, 0]) for frame in shown]
    assert all(abs(after - before) < 30 for before, after in pairwise(reds))
    assert house.front.on_air == "camera 7"
    assert house.front.camera_share == 1.0
    assert house.events == ["camera 7 is on the wall"]


def test_in_the_steady_state_frames_pass_untouched(house: House) -> None:
    """The camera alone: the very pixels that came from the feed, not a copy, and no clouds are drawn."""
    house.play(1.0)
    drawn = len(house.sky.drawn)
    frame = house.feed.put(house.now)
    assert house.front.newest(house.now).pixels is frame.pixels
    house.play(2.0)
    assert len(house.sky.drawn) == drawn


def test_identity_tells_that_nothing_is_new(house: House) -> None:
    """Between two camera frames the same Frame object is given, so that nobody works twice on one picture."""
    house.play(1.0)
    shown = house.play(1.0, interval=1 / 15)
    assert len({id(frame) for frame in shown}) == 15


def test_a_lost_camera_gives_way_within_a_second(house: House) -> None:
    """No frame for half a second: the clouds fade in and are alone within 1 s of the last frame; told once."""
    house.play(1.0)
    house.feed.put(house.now)
    house.front.newest(house.now)
    begin = house.now
    shown = house.play(3.0, None)
    assert when(house, lambda frame: is_all(frame, BLUE), begin) <= 1.0
    assert when(house, lambda frame: not is_all(frame, RED), begin) >= 0.5 - REFRESH  # a hiccup is nobody's business
    assert shown[-1].size == (64, 48), "the clouds take the camera's place at its size"
    assert house.front.on_air == "clouds"
    assert house.events[1:] == ["camera 7 gives no picture: clouds step in"]


def test_it_comes_back_within_half_a_second_of_its_frames(house: House) -> None:
    """A camera that returns is alone on the wall again within 0.5 s of its frames; told once."""
    house.play(1.0)
    house.play(5.0, None)
    begin = house.now
    house.play(1.0)
    assert when(house, lambda frame: is_all(frame, RED), begin) <= 0.5 + 2 * REFRESH
    assert [line for line in house.events if "on the wall" in line] == ["camera 7 is on the wall"] * 2


def test_a_hiccup_is_not_an_end(house: House) -> None:
    """A camera that misses frames for less than half a second stays on the wall."""
    house.play(1.0)
    for _ in range(5):
        house.play(0.4, None)
        house.play(0.2)
    assert all(is_all(frame, RED) for now, frame in house.shown if now > 1001.0)


def test_a_slow_source_is_not_taken_for_a_dead_one(house: House) -> None:
    """A still every 0.7 s is a pace, not a loss: it stays on the wall."""
    house.play(3.0, interval=0.7)
    assert house.front.camera_share == 1.0
    shown = house.play(7.0, interval=0.7)
    assert all(is_all(frame, RED) for frame in shown)


def test_one_frame_alone_is_no_camera(house: House) -> None:
    """A dead device that gives one old picture each time it is opened does not flash on the wall."""
    house.play(1.0)
    house.play(3.0, None)
    for _ in range(4):
        house.feed.put(house.now)
        assert all(is_all(frame, BLUE) for frame in house.play(2.0, None))


def test_index_rises_and_time_never_goes_back(house: House) -> None:
    """Through every change of face, what is shown is one stream: indices rise, times never go back."""
    for seconds, interval in ((0.5, None), (1.0, 1 / 30), (0.7, None), (0.3, 1 / 30), (2.0, None), (1.0, 1 / 25)):
        house.play(seconds, interval)
    frames = [frame for _, frame in house.shown]
    for before, after in pairwise(frames):
        assert after is before or (after.index > before.index and after.time >= before.time)
    assert abs(frames[-1].time - house.now) < 0.1, "its time is the show clock's"


def test_clouds_keep_their_own_pace(house: House) -> None:
    """While the camera is away, clouds are drawn 15 times a second and not at each refresh."""
    house.play(1.0, None)
    house.sky.drawn.clear()
    house.play(4.0, None)
    assert 58 <= len(house.sky.drawn) <= 62


def test_another_size_half_way_through(house: House) -> None:
    """A camera that comes back at another size is mixed with clouds of that size, without a hitch."""
    house.play(1.0)
    house.play(2.0, None)
    shown = house.play(1.0, size=(80, 60))
    assert shown[-1].size == (80, 60)
    assert is_all(shown[-1], RED)


def test_figures(house: House) -> None:
    """The camera's frames a second are measured over the last seconds; drops are the feed's."""
    assert house.front.camera_fps is None
    house.play(4.0, interval=1 / 20)
    assert house.front.camera_fps == pytest.approx(20, abs=0.7)
    house.feed.drops = 5
    assert house.front.drops == 5
    house.play(4.0, None)
    assert house.front.camera_fps == pytest.approx(0.0)


def test_an_evening_of_clouds_alone() -> None:
    """Without any feed there are clouds, and no word about a camera that nobody asked for."""
    events: list[str] = []
    with Front(None, FakeSky(), events.append) as front:
        frames = [front.newest(i * REFRESH) for i in range(120)]
    assert is_all(frames[-1], BLUE)
    assert events == []
    assert front.camera_fps is None


def test_a_deaf_listener_does_not_stop_the_show(house: House) -> None:
    """When the listener of events fails, the picture goes on."""

    def deaf(_: str) -> None:
        raise RuntimeError

    house.front = Front(house.feed, house.sky, deaf)
    house.play(1.0)
    assert is_all(house.play(2.0, None)[-1], BLUE)
