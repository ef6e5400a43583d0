"""What is on the wall: one frame, the veil over it and the look, made into pixels.

This is the reference.  The shader (`installation/sinks/shaders/wall.frag.glsl`) does the same sums on the graphics
card; the plain screen, the page, films and tests use what stands here.  In display levels of 0..255:

    picture = gain * camera + offset + tint @ dream          clipped to 0..255 and rounded

where ``dream`` is the veil in the network's units and `mixing` makes the three numbers of a look, so that shader and
reference cannot drift apart.  Two laws hold to the bit: with nothing to lay over and nothing dimmed the pixels are
the camera's, and where the size fits as well they are the camera's very array.

Integers are why it is fast: pictures wait in int16 at sixteen steps a level, which OpenCV resizes quicker than
bytes (1.0 against 1.6 ms to 1280x720 on one core) and adds with saturation; the last shift rounds.  cv2.warpAffine
would lay a frame down in one call, but needs 8 ms; a mixed cv2.add of bytes and int16 costs 1.3 ms more than this.
"""

import math
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from installation.frame import Frame, Pixels
from installation.knobs import Look
from installation.veil import Veil

Matrix = NDArray[np.float64]
Picture = NDArray[np.uint8] | NDArray[np.int16] | NDArray[np.float32]

LUMA = np.array([0.2126, 0.7152, 0.0722])  # how bright red, green and blue are to the eye (Rec. 709)
STEPS = 16  # int16 steps in one display level: leaves the dream room for +-1790 levels
_SHIFT = 4


@dataclass(frozen=True, slots=True)
class Placing:
    """How a frame is laid on the display.

    ``rotate``: quarter turns clockwise in degrees, 0, 90, 180 or 270, for a camera or a projector that hangs turned.
    ``mirror``: left and right of the wall are swapped, after the turn, so that the wall is a looking-glass.
    ``cover``: fill the display and lose what sticks out; otherwise show all of it between black bars.
    """

    mirror: bool = False
    rotate: int = 0
    cover: bool = True

    def __post_init__(self) -> None:
        if self.rotate not in {0, 90, 180, 270}:
            raise ValueError(f"a picture is turned by 0, 90, 180 or 270 degrees, not {self.rotate}")

    def upright(self, camera: tuple[int, int]) -> tuple[int, int]:
        """The camera's (width, height) once it is turned."""
        return camera if self.rotate in {0, 180} else (camera[1], camera[0])

    def laid(self, camera: tuple[int, int], display: tuple[int, int]) -> tuple[int, int, int, int]:
        """Where the frame lies on the display: left, top, width, height in whole pixels; a cover may stick out."""
        width, height = self.upright(camera)
        scales = display[0] / width, display[1] / height
        scale = max(scales) if self.cover else min(scales)
        across, down = (max(1, round(side * scale)) for side in (width, height))
        return (display[0] - across) // 2, (display[1] - down) // 2, across, down

    def matrix(self, camera: tuple[int, int], display: tuple[int, int]) -> Matrix:
        """Camera pixel to display pixel, (2, 3) float64.

        Both count from the top left corner with pixel centres at one half, so sizes are scaled without an offset.
        """
        width, height = camera
        left, top, across, down = self.laid(camera, display)
        turned: dict[int, list[list[float]]] = {
            0: [[1, 0, 0], [0, 1, 0]],
            90: [[0, -1, height], [1, 0, 0]],
            180: [[-1, 0, width], [0, -1, height]],
            270: [[0, 1, 0], [-1, 0, width]],
        }
        matrix = np.array(turned[self.rotate], np.float64)
        upright = self.upright(camera)
        if self.mirror:
            matrix[0] = [-matrix[0, 0], -matrix[0, 1], upright[0] - matrix[0, 2]]
        matrix *= np.array([[across / upright[0]], [down / upright[1]]])
        matrix[:, 2] += left, top
        return matrix

    def orient(self, picture: Picture) -> Picture:
        """A picture or field turned and mirrored, at its own size; the same object when there is nothing to do."""
        if self.rotate:
            code = {90: cv2.ROTATE_90_CLOCKWISE, 180: cv2.ROTATE_180, 270: cv2.ROTATE_90_COUNTERCLOCKWISE}[self.rotate]
            picture = cv2.rotate(picture, code)  # type: ignore[assignment]
        return cv2.flip(picture, 1) if self.mirror else picture  # type: ignore[return-value]


