"""Pinning by hand: fed with keys and the mouse, without a window."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from calibration.cards import CARDS
from calibration.corners import whole
from calibration.grid import Grid
from calibration.profile import Profile, ProfileError
from installation.control import pins
from installation.control.pinning import CODES, FAR, Pinning, take
from installation.control.pins_overlay import drawn, magnifier_at
from installation.sdl import pygame

SIZE = (320, 180)
PLAIN = Profile.plain("wall", SIZE)


class Wall:
    """A pinning that is open, and what it has kept."""

    def __init__(self, profile: Profile = PLAIN, fails: Exception | None = None) -> None:
        self.kept: list[Profile] = []
        self.fails = fails
        self.said: list[str] = []
        self.pinning = Pinning(self.save, self.said.append)
        self.pinning.open(profile)

    def save(self, profile: Profile) -> Profile:
        if self.fails is not None:
            raise self.fails
        self.kept.append(profile)
        return profile

    def press(self, *keys: str, shift: bool = False, ctrl: bool = False) -> Profile | None:
        for key in keys:
            self.pinning.press(key, shift=shift, ctrl=ctrl)
            self.pinning.let_go(key)
        return self.pinning.profile if self.pinning.is_open else None


def corner(profile: Profile | None, number: int) -> tuple[float, float]:
    assert profile is not None
    return profile.corners[number]


def test_corners_go_where_arrows_say() -> None:
    """Arrows move the active corner by one pixel, with Shift by ten; Tab goes to the next, Shift+Tab back."""
    wall = Wall()
    assert corner(wall.press("right", "down", "down"), 0) == (1, 2)
    assert corner(wall.press("down", shift=True), 0) == (1, 2 + FAR)
    wall.press("tab")
    assert corner(wall.press("left", "down"), 1) == (319, 1)
    wall.press("tab", "tab", shift=True)
    assert wall.pinning.active == 3
    assert corner(wall.press("up"), 3) == (0, 179)
    assert corner(wall.press("up"), 2) == (320, 180)


@pytest.mark.parametrize(
    ("rotate", "mirror", "moved"),
    [
        (0, False, (1, 0)),
        (90, False, (0, 1)),
        (180, False, (-1, 0)),
        (270, False, (0, -1)),
        (0, True, (-1, 0)),
        (90, True, (0, 1)),
    ],
)
def test_right_is_right_on_the_wall(rotate: int, mirror: bool, moved: tuple[int, int]) -> None:
    """The arrow to the right goes to the right on the wall, also where a projector hangs turned or is behind it."""
    wall = Wall(replace(PLAIN, rotate=rotate, mirror=mirror, corners=((20, 20), (300, 20), (300, 160), (20, 160))))
    x, y = corner(wall.press("right"), 0)
    assert (x - 20, y - 20) == moved


def test_the_mouse_takes_the_nearest() -> None:
    """A drag moves the nearest corner by as much as the mouse moves, without a jump; a drag is one undo."""
    wall = Wall()
    pinning = wall.pinning
    assert pinning.mouse_down(300, 30)
    assert pinning.active == 1 and pinning.profile == PLAIN
    for at in range(1, 11):
        pinning.mouse_move(300 - at, 30 + 2 * at)
    pinning.mouse_up()
    assert corner(pinning.profile, 1) == (310, 20)
    assert not pinning.mouse_move(0, 0)
    assert wall.press("z", ctrl=True) == PLAIN
    assert corner(wall.press("y", ctrl=True), 1) == (310, 20)


def test_nothing_is_ever_folded() -> None:
    """Whatever is pulled where, the picture stays whole: what would fold it is told and not done."""
    wall = Wall()
    pinning = wall.pinning
    for _ in range(200):
        wall.press("right", "down", shift=True)
        assert pinning.profile.problems() == []
    assert "corner" in pinning.message
    pinning.mouse_down(*pinning.profile.corners[0])
    pinning.mouse_move(900, 900)
    assert pinning.message and pinning.profile.problems() == []
    pinning.mouse_move(5, 5)
    assert not pinning.message
    pinning.mouse_up()
    wall.press("g", "tab", "tab")
    for _ in range(40):
        wall.press("right", shift=True)
    assert "folds" in pinning.message and pinning.profile.problems() == []


def test_grid_mode() -> None:
    """G takes hold of the grid's points, each in turn; pulled back to where it was, there is no grid any more."""
    wall = Wall()
    wall.press("g")
    assert len(pins.handles(wall.pinning.profile, "grid")) == 25
    wall.press(*["tab"] * 7)
    found = wall.press("right", "right", "down")
    assert found is not None and found.grid == Grid.flat().moved(1, 2, (2.0, 1.0))
    np.testing.assert_allclose(pins.handles(found, "grid")[7], (160 + 2, 45 + 1))
    back = wall.press("left", "left", "up")
    assert back == PLAIN and back is not None and back.grid is None
    wall.press("g")
    assert wall.pinning.mode == "corners"


