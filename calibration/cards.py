"""Test cards: pictures that show what a projector does to a picture.  Each tells its name and its size.

They are drawn at the size of the picture, go through the warp as the picture does, and through the guard as
everything does: on the wall the pure red of ``colours`` is as pure as the guard lets red be.
"""

from collections.abc import Callable

import cv2
import numpy as np
from numpy.typing import NDArray

from calibration.corners import Size
from calibration.light import SIDES, SoftEdges

Picture = NDArray[np.uint8]  # (H, W, 3) RGB
Colour = tuple[int, int, int]

WHITE, LINE, GROUND, AMBER = (255, 255, 255), (150, 150, 150), (28, 28, 28), (255, 190, 90)
BARS = ((1, 1, 1), (1, 1, 0), (0, 1, 1), (0, 1, 0), (1, 0, 1), (1, 0, 0), (0, 0, 1), (0, 0, 0))
FONT = cv2.FONT_HERSHEY_SIMPLEX
CELLS = 16  # along the longer side


def card(name: str, size: Size, label: str = "", edges: SoftEdges | None = None) -> Picture:
    """The card ``name`` (one of CARDS) for a picture of ``size`` (width, height), of 1x1 or more: (H, W, 3) uint8 RGB.

    ``label``: one more word on it, such as the display's name.  ``edges``: what ``overlap`` shows.
    Raises ValueError for a name or a size there is not.
    """
    if name not in CARDS:
        raise ValueError(f"there is no test card {name!r}; there are {', '.join(CARDS)}")
    if min(size) < 1:
        raise ValueError(f"a test card is 1x1 pixels or more, not {size[0]}x{size[1]}")
    picture = np.full((size[1], size[0], 3), GROUND, np.uint8)
    _DRAWN[name](picture, edges or SoftEdges())
    text = f"{name}  {size[0]} x {size[1]}"
    plain = label.encode("ascii", "replace").decode()  # OpenCV's letters are no others
    _write(picture, f"{text}  {plain}".strip(), (size[0] / 2, size[1] * 0.9), max(0.3, min(size) / 900))
    _frame(picture)
    return picture


def _grid(picture: Picture, _edges: SoftEdges) -> None:
    """Even lines from the middle, diagonals, and a cross in the middle: straight or not, square or not."""
    height, width = picture.shape[:2]
    thick = _thick(picture)
    _squares(picture)
    _line(picture, (0, 0), (width - 1, height - 1), LINE, thick)
    _line(picture, (width - 1, 0), (0, height - 1), LINE, thick)
    _line(picture, (width / 2, 0), (width / 2, height - 1), WHITE, thick)
    _line(picture, (0, height / 2), (width - 1, height / 2), WHITE, thick)


def _circles(picture: Picture, _edges: SoftEdges) -> None:
    """One round circle as high as the picture, and one in each corner."""
    height, width = picture.shape[:2]
    _squares(picture)
    small = min(width, height) / 5
    places = [(x, y) for x in (small, width - small) for y in (small, height - small)]
    for (x, y), radius in [
        ((width / 2, height / 2), min(width, height) / 2 - 1),
        *((place, small) for place in places),
    ]:
        for inner in (1.0, 0.5):
            centre = round((x - 0.5) * 16), round((y - 0.5) * 16)
            reach = max(0, round((radius - 1) * inner * 16))
            cv2.circle(picture, centre, reach, WHITE, _thick(picture), cv2.LINE_AA, shift=4)


