"""From where the camera sees the projector's light to the profile that lays the picture there.

The show's picture is the camera's, turned, mirrored and cut as the settings say.  A place of it belongs on that pixel
of the display whose light the camera sees at that same place: then the dream of a thing lies on the thing.  Whatever
the lens bends is bent in the show's picture as well, so nothing is straightened here: a straightened map would be
wrong for it by just as much as the lens bends.
"""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from calibration.corners import Size
from calibration.decode import Decoded
from calibration.fitting import laid_by
from calibration.mapping import Mapping, correspondences
from calibration.profile import Profile, ProfileError
from installation.compose import Placing

Points = NDArray[np.float64]  # (n, 2)
GRIDS = (None, (5, 5), (9, 7), (17, 11))  # columns and rows of the grid, the plainest first
CLOSE = 0.3  # display pixels by which a plainer grid may be worse at the 95th percentile
WELL = 0.25  # of a node's measure: points within two doublings of the smallest window
FEWEST = 20  # nodes
STRAY = 3.0  # times the usual miss, and a pixel, from which on a node belongs to something before the wall
ROUNDS = 4  # in which these are left out


@dataclass(frozen=True, slots=True)
class Laid:
    """``profile``, and the display pixels by which it misses what was seen: median and 95th percentile.

    ``before``: share of what was seen that lies on something before the wall, and is not counted in these.
    """

    profile: Profile
    missed: tuple[float, float]
    before: float


def laid(mapping: Mapping, decoded: Decoded, placing: Placing, base: Profile) -> Laid:
    """The profile for what was decoded and mapped.

    ``placing``: how the show lays the camera's frame in its picture.  ``base``: gives the display, its edges, masks and
    gamma.  The plainest of the grids that fit as well as any is taken.  Raises ValueError, in one line, when too little
    of the show's picture lies where the projector's light was seen, or no sensible profile fits.
    """
    nodes = mapping.measured >= WELL
    there, seen = mapping.places[nodes], mapping.nodes[nodes]
    rotate, mirror = _orientation(_places(seen, mapping.camera, placing, base.size), there)
    base = replace(base, grid=None, rotate=rotate, mirror=mirror)
    fit = _inside(_places(seen, mapping.camera, placing, base.picture_size), there)
    if len(fit[0]) < FEWEST:
        raise ValueError(
            "hardly any of the projector's light falls into the part of the camera's picture that is shown: point "
            "the camera at the wall, or show all of its picture (--fit contain)"
        )
    points = correspondences(decoded)
    asked = _inside(_places(points.camera, mapping.camera, placing, base.picture_size), points.projector)
    made: list[tuple[Profile, NDArray[np.float64]]] = []  # and by how much it misses each point
    refused: ProfileError | None = None
    for size in GRIDS:
        try:
            profile = _fitted(base, *fit, size)
        except ProfileError as error:
            refused = error
            continue
        made.append((profile, np.hypot(*(profile.lay(asked[0]) - asked[1]).T)))
    if not made:
        raise refused or ValueError("no profile fits")
    wall = _near(min((miss for _, miss in made), key=lambda miss: float(np.median(miss))))
    found = [
        Laid(profile, (float(np.median(miss[wall])), float(np.percentile(miss[wall], 95))), float(1 - wall.mean()))
        for profile, miss in made
    ]
    best = min(each.missed[1] for each in found)
    return next(each for each in found if each.missed[1] <= best + CLOSE)


def _fitted(base: Profile, places: Points, there: Points, size: Size | None) -> Profile:
    """`laid_by`, of the wall alone: a smooth grid cannot follow a pillar before it, and must not be pulled towards it.

    What the picture's light meets on the pillar then lies where it would on the wall behind.
    """
    profile = laid_by(base, places, there, size)
    for _ in range(ROUNDS):
        miss = np.hypot(*(profile.lay(places) - there).T)
        near = _near(miss)
        if near.all() or np.count_nonzero(near) < FEWEST:
            break
        profile = laid_by(base, places[near], there[near], size)
    return profile


def _near(miss: NDArray[np.float64]) -> NDArray[np.bool_]:
    return np.asarray(miss <= STRAY * float(np.median(miss)) + 1)


def _places(camera: Points, size: Size, placing: Placing, picture: Size) -> Points:
    """Where camera positions (n, 2) lie in the show's picture, in 0..1 of it."""
    matrix = placing.matrix(size, picture)
    return np.asarray((camera @ matrix[:, :2].T + matrix[:, 2]) / picture)


def _inside(places: Points, there: Points) -> tuple[Points, Points]:
    inside = ((places >= 0) & (places <= 1)).all(axis=1)
    return places[inside], there[inside]


def _orientation(places: Points, there: Points) -> tuple[int, bool]:
    """How the picture is turned and mirrored, so that the corner pin is left with less than an eighth of a turn."""
    affine = np.linalg.lstsq(np.column_stack([places, np.ones(len(places))]), there, rcond=None)[0]
    mirror = bool(np.linalg.det(affine[:2]) < 0)
    across, down = affine[0] * (-1 if mirror else 1, 1)
    return round(float(np.degrees(np.arctan2(down, across))) / 90) % 4 * 90, mirror
