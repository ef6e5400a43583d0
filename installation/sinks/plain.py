"""PlainScreen: the same picture without OpenGL, summed by the processor and handed to SDL."""

import sys
from types import TracebackType
from typing import Any, Self

import cv2
import numpy as np

from calibration.guard_rules import Tier
from installation.clock import Clock, WallClock
from installation.compose import AS_IT_COMES, Composer, Placing
from installation.frame import Frame, Pixels
from installation.guarded import PictureGuard
from installation.knobs import Look
from installation.sdl import pygame
from installation.sinks.hud import Hud
from installation.sinks.projection import Projection
from installation.sinks.warping import PlainWarp, with_panel
from installation.sinks.window import Window
from installation.veil import Veil

BGRX = (0xFF0000, 0xFF00, 0xFF, 0)  # colour masks of the usual 32-bit display


class PlainScreen:
    """A window or a whole display, drawn by `installation.compose`.

    ``display``, ``windowed``, ``size``: as for `GLScreen`.  ``why``: the reason OpenGL was not taken, for the status.
    Entering raises SinkError without a display.  For the main thread.  `show` does not wait for the display: there is
    no vsync without a graphics card.
    """

    name = "window"
    vsync = False

    def __init__(
        self,
        display: str | None = None,
        *,
        windowed: bool = False,
        size: tuple[int, int] = (1280, 720),
        placing: Placing = AS_IT_COMES,
        why: str = "",
        clock: Clock | None = None,
        projection: Projection | None = None,
        guard: Tier = "strict",
    ) -> None:
        self.placing = placing
        self._projection = projection
        self._warp = PlainWarp()
        self._tier = guard
        self._guard = PictureGuard(guard)
        self._clock = clock or WallClock()
        self._why = why
        self._window = Window(display, windowed, size)
        self._hud = Hud(clock)
        self._composer = Composer()
        self._sheet: Pixels | None = None

    def __enter__(self) -> Self:
        if not self._window.is_open:
            self._window.open(gl=False)
            self._guard = PictureGuard(self._tier)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None = None,
        error: BaseException | None = None,
        trace: TracebackType | None = None,
    ) -> None:
        self._window.close()

    @property
    def status(self) -> str:
        """What draws, why not OpenGL, and how large."""
        why = f" ({self._why})" if self._why else ""
        if not self._window.is_open:
            return f"plain SDL{why}, not open"
        width, height = self._window.size
        return f"plain SDL{why}, {width}x{height}"

    @property
    def guard(self) -> str:
        """What the flash guard does, in one line."""
        return self._guard.status

    @property
    def closed(self) -> bool:
        return self._window.closed

    @property
    def size(self) -> tuple[int, int]:
        """Width and height of what is drawn, in pixels."""
        return self._window.size

    def toggle_fullscreen(self) -> None:
        self._window.toggle_fullscreen()

    def show(self, frame: Frame, veil: Veil, look: Look, hud: list[str]) -> None:
        """Draw one refresh and hand it to the display.  Raises SinkError when the display is lost."""
        surface = self._window.surface
        self._window.pump()
        size = surface.get_size()
        geometry = None
        if self._projection is not None:
            geometry = self._projection.geometry(self._window.display.name, size, dark=look.blackout)
            self._window.show_pointer(geometry is not None and geometry.overlay is not None)
        if geometry is not None:
            size = geometry.profile.picture_size
        if self._sheet is None or self._sheet.shape[:2] != (size[1], size[0]):
            self._sheet = np.empty((size[1], size[0], 3), np.uint8)
        picture = self._composer(frame, veil, look, size, self.placing, out=self._sheet)
        if self._hud.update([] if look.blackout else hud, size):
            picture = with_panel(picture, self._hud)
        if geometry is not None:
            picture = self._warp(picture, geometry)
        _put(self._guard(picture, self._clock.now()), surface)
        self._window.flip()

    def picture(self) -> Pixels:
        """What was last shown, (H, W, 3) uint8 RGB, overlay included."""
        surface = self._window.surface
        raw = np.frombuffer(pygame.image.tobytes(surface, "RGB"), np.uint8)
        return raw.reshape(surface.get_height(), surface.get_width(), 3).copy()


def _put(picture: Pixels, surface: pygame.Surface) -> None:
    """Write a picture into the display's own memory: 0.15 ms at 1280x720, against 1.1 for a surface and a blit."""
    if surface.get_bitsize() == 32 and surface.get_masks() == BGRX and sys.byteorder == "little":
        width, height = surface.get_size()
        memory: Any = surface.get_buffer()  # the surface is locked while this lives
        rows = np.ndarray((height, width, 4), np.uint8, memory, strides=(surface.get_pitch(), 4, 1))
        cv2.cvtColor(picture, cv2.COLOR_RGB2BGRA, dst=rows)
        del rows, memory
    else:
        surface.blit(pygame.image.frombuffer(picture.data, (picture.shape[1], picture.shape[0]), "RGB"), (0, 0))
