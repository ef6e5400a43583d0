"""The lens: a ChArUco board to print, its corners in pictures of it, and from several of these the lens itself.

The board is a chessboard with a small square code in each white square, so that it may be seen in part and each
corner still has its number (Garrido-Jurado, Munoz-Salinas, Madrid-Cuevas, Marin-Jimenez, *Automatic generation and
detection of highly reliable fiducial markers under occlusion*, 2014; OpenCV's `CharucoDetector`).  The lens is
Zhang's, *A flexible new technique for camera calibration*, 2000, with Brown's distortion, as `cv2.calibrateCamera`
finds it.  That always finds something, so it is asked here whether the views could tell, and every refusal says which
view to take next.
"""

import struct
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

Grey = NDArray[np.uint8]  # (h, w)
Points = NDArray[np.float64]  # (n, 2)

CORNERS = 8  # that a view must show
VIEWS = 8  # that are needed
TILT = 15.0  # degrees by which the board is tilted in a view that tells focal length from distance
TILTED = 3  # views so tilted
BINS = (6, 4)  # parts of the picture across and down
COVERED = 0.6  # share of them in which corners were seen
ERROR = 1.0  # pixels: the root mean square that is refused
OUTLIER = 3.0  # times the median error at which a view is left out, once
MARGIN = 10.0  # mm of white paper around the board, at least; markers need it
INCH = 25.4


