"""Pictures of the wizard: one that explains each stage, and what there is to be seen while it is at work."""

import threading
from collections.abc import Callable
from functools import cache, lru_cache

import cv2
import numpy as np

from calibration.cards import card
from calibration.graycode import gray_code
from calibration.lens import Board
from installation.calibrate.latency import patches
from installation.frame import Pixels, fit

SIZE = (960, 540)
DARK: tuple[int, int, int] = (12, 13, 18)  # the ground of everything that the wizard shows
ROOM, EDGES, LIGHT, SIGHT, BODY = (24, 27, 36), (70, 77, 94), (255, 214, 140), (120, 190, 255), (52, 58, 72)
WALL = ((270, 70), (690, 70), (690, 306), (270, 306))  # corners of the projector's picture in ours
BOARD = ((330, 120), (500, 100), (520, 250), (340, 262))
SHOWN = WALL[2][0] - WALL[0][0], WALL[2][1] - WALL[0][1]
PROJECTOR, CAMERA = (400, 420), (600, 430)
MOST = (960, 720)  # the box of a picture for the page
PACE = 0.5  # seconds between two pictures of one kind: what changes twice a second flashes once a second at most
QUALITY = 82
NEVER = float("-inf"), 0, b""
_ON_THE_WALL: dict[str, Callable[[], Pixels]] = {
    "card": lambda: card("grid", SHOWN),
    "light": lambda: card("grey", SHOWN),
    "wall": lambda: gray_code(SHOWN, (640, 480)).pixels("x3"),
    "latency": lambda: patches(SHOWN)[1],
}


class Seen:
    """What the wall shows and what the camera sees while a stage is at work.  Safe from any thread.

    ``now``: asked for the time in seconds.  Nothing is packed until somebody asks for it.
    """

    KINDS = ("picture", "eye")

    def __init__(self, now: Callable[[], float]) -> None:
        self._now, self._lock, self._packing = now, threading.Lock(), threading.Lock()
        self._pixels: dict[str, Pixels | None] = dict.fromkeys(self.KINDS)
        self._numbers = dict.fromkeys(self.KINDS, 0)
        self._packed: dict[str, tuple[float, int, bytes]] = {}

    def put(self, kind: str, pixels: Pixels | None) -> None:
        """Hand over a picture, (h, w, 3) uint8 RGB, which nobody writes on afterwards; None is none."""
        with self._lock:
            if pixels is not self._pixels[kind]:
                self._pixels[kind] = pixels
                self._numbers[kind] += 1

    def numbers(self) -> dict[str, int | None]:
        """By kind the number of the picture that `jpeg` gives now; None where there is none."""
        with self._lock:
            return {kind: self._number(kind) if self._pixels[kind] is not None else None for kind in self.KINDS}

    def jpeg(self, kind: str) -> bytes | None:
        """The picture, packed; the same one for half a second, however often it changes."""
        with self._packing:
            with self._lock:
                pixels, number = self._pixels[kind], self._numbers[kind]
                _, before, packed = self._packed.get(kind, NEVER)
                if pixels is None or self._number(kind) == before:
                    return None if pixels is None else packed
            packed = _packed(pixels)
            with self._lock:
                self._packed[kind] = self._now(), number, packed
            return packed

    def _number(self, kind: str) -> int:
        made, before, _ = self._packed.get(kind, NEVER)
        return before if self._now() - made < PACE else self._numbers[kind]


def _packed(pixels: Pixels) -> bytes:
    size = pixels.shape[1], pixels.shape[0]
    if size[0] > MOST[0] or size[1] > MOST[1]:
        pixels = np.asarray(cv2.resize(pixels, fit(size, MOST), interpolation=cv2.INTER_AREA), np.uint8)
    bgr = cv2.cvtColor(pixels, cv2.COLOR_RGB2BGR)
    return cv2.imencode(".jpg", bgr, [cv2.IMWRITE_JPEG_QUALITY, QUALITY])[1].tobytes()


@cache
def explained(name: str) -> Pixels:
    """Where projector, wall, camera and people are in a stage, (540, 960, 3) uint8 RGB; not to be written on."""
    picture = np.full((SIZE[1], SIZE[0], 3), ROOM, np.uint8)
    for corner, end in zip(((190, 30), (770, 30), (770, 346), (190, 346)), _ends(), strict=True):
        cv2.line(picture, corner, end, EDGES, 2, cv2.LINE_AA)
    cv2.rectangle(picture, (190, 30), (770, 346), EDGES, 2, cv2.LINE_AA)
    cv2.rectangle(picture, WALL[0], WALL[2], EDGES, 1, cv2.LINE_AA)
    if name == "lens":
        _person(picture, (425, 330))
    elif name != "card":
        _look(picture, WALL)
    if name in _ON_THE_WALL:
        _beam(picture)
        _lay(picture, _ON_THE_WALL[name](), WALL)
        _projector(picture)
    if name == "lens":
        _look(picture, BOARD)
        _lay(picture, np.repeat(Board().picture(dpi=60)[..., None], 3, axis=2), BOARD)
    if name == "room":
        _door(picture)
    if name != "card":
        _camera(picture)
    picture.flags.writeable = False
    return picture


