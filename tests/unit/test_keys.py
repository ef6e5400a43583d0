"""The keyboard, with events posted as SDL posts them."""

from collections.abc import Iterator

import pytest

from fakes import a_desk
from installation.control.keys import CHORD, COARSE, KEYS, SHARE, Key, Keys, learnable
from installation.control.overlays import help_lines, hint, learn_lines, program_line
from installation.desk import Desk
from installation.knobs import KNOBS, SWITCHES, Look
from installation.programs import Program
from installation.sdl import pygame


@pytest.fixture(autouse=True)
def a_window_nobody_sees(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """SDL needs a window to have events; its dummy driver has one without a display."""
    monkeypatch.setenv("SDL_VIDEODRIVER", "dummy")
    pygame.display.quit()
    pygame.display.init()
    pygame.display.set_mode((32, 32))
    pygame.event.clear()
    yield
    pygame.display.quit()


@pytest.fixture
def desk() -> Desk:
    return nine_programs()


def nine_programs() -> Desk:
    return a_desk(*(Program(f"No {number}", {"hue": 10.0 * number}) for number in range(1, 10)))


def press(keys: Keys, desk: Desk, *codes: int, mod: int = 0, times: int = 1) -> Look:
    """Press and let go, one key after the other; the look once every glide is over."""
    for code in codes * times:
        pygame.event.post(pygame.event.Event(pygame.KEYDOWN, key=code, mod=mod, unicode="", scancode=0))
        pygame.event.post(pygame.event.Event(pygame.KEYUP, key=code, mod=mod, unicode="", scancode=0))
    return settle(keys, desk)


def settle(keys: Keys, desk: Desk) -> Look:
    keys.reach(desk)
    desk.board.look(desk.now)
    desk.serve(desk.now + 1000.0)
    return desk.board.look(desk.now)


def choose(keys: Keys, desk: Desk, name: str) -> None:
    for _ in KNOBS:
        if keys.chosen == name:
            return
        press(keys, desk, pygame.K_PERIOD)
    assert keys.chosen == name


@pytest.mark.parametrize("name", KNOBS)
def test_every_knob_can_be_turned(name: str, desk: Desk) -> None:
    """With nothing but the keyboard, every knob goes up, down, ten times as far, to its ends and back home."""
    keys, knob = Keys(), KNOBS[name]
    desk.board.turn(name, (knob.low + knob.high) / 2)
    before = getattr(settle(keys, desk), name)
    choose(keys, desk, name)
    one = SHARE * (knob.high - knob.low)
    assert getattr(press(keys, desk, pygame.K_EQUALS), name) == pytest.approx(before + one)
    assert getattr(press(keys, desk, pygame.K_MINUS, times=2), name) == pytest.approx(before - one)
    up = getattr(press(keys, desk, pygame.K_EQUALS, mod=pygame.KMOD_LSHIFT), name)
    assert up == pytest.approx(before - one + COARSE * one)
    assert getattr(press(keys, desk, pygame.K_EQUALS, times=100), name) == knob.high
    assert getattr(press(keys, desk, pygame.K_BACKSPACE), name) == knob.default


@pytest.mark.parametrize(
    ("code", "name", "sign"),
    [
        (pygame.K_UP, "intensity", 1),
        (pygame.K_DOWN, "intensity", -1),
        (pygame.K_RIGHT, "layer", 1),
        (pygame.K_LEFT, "layer", -1),
    ],
)
def test_arrows(code: int, name: str, sign: int, desk: Desk) -> None:
    """Up and down are the intensity, left and right the layer, whatever knob is chosen."""
    look = press(Keys(), desk, code)
    moved = (getattr(look, name) - KNOBS[name].default) / (KNOBS[name].high - KNOBS[name].low)
    assert moved == pytest.approx(sign * SHARE)


@pytest.mark.parametrize(
    ("code", "name"), [(pygame.K_b, "blackout"), (pygame.K_SPACE, "freeze"), (pygame.K_p, "bypass")]
)
def test_switches_flip_once_a_press(code: int, name: str, desk: Desk) -> None:
    """B, Space and P turn over at each press; a key that is held down does not flicker the wall."""
    keys = Keys()
    assert getattr(press(keys, desk, code), name) is True
    for _ in range(8):  # held: SDL repeats the press without letting go
        pygame.event.post(pygame.event.Event(pygame.KEYDOWN, key=code, mod=0, unicode="", scancode=0))
    assert getattr(settle(keys, desk), name) is False
    assert set(SWITCHES) == {"blackout", "freeze", "bypass"}


def test_a_held_turn_goes_on(desk: Desk) -> None:
    """Holding a key turns the knob further with every repeat."""
    keys = Keys()
    for _ in range(5):
        pygame.event.post(pygame.event.Event(pygame.KEYDOWN, key=pygame.K_DOWN, mod=0, unicode="", scancode=0))
    knob = KNOBS["intensity"]
    assert settle(keys, desk).intensity == pytest.approx(knob.default - 5 * SHARE * (knob.high - knob.low))
    assert pygame.key.get_repeat()[1] > 0


def test_overlays(desk: Desk) -> None:
    """Tab shows the figures, F1 the keys; again, or Esc, and they are gone; Esc never ends the show."""
    keys = Keys()
    for codes, overlay in (
        ([pygame.K_TAB], "hud"),
        ([pygame.K_F1], "help"),
        ([pygame.K_F1], "none"),
        ([pygame.K_TAB], "hud"),
        ([pygame.K_ESCAPE], "none"),
        ([pygame.K_ESCAPE], "none"),
    ):
        press(keys, desk, *codes)
        assert keys.overlay == overlay
    assert not keys.quit


def test_quit(desk: Desk) -> None:
    """Ctrl+Q and closing the window end the show; a bare Q does not."""
    keys = Keys()
    press(keys, desk, pygame.K_q)
    assert not keys.quit
    press(keys, desk, pygame.K_q, mod=pygame.KMOD_LCTRL)
    assert keys.quit
    keys = Keys()
    pygame.event.post(pygame.event.Event(pygame.QUIT))
    settle(keys, desk)
    assert keys.quit


def test_all_home() -> None:
    """0 puts every knob back to where the show began, which settings may have moved, and ends a blackout."""
    keys, desk = Keys(), a_desk(linger=7.0)
    desk.board.flip("blackout")
    for name, knob in KNOBS.items():
        desk.board.turn(name, knob.low)
    look = press(keys, desk, pygame.K_0)
    assert not look.blackout
    wanted = {name: knob.default for name, knob in KNOBS.items()} | {"linger": 7.0}
    assert {name: getattr(look, name) for name in KNOBS} == pytest.approx(wanted)


def test_fullscreen_is_handed_on(desk: Desk) -> None:
    """F and F11 reach whoever owns the window, once a press."""
    asked: list[str] = []
    keys = Keys(fullscreen=lambda: asked.append("toggle"))
    press(keys, desk, pygame.K_f, pygame.K_F11)
    assert asked == ["toggle", "toggle"]


def test_help_tells_everything() -> None:
    """F1 lists every key, every knob with its help, every switch: nothing on the keyboard is hidden."""
    page = "\n".join(help_lines(Keys(), Look()))
    numbered = ("do program", "do store")
    assert all(f"{key.label}\t{key.help}" in page for key in KEYS if not key.action.startswith(numbered))
    assert "1 to 9\t" in page and "Shift+1 to 9\t" in page
    assert all(knob.help in page and name in page for name, knob in KNOBS.items())
    assert all(text in page for text in SWITCHES.values())
    assert "> linger\t2.5 s" in page
    assert "0.1 to 30 s" in "\n".join(help_lines(Keys()))


@pytest.mark.parametrize("key", KEYS, ids=lambda key: key.action)
def test_every_key_in_the_table_does_something(key: Key) -> None:
    """No row of the help is a dead letter."""

    def stand() -> tuple[object, ...]:
        look = settle(keys, desk)
        mine = (desk.program, desk.learning, desk.cycling, desk.programs.rows)
        return look, keys.overlay, keys.chosen, keys.quit, len(asked), *map(str, mine)

    for code in key.codes:
        asked: list[int] = []
        desk = nine_programs()
        note = lambda *_, asked=asked: asked.append(1)  # noqa: E731
        keys = Keys(fullscreen=note, adjust=note, pin=note, chosen="linger")
        desk.on("snapshot", note)
        desk.on("record", note)
        keys.overlay = key.overlay or "none"
        desk.board.turn("linger", 9.0)
        if key.action == "close":
            keys.overlay = "hud"
        before = stand()
        press(keys, desk, code, mod=pygame.KMOD_CTRL * key.ctrl | pygame.KMOD_SHIFT * key.shift)
        assert stand() != before


def test_no_key_does_two_things() -> None:
    """Every key has one meaning."""
    bound = [(code, key.ctrl, key.shift) for key in KEYS for code in key.codes]
    assert len(bound) == len(set(bound))


def test_the_hud_names_the_chosen_knob() -> None:
    """The operator sees which knob the - and = keys turn, and where it stands, in its unit."""
    assert hint(Keys(chosen="hue"), Look(hue=-30.0)) == "hue\t-30 deg"


def test_without_a_window_keys_rest(desk: Desk) -> None:
    """On a machine without a display the keyboard is no error."""
    pygame.display.quit()
    with Keys() as keys:
        keys.reach(desk)
    assert not keys.quit


def hold(keys: Keys, desk: Desk, seconds: float, *, let_go: int | None = None) -> None:
    """Ctrl+Shift+Q, held; ``let_go``: a key that comes up in the middle."""
    mod = pygame.KMOD_LCTRL | pygame.KMOD_LSHIFT
    pygame.event.post(pygame.event.Event(pygame.KEYDOWN, key=pygame.K_q, mod=mod, unicode="", scancode=0))
    begun = desk.now
    for share in (0.0, 0.5, 1.0):
        if share == 0.5 and let_go is not None:
            pygame.event.post(pygame.event.Event(pygame.KEYUP, key=let_go, mod=mod, unicode="", scancode=0))
        desk.serve(begun + share * seconds)
        keys.reach(desk)


def test_a_kiosk_is_ended_by_a_long_chord_only() -> None:
    """No key that a visitor finds does anything, nor closing the window; Ctrl+Shift+Q for three seconds does."""
    desk, keys = a_desk(kiosk=True), Keys()
    before = settle(keys, desk)
    for key in KEYS:
        for mod in (0, pygame.KMOD_CTRL, pygame.KMOD_SHIFT):
            assert press(keys, desk, *key.codes, mod=mod) == before
    pygame.event.post(pygame.event.Event(pygame.QUIT))
    keys.reach(desk)
    assert (keys.overlay, keys.quit, desk.program) == ("none", False, None)
    hold(keys, desk, CHORD * 0.9)
    assert not keys.quit
    for key in (pygame.K_q, pygame.K_LCTRL, pygame.K_LSHIFT):
        keys = Keys()
        hold(keys, desk, CHORD * 2, let_go=key)
        assert not keys.quit
    keys = Keys()
    hold(keys, desk, CHORD * 1.01)
    assert keys.quit


def test_programs_on_the_digits(desk: Desk) -> None:
    """1 to 9 recall; with Shift they store and do not recall; [ and ] go through the list."""
    keys = Keys()
    assert press(keys, desk, pygame.K_3).hue == 30
    desk.board.turn("hue", 100.0)
    settle(keys, desk)
    press(keys, desk, pygame.K_5, mod=pygame.KMOD_LSHIFT)
    assert desk.program == 5 and desk.programs.rows[4].knobs["hue"] == 100
    press(keys, desk, pygame.K_RIGHTBRACKET)
    assert program_line(desk) == "program\t6 No 6"
    press(keys, desk, pygame.K_a)
    assert program_line(desk).endswith("taking turns")


def test_learning_is_offered_and_told(desk: Desk) -> None:
    """L offers every action, comma and full stop choose, what was learned is told, L or Esc ends it."""
    keys = Keys()
    press(keys, desk, pygame.K_l)
    assert desk.learning == "intensity" and "> intensity" in learn_lines(desk, ["midi\tnone"], "")
    for name in [*learnable(desk)[1:], "intensity"]:
        press(keys, desk, pygame.K_PERIOD)
        assert desk.learning == name and f"> {name}" in learn_lines(desk, [], "")
    press(keys, desk, pygame.K_COMMA)
    assert desk.learning == learnable(desk)[-1]
    desk.learning = None  # a control was moved
    assert "done\tCC 3 turns linger" in learn_lines(desk, [], "CC 3 turns linger")
    press(keys, desk, pygame.K_COMMA)
    assert desk.learning == learnable(desk)[-2]
    press(keys, desk, pygame.K_l)
    assert desk.learning is None and keys.overlay == "none"
