"""The warp's reference: corner pin, grid, soft edges, masks and turns, against what each of them promises."""

from dataclasses import replace
from typing import Any

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from calibration.cards import card
from calibration.corners import carry, pin, whole
from calibration.fitting import fitted, laid_by
from calibration.geometry import Geometry, Magnifier, Overlay, laid, laid_over, magnified
from calibration.grid import Grid, folds, spline
from calibration.light import Mask, SoftEdges, masked
from calibration.profile import Profile, ProfileError
from calibration.warp import lookup, warped

SIZE = (192, 108)
SLANTED = ((12.0, 5.0), (180.5, 1.0), (188.0, 99.0), (4.0, 106.0))
TURNS = [(rotate, mirror) for rotate in (0, 90, 180, 270) for mirror in (False, True)]


def profile(**changes: Any) -> Profile:
    return replace(Profile.plain("wall", SIZE), **changes)


def some_grid(seed: int, reach: float = 6.0, columns: int = 5, rows: int = 4) -> Grid:
    return Grid.of(np.random.default_rng(seed).uniform(-reach, reach, (rows, columns, 2)))


def noise(size: tuple[int, int], seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (size[1], size[0], 3), np.uint8)


def looked_up(made: np.ndarray, there: np.ndarray) -> np.ndarray:
    """The lookup between pixels, at display points (n, 2)."""
    x, y = ((there[:, axis] - 0.5).astype(np.float32)[None] for axis in (0, 1))
    return np.asarray(cv2.remap(made, x, y, cv2.INTER_LINEAR))[0]


@settings(deadline=None)
@given(st.integers(16, 90), st.integers(16, 90), st.integers(0, 1000))
def test_nothing_changed_is_the_picture(width: int, height: int, seed: int) -> None:
    """A profile that changes nothing gives the picture to the bit, at every size; so does a grid of zeros."""
    size = (width, height)
    plain, picture = Profile.plain("wall", size), noise(size, seed)
    assert plain.changes_nothing
    np.testing.assert_array_equal(warped(picture, plain), picture)
    np.testing.assert_array_equal(warped(picture, replace(plain, grid=Grid.flat())), picture)


