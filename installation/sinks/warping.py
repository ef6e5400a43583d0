"""The warp at the end of the screen's chain: as an OpenGL pass, and for the plain screen.

`calibration.warp` and `calibration.geometry` are the reference for both.  Where there is nothing to warp and nothing to
lay over, the screens leave it out altogether.
"""

from importlib.resources import files
from typing import Any

import cv2
import moderngl
import numpy as np
from numpy.typing import NDArray

from calibration.geometry import Geometry, laid_over
from calibration.profile import Profile
from calibration.warp import lookup
from installation.frame import Pixels
from installation.sinks.hud import Hud

PICTURE, PLACES, LIGHT, OVERLAY = 0, 1, 2, 3  # texture units
KINDS = {np.dtype(np.uint8): "f1", np.dtype(np.float32): "f4"}


class WarpPass:
    """Lives on the graphics card, in a context that is current.  For the main thread.

    Each refresh: `load` what is to be seen, draw the picture on `canvas`, then `draw`.  What did not change is not
    made or sent again: a new profile costs its lookup once, and 24 MB sent at 1920x1080.
    """

    def __init__(self, context: moderngl.Context) -> None:
        self.context = context
        shaders = files("installation.sinks") / "shaders"
        self._program: Any = context.program(
            vertex_shader=(shaders / "wall.vert.glsl").read_text(),
            fragment_shader=(shaders / "warp.frag.glsl").read_text(),
        )
        self._triangle = context.vertex_array(self._program, [])
        for name, unit in {"picture": PICTURE, "places": PLACES, "light": LIGHT, "overlay": OVERLAY}.items():
            self._program[name] = unit
        self._canvas: moderngl.Framebuffer | None = None
        self._drawn_on: moderngl.Texture | None = None
        self._textures: dict[str, moderngl.Texture] = {}
        self._sent: dict[str, object] = {}
        self._geometry: Geometry | None = None
        clear = np.zeros((1, 1, 4), np.uint8)
        self._send("overlay", clear, clear)  # every sampler needs a texture: some drivers warn at each draw

    def load(self, geometry: Geometry) -> None:
        """Take what this refresh shows; send what is new of it."""
        profile, card, overlay = geometry.profile, geometry.card, geometry.overlay
        if self._sent.get("profile") != profile:
            made = lookup(profile)
            self._send("places", made.places, profile)
            self._send("light", made.light[..., None], profile)
            self._sent["profile"] = profile
        if card is not None:
            self._send("card", card, card)
        self._program["overlaid"] = overlaid = overlay is not None and overlay.pixels.shape[1::-1] == profile.size
        magnifier = overlay.magnifier if overlay is not None and overlaid else None
        if overlay is not None and overlaid:
            self._send("overlay", overlay.pixels, overlay)
        self._program["magnifier_box"] = magnifier.box if magnifier is not None else (0, 0, 0)
        self._program["magnifier_centre"] = magnifier.centre if magnifier is not None else (0, 0)
        self._program["magnifier_zoom"] = magnifier.zoom if magnifier is not None else 1
        self._program["display"] = profile.size
        self._geometry = geometry

    @property
    def canvas(self) -> moderngl.Framebuffer:
        """What the picture is drawn on, of the loaded profile's ``picture_size``, to be warped from there."""
        size = self._loaded().profile.picture_size
        if self._canvas is None or self._canvas.size != size:
            self._drop_canvas()
            self._drawn_on = self.context.texture(size, 4, dtype="f1")
            self._canvas = self.context.framebuffer([self._drawn_on])
        return self._canvas

    @property
    def needs_picture(self) -> bool:
        """False while a card is shown instead of it."""
        return self._loaded().card is None

    def draw(self, target: moderngl.Framebuffer, source: moderngl.Texture | None = None) -> None:
        """Draw what was loaded onto ``target``, which is as large as the profile's display.

        ``source``: the picture as OpenGL draws it, bottom row first; what is on `canvas` when it is None.
        """
        geometry = self._loaded()
        picture = source or self._drawn_on
        if geometry.card is not None:
            picture = self._textures["card"]
        if picture is None:
            raise ValueError("nothing was drawn on the canvas yet")
        self._program["drawn"] = geometry.card is None
        target.use()
        self.context.viewport = (0, 0, *geometry.profile.size)
        picture.use(PICTURE)
        for name, unit in {"places": PLACES, "light": LIGHT, "overlay": OVERLAY}.items():
            self._textures[name].use(unit)
        self._triangle.render(moderngl.TRIANGLES, vertices=3)

    def release(self) -> None:
        """Give everything back; the context belongs to the screen.  Harmless twice."""
        self._drop_canvas()
        for texture in self._textures.values():
            texture.release()
        self._textures.clear()
        self._sent.clear()
        self._geometry = None
        self._triangle.release()
        self._program.release()

    def _loaded(self) -> Geometry:
        if self._geometry is None:
            raise ValueError("no geometry was loaded yet")
        return self._geometry

    def _drop_canvas(self) -> None:
        if self._canvas is not None and self._drawn_on is not None:
            self._canvas.release()
            self._drawn_on.release()
        self._canvas = self._drawn_on = None

    def _send(self, name: str, values: NDArray[Any], source: object) -> None:
        """Write (H, W, channels) to the texture of that name, unless it came from the same object before."""
        if self._sent.get(name) is source:
            return
        height, width, channels = values.shape
        texture, kind = self._textures.get(name), KINDS[values.dtype]
        if texture is None or (*texture.size, texture.components) != (width, height, channels):
            if texture is not None:
                texture.release()
            texture = self.context.texture((width, height), channels, alignment=1, dtype=kind)
            texture.filter = (moderngl.NEAREST, moderngl.NEAREST)  # only ever fetched pixel by pixel
            self._textures[name] = texture
        texture.write(np.ascontiguousarray(values), alignment=1)
        self._sent[name] = source


