"""Ledger: keeps the pictures that were shown, and one number that stands for all of them."""

import hashlib
from collections import deque
from types import TracebackType
from typing import Self

from installation.compose import AS_IT_COMES, Composer, Placing
from installation.frame import Frame, Pixels
from installation.knobs import Look
from installation.veil import Veil


class Ledger:
    """For rehearsals and tests.

    ``size``: (width, height) of the pictures, by default that of each frame.  ``keep``: how many of the newest are
    kept, None for all.
    """

    name = "ledger"
    closed = False
    guard = ""  # nobody looks at it

    def __init__(
        self, size: tuple[int, int] | None = None, *, placing: Placing = AS_IT_COMES, keep: int | None = None
    ) -> None:
        self.placing = placing
        self._size = size
        self._composer = Composer()
        self._hash = hashlib.sha256()
        self.pictures: deque[Pixels] = deque(maxlen=keep)
        self.hud: list[str] = []  # of the last refresh
        self.shown = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None = None,
        error: BaseException | None = None,
        trace: TracebackType | None = None,
    ) -> None:
        return None

    @property
    def status(self) -> str:
        return f"ledger of {self.shown} pictures"

    @property
    def sha256(self) -> str:
        """Over the sizes and pixels of every picture so far, in order."""
        return self._hash.hexdigest()

    def show(self, frame: Frame, veil: Veil, look: Look, hud: list[str]) -> None:
        """Compose, count in, keep."""
        picture = self._composer(frame, veil, look, self._size, self.placing)
        self._hash.update(f"{picture.shape[1]}x{picture.shape[0]}".encode())
        self._hash.update(picture.data)
        self.pictures.append(picture)
        self.hud = list(hud)
        self.shown += 1

    def picture(self) -> Pixels:
        """The newest picture, (H, W, 3) uint8 RGB.  IndexError before the first."""
        return self.pictures[-1]
