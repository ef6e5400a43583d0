"""Pinning: laying the picture on the wall by hand, standing before that very wall.

Opened with K.  It is fed with key presses and the mouse, changes a `Profile`, and says what is to be seen meanwhile; it
knows no window and no file, so that it can be tried without either.  Nothing is kept until Enter.
"""

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from calibration.cards import CARDS, Picture, card
from calibration.geometry import Geometry
from calibration.profile import Profile
from installation.control import pins
from installation.control.pins import Pull
from installation.control.pins_overlay import drawn
from installation.sdl import pygame

STEP, FAR = 1, 10  # pixels an arrow goes, without and with Shift
UNDONE = 1000  # steps that can be taken back
ARROWS = {"left": (-1, 0), "right": (1, 0), "up": (0, -1), "down": (0, 1)}
CODES = {
    pygame.K_TAB: "tab", pygame.K_LEFT: "left", pygame.K_RIGHT: "right", pygame.K_UP: "up", pygame.K_DOWN: "down",
    pygame.K_g: "g", pygame.K_x: "x", pygame.K_e: "e", pygame.K_c: "c", pygame.K_r: "r", pygame.K_m: "m",
    pygame.K_z: "z", pygame.K_y: "y", pygame.K_n: "n", pygame.K_h: "h", pygame.K_k: "k", pygame.K_INSERT: "insert",
    pygame.K_DELETE: "delete", pygame.K_PAGEUP: "pageup", pygame.K_PAGEDOWN: "pagedown", pygame.K_RETURN: "return",
    pygame.K_KP_ENTER: "return", pygame.K_ESCAPE: "escape",
}  # fmt: skip
ON_MODES = {"g": "grid", "x": "mask", "e": "edges"}
WITH_CTRL = {"z", "y"}
HELD = {*ARROWS, "tab", "z", "y", "pageup", "pagedown"}  # go on while they are held


@dataclass(frozen=True, slots=True)
class Drag:
    """A handle that the mouse has hold of: where it and the mouse were when it was taken."""

    mouse: Pull
    before: Profile


