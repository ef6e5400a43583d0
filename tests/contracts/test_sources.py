"""What every source promises, whichever it is; the fake that other tests lean on is held to the same."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import av
import cv2
import numpy as np
import pytest

from fakes import FakeCapture, ScriptedSource, plain
from installation.clock import WallClock
from installation.errors import SourceError
from installation.frame import Frame
from installation.parts import Source
from installation.sources.camera import Camera, FirstCamera
from installation.sources.clip import Clip
from installation.sources.clouds import Clouds
from installation.sources.stills import Stills
from installation.sources.stream import Stream
from installation.sources.v4l2 import Node
from loopback_mjpeg import MjpegServer
from needs import free_port

COUNT = 12


@dataclass
class Case:
    """``source`` gives pure red (clouds do not); ``mend`` repairs what made its first enter fail, if anything can."""

    source: Source
    mend: Callable[[], None] | None = None


def write_clip(path: Path, colours: list[tuple[int, int, int]], fps: int = 20) -> None:
    with av.open(str(path), "w") as film:
        stream = film.add_stream("libx264", rate=Fraction(fps))
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        for colour in colours:
            film.mux(stream.encode(av.VideoFrame.from_ndarray(plain(*colour), format="rgb24")))
        film.mux(stream.encode(None))


def write_picture(path: Path, colour: tuple[int, int, int] = (255, 0, 0)) -> None:
    assert cv2.imwrite(str(path), np.ascontiguousarray(plain(*colour)[..., ::-1]))


def scripted(broken: bool, tmp_path: Path) -> Iterator[Case]:
    frames = [Frame(plain(255, 0, 0), i, i / 20) for i in range(100)]
    yield Case(ScriptedSource(frames, WallClock(), refusals=int(broken)), lambda: None)


def clouds(broken: bool, tmp_path: Path) -> Iterator[Case]:
    yield Case(Clouds(3, (160, 90)))


def clip(broken: bool, tmp_path: Path) -> Iterator[Case]:
    path = tmp_path / "red.mp4"
    if not broken:
        write_clip(path, [(255, 0, 0)] * 5)  # shorter than what is read: the seam is inside
    yield Case(Clip(path), lambda: write_clip(path, [(255, 0, 0)] * 5))


def still(broken: bool, tmp_path: Path) -> Iterator[Case]:
    path = tmp_path / "red.png"
    if not broken:
        write_picture(path)
    yield Case(Stills(path), lambda: write_picture(path))


def folder(broken: bool, tmp_path: Path) -> Iterator[Case]:
    def fill() -> None:
        for name in ("a.jpg", "b.webp", "c.png"):
            write_picture(tmp_path / name)

    if not broken:
        fill()
    yield Case(Stills(tmp_path, hold=0.3, fade=0.1), fill)


def camera(broken: bool, tmp_path: Path) -> Iterator[Case]:
    device = FakeCapture(WallClock(), there=not broken)
    yield Case(Camera(0, WallClock(), capture=lambda _: device), device.plug)


def first_camera(broken: bool, tmp_path: Path) -> Iterator[Case]:
    device = FakeCapture(WallClock(), there=not broken)
    listed = [Node("0", "Fake Cam", "0")]
    yield Case(FirstCamera(WallClock(), capture=lambda _: device, cameras=lambda: listed), device.plug)


def stream(broken: bool, tmp_path: Path) -> Iterator[Case]:
    port, servers = free_port(), []

    def serve() -> None:
        servers.append(MjpegServer(port).__enter__())

    if not broken:
        serve()
    yield Case(Stream(f"http://127.0.0.1:{port}/cam", WallClock()), serve)
    for server in servers:
        server.__exit__()


MAKERS = [scripted, clouds, clip, still, folder, camera, first_camera, stream]


@pytest.fixture(params=MAKERS, ids=lambda maker: maker.__name__)
def case(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Case]:
    yield from request.param(False, tmp_path)


COLOURED = [maker for maker in MAKERS if maker is not clouds]
RECORDED = [clouds, clip, still, folder]


@pytest.fixture(params=COLOURED, ids=lambda maker: maker.__name__)
def broken(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Case]:
    yield from request.param(True, tmp_path)


def frames_of(source: Source, count: int = COUNT) -> list[Frame]:
    """``count`` frames; fails instead of waiting for ever."""
    frames, misses = [], 0
    while len(frames) < count:
        frame = source.read()
        if frame is None:
            misses += 1
            assert misses < 20, f"{source.name} gave {len(frames)} frames and then none"
        else:
            frames.append(frame)
    return frames


def test_frames_are_rgb_bytes_in_one_piece(case: Case) -> None:
    """Every frame is (H, W, 3) uint8, C-contiguous, all of one size."""
    with case.source as source:
        frames = frames_of(source)
    for frame in frames:
        assert frame.pixels.dtype == np.uint8
        assert frame.pixels.flags.c_contiguous
        assert frame.size == frames[0].size


@pytest.mark.parametrize("case", COLOURED, indirect=True, ids=lambda maker: maker.__name__)
def test_red_is_red(case: Case) -> None:
    """What is red before the camera is red on the wall: no BGR, no wrong matrix."""
    with case.source as source:
        for frame in frames_of(source, 3):
            red, green, blue = frame.pixels[frame.size[1] - 4, 4].astype(int)
            assert red > 235
            assert green < 20
            assert blue < 20


def test_index_rises_and_time_never_goes_back(case: Case) -> None:
    """Index rises with every frame and time never goes back, over the seam of a loop too."""
    with case.source as source:
        frames = frames_of(source)
    for before, after in pairwise(frames):
        assert after.index > before.index
        assert after.time >= before.time
    assert frames[-1].time > frames[0].time


@pytest.mark.parametrize("case", RECORDED, indirect=True, ids=lambda maker: maker.__name__)
def test_a_recording_begins_at_zero(case: Case) -> None:
    """A source that is not live counts its time from 0, each time it is entered."""
    assert not case.source.live
    for _ in range(2):
        with case.source as source:
            assert frames_of(source, 4)[0].time == 0.0


def test_it_can_be_entered_again(case: Case) -> None:
    """After it was left, a source can be entered again and gives frames again; leaving twice is harmless."""
    for _ in range(2):
        with case.source as source:
            assert frames_of(source, 2)
        case.source.__exit__(None, None, None)


def test_a_frame_is_never_written_to_afterwards(case: Case) -> None:
    """A frame that somebody keeps stays as it was, whatever is read after it."""
    with case.source as source:
        frame = frames_of(source, 1)[0]
        copy = frame.pixels.copy()
        frames_of(source, 6)
        assert np.array_equal(frame.pixels, copy)


def test_a_failed_enter_can_be_tried_again(broken: Case) -> None:
    """With nothing there, entering raises SourceError in one line; once it is there, the same source opens."""
    with pytest.raises(SourceError) as failure, broken.source:
        pass
    assert "\n" not in str(failure.value)
    assert len(str(failure.value)) > 10
    assert broken.mend is not None
    broken.mend()
    with broken.source as source:
        assert frames_of(source, 2)
