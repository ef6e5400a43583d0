"""A camera on this machine, through OpenCV.

OpenCV is trusted with the pictures only.  Whether they are new is checked here, because `read` may go on giving the
last one after the cable came out, and because an unchecked read is how live installations die.
"""

import os
import platform
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Any, Protocol, Self

# Read by OpenCV at its first capture: its own ten seconds of waiting for a stalled camera would outlast our understudy.
os.environ.setdefault("OPENCV_VIDEOIO_V4L_SELECT_TIMEOUT", "1")

import cv2
import numpy as np

from installation.clock import Clock
from installation.errors import SourceError
from installation.frame import Frame, Pixels
from installation.sources.v4l2 import Node, nodes

# Asking for an absent camera would print lines of native noise over our one.  Not through OPENCV_LOG_LEVEL: that is
# read when cv2 is imported, and others import it before us.
if "OPENCV_LOG_LEVEL" not in os.environ:
    cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)

STALE = 1.0  # seconds of byte-identical pictures, or of none, after which a camera is gone
_PATIENCE = 0.5  # seconds `read` goes on looking for a new picture
_PROBED = 6  # indices tried where the system cannot list its cameras
_FIRST_PICTURE = 2.0  # seconds a camera is given for its first picture: sensors warm up


class Capture(Protocol):
    """What is used of `cv2.VideoCapture`."""

    def isOpened(self) -> bool: ...  # noqa: N802
    def grab(self) -> bool: ...
    def retrieve(self) -> tuple[bool, Any]: ...
    def set(self, prop: int, value: float) -> bool: ...
    def release(self) -> None: ...


Opener = Callable[[int | str], Capture]
Lister = Callable[[], list[Node]]


def _opened(device: int | str) -> Capture:
    """OpenCV's capture on the system's own interface; FFmpeg and the rest are not asked, they only complain."""
    backend = {"Linux": cv2.CAP_V4L2, "Darwin": cv2.CAP_AVFOUNDATION}.get(platform.system(), cv2.CAP_ANY)
    return cv2.VideoCapture(device, backend)


def list_cameras() -> list[Node]:
    """The cameras of this machine with their modes.  Where the system cannot list them: those that open, by index."""
    if platform.system() == "Linux":
        return nodes()
    found = []
    for index in range(_PROBED):
        capture = _opened(index)
        if capture.isOpened():
            found.append(Node(str(index), f"camera {index}", str(index)))
        capture.release()
    return found


class Camera:
    """One camera.  Live: `read` waits for the device; ``frame.time`` is the clock at the moment of the grab.

    ``device``: an index, a path (``/dev/video0``, better ``/dev/v4l/by-id/…``), or part of the camera's name; looked
    up anew at every enter, so a replugged camera is found under its new number.
    ``size``, ``fps``, ``mjpg``: what is asked for; the camera gives the nearest it has.  MJPG, because most cameras
    have not the USB bandwidth for more than a few raw frames a second.
    ``stale``: seconds without a changed picture after which `read` raises SourceError; None for a virtual camera
    that may rightly stand still.
    """

    live = True

    def __init__(
        self,
        device: int | str,
        clock: Clock,
        *,
        size: tuple[int, int] = (1280, 720),
        fps: float = 30.0,
        mjpg: bool = True,
        stale: float | None = STALE,
        capture: Opener = _opened,
        cameras: Lister = list_cameras,
    ) -> None:
        self.name = f"camera {device}"
        self._device = device
        self._clock = clock
        self._size, self._fps, self._mjpg, self._stale = size, fps, mjpg, stale
        self._open, self._cameras = capture, cameras
        self._capture: Capture | None = None
        self._picture: Pixels | None = None  # kept over reopenings: a dead camera may open and repeat its last one
        self._changed = 0.0
        self._index = -1

    def __enter__(self) -> Self:
        self.__exit__()
        capture = self._open(self._found())
        if not capture.isOpened():
            capture.release()
            raise SourceError(f"{self.name} does not open; is another program using it, or the cable out?")
        if self._mjpg:
            capture.set(cv2.CAP_PROP_FOURCC, float(cv2.VideoWriter.fourcc(*"MJPG")))
        capture.set(cv2.CAP_PROP_FRAME_WIDTH, float(self._size[0]))
        capture.set(cv2.CAP_PROP_FRAME_HEIGHT, float(self._size[1]))
        capture.set(cv2.CAP_PROP_FPS, self._fps)
        capture.set(cv2.CAP_PROP_BUFFERSIZE, 1.0)  # the newest picture, where the driver listens
        self._capture = capture
        self._changed = self._clock.now() + max(0.0, _FIRST_PICTURE - (self._stale or 0.0))
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None = None,
        error: BaseException | None = None,
        trace: TracebackType | None = None,
    ) -> None:
        capture, self._capture = self._capture, None
        if capture is not None:
            capture.release()

    def read(self) -> Frame | None:
        """The next picture that differs from the last.

        None when none came within half a second; SourceError after ``stale`` seconds without one, or on a camera
        that is not entered.
        """
        if self._capture is None:
            raise SourceError(f"{self.name} is closed; it has to be entered first")
        begin = self._clock.now()
        while True:
            given, picture = self._capture.grab(), None
            now = self._clock.now()  # before the picture is unpacked: a large MJPG takes milliseconds
            if given:
                given, picture = self._capture.retrieve()
            if given and picture is not None and picture.size:
                pixels = _rgb(picture)
                if self._stale is None or not _same(pixels, self._picture):
                    self._picture, self._changed = pixels, now
                    self._index += 1
                    return Frame(pixels, self._index, now)
            if self._stale is not None and now - self._changed > self._stale:
                said = "repeats one picture" if given else "gives no pictures"
                raise SourceError(f"{self.name} {said} for {self._stale:g} s; check its cable")
            if not given and self._stale is None:
                raise SourceError(f"{self.name} gives no pictures; check its cable")
            if now - begin > _PATIENCE:
                return None
            self._clock.sleep(0.005)  # a dead camera may fail at once, a thousand times a second

    def _found(self) -> int | str:
        """What to hand to OpenCV.  SourceError when there is no such camera now."""
        if isinstance(self._device, int) or self._device.isdigit():
            return int(self._device)
        if self._device.startswith("/"):
            if not Path(self._device).exists():
                raise SourceError(f"{self.name} is not there; plug it in, or see `dreamwall devices`")
            return os.path.realpath(self._device)
        wanted = self._device.casefold()
        cameras = self._cameras()
        for camera in cameras:
            if wanted in camera.name.casefold():
                return int(camera.path) if camera.path.isdigit() else camera.path
        there = ", ".join(f"{camera.name!r}" for camera in cameras) or "no camera at all"
        raise SourceError(f"no camera is called {self._device!r}; there is {there}")