def test_corners_carry_the_grid() -> None:
    """Handles stand where the picture's corners are seen, also once a grid has pulled them."""
    wall = Wall(replace(PLAIN, grid=Grid.flat().moved(0, 0, (6.0, 4.0))))
    np.testing.assert_allclose(pins.handles(wall.pinning.profile, "corners")[0], (6, 4))
    moved = wall.press("right")
    assert moved is not None
    np.testing.assert_allclose(pins.handles(moved, "corners")[0], (7, 4))


def test_masks() -> None:
    """N makes a mask, its points are pulled like corners, Ins and Del add and take them, PgUp feathers, H turns."""
    wall = Wall()
    wall.press("x")
    assert "N makes one" in wall.pinning.message
    for key in ("left", "delete", "h", "pageup", "insert"):
        assert wall.press(key) == PLAIN and "N makes one" in wall.pinning.message
    wall.press("n")
    found = wall.press("up", shift=True)
    assert found is not None and len(found.masks) == 1 and found.masks[0].points[0][1] == 180 / 2 - 18 - FAR
    assert not found.masks[0].keep and wall.press("h").masks[0].keep  # type: ignore[union-attr]
    before = found.masks[0].feather
    assert wall.press("pageup", shift=True).masks[0].feather == before + FAR  # type: ignore[union-attr]
    assert len(wall.press("insert").masks[0].points) == 5  # type: ignore[union-attr]
    wall.press("n")
    assert wall.pinning.active == 5
    gone = wall.press(*["delete"] * 2)
    assert gone is not None and len(gone.masks) == 1
    assert wall.press(*["delete"] * 3) == PLAIN
    assert len(wall.press(*["z"] * 3, ctrl=True).masks) == 1  # type: ignore[union-attr]


def test_soft_edges() -> None:
    """E takes hold of the four ramps: inwards is wider, and no ramp is narrower than nothing."""
    wall = Wall()
    wall.press("e")
    assert wall.press("right", shift=True).edges.left == FAR  # type: ignore[union-attr]
    wall.press("tab")
    assert wall.press("down").edges.top == 1  # type: ignore[union-attr]
    wall.press("tab")
    assert wall.press("left", shift=True).edges.right == FAR  # type: ignore[union-attr]
    assert wall.press("right", "right", shift=True).edges.right == 0  # type: ignore[union-attr]
    np.testing.assert_allclose(pins.handles(wall.pinning.profile, "edges")[0], (FAR, 90))


def test_turning() -> None:
    """R turns by a quarter, M mirrors; four turns or two mirrors are none."""
    wall = Wall()
    assert wall.press("r").rotate == 90  # type: ignore[union-attr]
    assert wall.press("m").mirror  # type: ignore[union-attr]
    assert wall.press("m", "r", "r", "r") == PLAIN


def test_test_cards_take_turns() -> None:
    """C shows the next test card, after the last the show itself, and then the first again."""
    wall = Wall()
    seen = []
    for _ in range(len(CARDS) + 1):
        seen.append(wall.pinning.card)
        geometry = wall.pinning.geometry()
        assert (geometry.card is None) == (wall.pinning.card is None)
        wall.press("c")
    assert seen == [*CARDS, None] and wall.pinning.card == CARDS[0]
    wall.press("r")
    turned = wall.pinning.geometry()
    assert turned.card is not None and turned.card.shape == (320, 180, 3)


