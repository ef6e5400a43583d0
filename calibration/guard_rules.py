"""The numbers of the flash guard, and the grid it counts on; the shaders are given these same numbers.

Cells and windows are those of the analyser (`calibration.flash_cells`), so that the guard counts what is judged.
Windows are added up over tiles of some cells, because that is quick on a graphics card; tiles that cover a window are
more than the window, so this asks more, never less.
"""

import math
from dataclasses import dataclass
from typing import Literal, get_args

from calibration.flash_cells import Cells
from calibration.limits import MICHELSON, RED_LEAST, RED_RATIO, REPEATED, SHARE, SLEW, TRANSITION, WINDOW

Tier = Literal["strict", "performance"]
TIERS: tuple[Tier, ...] = get_args(Tier)

HAIR = 0.005  # share of a limit that is left to rounding
NEEDED = (1 - HAIR) * TRANSITION  # a change of luminance that counts
NEEDED_ABOVE = (1 - HAIR) * 2 * MICHELSON / (1 - MICHELSON)  # the same, as a share of the darker state
RED_FROM = (1 - HAIR) * RED_RATIO  # share of red, linear, from which a colour is red for the guard,
RED_BRIGHT = (1 - HAIR) * RED_LEAST  # if it is as bright as this
RED_UNTIL = 0.68  # and below which it is red no longer: what lies RED_DISTANCE from any saturated red has at most 0.666
RED_GREY = 0.001  # of white, added before, as the analyser does: black is grey
HORIZON = 1.1 * WINDOW  # seconds over which transitions are counted: a flip may be seen later than it was asked for
CEILING = 5  # transitions that a cell may make in it where much of its window does the same
TIRED_CEILING = REPEATED - 1  # and once some window has been at the limit for the long run for TIRED_AFTER
TIRED_AFTER = 0.99  # seconds; it recovers as slowly. Not a whole one, which sums of refreshes meet by rounding alone
TIRED_MOST = 3.0
SLEWED_CEILING = 2  # what is being slewed in the strict tier has one flash
LOADED = 0.8 * SHARE  # of a window: from so many cells on, the ceilings hold
AT_ONCE = 0.8 * SHARE  # of the picture, changing the same way more quickly than SLEW: slewed in the strict tier
QUICK = TRANSITION  # how far a cell has to be ahead of what SLEW allows to be called quick
LONGEST_STEP = 0.25  # seconds: a show that stood still gets no more allowance than this
SETTLED = 0.01  # of white: so near to what is wanted a slewed cell is let go,
FADED = 2.5  # or after so many seconds: white to black takes two, and what is still apart then is somebody who moves
LEAST_STEP = 0.001  # seconds that a cell has been behind at the least
AGES = 5  # how many of the newest transitions are remembered in each cell
FIRST_AGE = 100.0  # seconds: never

assert CEILING <= AGES


def quick(step: float) -> float:
    """How far ahead of its follower, who is ``step`` seconds behind, a cell may want to be and is called calm."""
    return QUICK + SLEW * step


@dataclass(frozen=True, slots=True)
class Span:
    """A window in tiles: any window of the rule lies within ``rows`` by ``columns`` of them; ``most`` in cells."""

    rows: int
    columns: int
    most: int


class Layout:
    """Cells, tiles and windows for pictures of one ``size`` (width, height)."""

    def __init__(self, size: tuple[int, int]) -> None:
        self.size = size
        cells = Cells(size)
        self.rows, self.columns = cells.rows, cells.columns
        self.at_once = math.ceil(AT_ONCE * cells.rows * cells.columns - 1e-6)
        windows = cells.windows()
        self.tile = max(1, min(4, min(min(window.rows, window.columns) for window in windows) // 12))
        self.tile_rows, self.tile_columns = -(-self.rows // self.tile), -(-self.columns // self.tile)
        self.spans = tuple(
            Span(
                self._covering(window.rows, self.tile_rows),
                self._covering(window.columns, self.tile_columns),
                math.ceil(LOADED * window.rows * window.columns - 1e-6),
            )
            for window in windows
        )

    def _covering(self, cells: int, most: int) -> int:
        return min(most, -(-(cells + self.tile - 1) // self.tile))
