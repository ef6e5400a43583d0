"""GLScreen: the wall through OpenGL 3.3.  Camera and dream meet in the shader, once per refresh.

Then the projector's warp, where there is a profile, and last of all the flash guard.
"""

import re
from dataclasses import dataclass
from importlib.resources import files
from types import TracebackType
from typing import Any, Self

import moderngl
import numpy as np
from numpy.typing import NDArray

from calibration.geometry import Geometry
from calibration.guard_rules import Tier
from installation.clock import Clock, WallClock
from installation.compose import AS_IT_COMES, Placing, mixing
from installation.errors import SinkError
from installation.frame import Frame, Pixels
from installation.knobs import Look
from installation.sinks.guarding import CardGuard
from installation.sinks.hud import Hud
from installation.sinks.projection import Projection
from installation.sinks.warping import WarpPass
from installation.sinks.window import Window
from installation.veil import Carried, Veil

CAMERA, HUD, FIELDS, GRIDS = 0, 1, (2, 4), (3, 5)  # texture units
MOST_LAYERS = 2
DITHER = 0x0BD0  # GL_DITHER is on by default, and would be free to touch the camera's bits


class GLScreen:
    """A window or a whole display, drawn by a shader; what is not new is not sent to the card again.

    ``display``: index or part of the name, None for the first.  ``size``: of the window when ``windowed``, in pixels.
    Entering raises SinkError, in one line, without a display or OpenGL 3.3.  For the main thread.
    """

    name = "window"

    def __init__(
        self,
        display: str | None = None,
        *,
        windowed: bool = False,
        size: tuple[int, int] = (1280, 720),
        placing: Placing = AS_IT_COMES,
        clock: Clock | None = None,
        projection: Projection | None = None,
        guard: Tier = "strict",
    ) -> None:
        self.placing = placing
        self._projection = projection
        self._tier = guard
        self._clock = clock or WallClock()
        self._shown_at: float | None = None
        self._window = Window(display, windowed, size)
        self._hud = Hud(clock)
        self._card: _Card | None = None
        self._renderer = ""

    def __enter__(self) -> Self:
        if self._card is not None:
            return self
        self._window.open(gl=True)
        try:
            context = moderngl.create_context(require=330)
            context.disable_direct(DITHER)
            self._card, self._shown_at = _Card(context, self._tier), None
        except Exception as error:  # moderngl raises plain Exception for a missing context
            self._window.close()
            raise SinkError(f"no usable OpenGL 3.3: {error}") from error
        version = context.info["GL_VERSION"].split()[0]
        self._renderer = f"OpenGL {version} ({short(context.info['GL_RENDERER'])})"
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None = None,
        error: BaseException | None = None,
        trace: TracebackType | None = None,
    ) -> None:
        if self._card is not None:
            self._card.release()
            self._card = None
        self._window.close()

    @property
    def status(self) -> str:
        """What draws, how large, and whether the display sets the pace."""
        if self._card is None:
            return "OpenGL, not open"
        width, height = self._window.size
        return f"{self._renderer}, {width}x{height}{', vsync' if self._window.vsync else ''}"

    @property
    def guard(self) -> str:
        """What the flash guard does, in one line."""
        return self._card.guard.state.status if self._card is not None else ""

    @property
    def closed(self) -> bool:
        return self._window.closed

    @property
    def vsync(self) -> bool:
        """Whether `show` waits for the display."""
        return self._window.vsync

    @property
    def size(self) -> tuple[int, int]:
        """Width and height of what is drawn, in pixels."""
        return self._window.size

    def toggle_fullscreen(self) -> None:
        self._window.toggle_fullscreen()

    def show(self, frame: Frame, veil: Veil, look: Look, hud: list[str]) -> None:
        """Draw one refresh and hand it to the display.  Raises SinkError when the display or context is lost."""
        card = self._opened()
        self._window.pump()
        geometry = None
        if self._projection is not None:
            geometry = self._projection.geometry(self._window.display.name, self.size, dark=look.blackout)
            self._window.show_pointer(geometry is not None and geometry.overlay is not None)
        size = self.size if geometry is None else geometry.profile.picture_size
        try:
            card.load(frame, veil, look, self.placing)
            card.load_hud(self._hud if self._hud.update([] if look.blackout else hud, size) else None)
            card.geometry = geometry
            now = self._clock.now()
            card.draw(self.size, 0.0 if self._shown_at is None else now - self._shown_at)
            self._shown_at = now
            trouble = card.context.error
        except moderngl.Error as error:
            raise SinkError(f"OpenGL failed: {error}") from error
        if trouble != "GL_NO_ERROR":
            raise SinkError(f"OpenGL failed: {trouble}")
        self._window.flip()

    def picture(self) -> Pixels:
        """What was last shown, (H, W, 3) uint8 RGB, overlay included; read from the guard, which keeps it.

        The window's own back buffer is undefined once it was flipped.
        """
        return self._opened().guard.shown()

    def _opened(self) -> "_Card":
        if self._card is None:
            raise SinkError("the window is not open")
        return self._card