def _grey(picture: Picture, _edges: SoftEdges) -> None:
    """17 steps, a ramp, and below them the steps next to black and next to white: all should be told apart."""
    height, width = picture.shape[:2]
    half, third = height // 2, height * 3 // 4
    _patches(picture[:half], [round(step * 255 / 16) for step in range(17)])
    picture[half:third] = np.linspace(0, 255, width)[:, None]
    _patches(picture[third:, : width // 2], list(range(0, 34, 3)))
    _patches(picture[third:, width // 2 :], list(range(222, 256, 3)))


def _colours(picture: Picture, _edges: SoftEdges) -> None:
    """Bars at full level, at three quarters, and each primary from dark to full."""
    height, width = picture.shape[:2]
    cuts = [round(width * at / len(BARS)) for at in range(len(BARS) + 1)]
    for bar, left, right in zip(BARS, cuts, cuts[1:], strict=False):
        picture[: height // 3, left:right] = 255 * np.array(bar)
        picture[height // 3 : height * 2 // 3, left:right] = 191 * np.array(bar)
    rows = [round(height * 2 / 3 + height / 3 * at / 3) for at in range(4)]
    for primary, top, bottom in zip(range(3), rows, rows[1:], strict=False):
        picture[top:bottom] = 0
        picture[top:bottom, :, primary] = np.linspace(0, 255, width)


def _resolution(picture: Picture, _edges: SoftEdges) -> None:
    """Single pixels as columns, rows and a chequer, and a chequer of two, in the middle and at the corners.

    Grey patches mean that somewhere the picture is scaled.  They are kept small: fine stripes over a whole wall are
    what guidelines on harmful patterns warn of.
    """
    height, width = picture.shape[:2]
    side = max(4, min(width, height) // 6)
    y, x = np.mgrid[0 : 2 * (side // 2), 0 : 2 * (side // 2)]
    half = side // 2
    lit = np.zeros(x.shape, bool)
    for (down, across), pattern in {(0, 0): x, (0, 1): y, (1, 0): x + y, (1, 1): x // 2 + y // 2}.items():
        part = np.s_[down * half : (down + 1) * half, across * half : (across + 1) * half]
        lit[part] = pattern[part] % 2 == 0
    patch = np.where(lit[..., None], np.uint8(255), np.uint8(0))
    margin = side // 2
    ends_x, ends_y = (margin, width - margin - side), (margin, height - margin - side)
    for left, top in [((width - side) // 2, (height - side) // 2), *((a, b) for a in ends_x for b in ends_y)]:
        if left >= 0 and top >= 0:
            room = picture[top : top + patch.shape[0], left : left + patch.shape[1]]
            room[:] = patch[: room.shape[0], : room.shape[1]]


def _overlap(picture: Picture, edges: SoftEdges) -> None:
    """Half grey all over, where two projectors should give one even tone, with the end of each soft edge marked.

    Two pictures lie right when their marked lines meet the rim of the other.  Without soft edges, lines at 5, 10, 15
    and 20 % of each side tell how wide they may become.
    """
    height, width = picture.shape[:2]
    picture[:] = 128
    for side in SIDES:
        across = side in {"left", "right"}
        room = width if across else height
        reach = getattr(edges, side)
        marks = (
            [(reach, f"{reach:.0f} px")]
            if reach > 0
            else []
            if edges.any
            else [(room * share / 100, f"{share} %") for share in (5, 10, 15, 20)]
        )
        for distance, text in marks:
            at = distance if side in {"left", "top"} else room - 1 - distance
            one, other = ((at, 0.0), (at, height - 1.0)) if across else ((0.0, at), (width - 1.0, at))
            _line(picture, one, other, AMBER, 1 + 2 * _thick(picture))
            along = (at, height * 0.3) if across else (width * 0.3, at)
            _write(picture, text, along, max(0.3, min(width, height) / 1400))


_DRAWN: dict[str, Callable[[Picture, SoftEdges], None]] = {
    "grid": _grid,
    "circles": _circles,
    "grey": _grey,
    "colours": _colours,
    "resolution": _resolution,
    "overlap": _overlap,
}
CARDS = tuple(_DRAWN)


def _frame(picture: Picture) -> None:
    """The outermost pixels, white: where one of these is missing, so is a part of the picture."""
    picture[[0, -1]] = 255
    picture[:, [0, -1]] = 255


def _squares(picture: Picture) -> None:
    height, width = picture.shape[:2]
    step = max(width, height) / CELLS
    for at in range(-CELLS, CELLS + 1):
        x, y = width / 2 + at * step, height / 2 + at * step
        _line(picture, (x, 0), (x, height - 1), LINE, _thick(picture))
        _line(picture, (0, y), (width - 1, y), LINE, _thick(picture))


def _patches(room: Picture, levels: list[int]) -> None:
    """Even patches of grey from left to right, each with its level on it where there is room for it."""
    height, width = room.shape[:2]
    cuts = [round(width * at / len(levels)) for at in range(len(levels) + 1)]
    for level, left, right in zip(levels, cuts, cuts[1:], strict=False):
        room[:, left:right] = level
        if right - left >= 24 and height >= 24:
            ink = 255 if level < 100 else 0
            scale = (right - left) / 90
            cv2.putText(
                room, str(level), (left + 3, height - 5), FONT, min(scale, 0.8), (ink, ink, ink), 1, cv2.LINE_AA
            )


def _line(picture: Picture, one: tuple[float, float], other: tuple[float, float], colour: Colour, thick: int) -> None:
    (x0, y0), (x1, y1) = ((round(x), round(y)) for x, y in (one, other))
    cv2.line(picture, (x0, y0), (x1, y1), colour, thick, cv2.LINE_AA if x0 != x1 and y0 != y1 else cv2.LINE_8)


def _thick(picture: Picture) -> int:
    return int(max(1, round(min(picture.shape[:2]) / 1080)))


def _write(picture: Picture, text: str, middle: tuple[float, float], scale: float) -> None:
    """``text`` around ``middle`` on a dark ground, smaller where it would be wider than the picture."""
    thick = max(1, round(scale * 1.5))
    (wide, high), below = cv2.getTextSize(text, FONT, scale, thick)
    if wide > picture.shape[1] * 0.9:
        scale *= picture.shape[1] * 0.9 / wide
        (wide, high), below = cv2.getTextSize(text, FONT, scale, thick := 1)
    left, base = round(middle[0] - wide / 2), round(middle[1] + high / 2)
    pad = high // 2
    cv2.rectangle(picture, (left - pad, base - high - pad), (left + wide + pad, base + below + pad), (0, 0, 0), -1)
    cv2.putText(picture, text, (left, base), FONT, scale, WHITE, thick, cv2.LINE_AA)
