"""The window both screens draw in: which display, how large, fullscreen or not, and whether a person closed it."""

import ctypes
import sys
from dataclasses import dataclass
from pathlib import Path

from installation.errors import SinkError
from installation.sdl import pygame

TITLE = "Dreamwall"
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
    """One window on one display.  For the main thread."""

    def __init__(self, display: str | None, windowed: bool, size: tuple[int, int]) -> None:
        self._wanted, self._asked_size = display, size
        self.fullscreen = not windowed
        self.is_open = False
        self.vsync = False
        self._closed = False
        self._gl = self._hidden = False

    @property
    def size(self) -> tuple[int, int]:
        """Width and height in pixels, as they now are."""
        width, height = pygame.display.get_window_size()
        return width, height

    def open(self, *, gl: bool, hidden: bool = False) -> None:
        """Raises SinkError when there is no such display or no window can be had.  ``hidden``: never shown."""
        self._gl, self._hidden = gl, hidden
        self._display = choose_display(self._wanted)
        _start_video()
        try:
            self._set_mode()
            pygame.display.set_caption(TITLE)
            pygame.display.set_allow_screensaver(False)
        except pygame.error as error:
            pygame.display.quit()
            raise SinkError(f"no window on display {self._display}: {error}") from error
        self.is_open = True

    def flip(self) -> None:
        """Hand what was drawn to the display; waits for it where vsync is had.  Raises SinkError."""
        try:
            pygame.display.flip()
        except pygame.error as error:
            raise SinkError(f"display {self._display.name} is gone: {error}") from error

    def toggle_fullscreen(self) -> None:
        """Between the whole display and a window; what was drawn with OpenGL is kept."""
        if not self.is_open:
            return
        self.fullscreen = not self.fullscreen
        if self._gl:
            # A new set_mode would throw the OpenGL context away with all its textures, and the wall would blink.
            window = pygame.Window.from_display_module()
            if self.fullscreen:
                window.set_fullscreen(desktop=True)
            else:
                window.set_windowed()
                window.size = self._asked_size
            pygame.mouse.set_visible(not self.fullscreen)
        else:
            self._set_mode()

    @property
    def closed(self) -> bool:
        """True once a person closed the window.  Looks at what is waiting; takes nothing away from the keys."""
        if self.is_open and not self._closed:
            self._closed = not pygame.display.get_init() or pygame.event.peek(pygame.QUIT)
        return self._closed

    def pump(self) -> None:
        """Let SDL see to the window, also where nobody reads keys.  Raises SinkError when the display is gone."""
        if not pygame.display.get_init():
            raise SinkError(f"display {self._display.name} is gone: SDL was shut down")
        _ = self.closed

    def close(self) -> None:
        if self.is_open:
            self.is_open = False
            pygame.display.quit()

    def _set_mode(self) -> None:
        flags = pygame.OPENGL | pygame.DOUBLEBUF if self._gl else 0
        flags |= pygame.HIDDEN if self._hidden else 0
        flags |= pygame.FULLSCREEN if self.fullscreen else pygame.RESIZABLE
        size = self._display.size if self.fullscreen else self._asked_size
        if self._gl:
            set_attribute = pygame.display.gl_set_attribute
            set_attribute(pygame.GL_CONTEXT_MAJOR_VERSION, 3)
            set_attribute(pygame.GL_CONTEXT_MINOR_VERSION, 3)
            set_attribute(pygame.GL_CONTEXT_PROFILE_MASK, pygame.GL_CONTEXT_PROFILE_CORE)
            set_attribute(pygame.GL_CONTEXT_FORWARD_COMPATIBLE_FLAG, 1)
        where = self._display.index
        self.vsync = False
        if not self._gl:  # asked for vsync, SDL would draw the surface through OpenGL: 9 ms of llvmpipe against 0.05
            pygame.display.set_mode(size, flags, display=where)
        else:
            try:
                pygame.display.set_mode(size, flags, display=where, vsync=1)
                self.vsync = bool(pygame.display.is_vsync())
            except pygame.error:  # vsync is a request that some drivers refuse with an error
                pygame.display.set_mode(size, flags, display=where)
        pygame.mouse.set_visible(not self.fullscreen)


def _start_video() -> None:
    try:
        pygame.display.init()
    except pygame.error as error:
        raise SinkError(f"no display to open a window on (SDL: {error})") from error
    if not pygame.display.get_desktop_sizes():
        pygame.display.quit()
        raise SinkError("no display to open a window on: SDL finds none attached")


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
