"""The eye of a calibration: the show's own camera or stream, which is given up at the first loss."""

from types import TracebackType
from typing import Self

from installation.clock import Clock
from installation.errors import SettingsError, SourceError
from installation.frame import Frame
from installation.settings import Settings
from installation.sources.choose import source_from
from installation.sources.feed import Feed

OPENING = 15.0  # seconds a camera or stream is given for its first picture
NAP = 0.02


class CameraEye:
    """Fills ``Eye`` from the source that the settings name.

    Entering waits for the first picture and raises SourceError when there is no camera.  Making one raises
    SettingsError for a source that is no camera.
    """

    def __init__(self, settings: Settings, clock: Clock) -> None:
        source = source_from(settings.source, clock, size=settings.camera_size, fps=settings.camera_fps)
        if not source.live:
            raise SettingsError(
                f"source {settings.source!r} is no camera, and sees no wall: name one with --source (see `dreamwall "
                "devices`)"
            )
        self._clock = clock
        self._feed = Feed(source, clock, self._event)
        self._lost = ""

    @property
    def name(self) -> str:
        return self._feed.name

    def __enter__(self) -> Self:
        self._feed.__enter__()
        begin = self._clock.now()
        try:
            while not self._feed.frames:
                if self._feed.trouble is not None:
                    raise SourceError(self._feed.trouble)
                if self._clock.now() - begin > OPENING:
                    raise SourceError(f"{self.name} gave no picture for {OPENING:g} s; check its cable")
                self._clock.sleep(NAP)
        except BaseException:
            self._feed.__exit__()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None = None,
        error: BaseException | None = None,
        trace: TracebackType | None = None,
    ) -> None:
        self._feed.__exit__(kind, error, trace)

    def newest(self, after: float = float("-inf")) -> Frame | None:
        """As `Eye.newest`."""
        if self._lost:
            raise SourceError(self._lost)
        frame = self._feed.take()
        return frame if frame is not None and frame.time > after else None

    def _event(self, _what: str) -> None:
        """Told by the feed's thread when the camera is lost or back."""
        if self._feed.frames and self._feed.trouble is not None:
            self._lost = self._feed.trouble
