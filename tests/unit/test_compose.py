"""What is on the wall, and what never is."""

import itertools
import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from installation.compose import LUMA, Composer, Placing, colours, compose, mixing
from installation.frame import Frame, Pixels
from installation.knobs import KNOBS, Look
from installation.veil import Carried, Veil
from invented import noise_frame, rough_veil, smooth_frame, soft_veil, some_placing, still_grid

sides = st.integers(2, 40)
sizes = st.tuples(sides, sides)
seeds = st.integers(0, 10_000)
placings = st.builds(Placing, mirror=st.booleans(), rotate=st.sampled_from([0, 90, 180, 270]), cover=st.booleans())
PICTURED = ("intensity", "camera", "hue", "saturation", "brightness")  # the knobs that act here
looks = st.builds(Look, **{name: st.floats(KNOBS[name].low, KNOBS[name].high) for name in PICTURED})


def by_hand(frame: Frame, veil: Veil, look: Look, size: tuple[int, int], placing: Placing) -> Pixels:
    """The formula at the head of compose.py, one display pixel after the other, in double precision."""
    to_camera = np.linalg.inv(np.vstack([placing.matrix(frame.size, size), [0, 0, 1]]))
    y, x = np.mgrid[0 : size[1], 0 : size[0]] + 0.5
    place = np.einsum("ij,jyx->iyx", to_camera, np.stack([x, y, np.ones_like(x)]))[:2]
    width, height = frame.size
    inside = (place[0] > 0) & (place[0] < width) & (place[1] > 0) & (place[1] < height)
    share = place / np.array([width, height])[:, None, None]
    base = sampled(frame.pixels.astype(np.float64), share)
    flat = veil.flat()
    dream = np.zeros_like(base) if flat is None else sampled(flat.astype(np.float64), share)
    if look.bypass:
        levels = look.brightness * base
    else:
        tint = look.intensity * 127.5 * colours(look.hue, look.saturation)
        levels = look.brightness * (127.5 + look.camera * (base - 127.5) + dream @ tint.T)
    return np.where(inside[..., None], np.rint(np.clip(levels, 0, 255)), 0).astype(np.uint8)


def sampled(picture: np.ndarray, share: np.ndarray) -> np.ndarray:
    """``picture`` at places given as shares of its sides, between its four nearest pixels."""
    height, width = picture.shape[:2]
    x, y = np.clip(share[0] * width - 0.5, 0, width - 1), np.clip(share[1] * height - 0.5, 0, height - 1)
    left, top = np.minimum(x.astype(int), max(0, width - 2)), np.minimum(y.astype(int), max(0, height - 2))
    right, bottom = np.minimum(left + 1, width - 1), np.minimum(top + 1, height - 1)
    across, down = (x - left)[..., None], (y - top)[..., None]
    upper = picture[top, left] * (1 - across) + picture[top, right] * across
    lower = picture[bottom, left] * (1 - across) + picture[bottom, right] * across
    return upper * (1 - down) + lower * down