@dataclass(frozen=True)
class Board:
    """A ChArUco board: ``columns`` x ``rows`` squares of ``square`` mm with markers of 0.75 of that.

    The default fits on A4 and US Letter.  How large the printer made it does not matter for the lens.
    """

    columns: int = 9
    rows: int = 6
    square: float = 27.0

    def __post_init__(self) -> None:
        if min(self.columns, self.rows) < 4 or self.columns == self.rows:
            raise ValueError(
                f"a board of {self.columns}x{self.rows} squares: 4 a side at least, and not as many up as across"
            )
        if self.columns * self.rows > 100 or not self.square > 0:
            raise ValueError(f"a board of {self.columns}x{self.rows} squares of {self.square} mm: 100 squares at most")

    @property
    def size(self) -> tuple[float, float]:
        """Width and height of the picture of it in mm, its white margin included."""
        return self.columns * self.square + 2 * MARGIN, self.rows * self.square + 2 * MARGIN

    @cached_property
    def _made(self) -> Any:
        dictionary = cv2.aruco.getPredefinedDictionary(cv2.aruco.DICT_4X4_50)
        return cv2.aruco.CharucoBoard((self.columns, self.rows), self.square, 0.75 * self.square, dictionary)

    @cached_property
    def _detector(self) -> Any:
        return cv2.aruco.CharucoDetector(self._made)

    def picture(self, dpi: float = 300.0) -> Grey:
        """The board with its margin, (h, w) uint8, at so many pixels an inch."""
        scale = dpi / INCH
        width, height = (round(side * scale) for side in self.size)
        inner = round(self.columns * self.square * scale), round(self.rows * self.square * scale)
        page = np.full((height, width), 255, np.uint8)
        left, top = (width - inner[0]) // 2, (height - inner[1]) // 2
        page[top : top + inner[1], left : left + inner[0]] = self._made.generateImage(inner, marginSize=0)
        return page

    def png(self, dpi: float = 300.0) -> bytes:
        """The same as a PNG file that carries its size in its pHYs chunk, so that it prints in mm."""
        done, data = cv2.imencode(".png", self.picture(dpi))
        assert done
        whole, ahead = data.tobytes(), 33  # the signature and IHDR take 33 bytes; pHYs comes before the pixels
        body = b"pHYs" + struct.pack(">IIB", *2 * (round(dpi / INCH * 1000),), 1)
        return whole[:ahead] + struct.pack(">I", 9) + body + struct.pack(">I", zlib.crc32(body)) + whole[ahead:]

    def find(self, picture: NDArray[np.uint8]) -> "View | None":
        """The board in a camera's picture, (h, w) or (h, w, 3) RGB uint8; None where too few corners are seen."""
        grey = picture if picture.ndim == 2 else cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY)
        corners, numbers, _, _ = self._detector.detectBoard(grey)
        if numbers is None or len(numbers) < CORNERS:
            return None
        numbers = np.asarray(numbers, np.int32).ravel()
        across = self.columns - 1
        if len(set(numbers % across)) < 2 or len(set(numbers // across)) < 2:
            return None  # all on one line: no plane
        at = np.asarray(corners, np.float64).reshape(-1, 2) + 0.5
        return View((grey.shape[1], grey.shape[0]), numbers, at, self.columns)

    def places(self, numbers: NDArray[np.int32]) -> NDArray[np.float32]:
        """Where corners of these numbers lie on the board: (n, 3) in mm."""
        return np.asarray(self._made.getChessboardCorners(), np.float32)[numbers]


@dataclass(frozen=True, slots=True)
class View:
    """One picture of the board.

    ``size``: the picture's width and height.  ``numbers``: (n,) of the corners seen; ``corners``: (n, 2) where, with
    pixel centres at one half.  ``columns``: the board's.
    """

    size: tuple[int, int]
    numbers: NDArray[np.int32]
    corners: Points
    columns: int

    @property
    def tilt(self) -> tuple[float, float]:
        """Degrees by which the board looks turned to the side and up or down, by how its squares shrink; roughly.

        A board that is straight before the camera, wherever in the picture, has squares of one size; at ``a`` degrees
        the nearer ones are larger.
        """
        plane = np.stack([self.numbers % (self.columns - 1), self.numbers // (self.columns - 1)], 1).astype(np.float64)
        found, _ = cv2.findHomography(plane, self.corners - np.array(self.size) / 2)
        # With the focal length taken as the picture's width, the third row against the scale is the tangent.
        focal = float(self.size[0])
        straight = np.diag([1 / focal, 1 / focal, 1]) @ found
        lengths = np.linalg.norm(straight[:, :2], axis=0)
        across, down = straight[2, :2] / np.maximum(lengths, 1e-12)
        return float(np.degrees(np.arcsin(np.clip(across, -1, 1)))), float(np.degrees(np.arcsin(np.clip(down, -1, 1))))


@dataclass(frozen=True, slots=True)
class Lens:
    """A camera's lens at one size of picture.

    ``size``: width and height.  ``matrix``: (3, 3) float64 as OpenCV has it, with pixel centres at whole numbers.
    ``distortion``: (5,) float64, k1 k2 p1 p2 k3.  ``error``: root mean square in pixels by which corners are missed.
    ``views``: from how many.
    """

    size: tuple[int, int]
    matrix: NDArray[np.float64]
    distortion: NDArray[np.float64]
    error: float
    views: int

    def straight(self, points: Points) -> Points:
        """Where camera positions (n, 2) would lie without distortion; pixel centres at one half, in and out."""
        criteria = (cv2.TERM_CRITERIA_COUNT | cv2.TERM_CRITERIA_EPS, 40, 1e-8)
        moved = cv2.undistortPoints(
            np.asarray(points, np.float64)[:, None] - 0.5,
            self.matrix,
            self.distortion,
            P=self.matrix,
            criteria=criteria,
        )
        return np.asarray(moved, np.float64).reshape(-1, 2) + 0.5

    def bent(self, points: Points) -> Points:
        """The inverse of `straight`: where the lens puts undistorted positions."""
        x, y = self.matrix[:2, 2]
        rays = (np.asarray(points, np.float64) - 0.5 - (x, y)) / (self.matrix[0, 0], self.matrix[1, 1])
        ahead = np.concatenate([rays, np.ones((len(rays), 1))], 1)
        moved = cv2.projectPoints(ahead, np.zeros(3), np.zeros(3), self.matrix, self.distortion)[0]
        return np.asarray(moved, np.float64).reshape(-1, 2) + 0.5


def lacking(views: Sequence[View]) -> str:
    """What the next view should show, as one line for the person with the board; empty when there is enough."""
    if views and len({view.size for view in views}) > 1:
        raise ValueError("the views are pictures of several sizes: take all of them with one camera at one size")
    covered = _covered(views)
    if views and covered.mean() < COVERED:
        parts = {
            "left": covered[:, :2],
            "right": covered[:, -2:],
            "upper": covered[:1],
            "lower": covered[-1:],
            "middle": covered[1:-1, 2:-2],
        }
        least = min(parts, key=lambda name: float(parts[name].mean()))
        return f"hold the board into the {least} part of the picture, or closer"
    tilts = np.array([view.tilt for view in views]).reshape(-1, 2)
    for axis, how in ((0, "to the side, like a door"), (1, "back or forward, like a lid")):
        if len(views) >= VIEWS // 2 and np.count_nonzero(np.abs(tilts[:, axis]) >= TILT) < TILTED - 1:
            return f"tilt the board {how}, by 30 degrees or so"
    if len(views) >= VIEWS and np.count_nonzero((np.abs(tilts) >= TILT).any(axis=1)) < TILTED:
        return "tilt the board by 30 degrees or so"
    if len(views) < VIEWS:
        return f"{VIEWS - len(views)} more views, each from another side"
    return ""


def calibrate(views: Sequence[View], board: Board) -> Lens:
    """The lens from several views of the board, all of one size.

    Raises ValueError with one line that says what to do when the views are too few, too alike or cover too little of
    the picture, or when no plausible lens fits them.
    """
    asked = lacking(views)
    if asked:
        raise ValueError(f"{len(views)} views of the board are not enough for the lens: {asked}")
    lens, errors = _fitted(views, board)
    good = [view for view, error in zip(views, errors, strict=True) if error <= OUTLIER * np.median(errors) + 0.1]
    if len(good) < len(views) and not lacking(good):  # moved while it was taken, or bent
        lens, _ = _fitted(good, board)
    if lens.error > ERROR:
        raise ValueError(
            f"the lens fits the views only to {lens.error:.1f} pixels: glue the board to something flat, hold it "
            "still for each view, and take them again"
        )
    across, down = lens.matrix[0, 0] / lens.size[0], lens.matrix[1, 1] / lens.size[0]
    middle = lens.matrix[:2, 2] / lens.size
    if not 0.25 < across < 6 or abs(across / down - 1) > 0.05 or np.abs(middle - 0.5).max() > 0.2:
        raise ValueError(
            f"the views make no plausible lens (focal length {across:.2f} of the width, centre {middle[0]:.2f}, "
            f"{middle[1]:.2f}): take them again with more tilt, near and far; no zoom or autofocus in between"
        )
    return lens


def _fitted(views: Sequence[View], board: Board) -> tuple[Lens, NDArray[np.float64]]:
    places = [board.places(view.numbers) for view in views]
    corners = [(view.corners - 0.5).astype(np.float32) for view in views]
    width, height = views[0].size
    start = np.array([[width, 0, width / 2 - 0.5], [0, width, height / 2 - 0.5], [0, 0, 1]], np.float64)
    made = cv2.calibrateCameraExtended(places, corners, (width, height), start, np.zeros(5))
    matrix, distortion = np.asarray(made[1], np.float64), np.asarray(made[2], np.float64).ravel()[:5]
    lens = Lens((width, height), matrix, distortion, float(made[0]), len(views))
    return lens, np.asarray(made[-1], np.float64).ravel()


def _covered(views: Sequence[View]) -> NDArray[np.bool_]:
    """In which parts of the picture corners were seen: (rows, columns)."""
    columns, rows = BINS
    covered = np.zeros((rows, columns), bool)
    for view in views:
        bins = np.clip(view.corners / view.size * BINS, 0, (columns - 1, rows - 1)).astype(int)
        covered[bins[:, 1], bins[:, 0]] = True
    return covered
