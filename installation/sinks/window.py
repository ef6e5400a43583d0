"""The window both screens draw in: which display, how large, fullscreen or not, and whether a person closed it."""

import ctypes
import sys
from dataclasses import dataclass
from pathlib import Path

from installation.errors import SinkError
from installation.sdl import pygame

TITLE = "Dreamwall"
SETTLING = 25  # hundredths of a second a new window may take to be there
BLIND = {"dummy", "offscreen"}  # SDL's drivers that show nothing to anybody


@dataclass(frozen=True, slots=True)
class Display:
    """A monitor or projector as SDL counts them."""

    index: int
    name: str
    size: tuple[int, int]

    def __str__(self) -> str:
        return f"{self.index}: {self.name}, {self.size[0]}x{self.size[1]}"


def list_displays() -> list[Display]:
    """Every display.  Raises SinkError where there is none; leaves SDL as it was found."""
    opened = not pygame.display.get_init()
    _start_video()
    try:
        sizes = pygame.display.get_desktop_sizes()
        return [Display(index, _name(index), size) for index, size in enumerate(sizes)]
    finally:
        if opened:
            pygame.display.quit()


def choose_display(wanted: str | None) -> Display:
    """The display whose index or part of whose name is ``wanted``; the first for None.  Raises SinkError."""
    displays = list_displays()
    if wanted is None or not wanted.strip():
        return displays[0]
    wanted = wanted.strip()
    for display in displays:
        if wanted == str(display.index):
            return display
    for display in displays:
        if wanted.lower() in display.name.lower():
            return display
    raise SinkError(f"no display {wanted!r}; there is {'; '.join(map(str, displays))}")


class Window:
    """One window on one display, for OpenGL or for a plain surface.  For the main thread.

    pygame.Window and not pygame.display.set_mode: it goes fullscreen and back with its OpenGL context and textures, and
    asks nothing else of SDL.  (set_mode(vsync=1) draws even a plain surface through OpenGL: 9 ms a refresh where there
    is no graphics card, against 0.05.)
    """

    def __init__(self, display: str | None, windowed: bool, size: tuple[int, int]) -> None:
        self._wanted, self._asked_size = display, size
        self.fullscreen = not windowed
        self.vsync = False
        self._closed = False
        self._display = Display(0, "", size)
        self._window: pygame.Window | None = None

    @property
    def is_open(self) -> bool:
        return self._window is not None

    @property
    def size(self) -> tuple[int, int]:
        """Width and height in pixels, as they now are."""
        width, height = self._open_window().size
        return int(width), int(height)

    @property
    def display(self) -> Display:
        """The display it is on; a profile of its projector is kept under its name."""
        return self._display

    @property
    def surface(self) -> pygame.Surface:
        """What to draw on, of a plain window; ask for it at each refresh, since it goes with the size."""
        return self._open_window().get_surface()

    def open(self, *, gl: bool, hidden: bool = False) -> None:
        """Raises SinkError when there is no such display or no window can be had.  ``hidden``: never shown."""
        self._display = choose_display(self._wanted)
        _start_video()
        centred = 0x2FFF0000 | self._display.index  # SDL's word for the middle of that display
        try:
            if gl:
                _ask_for_core_context()
            self._window = pygame.Window(
                TITLE,
                self._display.size if self.fullscreen else self._asked_size,
                (centred, centred),
                fullscreen_desktop=self.fullscreen,
                opengl=gl,
                hidden=hidden,
                resizable=not self.fullscreen,
            )
            self.vsync = gl and _ask_for_vsync()
            pygame.display.set_allow_screensaver(False)
            pygame.mouse.set_visible(not self.fullscreen)
            self._settle()
        except pygame.error as error:
            self.close()
            pygame.display.quit()
            what = "no usable OpenGL 3.3" if gl else "no window"
            raise SinkError(f"{what} on display {self._display}: {error}") from error

    def flip(self) -> None:
        """Hand what was drawn to the display; waits for it where vsync is had.  Raises SinkError."""
        try:
            self._open_window().flip()
        except pygame.error as error:
            raise SinkError(f"display {self._display.name} is gone: {error}") from error

    def pump(self) -> None:
        """Let SDL see to the window, also where nobody reads keys.  Raises SinkError when the display is gone."""
        if not pygame.display.get_init():
            raise SinkError(f"display {self._display.name} is gone: SDL was shut down")
        _ = self.closed

    def toggle_fullscreen(self) -> None:
        """Between the whole display and a window."""
        if self._window is None:
            return
        self.fullscreen = not self.fullscreen
        if self.fullscreen:
            self._window.set_fullscreen(desktop=True)
        else:
            self._window.set_windowed()
            self._window.resizable = True
            self._window.size = self._asked_size
        pygame.mouse.set_visible(not self.fullscreen)

    def show_pointer(self, wanted: bool) -> None:
        """The mouse's arrow, which a whole display hides otherwise."""
        if pygame.mouse.get_visible() != (wanted or not self.fullscreen):
            pygame.mouse.set_visible(wanted or not self.fullscreen)

    @property
    def closed(self) -> bool:
        """True once a person closed the window.  Looks at what is waiting; takes nothing away from the keys."""
        if self.is_open and not self._closed:
            self._closed = not pygame.display.get_init() or pygame.event.peek(pygame.QUIT)
        return self._closed

    def close(self) -> None:
        if self._window is not None:
            self._window.destroy()
            self._window = None
            pygame.display.quit()

    def _settle(self) -> None:
        """Wait until the window is where it will stay: X throws away what is drawn while it moves."""
        for _ in range(SETTLING):
            pygame.event.pump()
            pygame.time.wait(10)
            if pygame.event.peek(pygame.WINDOWEXPOSED):
                break

    def _open_window(self) -> pygame.Window:
        if self._window is None:
            raise SinkError("the window is not open")
        return self._window


