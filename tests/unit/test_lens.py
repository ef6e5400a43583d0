"""The lens: a printed board, seen from all sides, gives back the lens it was seen through, or a reason why not."""

import struct
from dataclasses import replace

import cv2
import numpy as np
import pytest

from calibration.lens import MARGIN, Board, calibrate, lacking

SIZE = (480, 360)
MATRIX = np.array([[430.0, 0, 247.0], [0, 432.0, 175.0], [0, 0, 1]])
BENT = np.array([-0.25, 0.08, 0.001, -0.001, 0.0])
BOARD = Board()
# (across, up, distance in mm; turned to the side, tilted, rolled, degrees) of each view
VIEWS = (
    (0, 0, 330, 0, 0, 0), (-70, 40, 360, 30, 5, 5), (70, 40, 360, -30, 0, 0), (-60, -40, 380, 5, 30, -5),
    (60, -40, 380, 0, -30, 10), (0, 30, 420, 35, 10, 90), (20, -20, 340, -25, 25, 0), (-30, 10, 400, 25, -25, 20),
    (-110, 0, 400, 20, 0, 0), (110, 0, 400, -20, 0, 0),
)  # fmt: skip


@pytest.fixture(scope="module")
def page():
    return BOARD.picture(dpi=150)


def seen(page, across, up, far, side, tilt, roll):
    """What the camera sees of the printed board: each pixel's ray, straightened, meets the paper."""
    width, height = SIZE
    x, y = np.meshgrid(np.arange(2 * width) / 2 - 0.25, np.arange(2 * height) / 2 - 0.25)
    criteria = (cv2.TERM_CRITERIA_COUNT | cv2.TERM_CRITERIA_EPS, 30, 1e-9)
    ray = cv2.undistortPoints(np.stack([x, y], -1).reshape(-1, 1, 2), MATRIX, BENT, criteria=criteria).reshape(-1, 2)
    turn = cv2.Rodrigues(np.deg2rad([0, side, 0.0]))[0] @ cv2.Rodrigues(np.deg2rad([tilt, 0, 0.0]))[0]
    turn = turn @ cv2.Rodrigues(np.deg2rad([0, 0, float(roll)]))[0]
    paper = np.linalg.inv(np.column_stack([turn[:, 0], turn[:, 1], (across, -up, far)]))
    u, v, w = paper @ np.column_stack([ray, np.ones(len(ray))]).T
    scale = 150 / 25.4
    sides = page.shape[1], page.shape[0]
    at = [
        (p / w * scale + side / 2 - 0.5).astype(np.float32).reshape(x.shape)
        for p, side in zip((u, v), sides, strict=True)
    ]
    light = cv2.remap(cv2.GaussianBlur(page, (0, 0), 1.5), *at, cv2.INTER_LINEAR, borderValue=90)
    light = cv2.GaussianBlur(cv2.resize(light, SIZE, interpolation=cv2.INTER_AREA), (0, 0), 0.6)
    noise = np.random.default_rng(round(far + side)).normal(0, 2, light.shape)
    return np.clip(light * 0.8 + 20 + noise, 0, 255).astype(np.uint8)


@pytest.fixture(scope="module")
def views(page):
    found = [BOARD.find(seen(page, *view)) for view in VIEWS]
    assert all(found)
    return found


@pytest.fixture(scope="module")
def lens(views):
    return calibrate(views, BOARD)


def test_the_lens_is_found(lens):
    """Directions are true to a pixel all over the picture but for where the camera points, from ten noisy views."""
    truth = replace(lens, matrix=MATRIX, distortion=BENT)
    points = np.random.default_rng(1).uniform((20, 20), (460, 340), (500, 2))
    off = np.subtract(*((each.straight(points) - each.matrix[:2, 2]) / each.matrix[0, 0] for each in (lens, truth)))
    assert np.percentile(np.hypot(*(off - off.mean(axis=0)).T) * 430, 95) < 1.0
    assert np.abs(off.mean(axis=0)).max() * 430 < 4
    assert abs(lens.matrix[0, 0] / MATRIX[0, 0] - 1) < 0.01 and lens.error < 0.5 and lens.size == SIZE


