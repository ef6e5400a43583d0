"""What the wizard shows on the wall while nothing is measured: the stage, what to prepare, keys, the page's address."""

from dataclasses import dataclass

import cv2
import numpy as np

from installation.calibrate.wizard import Row, View, summary
from installation.calibrate.wizard_pictures import DARK, code_of, explained
from installation.frame import Pixels, fit
from installation.sdl import pygame

Colour = tuple[int, int, int]
GOLD, INK, DIM, ILL, WELL = (255, 214, 140), (243, 243, 245), (152, 161, 176), (255, 123, 107), (88, 214, 141)
LETTERS = 1 / 34  # of the display's height
LEAST = 5  # pixels: below this nothing is told apart anyway
CODE = 0.17  # of the height: a telephone reads it from as far as one reads the words


@dataclass(frozen=True, slots=True)
class Place:
    """Where the page is.  ``words``: for people.  ``code``: the address for a telephone, None where none gets there."""

    words: str
    code: str | None = None


Part = tuple[str, float, Colour]  # text, its size in letters, its colour; an empty text is a gap of this size


def board(view: View, size: tuple[int, int], place: Place | None) -> Pixels:
    """The whole of it for a display of ``size`` (width, height): (H, W, 3) uint8 RGB."""
    if not pygame.font.get_init():
        pygame.font.init()
    width, height = size
    sheet = pygame.Surface(size)
    sheet.fill(DARK)
    wide = width > 1.2 * height
    letters = max(LEAST, min(height, width * (0.5625 if wide else 0.9)) * LETTERS)
    margin = round(2.4 * letters)
    column = (width - 3 * margin) // 2 if wide else width - 2 * margin
    top, bottom = margin, height - margin
    bottom = _foot(sheet, view, place, letters, margin, bottom)
    if view.row is not None:
        picture = explained(view.row.stage.name)
        shown = fit((picture.shape[1], picture.shape[0]), (column, max(8, (bottom - top) * (10 if wide else 5) // 11)))
        small = cv2.resize(picture, shown, interpolation=cv2.INTER_AREA)
        left = width - margin - shown[0] if wide else (width - shown[0]) // 2
        at = top + max(0, bottom - top - shown[1]) // 2 if wide else top
        _put(sheet, np.asarray(small, np.uint8), (left, at))
        top = top if wide else top + shown[1] + margin // 2
    else:
        column = width - 2 * margin
    _write(sheet, _words(view), letters, (margin, top), (column, bottom - top), middle=wide)
    return np.ascontiguousarray(pygame.surfarray.pixels3d(sheet).swapaxes(0, 1))


def _words(view: View) -> list[Part]:
    row = view.row
    if row is None:
        lines: list[Part] = [("Finished", 3.0, GOLD), ("", 0.6, INK)]
        for line in summary(view):
            lines += [(line, 1.1, INK), ("", 0.35, INK)]
        return lines
    stage = row.stage
    number = 1 + [each.stage.name for each in view.rows].index(stage.name)
    optional = ", can be left out" if stage.optional else ""
    parts: list[Part] = [
        (f"Calibration   {number} of {len(view.rows)}{optional}", 1.0, DIM),
        ("", 0.3, INK),
        (stage.title, 3.0, GOLD),
        ("", 0.6, INK),
        (stage.purpose, 1.35, INK),
        ("", 0.7, INK),
    ]
    if view.phase == "running":
        return [*parts, (view.sentence, 1.35, GOLD)]
    parts.append((stage.prepare, 1.2, DIM))
    if row.trouble:
        parts += [("", 0.8, INK), (row.trouble, 1.2, ILL)]
    before = _last(view)
    if before is not None and not row.trouble:
        parts += [("", 1.2, INK), (f"{before.stage.title}, done:", 1.0, WELL)]
        for line in before.lines[-3:]:
            parts += [("", 0.3, INK), (line, 1.0, DIM)]
    return parts


def _last(view: View) -> Row | None:
    """The stage before this one, where it was done and there is something to say of it."""
    done = [row for row in view.rows[: view.at] if row.state == "done" and row.lines]
    return done[-1] if done else None


def _foot(sheet: pygame.Surface, view: View, place: Place | None, letters: float, margin: int, bottom: int) -> int:
    """Keys and the page's address at the bottom; returns where this begins."""
    width, height = sheet.get_size()
    left = margin
    high = round(2.9 * letters)
    if place is not None and place.code is not None:
        code = code_of(place.code)
        times = max(1, round(CODE * min(width, height) / code.shape[0]))
        large = np.repeat(np.repeat(code, times, axis=0), times, axis=1)
        high = max(high, large.shape[0])
        _put(sheet, large, (margin, bottom - large.shape[0]))
        left += large.shape[1] + margin // 2
    keys = _keys(view)
    words: list[Part] = [(keys, 1.15, INK)] if keys else []
    if place is not None:
        words += [("", 0.35, INK), (place.words, 1.0, DIM)]
    tall = _write(None, words, letters, (0, 0), (width - margin - left, high))
    _write(sheet, words, letters, (left, bottom - tall), (width - margin - left, high))
    top = bottom - max(high if left > margin else tall, tall)
    pygame.draw.line(sheet, (39, 43, 54), (margin, top - margin // 2), (width - margin, top - margin // 2))
    return max(0, top - margin)


def _keys(view: View) -> str:
    if view.phase == "finished":
        return "Enter ends"
    if view.phase == "running" or view.row is None:
        return "Esc stops"
    return f"Enter {'begins' if 'begin' in view.row.buttons else 'tries again'} · S skips · Esc ends"


def _write(
    sheet: pygame.Surface | None,
    parts: list[Part],
    letters: float,
    corner: tuple[int, int],
    room: tuple[int, int],
    *,
    middle: bool = False,
) -> int:
    """Write parts below one another, wrapped, smaller where there is no room; returns how high it became."""
    while True:
        rows = [(row, size, colour) for text, size, colour in parts for row in _wrapped(text, size * letters, room[0])]
        high = round(sum(size * letters * (1.0 if not row else 1.3) for row, size, _ in rows))
        if high <= room[1] or letters <= LEAST:
            break
        letters = max(LEAST, letters * 0.93)
    if sheet is not None:
        y = float(corner[1] + (max(0, room[1] - high) // 2 if middle else 0))
        for row, size, colour in rows:
            if row:
                sheet.blit(_drawn(row, size * letters, colour), (corner[0], round(y)))
            y += size * letters * (1.0 if not row else 1.3)
    return high


def _wrapped(text: str, size: float, width: int) -> list[str]:
    """Lines no wider than ``width``; a word that is wider, such as a path, is broken."""
    if not text:
        return [""]
    font, rows = _font(size), [""]

    def fits(row: str) -> bool:
        return font.size(row)[0] / 2 <= width

    for word in text.split():
        longer = f"{rows[-1]} {word}".strip()
        if fits(longer):
            rows[-1] = longer
            continue
        rest = word
        if rows[-1]:
            rows.append("")
        while not fits(rest) and len(rest) > 1:
            cut = next((n for n in range(len(rest) - 1, 1, -1) if fits(rest[:n])), 1)
            rows[-1], rest = rest[:cut], rest[cut:]
            rows.append("")
        rows[-1] = rest
    return rows


def _drawn(row: str, size: float, colour: Colour) -> pygame.Surface:
    large = _font(size).render(row, antialias=True, color=colour)
    return pygame.transform.smoothscale(large, (max(1, large.get_width() // 2), max(1, large.get_height() // 2)))


def _font(size: float) -> pygame.font.Font:
    """At twice the size, to be halved: small letters are torn apart by the font's own hinting."""
    return pygame.font.Font(None, max(2 * LEAST, round(size * 2.5)))


def _put(sheet: pygame.Surface, picture: Pixels, corner: tuple[int, int]) -> None:
    high, wide = picture.shape[:2]
    sheet.blit(pygame.image.frombuffer(np.ascontiguousarray(picture).tobytes(), (wide, high), "RGB"), corner)
