"""Bindings and profiles: what a controller's controls do, as TOML says it.

    name = "nanoKONTROL2"
    match = "nanoKONTROL2"     # regular expression, searched in the port's name, without regard to case
    [[control]]
    cc = 16                    # or note = 36, pitch = true, program = true
    channel = 1                # 1 to 16; any when left out
    does = "layer"             # an action, as in installation.actions; "nothing" silences a control
    low = 0.0                  # range in the knob's unit; the whole knob when left out
    high = 1.0
    invert = false
    mode = "absolute"          # see MODES
    takeover = "pickup"        # or jump; else the setting says
    hold = "store 1"           # what holding a pad for a second does instead

Lights stand in the same files; see `installation.control.midi.lights`.
"""

import math
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from typing import Any

from installation.actions import NUMBERED, action_of
from installation.control.midi.lights import Light, lights_of
from installation.errors import SettingsError
from installation.knobs import KNOBS
from installation.toml_file import TomlText

# An endless knob counts steps: 1 and 127 (relative), 65 and 63 (offset) or 1 and 65 (sign).  A switch turns over when
# it is pressed, or is on while it is.  A program change presses the action whose number it gives.
MODES = {
    "knob": ("absolute", "relative", "relative offset", "relative sign"),
    "switch": ("toggle", "momentary"),
    "trigger": ("press",),
    "numbered": ("press",),
    "nothing": ("",),
}
KEYS = ("cc", "note", "pitch", "program", "channel", "does", "low", "high", "invert", "mode", "takeover", "hold")
DEAD = 160 / 8192  # of the way of a bend wheel to either side: few spring back to the very middle
ORDERS = 120  # from this CC on a message is an order by itself, whatever its value


@dataclass(frozen=True, slots=True)
class Binding:
    """One control and what it does.

    ``kind``: ``cc``, ``note``, ``pitch`` or ``program``; ``number``: 0 where there is none.  ``channel``: None is any.
    ``acts``: a key of `MODES`; ``does``: the action (of a knob its name).  ``low``..``high``: of a knob, in its unit.
    """

    kind: str
    number: int
    channel: int | None
    does: str
    acts: str
    mode: str
    low: float = 0.0
    high: float = 1.0
    invert: bool = False
    takeover: str | None = None
    hold: str | None = None

    @property
    def address(self) -> tuple[str, int | None, int]:
        return self.kind, self.channel, self.number

    @property
    def control(self) -> str:
        """The control as a person calls it: "CC 16"."""
        return {"cc": f"CC {self.number}", "note": f"note {self.number}", "pitch": "the bend wheel"}.get(
            self.kind, "a program change"
        )

    @property
    def purpose(self) -> str:
        """What it is for, to be said after the control's name: "turns linger"."""
        return f"{'turns' if self.acts == 'knob' else 'does'} {self.does}"

    def value(self, position: float) -> float:
        """The knob's value where the control stands at ``position``, 0 to 1."""
        return self.low + (self.high - self.low) * (1.0 - position if self.invert else position)


def position(kind: str, value: int) -> float:
    """Where a control stands, 0 to 1, for the value that it sends.

    The middle is exactly the middle: 64 of 127, and a bend wheel anywhere near its rest.
    """
    if kind != "pitch":
        return value / 128 if value <= 64 else 0.5 + (value - 64) / 126
    bend = (value - 8192) / (8192 if value < 8192 else 8191)
    return 0.5 + math.copysign(max(0.0, abs(bend) - DEAD) / (1 - DEAD), bend) / 2


@dataclass(frozen=True, slots=True)
class Profile:
    """A file of bindings and lights, for every port whose name ``match`` is found in."""

    name: str
    match: re.Pattern[str]
    controls: tuple[Binding, ...] = ()
    lights: tuple[Light, ...] = ()
    stem: str = field(default="", compare=False)  # of the file it is from

    def fits(self, port: str) -> bool:
        return self.match.search(port) is not None


def profile_of(toml: TomlText, stem: str = "") -> Profile:
    """A profile from its file.  Raises SettingsError, naming file and line, when something in it is wrong."""
    for key in toml.tables:
        if key not in {"name", "match", "control", "light"}:
            raise toml.wrong(f"{key!r} means nothing here; there are name, match, [[control]] and [[light]]", key=key)
    for key in ("name", "match"):
        if not isinstance(toml.tables.get(key), str) or not toml.tables[key].strip():
            raise toml.wrong(f"a map of a controller needs {key}, in quotes", key=key)
    try:
        match = re.compile(toml.tables["match"], re.IGNORECASE)
    except re.error as error:
        raise toml.wrong(f"match is no regular expression: {error}", key="match") from error
    return Profile(toml.tables["name"], match, tuple(_controls(toml)), tuple(lights_of(toml)), stem)


def _controls(toml: TomlText) -> Iterator[Binding]:
    rows = toml.tables.get("control", [])
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        table = "control" if isinstance(rows, dict) else ""
        raise toml.wrong("a control begins with [[control]], in two brackets", table, key="control")
    seen: set[tuple[str, int | None, int]] = set()
    for index, row in enumerate(rows):
        binding = _binding(row, toml, index)
        if binding.address in seen:
            raise toml.wrong(f"{binding.control} is bound already", "control", index, binding.kind)
        seen.add(binding.address)
        yield binding