class PlainWarp:
    """The same by OpenCV, for a screen without OpenGL; keeps the lookup of the last profile.  For one thread.

    Within a level or two of the reference with OpenCV 5; OpenCV 4 knows only 32 places between two pixels, which
    may be more than that on sharp edges.
    """

    def __init__(self) -> None:
        self._profile: Profile | None = None
        self._x = self._y = np.empty((0, 0), np.float32)
        self._light: Pixels | None = None

    def __call__(self, picture: Pixels, geometry: Geometry) -> Pixels:
        """``picture``, of the profile's ``picture_size``, as it goes to the display: (H, W, 3) uint8, a new array."""
        if self._profile != geometry.profile:
            made = lookup(geometry.profile)
            self._x, self._y = (np.ascontiguousarray(made.places[..., axis]) - np.float32(0.5) for axis in (0, 1))
            light = np.rint(made.light * 255).astype(np.uint8)
            self._light = None if light.min() == 255 else np.asarray(cv2.merge([light, light, light]), np.uint8)
            self._profile = geometry.profile
        source = picture if geometry.card is None else geometry.card
        shown = cv2.remap(source, self._x, self._y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
        if self._light is not None:
            shown = cv2.multiply(shown, self._light, dst=shown, scale=1 / 255)
        pixels = np.asarray(shown, np.uint8)
        return pixels if geometry.overlay is None else laid_over(pixels, geometry.overlay)


def with_panel(picture: Pixels, hud: Hud) -> Pixels:
    """A copy of ``picture`` with the operator's panel on it, for a screen that warps both; the picture without one."""
    if hud.panel is None:
        return picture
    over = hud.pixels().astype(np.float32)
    left, top = hud.position
    shown = picture.copy()
    part = shown[top : top + over.shape[0], left : left + over.shape[1]]
    over = over[: part.shape[0], : part.shape[1]]
    part[:] = np.rint(over[..., :3] + part * (1 - over[..., 3:] / np.float32(255))).astype(np.uint8)
    return shown
