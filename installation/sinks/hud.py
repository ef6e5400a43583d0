"""The operator's overlay: what stands on it, drawn once and laid over the picture by either screen.

Lines come from the show.  The first is the title; tabs in a line part a name from its value, or a key from its help,
and these are set in columns.  An empty line is a gap, and where a long page breaks into columns.
"""

from functools import lru_cache
from itertools import groupby

import numpy as np
from numpy.typing import NDArray

from installation.clock import Clock, WallClock
from installation.sdl import pygame

PANEL = (12, 13, 18, 214)  # dark enough for white letters on any picture, light enough to see that the show goes on
EDGE = (255, 255, 255, 36)
TITLE = (255, 214, 140)
NAME = (160, 170, 186)
VALUE = (246, 246, 248)
ROWS = 40  # lines of text that would fill the display from top to bottom
LEAST_LETTERS = 13  # pixels; below this nobody reads anything, unless there is no room for more
PATIENCE = 0.25  # seconds between two drawings while only the figures change

Row = list[pygame.Surface]


class Hud:
    """Draws lines to a panel and keeps it until they change, at most four times a second.

    A panel of ten lines takes 3 ms to draw, which is a tenth of a refresh; figures that race cannot be read anyway.
    """

    def __init__(self, clock: Clock | None = None) -> None:
        self._clock = clock or WallClock()
        self._shown: tuple[list[str], tuple[int, int]] = ([], (0, 0))
        self._drawn = -1e9
        self.panel: pygame.Surface | None = None
        self.position = (0, 0)
        self.version = 0  # rises with every drawing

    def update(self, lines: list[str], display: tuple[int, int]) -> bool:
        """Draw ``lines`` for a display of (width, height) pixels if it is time to; True when there is a panel."""
        asked = (lines, display)
        if asked != self._shown and (self._turned(lines, display) or self._clock.now() - self._drawn >= PATIENCE):
            self._shown, self._drawn = (list(lines), display), self._clock.now()
            self.version += 1
            self.panel = draw(lines, display) if lines else None
            margin = display[1] // 40
            self.position = (margin, margin)
        return self.panel is not None

    def pixels(self) -> NDArray[np.uint8]:
        """The panel as (h, w, 4) uint8 RGBA with the colours already multiplied by alpha."""
        assert self.panel is not None
        width, height = self.panel.get_size()
        raw = pygame.image.tobytes(self.panel.premul_alpha(), "RGBA")
        return np.frombuffer(raw, np.uint8).reshape(height, width, 4)

    def _turned(self, lines: list[str], display: tuple[int, int]) -> bool:
        """Another overlay than the one shown, or another display: that is drawn at once."""
        before, before_display = self._shown
        return display != before_display or lines[:1] != before[:1] or len(lines) != len(before)


def draw(lines: list[str], display: tuple[int, int]) -> pygame.Surface:
    """A panel with ``lines``, as a surface with straight alpha; smaller letters before it is wider than the wall."""
    if not pygame.font.get_init():
        pygame.font.init()
    letters = max(LEAST_LETTERS, display[1] // ROWS)
    panel = _draw(lines, display, letters)
    wanted = display[0] * 0.96
    if panel.get_width() > wanted:
        panel = _draw(lines, display, int(letters * wanted / panel.get_width()))
    return panel


def _draw(lines: list[str], display: tuple[int, int], letters: int) -> pygame.Surface:
    leading, gap = round(letters * 1.36), letters * 2
    title = _text(lines[0], round(letters * 1.7), TITLE)
    top = round(letters * 1.5) + title.get_height()
    rows = [[_text(text, round(letters * 1.2), colour) for text, colour in _parts(line)] for line in lines[1:]]
    stacks = _stacks(rows, room=max(1, (display[1] * 9 // 10 - top - letters) // leading))
    tabs = [_tabs(stack, gap=letters) for stack in stacks]
    width = 2 * letters + max(title.get_width(), sum(stops[-1] for stops in tabs) + gap * (len(stacks) - 1))
    height = top + max((leading * len(stack) for stack in stacks), default=0) + letters
    panel = pygame.Surface((width, height), pygame.SRCALPHA)
    pygame.draw.rect(panel, PANEL, panel.get_rect(), border_radius=letters // 2)
    pygame.draw.rect(panel, EDGE, panel.get_rect(), width=1, border_radius=letters // 2)
    panel.blit(title, (letters, letters))
    left = letters
    for stack, stops in zip(stacks, tabs, strict=True):
        for down, row in enumerate(stack):
            for stop, cell in zip(stops, row, strict=False):
                panel.blit(cell, (left + stop, top + down * leading))
        left += stops[-1] + gap
    return panel


@lru_cache(512)
def _text(text: str, size: int, colour: tuple[int, int, int]) -> pygame.Surface:
    """One piece of text, drawn at twice its size and halved: the font's own hinting tears letters apart when small."""
    large = pygame.font.Font(None, size * 2).render(text, antialias=True, color=colour)
    return pygame.transform.smoothscale(large, (max(1, large.get_width() // 2), max(1, large.get_height() // 2)))


def _parts(line: str) -> list[tuple[str, tuple[int, int, int]]]:
    """Texts and colours of a line: the name dim, the rest bright; one text alone is bright."""
    texts = line.split("\t") if line.strip() else []
    return [(text, NAME if place == 0 and len(texts) > 1 else VALUE) for place, text in enumerate(texts)]


def _stacks(rows: list[Row], room: int) -> list[list[Row]]:
    """Columns of at most ``room`` rows; what stands between two empty rows stays together where it can."""
    if len(rows) <= room:
        return [rows]
    stacks: list[list[Row]] = [[]]
    for empty, group in groupby(rows, key=lambda row: not row):
        block = list(group)
        if len(stacks[-1]) + len(block) > room and stacks[-1]:
            stacks.append([])
        if empty and not stacks[-1]:
            continue
        while len(block) > room:
            stacks[-1], block = block[:room], block[room:]
            stacks.append([])
        stacks[-1] += block
    return [stack[:-1] if not stack[-1] else stack for stack in stacks]


def _tabs(stack: list[Row], gap: int) -> list[int]:
    """Where each column of a stack begins, and last the width of it all.  A row's last text may run on to the right."""
    stops = [0]
    for place in range(max((len(row) for row in stack), default=0) - 1):
        stops.append(stops[-1] + gap + max(row[place].get_width() for row in stack if len(row) > place + 1))
    ends = (stops[len(row) - 1] + row[-1].get_width() for row in stack if row)
    return [*stops, max(ends, default=0)]
