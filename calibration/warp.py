"""The warp: a picture laid on the wall the way its projector needs it.

This is the reference.  The shader (`installation/sinks/shaders/warp.frag.glsl`) does the same sums with the same
`Lookup`; the plain screen takes OpenCV for them.  The lookup is made on the processor, once for each profile: for every
display pixel the place in the picture that it shows, and how much of its light comes through.

    shown = light * (picture at that place, from the four pixels around it)        rounded

The corner pin is inverted exactly.  A grid has no inverse in closed form: its displacement is found by Newton's
method on a lattice of every few pixels, and between these by a spline.  What is interpolated is the displacement
alone, so that a grid of zeros costs nothing in accuracy.  Drawing the grid as a mesh of triangles, as most tools do,
would leave the reference with OpenGL's rules for which triangle owns a pixel, and soft edges with kinks.
"""

import math
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from calibration.corners import Matrix, Points, Size, carry
from calibration.grid import Grid, spline
from calibration.light import Weights, blended, masked
from calibration.profile import Profile

Picture = NDArray[np.uint8]  # (H, W, 3)
FINE = 32  # places in a cell of the grid, about, where the displacement is solved for,
STEPS = 1, 8  # least and most display pixels from one to the next,
MOST = 150_000  # and how many of them at most
COARSE = 8  # of those steps between two places where the search begins
ROUNDS = 12
CLOSE = 1e-3  # pixels
FAR_AWAY = -1e6  # a place where no picture is


@dataclass(frozen=True, slots=True, eq=False)
class Lookup:
    """For every display pixel.

    ``places``: (H, W, 2) float32, x and y of the upright picture in its pixels, centres at one half.
    ``light``: (H, W) float32 in 0..1, a factor for levels; 0 beyond the picture.
    """

    places: NDArray[np.float32]
    light: Weights

    @property
    def size(self) -> Size:
        return self.light.shape[1], self.light.shape[0]


def lookup(profile: Profile) -> Lookup:
    """What `warped` needs to know of a profile; it stays good for as long as the profile is the same."""
    width, height = size = profile.size
    to_square = np.asarray(np.linalg.inv(profile.matrix()), np.float64)
    points: NDArray[np.float32] = _pixels(np.arange(width) + 0.5, np.arange(height) + 0.5)
    if profile.grid is not None and not profile.grid.is_flat:
        points = points - displacement(profile.grid, to_square, size)
    turned = np.asarray(cv2.perspectiveTransform(points, np.diag([width, height, 1.0]) @ to_square), np.float32)
    # Beyond the horizon of a strong perspective there is no picture, although the sums give one.
    behind = points @ to_square[2, :2].astype(np.float32) + np.float32(to_square[2, 2]) <= 0
    turned[behind | ~np.isfinite(turned).all(axis=2)] = FAR_AWAY
    return Lookup(_upright(turned, profile), _light(turned, profile))


