"""What a word after ``--source`` means."""

from pathlib import Path

import pytest

from installation.clock import HandClock
from installation.errors import SettingsError
from installation.sources.camera import Camera, FirstCamera
from installation.sources.choose import source_from
from installation.sources.clip import Clip
from installation.sources.clouds import Clouds
from installation.sources.stills import Stills
from installation.sources.stream import Stream


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("clouds", Clouds),
        ("camera", FirstCamera),
        ("0", Camera),
        ("/dev/video2", Camera),
        ("/dev/v4l/by-id/usb-046d-video-index0", Camera),
        ("camera:C920", Camera),
        ("rtsp://10.0.0.5/live", Stream),
        ("HTTP://cam.local/mjpg", Stream),
        ("udp://@:5000", Stream),
    ],
)
def test_words_and_addresses(text: str, kind: type) -> None:
    """Words, numbers, device paths and addresses choose their kind of source, and nothing is opened yet."""
    assert type(source_from(text, HandClock())) is kind


def test_files_and_folders(tmp_path: Path) -> None:
    """A video file is a clip, a picture a still, a folder of pictures stills."""
    for name in ("film.mkv", "photo.JPG"):
        (tmp_path / name).touch()
    assert isinstance(source_from(str(tmp_path / "film.mkv"), HandClock()), Clip)
    assert isinstance(source_from(str(tmp_path / "photo.JPG"), HandClock()), Stills)
    assert isinstance(source_from(str(tmp_path), HandClock()), Stills)


@pytest.mark.parametrize("text", ["", "nowhere.mp4", "cloud", "gopher://x", "camera:", "-1"])
def test_what_means_nothing_is_refused_in_one_line(text: str) -> None:
    """A word that means nothing: one line with the word and what is allowed."""
    with pytest.raises(SettingsError) as failure:
        source_from(text, HandClock())
    said = str(failure.value)
    assert "\n" not in said
    assert repr(text) in said
    assert len(said) > 40


def test_an_empty_folder_is_refused(tmp_path: Path) -> None:
    """A folder without pictures is refused before the doors open."""
    with pytest.raises(SettingsError, match="without pictures"):
        source_from(str(tmp_path), HandClock())
