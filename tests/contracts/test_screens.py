"""What every screen promises, whatever it draws with: OpenGL, plain SDL, a browser or a ledger."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from typing import Any

import numpy as np
import pytest

from fakes import Leaps
from installation.clock import HandClock
from installation.compose import AS_IT_COMES, Placing, compose
from installation.knobs import Look
from installation.page import Page
from installation.parts import Screen
from installation.sinks.ledger import Ledger
from installation.sinks.plain import PlainScreen
from installation.sinks.screen import GLScreen
from installation.veil import Veil
from invented import noise_frame, smooth_frame, soft_veil, some_look
from needs import needs_tool
from xvfb import a_display

SIZE = (160, 120)
STAGE: dict[str, Any] = {"clock": Leaps(), "guard": "performance"}
Showing = GLScreen | PlainScreen | Page | Ledger
MAKERS: dict[str, Callable[[tuple[int, int], Placing], Showing]] = {
    "opengl": lambda size, placing: GLScreen(windowed=True, size=size, placing=placing, **STAGE),
    "plain": lambda size, placing: PlainScreen(windowed=True, size=size, placing=placing, **STAGE),
    "page": lambda size, placing: Page(0, size=size, placing=placing, **STAGE),
    "ledger": lambda size, placing: Ledger(size, placing=placing, keep=8),
}


@pytest.fixture(scope="module", autouse=True)
def display() -> Iterator[None]:
    needs_tool("Xvfb")
    with a_display((640, 480)):
        yield


@pytest.fixture(params=MAKERS)
def make(request: pytest.FixtureRequest) -> Callable[..., Showing]:
    def made(size: tuple[int, int] = SIZE, placing: Placing = AS_IT_COMES) -> Showing:
        return MAKERS[request.param](size, placing)

    return made


def far(one: np.ndarray, other: np.ndarray) -> int:
    """The greatest difference of any pixel, in levels of 255."""
    assert one.shape == other.shape
    return int(np.abs(one.astype(int) - other).max())


def test_it_is_a_screen(make: Callable[..., Showing]) -> None:
    """Every screen fits where the show asks for one."""
    screen: Screen = make()
    assert isinstance(screen, AbstractContextManager)
    with screen:
        assert screen.name
        assert not screen.closed


def test_the_first_refresh_is_the_picture(make: Callable[..., Showing]) -> None:
    """Doors open on the picture: the very first refresh shows the frame, not black."""
    frame = noise_frame(1, SIZE)
    with make() as screen:
        screen.show(frame, Veil(), Look(), [])
        np.testing.assert_array_equal(screen.picture(), frame.pixels)


def test_no_intensity_is_the_camera_to_the_bit(make: Callable[..., Showing]) -> None:
    """With the dream turned down the wall is the camera, to the bit; also turned and mirrored, also at odd sizes."""
    for size, placing in ((SIZE, Placing()), ((121, 93), Placing()), ((93, 121), Placing(mirror=True, rotate=90))):
        frame = noise_frame(2, placing.upright(size))
        with make(size, placing) as screen:
            screen.show(frame, soft_veil(1), Look(intensity=0.0), [])
            wanted = compose(frame, Veil(), Look(), placing=placing)
            np.testing.assert_array_equal(screen.picture(), wanted)


def test_it_shows_the_reference(make: Callable[..., Showing]) -> None:
    """All screens show one picture, within 2 of 255 levels of the reference."""
    frame, veil, look = smooth_frame(3, (96, 72)), soft_veil(3), some_look(3)
    for placing in (Placing(), Placing(mirror=True, rotate=270, cover=False)):
        with make(SIZE, placing) as screen:
            screen.show(frame, veil, look, [])
            assert far(screen.picture(), compose(frame, veil, look, SIZE, placing)) <= 2


def test_nothing_new_is_no_reason_to_go_dark(make: Callable[..., Showing]) -> None:
    """While camera and dream bring nothing new, the picture stays."""
    frame, veil = smooth_frame(4, SIZE), soft_veil(4)
    with make() as screen:
        for _ in range(4):
            screen.show(frame, veil, Look(), [])
            assert far(screen.picture(), compose(frame, veil, Look(), SIZE)) <= 2


def test_switches_act_within_one_refresh(make: Callable[..., Showing]) -> None:
    """On a stage blackout is black, and bypass the bare camera, at the next refresh; and so is their end."""
    frame, veil = smooth_frame(5, SIZE), soft_veil(5)
    with make() as screen:
        for look in (Look(), Look(blackout=True), Look(), Look(bypass=True), Look(blackout=True, bypass=True)):
            screen.show(frame, veil, look, ["Dreamwall", "camera\t30 a second"] if look.blackout else [])
            shown = screen.picture()
            if look.blackout:
                assert not shown.any()
            elif look.bypass:
                np.testing.assert_array_equal(shown, frame.pixels)
            else:
                assert far(shown, compose(frame, veil, look, SIZE)) <= 2


def test_each_refresh_shows_its_own_frame_and_dream(make: Callable[..., Showing]) -> None:
    """New frames, dreams that take turns as older and newer, and cameras of another size all show at once."""
    veils = [soft_veil(seed) for seed in range(3)]
    older_newer = [Veil((veils[at].layers[0], veils[at + 1].layers[0])) for at in range(2)]
    dreams = [Veil((veils[0].layers[0],)), *older_newer, Veil(older_newer[1].layers[::-1]), Veil(), veils[2]]
    sizes = [SIZE, SIZE, (97, 71), SIZE, (64, 48), (161, 121)]
    with make() as screen:
        for seed, (veil, size) in enumerate(zip(dreams, sizes, strict=True)):
            frame = smooth_frame(seed, size)
            screen.show(frame, veil, Look(), [])
            assert far(screen.picture(), compose(frame, veil, Look(), SIZE)) <= 2


def test_a_newer_residual_in_an_old_place_is_seen(make: Callable[..., Showing]) -> None:
    """A dream that changes while its flow stays, or a flow that changes while its dream stays, shows at once."""
    frame, one, other = smooth_frame(1, SIZE), soft_veil(7, layers=1).layers[0], soft_veil(8, layers=1).layers[0]
    kinds = type(one)
    with make() as screen:
        for layer in (one, kinds(other.field, one.grid, 0.7), kinds(other.field, other.grid, 0.7)):
            screen.show(frame, Veil((layer,)), Look(), [])
            assert far(screen.picture(), compose(frame, Veil((layer,)), Look(), SIZE)) <= 2


def test_a_broken_number_leaves_no_hole(make: Callable[..., Showing]) -> None:
    """Where the network gave no number there is no dream, and the camera shows through."""
    frame, layer = noise_frame(8, SIZE), soft_veil(8, layers=1).layers[0]
    broken = type(layer)(np.full_like(layer.field, np.nan), layer.grid, 1.0)
    with make() as screen:
        screen.show(frame, Veil((broken,)), Look(), [])
        np.testing.assert_array_equal(screen.picture(), frame.pixels)


def test_overlays_come_and_go(make: Callable[..., Showing]) -> None:
    """The operator's figures may cover the picture while he asks for them, and leave nothing behind."""
    frame = noise_frame(6, SIZE)
    with make() as screen:
        screen.show(
            frame, Veil(), Look(), ["Dreamwall", "camera\t30.0 a second", "", "linger\t2.5 s\tTime", "one text"]
        )
        screen.show(frame, Veil(), Look(), [])
        np.testing.assert_array_equal(screen.picture(), frame.pixels)