def turned(pixels: Pixels, placing: Placing) -> Pixels:
    """The camera's pixels as they hang, by plain indexing."""
    pixels = np.rot90(pixels, -placing.rotate // 90)
    return pixels[:, ::-1] if placing.mirror else pixels


@given(seeds, sizes, seeds)
def test_no_intensity_is_the_camera_itself(seed: int, size: tuple[int, int], dream: int) -> None:
    """With the intensity at zero you get the camera's picture, to the bit and without a copy."""
    frame = noise_frame(seed, size)
    for veil, look in (
        (rough_veil(dream), Look(intensity=0.0)),
        (rough_veil(dream), Look(bypass=True, camera=0.3, hue=90.0)),
        (Veil(), Look(hue=40.0)),
    ):
        assert compose(frame, veil, look) is frame.pixels
        assert compose(frame, veil, look, size) is frame.pixels


@given(seeds, sizes, placings)
def test_turned_and_mirrored_keeps_every_pixel(seed: int, size: tuple[int, int], placing: Placing) -> None:
    """Hang the camera any way round: where the size fits, not one pixel of it changes."""
    frame = noise_frame(seed, size)
    np.testing.assert_array_equal(compose(frame, Veil(), Look(), placing=placing), turned(frame.pixels, placing))


@settings(max_examples=150, deadline=None)
@given(seeds, sizes, sizes, placings, looks, st.integers(0, 2), st.booleans())
def test_it_is_the_formula(
    seed: int,
    camera: tuple[int, int],
    display: tuple[int, int],
    placing: Placing,
    look: Look,
    layers: int,
    bypass: bool,
) -> None:
    """Whatever the sizes, the placing and the knobs, no pixel is more than one level of 255 from the formula."""
    frame, veil = noise_frame(seed, camera), rough_veil(seed, (7, 5), layers)
    if bypass:
        look = Look(bypass=True, brightness=look.brightness)
        veil = Veil()
    picture = compose(frame, veil, look, display, placing)
    assert picture.shape == (display[1], display[0], 3)
    wanted = by_hand(frame, veil, look, display, placing)
    assert np.abs(picture.astype(int) - wanted).max() <= 1


@settings(deadline=None)
@given(st.lists(st.tuples(seeds, sizes, sizes, placings), min_size=2, max_size=4))
def test_work_sheets_do_not_remember(shows: list[tuple[int, tuple[int, int], tuple[int, int], Placing]]) -> None:
    """A picture is the same whatever was on the wall before it."""
    composer = Composer()
    for seed, camera, display, placing in shows:
        frame, veil = noise_frame(seed, camera), rough_veil(seed)
        again = composer(frame, veil, Look(camera=0.5), display, placing)
        np.testing.assert_array_equal(again, compose(frame, veil, Look(camera=0.5), display, placing))


@given(seeds, looks, placings)
def test_blackout_is_black(seed: int, look: Look, placing: Placing) -> None:
    """Blackout leaves no light, wherever the knobs stand."""
    dark = Look(blackout=True, intensity=look.intensity, camera=look.camera, brightness=look.brightness)
    assert not compose(noise_frame(seed), rough_veil(seed), dark, (50, 40), placing).any()


@pytest.mark.parametrize("name", PICTURED)
def test_every_knob_morphs(name: str) -> None:
    """Each knob changes the picture over its whole way, and never by a jump."""
    frame, veil, knob = smooth_frame(3), soft_veil(4), KNOBS[name]
    ways = np.linspace(knob.low, knob.high, 60)
    pictures = [compose(frame, veil, Look(**{name: float(value)})).astype(int) for value in ways]
    steps = [np.abs(after - before).max() for before, after in itertools.pairwise(pictures)]
    assert max(steps) <= 16
    quarters = pictures[::15]
    assert all(np.abs(after - before).max() > 8 for before, after in itertools.pairwise(quarters))


def test_a_red_dream_is_red() -> None:
    """A red dream makes people redder, not greener, and the hue knob turns it green and blue as the wheel does."""
    frame = Frame(np.full((24, 32, 3), 120, np.uint8), 0, 0.0)
    field = np.zeros((12, 16, 3), np.float32)
    field[..., 0] = 0.4
    veil = Veil((Carried(field, still_grid((16, 12)), 1.0),))
    red = compose(frame, veil, Look())[12, 16].astype(int) - 120
    assert tuple(red) == (51, 0, 0)
    for hue, strongest in ((120.0, 1), (-120.0, 2)):
        turned_dream = compose(frame, veil, Look(hue=hue))[12, 16].astype(int)
        assert turned_dream.argmax() == strongest
    grey = compose(frame, veil, Look(saturation=0.0))[12, 16]
    assert len(set(grey.tolist())) == 1
    assert grey[0] == pytest.approx(120 + 51 * LUMA[0], abs=1)


@given(st.floats(-360, 360), st.floats(-360, 360), st.floats(0, 2))
def test_turning_colours_keeps_their_light(hue: float, more: float, saturation: float) -> None:
    """Colours turn round the wheel without growing brighter or darker; greys stay grey; a full turn is none."""
    matrix = colours(hue, saturation)
    np.testing.assert_allclose(LUMA @ matrix, LUMA, atol=1e-12)
    np.testing.assert_allclose(matrix @ np.ones(3), np.ones(3), atol=1e-12)
    np.testing.assert_allclose(colours(hue, 1.0) @ colours(more, 1.0), colours(hue + more, 1.0), atol=1e-9)
    np.testing.assert_allclose(colours(360.0, 1.0), np.eye(3), atol=1e-12)


def test_bypass_keeps_the_brightness_of_the_room() -> None:
    """Back to the camera does not blind a room that was dimmed."""
    frame = noise_frame(1)
    dimmed = compose(frame, rough_veil(1), Look(bypass=True, brightness=0.5))
    assert np.abs(dimmed - frame.pixels * 0.5).max() <= 0.5 + 1 / 16  # rounded, not cut off
    assert not mixing(Look(bypass=True)).dreams


def test_a_broken_number_leaves_no_hole() -> None:
    """One bad number from the network is no dream at that place, and not a black spot."""
    frame = noise_frame(2)
    field = np.full((48, 64, 3), np.nan, np.float32)
    veil = Veil((Carried(field, still_grid((64, 48)), 1.0),))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        np.testing.assert_array_equal(compose(frame, veil, Look()), frame.pixels)


def test_cover_and_contain() -> None:
    """Cover leaves no bar anywhere; contain shows the whole picture, in the middle, between black bars."""
    frame = Frame(np.full((30, 40, 3), 200, np.uint8), 0, 0.0)
    assert compose(frame, Veil(), Look(), (64, 20), Placing(cover=True)).min() == 200
    contained = compose(frame, rough_veil(1), Look(intensity=0.0), (64, 30), Placing(cover=False))
    assert contained[:, 12:52].min() == 200
    assert not contained[:, :12].any()
    assert not contained[:, 52:].any()


@pytest.mark.parametrize("seed", range(16))
def test_the_matrix_says_where_a_pixel_lies(seed: int) -> None:
    """The matrix that shader, calibration and page share puts each camera corner where the picture shows it."""
    placing = some_placing(seed)
    pixels = np.zeros((30, 40, 3), np.uint8)
    pixels[:6, :6] = 255  # only the camera's top left corner is white
    frame, size = Frame(pixels, 0, 0.0), (100, 100)
    picture = compose(frame, Veil(), Look(), size, Placing(placing.mirror, placing.rotate, cover=False))
    x, y = Placing(placing.mirror, placing.rotate, cover=False).matrix(frame.size, size) @ [3, 3, 1]
    assert picture[int(y), int(x)].min() == 255
    assert (picture > 250).all(axis=2).sum() < 100 * 100 / 20


def test_mirror_is_for_whoever_stands_before_the_wall() -> None:
    """However the camera hangs, mirroring swaps left and right of the wall and never up and down."""
    frame = noise_frame(5, (40, 40))
    for rotate in (0, 90, 180, 270):
        straight = compose(frame, Veil(), Look(), placing=Placing(rotate=rotate))
        mirrored = compose(frame, Veil(), Look(), placing=Placing(mirror=True, rotate=rotate))
        np.testing.assert_array_equal(mirrored, straight[:, ::-1])


def test_a_quarter_turn_is_clockwise() -> None:
    """Turned by 90 degrees, what was at the top left is at the top right."""
    frame = noise_frame(6, (20, 10))
    picture = compose(frame, Veil(), Look(), placing=Placing(rotate=90))
    assert picture.shape == (20, 10, 3)
    np.testing.assert_array_equal(picture[0, -1], frame.pixels[0, 0])


def test_other_angles_are_refused() -> None:
    """A picture hangs straight: 45 degrees is an error at once, not a surprise on the wall."""
    with pytest.raises(ValueError, match="90"):
        Placing(rotate=45)
