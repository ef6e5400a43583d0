"""``dreamwall calibrate light``: how bright projector and camera make each level, from grey steps and strewn white.

What the readings mean stands in `calibration.photometry`.  The grey steps go up and come down again: a camera that
turns itself brighter, that is late, or a lamp that was switched on the way reads the same step differently, and is
told instead of measured.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from calibration import shelf
from calibration.consistency import visible
from calibration.graycode import BLACK, WHITE, Pattern, hold_for
from calibration.limits import LUMA
from calibration.photometry import LEVELS, SHARES, Camera, Curve, Readings, mixed, projector_curves, reading
from calibration.profile import Profile, ProfileError
from calibration.readings import Counts, camera_of, counted, read
from installation.calibrate.capture import settled, taken
from installation.calibrate.seam import CalibrationError, Eye, Step, Steps, Wall
from installation.calibrate.wall import ADAPTING
from installation.frame import Frame, Pixels

LATE = 0.5  # seconds that the camera may be late: twice what the Gray code allows, for here no digit would tell
PART = 0.6  # of the most that the projector adds, from which a camera pixel belongs to its picture
WIDEST = 480  # camera pixels a side, of the middle of the picture, that are read
FEWEST = 200  # camera pixels that are read
STEADY = 2.0, 0.05  # levels, or share of the span if that is more, by which the same step may differ
LEAST = 0.001  # of white: a black below this, or below what the curve misses, is not told by levels of 255
ALIKE = {"gamma": 0.05, "white": 0.05, "black": 0.1}  # channels that differ by less are told together (the last: share)
CLIPPED = 250.0  # levels of white from which a camera pixel is left out
COLOURS = ("red", "green", "blue")

Levels = NDArray[np.float32]  # (h, w, 3), 0..255


@dataclass(frozen=True, slots=True)
class Photometry:
    """``camera``: its curve.  ``curves``: the projector's, for red, green and blue.  ``size``: of the camera's picture.

    ``notes``: what a person should know, a line each.
    """

    camera: Camera
    curves: tuple[Curve, ...]
    size: tuple[int, int]
    notes: tuple[str, ...]

    @property
    def gamma(self) -> float:
        """One for all of the projector's channels, by how much of white's brightness each of them is."""
        return round(float(np.dot(LUMA, [curve.gamma for curve in self.curves])), 2)


def light_seen(wall: Wall, eye: Eye, *, hold: Callable[[], str]) -> Steps[Photometry]:
    """Show white, black, grey steps up and down, and white strewn over black; read the curves from what is seen.

    ``hold``: makes the camera hold its exposure and says what came of it.  Raises ValueError or CalibrationError, in
    one line, for readings that cannot be believed.
    """
    white = _even(wall.size, 255)
    adapting = Step("the wall becomes white, and the camera sets its exposure to it", 0.0, white)
    size = yield from settled(hold_for(255, 0) + ADAPTING, white, wall, eye, adapting)
    notes = [hold()]
    ends = [
        Pattern(WHITE, partial(_even, wall.size, 255), hold_for(255, 255, latency=LATE)),
        Pattern(BLACK, partial(_even, wall.size, 0), hold_for(255, 0, latency=LATE)),
    ]
    sides = Coloured(eye, size)
    pictures = yield from taken(ends, wall, sides, "white and black: looking for the projector's picture", (0.05, 0.1))
    region = lit(*(_colours(pictures.pop(name)) for name in (WHITE, BLACK)))
    box = middle(region)
    patterns = sequence(wall.size)
    minutes = sum(pattern.hold for pattern in patterns) / 60
    sentence = f"grey steps, then white specks on black, for {minutes:.1f} min: keep out of the camera's view"
    pictures = yield from taken(patterns, wall, Coloured(eye, size, box), sentence, (0.1, 0.98))
    counts = {name: _counted(name, _colours(picture), region[box]) for name, picture in pictures.items()}
    up, down = ([counts[_grey(way, level)] for level in LEVELS] for way in ("up", "down"))
    specks = [counts[_strewn(share)] if share else down[0] for share in SHARES]
    steady(read(up, 1.0), read(down, 1.0), read(specks, 1.0))
    camera = camera_of(SHARES, specks)
    both = (read(up, camera.gamma) + read(down, camera.gamma)) / 2
    found = Photometry(camera, projector_curves(LEVELS, both, camera), size, tuple(filter(None, notes)))
    if not 1 <= found.gamma <= 4:
        raise CalibrationError(
            f"the projector's gamma is {found.gamma:.2f}, and a picture is made for 1 to 4: choose another picture "
            "mode in the projector's menu"
        )
    return found


def sequence(size: tuple[int, int]) -> list[Pattern]:
    """What is shown once the wall is black: grey up and down, then more and more white specks, each long enough."""
    patterns, before = [], 0
    for way, levels in (("up", LEVELS), ("down", LEVELS[::-1])):
        for level in levels:
            held = hold_for(max(level, before), min(level, before), latency=LATE)
            patterns.append(Pattern(_grey(way, level), partial(_even, size, level), held))
            before = level
    held = hold_for(255, 0, latency=LATE)
    return patterns + [Pattern(_strewn(share), partial(mixed, size, share), held) for share in SHARES[1:]]


class Coloured:
    """An eye whose pictures are grey, with red, green and blue side by side, because `taken` keeps no colours.

    ``size``: of the camera's pictures.  ``box``: the part of them that is wanted.  Fills ``Eye``.
    """

    def __init__(self, eye: Eye, size: tuple[int, int], box: tuple[slice, slice] = np.s_[:, :]) -> None:
        self._eye, self._size, self._box = eye, size, box

    @property
    def name(self) -> str:
        return self._eye.name

    def newest(self, after: float = float("-inf")) -> Frame | None:
        """As `Eye.newest`.  Raises CalibrationError when the camera's size is another."""
        frame = self._eye.newest(after)
        if frame is None:
            return None
        if frame.size != self._size:
            raise CalibrationError(f"the camera changed its picture to {frame.size[0]}x{frame.size[1]}: begin again")
        part = frame.pixels[self._box]
        beside = part.transpose(0, 2, 1).reshape(len(part), -1)
        return Frame(np.repeat(beside[..., None], 3, axis=2), frame.index, frame.time)


