"""The picture for whoever watches: composed and packed in the server's threads, only while somebody does.

Each watcher gets the newest at his own pace.  The show hands over a reference and goes on.
"""

import asyncio
import threading
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass

import cv2

from calibration.guard_rules import Tier
from installation.compose import Composer, Placing
from installation.frame import Frame, fit
from installation.guarded import PictureGuard
from installation.knobs import Look
from installation.veil import Veil

PACE = 1 / 15  # seconds between two pictures of one watcher
QUALITY = 85  # of the JPEGs
PREVIEW = (640, 480)  # the box of the picture where the wall itself is on another screen: a quarter of the work
WATCHERS = 8  # at once: when one more comes, whoever watched longest stops
BOUNDARY = "picture"


@dataclass(frozen=True, slots=True)
class Refresh:
    """What was shown last, as it was handed over."""

    frame: Frame
    veil: Veil
    look: Look
    hud: tuple[str, ...]
    number: int
    time: float


class Packer:
    """Composes, guards and packs a refresh once, for however many watch.  Safe from several threads.

    ``size``: (width, height) of the picture; None is the camera's, inside ``box`` where one is given.
    """

    def __init__(
        self, size: tuple[int, int] | None, box: tuple[int, int] | None = None, guard: Tier = "strict"
    ) -> None:
        self._size, self._box = size, box
        self._guard = PictureGuard(guard)
        self._composer = Composer()
        self._lock = threading.Lock()
        self._number, self._jpeg = 0, b""

    @property
    def guard(self) -> str:
        """What the flash guard does to what is watched, in one line."""
        return self._guard.status

    def jpeg(self, refresh: Refresh, placing: Placing) -> bytes:
        with self._lock:
            if refresh.number > self._number:
                picture = self._composer(
                    refresh.frame, refresh.veil, refresh.look, self.size(refresh, placing), placing
                )
                picture = self._guard(picture, refresh.time)
                settings = [cv2.IMWRITE_JPEG_QUALITY, QUALITY]
                _, packed = cv2.imencode(".jpg", cv2.cvtColor(picture, cv2.COLOR_RGB2BGR), settings)
                self._number, self._jpeg = refresh.number, packed.tobytes()
            return self._jpeg

    def size(self, refresh: Refresh, placing: Placing) -> tuple[int, int] | None:
        """(width, height) to compose at; None is the camera's."""
        if self._size is not None or self._box is None:
            return self._size
        upright = placing.upright(refresh.frame.size)
        return fit(upright, self._box) if upright[0] > self._box[0] or upright[1] > self._box[1] else None


class Watchers:
    """Everybody who watches the stream."""

    def __init__(self) -> None:
        self._here: list[object] = []

    def __len__(self) -> int:
        return len(self._here)

    def leave(self) -> None:
        """Nobody watches any more: every stream ends at its next picture."""
        self._here.clear()

    async def stream(
        self, newest: Callable[[], Refresh | None], jpeg: Callable[[Refresh], bytes]
    ) -> AsyncIterator[bytes]:
        """The newest picture whenever there is a new one and this watcher's connection took the last.

        Every part is sent with the boundary that ends it: browsers show a part only once they have seen its end, and
        would otherwise be one picture late.
        """
        sent, loop, me = 0, asyncio.get_running_loop(), object()
        self._here = [*self._here, me][-WATCHERS:]
        try:
            yield f"--{BOUNDARY}\r\n".encode()
            while me in self._here:
                due = loop.time() + PACE
                refresh = newest()
                if refresh is not None and refresh.number != sent:
                    packed = await asyncio.to_thread(jpeg, refresh)
                    head = f"content-type: image/jpeg\r\ncontent-length: {len(packed)}\r\n\r\n"
                    yield head.encode() + packed + f"\r\n--{BOUNDARY}\r\n".encode()
                    sent = refresh.number
                await asyncio.sleep(max(0.005, due - loop.time()))
        finally:
            if me in self._here:
                self._here.remove(me)
