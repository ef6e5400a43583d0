"""From decoded cells to a map: where the camera sees each place of the projector's picture, and the other way round.

All positions, here as in the whole house, count from the top left corner of a picture with pixel centres at one half.

Camera pixels that see the same cell make one point, their centroid against the middle of the cell: this is where
positions finer than either pixel come from.  Through the points goes a homography (RANSAC's heir MAGSAC++, Barath,
Noskova, Ivashechkin, Matas 2020), which is all that a flat wall and a good lens need.  What is left over is smooth,
too, except at edges of what stands in the way, so it is fitted by planes under a moving Gaussian window (normalised
convolution, Knutsson and Westin 1993; strays weigh less from round to round).  Windows grow until they hold enough
points: that fills holes. Regressing the camera's positions on the cells' middles is sound although the cells are
coarse, because a place is anywhere in its cell alike; the reverse would bend towards the middle.
"""

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from calibration.decode import Decoded

Points = NDArray[np.float64]  # (n, 2), x and y
Matrix = NDArray[np.float64]  # (3, 3)

FEWEST = 100  # points below which nothing is fitted
GRID = 256  # points are thinned until no more than so many lie across
WINDOW = 1.5  # of the thinned points' distance: standard deviation of the smallest window
WINDOWS = 7  # sizes, each twice the last
ENOUGH = 5.0  # points that a window must weigh
RIDGE = 0.05  # of the window's variance: keeps planes tame beside the points that carry them
ROUNDS = 3  # in which strays lose their weight
STRAY = 3.0  # times the usual miss at which a point has lost three quarters of it
FLAT = (0.5, 2.0)  # camera pixels by which a homography may miss, median and 95th percentile
SIDE = 0.06  # width of the strips along the picture's sides, as a share of it
SIDE_SEEN = 0.35  # share of such a strip that must be seen
SEEN = 0.6  # share of the whole picture that must be


@dataclass(frozen=True, slots=True)
class Correspondences:
    """The same places in both pictures.

    ``projector``, ``camera``: (n, 2) float64.  ``pixels``: (n,), camera pixels that saw each.
    """

    projector: Points
    camera: Points
    pixels: NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Mapping:
    """Where a camera sees a projector's picture.

    ``projector``, ``camera``: (width, height) of each.  ``homography``: (3, 3), projector to camera.  ``nodes``:
    (rows, columns, 2) float64, camera positions of places spread evenly over the projector's picture, its corners
    included.  ``measured``: (rows, columns) float32, 1 where points lie close by, half of that for each doubling of the
    window that had to be opened, 0 where nothing but the homography is known.  ``seen``: share of the picture that was
    seen.  ``missed``: median and 95th percentile of the camera pixels by which the homography misses the points.
    ``mirrored``: whether the camera sees it mirrored.
    """

    projector: tuple[int, int]
    camera: tuple[int, int]
    homography: Matrix
    nodes: NDArray[np.float64]
    measured: NDArray[np.float32]
    seen: float
    missed: tuple[float, float]
    mirrored: bool = False

    @property
    def flat(self) -> bool:
        """Whether the homography alone will do: a flat wall, and a lens without much distortion."""
        return is_flat(self.missed)

    @property
    def places(self) -> NDArray[np.float64]:
        """The places of the projector's picture that the nodes belong to: (rows, columns, 2)."""
        rows, columns = self.nodes.shape[:2]
        return _spread(self.projector, columns, rows)

    def to_camera(self, points: NDArray[Any]) -> Points:
        """Camera positions of places of the projector's picture: (n, 2) to (n, 2).  Outside of it, as at its edge."""
        return _apply(self.homography, points) + self._rest(points)

    def to_projector(self, points: NDArray[Any]) -> Points:
        """Places of the projector's picture that light camera positions: (n, 2) to (n, 2); outside it, extrapolated."""
        inverse = np.asarray(np.linalg.inv(self.homography), np.float64)
        found = _apply(inverse, points)
        for _ in range(12):
            found = _apply(inverse, points - self._rest(found))
        return found

    def resampled(self, columns: int, rows: int) -> NDArray[np.float64]:
        """Nodes of a grid of another size: (rows, columns, 2), the picture's corners included."""
        places = _spread(self.projector, columns, rows)
        return self.to_camera(places.reshape(-1, 2)).reshape(rows, columns, 2)

    def _rest(self, points: NDArray[Any]) -> Points:
        """What the dense map adds to the homography, bilinear between nodes."""
        rows, columns = self.nodes.shape[:2]
        places = self.places
        rest = self.nodes - _apply(self.homography, places.reshape(-1, 2)).reshape(rows, columns, 2)
        return _sampled(rest, points / self.projector * (columns - 1, rows - 1))


