"""Writes the table of the general MIDI map from its bindings: ``python docs/general_map.py``; a test compares them."""

import re
from collections.abc import Iterator
from itertools import groupby
from pathlib import Path

from installation.control.midi.binding import Binding
from installation.control.midi.map import generic
from installation.knobs import KNOBS

PAGE = Path(__file__).resolve().parent / "midi.md"
HEAD = "| control | does | |\n|---|---|---|\n"


def table() -> str:
    """The table in Markdown: knobs first, then what is pressed; pads that count on share a row."""
    rows = sorted(generic().values(), key=lambda row: (row.acts != "knob", row.kind, row.number))
    return HEAD + "".join(_rows(rows))


def _rows(rows: list[Binding]) -> Iterator[str]:
    for (kind, name), group in groupby(rows, key=lambda row: (row.kind, row.does.rstrip(" 0123456789"))):
        alike = list(group)
        first, last = alike[0], alike[-1]
        numbers = f"{first.number} to {last.number}" if len(alike) > 2 else " and ".join(str(r.number) for r in alike)
        control = {"cc": f"CC {numbers}", "note": f"note {numbers}"}.get(kind, first.control)
        does = name if len(alike) <= 2 else f"{first.does} to {last.does.split()[-1]}"
        yield f"| {control} | {does} | {_about(first)} |\n"


def _about(row: Binding) -> str:
    if row.acts == "knob":
        return f"{row.low:g} to {row.high:g} {KNOBS[row.does].unit}".rstrip()
    if row.acts == "numbered":
        return "0 in the message is program 1"
    if row.mode == "momentary":
        return "on while it is held"
    return "" if row.hold is None else f"hold: {row.hold.split()[0]}"


if __name__ == "__main__":
    text = PAGE.read_text(encoding="utf-8")
    PAGE.write_text(re.sub(re.escape(HEAD) + r"(\|.*\n)*|GENERIC_TABLE\n", table(), text), encoding="utf-8")
