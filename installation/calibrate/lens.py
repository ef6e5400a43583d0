"""``dreamwall calibrate lens``: a printed board, seen from many sides, tells how the camera's lens bends."""

from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import tomlkit

from calibration.lens import Board, Lens, View, calibrate, lacking
from installation.calibrate.seam import CalibrationError, Eye, Step, Steps, Wall
from installation.clock import Clock
from installation.errors import SettingsError
from installation.frame import Pixels
from installation.toml_file import TomlText, user_folder, write_toml

FOLDER = "lenses"
PICTURES = {".png", ".jpg", ".jpeg", ".bmp", ".tif", ".tiff", ".webp"}
STILL = 0.004  # of the picture's width by which corners may move while the board is held still
STILL_FOR = 0.4  # seconds for which it must be
OTHER = 0.06  # of the width by which a view must differ from those there are, or
TURNED = 10.0  # degrees by which its tilt must
MOST = 40  # views: by then more do not help
NAP = 0.02
PATIENCE = 3.0  # seconds without a picture after which a camera is given up


def write_board(path: Path, board: Board) -> str:
    """Write the board as a PNG; returns a line that says how to print it.  Raises SettingsError."""
    if path.suffix.lower() != ".png":
        raise SettingsError(f"--board: {path} is written as a PNG; give it a name that ends in .png")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(board.png())
    except OSError as error:
        raise SettingsError(f"--board: {path} cannot be written: {error.strerror}") from error
    width, height = board.size
    return (
        f"{path}: {width:.0f} x {height:.0f} mm, {board.columns}x{board.rows} squares of {board.square:g} mm; print it "
        "on A4 or Letter at 100 %, and glue it to something flat"
    )


def lens_seen(eye: Eye, clock: Clock, board: Board, wall: Wall | None = None) -> Steps[Lens]:
    """Look through the camera while a person holds the board, until there are views enough; returns the lens.

    ``wall``: shows the camera's picture, mirrored, with what is wanted next.
    """
    views: list[View] = []
    before: View | None = None
    since = came = clock.now()
    seeing: Pixels | None = None
    while wanted := lacking(views):
        if len(views) >= MOST:
            raise CalibrationError(f"{MOST} views of the board are not enough for the lens: {wanted}")
        frame = eye.newest()
        now = clock.now()
        if frame is not None:
            came, view = now, board.find(frame.pixels)
            if view is None or before is None or not _together(view, before, STILL):
                since = now
            before = view
            if view is not None and now - since >= STILL_FOR and all(_other(view, each) for each in views):
                views.append(view)
            seeing = _drawn(frame.pixels, view)
        elif now - came > PATIENCE:
            raise CalibrationError(f"{eye.name} gave no picture for {PATIENCE:g} s; check its cable")
        sentence = f"view {len(views) + 1}: {wanted}; hold the board still for a moment" if views else (
            "hold the printed board before the camera, so that it fills half of the picture"
        )  # fmt: skip
        if wall is not None and seeing is not None:
            wall.show(seeing, ("Lens", sentence))
        else:
            clock.sleep(NAP)
        yield Step(sentence, min(0.95, len(views) / 12), seeing)
    yield Step(f"working out the lens from {len(views)} views", 0.95, seeing)
    return calibrate(views, board)


def lens_of_pictures(folder: Path, board: Board) -> Steps[Lens]:
    """The lens from pictures in a folder.  Raises SettingsError for a folder without pictures."""
    try:
        paths = sorted(path for path in folder.iterdir() if path.suffix.lower() in PICTURES)
    except OSError as error:
        raise SettingsError(f"--pictures: {folder} cannot be read: {error.strerror}") from error
    if not paths:
        raise SettingsError(f"--pictures: {folder} holds no pictures ({', '.join(sorted(PICTURES))})")
    views: list[View] = []
    for number, path in enumerate(paths):
        grey = cv2.imread(str(path), cv2.IMREAD_GRAYSCALE)
        view = None if grey is None else board.find(np.asarray(grey, np.uint8))
        if view is None:
            why = "is no picture that can be read" if grey is None else "does not show the board"
            yield Step(f"{path.name} {why}: left out", number / len(paths))
            continue
        if views and view.size != views[0].size:
            (width, height), (wide, high) = view.size, views[0].size
            raise CalibrationError(
                f"{path.name} is {width}x{height}, and {paths[0].name} {wide}x{high}: take all with one camera"
            )
        views.append(view)
        yield Step(f"looking at {len(paths)} pictures", number / len(paths))
    if not views:
        raise CalibrationError(f"none of {len(paths)} pictures in {folder} shows the board")
    yield Step(f"working out the lens from {len(views)} views", 0.9)
    return calibrate(views, board)


def path_of(size: tuple[int, int]) -> Path:
    """Where the lens for pictures of this size is kept: one camera looks at a wall."""
    return user_folder() / FOLDER / f"lens-{size[0]}x{size[1]}.toml"


def keep(lens: Lens, camera: str, when: str) -> Path:
    """Write the lens; returns where.  Raises SettingsError when it cannot be written."""
    path = path_of(lens.size)
    document = tomlkit.document()
    document.add(tomlkit.comment("Dreamwall: a camera's lens, as OpenCV has it; `dreamwall calibrate lens`."))
    document["camera"], document["measured"] = camera, when
    document["lens"] = {
        "size": list(lens.size),
        "matrix": [[float(value) for value in row] for row in lens.matrix],
        "distortion": [float(value) for value in lens.distortion],
        "error": float(lens.error),
        "views": lens.views,
    }
    try:
        write_toml(path, document)
    except OSError as error:
        raise SettingsError(f"{path} cannot be written: {error.strerror}") from error
    return path


def kept(size: tuple[int, int], say: Callable[[str], None]) -> Lens | None:
    """The lens for pictures of this size, or None; one that is damaged is told, and left out."""
    path = path_of(size)
    if not path.exists():
        return None
    try:
        table = TomlText.read(path).tables["lens"]
        matrix, distortion = np.array(table["matrix"], np.float64), np.array(table["distortion"], np.float64)
        lens = Lens(
            (int(table["size"][0]), int(table["size"][1])),
            matrix,
            distortion,
            float(table["error"]),
            int(table["views"]),
        )
        good = matrix.shape == (3, 3) and distortion.shape == (5,) and lens.size == size
        if not (good and np.isfinite(matrix).all() and np.isfinite(distortion).all()):
            raise ValueError("its numbers are no lens of this size")
    except (SettingsError, KeyError, IndexError, TypeError, ValueError) as error:
        say(f"{path} is left out: {error if str(error) else type(error).__name__}")
        return None
    return lens


def _together(one: View, other: View, share: float) -> bool:
    """Whether the corners that both show lie within a share of the picture's width, on the average."""
    _, here, there = np.intersect1d(one.numbers, other.numbers, return_indices=True)
    if not len(here):
        return False
    return bool(np.hypot(*(one.corners[here] - other.corners[there]).T).mean() < share * one.size[0])


def _other(one: View, other: View) -> bool:
    """Whether one view tells something that the other does not."""
    turned = np.abs(np.subtract(one.tilt, other.tilt)).max() > TURNED
    return bool(turned) or not _together(one, other, OTHER)


def _drawn(picture: Pixels, view: View | None) -> Pixels:
    """The camera's picture as in a mirror, with the corners that were found."""
    seen = picture.copy()
    if view is not None:
        for x, y in view.corners:
            cv2.circle(seen, (int(x), int(y)), max(3, seen.shape[1] // 200), (255, 190, 90), 2, cv2.LINE_AA)
    return np.ascontiguousarray(seen[:, ::-1])
