"""Writes the README's table of knobs from their declarations: ``python docs/knobs.py``.  A test compares the two."""

import re
from pathlib import Path

from installation.knobs import KNOBS

README = Path(__file__).resolve().parents[1] / "README.md"
HEAD = "| knob | range | usually | what the hand feels |\n|---|---|---|---|\n"


def table() -> str:
    """The table in Markdown."""
    rows = (
        f"| `{k.name}` | {k.low:g} to {k.high:g} {k.unit}".rstrip() + f" | {k.default:g} | {k.help} |\n"
        for k in KNOBS.values()
    )
    return HEAD + "".join(rows)


if __name__ == "__main__":
    text = README.read_text(encoding="utf-8")
    README.write_text(re.sub(re.escape(HEAD) + r"(\|.*\n)*|KNOBS_TABLE\n", table(), text), encoding="utf-8")
