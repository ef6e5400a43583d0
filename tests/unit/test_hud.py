"""The operator's overlay."""

from installation.clock import HandClock
from installation.sdl import pygame
from installation.sinks.hud import Hud, draw

LINES = ["Dreamwall", "camera\t30.0 a second", "dream\t8.2 a second"]


def test_it_is_drawn_at_most_four_times_a_second() -> None:
    """Figures that race are redrawn four times a second; turning to another overlay, or none, shows at once."""
    clock = HandClock()
    hud = Hud(clock)
    drawings = []
    for at in range(120):
        hud.update([*LINES[:2], f"dream\t{at}"], (1280, 720))
        drawings.append(hud.version)
        clock.sleep(1 / 60)
    assert 7 <= drawings[-1] <= 9
    before = hud.version
    assert hud.update(["Keys", "F1\tthis page"], (1280, 720))
    assert hud.version == before + 1
    assert not hud.update([], (1280, 720))
    assert hud.panel is None


def test_lines_that_stay_are_not_drawn_again() -> None:
    """An overlay that does not change costs nothing."""
    clock = HandClock()
    hud = Hud(clock)
    for _ in range(10):
        hud.update(list(LINES), (1280, 720))
        clock.sleep(1.0)
    assert hud.version == 1


def test_letters_grow_with_the_wall() -> None:
    """On a display twice as high the letters are twice as high."""
    small, large = draw(LINES, (1280, 720)), draw(LINES, (2560, 1440))
    assert 1.9 < large.get_height() / small.get_height() < 2.1
    assert 1.9 < large.get_width() / small.get_width() < 2.1


def test_a_long_page_stays_on_the_wall() -> None:
    """However long the help grows, it is set in columns and no wider or higher than the display."""
    page = ["Dreamwall"] + [f"key {at}\tdoes the thing that is number {at}" for at in range(60)]
    for size in ((1920, 1080), (1280, 720), (800, 600)):
        panel = draw(page, size)
        assert panel.get_width() <= size[0]
        assert panel.get_height() <= size[1]


def test_the_panel_is_dark_and_the_letters_are_light() -> None:
    """On any picture the overlay can be read: it brings its own dark ground."""
    panel = draw(LINES, (1280, 720))
    middle = panel.get_at((panel.get_width() // 2, panel.get_height() - 6))
    assert max(middle[:3]) < 40
    assert 180 < middle.a < 255
    brightest = max(sum(panel.get_at((x, y))[:3]) for x in range(panel.get_width()) for y in range(panel.get_height()))
    assert brightest > 3 * 235
    assert not pygame.display.get_init()
