"""A contact sheet: labelled pictures in blocks of rows, narrow enough to be seen whole, plain enough to be printed.

Letters are OpenCV's, which every version has, so texts are brought down to ASCII; what is too long is set smaller, and
cut only where nobody could read it any more.
"""

import math
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from installation.frame import Pixels, fit

WIDEST = 2400  # pixels, of the whole sheet
LARGEST = (320, 240)  # (width, height) in pixels of a picture on it; larger ones are scaled down
MARGIN, GAP, BETWEEN = 24, 12, 30  # pixels: round the sheet, between pictures, between blocks
CAPTION, LINE, SECOND = 46, 19, 37  # under a picture: its height, and the base lines of its two rows of text
BAND = 40  # height of a block's title
LEAST_LETTERS = 0.34  # of OpenCV's scale; smaller cannot be read

PAPER, INK, GREY, RULE = (246, 245, 241), (20, 20, 24), (92, 92, 98), (150, 150, 154)  # RGB
PLAIN, BOLD = cv2.FONT_HERSHEY_SIMPLEX, cv2.FONT_HERSHEY_DUPLEX
Colour = tuple[int, int, int]


@dataclass(frozen=True, slots=True)
class Cell:
    """A picture, (H, W, 3) uint8 RGB, what it is called, who made it (in a colour of its own), and a note."""

    pixels: Pixels
    name: str
    maker: str = ""
    note: str = ""
    colour: Colour = GREY


@dataclass(frozen=True, slots=True)
class Block:
    """Rows of as many cells each, under a title."""

    title: str
    rows: Sequence[Sequence[Cell]]


@dataclass(frozen=True, slots=True)
class Spot:
    """Where a cell lies: its picture's left, top, width and height, and its column's left, all in pixels."""

    cell: Cell
    left: int
    top: int
    width: int
    height: int
    column: int


def split(block: Block) -> list[Block]:
    """``block`` in as many as fit the width of a sheet, as evenly as can be; the later ones say that they go on."""
    across = max(len(row) for row in block.rows)
    most = (WIDEST - 2 * MARGIN + GAP) // (LARGEST[0] + GAP)
    each = math.ceil(across / math.ceil(across / most))
    return [
        Block(block.title + (", continued" if at else ""), [row[at : at + each] for row in block.rows])
        for at in range(0, across, each)
    ]


def contact_sheet(title: str, lines: Sequence[str], beside: Sequence[Cell], blocks: Sequence[Block]) -> Pixels:
    """The sheet, (H, W, 3) uint8 RGB, W at most `WIDEST` unless one picture is wider.

    ``title`` and ``lines`` stand at the top left, the pictures ``beside`` them at the top right.  The same arguments
    give the same pixels.
    """
    pieces = [piece for block in blocks for piece in split(block)]
    width = max(_across(len(row)) for piece in pieces for row in piece.rows) + 2 * MARGIN
    width = max(width, _across(len(beside) + 2) + 2 * MARGIN)
    top = MARGIN
    heading = list(_row(beside, width - MARGIN - _across(len(beside)), top))
    top += max(_tall(beside), 66 + 27 * len(lines))
    laid: list[tuple[int, str, list[Spot]]] = []
    for piece in pieces:
        top += BETWEEN
        spots: list[Spot] = []
        band = top
        top += BAND
        for row in piece.rows:
            spots += _row(row, MARGIN, top)
            top += _tall(row) + GAP
        laid.append((band, piece.title, spots))
    sheet = np.full((top + MARGIN - GAP, width, 3), PAPER, np.uint8)
    room = width - 2 * MARGIN - _across(len(beside)) - BETWEEN
    write(sheet, title, (MARGIN, MARGIN + 34), 1.1, BOLD, INK, room)
    for number, line in enumerate(lines):
        write(sheet, line, (MARGIN, MARGIN + 74 + 27 * number), 0.6, PLAIN, INK, room)
    for spot in heading:
        _lay(sheet, spot)
    for band, name, spots in laid:
        cv2.line(sheet, (MARGIN, band), (width - MARGIN, band), RULE, 1)
        write(sheet, name, (MARGIN, band + 27), 0.72, BOLD, INK, width - 2 * MARGIN)
        for spot in spots:
            _lay(sheet, spot)
    return sheet