class FirstCamera:
    """Whichever camera gives frames first, looked for at every enter: a wall without one may be given one later."""

    live = True

    def __init__(
        self, clock: Clock, *, capture: Opener = _opened, cameras: Lister = list_cameras, **options: Any
    ) -> None:
        """``options``: those of `Camera` (``size``, ``fps``, ``mjpg``, ``stale``)."""
        self.name = "first camera"
        self._clock, self._capture, self._cameras, self._options = clock, capture, cameras, options
        self._camera: Camera | None = None
        self._waiting: Frame | None = None

    def __enter__(self) -> Self:
        self.__exit__()
        tried: list[str] = []
        for node in self._cameras():
            device = int(node.stable) if node.stable.isdigit() else node.stable
            camera = Camera(device, self._clock, capture=self._capture, cameras=self._cameras, **self._options)
            camera.name = f"camera {node.name} ({node.stable})"
            try:
                camera.__enter__()
                self._waiting = _first_frame(camera, self._clock)
            except SourceError:
                camera.__exit__()
                tried.append(node.path)
                continue
            self._camera, self.name = camera, camera.name
            return self
        looked = f"looked at {', '.join(tried)}, which gave no frames" if tried else "none is plugged in"
        raise SourceError(f"no camera: {looked}")

    def __exit__(
        self,
        kind: type[BaseException] | None = None,
        error: BaseException | None = None,
        trace: TracebackType | None = None,
    ) -> None:
        camera, self._camera, self._waiting = self._camera, None, None
        if camera is not None:
            camera.__exit__(kind, error, trace)

    def read(self) -> Frame | None:
        """As `Camera.read`."""
        if self._camera is None:
            raise SourceError(f"{self.name} is closed; it has to be entered first")
        if self._waiting is not None:
            frame, self._waiting = self._waiting, None
            return frame
        return self._camera.read()


def _first_frame(camera: Camera, clock: Clock) -> Frame:
    begin = clock.now()
    while clock.now() - begin < _FIRST_PICTURE:
        frame = camera.read()
        if frame is not None:
            return frame
    raise SourceError(f"{camera.name} opened but gave no picture for {_FIRST_PICTURE:g} s")


def _rgb(picture: Any) -> Pixels:
    """Grey, BGR or BGRA as OpenCV gives it, as RGB."""
    if picture.ndim == 2 or picture.shape[2] == 1:
        return np.asarray(cv2.cvtColor(picture, cv2.COLOR_GRAY2RGB), np.uint8)
    return np.asarray(
        cv2.cvtColor(picture, cv2.COLOR_BGR2RGB if picture.shape[2] == 3 else cv2.COLOR_BGRA2RGB), np.uint8
    )


def _same(a: Pixels, b: Pixels | None) -> bool:
    """Byte-identical?  A few rows tell nearly always, so that the full look is rare."""
    if b is None or a.shape != b.shape or not np.array_equal(a[::37], b[::37]):
        return False
    return bool(np.array_equal(a, b))