def test_enter_keeps_and_leaves() -> None:
    """Enter hands the profile over to be kept, and leaves; Esc leaves and nothing is kept."""
    wall = Wall()
    assert not wall.pinning.changed
    wall.press("right")
    assert wall.pinning.changed
    wall.press("return")
    assert not wall.pinning.is_open and corner(wall.kept[0], 0) == (1, 0)
    wall.pinning.open(wall.kept[0])
    wall.press("right", "escape")
    assert not wall.pinning.is_open and len(wall.kept) == 1


@pytest.mark.parametrize("error", [ProfileError("the disk is full"), OSError(28, "No space left"), RuntimeError()])
def test_what_cannot_be_kept_stays_in_hand(error: Exception) -> None:
    """When it cannot be saved the wall says so, nothing is lost, and Enter may be tried again."""
    wall = Wall(fails=error)
    wall.press("right", "return")
    assert wall.pinning.is_open and wall.pinning.message and len(wall.said) == 1 and "\n" not in wall.said[0]
    assert corner(wall.pinning.profile, 0) == (1, 0)
    wall.fails = None
    wall.press("return")
    assert len(wall.kept) == 1 and not wall.pinning.is_open


def test_a_held_arrow_is_one_step_back() -> None:
    """However far a held key has gone, one undo takes it back; pressing again is another step."""
    wall = Wall()
    for _ in range(20):
        wall.pinning.press("right")
    wall.pinning.let_go("right")
    wall.press("right")
    assert corner(wall.pinning.profile, 0) == (21, 0)
    assert corner(wall.press("z", ctrl=True), 0) == (20, 0)
    assert wall.press("z", ctrl=True) == PLAIN
    wall.press("z", ctrl=True)
    assert wall.pinning.message == "there is nothing to undo"


KEYS = st.sampled_from([*sorted(set(CODES.values()) - {"return", "escape", "z", "y"})])
MOVES = st.one_of(
    st.tuples(KEYS, st.booleans()),
    st.tuples(st.floats(0, 320), st.floats(0, 180), st.floats(-40, 40), st.floats(-40, 40)),
)


@settings(deadline=None)
@given(st.lists(MOVES, max_size=25))
def test_undo_and_redo_return_exactly(moves: list[Any]) -> None:
    """Whatever was done by keys and mouse, undoing it all is the profile it began with, redoing it all the last one."""
    wall = Wall()
    pinning, seen = wall.pinning, [PLAIN]
    for move in moves:
        if len(move) == 2:
            wall.press(move[0], shift=move[1])
        else:
            x, y, dx, dy = move
            pinning.mouse_down(x, y)
            pinning.mouse_move(x + dx, y + dy)
            pinning.mouse_up()
        assert pinning.profile.problems() == []
        if pinning.profile != seen[-1]:
            seen.append(pinning.profile)
    for wanted in reversed(seen[:-1]):
        assert wall.press("z", ctrl=True) == wanted
    assert pinning.profile == PLAIN and not pinning.changed
    for wanted in seen[1:]:
        assert wall.press("y", ctrl=True) == wanted
    assert wall.press("y", ctrl=True) == seen[-1]


def test_a_new_step_ends_redoing() -> None:
    """After an undo, whatever is done next takes the place of what was undone."""
    wall = Wall()
    wall.press("right", "right")
    wall.press("z", ctrl=True)
    wall.press("down")
    assert wall.press("y", ctrl=True) == wall.pinning.profile
    assert corner(wall.pinning.profile, 0) == (1, 1)


def test_what_lies_over_the_wall() -> None:
    """The active corner has a ring and a magnifier with a cross at the very place, the others smaller rings."""
    profile = replace(PLAIN, corners=((60, 40), (300, 20), (300, 160), (20, 160)))
    overlay = drawn(profile, "corners", 0, "")
    assert overlay.pixels.shape == (180, 320, 4) and overlay.pixels.dtype == np.uint8
    assert (overlay.pixels[..., :3].astype(int) <= overlay.pixels[..., 3:].astype(int) + 2).all()
    assert overlay.magnifier is not None
    left, top, side = overlay.magnifier.box
    assert not (left <= 60 < left + side and top <= 40 < top + side)
    inside = overlay.pixels[top + 2 : top + side - 2, left + 2 : left + side - 2]
    cross = np.argwhere((inside == (255, 190, 90, 255)).all(axis=2))
    assert 0 < len(cross) < inside.shape[0] * 4
    assert (inside[..., 3] == 0).mean() > 0.7
    assert overlay.magnifier.centre == (60, 40)
    for x, y in profile.corners:
        near = overlay.pixels[max(0, int(y) - 12) : int(y) + 12, max(0, int(x) - 12) : int(x) + 12, 3]
        assert near.any()
    said = drawn(profile, "corners", 0, "the disk is full")
    assert not np.array_equal(said.pixels, overlay.pixels)


