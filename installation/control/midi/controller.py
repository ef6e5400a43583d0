"""One controller at work: what its controls did since the last look, done at the desk."""

from dataclasses import dataclass

from installation.control.midi.binding import ORDERS, Binding, position
from installation.control.midi.inbox import Address, Heard, Moved, Struck
from installation.control.midi.map import Map
from installation.control.midi.takeover import Grip
from installation.desk import Desk
from installation.knobs import KNOBS

HELD = 1.0  # seconds after which a held pad does the other thing
# From which value a button is pressed, and below which it is let go: apart, since a fader may be one.
PRESSED, LET_GO = 64, 56
ENDLESS = 1 / 100  # of its range that a knob goes for one step of an endless control


@dataclass(slots=True)
class _Press:
    binding: Binding
    since: float
    done: bool = False  # what holding does


class Controller:
    """Keeps where every control stands and which pads are pressed.  For the show's thread.

    ``takeover``: ``pickup`` or ``jump``, for bindings that do not say.
    """

    def __init__(self, plan: Map, takeover: str = "pickup") -> None:
        self.plan = plan
        self._jump = takeover == "jump"
        self._grips: dict[Address, Grip] = {}
        self._pressed: dict[Address, _Press] = {}

    def work(self, desk: Desk, heard: Heard, now: float, *, deaf: bool = False) -> None:
        """Do what was heard.  ``deaf``: while something is learned only letting go counts."""
        if heard.dropped:  # a release may be among what was lost: better no store than one that nobody asked for
            self.let_go(desk)
        for moved in heard.moved:
            binding = self.plan.binding_of(moved.kind, moved.channel, moved.number)
            if binding is None:
                continue
            if binding.acts == "knob":
                self._turn(desk, binding, moved, deaf=deaf)
            else:
                self._button(desk, binding, moved, now, deaf=deaf)
        for struck in heard.struck:
            self._strike(desk, struck, now, deaf=deaf)
        for press in self._pressed.values():
            if press.binding.hold is not None and not press.done and now - press.since >= HELD:
                press.done = True
                desk.do(press.binding.hold)

    def pending(self, desk: Desk) -> dict[str, str]:
        """Knobs that wait for a control that was moved in vain, and which way it has to go: ``up`` or ``down``."""
        found: dict[str, str] = {}
        for (kind, channel, number), grip in self._grips.items():
            binding = self.plan.binding_of(kind, channel, number) if grip.waits else None
            if binding is not None and binding.acts == "knob":
                below = grip.is_below(binding, desk.board.standing(binding.does))
                if below is not None:
                    found[binding.does] = "up" if below else "down"
        return found

    def let_go(self, desk: Desk) -> None:
        """The controller is gone, or nobody knows what is still pressed: nothing stays held."""
        for press in self._pressed.values():
            if press.binding.mode == "momentary":
                _set(desk, press.binding, pressed=False)
        self._pressed.clear()

    def _turn(self, desk: Desk, binding: Binding, moved: Moved, *, deaf: bool) -> None:
        standing = desk.board.standing(binding.does)
        if binding.mode != "absolute":
            if not deaf:
                steps = moved.steps(binding.mode) * (-1 if binding.invert else 1)
                to = standing + steps * (binding.high - binding.low) * ENDLESS
                # A knob that stands outside of the control's range is not pulled in, only not led further out.
                desk.do(binding.does, min(max(binding.high, standing), max(min(binding.low, standing), to)))
            return
        address = moved.kind, moved.channel, moved.number
        grip = self._grips.get(address)
        if grip is None:  # a bend wheel springs back, so it is known where it stood
            grip = self._grips[address] = Grip(0.5 if moved.kind == "pitch" else None)
        low, high, last = (position(moved.kind, value) for value in (moved.low, moved.high, moved.last))
        if deaf:
            grip.at = last
            return
        jump = binding.takeover == "jump" or (self._jump and binding.takeover is None)
        if grip.move(binding, low, high, last, standing, jump=jump):
            assert grip.sent is not None
            grip.sent = KNOBS[binding.does].clamp(grip.sent)
            desk.do(binding.does, grip.sent)

    def _button(self, desk: Desk, binding: Binding, moved: Moved, now: float, *, deaf: bool) -> None:
        address = moved.kind, moved.channel, moved.number
        if moved.kind == "cc" and moved.number >= ORDERS:
            if not deaf:
                self._press(desk, address, binding, now)
                self._release(desk, address)
            return
        fine = 128 if moved.kind == "pitch" else 1  # a bend wheel has as many more steps
        low, high, last = moved.low // fine, moved.high // fine, moved.last // fine
        if address in self._pressed:
            if low < LET_GO:
                self._release(desk, address)
                if last >= PRESSED and not deaf:
                    self._press(desk, address, binding, now)
        elif high >= PRESSED and not deaf:
            self._press(desk, address, binding, now)
            if last < LET_GO:
                self._release(desk, address)

    def _strike(self, desk: Desk, struck: Struck, now: float, *, deaf: bool) -> None:
        address = struck.kind, struck.channel, struck.number
        binding = self.plan.binding_of(*address)
        if struck.kind == "note" and struck.value == 0:
            self._release(desk, address)
        elif binding is not None and not deaf:
            if struck.kind == "note":
                self._press(desk, address, binding, now)
            elif binding.acts == "numbered":
                desk.do(f"{binding.does} {struck.number + 1}")

    def _press(self, desk: Desk, address: Address, binding: Binding, now: float) -> None:
        self._pressed[address] = _Press(binding, now)
        if binding.hold is None:
            _act(desk, binding, pressed=True)

    def _release(self, desk: Desk, address: Address) -> None:
        press = self._pressed.pop(address, None)
        if press is None:
            return
        if press.binding.hold is None:
            _act(desk, press.binding, pressed=False)
        elif not press.done:  # let go before it was held long enough
            _act(desk, press.binding, pressed=True)


def _act(desk: Desk, binding: Binding, *, pressed: bool) -> None:
    """A pad was pressed or let go; inverted, letting go is what counts."""
    if binding.mode == "momentary":
        _set(desk, binding, pressed=pressed)
    elif pressed != binding.invert:
        if binding.mode == "toggle":
            desk.do(f"flip {binding.does}")
        elif binding.acts == "trigger":
            desk.do(binding.does)


def _set(desk: Desk, binding: Binding, *, pressed: bool) -> None:
    desk.do(binding.does, float(pressed != binding.invert))