def bind(kind: str, number: int, channel: int | None, does: str, mode: str | None = None, **more: Any) -> Binding:
    """A binding of a control to an action.  Raises SettingsError when there is no such action, or it does not fit."""
    words = " ".join(does.split()).removeprefix("flip ")
    if words == "nothing":
        return Binding(kind, number, channel, words, "nothing", "")
    if kind == "program":
        if words not in NUMBERED:
            raise SettingsError(f"a program change brings a number: it does one of {', '.join(NUMBERED)}, not {does!r}")
        return Binding(kind, number, channel, words, "numbered", mode or "press")
    action, _ = action_of(does)
    acts = "trigger" if action.kind == "numbered" else action.kind
    if acts == "knob" and kind == "note":
        raise SettingsError(f"a note cannot turn {words}: take a cc or pitch")
    if acts == "knob":
        knob = KNOBS[action.name]
        more = {"low": knob.low, "high": knob.high} | more
    return Binding(kind, number, channel, words, acts, mode or MODES[acts][0], **more)


def _binding(row: dict[str, Any], toml: TomlText, index: int) -> Binding:
    control = ""

    def wrong(what: str, key: str = "") -> SettingsError:
        return toml.wrong(f"{control}: {what}" if control else what, "control", index, key)

    def whole(key: str, low: int, high: int) -> int:
        value = row[key]
        if not isinstance(value, int) or isinstance(value, bool) or not low <= value <= high:
            raise wrong(f"{key} is {value!r}; it is a whole number from {low} to {high}", key)
        return value

    def one_of(key: str, there: tuple[str, ...]) -> str | None:
        if key in row and row[key] not in there:
            raise wrong(f"{key} is {row[key]!r}; it is one of {', '.join(there)}", key)
        return row.get(key)

    for key in row:
        if key not in KEYS:
            raise wrong(f"{key!r} means nothing here; a control has {', '.join(KEYS)}", key)
    kinds = [kind for kind in KEYS[:4] if kind in row]
    if len(kinds) != 1:
        raise wrong("a control has one address: cc, note, pitch = true or program = true", kinds[-1] if kinds else "")
    kind = kinds[0]
    if kind in {"pitch", "program"} and row[kind] is not True:
        raise wrong(f"{kind} is {row[kind]!r}; it is true, or left out", kind)
    number = whole(kind, 0, 127) if kind in {"cc", "note"} else 0
    channel = whole("channel", 1, 16) if "channel" in row else None
    control = f"{kind} {row[kind]}" if kind in {"cc", "note"} else kind
    if not isinstance(row.get("does"), str):
        raise wrong('it needs to say what it does, in quotes: does = "linger"', "does")
    try:
        plain = bind(kind, number, channel, row["does"])
    except SettingsError as error:
        raise wrong(str(error), "does") from error
    mode = one_of("mode", MODES[plain.acts]) or plain.mode
    takeover = one_of("takeover", ("pickup", "jump"))
    invert = row.get("invert", False)
    if not isinstance(invert, bool):
        raise wrong(f"invert is {invert!r}; it is true or false", "invert")
    if kind == "pitch" and plain.acts == "knob" and mode != "absolute":
        raise wrong("a bend wheel is absolute: it has two ends", "mode")
    binding = replace(plain, mode=mode, invert=invert, takeover=takeover)
    low, high = _range(row, binding, wrong)
    return replace(binding, low=low, high=high, hold=_hold(row, binding, wrong))


Wrong = Callable[[str, str], SettingsError]


def _range(row: dict[str, Any], binding: Binding, wrong: Wrong) -> tuple[float, float]:
    """From where to where it turns its knob."""
    knob = KNOBS.get(binding.does) if binding.acts == "knob" else None
    if knob is None:
        for key in ("low", "high", "takeover"):
            if key in row:
                raise wrong(f"{key} is for knobs, and {binding.does} is none", key)
        return binding.low, binding.high
    ends = {"low": knob.low, "high": knob.high}
    for key in set(ends) & set(row):
        value = row[key]
        number = isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
        if not number or not knob.low <= value <= knob.high:
            reach = f"{knob.name} goes from {knob.low:g} to {knob.high:g} {knob.unit}".rstrip()
            raise wrong(f"{key} is {value!r}; {reach}", key)
        ends[key] = float(value)
    if ends["low"] >= ends["high"]:
        what = f"low is {ends['low']:g} and high is {ends['high']:g}; to turn a knob round say invert = true"
        raise wrong(what, "low" if "low" in row else "high")
    return ends["low"], ends["high"]


def _hold(row: dict[str, Any], binding: Binding, wrong: Wrong) -> str | None:
    hold = row.get("hold")
    if hold is None:
        return None
    if binding.acts not in {"switch", "trigger"}:
        raise wrong("only what is pressed can be held", "hold")
    if binding.mode == "momentary" or binding.invert:
        raise wrong("hold needs a plain press: neither momentary nor inverted", "hold")
    try:
        action, _ = action_of(hold if isinstance(hold, str) else repr(hold))
    except SettingsError as error:
        raise wrong(str(error), "hold") from error
    if action.kind == "knob":
        raise wrong(f"holding cannot turn {action.name}: take what is pressed", "hold")
    return " ".join(str(hold).split())