@settings(deadline=None)
@given(
    st.tuples(st.integers(16, 500), st.integers(16, 400)),
    st.sampled_from(pins.MODES),
    st.integers(0, 3),
    st.sampled_from([0, 90, 180, 270]),
    st.tuples(st.floats(-200, 700), st.floats(-200, 700)),
)
def test_the_overlay_fits_every_display(
    size: tuple[int, int], mode: str, active: int, rotate: int, place: tuple[float, float]
) -> None:
    """However small the display or far away the corner, the overlay is of its size and the magnifier lies on it."""
    profile = replace(Profile.plain("wall", size), rotate=rotate)
    assert drawn(profile, mode, active, "a message").pixels.shape == (size[1], size[0], 4)
    left, top, side = magnifier_at(np.array(place), size).box
    assert left >= 0 and top >= 0 and (min(size) < side or (left + side <= size[0] and top + side <= size[1]))


def sdl(kind: int, **values: Any) -> pygame.Event:
    return pygame.event.Event(kind, **values)


def test_what_sdl_says() -> None:
    """Keys and mouse as SDL reports them reach the pins; keys that mean nothing here are left to the show."""
    wall = Wall()
    down: Callable[..., bool] = lambda key, mod=0: take(wall.pinning, sdl(pygame.KEYDOWN, key=key, mod=mod))  # noqa: E731
    assert down(pygame.K_RIGHT, pygame.KMOD_LSHIFT)
    assert corner(wall.pinning.profile, 0) == (FAR, 0)
    take(wall.pinning, sdl(pygame.KEYUP, key=pygame.K_RIGHT, mod=0))
    assert not down(pygame.K_b) and not down(pygame.K_q, pygame.KMOD_LCTRL) and not down(pygame.K_z)
    assert down(pygame.K_z, pygame.KMOD_RCTRL) and wall.pinning.profile == PLAIN
    assert take(wall.pinning, sdl(pygame.MOUSEBUTTONDOWN, pos=(310, 170), button=1))
    assert take(wall.pinning, sdl(pygame.MOUSEMOTION, pos=(305, 165), rel=(-5, -5), buttons=(1, 0, 0)))
    assert take(wall.pinning, sdl(pygame.MOUSEBUTTONUP, pos=(305, 165), button=1))
    assert corner(wall.pinning.profile, 2) == (315, 175)
    assert not take(wall.pinning, sdl(pygame.MOUSEMOTION, pos=(5, 5), rel=(-5, -5), buttons=(0, 0, 0)))
    assert not take(wall.pinning, sdl(pygame.MOUSEBUTTONDOWN, pos=(310, 170), button=3))
    assert down(pygame.K_ESCAPE) and not wall.pinning.is_open
    assert not down(pygame.K_RIGHT) and not take(wall.pinning, sdl(pygame.MOUSEBUTTONDOWN, pos=(1, 1), button=1))


def test_closed_it_is_nothing() -> None:
    """While it is closed it takes nothing, shows nothing and can be closed again."""
    pinning = Pinning(lambda profile: profile)
    assert not pinning.is_open and not pinning.changed and not pinning.press("right")
    pinning.close()
    with pytest.raises(ValueError, match="nothing is being pinned"):
        pinning.geometry()
    pinning.open(PLAIN)
    pinning.press("right")
    pinning.open(Profile.plain("other", (64, 64)))  # harmless while open
    assert pinning.profile.display == "wall" and corner(pinning.profile, 0) == (1, 0)
    assert pinning.profile.corners[1:] == whole(SIZE)[1:]
