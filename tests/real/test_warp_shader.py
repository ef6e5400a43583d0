"""The warp in real OpenGL, in a real window, against its reference."""

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import cv2
import moderngl
import numpy as np
import pytest

from calibration.cards import CARDS, card
from calibration.geometry import Geometry, laid
from calibration.grid import Grid
from calibration.light import Mask, SoftEdges
from calibration.profile import Profile
from calibration.warp import lookup
from installation.control.pinning import Pinning, take
from installation.frame import Pixels
from installation.sdl import pygame
from installation.sinks.warping import PlainWarp, WarpPass
from installation.sinks.window import Window
from invented import noise_frame, smooth_frame
from needs import needs_tool
from xvfb import Xvfb, a_display

pytestmark = pytest.mark.beside
SIZE = (400, 224)
SLANTED = ((21.5, 12.0), (380.0, 3.3), (393.0, 205.0), (8.0, 219.5))
DOOR = Mask(((190.0, 120.0), (240.0, 125.0), (245.0, 224.0), (185.0, 224.0)), feather=14.0)
GRID = Grid.of(np.random.default_rng(1).uniform(-9, 9, (4, 5, 2)))
PLAIN = Profile.plain("wall", SIZE)
PROFILES = {
    "plain": PLAIN,
    "pinned": replace(PLAIN, corners=SLANTED),
    "bent": replace(PLAIN, corners=SLANTED, grid=GRID),
    "soft": replace(PLAIN, edges=SoftEdges(left=60.0, top=25.0)),
    "all of it": replace(
        PLAIN, corners=SLANTED, grid=GRID, edges=SoftEdges(right=90.0), masks=(DOOR,), rotate=90, mirror=True
    ),
    "hung": replace(PLAIN, corners=SLANTED, rotate=180),
}


@pytest.fixture(scope="module")
def wall() -> Iterator[Xvfb]:
    needs_tool("Xvfb", "import")
    with a_display(SIZE) as server:
        yield server


class Hung:
    """A window that fills the display, with the pass and nothing else."""

    def __init__(self, window: Window, warp: WarpPass) -> None:
        self.window, self.warp = window, warp

    def show(self, picture: Pixels, geometry: Geometry) -> None:
        """As the screen does it: the picture is drawn on the canvas, bottom row first, and warped from there."""
        self.warp.load(geometry)
        if self.warp.needs_picture:
            alpha = np.full((*picture.shape[:2], 1), 255, np.uint8)
            self.warp.canvas.color_attachments[0].write(np.ascontiguousarray(np.dstack([picture, alpha])[::-1]))
        self.warp.draw(self.warp.context.screen)
        assert self.warp.context.error == "GL_NO_ERROR"
        self.window.flip()


@contextmanager
def hung() -> Iterator[Hung]:
    window = Window(None, windowed=False, size=SIZE)
    window.open(gl=True)
    context = moderngl.create_context(require=330)
    context.disable_direct(0x0BD0)
    warp = WarpPass(context)
    try:
        yield Hung(window, warp)
    finally:
        warp.release()
        context.release()
        window.close()


def far(one: np.ndarray, other: np.ndarray) -> int:
    assert one.shape == other.shape
    return int(np.abs(one.astype(int) - other).max())


def save(name: str, shown: Pixels) -> None:
    """A copy to look at, where DREAMWALL_SCREENSHOTS names a folder."""
    folder = os.environ.get("DREAMWALL_SCREENSHOTS")
    if folder:
        cv2.imwrite(str(Path(folder) / f"{name}.png"), shown[..., ::-1])


def test_the_wall_shows_the_reference(wall: Xvfb) -> None:
    """Every kind of profile, on soft pictures and on the roughest: the wall is within 1 of 255 of the reference."""
    with hung() as shown:
        for name, profile in PROFILES.items():
            for picture in (smooth_frame(3, profile.picture_size), noise_frame(4, profile.picture_size)):
                geometry = Geometry(profile)
                shown.show(picture.pixels, geometry)
                assert far(wall.screenshot(), laid(picture.pixels, geometry)) <= 1, name


def test_nothing_to_warp_is_the_picture_to_the_bit(wall: Xvfb) -> None:
    """A profile that changes nothing lets every bit through, should the pass be drawn although it need not be."""
    picture = noise_frame(5, SIZE).pixels
    with hung() as shown:
        shown.show(picture, Geometry(PLAIN))
        np.testing.assert_array_equal(wall.screenshot(), picture)


