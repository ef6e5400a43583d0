"""A real window on a real X server, judged by screenshots taken through X."""

import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from fakes import Leaps, a_desk
from installation.compose import compose
from installation.control.keys import Keys
from installation.control.overlays import help_lines
from installation.errors import SinkError
from installation.frame import Frame
from installation.knobs import Look
from installation.sinks.choose import open_screen
from installation.sinks.plain import PlainScreen
from installation.sinks.screen import GLScreen
from installation.sinks.window import choose_display, list_displays
from installation.veil import Carried, Veil
from invented import noise_frame, rough_veil, smooth_frame, soft_veil, some_look, some_placing
from needs import needs_tool
from xvfb import Xvfb, a_display

pytestmark = pytest.mark.beside
SIZE = (640, 360)
KINDS = [GLScreen, PlainScreen]
STAGE: dict[str, Any] = {"clock": Leaps(), "guard": "performance"}


@pytest.fixture(scope="module")
def wall() -> Iterator[Xvfb]:
    needs_tool("Xvfb", "import")
    with a_display(SIZE) as server:
        yield server


def far(one: np.ndarray, other: np.ndarray) -> int:
    """The greatest difference of any pixel, in levels of 255."""
    assert one.shape == other.shape
    return int(np.abs(one.astype(int) - other).max())


@pytest.mark.parametrize("kind", KINDS)
def test_what_hangs_on_the_wall(kind: type[GLScreen | PlainScreen], wall: Xvfb) -> None:
    """Filling the display, what people see is the reference within 2 of 255, the right way up, whatever the placing."""
    frame, veil = smooth_frame(1, (320, 240)), soft_veil(1, (160, 120))
    with kind(**STAGE) as screen:
        for seed in (0, 2, 5, 11):
            screen.placing = some_placing(seed)
            screen.show(frame, veil, some_look(seed), [])
            assert far(wall.screenshot(), compose(frame, veil, some_look(seed), SIZE, screen.placing)) <= 2


@pytest.mark.parametrize("kind", KINDS)
def test_the_camera_reaches_the_wall_to_the_bit(kind: type[GLScreen | PlainScreen], wall: Xvfb) -> None:
    """With the dream at zero and sizes that fit, every pixel on the display is the camera's, to the bit."""
    frame = noise_frame(2, SIZE)
    with kind() as screen:
        screen.show(frame, soft_veil(2), Look(intensity=0.0), [])
        np.testing.assert_array_equal(wall.screenshot(), frame.pixels)


def test_shader_and_reference_agree(wall: Xvfb) -> None:
    """Random cameras, dreams, flows, looks and placings: the shader is within 2 of 255 of the reference."""
    with GLScreen(**STAGE) as screen:
        for seed in range(24):
            rng = np.random.default_rng(seed)
            camera = (int(rng.integers(40, 400)), int(rng.integers(40, 400)))
            frame, veil, look = smooth_frame(seed, camera), soft_veil(seed, (80, 60), 1 + seed % 2), some_look(seed)
            screen.placing = some_placing(seed)
            screen.show(frame, veil, look, [])
            assert far(screen.picture(), compose(frame, veil, look, SIZE, screen.placing)) <= 2, f"seed {seed}"


def test_a_carried_dream_moves_the_way_flow_says(wall: Xvfb) -> None:
    """A rough dream displaced by whole pixels lands on the same pixels in the shader as in the reference."""
    frame = Frame(np.full((60, 80, 3), 128, np.uint8), 0, 0.0)
    layer = rough_veil(3, (80, 60)).layers[0]
    grid = layer.grid.copy()
    grid[..., 0], grid[..., 1] = 8 / 80, -4 / 60
    veil = Veil((Carried(layer.field, grid, 1.0),))
    with GLScreen() as screen:
        screen.show(frame, veil, Look(), [])
        inside = np.s_[30:-10, 10:-70]  # at its edges a picture has no dream to carry in
        assert far(screen.picture()[inside], compose(frame, veil, Look(), SIZE)[inside]) <= 3
        unmoved = compose(frame, Veil((Carried(layer.field, layer.grid, 1.0),)), Look(), SIZE)
        assert far(screen.picture(), unmoved) > 60


