"""A network stream: RTSP, MJPEG over HTTP, whatever FFmpeg opens.  Newest wins; it never falls behind its sender."""

from collections.abc import Iterator
from types import TracebackType
from typing import Any, Self

import av
from av.container import InputContainer

from installation.clock import Clock
from installation.errors import SourceError
from installation.frame import Frame
from installation.sources.decoded import in_one_line, pixels_of

_WAITED = 0.002  # seconds: a packet that took longer was just sent, a quicker one had been lying here
_CATCH_UP = 0.25  # seconds of skipping after which a picture is given all the same
_GIVE_IN = 1.0  # seconds behind after which undecoded packets are thrown away up to the next whole picture
_PATIENCE = 0.5

_OPTIONS = {
    # Not "nobuffer", the usual advice: it throws away the packets looked at while opening, the only whole picture
    # among them, and an RTSP camera is seen a second later (0.4 s became 1.1 s).  What lies here is skipped below.
    "fflags": "discardcorrupt",
    "flags": "low_delay",
    "fpsprobesize": "0",
    "rtsp_transport": "tcp",  # over UDP a lost packet is a torn picture, and most walls hang on Wi-Fi
    "analyzeduration": "1000000",
    "probesize": "1000000",
}


class Stream:
    """Live: `read` waits for the network; ``frame.time`` is the clock when the picture was decoded.

    ``url``: anything FFmpeg opens.  ``open_timeout``, ``read_timeout``: seconds without a word from the sender until
    SourceError; a sender of less than a picture a second needs a longer ``read_timeout``.
    """

    live = True

    def __init__(self, url: str, clock: Clock, *, open_timeout: float = 3.0, read_timeout: float = 1.0) -> None:
        self.name = f"stream {_without_password(url)}"
        self._url, self._clock = url, clock
        self._timeouts = (open_timeout, read_timeout)
        self._container: InputContainer | None = None
        self._packets: Iterator[av.Packet[Any]] = iter(())
        self._index = -1
        self._behind: float | None = None  # since when packets have been lying here
        self._given = 0.0
        self._whole = False  # the next packet fed to the decoder has to be a whole picture

    def __enter__(self) -> Self:
        self.__exit__()
        with in_one_line(self.name):
            container = av.open(self._url, options=dict(_OPTIONS), timeout=self._timeouts)
            if not container.streams.video:
                container.close()
                raise SourceError(f"{self.name} carries no picture")
            stream = container.streams.video[0]
            stream.thread_type = "SLICE"  # threads by frame would hold back one picture each
            self._container, self._packets = container, container.demux(stream)
        self._behind, self._whole, self._given = None, True, float("-inf")
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None = None,
        error: BaseException | None = None,
        trace: TracebackType | None = None,
    ) -> None:
        container, self._container, self._packets = self._container, None, iter(())
        if container is not None:
            container.close()

    def read(self) -> Frame | None:
        """The newest picture; those that had been lying in the network's buffers before it are skipped.

        None when none came within half a second; SourceError when the sender hung up or fell silent.
        """
        if self._container is None:
            raise SourceError(f"{self.name} is closed; it has to be entered first")
        begin = self._clock.now()
        while True:
            asked = self._clock.now()
            packet = self._next()
            now = self._clock.now()
            if now - asked >= _WAITED:
                self._behind = None
            elif self._behind is None:
                self._behind = asked
            pictures = self._decoded(packet, now)
            if pictures and (self._behind is None or now - self._given >= _CATCH_UP):
                self._index += 1
                self._given = now
                return Frame(pixels_of(pictures[-1]), self._index, now)
            if now - begin > _PATIENCE:
                return None

    def _next(self) -> "av.Packet[Any]":
        try:
            with in_one_line(self.name):
                packet = next(self._packets, None)
        except SourceError as error:
            if isinstance(error.__cause__, av.error.ExitError):
                raise SourceError(f"{self.name} has fallen silent; check the network and the sender") from error
            raise SourceError(f"{self.name} broke off; check the sender") from error
        if packet is None or packet.size == 0:
            raise SourceError(f"{self.name} has ended; its sender hung up")
        return packet

    def _decoded(self, packet: "av.Packet[Any]", now: float) -> list[av.VideoFrame]:
        """The pictures that come out of ``packet``; none of a broken one."""
        if self._behind is not None and now - self._behind > _GIVE_IN:
            self._whole, self._behind = True, now
        if self._whole and not packet.is_keyframe:
            return []
        self._whole = False
        try:
            return [picture for picture in packet.decode() if isinstance(picture, av.VideoFrame)]
        except av.error.InvalidDataError:
            return []


def _without_password(url: str) -> str:
    """The address as it may stand in a log."""
    scheme, mark, rest = url.partition("://")
    host, slash, path = rest.partition("/")
    return scheme + mark + host.rpartition("@")[2] + slash + path
