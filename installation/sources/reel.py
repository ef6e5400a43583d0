"""A reel: a recording read in the caller's own thread, for rehearsals, with no time but the show's."""

from typing import Self

from installation.errors import SourceError
from installation.frame import Frame
from installation.parts import Source


class Reel:
    """Gives the frame of a source that is due at the time asked for; the same object until the next is due."""

    def __init__(self, source: Source) -> None:
        """``source`` must not be live: SourceError otherwise."""
        if source.live:
            raise SourceError(f"{source.name} cannot be rehearsed: give a recording, pictures or clouds")
        self._source = source
        self._shown: Frame | None = None
        self._next: Frame | None = None
        self._begun: float | None = None
        self.name = source.name

    def __enter__(self) -> Self:
        self._source.__enter__()
        return self

    def __exit__(self, *_: object) -> None:
        self._source.__exit__(None, None, None)

    @property
    def ended(self) -> bool:
        """True once the last frame of a source that does not loop has been given."""
        return self._shown is not None and self._next is None and bool(getattr(self._source, "ended", False))

    def newest(self, now: float) -> Frame:
        """The frame that is due at ``now``; SourceError when the source gives none at all."""
        self._begun = now if self._begun is None else self._begun
        while True:
            if self._next is None:
                self._next = self._source.read()
            if self._next is None:
                break
            if self._shown is not None and self._next.time > now - self._begun + 1e-6:
                break
            self._shown, self._next = Frame(self._next.pixels, self._next.index, self._begun + self._next.time), None
        if self._shown is None:
            raise SourceError(f"{self._source.name} gave no picture")
        return self._shown
