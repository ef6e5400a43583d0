"""Grid warp: a coarse grid of control points that pulls the pinned picture over a wall that is not flat.

Each control point says by how many display pixels the picture is displaced there, on top of the corner pin.  Between
them the displacement is a Catmull-Rom spline in both directions (Catmull and Rom, A Class of Local Interpolating
Splines, 1974): it passes through every control point, has no kinks, and a point moves only the two cells on either
side of it.  At the rim the spline goes straight on, so that a plain shear stays plain.  Bezier patches, which
other tools have, would need handles beside the points; a thin plate would move the whole wall with each point.
"""

from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from calibration.corners import Matrix, Points, carry

FEWEST, MOST = 2, 33  # control points a side
USUAL = (5, 5)  # columns, rows
FINER = 6  # places looked at in each cell of the grid, a side, to find folds
BEYOND = 0.25  # of a cell: how far outside the picture the spline goes straight on
LEAST_STRETCH = 0.1  # of the area that the corner pin alone gives a place: below that it is as good as folded


@dataclass(frozen=True, slots=True)
class Grid:
    """``rows``: from the top, each from the left; (dx, dy) in display pixels, y downwards."""

    rows: tuple[tuple[tuple[float, float], ...], ...]

    def __post_init__(self) -> None:
        wide = {len(row) for row in self.rows}
        if len(wide) != 1 or not (FEWEST <= len(self.rows) <= MOST and FEWEST <= min(wide) <= MOST):
            raise ValueError(f"a grid has {FEWEST} to {MOST} rows of {FEWEST} to {MOST} points, all equally many")

    @classmethod
    def flat(cls, columns: int = USUAL[0], rows: int = USUAL[1]) -> Self:
        """Nothing displaced."""
        return cls((((0.0, 0.0),) * columns,) * rows)

    @classmethod
    def of(cls, values: Any) -> Self:
        """From an array (rows, columns, 2)."""
        return cls(tuple(tuple((float(x), float(y)) for x, y in row) for row in np.asarray(values, np.float64)))

    @property
    def size(self) -> tuple[int, int]:
        """Columns and rows."""
        return len(self.rows[0]), len(self.rows)

    @property
    def is_flat(self) -> bool:
        return not any(value for row in self.rows for point in row for value in point)

    def array(self) -> Points:
        """(rows, columns, 2) float64."""
        return np.array(self.rows, np.float64)

    def moved(self, row: int, column: int, by: tuple[float, float]) -> "Grid":
        """The same with one point farther by so much."""
        values = self.array()
        values[row, column] += by
        return Grid.of(values)

    def places(self) -> Points:
        """Where the control points sit in the picture, (rows, columns, 2) in 0..1."""
        columns, rows = self.size
        return np.stack(np.meshgrid(np.linspace(0, 1, columns), np.linspace(0, 1, rows)), axis=-1)

    def over(self, across: Any, down: Any) -> Points:
        """Displacements on the lattice of ``across`` (n,) by ``down`` (m,), both in 0..1: (m, n, 2)."""
        columns, rows = self.size
        return np.asarray(
            np.einsum("yr,rcd,xc->yxd", spline(rows, down), self.array(), spline(columns, across), optimize=True)
        )

    def at(self, places: Points) -> tuple[Points, Points]:
        """Displacements at ``places`` (n, 2), and how they change from there.

        Returns (n, 2) and (n, 2, 2): the last is d(displacement) / d(place), pixels per unit.  Outside 0..1 it goes
        straight on for a quarter of a cell, so that there is no kink at the rim, and stays what it is from there.
        """
        columns, rows = self.size
        padded = _padded(_padded(self.array(), 0), 1)
        column, wide, wide_slope = _span(columns, places[:, 0])
        row, high, high_slope = _span(rows, places[:, 1])
        flat = padded.reshape(-1, 2)
        value, along, downward = (np.zeros((len(places), 2)) for _ in range(3))
        for r in range(4):
            line, line_slope = np.zeros((2, len(places), 2))
            for c in range(4):
                points = flat[(row + r) * (columns + 2) + column + c]
                line += wide[c][:, None] * points
                line_slope += wide_slope[c][:, None] * points
            value += high[r][:, None] * line
            along += high[r][:, None] * line_slope
            downward += high_slope[r][:, None] * line
        return value, np.stack([along, downward], axis=-1)


def spline(count: int, at: Any) -> NDArray[np.float64]:
    """The weights (n, count) that give a Catmull-Rom spline through ``count`` even points in 0..1 at ``at`` (n,)."""
    at = np.asarray(at, np.float64)
    first, weights, _ = _span(count, at)
    sums = np.zeros((len(at), count + 2))
    for offset, weight in enumerate(weights):
        sums[np.arange(len(at)), first + offset] += weight
    return np.asarray(sums @ _padded(np.eye(count), 0))


@lru_cache(8)
def _lattice(count: int) -> NDArray[np.float64]:
    return np.linspace(0, 1, (count - 1) * FINER + 1)


def folds(grid: Grid, matrix: Matrix) -> bool:
    """Whether the picture, pinned by ``matrix`` and pulled by ``grid``, is folded or squeezed to nothing anywhere."""
    across, down = (_lattice(count) for count in grid.size)
    flat = carry(matrix, np.stack(np.meshgrid(across, down), axis=-1))
    return bool((_areas(flat + grid.over(across, down)) < LEAST_STRETCH * _areas(flat)).any())


def _areas(points: Points) -> Points:
    """Twice the signed areas of the two triangles at opposite corners of every cell of (m, n, 2) points."""
    right, down = np.diff(points, axis=1), np.diff(points, axis=0)
    both = [(right[:-1], down[:, :-1]), (right[1:], down[:, 1:])]
    return np.stack([a[..., 0] * b[..., 1] - a[..., 1] * b[..., 0] for a, b in both])


def _padded(values: Points, axis: int) -> Points:
    """One more point at each end, straight on."""
    first, second, last, before = (values.take([place], axis) for place in (0, 1, -1, -2))
    return np.concatenate([2 * first - second, values, 2 * last - before], axis)


def _span(count: int, at: Points) -> tuple[NDArray[np.int64], list[Points], list[Points]]:
    """For each place (n,): its cell, the weights of the four padded points from there on, and their slopes."""
    cells = count - 1
    inside = np.clip(at, 0.0, 1.0)
    cell = np.clip(np.floor(inside * cells), 0, cells - 1).astype(np.int64)
    t = inside * cells - cell
    weights = [
        ((2 - t) * t - 1) * t / 2,
        ((3 * t - 5) * t * t + 2) / 2,
        ((4 - 3 * t) * t + 1) * t / 2,
        (t - 1) * t * t / 2,
    ]
    slopes = [
        ((4 - 3 * t) * t - 1) / 2 * cells,
        (9 * t - 10) * t / 2 * cells,
        ((8 - 9 * t) * t + 1) / 2 * cells,
        (3 * t - 2) * t / 2 * cells,
    ]
    beyond = np.clip(at, -BEYOND / cells, 1 + BEYOND / cells) - inside
    weights = [weight + slope * beyond for weight, slope in zip(weights, slopes, strict=True)]
    lively = np.abs(at - 0.5) <= 0.5 + BEYOND / cells  # farther out, nothing changes any more
    return cell, weights, [slope * lively for slope in slopes]
