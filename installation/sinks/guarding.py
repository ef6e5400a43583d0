"""The flash guard on a graphics card, at the very end of the screen.  For pictures in memory: `installation.guarded`.

`calibration.guard` says what it does and why it holds.  There is nothing here to switch it off.
"""

from importlib.resources import files
from typing import Any

import cv2
import moderngl
import numpy as np
from numpy.typing import NDArray

from calibration import guard_rules as rules
from calibration.guard import State
from calibration.guard_counts import signals
from calibration.guard_light import CURVE, TABLE
from calibration.guard_rules import Layout, Tier
from calibration.limits import SLEW, WINDOW, linear
from installation.frame import Pixels

STATE_EVERY = 1.0  # seconds between two looks at the figures on the card
PASSES = ("light", "ahead", "sum", "mode", "emit", "count", "tiles", "windows", "spread", "long_run")
RIGHT, UP = (1, 0), (0, 1)
COUNTED = 5  # textures that the counting pass writes: two signals with two each, and the follower


class CardGuard:
    """The guard in shaders; all of it stays on the card, but for one pixel of figures a second.

    ``context``: OpenGL 3.3 or later, current whenever this is called.  `draw` needs a picture in an 8-bit texture,
    bottom row first as OpenGL draws it.
    """

    def __init__(self, context: moderngl.Context, tier: Tier = "strict") -> None:
        self._context, self._tier = context, tier
        self.state = State(tier)
        shaders = files("installation.sinks") / "shaders"
        corner = (shaders / "wall.vert.glsl").read_text()
        self._programs: dict[str, Any] = {
            name: context.program(
                vertex_shader=corner, fragment_shader=(shaders / f"guard_{name}.frag.glsl").read_text()
            )
            for name in PASSES
        }
        self._triangles = {name: context.vertex_array(program, []) for name, program in self._programs.items()}
        self._curve = context.texture((256, 1), 1, CURVE.tobytes(), dtype="f4")
        self._table = context.texture((256, 256), 1, TABLE.tobytes(), alignment=1)
        self._card: _Textures | None = None
        self._since_look = 0.0

    def draw(self, picture: moderngl.Texture, elapsed: float, target: moderngl.Framebuffer) -> None:
        """Guard ``picture`` and put the output on ``target``, which is as large.

        ``elapsed``: real seconds since the previous flip.  After another size the last output is stretched to it, and
        the picture goes on from there.
        """
        elapsed = elapsed if 0 < elapsed < np.inf else 0.0
        begins = self._card is None
        if self._card is None:
            self._card = _Textures(self._context, picture.size)
        elif self._card.layout.size != picture.size:
            self._card = self._stretched(self._card, picture.size)
        card = self._card
        self._output(card, picture, elapsed, begins)
        self._count(card, elapsed, begins)
        self._load(card, elapsed)
        self._context.copy_framebuffer(target, card.shown_now)
        self._look(card, elapsed)

    def shown(self) -> Pixels:
        """The last output, (H, W, 3) uint8 RGB, read back from the card.  Raises ValueError before the first one."""
        if self._card is None:
            raise ValueError("nothing was shown yet")
        return np.ascontiguousarray(_rows(self._card.outputs[1], np.uint8)[::-1, :, :3])

    def release(self) -> None:
        """Give everything back; harmless twice."""
        if self._card is not None:
            self._card.release()
            self._card = None
        held: Any
        for held in (*self._triangles.values(), *self._programs.values(), self._curve, self._table):
            held.release()

    def _output(self, card: "_Textures", picture: moderngl.Texture, elapsed: float, begins: bool) -> None:
        layout = card.layout
        cells = (layout.columns, layout.rows)
        self._pass("light", card.wanted, picture=picture, before=picture, cells=cells, emitted=False, curve=self._curve)
        first_ages, first_more, second_ages, second_more, follower = card.counted
        known = {
            "follower": follower,
            "wanted": card.wanted,
            "tile": layout.tile,
            "quick": rules.quick(min(elapsed, rules.LONGEST_STEP)),
        }
        self._pass("ahead", card.ahead, **known)
        self._sum(card, card.ahead)
        self._pass(
            "mode", card.mode, **known, emitted=card.emitted, first_ages=first_ages, first_more=first_more,
            second_ages=second_ages, second_more=second_more, shut=card.shut, ahead=card.total, long_run=card.long_run,
            begins=begins, strict=self._tier == "strict", elapsed=elapsed, horizon=rules.HORIZON,
            settled=rules.SETTLED, at_once=layout.at_once, tired_after=rules.TIRED_AFTER,
            faded=rules.FADED, passed=max(rules.LEAST_STEP, min(elapsed, rules.LONGEST_STEP)),
        )  # fmt: skip
        last, shown = card.outputs
        card.turn_outputs()
        reach = SLEW * min(elapsed, rules.LONGEST_STEP)
        self._pass(
            "emit", card.outputs, picture=picture, last=last, shown=shown, mode=card.mode, reach=reach,
            table=self._table, curve=self._curve,
        )  # fmt: skip
        card.emitted, card.emitted_before = card.emitted_before, card.emitted
        self._pass(
            "light", card.emitted, picture=card.outputs[1], before=shown, cells=cells, emitted=True, curve=self._curve
        )

    def _count(self, card: "_Textures", elapsed: float, begins: bool) -> None:
        first_ages, first_more, second_ages, second_more, follower = card.counted
        card.turn_counted()
        self._pass(
            "count", card.counted, emitted=card.emitted, before=card.emitted_before, follower=follower, mode=card.mode,
            first_ages=first_ages, first_more=first_more, second_ages=second_ages, second_more=second_more,
            begins=begins, elapsed=elapsed, slewed=SLEW * min(elapsed, rules.LONGEST_STEP), needed=rules.NEEDED,
            needed_above=rules.NEEDED_ABOVE, first_age=rules.FIRST_AGE, red_from=rules.RED_FROM,
            red_bright=rules.RED_BRIGHT, red_until=rules.RED_UNTIL, red_grey=rules.RED_GREY,
        )  # fmt: skip

    def _load(self, card: "_Textures", elapsed: float) -> None:
        """Find the windows in which the ceilings hold at the next refresh."""
        layout = card.layout
        first_ages, first_more, second_ages, second_more, follower = card.counted
        self._pass(
            "tiles", card.tiles, first_ages=first_ages, first_more=first_more, second_ages=second_ages,
            second_more=second_more, follower=follower, tile=layout.tile, horizon=rules.HORIZON,
        )  # fmt: skip
        for at, span in enumerate(layout.spans):
            across, down = layout.tile_columns - span.columns + 1, layout.tile_rows - span.rows + 1
            limit = {"most": span.most}
            self._pass(
                "windows", card.rows, parts=card.tiles, along=RIGHT, span=span.columns, decides=False,
                places=(across, layout.tile_rows), **limit,
            )  # fmt: skip
            self._pass(
                "windows", card.windows, parts=card.rows, along=UP, span=span.rows, decides=True, places=(across, down),
                **limit,
            )  # fmt: skip
            others, card.shut = card.shut, card.other_shut
            card.other_shut = others
            self._pass(
                "spread", card.rows, over=card.windows, along=RIGHT, span=span.columns, joins=False, others=others
            )
            self._pass("spread", card.shut, over=card.rows, along=UP, span=span.rows, joins=at > 0, others=others)
        self._sum(card, card.shut)
        before, card.long_run = card.long_run, card.other_long_run
        card.other_long_run = before
        self._pass(
            "long_run", card.long_run, total=card.total, before=before, elapsed=elapsed, remembered=WINDOW,
            most=rules.TIRED_MOST,
        )  # fmt: skip

    def _sum(self, card: "_Textures", parts: moderngl.Texture) -> None:
        """Into the one pixel of ``card.total``."""
        self._pass("sum", card.column, parts=parts, along=RIGHT)
        self._pass("sum", card.total, parts=card.column, along=UP)

    def _look(self, card: "_Textures", elapsed: float) -> None:
        self._since_look += elapsed
        if self._since_look < STATE_EVERY:
            return
        self._sum(card, card.tiles)
        figures = np.frombuffer(card.total.read(), np.float32)
        held = float(figures[3]) / (card.layout.rows * card.layout.columns)
        self.state, self._since_look = self.state.after(self._since_look, held), 0.0  # to the second, then

    def _pass(self, name: str, to: "moderngl.Texture | tuple[moderngl.Texture, ...]", **numbers: Any) -> None:
        """Run one shader over the whole of a texture, or of several of one size."""
        assert self._card is not None
        program, unit = self._programs[name], 0
        for key, value in numbers.items():
            if isinstance(value, moderngl.Texture):
                value.use(unit)
                program[key] = unit
                unit += 1
            elif key in program:  # a compiler leaves out what it does not need
                program[key] = value
        buffer = self._card.buffer(to if isinstance(to, tuple) else (to,))
        buffer.use()
        self._context.viewport = (0, 0, *buffer.size)
        self._triangles[name].render(moderngl.TRIANGLES, vertices=3)

    def _stretched(self, old: "_Textures", size: tuple[int, int]) -> "_Textures":
        """Another size, which is rare enough for a way through memory."""
        new = _Textures(self._context, size)
        layout = new.layout
        shown = cv2.resize(_rows(old.outputs[1], np.uint8)[::-1], size, interpolation=cv2.INTER_LINEAR)
        light = linear(np.asarray(shown))
        new.outputs[1].write(np.ascontiguousarray(shown[::-1]))
        new.outputs[0].write(np.ascontiguousarray(light[::-1]).astype(np.float32))
        cells_size = (layout.columns, layout.rows)
        cells = light if cells_size == size else np.asarray(cv2.resize(light, cells_size, interpolation=cv2.INTER_AREA))
        new.emitted.write(np.dstack([cells[..., :3], np.zeros(cells.shape[:2])]).astype(np.float32))
        for texture, known in zip(new.counted[:4], old.counted[:4], strict=True):
            values = _rows(known, np.float32)
            texture.write(np.ascontiguousarray(cv2.resize(values, cells_size, interpolation=cv2.INTER_NEAREST)))
        behind = np.zeros((layout.rows, layout.columns, 4), np.float32)
        seen = signals(np.ascontiguousarray(cells[..., :3], np.float32))
        behind[..., :2] = seen.followed.transpose(1, 2, 0)
        behind[..., 2] = rules.LEAST_STEP
        new.counted[4].write(behind)
        new.long_run.write(old.long_run.read())
        old.release()
        self._card = new
        self._load(new, 0.0)
        return new


