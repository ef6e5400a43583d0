"""Test cards: every one at every size, and that each shows what it is for."""

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from calibration.cards import CARDS, card
from calibration.light import SoftEdges

SIZE = (640, 360)


@settings(deadline=None)
@given(st.sampled_from(CARDS), st.integers(1, 400), st.integers(1, 400))
def test_every_card_at_every_size(name: str, width: int, height: int) -> None:
    """A card is as large as it is asked to be, with a white rim of one pixel all around, down to a single pixel."""
    picture = card(name, (width, height), "A wall")
    assert picture.shape == (height, width, 3) and picture.dtype == np.uint8
    assert (picture[:, [0, -1]] == 255).all()
    rim = np.concatenate([picture[0, : width // 8 + 1], picture[-1, : width // 8 + 1]])
    assert (rim == 255).all()


@pytest.mark.parametrize("name", CARDS)
def test_a_card_tells_its_name_and_size(name: str) -> None:
    """Each card is another picture, and says another thing at another size, and with another display's name."""
    assert sum(np.array_equal(card(name, SIZE), card(other, SIZE)) for other in CARDS) == 1
    label = np.s_[300:348]
    assert not np.array_equal(card(name, SIZE)[label], card(name, (640, 361))[label])
    assert not np.array_equal(card(name, SIZE, "left")[label], card(name, SIZE, "right")[label])
    assert (card(name, SIZE, "Épson 日本")[label] == 255).any()


def test_cards_that_there_are_not() -> None:
    """A wrong name is answered with those there are; a size of nothing is refused."""
    with pytest.raises(
        ValueError, match="no test card 'chess'; there are grid, circles, grey, colours, resolution, over"
    ):
        card("chess", SIZE)
    with pytest.raises(ValueError, match="0x5"):
        card("grid", (0, 5))


def test_circles_are_round() -> None:
    """The large circle is as wide as it is high and lies in the middle: what is not round on the wall is the wall's."""
    picture = card("circles", (641, 361))
    white = (picture > 200).all(axis=2)
    white[[0, -1]] = white[:, [0, -1]] = False
    middle = np.flatnonzero(white[180]), np.flatnonzero(white[:270, 320])
    across, down = middle[0], middle[1]
    inner = across[(across > 200) & (across < 440)]
    assert (inner.max() + inner.min()) / 2 == pytest.approx(320, abs=1)
    assert inner.max() - inner.min() == pytest.approx(2 * (180 - down[down > 40].min()), abs=3)


def test_grey_steps_are_all_there() -> None:
    """From black to white in 17 even steps, and the steps next to black and white three levels apart."""
    picture = card("grey", (1280, 720))
    assert (picture[..., 0] == picture[..., 2]).all()
    steps = picture[100, 2:-2, 0]
    assert len(set(steps.tolist())) == 17 and (np.diff(steps.astype(int)) >= 0).all()
    assert {0, 3, 6} <= set(picture[560, 2:640, 0].tolist()) and {255, 252, 249} <= set(
        picture[560, 640:-2, 0].tolist()
    )
    assert len(set(picture[450, 1:-1, 0].tolist())) > 250


def test_colours_are_pure() -> None:
    """Each primary and each mixture of two stands there full, and at three quarters of its level."""
    picture = card("colours", SIZE)
    for level in (255, 191):
        for mixture in range(8):
            wanted = [level * (mixture >> bit & 1) for bit in range(3)]
            assert (picture == wanted).all(axis=2).sum() > 500, wanted


def test_resolution_is_single_pixels() -> None:
    """Fine stripes of one pixel stand at five places, and cover less than a quarter of the wall, as they should."""
    picture = card("resolution", (1280, 720))[..., 0].astype(int)
    fine = (np.abs(picture[:, 2:] - picture[:, 1:-1]) == 255) & (np.abs(picture[:, 1:-1] - picture[:, :-2]) == 255)
    spots, _ = cv2.connectedComponents(cv2.dilate(fine.astype(np.uint8), np.ones((9, 9))))
    assert spots - 1 >= 5
    assert fine.mean() < 0.1 and (picture > 200).mean() < 0.25


def test_overlap_marks_the_soft_edges() -> None:
    """The end of a soft edge is marked where it is; without any, there is a scale to choose one by."""
    amber = lambda picture: (picture == (255, 190, 90)).all(axis=2)  # noqa: E731
    marked = amber(card("overlap", SIZE, edges=SoftEdges(right=100.0)))
    columns = np.flatnonzero(marked[50])
    assert columns.mean() == pytest.approx(640 - 1 - 100, abs=1)
    scale = amber(card("overlap", SIZE))
    assert scale[60].sum() >= 8 and scale[:, 160].sum() >= 8