class Pinning:
    """One hand on one profile.  For the main thread.

    ``save``: keeps a profile and returns it as it was kept; what it raises is told on the wall, and pinning goes on.
    ``event``: told in one line what the operator should know.
    Read by whoever shows it: ``profile``, ``mode`` (one of `pins.MODES`), ``active`` (number of the handle), ``card``
    (name of the test card, None for the show itself), ``message``.
    """

    def __init__(self, save: Callable[[Profile], Profile], event: Callable[[str], None] = lambda _what: None) -> None:
        self._save, self._event = save, event
        self._profile: Profile | None = None
        self._began_with: Profile | None = None
        self.mode, self.active, self.message = "corners", 0, ""
        self.card: str | None = CARDS[0]
        self._undo: deque[Profile] = deque(maxlen=UNDONE)
        self._redo: deque[Profile] = deque(maxlen=UNDONE)
        self._held: set[str] = set()
        self._drag: Drag | None = None
        self._seen: Geometry | None = None
        self._made: tuple[object, Picture] | None = None

    @property
    def is_open(self) -> bool:
        return self._profile is not None

    @property
    def profile(self) -> Profile:
        """As it now is.  Raises ValueError while closed."""
        if self._profile is None:
            raise ValueError("nothing is being pinned")
        return self._profile

    @property
    def changed(self) -> bool:
        """Whether there is anything that Enter would keep and Esc would lose."""
        return self._profile is not None and self._profile != self._began_with

    def open(self, profile: Profile) -> None:
        """Begin with ``profile``, on the first test card; harmless while open."""
        if self._profile is None:
            self._profile = self._began_with = profile
            self.card = CARDS[0]
            self._see()

    def close(self) -> None:
        """Leave without keeping anything; harmless twice."""
        self._close()

    # -- the keyboard ------------------------------------------------------------------------------------------------

    def press(self, key: str, *, shift: bool = False, ctrl: bool = False) -> bool:
        """A key goes down, or repeats because it is held: a name out of CODES.  True when it meant something here."""
        if self._profile is None or ctrl != (key in WITH_CTRL) or (key not in CODES.values()):
            return False
        repeated = key in self._held
        self._held.add(key)
        if repeated and key not in HELD:
            return True
        self.message = ""
        if key in ARROWS:
            far = FAR if shift else STEP
            x, y = ARROWS[key]
            self._pull(pins.on_the_wall(self._profile, (x * far, y * far)), same_step=repeated)
        else:
            self._other(key, shift=shift, repeated=repeated)
        self._see()
        return True

    def let_go(self, key: str) -> None:
        """A key comes up."""
        self._held.discard(key)

    def _other(self, key: str, *, shift: bool, repeated: bool) -> None:
        match key:
            case "tab":
                count = len(pins.handles(self.profile, self.mode))
                self.active = (self.active + (-1 if shift else 1)) % max(1, count)
            case "g" | "x" | "e":
                self._turn_to("corners" if self.mode == ON_MODES[key] else ON_MODES[key])
            case "c":
                names: list[str | None] = [*CARDS, None]
                self.card = names[(names.index(self.card) + (-1 if shift else 1)) % len(names)]
            case "r":
                self._become(pins.turned(self.profile))
            case "m":
                self._become(pins.mirrored(self.profile))
            case "z":
                self._back(self._undo, self._redo)
            case "y":
                self._back(self._redo, self._undo)
            case "return":
                self._keep()
            case "escape":
                self._close()
            case _ if self.mode == "mask":
                self._at_mask(key, far=FAR if shift else STEP, repeated=repeated)

    def _at_mask(self, key: str, far: int, *, repeated: bool) -> None:
        profile = self.profile
        if key == "n":
            self._become(pins.with_mask(profile))
            self.active = len(pins.handles(self.profile, "mask")) - 4
        elif not profile.masks:
            self.message = "there is no mask yet: N makes one"
        elif key == "insert":
            self._become(pins.with_point(profile, self.active))
            self.active += 1
        elif key == "delete":
            self._become(pins.without_point(profile, self.active))
        elif key == "h":
            self._become(pins.kept_or_hidden(profile, self.active))
        elif key in {"pageup", "pagedown"}:
            by = float(far if key == "pageup" else -far)
            self._become(pins.feathered(profile, self.active, by), same_step=repeated)

    # -- the mouse ---------------------------------------------------------------------------------------------------

    def mouse_down(self, x: float, y: float) -> bool:
        """Take hold of the handle nearest to the mouse, in display pixels; it goes along, and does not jump to it."""
        if self._profile is None:
            return False
        self.message = ""
        there = pins.handles(self._profile, self.mode)
        if len(there):
            self.active = int(np.hypot(*(there - (x, y)).T).argmin())
            self._drag = Drag((x, y), self._profile)
        self._see()
        return True

    def mouse_move(self, x: float, y: float) -> bool:
        if self._profile is None or self._drag is None:
            return False
        drag = self._drag
        by = x - drag.mouse[0], y - drag.mouse[1]
        self.message = ""
        try:
            self._profile = pins.pulled(drag.before, self.mode, self.active, by)
        except ValueError as error:  # it stays at the last place that made sense
            self.message = str(error)
        self._see()
        return True

    def mouse_up(self) -> bool:
        """Let go of it: one drag is one step to take back."""
        if self._profile is None or self._drag is None:
            return False
        drag, self._drag = self._drag, None
        after, self._profile = self._profile, drag.before
        self._become(after)
        self._see()
        return True

    # -- what is seen ------------------------------------------------------------------------------------------------

    def geometry(self) -> Geometry:
        """What the wall shows now; the same object while nothing has changed."""
        profile = self.profile
        if self._seen is None:
            picture = None
            if self.card is not None:
                wanted = (self.card, profile.picture_size, profile.display, profile.edges)
                if self._made is None or self._made[0] != wanted:
                    self._made = (wanted, card(self.card, profile.picture_size, profile.display, profile.edges))
                picture = self._made[1]
            self._seen = Geometry(profile, picture, drawn(profile, self.mode, self.active, self.message))
        return self._seen

    # ----------------------------------------------------------------------------------------------------------------

    def _close(self) -> None:
        self._profile = self._began_with = self._drag = self._seen = self._made = None
        self.mode, self.active, self.message = "corners", 0, ""
        self._undo.clear()
        self._redo.clear()
        self._held.clear()

    def _see(self) -> None:
        """Something has changed that the wall shows."""
        self._seen = None

    def _turn_to(self, mode: str) -> None:
        self._drag = None
        self.mode, self.active = mode, 0
        if mode == "mask" and not self.profile.masks:
            self.message = "there is no mask yet: N makes one"

    def _pull(self, by: Pull, *, same_step: bool) -> None:
        if not len(pins.handles(self.profile, self.mode)):
            self.message = "there is no mask yet: N makes one"
            return
        try:
            self._become(pins.pulled(self.profile, self.mode, self.active, by), same_step=same_step)
        except ValueError as error:
            self.message = str(error)

    def _become(self, profile: Profile, *, same_step: bool = False) -> None:
        """A further step; ``same_step``: a held key goes on with the one before, so that one undo takes it all back."""
        before = self.profile
        wrong = profile.problems()
        if wrong:
            self.message = wrong[0]
            return
        if profile == before:
            return
        if not (same_step and self._undo):
            self._undo.append(before)
        self._redo.clear()
        self._profile = profile
        self._settle()

    def _back(self, here: deque[Profile], there: deque[Profile]) -> None:
        self._drag = None
        if here:
            there.append(self.profile)
            self._profile = here.pop()
            self._settle()
        else:
            self.message = "there is nothing to undo" if here is self._undo else "there is nothing to redo"

    def _settle(self) -> None:
        """The handle that was active may be gone."""
        self.active = min(self.active, max(0, len(pins.handles(self.profile, self.mode)) - 1))

    def _keep(self) -> None:
        try:
            self._save(self.profile)
        except Exception as error:
            self.message = str(error) or type(error).__name__
            self._event(f"the profile is not saved: {self.message}".replace("\n", " "))
            return
        self._close()


def take(pinning: Pinning, event: pygame.Event) -> bool:
    """Feed one SDL event.  True when it was meant for the pins: then no other hand should act on it.

    Keys that mean nothing here, such as B for blackout, are left to the others.
    """
    if not pinning.is_open:
        return False
    if event.type == pygame.KEYDOWN and event.key in CODES:
        shift, ctrl = bool(event.mod & pygame.KMOD_SHIFT), bool(event.mod & pygame.KMOD_CTRL)
        return pinning.press(CODES[event.key], shift=shift, ctrl=ctrl)
    if event.type == pygame.KEYUP and event.key in CODES:
        pinning.let_go(CODES[event.key])
    elif event.type == pygame.WINDOWFOCUSLOST:
        pinning.mouse_up()
    elif event.type == pygame.MOUSEBUTTONDOWN and event.button == pygame.BUTTON_LEFT:
        return pinning.mouse_down(*event.pos)
    elif event.type == pygame.MOUSEMOTION and event.buttons[0]:
        return pinning.mouse_move(*event.pos)
    elif event.type == pygame.MOUSEBUTTONUP and event.button == pygame.BUTTON_LEFT:
        return pinning.mouse_up()
    return False