def solve(decoded: Decoded, rear: bool = False, least_seen: float = SEEN, any_part: bool = False) -> Mapping:
    """The map from what was decoded.

    ``rear``: the picture is seen mirrored, from the other side of a screen.  ``any_part``: take what is seen, however
    little of the picture, and do not ask for its four sides; ``least_seen`` is then not asked for either.  Raises
    ValueError, with one line that says what to do, for too few points, points that fit no wall, a picture of which
    the camera sees too little, or one that is mirrored and should not be.
    """
    points = correspondences(decoded)
    if len(points.camera) < FEWEST:
        raise ValueError(
            f"the camera tells only {len(points.camera)} places of the projector's picture apart: move it closer, "
            "or focus"
        )
    seen = _seen(decoded)
    if not any_part:
        told = _unseen(seen, least_seen)
        if told:
            raise ValueError(told)
    mirrored = _mirrored(points)
    if mirrored != rear:
        raise ValueError(
            "the camera sees the picture mirrored: say so if it looks at a screen from behind, or take the "
            "pictures again if two were swapped"
            if mirrored
            else "the camera does not see the picture mirrored, as it would from behind a screen"
        )
    homography, missed = _homography(points, mirrored)
    nodes, measured = _dense(points, homography, decoded)
    camera = decoded.x.shape[1], decoded.x.shape[0]
    return Mapping(decoded.size, camera, homography, nodes, measured, float(seen.mean()), missed, mirrored)


