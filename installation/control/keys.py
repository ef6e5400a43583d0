"""Keys: the keyboard as a hand on the board.  Every knob can be turned here, whatever else is plugged in.

`KEYS` is the one table: what is bound, what it does and what F1 says about it.  Which knobs there are, how far they go
and what they mean is read from `installation.knobs`.
"""

from collections.abc import Callable
from dataclasses import dataclass
from types import TracebackType
from typing import Self

from installation.desk import Desk
from installation.knobs import KNOBS, SWITCHES, Look
from installation.sdl import pygame

SHARE = 1 / 50  # of a knob's range that one press turns it
COARSE = 10  # times that, with Shift
REPEAT = 350, 33  # ms until a held key repeats, and between repeats


@dataclass(frozen=True, slots=True)
class Key:
    """A row of the table: the keys that do it (any of them), what the help calls them, what it does, its help.

    ``held``: goes on while the key is held down, as a turn does; a switch does not.
    """

    codes: tuple[int, ...]
    label: str
    action: str
    help: str
    held: bool = False
    ctrl: bool = False


KEYS: tuple[Key, ...] = (
    Key((pygame.K_F1,), "F1", "help", "this page"),
    Key((pygame.K_TAB,), "Tab", "hud", "figures: how fast, how late, what is dreamed"),
    Key((pygame.K_ESCAPE,), "Esc", "close", "close what is laid over"),
    Key((pygame.K_b,), "B", "flip blackout", "blackout: " + SWITCHES["blackout"]),
    Key((pygame.K_SPACE,), "Space", "flip freeze", "freeze: " + SWITCHES["freeze"]),
    Key((pygame.K_p,), "P", "flip bypass", "bypass: " + SWITCHES["bypass"]),
    Key((pygame.K_UP,), "Up", "up intensity", "more intensity", held=True),
    Key((pygame.K_DOWN,), "Down", "down intensity", "less intensity", held=True),
    Key((pygame.K_LEFT,), "Left", "down layer", "layer: towards brush strokes", held=True),
    Key((pygame.K_RIGHT,), "Right", "up layer", "layer: towards creatures", held=True),
    Key((pygame.K_COMMA, pygame.K_PAGEUP), ",  or PgUp", "previous", "choose the knob before", held=True),
    Key((pygame.K_PERIOD, pygame.K_PAGEDOWN), ".  or PgDn", "next", "choose the next knob", held=True),
    Key((pygame.K_MINUS, pygame.K_KP_MINUS), "-", "down", "turn the chosen knob down", held=True),
    Key((pygame.K_EQUALS, pygame.K_PLUS, pygame.K_KP_PLUS), "=  or +", "up", "turn the chosen knob up", held=True),
    Key((pygame.K_BACKSPACE,), "Backspace", "default", "the chosen knob back to where it began"),
    Key((pygame.K_0, pygame.K_KP0), "0", "defaults", "every knob back to where it began"),
    Key((pygame.K_F11, pygame.K_f), "F  or F11", "fullscreen", "window or the whole display"),
    Key((pygame.K_q,), "Ctrl+Q", "quit", "end the show; so does closing the window", ctrl=True),
)
BEGIN = {name: knob.default for name, knob in KNOBS.items()}


class Keys:
    """Turns the board from the keyboard of the window that is open.  For the main thread.

    ``begin``: where Backspace and 0 put knobs back to, by name; the knobs' own defaults where it says nothing.
    ``fullscreen``: called when the display is asked for, or given back.
    ``overlay`` ("none", "hud" or "help"), ``chosen`` (a knob's name) and ``quit`` are read by the show.
    """

    def __init__(
        self,
        begin: dict[str, float] | None = None,
        fullscreen: Callable[[], None] = lambda: None,
        chosen: str = "linger",
    ) -> None:
        self.overlay = "none"
        self.quit = False
        self.chosen = KNOBS[chosen].name
        self._begin = BEGIN | (begin or {})
        self._fullscreen = fullscreen
        self._down: set[int] = set()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None = None,
        error: BaseException | None = None,
        trace: TracebackType | None = None,
    ) -> None:
        self._down.clear()

    def reach(self, desk: Desk) -> None:
        """Do what has come in since the last refresh; nothing where no window is open."""
        if not pygame.display.get_init():
            return
        if pygame.key.get_repeat() != REPEAT:  # a window that was opened anew has forgotten it
            pygame.key.set_repeat(*REPEAT)
        for event in pygame.event.get():
            if event.type in {pygame.QUIT, pygame.WINDOWCLOSE}:
                self.quit = True
            elif event.type == pygame.KEYUP:
                self._down.discard(event.key)
            elif event.type == pygame.WINDOWFOCUSLOST:
                self._down.clear()
            elif event.type == pygame.KEYDOWN:
                self._press(event.key, event.mod, desk)

    def help(self, look: Look | None = None) -> list[str]:
        """What F1 shows: a title, every key, every knob; with ``look`` where a knob stands, else how far it goes."""
        lines = ["Dreamwall"] + [f"{key.label}\t{key.help}" for key in KEYS]
        lines += ["Shift\twith a turn: ten times as far", ""]
        for name, knob in KNOBS.items():
            mark = "> " if name == self.chosen else ""
            stands = f"{knob.low:g} to {knob.high:g} {knob.unit}" if look is None else reading(name, look)
            lines.append(f"{mark}{name}\t{stands.rstrip()}\t{knob.help}")
        return lines

    def hint(self, look: Look) -> str:
        """One line for the HUD: the chosen knob and where it stands."""
        return f"{self.chosen}\t{reading(self.chosen, look)}"

    def _press(self, code: int, modifiers: int, desk: Desk) -> None:
        repeated, ctrl = code in self._down, bool(modifiers & pygame.KMOD_CTRL)
        self._down.add(code)
        for key in KEYS:
            if code in key.codes and key.ctrl == ctrl and (key.held or not repeated):
                self._do(key.action, COARSE if modifiers & pygame.KMOD_SHIFT else 1, desk)

    def _do(self, action: str, times: int, desk: Desk) -> None:
        verb, _, name = action.partition(" ")
        name = name or self.chosen
        match verb:
            case "help" | "hud":
                self.overlay = "none" if self.overlay == verb else verb
            case "close":
                self.overlay = "none"
            case "flip":
                desk.do(action)
            case "up" | "down":
                knob = KNOBS[name]
                share = SHARE * times * (1 if verb == "up" else -1)
                desk.board.nudge(name, share * (knob.high - knob.low))
            case "next" | "previous":
                names = list(KNOBS)
                self.chosen = names[(names.index(self.chosen) + (1 if verb == "next" else -1)) % len(names)]
            case "default":
                desk.board.turn(name, self._begin[name])
            case "defaults":
                for every, value in self._begin.items():
                    desk.board.turn(every, value)
            case "fullscreen":
                self._fullscreen()
            case "quit":
                self.quit = True


def reading(name: str, look: Look) -> str:
    """A knob's value as a person reads it: "2.5 s"."""
    knob = KNOBS[name]
    value = getattr(look, name)
    digits = 0 if knob.high - knob.low >= 50 else 2 if knob.high - knob.low <= 2 else 1
    return f"{value:.{digits}f} {knob.unit}".rstrip()