def lit(white: Levels, black: Levels) -> NDArray[np.bool_]:
    """Camera pixels (h, w) that the projector lights evenly enough; raises ValueError, saying why, when there are none.

    Places where white is clipped are left out, unless that is most of them: then the readings tell.
    """
    added = np.asarray(white.mean(axis=2) - black.mean(axis=2), np.float32)
    visible(added, np.asarray(black.mean(axis=2), np.float32))
    inside = cv2.blur(added, (3, 3)) > PART * float(np.percentile(added, 99))
    inside = cv2.erode(inside.astype(np.uint8), np.ones((5, 5), np.uint8)).astype(bool)
    within = inside & (white < CLIPPED).all(axis=2)
    inside = within if 2 * np.count_nonzero(within) > np.count_nonzero(inside) else inside
    if np.count_nonzero(inside[middle(inside)]) < FEWEST:
        raise ValueError("the camera sees the projector's picture too small: move it closer, or zoom in")
    return inside


def middle(region: NDArray[np.bool_]) -> tuple[slice, slice]:
    """The middle of where ``region`` (h, w) is true, `WIDEST` a side at the most: there the light is most even."""
    slices = []
    for axis in (1, 0):
        along = np.flatnonzero(region.any(axis=axis))
        if not len(along):
            return np.s_[0:0, 0:0]
        first, last = int(along[0]), int(along[-1]) + 1
        spare = max(0, last - first - WIDEST)
        slices.append(slice(first + spare // 2, last - (spare - spare // 2)))
    return slices[0], slices[1]


def steady(up: Readings, down: Readings, specks: Readings) -> None:
    """Raise ValueError unless each grey step (n, 3) was read alike on both ways, and white as the specks ended."""
    differ = max(float(np.abs(up - down).max()), float(np.abs(up[-1] - specks[-1]).max()))
    if differ > max(STEADY[0], STEADY[1] * float(np.ptp(up))):
        raise ValueError(
            f"the same grey was read {differ:.0f} levels of 255 apart: hold the camera's exposure, keep the light in "
            "the room steady and people out of the view; a camera more than half a second late cannot be read"
        )


def told(found: Photometry) -> list[str]:
    """What was measured, for the person: a line each."""
    curves = found.curves
    gamma = _each([curve.gamma for curve in curves], "{:.2f}".format, ALIKE["gamma"])
    white = _each([curve.white for curve in curves], "{:.0%}".format, ALIKE["white"])
    floors = [max(LEAST * curve.white, curve.error * (curve.white - curve.black)) for curve in curves]
    deep = any(curve.black < floor for curve, floor in zip(curves, floors, strict=True))
    blacks = [max(curve.black, floor) / curve.white for curve, floor in zip(curves, floors, strict=True)]
    black = _each(blacks, "{:.2%}".format, ALIKE["black"] * max(blacks))
    contrast = _each([1 / share for share in blacks], _ratio, ALIKE["black"] / min(blacks))
    less, more = ("less than ", "more than ") if deep else ("", "")
    return [
        f"the projector's gamma is {gamma}",
        f"its black, with the room's light, is {less}{black} of its white: a contrast of {more}{contrast} to 1",
        f"its white is {white} of the brightest that the camera tells at this exposure",
        f"the camera's gamma is {found.camera.gamma:.2f}",
    ]


def profile_before(folder: Path, wall: Wall) -> Profile:
    """The profile that the gamma goes into; a plain one where there is none.

    Raises CalibrationError for a damaged one: it may hold a picture that somebody pinned, and a plain one in its place
    would take that off the wall.
    """
    try:
        return shelf.load(folder, wall.name, wall.size) or Profile.plain(wall.name, wall.size)
    except ProfileError as error:
        line = "; ".join(map(str.strip, str(error).splitlines()))
        raise CalibrationError(f"{line}; go back to an older one with `dreamwall calibrate profiles`") from error


def _even(size: tuple[int, int], level: int) -> Pixels:
    return np.full((size[1], size[0], 3), level, np.uint8)


def _grey(way: str, level: int) -> str:
    return f"grey {level} {way}"


def _strewn(share: float) -> str:
    return f"specks {share:g}"


def _colours(beside: NDArray[np.float16]) -> Levels:
    """What `Coloured` laid side by side, (h, 3 w), as a picture."""
    return np.asarray(beside, np.float32).reshape(len(beside), 3, -1).transpose(0, 2, 1)


def _counted(name: str, picture: Levels, region: NDArray[np.bool_]) -> Counts:
    """As `counted`; raises ValueError where the camera tells specks apart (noise alone makes even pictures rough)."""
    if name.startswith("specks"):
        reading(np.rint(picture).astype(np.uint8), region)
    return counted(picture, region)


def _ratio(value: float) -> str:
    return f"{value:.0f}" if value >= 10 else f"{value:.1f}"


def _each(values: list[float], written: Callable[[float], str], apart: float) -> str:
    """One number for all channels, their mean, and each by itself where they differ by more than ``apart``."""
    mean = written(float(np.mean(values)))
    if max(values) - min(values) <= apart:
        return mean
    each = zip(COLOURS, values, strict=True)
    return f"{mean} ({', '.join(f'{colour} {written(value)}' for colour, value in each)})"
