"""Which source a word on the command line or in the settings means."""

import re
from pathlib import Path

from installation.clock import Clock
from installation.errors import SettingsError
from installation.parts import Source
from installation.sources.camera import Camera, FirstCamera
from installation.sources.clip import Clip
from installation.sources.clouds import Clouds
from installation.sources.stills import PICTURES, Stills
from installation.sources.stream import Stream

SCHEMES = ("rtsp", "rtsps", "http", "https", "rtmp", "udp", "tcp", "srt")
ALLOWED = (
    "'clouds', 'camera' (the first that works), a camera's number, path (/dev/v4l/by-id/…) or 'camera:' and part of its"
    f" name, an address ({', '.join(scheme + '://' for scheme in SCHEMES)}), a video file, a picture or a folder"
)


def source_from(
    text: str,
    clock: Clock,
    *,
    size: tuple[int, int] = (1280, 720),
    fps: float = 30.0,
    seed: int = 0,
    loop: bool = True,
    hold: float = 12.0,
) -> Source:
    """The source that ``text`` means; nothing is opened yet.

    ``size``, ``fps``: what a camera is asked for.  ``seed``: which clouds.  ``loop``: whether a clip begins again.
    ``hold``: seconds a still hangs.  Raises SettingsError, in one line, when ``text`` means nothing.
    """
    word = text.strip()
    if word == "clouds":
        return Clouds(seed)
    if word == "camera":
        return FirstCamera(clock, size=size, fps=fps)
    if word.isdigit() or word.startswith(("/dev/", "camera:")):
        device = word.removeprefix("camera:").strip()
        if not device:
            raise SettingsError(f"source {text!r} names no camera; after 'camera:' comes a number or part of its name")
        return Camera(int(device) if device.isdigit() else device, clock, size=size, fps=fps)
    scheme = re.match(r"([A-Za-z][A-Za-z0-9+.-]*)://", word)
    if scheme is not None:
        if scheme[1].lower() not in SCHEMES:
            raise SettingsError(f"source {text!r}: {scheme[1]}:// is not known; it may be {', '.join(SCHEMES)}")
        return Stream(word, clock)
    return _from_disk(text, Path(word).expanduser(), loop=loop, hold=hold)


def _from_disk(text: str, path: Path, *, loop: bool, hold: float) -> Source:
    if not text.strip() or not path.exists():
        raise SettingsError(f"source {text!r} is neither a file nor a known word; it may be {ALLOWED}")
    if path.is_dir():
        if not any(inside.suffix.lower() in PICTURES for inside in path.iterdir()):
            raise SettingsError(f"source {text!r} is a folder without pictures ({', '.join(sorted(PICTURES))})")
        return Stills(path, hold=hold)
    if path.suffix.lower() in PICTURES:
        return Stills(path, hold=hold)
    return Clip(path, loop=loop)
