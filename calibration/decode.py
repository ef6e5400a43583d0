"""Decoding: which cell of the projector lights each camera pixel, and how far that is to be believed.

A digit is the sign of picture minus inverse, where that difference is more than noise, and more than light could make
that comes by way of other places.  For this the direct share of the light is taken from the finest stripes (Nayar,
Krishnan, Grossberg, Raskar, *Fast separation of direct and global components of a scene using high frequency
illumination*, 2006) and a digit counts as in Xu and Aliaga, *Robust pixel classification for 3D modeling with
structured light*, 2007: with black subtracted, and the direct share d of what white adds, their intervals come down
to |difference| > 1 - 2 d.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from calibration.consistency import FAINTEST, Light, coarse, complete, levels, light, small, together, visible
from calibration.graycode import BLACK, INVERSE, WHITE, GrayCode

Cells = NDArray[np.int32]  # (h, w)

STANDS_OUT = 6.0  # times the noise that the projector must add, at the median of what it lights
NOISES = 3.0  # times the noise that a difference must be
LEAST = 0.12  # share of the contrast that it must be: below it the pixel lies on an edge
FINE = 3  # digits of each direction from which the direct share is taken
WRONG = 0.6  # of the contrast by which picture and inverse may miss white and black: a strange picture misses by 1
STRANGE = 0.15  # share of the lit pixels for which that may be so
SURE = 0.1  # share of the lit pixels for which all but the finest digits must be decidable
RESOLVED = 0.5  # share of those for which a fine digit must be
DECIDED = 0.2  # share of those that must be decided in the end
JUMP = 5  # cells that lie between neighbours only where something is wrong, or an edge of the wall


@dataclass(frozen=True, slots=True)
class Decoded:
    """What a camera saw of a Gray code.

    ``size``: the projector's.  ``cell``: its pixels in a cell, across and down, once unresolved digits were left out.
    ``x``, ``y``: (h, w) int32, the cell that lights each camera pixel; -1 in both where that is not known.
    ``confidence``: (h, w) float32 0..1; nought where it is not known.  ``lit``: (h, w) bool, where the projector's
    light falls. ``notes``: one line for each thing that a person should know and that did not spoil it.
    """

    size: tuple[int, int]
    cell: tuple[int, int]
    x: Cells
    y: Cells
    confidence: NDArray[np.float32]
    lit: NDArray[np.bool_]
    notes: tuple[str, ...] = ()

    @property
    def known(self) -> NDArray[np.bool_]:
        return self.x >= 0


def decode(pictures: Mapping[str, NDArray[Any]], code: GrayCode, gamma: float = 2.2) -> Decoded:
    """Cells from what the camera saw of each picture of ``code``, by the pictures' names.

    ``pictures``: (h, w) or (h, w, 3) RGB in 0..255, integers, or floats where several frames were averaged; taken once
    the wall stood still.  ``gamma``: the camera's (light is level ** gamma).  Raises ValueError, with one line that
    says what to do, for a missing, swapped or early picture, a camera that moved or changed its exposure, too bright a
    room, too dark a picture, or when next to nothing could be decided.
    """
    complete(pictures, code)
    black, white = (light(pictures[name], gamma) for name in (BLACK, WHITE))
    added = levels(pictures[WHITE]) - levels(pictures[BLACK])
    visible(added, levels(pictures[BLACK]))
    contrast, both = white - black, white + black
    lit = cv2.blur(added, (3, 3)) > max(FAINTEST / 2, 0.15 * float(np.percentile(added, 99)))

    usual = float(np.median(contrast[lit]))

    differences: dict[str, Light] = {}
    sums: dict[str, Light] = {}  # of picture and inverse, small enough to be kept
    spread, spoiled = np.zeros_like(black), np.zeros_like(lit)
    beyond = 0
    strange: list[str] = []
    wide = coarse(code)
    for digit in code.digits:
        on, off = light(pictures[digit], gamma), light(pictures[digit + INVERSE], gamma)
        differences[digit] = on - off
        total = on + off
        sums[digit] = small(total)
        wrong = np.abs(total - both)
        if digit in wide:
            spread += wrong
        misses = lit & (wrong > WRONG * contrast)
        spoiled |= misses
        beyond = max(beyond, int(np.count_nonzero(~lit & (np.abs(on - off) > 0.5 * usual))))
        if np.count_nonzero(misses) > STRANGE * np.count_nonzero(lit):
            strange.append(digit)
    together(sums, small(both), small(lit.astype(np.float32)) > 0.5, black.shape[1], strange, code)
    if beyond > STRANGE * np.count_nonzero(lit):
        raise ValueError("the white picture is not white everywhere: it was taken too early or swapped; take all again")
    if np.count_nonzero(spoiled) > 2 * STRANGE * np.count_nonzero(lit):
        raise ValueError("something moved in front of the wall: clear the view, and take all pictures again")
    # Of a difference of two pictures; here four were added up, and 0.8 is the mean of a normal deviation.
    noise = np.float32(0.88) * cv2.blur(spread / len(wide), (5, 5)) + np.float32(1e-5)
    stands = float(np.median(contrast[lit] / noise[lit]))
    if stands < STANDS_OUT:
        raise ValueError(
            f"the projector's light is only {stands:.1f} times the camera's noise: darken the room, or give the "
            "camera more light and less gain"
        )
    return _decided(
        differences, contrast, noise, lit & ~spoiled, code, float(np.mean(levels(pictures[WHITE])[lit] >= 250))
    )


def _decided(
    differences: dict[str, Light], contrast: Light, noise: Light, lit: NDArray[np.bool_], code: GrayCode, clipped: float
) -> Decoded:
    safe = np.maximum(contrast, np.float32(1e-4))
    fine = [digit for digit in code.digits if int(digit[1:]) < FINE]
    direct = np.max([np.abs(differences[digit]) for digit in fine], axis=0) / safe
    least = np.maximum(NOISES * noise / safe, np.maximum(np.float32(LEAST), 1 - 2 * np.minimum(direct, 1)))
    share = {digit: np.abs(difference) / safe for digit, difference in differences.items()}
    decidable = {digit: lit & (share[digit] > least) for digit in share}

    # Light that only comes back from other places lights much of a room, too: it has no digits, and is not counted.
    sure = lit & np.logical_and.reduce([decidable[digit] for digit in code.digits if int(digit[1:]) >= FINE])
    if np.count_nonzero(sure) < max(200, SURE * np.count_nonzero(lit)):
        raise ValueError(
            "hardly any camera pixel shows which stripe it sees: focus camera and projector, keep the wall free, "
            "hold the exposure, and take the pictures again"
        )
    notes, cells, cell = [], {}, {}
    known, certain = lit.copy(), np.ones_like(contrast)
    for axis, bits, side in zip("xy", code.bits, code.size, strict=True):
        first = 0
        while first < bits - 2 and np.mean(decidable[f"{axis}{first}"][sure]) < RESOLVED:
            first += 1
        if first:
            stripes = ", ".join(str(2 * code.cell << bit) for bit in range(first))
            notes.append(
                f"{'columns' if axis == 'x' else 'rows'} of {stripes} px are finer than the camera sees: left out"
            )
        word = np.zeros(contrast.shape, np.int32)
        for bit in range(bits - 1, first - 1, -1):
            name = f"{axis}{bit}"
            word = word << 1 | (differences[name] > 0)
            known &= decidable[name]
            certain = np.minimum(certain, share[name])
        cells[axis], cell[axis] = word, code.cell << first
        _not_inverted(word, known, axis, first, -(-side // cell[axis]))

    # Where light comes by way of other places all digits may agree on a cell that is not there.
    outside = np.zeros_like(known)
    for axis, side in zip("xy", code.size, strict=True):
        cells[axis] = _number(cells[axis])
        outside |= cells[axis] >= -(-side // cell[axis])
    known &= ~outside
    if np.count_nonzero(known) < max(200, DECIDED * np.count_nonzero(sure)):
        raise ValueError(
            f"only {np.count_nonzero(known)} of {np.count_nonzero(sure)} lit camera pixels could be decoded: "
            "focus camera and projector, keep the wall free, hold the exposure, and take the pictures again"
        )
    known &= _agrees(cells["x"], cells["y"], known)
    x, y = (np.where(known, cells[axis], -1) for axis in "xy")
    confidence = np.where(known, np.minimum(certain, 1) * contrast / (contrast + NOISES * noise), 0)
    if clipped > 0.05:
        notes.append(
            f"the camera is overexposed in {clipped:.0%} of the picture: a shorter exposure would be more exact"
        )
    return Decoded(code.size, (cell["x"], cell["y"]), x, y, confidence.astype(np.float32), lit, tuple(notes))


def _number(word: Cells) -> Cells:
    """The number whose Gray code is ``word``."""
    number, shift = word.copy(), 1
    while shift < 32:
        number ^= number >> shift
        shift *= 2
    return number


def _not_inverted(word: Cells, known: NDArray[np.bool_], axis: str, first: int, count: int) -> None:
    """Raise ValueError when the numbers make sense only with one digit inverted: a picture stands for its inverse.

    The coarsest digit of a power of two cells mirrors the whole picture instead; `mapping` tells that.
    """
    bits = (count - 1).bit_length()

    def unrest(words: Cells) -> tuple[int, int]:
        """Jumps from one pixel to the next, and the way that is gone between all of them, jumps not counted in full."""
        numbers = _number(words)
        jumps = int(np.count_nonzero(known & (numbers >= count)))
        way = 0
        for a, b in ((np.s_[:, 1:], np.s_[:, :-1]), (np.s_[1:], np.s_[:-1])):
            far = np.abs(numbers[a] - numbers[b])[known[a] & known[b]]
            jumps += int(np.count_nonzero(far > JUMP))
            way += int(np.minimum(far, JUMP).sum())
        return jumps, way

    as_it_is, way = unrest(word)
    others = [unrest(word ^ (1 << bit)) for bit in range(bits)]
    # A coarse digit tears the picture at few places, a fine one makes it rough all over.
    bit = min(range(bits), key=lambda bit: others[bit][1])
    if others[bit][1] > 0.85 * way:
        if as_it_is < 0.2 * min(word.shape):
            return
        bit = min(range(bits), key=lambda bit: others[bit][0])
    if others[bit][1] < 0.85 * way or others[bit][0] < 0.4 * as_it_is:
        name = f"{axis}{bit + first}"
        raise ValueError(f"pictures {name!r} and {name + INVERSE!r} were swapped: take all pictures again")
    pairs = 2 * int(np.count_nonzero(known))
    if as_it_is > 0.08 * pairs:
        raise ValueError(
            f"the {'columns' if axis == 'x' else 'rows'} contradict each other in {as_it_is / max(1, pairs):.0%} "
            "of the picture: the camera or the projector moved, or was out of focus; take all pictures again"
        )


def _agrees(x: Cells, y: Cells, known: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Where at least four of the 24 pixels around say about the same: strays are noise.

    Not of the eight next to it: where stripes are as fine as the camera resolves, many of these lie on an edge.
    """
    same = np.zeros(known.shape, np.int8)
    height, width = known.shape
    for down, across in ((0, 1), (0, 2), *((down, across) for down in (1, 2) for across in range(-2, 3))):
        a = np.s_[down:, max(0, across) : width + min(0, across)]
        b = np.s_[: height - down, max(0, -across) : width - max(0, across)]
        near = known[a] & known[b] & (np.abs(x[a] - x[b]) <= JUMP) & (np.abs(y[a] - y[b]) <= JUMP)
        same[a] += near
        same[b] += near
    return same >= 4
