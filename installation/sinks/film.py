"""Film: the pictures of a show as an .mp4 or .mkv, or as numbered stills in a folder.

A film grows beside its place as ``NAME.part`` and takes its name when it is finished, so that whatever has the name is
whole.  An .mp4 is written in fragments: what was written before a full disk or a power cut can be played.
"""

import errno
from fractions import Fraction
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import av
import cv2
import numpy as np
from av.codec.codec import UnknownCodecError

from installation.compose import AS_IT_COMES, Composer, Placing
from installation.errors import SinkError
from installation.frame import Frame, Pixels
from installation.knobs import Look
from installation.veil import Veil

CONTAINERS = {".mp4": "mp4", ".mkv": "matroska"}
CODECS = ("libx264", "mpeg4")  # the second is in every FFmpeg
QUALITY = {"libx264": {"crf": "17", "preset": "veryfast"}, "mpeg4": {"q": "3"}}
QUICK = {"libx264": {"preset": "ultrafast"}}  # 10 ms of one core for 1280x720 instead of 17, and four times the bytes
FRAGMENT = 2  # seconds of film that a power cut may cost
BT709, TV = 1, 1  # FFmpeg's numbers for the colours of HD; untagged, players guess by the height of the picture


class Film:
    """Writes every picture shown, at a steady ``rate`` a second; a Screen that nobody looks at.

    ``path``: ending in .mp4 or .mkv for a film; a folder, without suffix or ending in "/", for stills 000001.png ...
    ``size``: (width, height), by default that of the first frame; odd sides of a film get one
    pixel more, the last one twice.
    ``quick``: larger files for less of the processor, where a film is made beside a show.
    Entering raises SinkError, in one line, when it cannot be written there; `show` does when the disk is full.
    Equal pictures make equal bytes: one encoding thread, no dates.
    """

    name = "film"
    guard = ""  # a film is not guarded, since nobody looks at it yet: `dreamwall check-film` measures it
    closed = False

    def __init__(
        self,
        path: str | Path,
        size: tuple[int, int] | None = None,
        *,
        rate: float = 30.0,
        placing: Placing = AS_IT_COMES,
        quick: bool = False,
    ) -> None:
        self.path = Path(path)
        self.placing = placing
        self.stills = str(path).endswith(("/", "\\")) or self.path.suffix == "" or self.path.is_dir()
        self._size, self._rate = size, Fraction(rate).limit_denominator(1001)
        self._composer = Composer()
        self._quality = {codec: {**how, **(QUICK.get(codec, {}) if quick else {})} for codec, how in QUALITY.items()}
        self._container: Any = None
        self._stream: Any = None
        self._codec = "PNG" if self.stills else ""
        self.shown = 0
        if not self.stills and self.path.suffix.lower() not in CONTAINERS:
            raise SinkError(f"{self.path}: a film ends in {' or '.join(CONTAINERS)}; a folder for stills has no suffix")

    def __enter__(self) -> Self:
        try:
            (self.path if self.stills else self.path.parent).mkdir(parents=True, exist_ok=True)
            if not self.stills and self._container is None:
                options = {"movflags": "frag_keyframe+empty_moov"} if self._format == "mp4" else {}
                self._container = av.open(
                    str(self._part),
                    "w",
                    format=self._format,
                    options={"fflags": "+bitexact", "flush_packets": "1", **options},
                )
        except (OSError, av.FFmpegError) as error:
            raise SinkError(f"{self.path} cannot be written: {_why(error)}") from error
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None = None,
        error: BaseException | None = None,
        trace: TracebackType | None = None,
    ) -> None:
        """Finish the film and give it its name, whatever ended the show; harmless twice."""
        container, self._container = self._container, None
        if container is None:
            return
        try:
            if self._stream is not None:
                container.mux(self._stream.encode())
            container.close()
            if self.shown:
                self._part.replace(self.path)
            else:
                self._part.unlink(missing_ok=True)
        except (OSError, av.FFmpegError) as failure:
            self._drop(container)
            if error is None:
                raise self._full(failure) from failure

    @property
    def status(self) -> str:
        """Where to, in what, how much."""
        return f"{'stills in ' if self.stills else ''}{self.path} ({self._codec or 'film'}), {self.shown} pictures"

    def show(self, frame: Frame, veil: Veil, look: Look, hud: list[str]) -> None:  # noqa: ARG002
        """Add one picture, without the overlay.  Raises SinkError when it cannot be written; the rest is kept."""
        self.add(self.compose(frame, veil, look))

    def compose(self, frame: Frame, veil: Veil, look: Look) -> Pixels:
        """The picture that `show` adds, at the size of the film, which is that of the first one unless it was given."""
        picture = self._composer(frame, veil, look, self._size, self.placing)
        self._size = self._size or (picture.shape[1], picture.shape[0])
        return picture

    def add(self, picture: Pixels, times: int = 1) -> None:
        """Add a composed picture, as often as it stood.  Raises SinkError as `show` does."""
        try:
            if self.stills:
                for _ in range(times):
                    self._write_still(picture)
                    self.shown += 1
            elif self._container is None:
                raise SinkError(f"{self.path} is not open")
            elif times > 0:
                self._write_frames(picture, times)
        except (OSError, av.FFmpegError) as error:
            container, self._container = self._container, None
            self._drop(container)
            raise self._full(error) from error

    @property
    def _part(self) -> Path:
        return self.path.with_name(self.path.name + ".part")

    @property
    def _format(self) -> str:
        return CONTAINERS[self.path.suffix.lower()]

    def _write_still(self, picture: Pixels) -> None:
        done, encoded = cv2.imencode(".png", cv2.cvtColor(picture, cv2.COLOR_RGB2BGR), [cv2.IMWRITE_PNG_COMPRESSION, 3])
        if not done:
            raise OSError(errno.EIO, "OpenCV could not make a PNG of it")
        path = self.path / f"{self.shown + 1:06d}.png"
        part = path.with_name(path.name + ".part")
        part.write_bytes(encoded.tobytes())
        part.replace(path)

    def _write_frames(self, picture: Pixels, times: int) -> None:
        height, width = picture.shape[:2]
        if height % 2 or width % 2:  # yuv420p has one colour for every two by two pixels
            bordered = cv2.copyMakeBorder(picture, 0, height % 2, 0, width % 2, cv2.BORDER_REPLICATE)
            picture = np.asarray(bordered, np.uint8)
        if self._stream is None:
            self._stream = self._open_stream(picture.shape[1], picture.shape[0])
        image = av.VideoFrame.from_ndarray(np.ascontiguousarray(picture), format="rgb24")
        image = image.reformat(format="yuv420p", dst_colorspace=BT709, dst_color_range=TV)
        for _ in range(times):
            image.pts, image.time_base = self.shown, 1 / self._rate
            self._container.mux(self._stream.encode(image))
            self.shown += 1

    def _open_stream(self, width: int, height: int) -> Any:
        for self._codec in CODECS:
            try:
                stream = self._container.add_stream(self._codec, rate=self._rate, options=self._quality[self._codec])
            except UnknownCodecError:
                continue
            stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
            codec = stream.codec_context
            codec.thread_count = 1
            codec.gop_size = max(1, round(self._rate * FRAGMENT))
            codec.flags |= av.codec.context.Flags.bitexact
            codec.colorspace, codec.color_primaries, codec.color_trc, codec.color_range = BT709, BT709, BT709, TV
            return stream
        raise SinkError(f"this FFmpeg has none of {', '.join(CODECS)}")

    def _drop(self, container: Any) -> None:
        """Let go of a file that takes no more; closing it writes once more, and fails once more."""
        try:
            if container is not None:
                container.close()
        except (OSError, av.FFmpegError):
            pass

    def _full(self, error: Exception) -> SinkError:
        kept = f"{self.shown} pictures are in {self.path if self.stills else self._part}"
        return SinkError(f"{self.path} takes no more ({_why(error)}); {kept}")


def _why(error: Exception) -> str:
    number = getattr(error, "errno", None)
    if number == errno.ENOSPC:
        return "the disk is full"
    return str(getattr(error, "strerror", None) or error)
