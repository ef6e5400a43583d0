"""Profile: how one projector meets its wall, at one resolution.

Its picture is drawn upright at `picture_size`, turned and mirrored, pinned to four corners of the display, pulled by a
grid, and dimmed by soft edges and masks.  `calibration.warp` does it, `calibration.profile_toml` writes it down,
`calibration.shelf` keeps the files.
"""

from dataclasses import dataclass, field

import numpy as np

from calibration.corners import Matrix, Pinned, Points, Size, carry, pin, whole
from calibration.corners import problems as corner_problems
from calibration.grid import Grid, folds
from calibration.light import Mask, SoftEdges

NO_EDGES = SoftEdges()
GAMMA = 2.2  # of most projectors, when nobody measured it
LONGEST = 200  # characters that say what a profile was seen with


class ProfileError(ValueError):
    """A profile was refused or could not be kept; the message lists every problem, one a line."""


@dataclass(frozen=True, slots=True)
class Profile:
    """One projector on one wall.

    ``display``: its name as the system gives it.  ``size``: (width, height) of what is drawn on it, in pixels.
    ``corners``: display points, see `calibration.corners`.  ``grid``: None where the wall is flat.
    ``rotate``: quarter turns clockwise in degrees; ``mirror``: left and right swapped, after the turn (rear
    projection).  ``gamma``: of the display, for soft edges and masks.
    ``seen_with``: how the camera's picture was laid when a camera measured the profile, in the words of whoever did;
    it holds for that alone.  Empty where none did.
    ``revision``: rises by one each time it is saved; two profiles that differ in nothing else are equal.
    """

    display: str
    size: Size
    corners: Pinned
    grid: Grid | None = None
    edges: SoftEdges = NO_EDGES
    masks: tuple[Mask, ...] = ()
    rotate: int = 0
    mirror: bool = False
    gamma: float = GAMMA
    seen_with: str = ""
    revision: int = field(default=0, compare=False)

    @classmethod
    def plain(cls, display: str, size: Size) -> "Profile":
        """One that changes nothing."""
        return cls(display, size, whole(size))

    @property
    def changes_nothing(self) -> bool:
        """Whether the picture comes out as it went in, so that the warp may be left out."""
        grid_is_flat = self.grid is None or self.grid.is_flat
        straight = self.corners == whole(self.size) and grid_is_flat and self.rotate == 0 and not self.mirror
        return straight and not self.edges.any and not self.masks

    @property
    def picture_size(self) -> Size:
        """Width and height of the picture that it is given: the display's, as it is turned."""
        return self.size if self.rotate in {0, 180} else (self.size[1], self.size[0])

    def turn(self) -> Matrix:
        """The (3, 3) matrix that turns and mirrors: unit square of the upright picture to that of the turned one."""
        turned: dict[int, list[list[float]]] = {
            0: [[1, 0, 0], [0, 1, 0], [0, 0, 1]],
            90: [[0, -1, 1], [1, 0, 0], [0, 0, 1]],
            180: [[-1, 0, 1], [0, -1, 1], [0, 0, 1]],
            270: [[0, 1, 0], [-1, 0, 1], [0, 0, 1]],
        }
        matrix = np.array(turned[self.rotate], np.float64)
        if self.mirror:
            matrix[0] = matrix[2] - matrix[0]
        return matrix

    def matrix(self) -> Matrix:
        """The corner pin alone: unit square of the turned picture to display pixels."""
        return pin(self.corners)

    def lay(self, places: Points) -> Points:
        """Where ``places`` (n, 2) of the upright picture, in 0..1, lie on the display: pixels (n, 2)."""
        turned = carry(self.turn(), places)
        there = carry(self.matrix(), turned)
        return there if self.grid is None else there + self.grid.at(turned)[0]

    def problems(self) -> list[str]:
        """Everything that makes no sense in it, a line each."""
        found = [] if self.display else ["display is empty"]
        width, height = self.size
        if not (16 <= width <= 16384 and 16 <= height <= 16384):
            return [*found, f"size is 16 to 16384 pixels a side, not {width}x{height}"]
        if self.rotate not in {0, 90, 180, 270}:
            found.append(f"rotate is 0, 90, 180 or 270 degrees, not {self.rotate}")
        if not 1 <= self.gamma <= 4:
            found.append(f"gamma is 1 to 4, not {self.gamma:g}")
        if len(self.seen_with) > LONGEST or not self.seen_with.isprintable():
            found.append(f"seen_with is one line of {LONGEST} characters at most, not {self.seen_with[:30]!r}")
        badly_pinned = corner_problems(self.corners, self.size)
        found += badly_pinned
        if self.grid is not None and not badly_pinned:
            if not np.isfinite(self.grid.array()).all() or np.abs(self.grid.array()).max() > max(self.size):
                found.append("the grid displaces the picture by more than the display is large")
            elif folds(self.grid, self.matrix()):
                found.append("the grid folds the picture over itself")
        return found + self._light_problems()

    def _light_problems(self) -> list[str]:
        edges, found = self.edges, []
        for side, end, room in (("left", "right", self.size[0]), ("top", "bottom", self.size[1])):
            one, other = getattr(edges, side), getattr(edges, end)
            if not (0 <= one <= room and 0 <= other <= room and one + other <= room):
                found.append(
                    f"the soft edges {side} and {end} are 0 to {room} pixels together, not {one:g} and {other:g}"
                )
        if not 1 <= edges.curve <= 8:
            found.append(f"the curve of the soft edges is 1 to 8, not {edges.curve:g}")
        limits = np.array(self.size, np.float64)
        for number, mask in enumerate(self.masks, 1):
            points = np.array(mask.points, np.float64).reshape(-1, 2)
            if not 3 <= len(points) <= 500:
                found.append(f"mask {number} has {len(points)} points; it takes 3 to 500")
            elif not (np.isfinite(points).all() and (points >= -limits).all() and (points <= 2 * limits).all()):
                found.append(f"mask {number} has a point farther from the display than the display is large")
            if not 0 <= mask.feather <= max(self.size):
                found.append(f"the feather of mask {number} is 0 to {max(self.size)} pixels, not {mask.feather:g}")
        if len(self.masks) > 64:
            found.append(f"there are {len(self.masks)} masks; 64 is the most")
        return found


def fits(profile: Profile, display: str, size: Size) -> None:
    """Raises ProfileError unless it was made for this display at this size."""
    if (profile.display, profile.size) != (display, size):
        made = f"{profile.display!r} at {profile.size[0]}x{profile.size[1]}"
        here = f"{display!r} at {size[0]}x{size[1]}"
        raise ProfileError(
            f"the profile is for {made}, and this is {here}: pin the picture anew, or set that display up"
        )
