"""The corner pin: four corners there and back, and which corners are refused."""

import math

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from calibration.corners import NAMES, SQUARE, carry, check, pin, problems, unpin, whole

SIZES = st.tuples(st.integers(64, 7680), st.integers(64, 4320))


@st.composite
def pinned(draw: st.DrawFn) -> tuple[tuple[int, int], np.ndarray]:
    """A display and four corners that `check` lets pass, from nearly square to far out of shape."""
    size = draw(SIZES)
    share = st.floats(-0.45, 0.45)
    away = np.array([[draw(share), draw(share)] for _ in range(4)])
    corners = (SQUARE + away) * size
    assume(not problems(corners, size))
    return size, corners


@settings(deadline=None)
@given(pinned())
def test_there_and_back(case: tuple[tuple[int, int], np.ndarray]) -> None:
    """Corners made into a homography and back move by less than a hundredth of a pixel."""
    _, corners = case
    assert np.abs(unpin(pin(corners)) - corners).max() < 0.01


@settings(deadline=None)
@given(pinned(), st.floats(0, 1), st.floats(0, 1))
def test_any_point_comes_back(case: tuple[tuple[int, int], np.ndarray], u: float, v: float) -> None:
    """A place of the picture, laid on the wall and looked up from there, is the same place within 0.01 px."""
    size, corners = case
    matrix = pin(corners)
    there = carry(matrix, [u, v])
    back = carry(np.linalg.inv(matrix), there)
    assert np.abs((back - [u, v]) * size).max() < 0.01
    assert np.abs(carry(matrix, back) - there).max() < 0.01


@settings(deadline=None)
@given(pinned())
def test_lines_stay_straight(case: tuple[tuple[int, int], np.ndarray]) -> None:
    """What is straight in the picture is straight on a flat wall, and inside stays inside: it is a homography."""
    size, corners = case
    line = carry(pin(corners), np.stack([np.linspace(0, 1, 9), np.linspace(0.1, 0.9, 9)], axis=1))
    along = line[-1] - line[0]
    beside = (line - line[0]) @ [-along[1], along[0]] / math.hypot(*along)
    assert np.abs(beside).max() < 1e-6 * max(size)


@settings(deadline=None)
@given(SIZES)
def test_the_whole_display(size: tuple[int, int]) -> None:
    """A picture pinned to the display's own corners fills it, pixel for pixel."""
    check(whole(size), size)
    assert np.allclose(pin(whole(size)), np.diag([*size, 1.0]), atol=1e-9)


@pytest.mark.parametrize(
    ("corners", "told"),
    [
        ([(100, 0), (0, 0), (100, 50), (0, 50)], "folded over"),
        ([(100, 0), (0, 0), (0, 50), (100, 50)], "say mirror"),
        ([(0, 0), (100, 0), (30, 20), (0, 50)], "pushed in at its bottom right corner"),
        ([(0, 0), (100, 0), (50.5, 25.5), (0, 50)], "too flat or too sharp at its bottom right corner"),
        ([(0, 0), (0.5, 0), (100, 50), (0, 50)], "only 0.5 pixels apart"),
        ([(0, 0), (5, 0), (5, 5), (0, 5)], "covers only 0.50%"),
        ([(0, 0), (5000, 0), (100, 50), (0, 50)], "top right corner (5000, 0) is more than"),
        ([(0, 0), (math.nan, 0), (100, 50), (0, 50)], "not a number"),
        ([(0, 0), (100, 0), (100, 50)], "four corners"),
    ],
)
def test_what_is_refused(corners: list[tuple[float, float]], told: str) -> None:
    """Corners that fold, mirror, flatten or shrink the picture to nothing are refused, and it is said which and why."""
    with pytest.raises(ValueError, match=r".") as refused:
        check(corners, (100, 50))
    assert told in str(refused.value)
    assert "\n" not in str(refused.value)


def test_every_corner_is_named() -> None:
    """The corner that is pushed in is the one that is named."""
    for place, name in enumerate(NAMES):
        corners = np.array(whole((100, 100)))
        corners[place] = (50, 50) + (corners[place] - 50) * -0.2
        assert any(f"its {name} corner" in line for line in problems(corners, (100, 100)))
