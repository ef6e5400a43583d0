"""Which of the two screens: the graphics card where there is one, the processor where OpenGL would be that as well."""

from typing import Any

from calibration.guard_rules import Tier
from installation.clock import Clock
from installation.compose import AS_IT_COMES, Placing
from installation.errors import SinkError
from installation.sinks.plain import PlainScreen
from installation.sinks.projection import Projection
from installation.sinks.screen import GLScreen, renderer_here, short
from installation.sinks.window import choose_display

RENDERERS = ("auto", "opengl", "plain")
SOFTWARE = ("llvmpipe", "softpipe", "swrast", "software rasterizer", "gdi generic", "swiftshader")


def open_screen(
    display: str | None = None,
    *,
    windowed: bool = False,
    size: tuple[int, int] = (1280, 720),
    placing: Placing = AS_IT_COMES,
    renderer: str = "auto",
    clock: Clock | None = None,
    projection: Projection | None = None,
    guard: Tier = "strict",
) -> GLScreen | PlainScreen:
    """The best screen there is, already open; entering it again is harmless.

    ``renderer``: ``opengl`` or ``plain`` insist on one.  ``projection``: asked for the projector's profile.  ``guard``:
    the tier of the flash guard.  Raises SinkError, naming what there is, without a display.
    """
    if renderer not in RENDERERS:
        raise SinkError(f"no renderer {renderer!r}; there is {', '.join(RENDERERS)}")
    choose_display(display)  # a wrong name is refused before anything is opened
    shown: dict[str, Any] = {
        "windowed": windowed,
        "size": size,
        "placing": placing,
        "clock": clock,
        "projection": projection,
        "guard": guard,
    }
    if renderer == "opengl":
        return GLScreen(display, **shown).__enter__()
    why = "asked for"
    if renderer == "auto":
        try:
            found = renderer_here()
            if not is_software(found):
                return GLScreen(display, **shown).__enter__()
            why = f"OpenGL here is {short(found)}, which would cost the dream more of the processor"
        except SinkError as error:
            why = str(error)
    return PlainScreen(display, why=why, **shown).__enter__()


def is_software(renderer_string: str) -> bool:
    """Whether an OpenGL renderer of this name runs on the processor."""
    return any(name in renderer_string.lower() for name in SOFTWARE)
