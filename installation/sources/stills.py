"""Photographs: one for as long as it hangs, or a folder, each fading into the next."""

import logging
from pathlib import Path
from types import TracebackType
from typing import Self

import cv2
import numpy as np

from installation.errors import SourceError
from installation.frame import Frame, Pixels, fit

_log = logging.getLogger("dreamwall.stills")

PICTURES = frozenset({".png", ".jpg", ".jpeg", ".webp", ".bmp", ".tif", ".tiff", ".ppm", ".pgm"})
_BOX = (1920, 1080)  # larger ones are scaled down into this: no wall shows more, and a dream costs by the pixel


class Stills:
    """A picture file, or every picture of a folder in the order of their names, over and over.

    ``hold``: seconds each hangs, the fade of ``fade`` seconds into the next included.  ``fps``: frames a second.
    Not live: ``frame.time`` begins at 0.  All frames have the first picture's size; the others are cut to its shape.
    A picture that cannot be read is passed over with a line in the log; when none is left: SourceError.
    """

    live = False

    def __init__(self, path: str | Path, *, hold: float = 12.0, fade: float = 1.5, fps: float = 15.0) -> None:
        self.path = Path(path)
        self.name = f"{'stills' if self.path.is_dir() else 'still'} {self.path.name or self.path}"
        self._hold, self._fade, self._fps = max(hold, 0.1), min(fade, max(hold, 0.1)), fps
        self._paths: list[Path] = []
        self._size: tuple[int, int] = (0, 0)
        self._loaded: dict[Path, Pixels] = {}
        self._index = -1

    def __enter__(self) -> Self:
        self.__exit__()
        if self.path.is_dir():
            self._paths = sorted(path for path in self.path.iterdir() if path.suffix.lower() in PICTURES)
            if not self._paths:
                raise SourceError(f"folder {self.path} holds no pictures (png, jpg, webp, …)")
        elif self.path.is_file():
            self._paths = [self.path]
        else:
            raise SourceError(f"{self.path} is not there")
        first = self._picture(0)
        self._size = first.shape[1], first.shape[0]
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None = None,
        error: BaseException | None = None,
        trace: TracebackType | None = None,
    ) -> None:
        self._paths, self._loaded, self._index, self._size = [], {}, -1, (0, 0)

    def read(self) -> Frame | None:
        """The next frame, 1 / fps seconds after the last.  SourceError when not one picture can be read any more."""
        if not self._paths:
            raise SourceError(f"{self.name} is closed; it has to be entered first")
        self._index += 1
        time = self._index / self._fps
        hanging = int(time / self._hold)
        picture = self._picture(hanging)
        if len(self._paths) > 1 and self._fade > 0:
            share = (time - hanging * self._hold - (self._hold - self._fade)) / self._fade
            if share > 0:
                after = self._picture(hanging + 1)
                share = share * share * (3.0 - 2.0 * share)
                picture = np.asarray(cv2.addWeighted(after, share, picture, 1.0 - share, 0.0), np.uint8)
        return Frame(picture, self._index, time)

    def _picture(self, number: int) -> Pixels:
        """The ``number``-th picture of the round, from the two kept in memory or from the disk."""
        while self._paths:
            path = self._paths[number % len(self._paths)]
            if path in self._loaded:
                return self._loaded[path]
            picture = _read(path)
            if picture is not None:
                while len(self._loaded) > 1:
                    del self._loaded[next(iter(self._loaded))]
                self._loaded[path] = picture if self._size == (0, 0) else _covering(picture, self._size)
                return self._loaded[path]
            _log.warning("%s cannot be read as a picture and is passed over", path)
            self._paths.remove(path)
        raise SourceError(f"{self.path}: no picture there can be read; is it a png, jpg or webp?")


def _read(path: Path) -> Pixels | None:
    """The picture as RGB in `_BOX`, or None.  Upright: OpenCV follows the camera's note on how it was held."""
    try:
        coded = np.fromfile(path, np.uint8)  # not imread, which cannot open every path on every system
        picture = cv2.imdecode(coded, cv2.IMREAD_COLOR) if coded.size else None
    except (OSError, cv2.error):
        return None
    if picture is None:
        return None
    rgb = cv2.cvtColor(picture, cv2.COLOR_BGR2RGB)
    size = (rgb.shape[1], rgb.shape[0])
    if size[0] > _BOX[0] or size[1] > _BOX[1]:
        rgb = cv2.resize(rgb, fit(size, _BOX), interpolation=cv2.INTER_AREA)
    return np.ascontiguousarray(rgb, np.uint8)


def _covering(picture: Pixels, size: tuple[int, int]) -> Pixels:
    """The middle of ``picture`` at ``size`` (width, height)."""
    height, width = picture.shape[:2]
    if (width, height) == size:
        return picture
    scale = max(size[0] / width, size[1] / height)
    grown = max(size[0], round(width * scale)), max(size[1], round(height * scale))
    how = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
    resized = cv2.resize(picture, grown, interpolation=how)
    left, top = (grown[0] - size[0]) // 2, (grown[1] - size[1]) // 2
    return np.ascontiguousarray(resized[top : top + size[1], left : left + size[0]], np.uint8)
