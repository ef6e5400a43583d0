"""The inbox of one controller: what came in since the last look, small however much came.

Faders and knobs are kept as where they are now and between which ends they were meanwhile: a fast turn passes the place
where it is picked up between two refreshes.  Notes and program changes keep their order, up to a number.
"""

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field

STRUCK = 1024  # notes and program changes kept from one look to the next; more is noise, and the oldest go first
ECHO = 0.1  # seconds in which a controller that repeats all it hears may send a light back; few press twice in it

Address = tuple[str, int, int]  # kind, channel from 1 to 16, number


@dataclass(slots=True)
class Moved:
    """A fader, knob or bend wheel since the last look: values 0 to 127, for ``pitch`` 0 to 16383.

    ``count``: messages; ``upper``: how many of them were 64 or more; ``below``, ``above``: the sums of the others and
    of these, from which the way of an endless knob follows in whatever way it counts.
    """

    kind: str
    channel: int
    number: int
    first: int
    last: int
    low: int
    high: int
    count: int = 0
    upper: int = 0
    below: int = 0
    above: int = 0

    def add(self, value: int) -> None:
        """One message more."""
        self.last = value
        self.low, self.high = min(self.low, value), max(self.high, value)
        self.count += 1
        if value >= 64:
            self.upper += 1
            self.above += value
        else:
            self.below += value

    def steps(self, mode: str) -> int:
        """How many steps an endless knob went, + to the right, in the mode in which it counts."""
        if mode == "relative":  # 1, 2 ... to the right, 127, 126 ... to the left
            return self.below + self.above - 128 * self.upper
        if mode == "relative offset":  # 65, 66 ... and 63, 62 ...
            return self.below + self.above - 64 * self.count
        return self.below - (self.above - 64 * self.upper)  # 1, 2 ... and 65, 66 ...


@dataclass(frozen=True, slots=True)
class Struck:
    """A note (``value`` 1 to 127; 0 when it is let go) or a program change (``number`` from 0)."""

    kind: str
    channel: int
    number: int
    value: int


@dataclass(frozen=True, slots=True)
class Heard:
    """What came in between two looks; ``dropped``: of notes and program changes."""

    moved: list[Moved] = field(default_factory=list)
    struck: list[Struck] = field(default_factory=list)
    dropped: int = 0


class Inbox:
    """Fed and emptied by one thread.  Its size is bounded: one place for each of the controls that MIDI can name."""

    def __init__(self) -> None:
        self._moved: dict[Address, Moved] = {}
        self._struck: deque[Struck] = deque()
        self._sent: dict[Address, tuple[int, float]] = {}
        self._dropped = 0
        self.heard = 0  # messages, all of them
        self.dropped = 0
        self.malformed = 0

    def receive(self, message: Sequence[int], now: float) -> tuple[Address, int] | None:
        """Take a message's bytes, at ``now`` seconds; whatever they are, nothing is raised.

        Returns what it was, for who learns; None for what is no control, an echo or not MIDI.
        """
        self.heard += 1
        try:
            status, *data = bytes(message)
        except (TypeError, ValueError):
            status, data = 0, []
        if status >= 0xF0:  # clocks and the like
            return None
        kind, channel = status & 0xF0, (status & 0x0F) + 1
        if status < 0x80 or len(data) != (1 if kind in {0xC0, 0xD0} else 2) or max(data) >= 0x80:
            self.malformed += 1
            return None
        one, two = data[0], data[-1]
        if kind == 0xB0:
            address, value = ("cc", channel, one), two
        elif kind == 0xE0:
            address, value = ("pitch", channel, 0), one | two << 7
        elif kind in {0x80, 0x90}:
            address, value = ("note", channel, one), two if kind == 0x90 else 0
        elif kind == 0xC0:
            address, value = ("program", channel, one), one
        else:  # pressure
            return None
        return self._take(address, value, now)

    def sent(self, message: Sequence[int], now: float) -> None:
        """Know that ``message`` was sent to a light: the same thing coming in soon is no press."""
        kind = {0x90: "note", 0xB0: "cc"}.get(message[0] & 0xF0)
        # A release is never taken for an echo: a pad that is thought to be held stores a program after a second.
        if kind is not None and message[2] > 0:
            self._sent[kind, (message[0] & 0x0F) + 1, message[1]] = message[2], now

    def take(self) -> Heard:
        """What has come in since it was taken last."""
        heard = Heard(list(self._moved.values()), list(self._struck), self._dropped)
        self._moved, self._struck, self._dropped = {}, deque(), 0
        return heard

    def _take(self, address: Address, value: int, now: float) -> tuple[Address, int] | None:
        if self._sent and address in self._sent:
            sent, when = self._sent.pop(address)
            if sent == value and now - when <= ECHO:
                return None
        if address[0] in {"note", "program"}:
            if len(self._struck) >= STRUCK:
                self._struck.popleft()
                self._dropped += 1
                self.dropped += 1
            self._struck.append(Struck(*address, value))
        else:
            moved = self._moved.get(address)
            if moved is None:
                moved = self._moved[address] = Moved(*address, first=value, last=value, low=value, high=value)
            moved.add(value)
        return address, value
