"""What comes in and what is seen: cameras, the source, displays, and what draws."""

import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from installation.checks.check import Check, broken, in_short, second, well
from installation.clock import Clock, WallClock
from installation.errors import SinkError, SourceError
from installation.settings import Settings

if TYPE_CHECKING:
    from installation.parts import Source
    from installation.sinks.window import Display
    from installation.sources.v4l2 import Node

PATIENCE = 6.0  # seconds the source has for its first picture
WATCHED = 1.0  # seconds in which its pictures are counted
PLUG_IN = "plug one in, or name a stream or file: dreamwall --source rtsp://…"


def cameras(settings: Settings, *, found: Callable[[], Sequence["Node"]] | None = None) -> Iterable[Check]:
    """Every camera, and whether it has the mode that would be asked for."""
    there = (found or _cameras)()
    if not there:
        state = second if settings.source in {"camera", "clouds"} or not _is_camera(settings.source) else broken
        yield state("camera", "none is plugged in: clouds are shown until there is one", PLUG_IN)
    width, height = settings.camera_size
    for node in there:
        where = f"{node.path} {node.name}" + (f", stable as {node.stable}" if node.stable != node.path else "")
        fitting = [
            m for m in node.modes if m.size == (width, height) and max(m.rates, default=0) >= settings.camera_fps
        ]
        asked = f"{width}x{height} at {settings.camera_fps:g}"
        if fitting:
            yield well("camera", f"{where}: {asked}, {fitting[0].format}; {len(node.modes)} modes in all")
        elif node.modes:
            best = max(node.modes, key=lambda mode: (mode.size[0] * mode.size[1], mode.rates))
            yield second("camera", f"{where}: not {asked}; its largest is {best}", "dreamwall devices lists its modes")
        elif os.path.isabs(node.path) and not os.access(node.path, os.R_OK | os.W_OK):  # noqa: PTH117
            yield broken("camera", f"{where}: you may not open it", "see permissions")
        else:
            yield second("camera", f"{where}: it does not tell its modes")


def _is_camera(source: str) -> bool:
    return source.isdigit() or source.startswith(("camera", "/dev/"))


def source(
    settings: Settings, *, opened: Callable[..., "Source"] | None = None, clock: Clock | None = None
) -> Iterable[Check]:
    """Whether the source gives pictures, and how quickly."""
    clock = clock or WallClock()
    options = {"size": settings.camera_size, "fps": settings.camera_fps, "seed": settings.seed}
    try:
        one = (opened or _source)(settings.source, clock, **options)
        with one:
            begun, frame = clock.now(), None
            while frame is None and clock.now() - begun < PATIENCE:
                frame = one.read()
            if frame is None:
                raise SourceError(f"{one.name} gives no picture")
            width, height = frame.size
            said = f"{one.name} gives {width}x{height}"
            if one.live:
                count, first = 0, clock.now()
                last = first
                while clock.now() - first < WATCHED:
                    if one.read() is not None:
                        count, last = count + 1, clock.now()
                said += f", {count / max(last - first, 1e-3):.0f} a second"
            yield well("source", said)
    except SourceError as error:
        if settings.source != "camera" or "none is plugged in" not in str(error):  # that, the line of the cameras says
            yield broken("source", f"{error}; clouds stand in")


def displays(
    settings: Settings,
    *,
    found: Callable[[], Sequence["Display"]] | None = None,
    environment: Mapping[str, str] = os.environ,
) -> Iterable[Check]:
    """Every display, and whether the one that is asked for is among them."""
    try:
        there = (found or _displays)()
    except SinkError as error:
        insisted = settings.display is not None or settings.renderer != "auto"
        page = f"the show is a page at http://127.0.0.1:{settings.port}/"
        seated = environment.get("DISPLAY") or environment.get("WAYLAND_DISPLAY")
        mend = "" if seated else "start it at the machine itself, or from elsewhere as DISPLAY=:0 dreamwall"
        yield (broken if insisted else second)("display", f"{error}" if insisted else f"none, so {page}", mend)
        return
    for display in there:
        yield well("display", str(display))
    wanted = (settings.display or "").strip().lower()
    if wanted and not any(wanted in {str(one.index), one.name.lower()} or wanted in one.name.lower() for one in there):
        yield broken("display", f"{settings.display!r} is not among them", "dreamwall devices lists them")


def drawing(
    settings: Settings,
    *,
    renderer: Callable[[], str] | None = None,
    found: Callable[[], Sequence[Any]] | None = None,
) -> Iterable[Check]:
    """What draws the picture; nothing is said where there is no display to draw on."""
    from installation.sinks.choose import is_software
    from installation.sinks.screen import renderer_here, short

    try:
        (found or _displays)()
    except SinkError:
        return
    try:
        name = (renderer or renderer_here)()
    except SinkError as error:
        state = broken if settings.renderer == "opengl" else second
        yield state(
            "drawing", f"{in_short(error)}: the processor draws", "sudo apt install libgl1 libegl1 libgl1-mesa-dri"
        )
        return
    if is_software(name):
        yield second("drawing", f"OpenGL is {short(name)}: the processor draws, at 30 refreshes a second")
    else:
        yield well("drawing", f"OpenGL on {short(name)}")


def _cameras() -> Sequence["Node"]:
    from installation.sources.camera import list_cameras

    return list_cameras()


def _source(text: str, clock: Clock, **options: Any) -> "Source":
    from installation.sources.choose import source_from

    return source_from(text, clock, **options)


def _displays() -> Sequence["Display"]:
    from installation.sinks.window import list_displays

    return list_displays()
