"""Knobs, the board they sit on, and the look they add up to.

A knob is declared once, as a field of `Look`.  Keys, the MIDI map, the page, programs, the README's table and the
tests are read from that declaration.  A knob is named for what the hand feels, in its unit, and means the same
at any frame rate; it is turned into the network's terms in one place (`installation.stages.recipe`).
"""

import math
from collections import deque
from dataclasses import dataclass, field, fields
from typing import Any

from installation.errors import SettingsError


@dataclass(frozen=True, slots=True)
class Knob:
    """One thing a hand can turn.

    ``low``..``high``: the range, in ``unit``; a turn past an end stops there.  ``cc``: its MIDI control change.
    ``glide``: seconds in which the look goes about two thirds of the way to a new setting.
    """

    name: str
    default: float
    low: float
    high: float
    unit: str
    cc: int | None
    glide: float
    help: str

    def clamp(self, value: float) -> float:
        """The nearest value in range."""
        return min(self.high, max(self.low, value))


def knob(
    default: float, low: float, high: float, *, unit: str = "", cc: int | None = None, glide: float = 0.15, help: str
) -> Any:
    """Declare a knob as a field of `Look`."""
    row = Knob("", default, low, high, unit, cc, glide, help)
    return field(default=default, metadata={"knob": row})


def switch(*, help: str) -> Any:
    """Declare an on/off switch as a field of `Look`; it acts within one refresh and never glides."""
    return field(default=False, metadata={"switch": help})


@dataclass(frozen=True, slots=True)
class Look:
    """Every knob's value, frozen for exactly one frame."""

    intensity: float = knob(
        1.0, 0.0, 2.0, cc=1, help="How strongly the dream lies over the picture; 0 is the camera alone."
    )
    layer: float = knob(0.6, 0.0, 1.0, cc=20, glide=0.6, help="What is dreamed: 0 brush strokes, 1 creatures.")
    octaves: float = knob(3, 1, 5, cc=21, help="How many sizes of pattern; more is larger shapes.")
    step: float = knob(
        1.5, 0.0, 6.0, unit="levels", cc=22, help="How far one ascent step goes, in display levels of 255."
    )
    linger: float = knob(2.5, 0.1, 30.0, unit="s", cc=23, help="Time in which an unfed dream fades to half.")
    zoom: float = knob(
        0.0, -0.5, 0.5, unit="1/s", cc=24, help="The dream grows (+) or shrinks (-) by this share a second."
    )
    rotation: float = knob(0.0, -45.0, 45.0, unit="deg/s", cc=25, help="The dream turns by this angle a second.")
    camera: float = knob(
        1.0, 0.0, 1.0, cc=26, help="How much of the camera picture lies under the dream; 0 is the dream on grey."
    )
    hue: float = knob(
        0.0, -180.0, 180.0, unit="deg", cc=27, help="Turns the dream's colours round the wheel; people keep theirs."
    )
    saturation: float = knob(1.0, 0.0, 2.0, cc=28, help="The dream's colour; 0 is a dream in grey.")
    brightness: float = knob(1.0, 0.0, 1.0, cc=7, glide=0.3, help="The whole picture; 0 is dark.")
    blackout: bool = switch(help="Dark within one refresh.")
    freeze: bool = switch(help="Hold the picture as it stands.")
    bypass: bool = switch(help="Back to the camera, within one refresh.")


def _named(row: Knob, name: str) -> Knob:
    return Knob(name, row.default, row.low, row.high, row.unit, row.cc, row.glide, row.help)


KNOBS: dict[str, Knob] = {f.name: _named(f.metadata["knob"], f.name) for f in fields(Look) if "knob" in f.metadata}
SWITCHES: dict[str, str] = {f.name: f.metadata["switch"] for f in fields(Look) if "switch" in f.metadata}


class Board:
    """The knobs as they stand.  Turned from any thread, read as a `Look` by one.

    Turns wait in a deque, whose ends are safe from every thread, and are applied in order when the look is read:
    a first version that read, changed and wrote a frozen look from the turning thread could lose a turn.
    """

    def __init__(self, **settings: float) -> None:
        """``settings``: where knobs stand at first, by name.  Raises SettingsError on an unknown name or value."""
        self._turns: deque[tuple[str, float, bool]] = deque()
        self._target = {name: knob.default for name, knob in KNOBS.items()}
        self._switches = dict.fromkeys(SWITCHES, False)
        for name, value in settings.items():
            row = KNOBS.get(name)
            if row is None:
                raise SettingsError(f"no knob is called {name!r}; there are {', '.join(KNOBS)}")
            if not row.low <= value <= row.high:
                raise SettingsError(
                    f"{name} is {value:g}; it goes from {row.low:g} to {row.high:g} {row.unit}".rstrip()
                )
            self._target[name] = value
        self._now = dict(self._target)
        self._time: float | None = None

    def turn(self, name: str, value: float) -> None:
        """Turn a knob to a value; it stops at its ends.  KeyError when there is no such knob."""
        self._turns.append((KNOBS[name].name, float(value), False))

    def nudge(self, name: str, by: float) -> None:
        """Turn a knob by an amount from wherever it then stands.  KeyError when there is no such knob."""
        self._turns.append((KNOBS[name].name, float(by), True))

    def flip(self, name: str, on: bool | None = None) -> None:
        """Set a switch, or turn it over.  KeyError when there is no such switch."""
        if name not in SWITCHES:
            raise KeyError(name)
        self._turns.append((name, -1.0 if on is None else float(on), False))

    def standing(self, name: str) -> float:
        """Where a knob is heading: the value last asked for, among the turns already applied."""
        return self._target[name]

    def look(self, now: float) -> Look:
        """Apply every waiting turn and read the board at ``now`` seconds.  Called from one thread only."""
        while self._turns:
            name, value, relative = self._turns.popleft()
            if name in SWITCHES:
                self._switches[name] = not self._switches[name] if value < 0 else bool(value)
                continue
            if not math.isnan(value):  # from a broken controller
                self._target[name] = KNOBS[name].clamp(self._target[name] + value if relative else value)
        passed = 0.0 if self._time is None else max(0.0, now - self._time)
        self._time = now
        for name, row in KNOBS.items():
            self._now[name] = _glide(self._now[name], self._target[name], passed, row)
        settings: dict[str, Any] = {**self._now, **self._switches}
        return Look(**settings)


def _glide(value: float, target: float, passed: float, row: Knob) -> float:
    """Exponential approach, so that two half waits equal one whole; the last thousandth of the range is jumped."""
    if value == target:
        return value
    moved: float = target + (value - target) * math.exp(-passed / row.glide)
    return target if abs(moved - target) < 1e-3 * (row.high - row.low) else moved
