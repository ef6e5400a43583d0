"""Draws the contact sheet of every program that ships: ``python docs/programs.py NETWORK SOURCE [SOURCE ...] OUT``.

Each program dreams on each source from the beginning, as ``dreamwall rehearse`` does it, and its last picture is kept.
The sheet in the README is ``python docs/programs.py inception_v3 clouds docs/pictures/programs.jpg``; a picture takes
about 13 s on two cores.  The working size is 320x240, with eight dreamed frames a second.
"""

import argparse
import sys
import tempfile
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from installation.errors import DreamwallError
from installation.options import given, parse
from installation.programs import Programs
from installation.rehearsal import rehearse
from installation.settings import load_settings

SHIPPED = Path(__file__).resolve().parents[1] / "installation" / "programs.toml"
TILE = (240, 180)  # pixels; what a source is too wide or too high for is cut off
LABEL, GAP = 24, 4
PAPER, INK = (24, 24, 24), (235, 235, 235)
JPEG_QUALITY = 78

Image = NDArray[np.uint8]


def dreamed(network: str, source: str, program: str, seconds: float) -> Image:
    """The picture (BGR) after ``seconds`` of ``program`` on ``source``."""
    with tempfile.TemporaryDirectory() as folder:
        last = Path(folder) / "last.png"
        named = {"network": network, "source": source, "programs": SHIPPED, "program": program, "snapshot": last}
        how = {"size": "320x240", "fps": "8", "dream-fps": "8", "seconds": seconds}
        options = parse(
            ["rehearse", *(word for name, value in (named | how).items() for word in (f"--{name}", str(value)))]
        )
        # Small clouds are drawn quicker, and a tile is smaller still.
        settings = load_settings(None, given(options) | {"camera_size": (640, 480)})
        rehearse(settings, options, lambda _line: None)
        return np.asarray(cv2.imread(str(last)), np.uint8)


def tile(pictures: list[Image], name: str) -> Image:
    """One program: its pictures side by side over its name."""
    row = np.hstack([cut(picture) for picture in pictures])
    label = np.full((LABEL, row.shape[1], 3), PAPER, np.uint8)
    cv2.putText(label, name, (6, LABEL - 8), cv2.FONT_HERSHEY_SIMPLEX, 0.5, INK, 1, cv2.LINE_AA)
    made = np.vstack([row, label])
    return np.asarray(cv2.copyMakeBorder(made, GAP, GAP, GAP, GAP, cv2.BORDER_CONSTANT, value=PAPER), np.uint8)


def cut(picture: Image) -> Image:
    """The middle of a picture, at the size of a tile."""
    height, width = picture.shape[:2]
    scale = max(TILE[0] / width, TILE[1] / height)
    wide = max(TILE[0], round(width * scale)), max(TILE[1], round(height * scale))
    scaled = cv2.resize(picture, wide, interpolation=cv2.INTER_AREA)
    left, top = (wide[0] - TILE[0]) // 2, (wide[1] - TILE[1]) // 2
    return np.asarray(scaled[top : top + TILE[1], left : left + TILE[0]], np.uint8)


def sheet(tiles: list[Image], columns: int) -> Image:
    """All of them in rows, the last one filled up with paper."""
    empty = np.full_like(tiles[0], PAPER)
    full = tiles + [empty] * (-len(tiles) % columns)
    return np.vstack([np.hstack(full[at : at + columns]) for at in range(0, len(full), columns)])


def main() -> None:
    asked = argparse.ArgumentParser(description="Draws the contact sheet of every program that ships.")
    asked.add_argument("network", help="a network's name, or its file")
    asked.add_argument("sources", nargs="+", metavar="source", help="videos, pictures or clouds: one picture each")
    asked.add_argument("out", type=Path, help="the picture to write")
    asked.add_argument("--seconds", type=float, default=6.0, help="how long each one dreams (6)")
    options = asked.parse_args()
    tiles = []
    try:
        for number, program in enumerate(Programs.load(SHIPPED).rows, 1):
            pictures = [dreamed(options.network, source, str(number), options.seconds) for source in options.sources]
            tiles.append(tile(pictures, f"{number}  {program.name}"))
            print(f"{number} {program.name}", flush=True)
    except DreamwallError as error:
        sys.exit(f"programs.py: {error}")
    columns = max(1, 6 // len(options.sources))
    if not cv2.imwrite(str(options.out), sheet(tiles, columns), [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY]):
        sys.exit(f"programs.py: {options.out} cannot be written")


if __name__ == "__main__":
    main()
