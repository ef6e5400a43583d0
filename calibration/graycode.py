"""Gray code: the pictures by which a camera can tell which place of the projector lights each of its pixels.

Columns and rows are numbered, and each picture shows one binary digit of the numbers, in the reflected code of Frank
Gray (US patent 2 632 058, 1953): from one cell to the next only a single digit changes, so a pixel that lies on an
edge is wrong by one cell at most.  Each picture is followed by its inverse: what the paint on the wall, the room's
light or the camera do to the brightness is the same in both, and the sign of the difference is the digit.

Digits that the camera cannot resolve are left out: a cell is then some pixels wide, and positions within it come from
where the camera sees its middle.  Columns and rows take turns, from coarse to fine, so that a camera that was knocked
in between leaves coarse and fine digits that contradict each other, in both directions.

Each picture is a flip of half the wall, so it is held long enough for eyes: see `hold_for`.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import NDArray

from calibration.limits import SLEW, linear

Pixels = NDArray[np.uint8]  # (H, W, 3), RGB

BLACK, WHITE, INVERSE = "black", "white", "-inverse"
APART = 0.7  # seconds from one flip to the next, at least: under 1.5 transitions in any second
LOOK = 0.1  # seconds in which the camera takes what it needs: three frames at 30 a second
STRIPE = 3.0  # camera pixels that the finest stripe should be wide
SMALLEST = 16  # pixels of a projector's side


@dataclass(frozen=True, slots=True)
class Pattern:
    """One picture to be shown.

    ``name``: by which `decode.decode` finds what the camera saw of it.  ``pixels()``: (H, W, 3) uint8 RGB, of the
    projector's size, made when asked for.  ``hold``: seconds from its first refresh to the next picture's; the camera's
    picture is the one, or the mean of those, that it takes in the last `LOOK` seconds of it.
    """

    name: str
    pixels: Callable[[], Pixels]
    hold: float


@dataclass(frozen=True, slots=True)
class GrayCode:
    """Which pictures number the pixels of one projector.

    ``size``: its width and height in pixels, 16 at least.  ``cell``: pixels that a cell is wide and high, a power of
    two. ``bright``, ``dark``: display levels 0..255 of the two states.  Raises ValueError for what makes no sense.
    """

    size: tuple[int, int]
    cell: int = 1
    bright: int = 255
    dark: int = 0

    def __post_init__(self) -> None:
        if min(self.size) < SMALLEST:
            raise ValueError(f"a projector has at least {SMALLEST} pixels a side, not {self.size[0]}x{self.size[1]}")
        if self.cell < 1 or self.cell & (self.cell - 1) or self.cell > min(self.size) // 8:
            raise ValueError(f"a cell of {self.cell} pixels: a power of two, and an eighth of the picture at most")
        if not 0 <= self.dark < self.bright <= 255:
            raise ValueError(f"bright {self.bright} and dark {self.dark}: levels of 0..255, bright above dark")

    @property
    def cells(self) -> tuple[int, int]:
        """How many columns and rows are told apart."""
        return -(-self.size[0] // self.cell), -(-self.size[1] // self.cell)

    @property
    def bits(self) -> tuple[int, int]:
        """How many digits columns and rows take."""
        return (self.cells[0] - 1).bit_length(), (self.cells[1] - 1).bit_length()

    @property
    def digits(self) -> tuple[str, ...]:
        """Names of the digits in the order in which they are shown: x7, y7, x6, ... x0, y0; 0 is the finest."""
        across, down = self.bits
        both = range(max(across, down) - 1, -1, -1)
        return tuple(f"{axis}{bit}" for bit in both for axis, bits in (("x", across), ("y", down)) if bit < bits)

    @property
    def names(self) -> tuple[str, ...]:
        """Names of all pictures in the order in which they are shown."""
        return (BLACK, WHITE, *(name for digit in self.digits for name in (digit, digit + INVERSE)))

    @property
    def left_out(self) -> tuple[int, ...]:
        """Widths, in projector pixels, of the stripes that are not shown, because the camera would not resolve them."""
        return tuple(2 << bit for bit in range(self.cell.bit_length() - 1))

    def pixels(self, name: str) -> Pixels:
        """The picture of that name: (H, W, 3) uint8 RGB."""
        width, height = self.size
        if name in {BLACK, WHITE}:
            return np.full((height, width, 3), self.bright if name == WHITE else self.dark, np.uint8)
        digit, inverse = name.removesuffix(INVERSE), name.endswith(INVERSE)
        number = np.arange(width if digit[0] == "x" else height) // self.cell
        on = ((number ^ number >> 1) >> int(digit[1:]) & 1).astype(bool) ^ inverse
        line = np.where(on, self.bright, self.dark).astype(np.uint8)
        line = line[None, :, None] if digit[0] == "x" else line[:, None, None]
        return np.ascontiguousarray(np.broadcast_to(line, (height, width, 3)))

    def sequence(self, slew: float = SLEW, latency: float = 0.25) -> tuple[Pattern, ...]:
        """All pictures to be shown, each held as `hold_for` says.  The sum of their holds is how long it takes."""
        hold = hold_for(self.bright, self.dark, slew, latency)
        return tuple(Pattern(name, partial(self.pixels, name), hold) for name in self.names)


def gray_code(projector: tuple[int, int], camera: tuple[int, int], bright: int = 255, dark: int = 0) -> GrayCode:
    """The code for a projector seen by a camera, (width, height) of each, if the picture about fills the camera's.

    Where it fills less, the finest digits turn out to be undecidable and decoding leaves them out.
    """
    coarser = max(wide / seen for wide, seen in zip(projector, camera, strict=True))
    cell = 1
    while 2 * cell < STRIPE * coarser and cell < min(projector) // 16:  # the finest stripes are two cells wide
        cell *= 2
    return GrayCode(projector, cell, bright, dark)


def hold_for(bright: int, dark: int, slew: float = SLEW, latency: float = 0.25) -> float:
    """Seconds for which a picture is held, so that it stands still when the camera looks, and never flips too often.

    ``slew``: of white per second, by which the picture may change on its way to the wall; infinite where flips pass as
    they are.  ``latency``: seconds from a refresh to the camera's picture of it.  With full white and 0.5 a second it
    is 2.35 s; with `bright` 188, half of the light, 1.35 s.
    """
    change = float(linear(np.array(bright)) - linear(np.array(dark)))
    return max(APART, change / slew + latency + LOOK)
