"""Learning: which control is meant, and writing it down.

A control is moved while an action waits for one; it is bound to it, at once and in the person's own map of that
controller, so that it is so at the next start too.
"""

from collections.abc import Iterable
from itertools import pairwise
from pathlib import Path
from typing import Any

import tomlkit
from tomlkit.items import AoT

from installation.actions import action_of
from installation.control.midi.binding import DEAD, ORDERS, Binding, bind
from installation.control.midi.inbox import Address
from installation.toml_file import write_toml

FAR = 4  # steps that a fader is moved before it is meant: a finger on its neighbour trembles by less
SURE = 3  # messages that say the same thing again: a fader never does, an endless knob always
KEPT = 64  # values of one control that are looked at
_KINDS = {  # what endless knobs send to the right, and to the left; turned fast, some send larger steps
    "relative": (set(range(1, 16)), set(range(113, 128))),
    "relative offset": (set(range(65, 80)), set(range(49, 64))),
    "relative sign": (set(range(1, 16)), set(range(65, 80))),
}


class Ear:
    """Listens to one controller until it is sure which control is meant for ``does``."""

    def __init__(self, does: str) -> None:
        """Raises SettingsError when there is no such action."""
        self.does = does
        self._knob = action_of(does)[0].kind == "knob"
        self._values: dict[Address, list[int]] = {}

    @property
    def doubts(self) -> bool:
        """Whether something moves that is an endless knob, it seems: turned the other way too, it is sure."""
        return any(len(values) > SURE and len(set(values)) <= 2 for values in self._values.values())

    def hear(self, address: Address, value: int) -> Binding | None:
        """The binding that this message makes sure of; None as long as none is."""
        kind, channel, number = address
        if kind == "program" or (kind == "cc" and number >= ORDERS):
            return None
        mode = None
        if kind == "note":
            meant = value > 0 and not self._knob  # a pad cannot turn a knob
        elif kind == "pitch":
            meant = abs(value - 8192) > 8192 * (4 * DEAD)
        elif self._knob:
            values = self._values.setdefault(address, [])
            values.append(value)
            del values[:-KEPT]
            meant, mode = _moved(values)
        else:
            meant = value >= 64
        return bind(kind, number, channel, self.does, mode) if meant else None


def _moved(values: list[int]) -> tuple[bool, str | None]:
    """Whether these values of a control change are a movement, and the mode when it is an endless knob for sure."""
    waits = False
    again = sum(a == b for a, b in pairwise(values))
    for mode, (right, left) in _KINDS.items():
        if set(values) <= right | left:
            if again >= SURE and set(values) & right and set(values) & left:
                return True, mode
            # It may be a fader near its end, or an endless knob that was turned one way only: wait for more.
            waits = waits or again > 0 or len(values) < FAR
    if waits:
        return False, None
    return max(values) - min(values) >= FAR, None


def write_bindings(path: Path, label: str, bindings: Iterable[Binding]) -> None:
    """Put ``bindings`` into the person's own map of a controller, in place of what had their addresses.

    Comments and everything else stay.  Raises OSError, or ValueError when the file is no TOML any more.
    """
    document = tomlkit.parse(path.read_text(encoding="utf-8")) if path.exists() else _new(label)
    rows = document.setdefault("control", tomlkit.aot())
    for binding in bindings:
        at = next((index for index, row in enumerate(rows) if _address(row) == binding.address), None)
        if at is None:
            rows.append(tomlkit.table() if isinstance(rows, AoT) else tomlkit.inline_table())
            at = len(rows) - 1
        _fill(rows[at], binding)
    write_toml(path, document)


def _new(label: str) -> tomlkit.TOMLDocument:
    import re

    document = tomlkit.document()
    document.add(tomlkit.comment("What was learned with this controller; it lies over the map that ships."))
    document["name"], document["match"] = label, re.escape(label).replace(r"\ ", " ")
    document.add(tomlkit.nl())
    return document


def _fill(row: Any, binding: Binding) -> None:
    values: dict[str, Any] = {binding.kind: binding.number if binding.kind in {"cc", "note"} else True}
    if binding.channel is not None:
        values["channel"] = binding.channel
    values |= {"does": binding.does, "mode": binding.mode}
    if binding.invert:
        values["invert"] = True
    for key in [key for key in row if key not in values]:
        del row[key]
    for key, value in values.items():
        row[key] = value


def _address(row: Any) -> tuple[str, int | None, int] | None:
    for kind in ("cc", "note"):
        if kind in row:
            return kind, row.get("channel"), row[kind]
    for kind in ("pitch", "program"):
        if kind in row:
            return kind, row.get("channel"), 0
    return None