def test_a_life(make: Callable[..., Showing]) -> None:
    """Entering twice, leaving twice and opening again are harmless; a screen says in one line what it is."""
    screen, frame = make(), noise_frame(7, SIZE)
    for _ in range(2):
        with screen, screen:
            screen.show(frame, Veil(), Look(), [])
            assert "\n" not in screen.status
            assert len(screen.status) > 5
            np.testing.assert_array_equal(screen.picture(), frame.pixels)
        screen.__exit__(None, None, None)


@pytest.mark.parametrize("kind", [GLScreen, PlainScreen])
def test_in_a_gallery_a_blackout_is_a_fade(kind: type[GLScreen | PlainScreen]) -> None:
    """There blackout begins at the next refresh, is black two seconds later, and the screen says what it holds back."""
    clock, frame = HandClock(), smooth_frame(9, SIZE)
    with kind(windowed=True, size=SIZE, clock=clock) as screen:
        assert screen.guard == "flash guard strict"
        screen.show(frame, Veil(), Look(), [])
        before, held = screen.picture(), False
        for _ in range(42):
            clock.sleep(0.05)
            screen.show(frame, Veil(), Look(blackout=True), [])
            shown = screen.picture()
            assert not shown.any() or shown.mean() < before.mean()
            assert shown.any() or clock.now() > 0.5
            before, held = shown, held or "holds" in screen.guard
        assert not before.any()
        assert held
