"""The wall of a calibration: a real screen, on the display that the show would take."""

from collections.abc import Callable, Sequence
from types import TracebackType
from typing import Self

from installation.calibrate.seam import CalibrationError, Stopped
from installation.clock import Clock
from installation.compose import Placing
from installation.frame import Frame, Pixels
from installation.knobs import Look
from installation.sdl import pygame
from installation.settings import Settings
from installation.sinks.choose import open_screen
from installation.sinks.plain import PlainScreen
from installation.sinks.projection import Projection
from installation.sinks.screen import GLScreen
from installation.sinks.window import choose_display
from installation.veil import Veil

RATE = 60.0  # refreshes a second, where the display does not set the pace
AS_IT_IS = Look(intensity=0.0)
WHOLE = Placing(cover=False)  # a camera's picture is shown between bars, none of it is cut


class ScreenWall:
    """Fills ``Wall``.  For the main thread; the flash guard is in the screen, as ever, in its strict tier.

    ``projection``: asked for the profile to warp by; None shows pictures as they are.  ``any_key``: any key ends it,
    not Esc alone.  ``pressed``: told each key by its name, as SDL has it, and "closed" when the window was; then no key
    ends anything here.  Entering raises SinkError without a display.
    """

    def __init__(
        self,
        settings: Settings,
        clock: Clock,
        projection: Projection | None = None,
        *,
        any_key: bool = False,
        pressed: Callable[[str], None] | None = None,
    ) -> None:
        self._settings, self._clock, self._projection, self._any_key = settings, clock, projection, any_key
        self._pressed = pressed
        self._screen: GLScreen | PlainScreen | None = None
        self._frame: Frame | None = None
        self._due = clock.now()
        self.name = ""
        self.size = (0, 0)

    def __enter__(self) -> Self:
        if self._screen is None:
            asked = self._settings
            self.name = choose_display(asked.display).name
            self._screen = open_screen(
                asked.display,
                windowed=asked.windowed,
                placing=WHOLE,
                renderer=asked.renderer,
                clock=self._clock,
                projection=self._projection,
            )
            self.size = self._screen.size
            self._due = self._clock.now()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None = None,
        error: BaseException | None = None,
        trace: TracebackType | None = None,
    ) -> None:
        screen, self._screen = self._screen, None
        if screen is not None:
            screen.__exit__(kind, error, trace)

    def picture(self) -> Pixels:
        """What is on the display now, (H, W, 3) uint8 RGB, guarded and all."""
        return self._opened().picture()

    def show(self, picture: Pixels, words: Sequence[str] = ()) -> float:
        """As `Wall.show`.  Raises CalibrationError when the display is no longer as large as it was."""
        screen = self._opened()
        if self._frame is None or self._frame.pixels is not picture:
            self._frame = Frame(picture, 0 if self._frame is None else self._frame.index + 1, self._clock.now())
        screen.show(self._frame, Veil(), AS_IT_IS, list(words))
        now = self._clock.now()
        if screen.size != self.size:
            (width, height), (wide, high) = screen.size, self.size
            raise CalibrationError(f"the display was {wide}x{high} and is {width}x{height} now: begin again")
        self._look_at_keys()
        if not screen.vsync:
            self._due = max(self._due + 1 / RATE, now)
            self._clock.sleep(self._due - now)
        return now

    def resize(self) -> None:
        """From now on the wall is as large as its display has become."""
        self.size = self._opened().size

    def _look_at_keys(self) -> None:
        for event in pygame.event.get():
            if self._pressed is not None:
                if event.type == pygame.KEYDOWN:
                    self._pressed(pygame.key.name(event.key))
                elif event.type in {pygame.QUIT, pygame.WINDOWCLOSE}:
                    self._pressed("closed")
                continue
            pressed = event.type == pygame.KEYDOWN and (self._any_key or event.key == pygame.K_ESCAPE)
            if pressed or event.type in {pygame.QUIT, pygame.WINDOWCLOSE}:
                raise Stopped

    def _opened(self) -> GLScreen | PlainScreen:
        if self._screen is None:
            raise CalibrationError("the wall is not open")
        return self._screen