AS_IT_COMES = Placing()


@dataclass(frozen=True, slots=True)
class Mixing:
    """A look in the terms of the formula above: levels out of camera levels and dream units."""

    gain: float
    offset: float
    tint: Matrix  # (3, 3) float64, levels per unit of dream

    @property
    def camera_as_is(self) -> bool:
        """The camera neither dimmed nor greyed."""
        return self.gain == 1.0 and self.offset == 0.0

    @property
    def dreams(self) -> bool:
        """Whether any dream is laid over."""
        return bool(self.tint.any())


def mixing(look: Look) -> Mixing:
    """The look's numbers.  Bypass keeps the brightness, which belongs to the room and not to the dream."""
    if look.blackout:
        return Mixing(0.0, 0.0, np.zeros((3, 3)))
    if look.bypass:
        return Mixing(look.brightness, 0.0, np.zeros((3, 3)))
    return Mixing(
        gain=look.brightness * look.camera,
        offset=look.brightness * (1.0 - look.camera) * 127.5,
        tint=look.brightness * look.intensity * 127.5 * colours(look.hue, look.saturation),
    )


def colours(hue: float, saturation: float) -> Matrix:
    """The (3, 3) colour matrix that turns the hue by ``hue`` degrees and scales the colour by ``saturation``.

    Luma is kept to the last digit, greys stay as they are, and turning twice is turning by the sum.  Colour is taken
    to the plane square to grey, turned there, and sheared back to where its luma is zero; a turn by 120 degrees makes
    a red dream green, as bright as the red was.  The usual SVG hueRotate matrix has three digits and keeps neither law.
    """
    turn = math.radians(hue)
    grey = np.ones((3, 3)) / 3.0
    cross = np.array([[0, -1, 1], [1, 0, -1], [-1, 1, 0]]) / math.sqrt(3.0)
    rotation = math.cos(turn) * np.eye(3) + math.sin(turn) * cross + (1.0 - math.cos(turn)) * grey
    luma = np.outer(np.ones(3), LUMA)
    matrix: Matrix = luma + saturation * (np.eye(3) - luma) @ rotation
    return matrix


class Composer:
    """`compose` with its work sheets kept, so that a screen does not ask for new pages sixty times a second.

    For one thread.  Fresh sheets cost 2 ms a picture at 1280x720, in page faults.
    """

    def __init__(self) -> None:
        self._sheets: dict[str, NDArray[np.int16]] = {}

    def __call__(
        self,
        frame: Frame,
        veil: Veil,
        look: Look,
        size: tuple[int, int] | None = None,
        placing: Placing = AS_IT_COMES,
        *,
        out: Pixels | None = None,
    ) -> Pixels:
        """See `compose`.  ``out``: (H, W, 3) uint8 to write to, where that saves a copy; what is returned counts."""
        size = size or placing.upright(frame.size)
        mix = mixing(look)
        if look.blackout:
            return _dark(size, out)
        field = veil.flat() if mix.dreams else None
        camera = placing.orient(frame.pixels)
        box = placing.laid(frame.size, size)
        if field is None and mix.camera_as_is:
            return self._camera_alone(np.asarray(camera, np.uint8), box, size, out)

        base = self._place("camera", _base(np.asarray(camera, np.uint8), mix), box, size)
        if field is not None:
            levels = np.asarray(cv2.transform(field, mix.tint * STEPS), np.float32)
            cv2.patchNaNs(levels, 0.0)  # one bad number of the network's must not punch a hole into the picture
            steps = np.clip(levels, -28000, 28000).astype(np.int16)
            dream = self._place("dream", np.asarray(placing.orient(steps), np.int16), box, size)
            cv2.add(base, dream, dst=base)
        np.right_shift(base, _SHIFT, out=base)
        np.clip(base, 0, 255, out=base)
        left, top = max(0, box[0]), max(0, box[1])
        whole = base.shape[:2] == (size[1], size[0])
        out = _paper(size, out) if whole else _dark(size, out)
        np.copyto(out[top : top + base.shape[0], left : left + base.shape[1]], base, casting="unsafe")
        return out

    def _camera_alone(
        self, camera: Pixels, box: tuple[int, int, int, int], size: tuple[int, int], out: Pixels | None
    ) -> Pixels:
        if camera.shape[:2] == (size[1], size[0]):
            return camera
        placed = _placed(camera, box, size, None)
        if placed.shape[:2] == (size[1], size[0]):
            return np.ascontiguousarray(placed, np.uint8)
        out = _dark(size, out)
        left, top = max(0, box[0]), max(0, box[1])
        out[top : top + placed.shape[0], left : left + placed.shape[1]] = placed
        return out

    def _place(
        self, name: str, picture: NDArray[np.int16], box: tuple[int, int, int, int], size: tuple[int, int]
    ) -> NDArray[np.int16]:
        columns = _reach(picture.shape[1], box[2], box[0], size[0])
        rows = _reach(picture.shape[0], box[3], box[1], size[1])
        shape = (rows.to - rows.at, columns.to - columns.at, 3)
        sheet = self._sheets.get(name)
        if sheet is None or sheet.shape != shape:
            sheet = self._sheets[name] = np.empty(shape, np.int16)
        return np.asarray(_placed(picture, box, size, sheet), np.int16)