def _ends() -> tuple[tuple[int, int], ...]:
    width, height = SIZE
    return (0, -90), (width, -90), (width, height - 12), (0, height - 12)


def _lay(picture: Pixels, small: Pixels, corners: tuple[tuple[int, int], ...]) -> None:
    height, width = small.shape[:2]
    here = np.array(((0, 0), (width, 0), (width, height), (0, height)), np.float32)
    matrix = cv2.getPerspectiveTransform(here, np.array(corners, np.float32))
    laid = cv2.warpPerspective(small, matrix, SIZE, flags=cv2.INTER_AREA)
    inside = cv2.fillConvexPoly(np.zeros(SIZE[::-1], np.uint8), np.array(corners, np.int32), 255, cv2.LINE_AA)
    share = inside[..., None].astype(np.float32) / 255
    picture[:] = np.rint(share * laid + (1 - share) * picture)


def _tinted(picture: Pixels, points: list[tuple[int, int]], colour: tuple[int, int, int], share: float) -> None:
    over = cv2.fillPoly(picture.copy(), [cv2.convexHull(np.array(points, np.int32))], colour, cv2.LINE_AA)
    picture[:] = cv2.addWeighted(over, share, picture, 1 - share, 0)


def _beam(picture: Pixels) -> None:
    _tinted(picture, [*WALL, (PROJECTOR[0], PROJECTOR[1] - 20)], LIGHT, 0.12)


def _look(picture: Pixels, corners: tuple[tuple[int, int], ...]) -> None:
    eye = CAMERA[0], CAMERA[1] - 26
    _tinted(picture, [*corners, eye], SIGHT, 0.10)
    for corner in corners[2:]:
        cv2.line(picture, eye, corner, SIGHT, 2, cv2.LINE_AA)


def _projector(picture: Pixels) -> None:
    x, y = PROJECTOR
    _box(picture, (x - 58, y - 24), (x + 58, y + 30), BODY)
    cv2.circle(picture, (x, y - 22), 15, LIGHT, -1, cv2.LINE_AA)
    cv2.circle(picture, (x, y - 22), 15, EDGES, 2, cv2.LINE_AA)


def _camera(picture: Pixels) -> None:
    x, y = CAMERA
    for foot in (-34, 0, 34):
        cv2.line(picture, (x, y), (x + foot, y + 84), EDGES, 4, cv2.LINE_AA)
    _box(picture, (x - 30, y - 22), (x + 30, y + 18), BODY)
    cv2.circle(picture, (x, y - 24), 12, SIGHT, -1, cv2.LINE_AA)
    cv2.circle(picture, (x, y - 24), 12, EDGES, 2, cv2.LINE_AA)


def _box(picture: Pixels, corner: tuple[int, int], opposite: tuple[int, int], colour: tuple[int, int, int]) -> None:
    cv2.rectangle(picture, corner, opposite, colour, -1, cv2.LINE_AA)
    cv2.rectangle(picture, corner, opposite, EDGES, 2, cv2.LINE_AA)


def _person(picture: Pixels, hips: tuple[int, int]) -> None:
    """Whoever holds the board: it hides most of him."""
    x, y = hips
    cv2.circle(picture, (x, y - 252), 27, LIGHT, -1, cv2.LINE_AA)
    for begin, end, thick in (((0, -205), (0, 0), 34), ((-12, 0), (-16, 92), 18), ((12, 0), (16, 92), 18)):
        cv2.line(picture, (x + begin[0], y + begin[1]), (x + end[0], y + end[1]), LIGHT, thick, cv2.LINE_AA)


def _door(picture: Pixels) -> None:
    """An open door on the left, and somebody who goes."""
    frame = np.array(((40, 120), (128, 156), (128, 404), (40, 480)), np.int32)
    cv2.fillPoly(picture, [frame], (60, 54, 44), cv2.LINE_AA)
    cv2.polylines(picture, [frame], True, LIGHT, 2, cv2.LINE_AA)
    cv2.circle(picture, (196, 276), 17, LIGHT, -1, cv2.LINE_AA)
    for begin, end in (((194, 300), (188, 362)), ((188, 362), (212, 424)), ((188, 362), (164, 420)),
                       ((194, 312), (220, 346)), ((194, 312), (164, 340))):  # fmt: skip
        cv2.line(picture, begin, end, LIGHT, 10, cv2.LINE_AA)
    cv2.arrowedLine(picture, (150, 450), (76, 462), LIGHT, 4, cv2.LINE_AA, tipLength=0.3)


@lru_cache(4)
def code_of(text: str) -> Pixels:
    """A QR code of ``text``, a pixel for each of its squares with four white ones around: (n, n, 3) uint8."""
    grey = np.asarray(cv2.QRCodeEncoder.create().encode(text), np.uint8)
    white = np.pad(grey, 2, constant_values=255)  # it brings two of its own, and four are asked for
    return np.asarray(np.repeat(white[..., None], 3, axis=2), np.uint8)