class _Textures:
    """What the guard remembers, and the sheets it works on, for pictures of one ``size``."""

    def __init__(self, context: moderngl.Context, size: tuple[int, int]) -> None:
        self._context = context
        self.layout = layout = Layout(size)
        self._all: list[moderngl.Texture] = []
        self._buffers: dict[tuple[int, ...], moderngl.Framebuffer] = {}
        cells, tiles = (layout.columns, layout.rows), (layout.tile_columns, layout.tile_rows)
        self.wanted, self.emitted, self.emitted_before, self.mode = (self._texture(cells) for _ in range(4))
        self.counted, self._next_counted = (tuple(self._texture(cells) for _ in range(COUNTED)) for _ in range(2))
        self.ahead, self.tiles, self.rows, self.windows, self.shut, self.other_shut = (
            self._texture(tiles) for _ in range(6)
        )
        self.column = self._texture((1, layout.tile_rows))
        self.total, self.long_run, self.other_long_run = (self._texture((1, 1)) for _ in range(3))
        self.outputs, self._next_outputs = ((self._texture(size), self._texture(size, "f1")) for _ in range(2))

    def buffer(self, textures: tuple[moderngl.Texture, ...]) -> moderngl.Framebuffer:
        """A framebuffer that writes to these; made once."""
        key = tuple(texture.glo for texture in textures)
        if key not in self._buffers:
            self._buffers[key] = self._context.framebuffer(list(textures))
        return self._buffers[key]

    @property
    def shown_now(self) -> moderngl.Framebuffer:
        return self.buffer((self.outputs[1],))

    def turn_outputs(self) -> None:
        self.outputs, self._next_outputs = self._next_outputs, self.outputs

    def turn_counted(self) -> None:
        self.counted, self._next_counted = self._next_counted, self.counted

    def release(self) -> None:
        held: Any
        for held in (*self._buffers.values(), *self._all):
            held.release()

    def _texture(self, size: tuple[int, int], kind: str = "f4") -> moderngl.Texture:
        texture = self._context.texture(size, 4, bytes(size[0] * size[1] * (16 if kind == "f4" else 4)), dtype=kind)
        texture.filter = (moderngl.NEAREST, moderngl.NEAREST)
        self._all.append(texture)
        return texture


def _rows(texture: moderngl.Texture, kind: Any) -> NDArray[Any]:
    return np.frombuffer(texture.read(), kind).reshape(texture.height, texture.width, 4)
