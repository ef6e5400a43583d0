"""The operator's overlay: what stands on it, drawn once and laid over the picture by either screen.

Lines come from the show.  The first is the title; a tab in a line parts a name from its value, or a key from its help,
and they are set in two columns.  An empty line is a small gap.
"""

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
LEAST_LETTERS = 13  # pixels; below this nobody reads anything
PATIENCE = 0.25  # seconds between two drawings while only the figures change


class Hud:
    """Draws lines to a panel and keeps it until they change, at most four times a second.

    A panel of 20 lines takes 2 ms to draw, which is a tenth of a refresh; figures that race cannot be read anyway.
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
    """A panel with ``lines``, no larger than the display, as a surface with straight alpha."""
    if not pygame.font.get_init():
        pygame.font.init()
    rows = ROWS
    panel = _draw(lines, display, rows)
    while panel.get_width() > display[0] * 0.96 and rows < ROWS * 2:  # smaller letters rather than cut ones
        rows += 4
        panel = _draw(lines, display, rows)
    return panel


def _draw(lines: list[str], display: tuple[int, int], rows: int) -> pygame.Surface:
    letters = max(LEAST_LETTERS, display[1] // rows)
    font = pygame.font.Font(None, round(letters * 1.25))
    large = pygame.font.Font(None, round(letters * 1.75))
    leading = round(letters * 1.32)
    pad = letters
    title = large.render(lines[0], antialias=True, color=TITLE)
    cells = [[font.render(text, antialias=True, color=colour) for text, colour in _parts(line)] for line in lines[1:]]
    room = max(1, int((display[1] * 0.92 - 3 * pad - title.get_height()) // leading))
    stacks = _stacks(cells, room)
    names = [max((row[0].get_width() for row in stack if len(row) > 1), default=0) for stack in stacks]
    widths = [
        max((name + letters + row[1].get_width() if len(row) > 1 else row[0].get_width()) for row in stack if row)
        if any(stack)
        else 0
        for stack, name in zip(stacks, names, strict=True)
    ]
    gap = letters * 2
    width = max(title.get_width(), sum(widths) + gap * (len(stacks) - 1)) + 2 * pad
    tallest = max((_height(stack, leading) for stack in stacks), default=0)
    height = 2 * pad + title.get_height() + (letters // 2 + tallest if cells else 0)
    panel = pygame.Surface((width, min(height, display[1])), pygame.SRCALPHA)
    pygame.draw.rect(panel, PANEL, panel.get_rect(), border_radius=letters // 2)
    pygame.draw.rect(panel, EDGE, panel.get_rect(), width=1, border_radius=letters // 2)
    panel.blit(title, (pad, pad))
    left, top = pad, pad + title.get_height() + letters // 2
    for stack, name, across in zip(stacks, names, widths, strict=True):
        y = top
        for row in stack:
            for place, cell in zip((left, left + name + letters), row, strict=False):
                panel.blit(cell, (place, y))
            y += leading if row else leading // 2
        left += across + gap
    return panel


def _parts(line: str) -> list[tuple[str, tuple[int, int, int]]]:
    if not line.strip():
        return []
    name, tab, value = line.partition("\t")
    return [(name, NAME), (value, VALUE)] if tab else [(line, VALUE)]


def _stacks(cells: list[list[pygame.Surface]], room: int) -> list[list[list[pygame.Surface]]]:
    """Columns of equal length, no longer than ``room`` rows."""
    count = -(-len(cells) // room) or 1
    each = -(-len(cells) // count) or 1
    return [cells[start : start + each] for start in range(0, len(cells), each)]


def _height(stack: list[list[pygame.Surface]], leading: int) -> int:
    return sum(leading if row else leading // 2 for row in stack)