def test_a_new_profile_shows_at_once(wall: Xvfb) -> None:
    """From refresh to refresh profiles, cards, overlays and sizes of the picture come and go, and none stays behind."""
    picture = smooth_frame(6, SIZE).pixels
    pinning = Pinning(lambda profile: profile)
    pinning.open(PROFILES["pinned"])
    with_card = pinning.geometry()
    pinning.press("g")
    pinning.press("right", shift=True)
    sequence = [Geometry(PLAIN), with_card, Geometry(PROFILES["bent"]), pinning.geometry(), Geometry(PLAIN), with_card]
    turned = PROFILES["all of it"]
    sequence += [Geometry(turned, card("grid", turned.picture_size)), Geometry(PROFILES["hung"]), Geometry(PLAIN)]
    with hung() as shown:
        for step, geometry in enumerate(sequence):
            shown.show(picture, geometry)
            assert far(wall.screenshot(), laid(picture, geometry)) <= 1, f"step {step}"


def test_pinning_is_seen(wall: Xvfb) -> None:
    """Handles, outlines, magnifier and help lie over the wall as the reference says, on every card and on the show."""
    picture = smooth_frame(7, SIZE).pixels
    pinning = Pinning(lambda profile: profile)
    pinning.open(replace(PROFILES["bent"], masks=(DOOR,)))
    with hung() as shown:
        for step, mode in zip(range(len(CARDS) + 1), "  g x e", strict=False):
            pinning.press(mode)
            pinning.let_go(mode)
            pinning.press("tab")
            pinning.let_go("tab")
            shown.show(picture, pinning.geometry())
            screenshot = wall.screenshot()
            save(f"pinning_{step}_{pinning.mode}_{pinning.card}", screenshot)
            assert far(screenshot, laid(picture, pinning.geometry())) <= 1, f"{pinning.card} {pinning.mode}"
            pinning.press("c")
            pinning.let_go("c")


def test_the_plain_screen_warps_alike(wall: Xvfb) -> None:
    """Without OpenGL the wall is warped to the same picture, within 2 of 255 on pictures without sharp edges."""
    warp = PlainWarp()
    for profile in PROFILES.values():
        picture = smooth_frame(8, profile.picture_size).pixels
        shown = warp(picture, Geometry(profile))
        made = lookup(profile)
        assert far(shown, laid(picture, Geometry(profile), made)) <= 2
        assert not shown[made.light == 0].any()
        chart = card("circles", profile.picture_size)
        np.testing.assert_array_equal(warp(picture, Geometry(profile, chart)), warp(chart, Geometry(profile)))
    np.testing.assert_array_equal(warp(noise_frame(9, SIZE).pixels, Geometry(PLAIN)), noise_frame(9, SIZE).pixels)


def test_a_real_hand(wall: Xvfb) -> None:
    """With a real keyboard and a real mouse before a real window: a corner is chosen, nudged, dragged, and saved."""
    needs_tool("xdotool")
    kept: list[Profile] = []
    pinning = Pinning(lambda profile: kept.append(profile) or profile)
    pinning.open(PLAIN)
    picture = smooth_frame(10, SIZE).pixels

    def reach(*commands: str) -> None:
        """Do it on the display, and wait until the pins have heard of all of it."""
        before = (pinning.is_open and pinning.profile, pinning.active)
        for command in commands:
            subprocess.run(["xdotool", *command.split()], check=True, timeout=30)
        for _ in range(500):
            for event in pygame.event.get():
                take(pinning, event)
            if (pinning.is_open and pinning.profile, pinning.active) != before:
                break
            pygame.time.wait(10)

    with hung() as shown:
        shown.show(picture, pinning.geometry())
        reach("key Tab")
        reach("key shift+Left")
        reach("key Down")
        shown.show(picture, pinning.geometry())
        assert far(wall.screenshot(), laid(picture, pinning.geometry())) <= 1
        assert pinning.profile.corners[1] == (390.0, 1.0)
        reach("mousemove 20 200", "mousedown 1", "mousemove 60 160", "mouseup 1")
        for _ in range(100):  # the drag comes in several events
            for event in pygame.event.get():
                take(pinning, event)
            if pinning.profile.corners[3] == (40.0, 184.0):
                break
            pygame.time.wait(10)
        assert pinning.profile.corners[3] == (40.0, 184.0)
        shown.show(picture, pinning.geometry())
        save("a_real_hand", wall.screenshot())
        reach("key Return")
    assert not pinning.is_open and kept[0].corners[1] == (390.0, 1.0) and kept[0].corners[3] == (40.0, 184.0)


def test_a_life(wall: Xvfb) -> None:
    """Releasing twice is harmless, and what was not loaded cannot be drawn."""
    with hung() as shown:
        with pytest.raises(ValueError, match="no geometry"):
            shown.warp.draw(shown.warp.context.screen)
        shown.warp.load(Geometry(PLAIN))
        with pytest.raises(ValueError, match="nothing was drawn"):
            shown.warp.draw(shown.warp.context.screen)
        shown.show(noise_frame(1, SIZE).pixels, Geometry(PLAIN))
        shown.warp.release()