def test_straight_and_bent_are_inverse(lens):
    """Straightening what the lens bent gives the same place to a thousandth of a pixel."""
    points = np.random.default_rng(2).uniform((10, 10), (470, 350), (300, 2))
    assert np.abs(lens.straight(lens.bent(points)) - points).max() < 1e-3


def test_a_corner_is_where_it_is(page, views):
    """Positions count with pixel centres at one half: a corner found is where the true lens puts it, to 0.3 pixels."""
    across, up, far, *_ = VIEWS[0]
    places = BOARD.places(views[0].numbers).astype(float)
    middle = np.array([BOARD.columns * BOARD.square / 2, BOARD.rows * BOARD.square / 2, 0])
    at = cv2.projectPoints(places - middle, np.zeros(3), np.array([across, -up, far], float), MATRIX, BENT)[0].reshape(
        -1, 2
    )
    assert np.abs(np.median(views[0].corners - (at + 0.5), axis=0)).max() < 0.1
    assert np.abs(views[0].corners - (at + 0.5)).max() < 0.5


def test_tilt_is_told_from_place(views):
    """A board straight ahead has no tilt, wherever it is; one like a door or a lid has."""
    tilts = np.array([view.tilt for view in views])
    assert np.abs(tilts[0]).max() < 5
    assert abs(tilts[1][0]) > 18 and abs(tilts[3][1]) > 18 and abs(tilts[3][0]) < 0.6 * abs(tilts[3][1])


def test_the_board_prints_in_millimetres():
    """It fits on A4 with its white margin, and the PNG says how large it is."""
    assert BOARD.size == (9 * 27 + 2 * MARGIN, 6 * 27 + 2 * MARGIN) and BOARD.size[0] <= 287 and BOARD.size[1] <= 200
    data = BOARD.png(dpi=100)
    at = data.index(b"pHYs")
    per_metre, _, unit = struct.unpack(">IIB", data[at + 4 : at + 13])
    back = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_GRAYSCALE)
    assert unit == 1 and back.shape[1] / per_metre * 1000 == pytest.approx(BOARD.size[0], abs=0.3)
    assert BOARD.find(back) is not None


def test_no_board_no_view(page):
    """A picture without it, or with a mere corner of it, is no view."""
    assert BOARD.find(np.full((360, 480, 3), 128, np.uint8)) is None
    covered = seen(page, *VIEWS[0])
    covered[:, 120:] = 90
    assert BOARD.find(covered) is None


def test_the_person_is_told_what_to_show_next(views):
    """Nothing yet, one place only, never tilted, too few: each asks for another view; enough asks for none."""
    assert "more views" in lacking([])
    assert "part of the picture" in lacking([views[8]] * 10)
    beside = [np.array((x, y), float) for x in (-110, 0, 110) for y in (-90, 0, 90)]
    assert "tilt the board" in lacking([replace(views[0], corners=views[0].corners + by) for by in beside])
    assert "more views" in lacking(views[1:5])
    assert lacking(views) == ""
    with pytest.raises(ValueError, match="not enough for the lens"):
        calibrate(views[:4], BOARD)
    with pytest.raises(ValueError, match="several sizes"):
        lacking([views[0], replace(views[1], size=(640, 480))])


def test_one_bad_view_is_left_out(views, lens):
    """A view in which the board moved does not spoil the others."""
    rng = np.random.default_rng(4)
    shaken = replace(views[6], corners=views[6].corners + rng.normal(0, 6, views[6].corners.shape))
    again = calibrate([*views, shaken], BOARD)
    assert again.views == len(views) and np.allclose(again.matrix, lens.matrix, atol=1e-6)


def test_a_board_that_was_not_flat_is_refused(views):
    """When all views miss, it says so, and what to do."""
    rng = np.random.default_rng(5)
    crumpled = [replace(view, corners=view.corners + rng.normal(0, 3, view.corners.shape)) for view in views]
    with pytest.raises(ValueError, match="glue the board"):
        calibrate(crumpled, BOARD)


@pytest.mark.parametrize("wrong", [{"columns": 3}, {"columns": 6}, {"square": 0.0}, {"columns": 20}])
def test_a_board_that_makes_no_sense(wrong):
    """Refused with its numbers."""
    with pytest.raises(ValueError, match="a board of"):
        Board(**wrong)