@dataclass
class _Slot:
    """A texture and the object it was filled from, to know whether that must be sent again."""

    texture: moderngl.Texture | None = None
    source: object = None


class _Card:
    """What lives on the graphics card: the programs and the textures."""

    def __init__(self, context: moderngl.Context, tier: Tier) -> None:
        self.context = context
        self.guard = CardGuard(context, tier)
        self._sheet: moderngl.Framebuffer | None = None  # the finished picture, before the guard
        shaders = files("installation.sinks") / "shaders"
        self._program: Any = context.program(
            vertex_shader=(shaders / "wall.vert.glsl").read_text(),
            fragment_shader=(shaders / "wall.frag.glsl").read_text(),
        )
        self._triangle = context.vertex_array(self._program, [])
        self._slots = {unit: _Slot() for unit in (CAMERA, HUD, *FIELDS, *GRIDS)}
        self._placing, self._camera_size = AS_IT_COMES, (1, 1)
        self.geometry: Geometry | None = None  # None: the picture is drawn straight to the display
        self._warp: WarpPass | None = None
        for name, unit in {"camera": CAMERA, "hud": HUD}.items():
            self._program[name] = unit
        for layer in range(MOST_LAYERS):
            self._program[f"field{layer}"] = FIELDS[layer]
            self._program[f"grid{layer}"] = GRIDS[layer]
        # Every sampler needs a texture bound to it even where the shader does not look: some drivers warn at each draw.
        for unit in self._slots:
            self._fill(unit, np.zeros((1, 1, 4 if unit == HUD else 3), np.uint8), None)

    def load(self, frame: Frame, veil: Veil, look: Look, placing: Placing) -> None:
        """Send what is new and set the numbers of one refresh."""
        if self._slots[CAMERA].source is not frame:
            self._fill(CAMERA, frame.pixels, frame)
        self._placing, self._camera_size = placing, frame.size
        mix = mixing(look)
        self._program["gain"] = mix.gain
        self._program["offset"] = mix.offset / 255.0
        self._program["tint"] = tuple((mix.tint / 255.0).T.ravel())  # GLSL takes matrices column by column
        layers = veil.layers[-MOST_LAYERS:] if mix.dreams else ()
        self._program["layers"] = len(layers)
        for place, layer in enumerate(self._settled(layers)):
            self._program[f"weight{place}"] = layer.weight
            if self._slots[FIELDS[place]].source is not layer.field:
                self._fill(FIELDS[place], layer.field.astype(np.float16), layer.field)
            if self._slots[GRIDS[place]].source is not layer.grid:
                self._fill(GRIDS[place], layer.grid.astype(np.float16), layer.grid)

    def load_hud(self, hud: Hud | None) -> None:
        """Lay the panel over the picture, or take it away."""
        if hud is None or hud.panel is None:
            self._program["hud_box"] = (0, 0, 0, 0)
            return
        if self._slots[HUD].source != hud.version:
            self._fill(HUD, hud.pixels(), hud.version)
        self._program["hud_box"] = (*hud.position, *hud.panel.get_size())

    def draw(self, size: tuple[int, int], elapsed: float) -> None:
        """Draw what was loaded last onto the display of that ``size``, ``elapsed`` seconds after the last time."""
        if self._sheet is None or self._sheet.size != size:
            self._forget_sheet()
            self._sheet = self.context.framebuffer([self.context.texture(size, 4)])
        if self.geometry is None:
            self._draw(self._sheet, size)
        else:
            if self._warp is None:
                self._warp = WarpPass(self.context)
            self._warp.load(self.geometry)
            if self._warp.needs_picture:
                self._draw(self._warp.canvas, self.geometry.profile.picture_size)
            self._warp.draw(self._sheet)
        picture = self._sheet.color_attachments[0]
        assert isinstance(picture, moderngl.Texture)
        self.guard.draw(picture, elapsed, self.context.screen)

    def _draw(self, target: moderngl.Framebuffer, size: tuple[int, int]) -> None:
        matrix = np.vstack([self._placing.matrix(self._camera_size, size), [0, 0, 1]])
        self._program["display"] = size
        self._program["to_camera"] = tuple(np.linalg.inv(matrix).T.ravel())
        self._program["fits"] = self._placing.laid(self._camera_size, size) == (
            0, 0, *self._placing.upright(self._camera_size),
        )  # fmt: skip
        target.use()
        self.context.viewport = (0, 0, *size)
        for unit, slot in self._slots.items():
            if slot.texture is not None:
                slot.texture.use(unit)
        self._triangle.render(moderngl.TRIANGLES, vertices=3)

    def release(self) -> None:
        """Give everything back; the context goes with the window."""
        self.guard.release()
        self._forget_sheet()
        if self._warp is not None:
            self._warp.release()
        for slot in self._slots.values():
            if slot.texture is not None:
                slot.texture.release()
        self._triangle.release()
        self._program.release()
        self.context.release()

    def _forget_sheet(self) -> None:
        if self._sheet is not None:
            held: Any
            for held in (*self._sheet.color_attachments, self._sheet):
                held.release()
            self._sheet = None

    def _settled(self, layers: tuple[Carried, ...]) -> tuple[Carried, ...]:
        """The layers in the order in which their fields already lie on the card.

        The newer residual of one moment is the older of the next; adding does not mind the order, and swapping here
        saves sending the same field again.
        """
        if len(layers) == MOST_LAYERS:
            first, second = (self._slots[unit].source for unit in FIELDS)
            if layers[0].field is second or layers[1].field is first:
                return layers[::-1]
        elif layers and layers[0].field is self._slots[FIELDS[1]].source:
            self._slots[FIELDS[0]], self._slots[FIELDS[1]] = self._slots[FIELDS[1]], self._slots[FIELDS[0]]
        return layers

    def _fill(self, unit: int, values: NDArray[np.uint8] | NDArray[np.float16], source: object) -> None:
        """Write an (H, W, 3 or 4) array to the texture of a unit, making it anew only when the size changed."""
        slot = self._slots[unit]
        height, width, channels = values.shape
        kind = "f2" if values.dtype == np.float16 else "f1"
        texture = slot.texture
        if texture is None or texture.size != (width, height) or texture.dtype != kind:
            if texture is not None:
                texture.release()
            # Rows of three bytes a pixel are packed: OpenGL's default alignment of 4 would shear odd widths.
            texture = self.context.texture((width, height), channels, alignment=1, dtype=kind)
            texture.filter = (moderngl.LINEAR, moderngl.LINEAR)
            texture.repeat_x = texture.repeat_y = False
        texture.write(np.ascontiguousarray(values), alignment=1)
        slot.texture, slot.source = texture, source


def renderer_here() -> str:
    """The name of what draws OpenGL 3.3 here, asked of a window that is never shown.  Raises SinkError without one."""
    hidden = Window(None, windowed=True, size=(16, 16))
    hidden.open(gl=True, hidden=True)
    try:
        context = moderngl.create_context(require=330)
        name = str(context.info["GL_RENDERER"])
        context.release()
    except Exception as error:
        raise SinkError(f"no usable OpenGL 3.3: {error}") from error
    finally:
        hidden.close()
    return name


def short(renderer_string: str) -> str:
    """The part of an OpenGL renderer string that a person knows: "NVIDIA GeForce RTX 4070", "llvmpipe"."""
    return re.split(r"/| \(", renderer_string)[0]