@pytest.mark.parametrize("kind", KINDS)
def test_the_overlay_is_legible(kind: type[GLScreen | PlainScreen], wall: Xvfb) -> None:
    """On a white wall the figures stand light on a dark panel, at the top left, and nowhere else."""
    white = Frame(np.full((360, 640, 3), 255, np.uint8), 0, 0.0)
    lines = ["Dreamwall", "camera\t30.0 a second", "dream\t8.2 a second"]
    with kind() as screen:
        screen.show(white, Veil(), Look(), lines)
        shown = wall.screenshot()
        dark = (shown < 90).all(axis=2)
        rows, columns = np.where(dark)
        assert rows.min() < 20
        assert columns.min() < 20
        assert 40 < rows.max() < 200
        assert 80 < columns.max() < 400
        panel = shown[rows.min() : rows.max(), columns.min() : columns.max()]
        assert (panel > 200).all(axis=2).sum() > 100  # letters
        assert dark[rows.min() : rows.max(), columns.min() : columns.max()].mean() > 0.6
        assert (shown[:, columns.max() + 3 :] == 255).all()
        np.testing.assert_array_equal(shown, screen.picture())


def test_both_screens_lay_the_same_overlay(wall: Xvfb) -> None:
    """The overlay looks the same with and without OpenGL."""
    pictures = []
    for kind in KINDS:
        with kind() as screen:
            screen.show(smooth_frame(4, SIZE), Veil(), Look(), help_lines(Keys(), Look()))
            pictures.append(screen.picture())
    assert far(*pictures) <= 2


@pytest.mark.parametrize("kind", KINDS)
def test_no_black_refresh(kind: type[GLScreen | PlainScreen], wall: Xvfb) -> None:
    """Watched from outside while frames, dreams and overlays change, the wall is never black, not even in part."""
    rng = np.random.default_rng(5)
    bright = [Frame(rng.integers(120, 256, (90, 160, 3), np.uint8), at, at / 30) for at in range(4)]
    shots = []
    with kind() as screen:
        for at in range(45):
            veil = Veil() if at % 3 == 0 else soft_veil(at, (32, 24), 1 + at % 2)
            screen.show(bright[at % 4], veil, Look(intensity=0.2), [])
            if at % 9 == 0:
                watcher = subprocess.Popen(
                    ["import", "-display", wall.name, "-window", "root", "rgb:-"], stdout=subprocess.PIPE
                )
                for _ in range(6):
                    screen.show(bright[(at + 1) % 4], veil, Look(intensity=0.2), [])
                    time.sleep(0.01)
                shots.append(np.frombuffer(watcher.communicate(timeout=30)[0], np.uint8))
    assert len(shots) == 5
    assert all(shot.size >= SIZE[0] * SIZE[1] * 3 and shot.min() > 20 for shot in shots)


@pytest.mark.parametrize("kind", KINDS)
def test_fullscreen_and_back(kind: type[GLScreen | PlainScreen], wall: Xvfb) -> None:
    """F takes the whole display and gives it back, and the picture goes on in either."""
    frame = smooth_frame(6, (320, 180))
    with kind(windowed=True, size=(320, 180)) as screen:
        for size in ((320, 180), SIZE, (320, 180)):
            for _ in range(3):
                screen.show(frame, Veil(), Look(), [])
            assert screen.size == size
            assert far(screen.picture(), compose(frame, Veil(), Look(), size)) <= 2
            screen.toggle_fullscreen()


