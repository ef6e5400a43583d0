"""Keys: the keyboard as a hand at the desk.  Everything can be done here, whatever else is plugged in.

`KEYS` is the one table: what is bound, what it does and what F1 says about it.  Which knobs there are, how far they go
and what they mean is read from `installation.knobs`.  In kiosk mode it is dead but for the chord that ends it.
"""

from collections.abc import Callable
from dataclasses import dataclass
from types import TracebackType
from typing import Self

from installation.actions import ACTIONS
from installation.control.pinning import Pinning, take
from installation.desk import Desk
from installation.knobs import KNOBS, SWITCHES
from installation.sdl import pygame

SHARE = 1 / 50  # of a knob's range that one press turns it
COARSE = 10  # times that, with Shift
REPEAT = 350, 33  # ms until a held key repeats, and between repeats
CHORD = 3.0  # seconds that Ctrl+Shift+Q is held to end a kiosk: no visitor does that by chance


@dataclass(frozen=True, slots=True)
class Key:
    """A row of the table: the keys that do it (any of them), what the help calls them, what it does, its help.

    ``held``: goes on while the key is held down, as a turn does; a switch does not.
    ``shift``: with Shift only; a turn takes Shift as ten times as far.  ``overlay``: only while this one is open.
    """

    codes: tuple[int, ...]
    label: str
    action: str
    help: str
    held: bool = False
    ctrl: bool = False
    shift: bool = False
    overlay: str = ""


DIGITS = tuple((number, (getattr(pygame, f"K_{number}"), getattr(pygame, f"K_KP{number}"))) for number in range(1, 10))
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
    Key((pygame.K_0, pygame.K_KP0), "0", "do panic", "panic: " + ACTIONS["panic"].help),
    *(Key(codes, str(number), f"do program {number}", f"program {number}") for number, codes in DIGITS),
    *(Key(codes, f"Shift+{number}", f"do store {number}", f"store {number}", shift=True) for number, codes in DIGITS),
    Key((pygame.K_LEFTBRACKET,), "[", "do previous program", ACTIONS["previous program"].help),
    Key((pygame.K_RIGHTBRACKET,), "]", "do next program", ACTIONS["next program"].help),
    Key((pygame.K_a,), "A", "do flip cycle", ACTIONS["cycle"].help),
    Key((pygame.K_l,), "L", "learn", "learn: bind a MIDI control to what is chosen"),
    Key((pygame.K_i,), "I", "adjust invert", "while learning: turn the last control round", overlay="learn"),
    Key((pygame.K_t,), "T", "adjust mode", "while learning: the last pad holds or switches over", overlay="learn"),
    Key((pygame.K_F12,), "F12", "do snapshot", ACTIONS["snapshot"].help),
    Key((pygame.K_v,), "V", "do flip record", ACTIONS["record"].help),
    Key((pygame.K_k,), "K", "pin", "pin the picture to the wall: corners, grid, masks, soft edges"),
    Key((pygame.K_F11, pygame.K_f), "F  or F11", "fullscreen", "window or the whole display"),
    Key((pygame.K_q,), "Ctrl+Q", "quit", "end the show; so does closing the window", ctrl=True),
)


class Keys:
    """Works at the desk from the keyboard of the window that is open.  For the main thread.

    ``fullscreen``: called when the display is asked for, or given back.  ``adjust``: told "invert" or "mode" for the
    control that was learned last.
    ``overlay`` ("none", "hud", "help" or "learn"), ``chosen`` (a knob's name) and ``quit`` are read by the show.
    """

    def __init__(
        self,
        fullscreen: Callable[[], None] = lambda: None,
        adjust: Callable[[str], None] = lambda _what: None,
        chosen: str = "linger",
        pinning: Pinning | None = None,
        pin: Callable[[], None] = lambda: None,
    ) -> None:
        self.overlay = "none"
        self.quit = False
        self.chosen = KNOBS[chosen].name
        self._fullscreen, self._adjust = fullscreen, adjust
        self._pinning, self._pin = pinning, pin
        self._to_learn = 0
        self._down: set[int] = set()
        self._chord_since: float | None = None

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
            closing = [pygame.QUIT, pygame.WINDOWCLOSE]
            pygame.event.set_blocked(closing) if desk.kiosk else pygame.event.set_allowed(closing)
        for event in pygame.event.get():
            if self._pinning is not None and not desk.kiosk and take(self._pinning, event):
                continue
            if event.type in {pygame.QUIT, pygame.WINDOWCLOSE}:
                self.quit = self.quit or not desk.kiosk
            elif event.type == pygame.KEYUP:
                self._down.discard(event.key)
                self._chord_since = None
            elif event.type == pygame.WINDOWFOCUSLOST:
                self._down.clear()
                self._chord_since = None
            elif event.type == pygame.KEYDOWN:
                self._press(event.key, event.mod, desk)
        self._hold_chord(desk)

    def _press(self, code: int, modifiers: int, desk: Desk) -> None:
        repeated = code in self._down
        ctrl, shift = bool(modifiers & pygame.KMOD_CTRL), bool(modifiers & pygame.KMOD_SHIFT)
        self._down.add(code)
        if desk.kiosk:
            if code == pygame.K_q and ctrl and shift and not repeated:
                self._chord_since = desk.now
            return
        bound = [key for key in KEYS if code in key.codes and key.ctrl == ctrl and key.overlay in {"", self.overlay}]
        for key in bound:
            takes_shift = key.shift == shift or (shift and not any(other.shift for other in bound))
            if takes_shift and (key.held or not repeated):
                self._do(key.action, COARSE if shift else 1, desk)

    def _hold_chord(self, desk: Desk) -> None:
        if self._chord_since is not None and desk.now - self._chord_since >= CHORD:
            self.quit = True

    def _do(self, action: str, times: int, desk: Desk) -> None:
        verb, _, rest = action.partition(" ")
        name = rest or self.chosen
        match verb:
            case "help" | "hud":
                self._open("none" if self.overlay == verb else verb, desk)
            case "learn":
                self._open("none" if self.overlay == "learn" else "learn", desk)
            case "close":
                self._open("none", desk)
            case "flip":
                desk.do(action)
            case "do":
                desk.do(rest)
            case "up" | "down":
                knob = KNOBS[name]
                share = SHARE * times * (1 if verb == "up" else -1)
                desk.board.nudge(name, share * (knob.high - knob.low))
            case "next" | "previous":
                self._choose(1 if verb == "next" else -1, desk)
            case "default":
                desk.board.turn(name, desk.begin[name])
            case "adjust":
                self._adjust(rest)
            case "pin":
                self._open("none", desk)
                self._pin()
            case "fullscreen":
                self._fullscreen()
            case "quit":
                self.quit = True

    def _open(self, overlay: str, desk: Desk) -> None:
        self.overlay = overlay
        desk.learning = learnable(desk)[self._to_learn] if overlay == "learn" else None

    def _choose(self, step: int, desk: Desk) -> None:
        if self.overlay == "learn":
            self._to_learn = (self._to_learn + step) % len(learnable(desk))
            desk.learning = learnable(desk)[self._to_learn]
        else:
            names = list(KNOBS)
            self.chosen = names[(names.index(self.chosen) + step) % len(names)]


def learnable(desk: Desk) -> list[str]:
    """Every action a control can be bound to, as the learn overlay offers them."""
    programs = [f"program {number}" for number in range(1, len(desk.programs) + 1)]
    return [*ACTIONS, *programs, *(f"layer {number}" for number in range(1, desk.stops + 1))]
