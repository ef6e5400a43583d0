"""The board: the knobs as they stand.  Turned from any thread, read as a `Look` by one.

A turn glides: an exponential approach with the knob's own time, so that the 128 steps of a controller never show.  A
fade takes many knobs to new places together, in a given time, as a program does; a hand on one of them takes it out.
"""

import math
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from installation.errors import SettingsError
from installation.knobs import KNOBS, SWITCHES, Knob, Look

RELEASE = 1.2  # seconds in which a program's own layers give way to the layer knob once a hand is on it


@dataclass(frozen=True, slots=True)
class _Turn:
    name: str
    value: float
    relative: bool = False


@dataclass(frozen=True, slots=True)
class _Flip:
    name: str
    on: bool | None


@dataclass(frozen=True, slots=True)
class _Together:
    knobs: dict[str, float]
    layers: dict[str, float] | None
    seconds: float


@dataclass(slots=True)
class _Fade:
    """From ``start`` at ``begun``, in ``seconds``, slow at both ends."""

    start: float
    begun: float
    seconds: float

    def at(self, now: float, target: float) -> float | None:
        """Where it is at ``now``; None once it is over."""
        share = max(0.0, now - self.begun) / self.seconds if self.seconds > 0 else 1.0
        if share >= 1.0:
            return None
        return self.start + (target - self.start) * share * share * (3.0 - 2.0 * share)


class Board:
    """Where every knob stands and where it is heading.

    Turns wait in a deque, whose ends are safe from every thread, and are applied in order when the look is read:
    a first version that read, changed and wrote a frozen look from the turning thread could lose a turn.
    """

    def __init__(self, **settings: float) -> None:
        """``settings``: where knobs stand at first, by name.  Raises SettingsError on an unknown name or value."""
        self._waiting: deque[_Turn | _Flip | _Together] = deque()
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
        self._fades: dict[str, _Fade] = {}
        self._layers: dict[str, float] = {}
        self._layers_target: dict[str, float] = {}
        self._layer_fades: dict[str, _Fade] = {}
        self._time: float | None = None
        self.last = Look()  # the look read last, for whoever only shows it
        self.largest_step: dict[str, float] = {}  # by knob and layer, the most it moved between two looks; see `look`

    def turn(self, name: str, value: float) -> None:
        """Turn a knob to a value; it stops at its ends.  KeyError when there is no such knob."""
        self._waiting.append(_Turn(KNOBS[name].name, float(value)))

    def nudge(self, name: str, by: float) -> None:
        """Turn a knob by an amount from wherever it then stands.  KeyError when there is no such knob."""
        self._waiting.append(_Turn(KNOBS[name].name, float(by), relative=True))

    def flip(self, name: str, on: bool | None = None) -> None:
        """Set a switch, or turn it over.  KeyError when there is no such switch."""
        if name not in SWITCHES:
            raise KeyError(name)
        self._waiting.append(_Flip(name, on))

    def fade(self, knobs: Mapping[str, float], seconds: float, layers: Mapping[str, float] | None = None) -> None:
        """Take ``knobs`` to new places together, in ``seconds``, from wherever they then are.

        ``layers``: weights (shares of one) of layers of the network's own, beside what the layer knob mixes; {} lets
        go of them, None leaves them.  KeyError when there is no such knob.
        """
        values = {KNOBS[name].name: float(value) for name, value in knobs.items()}
        self._waiting.append(_Together(values, None if layers is None else dict(layers), max(0.0, seconds)))

    def standing(self, name: str) -> float:
        """Where a knob is heading: the value last asked for, among the turns already applied."""
        return self._target[name]

    def standing_layers(self) -> dict[str, float]:
        """The weights that the network's own layers are heading for; empty when the layer knob alone says."""
        return dict(self._layers_target)

    def look(self, now: float) -> Look:
        """Apply every waiting turn and read the board at ``now`` seconds.  Called from one thread only.

        Keeps in ``largest_step`` how far each knob, as a share of its range, and each layer's weight moved at most.
        """
        passed = 0.0 if self._time is None else max(0.0, now - self._time)
        before = self._time if self._time is not None else now
        while self._waiting:
            self._apply(self._waiting.popleft(), before)
        for name, row in KNOBS.items():
            self._step(name, self._moved(name, row, now, passed), self._now, row.high - row.low)
        for name in {**self._layers, **self._layers_target}:
            target = self._layers_target.get(name, 0.0)
            fade = self._layer_fades.get(name)
            moved = fade.at(now, target) if fade is not None else None
            if moved is None:
                moved = target
                self._layer_fades.pop(name, None)
            self._step(name, moved, self._layers, 1.0)
        self._layers = {
            name: weight for name, weight in self._layers.items() if weight > 0 or name in self._layer_fades
        }
        self._time = now
        values: dict[str, Any] = {**self._now, **self._switches}
        self.last = Look(**values, mixture=tuple(sorted(self._layers.items())))
        return self.last

    def _apply(self, asked: _Turn | _Flip | _Together, begun: float) -> None:
        if isinstance(asked, _Flip):
            self._switches[asked.name] = not self._switches[asked.name] if asked.on is None else asked.on
        elif isinstance(asked, _Together):
            for name, value in asked.knobs.items():
                if not math.isnan(value):
                    self._target[name] = KNOBS[name].clamp(value)
                    self._fades[name] = _Fade(self._now[name], begun, asked.seconds)
            if asked.layers is not None:
                self._mix(asked.layers, begun, asked.seconds)
        elif not math.isnan(asked.value):  # from a broken controller
            to = self._target[asked.name] + asked.value if asked.relative else asked.value
            self._target[asked.name] = KNOBS[asked.name].clamp(to)
            self._fades.pop(asked.name, None)
            if asked.name == "layer" and self._layers_target:  # who turns it means it
                self._mix({}, begun, RELEASE)

    def _mix(self, layers: dict[str, float], begun: float, seconds: float) -> None:
        self._layers_target = {name: weight for name, weight in layers.items() if weight > 0}
        for name in {**self._layers, **self._layers_target}:
            self._layer_fades[name] = _Fade(self._layers.get(name, 0.0), begun, seconds)

    def _moved(self, name: str, row: Knob, now: float, passed: float) -> float:
        target = self._target[name]
        fade = self._fades.get(name)
        if fade is None:
            return _glide(self._now[name], target, passed, row)
        value = fade.at(now, target)
        if value is None:
            del self._fades[name]
            return target
        return value

    def _step(self, name: str, value: float, kept: dict[str, float], span: float) -> None:
        step = abs(value - kept.get(name, 0.0)) / span
        if self._time is not None and step > self.largest_step.get(name, 0.0):
            self.largest_step[name] = step
        kept[name] = value


def _glide(value: float, target: float, passed: float, row: Knob) -> float:
    """Exponential approach, so that two half waits equal one whole; the last thousandth of the range is jumped."""
    if value == target:
        return value
    moved: float = target + (value - target) * math.exp(-passed / row.glide)
    return target if abs(moved - target) < 1e-3 * (row.high - row.low) else moved