@pytest.mark.parametrize(("rotate", "mirror"), TURNS)
def test_turning_and_mirroring_are_exact(rotate: int, mirror: bool) -> None:
    """A quarter turn moves every pixel whole, clockwise; mirroring comes after it; nothing is lost."""
    turned = profile(rotate=rotate, mirror=mirror)
    picture = noise(turned.picture_size)
    wanted = np.rot90(picture, -(rotate // 90))
    np.testing.assert_array_equal(warped(picture, turned), wanted[:, ::-1] if mirror else wanted)


@pytest.mark.parametrize(("rotate", "mirror"), TURNS)
@pytest.mark.parametrize("grid", [None, some_grid(1), some_grid(2, 9.0, 7, 3)], ids=["pin", "5x4", "7x3"])
def test_the_lookup_undoes_the_laying(grid: Grid | None, rotate: int, mirror: bool) -> None:
    """Where a place of the picture is laid, the wall shows it: within 0.01 px pinned, 0.05 px on a wild grid."""
    laying = profile(corners=SLANTED, grid=grid, rotate=rotate, mirror=mirror)
    places = np.random.default_rng(3).uniform(0.02, 0.98, (400, 2))
    there = laying.lay(places)
    centres = np.floor(there) + 0.5
    on_it = (centres > 1).all(axis=1) & (centres < np.array(SIZE) - 1).all(axis=1)
    found = looked_up(lookup(laying).places, centres[on_it])
    again = laying.lay(found / laying.picture_size)
    assert on_it.sum() > 300
    assert np.abs(again - centres[on_it]).max() < (0.01 if grid is None else 0.05)


def test_the_pinned_picture_is_opencvs() -> None:
    """The pinned picture is what OpenCV's own perspective warp makes of it, inside its rim."""
    picture = np.asarray(cv2.GaussianBlur(noise(SIZE), (0, 0), 3), np.uint8)
    half = np.array([[1, 0, 0.5], [0, 1, 0.5], [0, 0, 1]])  # OpenCV counts from pixel centres
    matrix = np.linalg.inv(half) @ pin(SLANTED) @ np.diag([1 / SIZE[0], 1 / SIZE[1], 1]) @ half
    wanted = cv2.warpPerspective(picture, matrix, SIZE, flags=cv2.INTER_LINEAR)
    shown = warped(picture, profile(corners=SLANTED))
    covered = cv2.fillConvexPoly(np.zeros(SIZE[::-1], np.uint8), np.array(SLANTED, np.int32), 1)
    inside, beyond = cv2.erode(covered, np.ones((5, 5))), cv2.dilate(covered, np.ones((5, 5)))
    assert np.abs(shown.astype(int) - wanted)[inside > 0].max() <= 1
    assert not shown[beyond == 0].any()


def test_the_spline_passes_through_its_points() -> None:
    """A control point is displaced by what it says; straight rows stay straight; a point reaches two cells only."""
    for count in (2, 3, 5, 9):
        np.testing.assert_allclose(spline(count, np.linspace(0, 1, count)), np.eye(count), atol=1e-12)
        at = np.linspace(0, 1, 57)
        np.testing.assert_allclose(spline(count, at) @ np.linspace(0, 1, count), at, atol=1e-12)
    moved = Grid.flat(9, 9).moved(4, 4, (5.0, 0.0))
    away = np.abs(moved.over(np.linspace(0, 1, 81), np.linspace(0, 1, 81))).max(axis=2)
    rows, columns = np.nonzero(away > 1e-9)
    assert rows.min() > 20 and rows.max() < 60 and columns.min() > 20 and columns.max() < 60
    assert away[40, 40] == pytest.approx(5.0)


def test_the_spline_has_no_kinks() -> None:
    """Its slope is the one that it says it has, and passes from cell to cell without a jump."""
    grid, step = some_grid(4), 1e-6
    places = np.random.default_rng(0).uniform(0.01, 0.99, (300, 2))
    joints = np.array([[0.25, 0.4], [0.5, 1 / 3], [0.75, 2 / 3]])
    places = np.vstack([places, joints - 1e-9, joints + 1e-9])
    _, slope = grid.at(places)
    for axis in (0, 1):
        aside = np.eye(2)[axis] * step
        measured = (grid.at(places + aside)[0] - grid.at(places - aside)[0]) / (2 * step)
        np.testing.assert_allclose(slope[..., axis], measured, atol=1e-3)
    np.testing.assert_allclose(slope[-6:-3], slope[-3:], atol=1e-5)


def test_a_fold_is_seen() -> None:
    """A point pulled past its neighbour folds the picture, and the profile says so; half as far does not."""
    matrix = pin(whole(SIZE))
    assert not folds(Grid.flat().moved(2, 2, (SIZE[0] / 8, 0.0)), matrix)
    folded = Grid.flat().moved(2, 2, (SIZE[0] / 3, 0.0))
    assert folds(folded, matrix)
    assert any("folds" in line for line in profile(grid=folded).problems())


@pytest.mark.parametrize("curve", [1.0, 2.0, 5.0])
@pytest.mark.parametrize("width", [8, 20, 41])
def test_two_soft_edges_make_one_even_picture(width: int, curve: float) -> None:
    """Where two projectors overlap by their soft edges their light adds up to one picture, whatever the curve."""
    gamma = 2.2
    left = lookup(profile(edges=SoftEdges(left=width, curve=curve), gamma=gamma)).light.astype(float) ** gamma
    right = lookup(profile(edges=SoftEdges(right=width, curve=curve), gamma=gamma)).light.astype(float) ** gamma
    np.testing.assert_allclose(left[:, :width] + right[:, -width:], 1, atol=1e-4)
    assert (left[:, width + 1 :] == 1).all()
    assert (np.diff(left[0]) >= 0).all() and left[0, 0] < 0.1


def test_soft_edges_follow_the_picture() -> None:
    """A soft edge lies along the pinned picture's side, not along the display's."""
    light = lookup(profile(corners=SLANTED, edges=SoftEdges(left=40.0, curve=1.0), gamma=1.0)).light
    down = np.linspace(0.1, 0.9, 9)
    half = carry(pin(SLANTED), np.stack([np.full(9, 20 / SIZE[0]), down], axis=1))
    np.testing.assert_allclose(looked_up(light, half), 0.5, atol=0.01)


def test_a_mask_keeps_its_light_off() -> None:
    """Inside a mask all is dark, and its feather lies outside, on the lit side; one that keeps is the opposite."""
    square = ((40.0, 30.0), (80.0, 30.0), (80.0, 70.0), (40.0, 70.0))
    hidden = masked((Mask(square, feather=10.0),), SIZE)
    assert not hidden[30:70, 40:80].any()
    assert (hidden[:18] == 1).all() and (hidden[:, 92:] == 1).all()
    assert (np.diff(hidden[50, 80:92]) > 0).any() and (np.diff(hidden[50, 80:92]) >= 0).all()
    kept = masked((Mask(square, feather=10.0, keep=True),), SIZE)
    assert not kept[:29].any() and not kept[:, 82:].any() and kept[50, 60] == 1 and 0 < kept[50, 44] < 1
    np.testing.assert_array_equal(masked((Mask(square), Mask(square, keep=True)), SIZE), 0)
    two = masked((Mask(square, keep=True), Mask(((0.0, 0.0), (20.0, 0.0), (0.0, 20.0)), keep=True)), SIZE)
    assert two[3, 3] == 1 and two[50, 60] == 1 and two[100, 150] == 0


def test_a_mask_of_another_sort_of_place() -> None:
    """A mask that covers everything, or lies wholly off the display, is no error."""
    everything = ((-10.0, -10.0), (400.0, -10.0), (400.0, 400.0), (-10.0, 400.0))
    assert not masked((Mask(everything, 5.0),), SIZE).any()
    assert (masked((Mask(everything, 5.0, keep=True),), SIZE) == 1).all()
    beyond = tuple((x + 500.0, y) for x, y in everything)
    assert (masked((Mask(beyond, 5.0),), SIZE) == 1).all()


def test_a_strong_perspective_shows_no_ghost() -> None:
    """Beyond the horizon of a steep projection nothing is shown, although the sums would give a second picture."""
    steep = ((90.0, 40.0), (102.0, 40.0), (190.0, 100.0), (2.0, 100.0))
    shown = warped(np.full((SIZE[1], SIZE[0], 3), 255, np.uint8), profile(corners=steep))
    assert not shown[:38].any() and not shown[103:].any() and (shown[60, 96] == 255).all()


def test_a_picture_of_another_size_is_refused() -> None:
    """The wrong size is said, not stretched."""
    with pytest.raises(ValueError, match="108x192, not 192x108"):
        warped(noise(SIZE), profile(rotate=90))


def test_points_of_a_camera_become_a_profile() -> None:
    """From points that a camera found, some of them noisy, come corners and grid that lay the picture there again."""
    truth = profile(corners=SLANTED, grid=some_grid(8, 3.0, 4, 4), rotate=90, mirror=True)
    rng = np.random.default_rng(5)
    places = rng.uniform(0, 1, (3000, 2))
    there = truth.lay(places) + rng.normal(0, 0.3, (3000, 2))
    found = laid_by(replace(truth, corners=whole(SIZE), grid=None), places, there, (6, 6))
    asked = rng.uniform(0.02, 0.98, (500, 2))
    missed = np.hypot(*(found.lay(asked) - truth.lay(asked)).T)
    assert np.median(missed) < 0.3 and missed.max() < 2
    flat = laid_by(profile(), places, carry(pin(SLANTED), places), None)
    assert flat.grid is None and np.abs(np.array(flat.corners) - SLANTED).max() < 1e-6


def test_points_that_make_no_picture() -> None:
    """Points in a line, mirrored points and too few are told, not pinned."""
    line = np.stack([np.linspace(0, 1, 50)] * 2, axis=1)
    with pytest.raises(ValueError):
        laid_by(profile(), line, line * SIZE)
    square = np.random.default_rng(0).uniform(0, 1, (50, 2))
    with pytest.raises(ProfileError, match="say mirror"):
        laid_by(profile(), square, (1 - square * [1, -1] - [0, 1]) * SIZE)
    with pytest.raises(ValueError, match="at least 4"):
        laid_by(profile(), square[:3], square[:3] * SIZE)
    with pytest.raises(ValueError, match="at least 4"):
        fitted(square[:3], square[:3])


def test_the_magnifier_shows_single_pixels() -> None:
    """In the magnifier each pixel around the place is a square of its own; beyond the display it is black."""
    picture = noise((64, 48))
    shown = magnified(picture, Magnifier((30, 10, 24), (5, 7), 8))
    for y in range(3):
        for x in range(3):
            block = shown[10 + 8 * y : 18 + 8 * y, 30 + 8 * x : 38 + 8 * x]
            assert (block == picture[7 + y - 1, 5 + x - 1]).all()
    outside = np.ones(picture.shape[:2], bool)
    outside[10:34, 30:54] = False
    np.testing.assert_array_equal(shown[outside], picture[outside])
    assert not magnified(picture, Magnifier((30, 10, 24), (0, 0), 8))[10:18, 30:54].any()


def test_overlays_lie_on_the_display() -> None:
    """A handle stands where it was drawn, however the picture is warped; a clear overlay leaves the picture be."""
    picture, slanted = noise(SIZE), profile(corners=SLANTED)
    clear = np.zeros((SIZE[1], SIZE[0], 4), np.uint8)
    np.testing.assert_array_equal(laid(picture, Geometry(slanted, None, Overlay(clear))), warped(picture, slanted))
    marked = clear.copy()
    marked[5, 7] = (200, 100, 50, 255)
    marked[6, 7] = (100, 50, 25, 128)
    shown = laid(picture, Geometry(slanted, None, Overlay(marked)))
    assert tuple(shown[5, 7]) == (200, 100, 50)
    below = warped(picture, slanted)[6, 7].astype(float) * (1 - 128 / 255) + (100, 50, 25)
    assert np.abs(shown[6, 7] - below).max() <= 0.5
    assert laid_over(picture, Overlay(np.ones((3, 3, 4), np.uint8))) is picture
    chart = card("grid", SIZE)
    np.testing.assert_array_equal(laid(picture, Geometry(slanted, chart)), warped(chart, slanted))