def _ask_for_core_context() -> None:
    pygame.display.gl_set_attribute(pygame.GL_CONTEXT_MAJOR_VERSION, 3)
    pygame.display.gl_set_attribute(pygame.GL_CONTEXT_MINOR_VERSION, 3)
    pygame.display.gl_set_attribute(pygame.GL_CONTEXT_PROFILE_MASK, pygame.GL_CONTEXT_PROFILE_CORE)
    pygame.display.gl_set_attribute(pygame.GL_CONTEXT_FORWARD_COMPATIBLE_FLAG, 1)


def _ask_for_vsync() -> bool:
    """Whether flips now wait for the display.  A request that some drivers refuse."""
    try:
        return int(_sdl().SDL_GL_SetSwapInterval(1)) == 0
    except (OSError, AttributeError):
        return False


def _start_video() -> None:
    """Have SDL's video up.  Without a display SDL quietly takes a driver that draws into nothing; that is refused."""
    try:
        pygame.display.init()
        driver, displays = pygame.display.get_driver(), pygame.display.get_desktop_sizes()
    except pygame.error as error:
        raise SinkError(f"no display to open a window on (SDL: {error})") from error
    if driver in BLIND or not displays:
        pygame.display.quit()
        raise SinkError(f"no display to open a window on (SDL has only its {driver!r} driver)")


def _name(index: int) -> str:
    """SDL knows the monitor's name; pygame does not pass it on, so its own copy of SDL is asked."""
    try:
        name = _sdl().SDL_GetDisplayName(index)
        return name.decode(errors="replace") if name else f"display {index}"
    except (OSError, AttributeError):
        return f"display {index}"


def _sdl() -> ctypes.CDLL:
    home = Path(pygame.__file__).parent
    patterns = [home.parent / "pygame_ce.libs", home / ".dylibs", home]
    ends = {"linux": "libSDL2-2*.so*", "darwin": "libSDL2-2*.dylib", "win32": "SDL2.dll"}
    for folder in patterns:
        for path in sorted(folder.glob(ends.get(sys.platform, "libSDL2-2*"))):
            library = ctypes.CDLL(str(path))
            library.SDL_GetDisplayName.restype = ctypes.c_char_p
            return library
    raise OSError("pygame uses an SDL of the system's")
