"""Knobs, and the look they add up to.

A knob is declared once, as a field of `Look`.  Keys, the MIDI map, the page, programs, the README's table and the
tests are read from that declaration.  A knob is named for what the hand feels, in its unit, and means the same
at any frame rate; it is turned into the network's terms in one place (`installation.stages.recipe`).
"""

from dataclasses import dataclass, field, fields
from typing import Any


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
    eyes: float = knob(0.0, 0.0, 1.0, cc=102, glide=0.6, help="More eyes in the dream; 1 is nothing but eyes.")
    fur: float = knob(0.0, 0.0, 1.0, cc=103, glide=0.6, help="More fur and the faces in it; 1 is nothing else.")
    feathers: float = knob(0.0, 0.0, 1.0, cc=104, glide=0.6, help="More feathers, fans and petals; 1 is nothing else.")
    wheels: float = knob(0.0, 0.0, 1.0, cc=105, glide=0.6, help="More wheels, rims and spokes; 1 is nothing else.")
    arches: float = knob(0.0, 0.0, 1.0, cc=106, glide=0.6, help="More arches and windows; 1 is nothing else.")
    scripts: float = knob(
        0.0, 0.0, 1.0, cc=107, glide=0.6, help="More scrolls and letters of no alphabet; 1 is nothing else."
    )
    brightness: float = knob(1.0, 0.0, 1.0, cc=7, glide=0.3, help="The whole picture; 0 is dark.")
    blackout: bool = switch(help="Dark: at once on a stage, in two seconds where the flash guard is strict.")
    freeze: bool = switch(help="Hold the picture as it stands.")
    bypass: bool = switch(help="Back to the camera alone.")
    mixture: tuple[tuple[str, float], ...] = ()
    """Layers of the network's own and their weights, as a program has them; what is left to one, `layer` mixes."""


def _named(row: Knob, name: str) -> Knob:
    return Knob(name, row.default, row.low, row.high, row.unit, row.cc, row.glide, row.help)


KNOBS: dict[str, Knob] = {f.name: _named(f.metadata["knob"], f.name) for f in fields(Look) if "knob" in f.metadata}
SWITCHES: dict[str, str] = {f.name: f.metadata["switch"] for f in fields(Look) if "switch" in f.metadata}