def compose(
    frame: Frame, veil: Veil, look: Look, size: tuple[int, int] | None = None, placing: Placing = AS_IT_COMES
) -> Pixels:
    """The picture on a display of ``size`` (width, height), by default that of the frame as it is turned.

    (H, W, 3) uint8 RGB.  It may be ``frame.pixels`` itself and is not to be written to.  Freeze is not done here: the
    show hands the same frame, veil and look again.
    """
    return Composer()(frame, veil, look, size, placing)


def _base(camera: Pixels, mix: Mixing) -> NDArray[np.int16]:
    """The camera in steps, dimmed and greyed, with half a level more so that the last shift rounds."""
    if mix.camera_as_is:
        return np.left_shift(camera, _SHIFT, dtype=np.int16) + np.int16(STEPS // 2)
    levels = np.arange(256) * mix.gain + mix.offset
    table = np.rint(levels * STEPS + STEPS / 2).astype(np.int16)
    return np.asarray(cv2.LUT(camera, table), np.int16)


@dataclass(frozen=True, slots=True)
class _Reach:
    """Which pixels of a side, ``start``..``stop``, make which of the scaled side, ``at``..``to``, all whole numbers."""

    start: int
    stop: int
    at: int
    to: int


def _reach(length: int, scaled: int, offset: int, display: int) -> _Reach:
    """The part of a side that is seen and a pixel more, cut where camera and scaled pixels share an edge.

    Cut there, cv2.resize gives exactly what it gives for the whole picture, and a cover does not pay for what is lost.
    """
    parts = math.gcd(length, scaled)
    each, scaled_each = length // parts, scaled // parts
    seen_from = max(0, -offset) / scaled * length - 1
    seen_to = min(scaled, display - offset) / scaled * length + 1
    first, last = max(0, math.floor(seen_from / each)), min(parts, math.ceil(seen_to / each))
    return _Reach(first * each, last * each, first * scaled_each, last * scaled_each)


def _placed(
    picture: Picture, box: tuple[int, int, int, int], size: tuple[int, int], sheet: NDArray[np.int16] | None
) -> Picture:
    """The part of ``picture`` that is seen when it is stretched to ``box`` on a display of ``size``."""
    left, top, across, down = box
    columns = _reach(picture.shape[1], across, left, size[0])
    rows = _reach(picture.shape[0], down, top, size[1])
    part = picture[rows.start : rows.stop, columns.start : columns.stop]
    wanted = (columns.to - columns.at, rows.to - rows.at)
    if part.shape[:2] == (wanted[1], wanted[0]) and sheet is None:
        scaled: Picture = part
    else:
        scaled = cv2.resize(part, wanted, dst=sheet, interpolation=cv2.INTER_LINEAR)  # type: ignore[assignment]
    y, x = max(0, -top) - rows.at, max(0, -left) - columns.at
    return scaled[y : y + min(down, size[1]), x : x + min(across, size[0])]


def _paper(size: tuple[int, int], out: Pixels | None) -> Pixels:
    if out is not None and out.shape == (size[1], size[0], 3):
        return out
    return np.empty((size[1], size[0], 3), np.uint8)


def _dark(size: tuple[int, int], out: Pixels | None) -> Pixels:
    out = _paper(size, out)
    out[:] = 0
    return out