def displacement(grid: Grid, to_square: Matrix, size: Size) -> NDArray[np.float32]:
    """By how much each display pixel of a display of ``size`` is displaced by ``grid``: (H, W, 2), in pixels.

    Solves d = grid(to_square(pixel - d)).
    """
    width, height = size
    cell = min(width / (grid.size[0] - 1), height / (grid.size[1] - 1))
    step = max(int(np.clip(cell // FINE, *STEPS)), math.ceil(math.sqrt(width * height / MOST)))
    # Two places more on every side, so that the rim, too, lies within the spline.
    columns, rows = -(-width // step) + 4, -(-height // step) + 4
    across, down = ((np.arange(count) - 1.5) * step for count in (columns, rows))
    coarse = _pixels64(across[::COARSE], down[::COARSE])
    begin = _solved(grid, to_square, coarse, np.zeros_like(coarse))
    begin = np.asarray(cv2.resize(begin, (columns, rows), interpolation=cv2.INTER_LINEAR))
    found = _solved(grid, to_square, _pixels64(across, down), begin).astype(np.float32)
    wide, high = (
        spline(count, ((np.arange(length) + 0.5) / step + 1.5) / (count - 1)).astype(np.float32)
        for count, length in ((columns, width), (rows, height))
    )
    return np.stack([high @ found[..., axis] @ wide.T for axis in (0, 1)], axis=-1)


def warped(picture: Picture, profile: Profile, made: Lookup | None = None) -> Picture:
    """``picture`` (h, w, 3), of ``profile.picture_size``, as it goes to the display: (H, W, 3) uint8.

    ``made``: this profile's lookup, where it is at hand.  Raises ValueError for a picture of another size.
    """
    width, height = profile.picture_size
    if picture.shape[:2] != (height, width):
        raise ValueError(f"the profile takes pictures of {width}x{height}, not {picture.shape[1]}x{picture.shape[0]}")
    made = made or lookup(profile)
    place = np.clip(made.places - np.float32(0.5), 0, np.array([width - 1, height - 1], np.float32))
    corner = place.astype(np.int32)
    share = (place - corner)[..., None]
    x, y = corner[..., 0], corner[..., 1]
    right, below = np.minimum(x + 1, width - 1), np.minimum(y + 1, height - 1)
    above = picture[y, x] * (1 - share[:, :, 0]) + picture[y, right] * share[:, :, 0]
    under = picture[below, x] * (1 - share[:, :, 0]) + picture[below, right] * share[:, :, 0]
    shown = (above * (1 - share[:, :, 1]) + under * share[:, :, 1]) * made.light[..., None]
    return np.asarray(np.rint(shown), np.uint8)


def _upright(turned: NDArray[np.float32], profile: Profile) -> NDArray[np.float32]:
    """Places of the turned picture as places of the upright one, both in their pixels."""
    if profile.rotate == 0 and not profile.mirror:
        return np.ascontiguousarray(turned)
    back = (
        np.diag([*profile.picture_size, 1.0])
        @ np.linalg.inv(profile.turn())
        @ np.diag([1 / profile.size[0], 1 / profile.size[1], 1.0])
    )
    return np.asarray(cv2.transform(turned, np.rint(back[:2])), np.float32)


def _light(turned: NDArray[np.float32], profile: Profile) -> Weights:
    width, height = profile.size
    x, y = turned[..., 0], turned[..., 1]
    # A slanted rim is smoothed over one display pixel; where the picture fills the display it is beyond the last one.
    inside = np.minimum(np.minimum(x, width - x), np.minimum(y, height - y))
    slope = cv2.magnitude(*(cv2.Sobel(inside, cv2.CV_32F, 1 - axis, axis, ksize=1, scale=0.5) for axis in (0, 1)))
    light = np.asarray(np.clip(inside / np.clip(slope, 0.01, 4) + np.float32(0.5), 0, 1), np.float32)
    if profile.edges.any:
        light *= blended(profile.edges, turned, profile.size)
    if profile.masks:
        light *= masked(profile.masks, profile.size)
    if profile.edges.any or profile.masks:
        light = light ** np.float32(1 / profile.gamma)
    return light


def _solved(grid: Grid, to_square: Matrix, points: Points, begin: Points) -> Points:
    """Newton's method for the displacement at display ``points`` (m, n, 2), from ``begin``."""
    shape, points, found = points.shape, points.reshape(-1, 2), begin.reshape(-1, 2).copy()
    with np.errstate(all="ignore"):
        open_ones = np.arange(len(points))
        for _ in range(ROUNDS):
            there = points[open_ones] - found[open_ones]
            places = carry(to_square, there)
            value, slope = grid.at(np.nan_to_num(places, posinf=2.0, neginf=-1.0))
            depth = there @ to_square[2, :2] + to_square[2, 2]
            wrong = found[open_ones] - value
            onward = (to_square[None, :2, :2] - places[:, :, None] * to_square[None, 2:, :2]) / depth[:, None, None]
            (a, b), (c, d) = (np.eye(2) + slope @ onward).transpose(1, 2, 0)
            area = a * d - b * c
            step = (
                np.stack([d * wrong[:, 0] - b * wrong[:, 1], a * wrong[:, 1] - c * wrong[:, 0]], axis=1) / area[:, None]
            )
            behind = (depth <= 0) | ~np.isfinite(step).all(axis=1)
            step[behind] = found[open_ones[behind]]  # back to zero: nothing is shown there
            found[open_ones] -= step
            open_ones = open_ones[(np.abs(step).max(axis=1) > CLOSE) & ~behind]
            if not len(open_ones):
                break
    return found.reshape(shape)


def _pixels(across: NDArray[Any], down: NDArray[Any]) -> NDArray[np.float32]:
    return np.stack(np.meshgrid(across.astype(np.float32), down.astype(np.float32)), axis=-1)


def _pixels64(across: NDArray[Any], down: NDArray[Any]) -> Points:
    return np.stack(np.meshgrid(across, down), axis=-1)
