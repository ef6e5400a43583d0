"""What a hand can take hold of on the wall, and what a profile becomes when it is pulled.  No state, no events."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from calibration.corners import SQUARE, Points, carry
from calibration.grid import Grid
from calibration.light import SIDES, Mask
from calibration.profile import Profile

MODES = ("corners", "grid", "mask", "edges")
SHARP = 1e-3  # pixels: nearer than this two places are one
ALONG = {"left": (0, 1), "top": (1, 1), "right": (0, -1), "bottom": (1, -1)}  # axis and sign of a wider ramp
Pull = tuple[float, float]


def handles(profile: Profile, mode: str) -> Points:
    """Where the handles of ``mode`` are, (n, 2) display pixels; edges has one on each of SIDES, in their order."""
    if mode == "mask":
        return np.array([point for mask in profile.masks for point in mask.points], np.float64).reshape(-1, 2)
    if mode == "grid":
        return on_display(profile, (profile.grid or Grid.flat()).places().reshape(-1, 2))
    if mode == "edges":
        return on_display(profile, np.array([ramp_end(profile, side) for side in SIDES]))
    return on_display(profile, SQUARE)


def on_display(profile: Profile, places: Points) -> Points:
    """Where ``places`` (n, 2) of the turned picture, in 0..1, lie on the display."""
    there = carry(profile.matrix(), places)
    return there if profile.grid is None else there + profile.grid.at(places)[0]


def ramp_end(profile: Profile, side: str, along: float = 0.5) -> tuple[float, float]:
    """Where the soft edge of ``side`` ends, as a place of the turned picture; ``along`` the side, from 0 to 1."""
    axis, sign = ALONG[side]
    share = getattr(profile.edges, side) / profile.size[axis]
    place = share if sign > 0 else 1 - share
    return (place, along) if axis == 0 else (along, place)


def pulled(profile: Profile, mode: str, index: int, by: Pull) -> Profile:
    """One handle farther by so many display pixels.  Raises ValueError, in one line, where that would make no sense."""
    found = _PULLED[mode](profile, index, by)
    wrong = found.problems()
    if wrong:
        raise ValueError(wrong[0])
    return found


def on_the_wall(profile: Profile, by: Pull) -> Pull:
    """A step as somebody before the wall means it, in display pixels: projectors hang turned, or shine from behind."""
    x, y = np.round(profile.turn()[:2, :2] @ by, 6)
    return float(x), float(y)


def turned(profile: Profile) -> Profile:
    """A quarter turn clockwise."""
    return replace(profile, rotate=(profile.rotate + 90) % 360)


def mirrored(profile: Profile) -> Profile:
    return replace(profile, mirror=not profile.mirror)


def with_mask(profile: Profile) -> Profile:
    """A further mask: a small square in the middle of the display, to be pulled to where it belongs."""
    width, height = profile.size
    reach = min(width, height) / 10
    points = tuple((width / 2 + x * reach, height / 2 + y * reach) for x, y in ((-1, -1), (1, -1), (1, 1), (-1, 1)))
    return replace(profile, masks=(*profile.masks, Mask(points, feather=float(round(min(width, height) / 100)))))


def mask_of(profile: Profile, index: int) -> tuple[int, int]:
    """Which mask a handle belongs to, and which of its points it is.  Raises IndexError when there is none."""
    for number, mask in enumerate(profile.masks):
        if 0 <= index < len(mask.points):
            return number, index
        index -= len(mask.points)
    raise IndexError("no such point")


def with_point(profile: Profile, index: int) -> Profile:
    """A further point of that mask, half way to the next."""
    number, at = mask_of(profile, index)
    points = profile.masks[number].points
    (x0, y0), (x1, y1) = points[at], points[(at + 1) % len(points)]
    return _with(profile, number, points=(*points[: at + 1], ((x0 + x1) / 2, (y0 + y1) / 2), *points[at + 1 :]))


def without_point(profile: Profile, index: int) -> Profile:
    """Without that point; without the mask where it was a triangle."""
    number, at = mask_of(profile, index)
    points = profile.masks[number].points
    if len(points) == 3:
        return replace(profile, masks=(*profile.masks[:number], *profile.masks[number + 1 :]))
    return _with(profile, number, points=points[:at] + points[at + 1 :])


def feathered(profile: Profile, index: int, by: float) -> Profile:
    """The feather of that mask wider by so many pixels."""
    number, _ = mask_of(profile, index)
    feather = min(max(0.0, profile.masks[number].feather + by), float(max(profile.size)))
    return _with(profile, number, feather=feather)


def kept_or_hidden(profile: Profile, index: int) -> Profile:
    """That mask the other way round."""
    number, _ = mask_of(profile, index)
    return _with(profile, number, keep=not profile.masks[number].keep)


def _with(profile: Profile, number: int, **changes: object) -> Profile:
    mask = replace(profile.masks[number], **changes)  # type: ignore[arg-type]
    return replace(profile, masks=(*profile.masks[:number], mask, *profile.masks[number + 1 :]))


def _pull_corner(profile: Profile, index: int, by: Pull) -> Profile:
    x, y = profile.corners[index]
    corners = (*profile.corners[:index], (x + by[0], y + by[1]), *profile.corners[index + 1 :])
    return replace(profile, corners=corners)


def _pull_grid(profile: Profile, index: int, by: Pull) -> Profile:
    grid = profile.grid or Grid.flat()
    row, column = divmod(index, grid.size[0])
    moved = grid.moved(row, column, by)
    return replace(profile, grid=None if np.abs(moved.array()).max() < SHARP else moved)


def _pull_mask(profile: Profile, index: int, by: Pull) -> Profile:
    number, at = mask_of(profile, index)
    points = profile.masks[number].points
    moved = (points[at][0] + by[0], points[at][1] + by[1])
    return _with(profile, number, points=(*points[:at], moved, *points[at + 1 :]))


def _pull_edge(profile: Profile, index: int, by: Pull) -> Profile:
    side = SIDES[index]
    axis, sign = ALONG[side]
    return replace(
        profile, edges=replace(profile.edges, **{side: max(0.0, getattr(profile.edges, side) + sign * by[axis])})
    )


_PULLED: dict[str, Callable[[Profile, int, Pull], Profile]] = {
    "corners": _pull_corner,
    "grid": _pull_grid,
    "mask": _pull_mask,
    "edges": _pull_edge,
}
