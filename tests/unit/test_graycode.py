"""Gray code: the map from projector to camera is true to the wall, and what spoils it is said in one line."""

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from calibration.decode import decode
from calibration.graycode import APART, LOOK, GrayCode, gray_code, hold_for
from calibration.limits import SLEW
from calibration.mapping import solve
from simulated_wall import SimulatedWall


def pictures_of(wall):
    code = gray_code(wall.projector, wall.camera)
    return code, {name: wall.see(code.pixels(name)) for name in code.names}


def truth_of(wall, count=3000):
    """Places all over the projector's picture that the camera sees, and where."""
    places = np.random.default_rng(3).uniform(0, 1, (count, 2)) * wall.projector
    at, seen = wall.truth(places)
    return places[seen], at[seen]


def missed(wall, mapping):
    """Median and 95th percentile of the camera pixels by which a map misses the truth."""
    places, at = truth_of(wall)
    error = np.hypot(*(mapping.to_camera(places) - at).T)
    return np.median(error), np.percentile(error, 95)


@pytest.fixture(scope="module")
def plain():
    """A slanted wall, a bent lens, both gammas, noise, some light in the room: (wall, code, pictures)."""
    wall = SimulatedWall()
    return wall, *pictures_of(wall)


@given(st.integers(16, 700), st.integers(16, 700), st.integers(0, 2))
def test_a_perfect_camera_reads_every_pixel(width, height, coarser):
    """For a projector of any size the pictures number its columns and rows without a gap or a doubling."""
    cell = min(1 << coarser, 1 << (min(width, height) // 8).bit_length() - 1)
    code = GrayCode((width, height), cell)
    line = {
        name: code.pixels(name)[0 if name[0] == "x" else slice(None), 0 if name[0] == "y" else slice(None), 0]
        for name in code.digits
    }
    for axis, side in (("x", width), ("y", height)):
        word = [line[name] // 255 for name in code.digits if name[0] == axis]
        number = np.bitwise_xor.accumulate(np.array(word, int), axis=0)
        assert np.array_equal((number * 2 ** np.arange(len(word))[::-1, None]).sum(axis=0), np.arange(side) // cell)


def test_a_picture_and_its_inverse():
    """Where one is bright the other is dark, in the two levels asked for, and a picture is what a screen takes."""
    code = GrayCode((100, 60), 1, bright=200, dark=30)
    for digit in code.digits:
        one, other = code.pixels(digit), code.pixels(digit + "-inverse")
        assert one.shape == (60, 100, 3) and one.dtype == np.uint8 and one.flags.c_contiguous
        assert set(np.unique(one)) == {30, 200} and (one.astype(int) + other == 230).all()


def test_how_long_a_person_waits():
    """At 1920x1080 it is 42 pictures for a camera as fine, 38 for 1280x720: a minute and a half behind the strict
    guard, 52 s with half of the light; and the stripes that were left out are named.
    """
    assert len(gray_code((1920, 1080), (1920, 1080)).names) == 42
    code = gray_code((1920, 1080), (1280, 720))
    assert len(code.names) == 38 and code.cell == 4 and code.left_out == (2, 4)
    assert sum(pattern.hold for pattern in code.sequence()) == pytest.approx(89.3, abs=0.1)
    assert sum(pattern.hold for pattern in gray_code((1920, 1080), (1280, 720), 188).sequence()) < 52
    assert gray_code((1280, 720), (3840, 2160)).left_out == ()


@given(st.integers(1, 255), st.floats(0.05, 10), st.floats(0, 1))
def test_no_picture_flips_before_the_last_has_settled(bright, slew, latency):
    """Each is held until the guard let it through and the camera has it, and never less than 0.7 s."""
    hold = hold_for(bright, 0, slew, latency)
    light = ((bright / 255 + 0.055) / 1.055) ** 2.4 if bright > 10 else bright / 255 / 12.92
    assert hold >= APART and hold >= light / slew + latency + LOOK - 1e-3
    assert hold_for(255, 0, SLEW) == pytest.approx(2.35)


@pytest.mark.parametrize("wrong", [{"size": (8, 600)}, {"cell": 3}, {"cell": 64}, {"bright": 20, "dark": 20}])
def test_a_code_that_makes_no_sense(wrong):
    """Refused when it is asked for, with the numbers."""
    with pytest.raises(ValueError, match=r"\d"):
        GrayCode(**{"size": (320, 180), **wrong})


DISTURBED = {
    "noise": {"noise": 0.02},
    "light in the room and a camera of another gamma": {"ambient": 0.6, "gain": 0.5, "camera_gamma": 1.0},
    "a pillar in the way": {"pillar": (0.0, 0.2, 2.4)},
    "a bulging wall": {"bulge": 0.5},
    "out of focus": {"blur": 2.0, "focus": 1.5},
    "all at once": {
        "noise": 0.01, "ambient": 0.15, "returned": 0.3, "pillar": (0.0, 0.2, 2.4), "bulge": 0.1, "blur": 1.0,
        "focus": 0.8,
    },
}  # fmt: skip


@pytest.mark.parametrize("name", DISTURBED)
def test_the_map_is_true_to_the_wall(name):
    """Within half a camera pixel at the median and two at 95 %, in every disturbance and in all of them at once; and
    back again within as much of the projector's.
    """
    wall = SimulatedWall(**DISTURBED[name])
    code, pictures = pictures_of(wall)
    decoded = decode(pictures, code)
    mapping = solve(decoded)
    median, most = missed(wall, mapping)
    assert median < 0.5 and most < 2.0
    places, at = truth_of(wall)
    back = np.hypot(*(mapping.to_projector(at) - places).T)
    assert np.median(back) < 0.5 and np.percentile(back, 95) < 2.0
    assert mapping.measured.min() > 0
    if name == "a bulging wall":
        assert not mapping.flat
    if name == "out of focus":  # the finest stripes are grey: left out, and named
        assert decoded.cell == (4, 4) and any("columns of 4 px" in note for note in decoded.notes)


def test_finer_than_a_pixel(plain):
    """On a wall without a pillar positions are a tenth of a pixel true, though a cell is two pixels wide; the map
    says that it is flat, and a homography alone would do.
    """
    wall, code, pictures = plain
    decoded = decode(pictures, code)
    mapping = solve(decoded)
    median, most = missed(wall, mapping)
    assert median < 0.1 and most < 0.5
    assert mapping.flat and not mapping.mirrored and mapping.seen > 0.98 and mapping.missed[0] > median
    assert decoded.confidence[decoded.known].min() > 0 and not decoded.confidence[~decoded.known].any()
    columns, rows = 9, 5
    again = mapping.resampled(columns, rows)
    places = np.stack(np.meshgrid(np.linspace(0, 320, columns), np.linspace(0, 180, rows)), -1).reshape(-1, 2)
    assert np.median(np.hypot(*(again.reshape(-1, 2) - wall.truth(places)[0]).T)) < 0.5


def refused(pictures, code, what):
    """Whether it is refused, in one line, with ``what`` in it."""
    with pytest.raises(ValueError, match=what) as told:
        solve(decode(pictures, code))
    assert "\n" not in str(told.value)


def test_a_missing_or_swapped_picture(plain):
    """Each is told by its name: missing, of another size, inverse for picture, one for another, one too early."""
    _, code, pictures = plain
    refused({name: picture for name, picture in pictures.items() if name != "x3"}, code, "1 of 32 .*missing.*'x3'")
    refused({**pictures, "y2": pictures["y2"][1:]}, code, "'y2' is 400x299")
    for digit in ("x7", "x6", "x4", "y6", "y3", "y1", "x0", "y0"):
        inverse = digit + "-inverse"
        swapped = {**pictures, digit: pictures[inverse], inverse: pictures[digit]}
        refused(swapped, code, f"'{digit}' and '{inverse}' were swapped")
    refused({**pictures, "x3": pictures["y5"], "y5": pictures["x3"]}, code, "'y5', 'x3' .* do not belong together")
    refused({**pictures, "x3": pictures["y4-inverse"]}, code, "'x3' .* do not belong together")
    refused({**pictures, "white": pictures["black"], "black": pictures["white"]}, code, "white picture is darker")
    refused({**pictures, "white": pictures["x3"], "x3": pictures["white"]}, code, "take all")


@pytest.mark.parametrize("by", [(1.5, 0.0), (6.0, -4.0)])
def test_a_camera_that_moved_between_pictures(plain, by):
    """Wherever in the sequence it was knocked, that is said."""
    wall, code, pictures = plain
    knocked = wall.moved(*by)
    after = {name: knocked.see(code.pixels(name)) for name in code.names}
    for first in (3, 9, 29):
        mixed = {name: (pictures if n < first else after)[name] for n, name in enumerate(code.names)}
        refused(mixed, code, r"the camera moved by about \d px before or at")


def test_an_exposure_that_was_not_held(plain):
    """A camera that turns itself brighter on the way is told."""
    _, code, pictures = plain
    brighter = {
        name: np.clip(picture * (1.2 if n > 10 else 1.0), 0, 255) for n, (name, picture) in enumerate(pictures.items())
    }
    refused(brighter, code, "became brighter .* automatic exposure off")


def test_somebody_walks_through(plain):
    """A person before the wall spoils what they cover: a little of it is left out, much of it is told."""
    wall, code, pictures = plain
    walked = {name: picture.copy() for name, picture in pictures.items()}
    for n, name in enumerate(code.names):
        walked[name][60:240, 10 * n : 10 * n + 40] = 30
    refused(walked, code, "something moved in front of the wall")
    passed = {name: picture.copy() for name, picture in pictures.items()}
    passed["x4"][120:200, 150:200] = 30
    median, most = missed(wall, solve(decode(passed, code)))
    assert median < 0.5 and most < 2.0


@pytest.mark.parametrize(
    ("wall", "what"),
    [
        ({"ambient": 15, "gain": 0.06}, "the room is too bright"),
        ({"ambient": 3, "gain": 1.5}, "the room is too bright"),
        ({"gain": 0.0001, "ambient": 0.0}, "lengthen the exposure"),
        ({"noise": 0.4, "gain": 0.5}, "noise"),
        ({"aim": (12, 0, 2)}, "the camera sees .* right part is not in the camera's picture"),
        ({"rear": True}, "mirrored"),
    ],
)
def test_what_cannot_be_measured_is_told_and_not_guessed(wall, what):
    """A room too bright or a picture too dark or too noisy, half of the picture, a picture from behind."""
    code, pictures = pictures_of(SimulatedWall(**wall))
    refused(pictures, code, what)


def test_a_part_of_the_picture_or_one_from_behind_when_it_is_meant():
    """What is refused by default can be had by saying so, and is as true."""
    wall = SimulatedWall(rear=True, aim=(12, 0, 2))
    code, pictures = pictures_of(wall)
    mapping = solve(decode(pictures, code), rear=True, any_part=True)
    median, most = missed(wall, mapping)
    assert mapping.mirrored and mapping.seen < 0.7
    assert median < 0.5 and most < 2.0


def test_averaged_colour_pictures(plain):
    """Several colour frames averaged to floats are as good as one grey one."""
    _, code, pictures = plain
    colours = {name: cv2.merge([picture.astype(np.float32)] * 3) for name, picture in pictures.items()}
    assert np.array_equal(decode(colours, code).x, decode(pictures, code).x)
