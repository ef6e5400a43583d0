"""From points to a profile: when a camera has told where places of the picture should lie on the display."""

from dataclasses import replace

import cv2
import numpy as np
from numpy.typing import NDArray

from calibration.corners import Matrix, Points, carry, unpin
from calibration.grid import USUAL, Grid, spline
from calibration.profile import Profile, ProfileError


def laid_by(
    base: Profile, places: Points, there: Points, size: tuple[int, int] | None = USUAL, stiffness: float = 1e-4
) -> Profile:
    """``base`` with the corners and the grid that bring ``places`` (n, 2) to ``there`` (n, 2), as near as can be.

    ``places``: of the upright picture, in 0..1; ``there``: display pixels.  ``size``: of the grid, columns and rows;
    None for a corner pin alone.  Strays must be gone from the points already: all of them count alike.
    Raises ProfileError when that would be no sensible profile, ValueError for too few points.
    """
    turned = carry(base.turn(), places)
    if turned.ndim != 2 or turned.shape != np.shape(there) or len(turned) < 4:
        raise ValueError(f"a profile is fitted to at least 4 points of two numbers, not to {turned.shape}")
    # In shares of the display, so that both sides weigh alike: the method is only as good as its numbers are even.
    scale = np.diag([*base.size, 1.0])
    found, _ = cv2.findHomography(turned, np.asarray(there, np.float64) / base.size, 0)
    if found is None:
        raise ProfileError("the points lie in one line or in one place: no picture can be pinned to them")
    pinned: Matrix = scale @ np.asarray(found, np.float64)
    corners = tuple((float(x), float(y)) for x, y in unpin(pinned))
    grid = None
    if size is not None:
        grid = fitted(turned, np.asarray(there, np.float64) - carry(pinned, turned), size, stiffness)
    profile = replace(base, corners=corners, grid=grid)
    wrong = profile.problems()
    if wrong:
        raise ProfileError("the points make no sensible picture: " + "; ".join(wrong))
    return profile


def fitted(places: Points, displacements: Points, size: tuple[int, int] = USUAL, stiffness: float = 1e-4) -> Grid:
    """The grid of ``size`` (columns, rows) that displaces ``places`` (n, 2), in 0..1, by (n, 2) pixels, nearly.

    Least squares.  Where there are few or no places, ``stiffness`` keeps the spline as straight as its neighbours
    (second differences, times the number of places per control point).  Raises ValueError with fewer than 4 places.
    """
    places, displacements = np.asarray(places, np.float64), np.asarray(displacements, np.float64)
    if places.ndim != 2 or places.shape != displacements.shape or len(places) < 4:
        raise ValueError(f"a grid is fitted to at least 4 points of two numbers, not to {places.shape}")
    columns, rows = size
    wide, high = spline(columns, places[:, 0]), spline(rows, places[:, 1])
    weights = np.einsum("nr,nc->nrc", high, wide).reshape(len(places), -1)
    straight = [
        np.kron(np.eye(rows), _bends(columns)),
        np.kron(_bends(rows), np.eye(columns)),
        1e-3 * np.eye(rows * columns),
    ]
    stiff = np.vstack(straight) * np.sqrt(stiffness * len(places) / (rows * columns))
    wanted = np.vstack([displacements, np.zeros((len(stiff), 2))])
    found, *_ = np.linalg.lstsq(np.vstack([weights, stiff]), wanted, rcond=None)
    return Grid.of(found.reshape(rows, columns, 2))


def _bends(count: int) -> NDArray[np.float64]:
    """Second differences of ``count`` points in a row, (count - 2, count)."""
    return np.asarray(np.diff(np.eye(count), 2, axis=0))
