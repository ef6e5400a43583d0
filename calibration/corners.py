"""Corner pin: where the four corners of the picture lie on the display, and the homography between the two.

Display pixels are counted from the top left corner with pixel centres at one half, so the display's own corners are
(0, 0), (W, 0), (W, H) and (0, H).  The picture is the unit square, (0, 0) top left to (1, 1) bottom right.
"""

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

Points = NDArray[np.float64]  # (..., 2)
Matrix = NDArray[np.float64]  # (3, 3)
Size = tuple[int, int]  # width, height
Pinned = tuple[tuple[float, float], ...]  # four display points, in the order of NAMES

NAMES = ("top left", "top right", "bottom right", "bottom left")
SQUARE: Points = np.array([[0.0, 0.0], [1.0, 0.0], [1.0, 1.0], [0.0, 1.0]])
REACH = 8  # times its own size that a corner may lie beyond the display
LEAST_SHARE = 0.01  # of the display's area that a picture covers at least
LEAST_SIDE = 0.02  # of the display's shorter side, for each side of the picture
LEAST_TURN = math.radians(5.0)  # by which the outline turns at each corner: short of that it is as good as a triangle


def whole(size: Size) -> Pinned:
    """The display's own corners: a picture that fills it."""
    width, height = map(float, size)
    return (0.0, 0.0), (width, 0.0), (width, height), (0.0, height)


def pin(corners: Any) -> Matrix:
    """The homography that takes the unit square to ``corners``, (4, 2) in the order of NAMES.

    In closed form (Heckbert, Fundamentals of Texture Mapping and Image Warping, 1989, section 2.2.3): exact to the
    last digits of a float64, where a least-squares fit would first have to be told that four points are enough.
    The last element is 1, and the third coordinate of every point of the square is above 0.
    """
    (x0, y0), (x1, y1), (x2, y2), (x3, y3) = np.asarray(corners, np.float64)
    dx1, dx2, sx = x1 - x2, x3 - x2, x0 - x1 + x2 - x3
    dy1, dy2, sy = y1 - y2, y3 - y2, y0 - y1 + y2 - y3
    area = dx1 * dy2 - dx2 * dy1
    g, h = (sx * dy2 - dx2 * sy) / area, (dx1 * sy - sx * dy1) / area
    return np.array(
        [
            [x1 - x0 + g * x1, x3 - x0 + h * x3, x0],
            [y1 - y0 + g * y1, y3 - y0 + h * y3, y0],
            [g, h, 1.0],
        ]
    )


def unpin(matrix: Matrix) -> Points:
    """The corners again, (4, 2) float64: where ``matrix`` takes the unit square."""
    return carry(matrix, SQUARE)


def carry(matrix: Matrix, points: Any) -> Points:
    """``points`` (..., 2) through a homography.  A point on its horizon becomes infinite, without a warning."""
    points = np.asarray(points, np.float64)
    x, y = points[..., 0], points[..., 1]
    with np.errstate(divide="ignore", invalid="ignore"):
        across, down, depth = (row[0] * x + row[1] * y + row[2] for row in matrix)
        return np.stack([across / depth, down / depth], axis=-1)


def problems(corners: Any, size: Size) -> list[str]:
    """Everything that speaks against ``corners`` on a display of ``size``, a line each; empty when they will do.

    They may lie outside the display: a projector hung too near lights a part of the picture only, and where a camera
    sees far more than a projector lights, most of its picture is beyond.
    """
    points = np.asarray(corners, np.float64)
    if points.shape != (4, 2):
        return [f"there are four corners of two numbers each, not {points.shape}"]
    if not np.isfinite(points).all():
        return ["a corner is not a number"]
    limits = np.array(size, np.float64)
    found = [
        f"the {NAMES[place]} corner ({x:g}, {y:g}) is more than {REACH} times the display's size away from it"
        for place, (x, y) in enumerate(points)
        if (points[place] < -REACH * limits).any() or (points[place] > (1 + REACH) * limits).any()
    ]
    sides = np.roll(points, -1, axis=0) - points
    lengths = np.hypot(sides[:, 0], sides[:, 1])
    if lengths.min() < LEAST_SIDE * min(size):
        place = int(lengths.argmin())
        return [
            *found,
            f"the {NAMES[place]} and {NAMES[(place + 1) % 4]} corners are only {lengths[place]:.1f} pixels apart",
        ]
    before = np.roll(sides, 1, axis=0)
    cross = before[:, 0] * sides[:, 1] - before[:, 1] * sides[:, 0]
    turns = np.arctan2(cross, (before * sides).sum(axis=1))
    if (turns < -LEAST_TURN).all():
        return [*found, "the corners run the wrong way round: to mirror the picture, say mirror"]
    for place in map(int, np.flatnonzero((turns < LEAST_TURN) | (turns > math.pi - LEAST_TURN))):
        what = "folded over or pushed in" if turns[place] < 0 else "too flat or too sharp"
        found.append(f"the picture is {what} at its {NAMES[place]} corner")
    x, y = points.T
    share = abs(float(np.dot(x, np.roll(y, -1)) - np.dot(y, np.roll(x, -1)))) / 2 / (size[0] * size[1])
    if share < LEAST_SHARE:
        found.append(f"the picture covers only {share:.2%} of the display")
    return found


def check(corners: Any, size: Size) -> None:
    """Raises ValueError, in one line, unless `problems` finds none."""
    found = problems(corners, size)
    if found:
        raise ValueError("; ".join(found))