def test_a_real_keyboard(wall: Xvfb) -> None:
    """Keys pressed on the display reach the board, and the wall goes dark and comes back."""
    needs_tool("xdotool")
    frame, keys, desk = noise_frame(7, SIZE), Keys(), a_desk()
    with PlainScreen(**STAGE) as screen, keys:

        def refresh(key: str) -> np.ndarray:
            subprocess.run(["xdotool", "key", key], check=True)
            deadline = time.monotonic() + 5
            before = (desk.board.look(0.0), keys.overlay)
            while (desk.board.look(0.0), keys.overlay) == before and time.monotonic() < deadline:
                keys.reach(desk)
                time.sleep(0.01)
            screen.show(frame, Veil(), desk.board.look(0.0), [])
            return wall.screenshot()

        screen.show(frame, Veil(), Look(), [])
        keys.reach(desk)
        assert not refresh("b").any()
        np.testing.assert_array_equal(refresh("b"), frame.pixels)
        refresh("F1")
        assert keys.overlay == "help"


def test_displays_are_named(wall: Xvfb) -> None:
    """`devices` lists each display with its number, name and resolution; a wrong name says which there are."""
    (only,) = list_displays()
    assert (only.index, only.size) == (0, SIZE)
    assert only.name
    assert choose_display("0") == choose_display(None) == choose_display(only.name[:4].upper()) == only
    with pytest.raises(SinkError, match=r"no display 'projector 9'; there is 0: .*640x360"):
        open_screen("projector 9")


def test_software_opengl_is_not_worth_it(wall: Xvfb) -> None:
    """Without a graphics card the plain screen is taken, and its status says why; insisting helps."""
    with open_screen(windowed=True, size=(160, 120)) as screen:
        assert isinstance(screen, PlainScreen)
        assert "llvmpipe" in screen.status
        screen.show(noise_frame(1, (160, 120)), Veil(), Look(), [])
    with open_screen(windowed=True, size=(160, 120), renderer="opengl") as screen:
        assert isinstance(screen, GLScreen)
        assert screen.status.startswith("OpenGL ")
    with pytest.raises(SinkError, match="vulkan"):
        open_screen(renderer="vulkan")


@pytest.mark.parametrize("kind", KINDS)
def test_closing_the_window_is_noticed(kind: type[GLScreen | PlainScreen], wall: Xvfb) -> None:
    """Once a person closed the window the screen says so."""
    from installation.sdl import pygame

    with kind(windowed=True, size=(64, 48)) as screen:
        assert not screen.closed
        pygame.event.post(pygame.event.Event(pygame.QUIT))
        screen.show(noise_frame(1), Veil(), Look(), [])
        assert screen.closed


@pytest.mark.parametrize("module", ["sinks.screen", "sinks.film", "sinks.keeper", "page", "control.midi", "rig"])
def test_importing_opens_nothing(module: str) -> None:
    """Importing the show opens no window or port, needs no display and starts no thread; nor does it bring torch."""
    code = (
        f"import installation.{module}, installation.control.keys, sys, threading, pygame; "
        "assert not pygame.display.get_init(); assert threading.active_count() == 1; assert 'torch' not in sys.modules"
    )
    root = Path(__file__).parents[2]
    subprocess.run([sys.executable, "-c", code], check=True, cwd=root, env={"PATH": "/usr/bin:/bin"})


def test_without_a_display_one_line_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    """On a machine without a display every screen is refused with one line, so that the page can step in."""
    for name in ("DISPLAY", "WAYLAND_DISPLAY", "SDL_VIDEODRIVER"):
        monkeypatch.delenv(name, raising=False)
    for attempt in (list_displays, open_screen, GLScreen().__enter__, PlainScreen().__enter__):
        with pytest.raises(SinkError, match="no display") as caught:
            attempt()  # type: ignore[operator]
        assert "\n" not in str(caught.value)
    monkeypatch.setenv("SDL_VIDEODRIVER", "dummy")
    with pytest.raises(SinkError, match=r"no display to open a window on .*dummy"):
        open_screen()
