"""A video file at its own pace, over and over."""

import logging
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Self

import av
from av.container import InputContainer

from installation.errors import SourceError
from installation.frame import Frame
from installation.sources.decoded import in_one_line, pixels_of

_log = logging.getLogger("dreamwall.clip")


class Clip:
    """A recording.  Not live: ``frame.time`` begins at 0 and follows the file's own time stamps.

    ``loop``: begin again at the end, while time and index go on rising, so that nobody downstream notices; otherwise
    `read` gives None from there on and ``ended`` is True.  Pictures that cannot be decoded are passed over.
    """

    live = False

    def __init__(self, path: str | Path, *, loop: bool = True) -> None:
        self.path = Path(path)
        self.name = f"clip {self.path.name}"
        self.ended = False
        self._loop = loop
        self._container: InputContainer | None = None
        self._pictures: Iterator[av.VideoFrame] = iter(())
        self._index = -1
        self._begin = 0.0  # when this round began
        self._last = 0.0  # time of the last picture
        self._interval = 1 / 25
        self._first: float | None = None  # the file's own time of its first picture

    def __enter__(self) -> Self:
        self.__exit__()
        with in_one_line(f"clip {self.path}"):
            container = av.open(str(self.path))
            self._container = container
            if not container.streams.video:
                self.__exit__()
                raise SourceError(f"clip {self.path} has no picture")
            stream = container.streams.video[0]
            stream.thread_type = "AUTO"
            if stream.average_rate:
                self._interval = float(1 / stream.average_rate)
            self._pictures = self._decoded()
        self.ended, self._index = False, -1
        self._begin, self._last, self._first = 0.0, -self._interval, None
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None = None,
        error: BaseException | None = None,
        trace: TracebackType | None = None,
    ) -> None:
        container, self._container, self._pictures = self._container, None, iter(())
        if container is not None:
            container.close()

    def read(self) -> Frame | None:
        """The next picture.  None once a clip that does not loop has ``ended``; SourceError when none can be read."""
        if self._container is None:
            raise SourceError(f"clip {self.path} is closed; it has to be entered first")
        if self.ended:
            return None
        with in_one_line(f"clip {self.path}"):
            picture = next(self._pictures, None)
            if picture is None:
                if self._index < 0:
                    raise SourceError(f"clip {self.path} holds no picture that can be read")
                if not self._loop:
                    self.ended = True
                    return None
                picture = self._again()
            pixels = pixels_of(picture)
        own = picture.time if picture.time is not None else self._last - self._begin + self._interval
        if self._first is None:
            self._first = own
        # A file whose stamps stand still or jump back is played at its nominal rate there.
        time = self._begin + own - self._first
        self._last = time if time > self._last else self._last + self._interval
        self._index += 1
        return Frame(pixels, self._index, max(0.0, self._last))

    def _again(self) -> av.VideoFrame:
        """From the beginning, one interval after the last picture."""
        assert self._container is not None
        self._begin = self._last + self._interval
        self._container.seek(0, backward=True)
        self._pictures = self._decoded()
        picture = next(self._pictures, None)
        if picture is None:
            raise SourceError(f"clip {self.path} cannot be played a second time")
        return picture

    def _decoded(self) -> Iterator[av.VideoFrame]:
        assert self._container is not None
        for packet in self._container.demux(self._container.streams.video[0]):
            try:
                pictures = packet.decode()
            except av.error.InvalidDataError:
                _log.warning("clip %s: a picture cannot be read and is passed over", self.path)
                continue
            yield from (picture for picture in pictures if isinstance(picture, av.VideoFrame))
