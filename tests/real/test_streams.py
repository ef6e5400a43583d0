"""Real streams from real servers on the loopback, killed, stalled and started again while the show is running."""

import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from installation.clock import WallClock
from installation.errors import SourceError
from installation.frame import Frame
from installation.sources.clouds import Clouds
from installation.sources.feed import Feed
from installation.sources.stream import Stream
from installation.sources.understudy import Front
from loopback_mjpeg import MjpegServer
from loopback_rtsp import RtspServer
from needs import free_port, needs_tool

Server = type[MjpegServer] | type[RtspServer]
SERVERS = pytest.mark.parametrize("server", [MjpegServer, RtspServer], ids=["mjpeg", "rtsp"])
CLOUDS_WITHIN = 1.0
BACK_WITHIN = 3.0
SLACK = 0.5  # for a machine that is busy with other things


@contextmanager
def front_of(url: str, events: list[str]) -> Iterator[Front]:
    clock = WallClock()
    feed = Feed(Stream(url, clock), clock, events.append)
    with Front(feed, Clouds(0, (320, 240)), events.append) as front:
        yield front


def until(front: Front, there: Callable[[], bool], limit: float) -> float:
    """Refresh at 50 a second until ``there``; how long it took.  Every refresh must have its picture, at once."""
    clock = WallClock()
    begin, last = clock.now(), None
    while not there():
        now = clock.now()
        frame = front.newest(now)
        assert clock.now() - now < 0.4, "a refresh had to wait for its picture"
        assert last is None or frame is last or (frame.index > last.index and frame.time >= last.time)
        last = frame
        assert clock.now() - begin < limit, f"not within {limit} s; on air: {front.on_air}, {front.camera_share:.2f}"
        time.sleep(0.02)
    return clock.now() - begin


def red(frame: Frame) -> bool:
    corner = frame.pixels[-5, 5].astype(int)
    return bool(corner[0] > 200 and corner[1] < 60 and corner[2] < 60)


def read_some(stream: Stream, count: int) -> list[Frame]:
    frames: list[Frame] = []
    clock = WallClock()
    begin = clock.now()
    while len(frames) < count:
        frame = stream.read()
        frames += [frame] if frame is not None else []
        assert clock.now() - begin < 10, f"only {len(frames)} frames in ten seconds"
    return frames


@SERVERS
def test_a_server_that_dies_and_comes_back(server: Server) -> None:
    """Server killed: clouds alone within 1 s.  Server back: the camera alone within 3 s.  Both are in the log once."""
    port, events = free_port(), []
    with server(port) as running, front_of(running.url, events) as front:
        until(front, lambda: front.camera_share == 1.0, BACK_WITHIN + SLACK)
        assert red(front.newest(WallClock().now()))
        running.__exit__()
        until(front, lambda: front.camera_share == 0.0, CLOUDS_WITHIN + SLACK)
        assert not red(front.newest(WallClock().now()))
        until(front, lambda: len([line for line in events if "tried again" in line]) == 1, 3.0)
        with server(port):
            until(front, lambda: front.camera_share == 1.0, BACK_WITHIN + SLACK)
            assert red(front.newest(WallClock().now()))
            said = "\n".join(events)
    assert said.count("clouds step in") == 1
    assert said.count("is on the wall") == 2
    assert said.count("tried again") == 1


@SERVERS
def test_a_server_that_stalls_without_a_word(server: Server) -> None:
    """A sender that stays connected and sends nothing is gone too: clouds within 1 s, and back when it goes on."""
    events: list[str] = []
    with server(free_port()) as running, front_of(running.url, events) as front:
        until(front, lambda: front.camera_share == 1.0, BACK_WITHIN + SLACK)
        running.stalled.set()
        until(front, lambda: front.camera_share == 0.0, CLOUDS_WITHIN + SLACK)
        running.stalled.clear()
        until(front, lambda: front.camera_share == 1.0, BACK_WITHIN + SLACK)


def test_ffmpeg_as_the_sender() -> None:
    """FFmpeg's own MJPEG server is shown, and its end is told in one line with the address."""
    needs_tool("ffmpeg")
    url = f"http://127.0.0.1:{free_port()}/cam"
    sender = subprocess.Popen(
        [
            *[
                "ffmpeg",
                "-v",
                "error",
                "-re",
                "-f",
                "lavfi",
                "-i",
                "color=red:s=320x240:r=20",
                "-c:v",
                "mjpeg",
                "-f",
                "mpjpeg",
                "-listen",
                "1",
            ],
            url,
        ]
    )
    try:
        stream = Stream(url, WallClock())
        for attempt in range(100):
            try:
                stream.__enter__()
                break
            except SourceError:
                assert attempt < 99
                time.sleep(0.1)
        assert all(red(frame) for frame in read_some(stream, 5))
        sender.kill()
        with pytest.raises(SourceError, match=r"127\.0\.0\.1") as failure:
            read_some(stream, 500)
        assert "\n" not in str(failure.value)
        stream.__exit__()
    finally:
        sender.kill()
        sender.wait()


def test_it_never_lags_behind_its_sender() -> None:
    """After the show was held up for a second, the next pictures are of now, not the second that was missed."""
    with MjpegServer(free_port()) as server, Stream(server.url, WallClock()) as stream:
        read_some(stream, 3)
        time.sleep(1.0)
        frames = read_some(stream, 4)
        behind = server.sent - number_of(frames[-1])
        assert behind <= 3, f"{behind} pictures behind its sender"


def number_of(frame: Frame) -> int:
    """The number that `loopback_mjpeg.jpeg` has painted, in grey, into the top of the picture."""
    return round(float(frame.pixels[4:12].mean()))


def test_noise_instead_of_a_stream() -> None:
    """Something that sends noise, or nothing at all, is refused in one line and never hangs."""
    clock = WallClock()
    with MjpegServer(free_port(), garbage=True) as server:
        begin = clock.now()
        with pytest.raises(SourceError, match=r"127\.0\.0\.1"), Stream(server.url, clock) as stream:
            read_some(stream, 1)
        assert clock.now() - begin < 5.0
    with MjpegServer(free_port()) as server:
        server.stalled.set()
        with pytest.raises(SourceError, match="does not answer"):
            Stream(server.url, clock, open_timeout=0.5).__enter__()


def test_a_password_stays_out_of_the_log() -> None:
    """The name and errors of a stream show its address without user and password."""
    stream = Stream(f"rtsp://admin:secret@127.0.0.1:{free_port()}/wall", WallClock())
    with pytest.raises(SourceError) as failure:
        stream.__enter__()
    assert "secret" not in stream.name + str(failure.value)
    assert "127.0.0.1" in stream.name