def correspondences(decoded: Decoded) -> Correspondences:
    """One point for each cell that was seen: its middle, and the centroid of the camera pixels that see it."""
    rows, columns = np.nonzero(decoded.known)
    across = -(-decoded.size[0] // decoded.cell[0])
    key = decoded.y[rows, columns].astype(np.int64) * across + decoded.x[rows, columns]
    cells, which, pixels = np.unique(key, return_inverse=True, return_counts=True)
    at = np.stack([np.bincount(which, side + 0.5, len(cells)) / pixels for side in (columns, rows)], 1)
    # A pixel far from the others of its cell was decoded wrongly: it goes, and the centroid is taken anew.
    far = np.hypot(columns + 0.5 - at[which, 0], rows + 0.5 - at[which, 1])
    usual = np.sqrt(np.bincount(which, far**2, len(cells)) / pixels)
    near = far <= 3 * max(1.0, float(np.median(usual)))
    pixels = np.bincount(which[near], minlength=len(cells))
    left = pixels > 0
    at = np.stack(
        [np.bincount(which[near], side[near] + 0.5, len(cells))[left] / pixels[left] for side in (columns, rows)], 1
    )
    low = np.stack([cells % across, cells // across], 1)[left] * decoded.cell
    middle = (low + np.minimum(low + decoded.cell, decoded.size)) / 2  # the last cell may be cut
    return Correspondences(middle, at, pixels[left].astype(np.float64))


def is_flat(misses: tuple[float, float]) -> bool:
    """Whether misses of a homography, median and 95th percentile in camera pixels, are those of a flat wall."""
    return misses[0] <= FLAT[0] and misses[1] <= FLAT[1]


def missed(points: Correspondences) -> tuple[float, float]:
    """Median and 95th percentile of the camera pixels by which one homography misses the points.

    Of points whose lens was straightened, this is how far the wall is from flat.
    """
    return _homography(points, _mirrored(points))[1]


def _mirrored(points: Correspondences) -> bool:
    """Whether left and right are swapped, by the affine map that fits all points best."""
    places = np.concatenate([points.projector, np.ones((len(points.projector), 1))], 1)
    affine = np.linalg.lstsq(places, points.camera, rcond=None)[0]
    return bool(np.linalg.det(affine[:2]) < 0)


def _homography(points: Correspondences, mirrored: bool) -> tuple[Matrix, tuple[float, float]]:
    """Projector to camera, and the median and 95th percentile by which it misses all points, in camera pixels."""
    step = max(1, len(points.camera) // 5000)
    cv2.setRNGSeed(1)  # the same pictures make the same map
    turn = np.diag([-1.0 if mirrored else 1.0, 1.0, 1.0])  # OpenCV's search believes in no mirrors
    found, inliers = cv2.findHomography(
        points.projector[::step],
        _apply(turn, points.camera[::step]),
        cv2.USAC_MAGSAC,
        2.0,
        maxIters=5000,
        confidence=0.9999,
    )
    if found is None or inliers is None or np.count_nonzero(inliers) < 0.25 * len(inliers):
        raise ValueError("what was decoded fits no wall: hold camera and projector still, and take the pictures again")
    homography = turn @ np.asarray(found, np.float64)
    miss = np.hypot(*(_apply(homography, points.projector) - points.camera).T)
    return homography, (float(np.median(miss)), float(np.percentile(miss, 95)))


def _seen(decoded: Decoded) -> NDArray[np.bool_]:
    """Which of about 48 x 27 patches of the projector's picture were seen at all: (rows, columns)."""
    width, height = decoded.size
    columns = min(48, width // decoded.cell[0] // 2)
    rows = max(4, round(columns * height / width))
    y, x = (
        (cells[decoded.known] + 0.5) * cell
        for cells, cell in zip((decoded.y, decoded.x), decoded.cell[::-1], strict=True)
    )
    seen = np.zeros((rows, columns), bool)
    seen[
        np.minimum(y * rows // height, rows - 1).astype(int), np.minimum(x * columns // width, columns - 1).astype(int)
    ] = True
    return seen


def _unseen(seen: NDArray[np.bool_], least: float) -> str:
    """What the camera does not see of the picture, as a line for a person; empty if it sees enough."""
    rows, columns = seen.shape
    deep, wide = max(1, round(SIDE * rows)), max(1, round(SIDE * columns))
    strips = {"left": seen[:, :wide], "right": seen[:, -wide:], "upper": seen[:deep], "lower": seen[-deep:]}
    lost = [name for name, strip in strips.items() if strip.mean() < SIDE_SEEN]
    if not lost and seen.mean() >= least:
        return ""
    what = f"its {' and '.join(lost)} part is not in the camera's picture" if lost else "something stands in the way"
    return (
        f"the camera sees {seen.mean():.0%} of the projector's picture, {what}: turn the camera, move it back, or "
        "clear the view"
    )


def _dense(
    points: Correspondences, homography: Matrix, decoded: Decoded
) -> tuple[NDArray[np.float64], NDArray[np.float32]]:
    """Nodes of the map, and how well each was measured."""
    width, height = decoded.size
    pitch = max(decoded.cell) * 2 ** max(0, int(np.ceil(np.log2(width / max(decoded.cell) / GRID))))
    size = -(-width // pitch), -(-height // pitch)
    rest = points.camera - _apply(homography, points.projector)
    where = points.projector / pitch - 0.5  # in units of the grid, whole numbers at its middles
    weight = np.minimum(points.pixels / np.median(points.pixels), 1.0)
    for _ in range(ROUNDS):
        fit, _ = _planes(where, rest, weight, size, 2 * WINDOW)
        miss = np.hypot(*(rest - _sampled(fit, where)).T)
        limit = STRAY * (float(np.median(miss)) + 0.1)
        weight = np.minimum(points.pixels / np.median(points.pixels), 1.0) / (1 + (miss / limit) ** 2) ** 2

    columns, rows = size[0] // 2 + 2, size[1] // 2 + 2
    places = _spread(decoded.size, columns, rows).reshape(-1, 2)
    at = places / pitch - 0.5
    nodes, measured = np.zeros((rows * columns, 2)), np.zeros(rows * columns, np.float32)
    for doubled in range(
        WINDOWS - 1, -1, -1
    ):  # from the widest window to the smallest: the smallest that will do stays
        fit, support = _planes(where, rest, weight, size, WINDOW * 2**doubled)
        enough = _sampled(support[..., None], at)[:, 0] >= ENOUGH
        nodes[enough] = _sampled(fit, at)[enough]
        measured[enough] = 0.5**doubled
    nodes += _apply(homography, places)
    return nodes.reshape(rows, columns, 2), measured.reshape(rows, columns)


def _planes(
    where: Points, values: Points, weight: NDArray[np.float64], size: tuple[int, int], sigma: float
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """The value at each grid place of the plane that fits ``values`` around it best, and how many points bear it.

    (rows, columns, 2) and (rows, columns).  Sums of moments under a Gaussian, then the normal equations in closed form.
    """
    columns, rows = size
    cell = np.clip(np.rint(where).astype(int), 0, (columns - 1, rows - 1))
    key = cell[:, 1] * columns + cell[:, 0]
    u, v = (where / sigma).T  # in units of the window, so that all sums are of one size
    terms = [np.ones_like(u), u, v, u * u, u * v, v * v]
    terms += [each * value for value in values.T for each in (np.ones_like(u), u, v)]
    sums = [np.bincount(key, weight * term, columns * rows).reshape(rows, columns) for term in terms]
    kernel = 2 * round(3 * sigma) + 1
    blurred = [cv2.GaussianBlur(each, (kernel, kernel), sigma, borderType=cv2.BORDER_CONSTANT) for each in sums]
    total = np.maximum(blurred[0], 1e-12)
    mu, mv, uu, uv, vv = (each / total for each in blurred[1:6])
    uu, uv, vv = uu - mu * mu + RIDGE, uv - mu * mv, vv - mv * mv + RIDGE
    here_u = np.arange(columns) / sigma - mu
    here_v = np.arange(rows)[:, None] / sigma - mv
    fitted = []
    for first in (6, 9):
        mean, fu, fv = (each / total for each in blurred[first : first + 3])
        fu, fv = fu - mu * mean, fv - mv * mean
        slope_u, slope_v = (fu * vv - fv * uv) / (uu * vv - uv * uv), (fv * uu - fu * uv) / (uu * vv - uv * uv)
        fitted.append(mean + slope_u * here_u + slope_v * here_v)
    # Points in the window; none if they all lie far to one side.
    bearing = np.asarray(total * 2 * np.pi * sigma**2 * (np.hypot(here_u, here_v) < 1.5), np.float64)
    return np.stack(fitted, -1), bearing


def _spread(size: tuple[int, int], columns: int, rows: int) -> NDArray[np.float64]:
    """(rows, columns, 2): places spread evenly over a picture, its corners included."""
    return np.stack(np.meshgrid(np.linspace(0, size[0], columns), np.linspace(0, size[1], rows)), -1)


def _apply(matrix: NDArray[Any], points: NDArray[Any]) -> Points:
    x, y, w = matrix[:, :2] @ np.asarray(points, np.float64).T + matrix[:, 2:]
    return np.stack([x / w, y / w], 1)


def _sampled(grid: NDArray[np.float64], at: NDArray[Any]) -> NDArray[np.float64]:
    """Bilinear values of a (rows, columns, k) grid at (n, 2) places in its units; beyond its edge, as at the edge.

    Not cv2.remap: it rounds places to 1/32.
    """
    rows, columns = grid.shape[:2]
    x, y = np.clip(at[:, 0], 0, columns - 1), np.clip(at[:, 1], 0, rows - 1)
    left, top = np.minimum(x.astype(int), columns - 2), np.minimum(y.astype(int), rows - 2)
    across, down = (x - left)[:, None], (y - top)[:, None]
    upper = grid[top, left] * (1 - across) + grid[top, left + 1] * across
    lower = grid[top + 1, left] * (1 - across) + grid[top + 1, left + 1] * across
    return np.asarray(upper * (1 - down) + lower * down)
