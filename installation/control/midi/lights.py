"""Lights: what a MIDI controller shows of the desk.  They show the truth, whoever changed it; only changes are sent.

A `Light` is one lamp, pad or ring of a controller, as a profile's ``[[light]]`` declares it.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

import mido

from installation.actions import action_of
from installation.desk import Desk
from installation.errors import SettingsError
from installation.knobs import KNOBS
from installation.toml_file import TomlText

MOST = 32  # messages an update: a whole controller is lit in a few refreshes, and a slow one is never flooded
OWN = 0.5  # from this share on a program's own layers are what is dreamed, and no stop of the layer knob is
_KEYS = ("shows", "note", "cc", "channel", "on", "off", "there", "waiting", "values")
_CHANNELS = ("on_channel", "there_channel", "waiting_channel")


@dataclass(frozen=True, slots=True)
class Light:
    """One light and the values (0 to 127) that it takes; channels go from 1 to 16.

    ``shows``: an action's name; ``target``: its number, as in ``program 3``.  ``kind``: ``note`` or ``cc``.
    ``values``: for knobs: what is shown from the low end to the high, in equal parts; without them everything from
    ``off`` to ``on``.  ``there`` and ``waiting`` are None where the light makes no such difference.
    """

    shows: str
    target: int | None
    kind: str
    number: int
    channel: int = 1
    on: int = 127
    off: int = 0
    there: int | None = None
    waiting: int | None = None
    values: tuple[int, ...] = ()
    on_channel: int | None = None
    there_channel: int | None = None
    waiting_channel: int | None = None

    def state(self, desk: Desk, pending: Collection[str] = ()) -> tuple[int, int]:
        """The channel and the value that tell the truth now; ``pending``: knobs that wait to be picked up."""
        if self.target is None and self.shows in KNOBS:  # `layer` is a knob, `layer 2` one of its stops
            if self.shows in pending and self.waiting is not None:
                return self.waiting_channel or self.channel, self.waiting
            return self.on_channel or self.channel, self._following(desk)
        is_on, is_there = self._truth(desk)
        if is_on:
            return self.on_channel or self.channel, self.on
        if is_there and self.there is not None:
            return self.there_channel or self.channel, self.there
        return self.channel, self.off

    def _truth(self, desk: Desk) -> tuple[bool, bool]:
        """Whether it is on, and whether it could be."""
        if self.target is None:
            return desk.is_on(self.shows), True
        if self.shows == "program":
            return desk.program == self.target, self.target <= len(desk.programs)
        look = desk.board.last
        nearest = 1 + int(look.layer * max(0, desk.stops - 1) + 0.5)
        mixed = sum(weight for _, weight in look.mixture)
        return nearest == self.target and mixed < OWN, self.target <= desk.stops

    def _following(self, desk: Desk) -> int:
        knob = KNOBS[self.shows]
        share = (desk.board.standing(self.shows) - knob.low) / (knob.high - knob.low)
        if self.values:
            return self.values[round(share * (len(self.values) - 1))]
        return round(self.off + share * (self.on - self.off))


def lights_of(toml: TomlText) -> list[Light]:
    """The lights that a profile declares.  Raises SettingsError, naming file and line, when something is wrong."""
    rows = toml.tables.get("light", [])
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise toml.wrong("a light begins with [[light]], in two brackets", key="light")
    lights: list[Light] = []
    for index, row in enumerate(rows):
        light = _light(row, toml, index)
        for other in lights:
            if (other.kind, other.number, other.channel) == (light.kind, light.number, light.channel):
                what = f"{light.kind} {light.number} of channel {light.channel} is a light already"
                raise toml.wrong(what, "light", index, light.kind)
        lights.append(light)
    return lights


def _light(row: dict[str, Any], toml: TomlText, index: int) -> Light:
    def wrong(what: str, key: str = "") -> SettingsError:
        return toml.wrong(what, "light", index, key)

    def number(key: str, low: int, high: int) -> int:
        value = row[key]
        if not isinstance(value, int) or isinstance(value, bool) or not low <= value <= high:
            raise wrong(f"{key} is {value!r}; it is a whole number from {low} to {high}", key)
        return value

    for key in row:
        if key not in {*_KEYS, *_CHANNELS}:
            raise wrong(f"{key!r} means nothing here; a light has {', '.join([*_KEYS, *_CHANNELS])}", key)
    if not isinstance(row.get("shows"), str):
        raise wrong('a light needs to say what it shows, in quotes: shows = "program 1"', "shows")
    try:
        action, target = action_of(row["shows"])
    except SettingsError as error:
        raise wrong(str(error), "shows") from error
    if action.kind == "trigger" or action.name == "store":
        raise wrong(f"{action.name} is over as soon as it is done: there is nothing to show of it", "shows")
    kinds = [kind for kind in ("note", "cc") if kind in row]
    if len(kinds) != 1:
        raise wrong("a light has one address: note or cc", kinds[-1] if kinds else "shows")
    for key in ("waiting", "waiting_channel", "values"):
        if key in row and action.kind != "knob":
            raise wrong(f"{key} is for knobs, and {action.name} is none", key)
    for key in ("there", "there_channel"):
        if key in row and target is None:
            raise wrong(f"{key} is for program N and layer N, which may be there without being on", key)
    values = row.get("values", [])
    if not isinstance(values, list) or not all(type(value) is int and 0 <= value <= 127 for value in values):
        raise wrong(f"values are {values!r}; they are a list of whole numbers from 0 to 127", "values")
    return Light(
        action.name,
        target,
        kinds[0],
        number(kinds[0], 0, 127),
        values=tuple(values),
        **{key: number(key, 0, 127) for key in ("on", "off", "there", "waiting") if key in row},
        **{key: number(key, 1, 16) for key in ("channel", *_CHANNELS) if key in row},
    )


class Lights:
    """The lights of one controller, and what was sent to them last.  For one thread."""

    def __init__(self, lights: Collection[Light]) -> None:
        self._lights = tuple(lights)
        self._sent: list[tuple[int, int] | None] = [None] * len(self._lights)
        self._next = 0  # where the last update stopped, so that none waits for ever behind lively ones

    def update(self, desk: Desk, pending: Mapping[str, object] | Collection[str] = ()) -> list[mido.Message]:
        """What to send so that the controller shows the desk as it is: only what changed, at most `MOST` at a time.

        ``pending``: the knobs, by name, that wait until their control is moved to where they stand.
        """
        messages: list[mido.Message] = []
        count = len(self._lights)
        for at in ((self._next + step) % count for step in range(count)):
            light = self._lights[at]
            state = light.state(desk, pending)
            if state != self._sent[at]:
                if len(messages) == MOST:
                    self._next = at
                    break
                messages.append(_message(light, *state))
                self._sent[at] = state
        return messages

    def forget(self) -> None:
        """The controller was plugged in again and has forgotten everything: all of it is sent anew."""
        self._sent = [None] * len(self._lights)

    def dark(self) -> list[mido.Message]:
        """What puts every light out, at the end of the show; however many there are."""
        self.forget()
        return [_message(light, light.channel, 0) for light in self._lights]


def _message(light: Light, channel: int, value: int) -> mido.Message:
    """A lamp is put out with a note on of velocity 0: some controllers do not listen to note off."""
    if light.kind == "note":
        return mido.Message("note_on", channel=channel - 1, note=light.number, velocity=value)
    return mido.Message("control_change", channel=channel - 1, control=light.number, value=value)
