"""Recordings and photographs, with real files."""

import logging
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import av
import cv2
import numpy as np
import pytest

from fakes import plain
from installation.errors import SourceError
from installation.frame import Frame
from installation.sources.clip import Clip
from installation.sources.stills import Stills


def film(path: Path, count: int, fps: int = 20, size: tuple[int, int] = (64, 48)) -> None:
    """A film whose pictures become brighter one by one."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=Fraction(fps), options={"qp": "4"})
        stream.width, stream.height, stream.pix_fmt = *size, "yuv420p"
        for i in range(count):
            grey = 20 + i * 20
            container.mux(stream.encode(av.VideoFrame.from_ndarray(plain(grey, grey, grey, size), format="rgb24")))
        container.mux(stream.encode(None))


def picture(path: Path, colour: tuple[int, int, int], size: tuple[int, int] = (64, 48)) -> None:
    assert cv2.imwrite(str(path), np.ascontiguousarray(plain(*colour, size)[..., ::-1]))


def take(source: Clip | Stills, count: int) -> list[Frame]:
    frames = [source.read() for _ in range(count)]
    assert None not in frames
    return frames  # type: ignore[return-value]


def test_a_clip_loops_without_a_seam_in_time(tmp_path: Path) -> None:
    """Round after round a clip's frames come in order, each one interval after the last, the seam included."""
    film(tmp_path / "six.mp4", 6)
    with Clip(tmp_path / "six.mp4") as clip:
        frames = take(clip, 20)
    greys = [float(frame.pixels.mean()) for frame in frames]
    assert greys[:6] == pytest.approx([20 + i * 20 for i in range(6)], abs=4)
    assert greys[6:12] == pytest.approx(greys[:6], abs=1)
    assert [frame.time for frame in frames] == pytest.approx([i / 20 for i in range(20)], abs=1e-6)
    assert [frame.index for frame in frames] == list(range(20))


def test_a_clip_that_does_not_loop_ends(tmp_path: Path) -> None:
    """For a rehearsal: each picture once, then None for ever and ``ended``; entered again it begins anew."""
    film(tmp_path / "six.mkv", 6)
    clip = Clip(tmp_path / "six.mkv", loop=False)
    for _ in range(2):
        with clip:
            take(clip, 6)
            assert not clip.ended
            assert [clip.read() for _ in range(3)] == [None] * 3
            assert clip.ended


def test_a_clip_that_is_no_film_is_refused_in_one_line(tmp_path: Path) -> None:
    """Text called film.mp4, an empty file, sound without a picture: one line that names the file."""
    (tmp_path / "text.mp4").write_text("not a film" * 100)
    (tmp_path / "empty.mp4").touch()
    with av.open(str(tmp_path / "sound.wav"), "w") as container:
        stream = container.add_stream("pcm_s16le", rate=8000, layout="mono")
        sound = av.AudioFrame.from_ndarray(np.zeros((1, 800), np.int16), format="s16", layout="mono")
        sound.rate = 8000
        container.mux(stream.encode(sound))
    for name in ("text.mp4", "empty.mp4", "sound.wav"):
        with pytest.raises(SourceError, match=name) as failure:
            Clip(tmp_path / name).__enter__()
        assert "\n" not in str(failure.value)


def test_a_damaged_clip_plays_what_is_left(tmp_path: Path) -> None:
    """Damage in the middle of a film costs the pictures it hit, not the show."""
    path = tmp_path / "hurt.mkv"
    film(path, 10)
    data = bytearray(path.read_bytes())
    middle = len(data) // 2
    data[middle : middle + 60] = bytes(60)
    path.write_bytes(data)
    with Clip(path) as clip:
        frames = take(clip, 25)
    assert all(after.time > before.time for before, after in pairwise(frames))


def test_stills_hang_and_fade(tmp_path: Path) -> None:
    """Each picture hangs for its seconds and fades into the next; after the last comes the first."""
    picture(tmp_path / "1.png", (200, 0, 0))
    picture(tmp_path / "2.jpg", (0, 0, 200), (128, 96))
    with Stills(tmp_path, hold=2.0, fade=0.5, fps=10) as stills:
        frames = take(stills, 45)
    assert {frame.size for frame in frames} == {(64, 48)}
    red = [int(frame.pixels[20, 20, 0]) for frame in frames]
    assert all(level > 195 for level in red[:16])
    assert red[15:21] == sorted(red[15:21], reverse=True)
    assert 20 < red[17] < 190
    assert all(level < 10 for level in red[20:35])
    assert all(level > 195 for level in red[40:])
    assert [frame.time for frame in frames] == pytest.approx([i / 10 for i in range(45)])


def test_broken_pictures_are_passed_over_and_told(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """A broken picture in a folder costs one line in the log, not the show."""
    picture(tmp_path / "b.png", (200, 0, 0))
    (tmp_path / "a.jpg").write_bytes(b"\xff\xd8 not a picture")
    (tmp_path / "c.webp").touch()
    (tmp_path / "notes.txt").write_text("no picture at all")
    with caplog.at_level(logging.WARNING), Stills(tmp_path, hold=0.2, fade=0.1, fps=10) as stills:
        take(stills, 12)
    told = [record.getMessage() for record in caplog.records]
    assert len(told) == 2
    assert any("a.jpg" in line for line in told)
    assert any("c.webp" in line for line in told)


def test_no_picture_left_is_an_error(tmp_path: Path) -> None:
    """A folder of broken pictures, an empty folder and an absent path are refused in one line."""
    (tmp_path / "a.jpg").write_bytes(b"broken")
    (tmp_path / "empty").mkdir()
    for path in (tmp_path, tmp_path / "empty", tmp_path / "absent.png"):
        with pytest.raises(SourceError) as failure:
            Stills(path).__enter__()
        assert "\n" not in str(failure.value)


def test_huge_photographs_are_brought_down(tmp_path: Path) -> None:
    """A photograph of a modern camera does not cost the wall its pace: it is scaled into 1920 x 1080."""
    picture(tmp_path / "huge.jpg", (10, 200, 10), (4000, 3000))
    with Stills(tmp_path / "huge.jpg") as stills:
        assert take(stills, 1)[0].size == (1440, 1080)