def write(sheet: Pixels, text: str, at: tuple[int, int], scale: float, font: int, colour: Colour, room: int) -> int:
    """Write ``text`` on ``sheet``, its base line beginning ``at`` (x, y), in ``room`` pixels; returns its width."""
    text, scale = fitted(text, scale, font, room)
    cv2.putText(sheet, text, at, font, scale, colour, 1, cv2.LINE_AA)
    return _width(text, scale, font)


def fitted(text: str, scale: float, font: int, room: int) -> tuple[str, float]:
    """``text`` as it is written in ``room`` pixels, and the scale of its letters."""
    text = plain(text)
    if _width(text, scale, font) > room:
        scale = max(LEAST_LETTERS, scale * room / _width(text, scale, font) * 0.99)
    if _width(text, scale, font) > room:
        while text and _width(text + "...", scale, font) > room:
            text = text[:-1]
        text = text.rstrip() + "..." if text else ""
    return text, scale


def plain(text: str) -> str:
    """``text`` in the letters that can be drawn: without accents, ? for what has no such likeness."""
    known = text.replace("…", "...").replace("×", "x").replace("—", "-").replace("–", "-").replace("ß", "ss")
    bare = "".join(sign for sign in unicodedata.normalize("NFKD", known) if not unicodedata.combining(sign))
    return "".join(sign if sign.isprintable() else " " for sign in bare.encode("ascii", "replace").decode())


def _width(text: str, scale: float, font: int) -> int:
    return int(cv2.getTextSize(text, font, scale, 1)[0][0]) if text else 0


def _across(cells: int) -> int:
    return max(0, cells * (LARGEST[0] + GAP) - GAP)


def _shown(cell: Cell) -> tuple[int, int]:
    """(width, height) of a cell's picture on the sheet."""
    size = cell.pixels.shape[1], cell.pixels.shape[0]
    return size if size[0] <= LARGEST[0] and size[1] <= LARGEST[1] else fit(size, LARGEST)


def _tall(row: Sequence[Cell]) -> int:
    return max((_shown(cell)[1] for cell in row), default=0) + CAPTION


def _row(row: Sequence[Cell], left: int, top: int) -> Iterator[Spot]:
    """The cells of a row side by side, each in the middle of its column, all standing on one line."""
    ground = top + _tall(row) - CAPTION
    for number, cell in enumerate(row):
        width, height = _shown(cell)
        column = left + number * (LARGEST[0] + GAP)
        yield Spot(cell, column + (LARGEST[0] - width) // 2, ground - height, width, height, column)


def _lay(sheet: Pixels, spot: Spot) -> None:
    cell, ground = spot.cell, spot.top + spot.height
    pixels = cell.pixels
    if pixels.shape[:2] != (spot.height, spot.width):
        pixels = np.asarray(cv2.resize(pixels, (spot.width, spot.height), interpolation=cv2.INTER_AREA), np.uint8)
    sheet[spot.top : ground, spot.left : spot.left + spot.width] = pixels
    taken = 0
    if cell.maker:
        maker, scale = fitted(cell.maker, 0.5, BOLD, LARGEST[0] // 2)
        taken = _width(maker, scale, BOLD) + GAP
        at = spot.column + LARGEST[0] - taken + GAP, ground + LINE
        write(sheet, maker, at, scale, BOLD, cell.colour, LARGEST[0] // 2)
    write(sheet, cell.name, (spot.column, ground + LINE), 0.54, BOLD, INK, LARGEST[0] - taken)
    write(sheet, cell.note, (spot.column, ground + SECOND), 0.47, PLAIN, GREY, LARGEST[0])
