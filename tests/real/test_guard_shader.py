"""The flash guard on a card: a real OpenGL context, held against the reference picture by picture."""

import re
from collections.abc import Iterator

import moderngl
import numpy as np
import pytest

from calibration.flashes import Analyser
from calibration.guard import Guard
from calibration.guard_rules import TIERS, Tier
from flash_material import (
    BLACK,
    EVERYWHERE,
    RED,
    WHITE,
    Reel,
    a_box,
    instants,
    noise,
    random_program,
    square_wave,
    stripes,
)
from installation.frame import Pixels
from installation.sinks.guarding import CardGuard
from installation.sinks.window import Window
from needs import needs_tool
from pictures import texture
from xvfb import a_display

pytestmark = pytest.mark.beside


@pytest.fixture(scope="module")
def context() -> Iterator[moderngl.Context]:
    """The context of a window that is never shown."""
    needs_tool("Xvfb")
    with a_display((640, 360)):
        window = Window(None, windowed=True, size=(64, 36))
        window.open(gl=True, hidden=True)
        try:
            yield moderngl.create_context(require=330)
        finally:
            window.close()


class OnCard:
    """`CardGuard` for pictures in memory."""

    def __init__(self, context: moderngl.Context, tier: Tier) -> None:
        self.context, self.guard = context, CardGuard(context, tier)

    def __call__(self, pixels: Pixels, elapsed: float) -> Pixels:
        height, width = pixels.shape[:2]
        picture = self.context.texture((width, height), 3, np.ascontiguousarray(pixels[::-1]).tobytes(), alignment=1)
        target = self.context.simple_framebuffer((width, height), 4, dtype="f1")
        self.guard.draw(picture, elapsed, target)
        raw = target.read(components=3, alignment=1)
        picture.release()
        target.release()
        return np.frombuffer(raw, np.uint8).reshape(height, width, 3)[::-1]


def far(one: Pixels, other: Pixels) -> int:
    return int(np.abs(one.astype(int) - other).max())


REELS = {
    "strobe": lambda: square_wave(instants(1.6, 24), (BLACK, WHITE), 4),
    "red strobe in a box": lambda: square_wave(
        instants(1.6, 24), (RED, (50, 60, 250)), 5, box=a_box(0.4), ground=BLACK
    ),
    "stripes": lambda: stripes(instants(1.4, 24, jitter=0.3), (BLACK, WHITE), 24, 130.0, angle=0.5, size=(250, 61)),
    "noise": lambda: noise(instants(1.4, 24), 7, size=(244, 40)),
    "a careless hand": lambda: random_program(instants(2.5, 24), 2),
    "another careless hand, odd size": lambda: random_program(instants(2.0, 30, jitter=0.4), 4, size=(131, 75)),
}


@pytest.mark.parametrize("tier", TIERS)
@pytest.mark.parametrize("name", REELS)
def test_the_shader_does_what_the_reference_does(name: str, tier: Tier, context: moderngl.Context) -> None:
    """On whatever flashes, picture by picture, the card shows the reference within 1 of 255 levels."""
    reference, card, last, held = Guard(tier), OnCard(context, tier), None, 0.0
    for pixels, time in REELS[name]():
        elapsed = 0.0 if last is None else time - last
        last = time
        assert far(card(pixels, elapsed), reference(pixels, elapsed)) <= 1, f"at {time:.3f} s"
        held = max(held, reference.state.held)
    assert held > 0.05
    card.guard.release()


@pytest.mark.parametrize("tier", TIERS)
def test_the_card_keeps_the_limits(tier: Tier, context: moderngl.Context) -> None:
    """What the card shows of a strobe is within the limits, which the strobe is not."""
    card, bare, guarded, last = OnCard(context, tier), Analyser((96, 54)), Analyser((96, 54)), None
    for pixels, time in square_wave(instants(2.5, 24), (BLACK, WHITE), 5, box=EVERYWHERE):
        bare.see(pixels, time)
        guarded.see(card(pixels, 0.0 if last is None else time - last), time)
        last = time
    assert bare.verdict().over
    assert not guarded.verdict().over
    assert card.guard.state.most > 0.5
    assert re.search("holds|held back", card.guard.state.status)
    card.guard.release()


def test_a_calm_picture_passes_to_the_bit(context: moderngl.Context) -> None:
    """A picture that drifts slowly comes out as it went in, from the first one on, at odd sizes too."""
    card, sheet = OnCard(context, "strict"), texture(3, (331, 83))
    sheet[20:60, 30:190] = 230, 8, 8
    for at in range(12):
        moved = np.ascontiguousarray(sheet[:, at : at + 301])
        np.testing.assert_array_equal(card(moved, 1 / 60), moved)
        np.testing.assert_array_equal(card.guard.shown(), moved)
    card.guard.release()


def test_another_size_is_no_flash(context: moderngl.Context) -> None:
    """When the window is resized, the card goes on from its last output as the reference does."""
    reference, card = Guard(), OnCard(context, "strict")
    reels: list[Reel] = [
        square_wave(instants(0.6, 30), (BLACK, WHITE), 3, size=size) for size in ((96, 54), (140, 61), (250, 40))
    ]
    for reel in reels:
        for pixels, _ in reel:
            assert far(card(pixels, 1 / 30), reference(pixels, 1 / 30)) <= 1
    card.guard.release()
