"""The desk: where every hand works.  It has the board, the programs and the few other things a hand can do.

Hands of the show's own thread call `do`; any other thread leaves what it wants with `post`, and the show does it before
the next refresh.
"""

import threading
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from installation.actions import Action, action_of
from installation.board import Board
from installation.errors import SettingsError
from installation.knobs import KNOBS, SWITCHES
from installation.programs import OF_THE_ROOM, Program, Programs

POSTED = 4096  # actions that may wait: more than a refresh's worth is noise, and the oldest go first
RECALLS = 10_000  # kept for the report


@dataclass(frozen=True, slots=True)
class Recall:
    """A program came on, ``time`` seconds into the show."""

    time: float
    number: int
    name: str
    fade: float


class Desk:
    """What the hands share.

    ``begin``: where knobs stood at first, by name: what a program does not name goes there.  ``mix``: the layers that
    were mixed in at first, as shares of one; the first program ends that.
    ``kiosk``: nobody is in charge: actions that keep or change something for good are refused.
    ``event``: told in one line what the operator should know.
    Read by whoever shows it: ``program`` (number from 1, None before the first), ``cycling``, ``recording``,
    ``learning`` (the action that waits for a control of a MIDI controller to be moved), ``recalls``.
    """

    def __init__(
        self,
        board: Board,
        programs: Programs,
        begin: dict[str, float] | None = None,
        mix: dict[str, float] | None = None,
        *,
        kiosk: bool = False,
        event: Callable[[str], None] = lambda _what: None,
    ) -> None:
        self.board, self.programs, self.kiosk, self.event = board, programs, kiosk, event
        self.begin = {name: knob.default for name, knob in KNOBS.items()} | (begin or {})
        self._mix = mix or {}
        self.now = 0.0
        self._begun: float | None = None
        self.program: int | None = None
        self.cycling = kiosk
        self.recording = False
        self.learning: str | None = None
        self.recalls: deque[Recall] = deque(maxlen=RECALLS)
        self.stops = 6  # of the layer knob
        self._available: Sequence[str] | None = None
        self._services: dict[str, Callable[[float], None]] = {}
        self._posted: deque[tuple[str, float]] = deque(maxlen=POSTED)

    # -- for hands ---------------------------------------------------------------------------------------------------

    def post(self, action: str, value: float = 1.0) -> None:
        """`do` it before the next refresh; from any thread.  Raises SettingsError when there is no such action."""
        action_of(action)
        self._posted.append((action, value))

    def do(self, text: str, value: float = 1.0) -> None:
        """Do an action, written as in `installation.actions`; for the show's thread.

        ``value``: a knob's new value in its unit; for switches and triggers above 0 is on or pressed; a trigger that
        is let go (0) does nothing.  Raises SettingsError when there is no such action.
        """
        action, number = action_of(text)
        if self.kiosk and not action.kiosk:
            self.event(f"{action.name} is not done in kiosk mode: nothing is kept there")
        elif action.kind == "knob":
            self.board.turn(action.name, value)
        elif text.strip().startswith("flip "):
            if value > 0:
                self._turn_over(action)
        elif action.kind == "switch":
            self._switch(action, on=value > 0)
        elif value > 0:
            self._press(action.name, number or 0)

    def is_on(self, name: str) -> bool:
        """Whether a switch was on at the last refresh: one of the look's, ``cycle`` or ``record``."""
        if name in SWITCHES:
            return bool(getattr(self.board.last, name))
        return {"cycle": self.cycling, "record": self.recording}[name]

    def recall(self, number: int, fade: float | None = None) -> bool:
        """Bring on the ``number``-th program in ``fade`` seconds, or its own; False when there is none."""
        program = self.programs.get(number)
        if program is None:
            return False
        seconds = program.fade if fade is None else fade
        knobs = {name: value for name, value in (self.begin | program.knobs).items() if name not in OF_THE_ROOM}
        self.board.fade(knobs, seconds, program.mixture(self._available or ()))
        self.program = number
        begun = self.now if self._begun is None else self._begun
        self.recalls.append(Recall(self.now - begun, number, program.name, seconds))
        return True

    def as_program(self, name: str) -> Program:
        """The look that the board is heading for, as a program of this name."""
        knobs = {knob: self.board.standing(knob) for knob in KNOBS if knob not in OF_THE_ROOM}
        return Program(name, knobs, self.board.standing_layers())

    # -- for the rig and the show ------------------------------------------------------------------------------------

    def on(self, action: str, do: Callable[[float], None]) -> None:
        """``do`` is called with 1 or 0 when ``action`` (snapshot, record) is asked for."""
        self._services[action] = do

    def network_is(self, layers: Sequence[str], stops: int) -> None:
        """The network is known now: which layers it gives, and how many stops the layer knob has."""
        self._available, self.stops = tuple(layers), stops
        program = self.programs.get(self.program or 0)
        if program is None:
            self.board.fade({}, 0.0, self._mixed_at_first())
        else:
            fade = (
                self.recalls[-1].fade if self.recalls else program.fade
            )  # one that was only stored was never recalled
            self.board.fade({}, fade, program.mixture(layers))

    def serve(self, now: float) -> None:
        """Do what was posted; before every refresh, at ``now`` seconds on the show's clock."""
        self.now = now
        self._begun = now if self._begun is None else self._begun
        for _ in range(len(self._posted)):
            action, value = self._posted.popleft()
            try:
                self.do(action, value)
            except SettingsError as error:
                self.event(str(error))

    # ----------------------------------------------------------------------------------------------------------------

    def _turn_over(self, action: Action) -> None:
        if action.name in SWITCHES:
            self.board.flip(action.name)
        else:
            self._switch(action, on=not self.is_on(action.name))

    def _switch(self, action: Action, *, on: bool) -> None:
        if action.name in SWITCHES:
            self.board.flip(action.name, on)
        elif action.name == "cycle":
            self.cycling = on
        elif on != self.recording:
            self._serve("record", float(on))

    def _mixed_at_first(self) -> dict[str, float]:
        total = max(1.0, sum(self._mix.values()))
        return {name: share / total for name, share in self._mix.items() if name in (self._available or ())}

    def _press(self, name: str, number: int) -> None:
        if name == "program":
            if not self.recall(number):
                self.event(f"there is no program {number}; there are {len(self.programs)}")
        elif name in {"next program", "previous program"}:
            count, step = len(self.programs), 1 if name == "next program" else -1
            at = (self.program or (0 if step > 0 else 1)) - 1
            self.recall((at + step) % count + 1)
        elif name == "layer":
            self.board.turn("layer", min(1.0, (number - 1) / max(1, self.stops - 1)))
        elif name == "store":
            self._store(number)
        elif name == "panic":
            for switch in SWITCHES:
                self.board.flip(switch, on=False)
            self.board.fade(self.begin, 0.5, self._mixed_at_first())
            self.program = None
            self.cycling = False
        else:
            self._serve(name, 1.0)

    def _store(self, number: int) -> None:
        """Keep the look in place ``number``; the file is written aside, since a disk may be slow."""
        was = self.programs.get(number)
        program = self.as_program(was.name if was is not None else f"Stored {number}")
        self.program = place = self.programs.put(number, program)

        def write() -> None:
            try:
                self.event(f"program {place} {program.name!r} is stored in {self.programs.write()}")
            except OSError as error:
                self.event(f"program {place} is kept until the show ends, but cannot be written: {error}")

        threading.Thread(target=write, name="store-program").start()

    def _serve(self, name: str, value: float) -> None:
        service = self._services.get(name)
        if service is None:
            self.event(f"{name} is not possible here")
            return
        service(value)
