"""Programs: named looks in a TOML file, recalled from a key, a pad, the page or the kiosk, and stored from the stage.

    [[program]]
    name = "Feathers"
    fade = 4                # seconds from whatever was there
    hold = 45               # seconds it stays while the programs take turns; --hold goes before it
    [program.knobs]         # what it does not name stands where the show began
    linger = 5
    [program.layers]        # layers of the network's own; those it does not have are left out, and if it has none of
    Mixed_5c = 0.4          # them the layer knob says
    Mixed_6b = 0.6

Programs are counted from 1, in the order of the file.
"""

import math
import threading
from collections.abc import Sequence
from dataclasses import dataclass, field
from importlib.resources import files
from pathlib import Path
from typing import Any

import tomlkit

from installation.errors import SettingsError
from installation.knobs import KNOBS
from installation.toml_file import TomlText, user_folder, write_toml

USUAL_FADE, USUAL_HOLD = 3.0, 45.0  # seconds
MOST = 128  # as many as a program change can name
OF_THE_ROOM = frozenset({"brightness"})  # knobs no program turns: they belong to the room and not to the dream
_SECONDS = {"fade": (0.0, 600.0), "hold": (0.1, 86400.0)}


@dataclass(frozen=True, slots=True)
class Program:
    """A named look and how it comes.  ``layers``: weights of any size, by layer name."""

    name: str
    knobs: dict[str, float] = field(default_factory=dict)
    layers: dict[str, float] = field(default_factory=dict)
    fade: float = USUAL_FADE
    hold: float | None = None

    def mixture(self, available: Sequence[str]) -> dict[str, float]:
        """The layers that this network has, as shares of one; empty when it has none of them."""
        there = {name: weight for name, weight in self.layers.items() if name in available}
        total = sum(there.values())
        return {name: weight / total for name, weight in there.items()}


class Programs:
    """The list, and where it is kept."""

    def __init__(self, rows: Sequence[Program], path: Path | None = None, text: str = "") -> None:
        """``path``: where `write` writes; ``text``: the file as it was read, so that comments survive."""
        self.rows = list(rows)
        self._path, self._text = path, text
        self._changed: set[int] = set()
        self._writing = threading.Lock()

    @classmethod
    def load(cls, path: Path | None = None) -> "Programs":
        """From ``path``; else from the person's own file, else those that ship.

        Raises SettingsError, naming file and line, when something in it is wrong.
        """
        own = path or user_folder() / "programs.toml"
        if path is not None or own.exists():
            toml = TomlText.read(own)
            return cls(_rows(toml), own, own.read_text(encoding="utf-8"))
        text = (files("installation") / "programs.toml").read_text(encoding="utf-8")
        return cls(_rows(TomlText(text, "programs.toml (shipped)")), own, text)

    def __len__(self) -> int:
        return len(self.rows)

    def get(self, number: int) -> Program | None:
        """The ``number``-th, from 1; None when there is none."""
        return self.rows[number - 1] if 1 <= number <= len(self.rows) else None

    def find(self, name: str) -> int:
        """The number of the program called ``name``, or of that number.  Raises SettingsError, saying what there is."""
        for number, row in enumerate(self.rows, 1):
            if name.strip().lower() in {row.name.lower(), str(number)}:
                return number
        raise SettingsError(
            f"there is no program {name!r}; there are "
            + ", ".join(f"{n} {row.name}" for n, row in enumerate(self.rows, 1))
        )

    @property
    def layers(self) -> tuple[str, ...]:
        """Every layer that any program names."""
        return tuple(sorted({name for row in self.rows for name in row.layers}))

    def put(self, number: int, program: Program) -> int:
        """Put ``program`` in place ``number``, or at the end when that is further; returns where it is now."""
        at = max(1, min(number, len(self.rows) + 1, MOST))
        self.rows[at - 1 : at] = [program]
        self._changed.add(at)
        return at

    def write(self) -> Path:
        """Write what was put to the person's own file, and say where that is.

        Comments and whatever was not changed stay as they were.  Raises OSError when it cannot be written.
        """
        with self._writing:
            if self._path is None:
                raise OSError("this list has no file")
            document = tomlkit.parse(self._text)
            rows = document.setdefault("program", tomlkit.aot())
            changed = set(self._changed)  # what is put from here on, the next write takes
            for number in sorted(changed):
                table = _table(self.rows[number - 1])
                if number <= len(rows):
                    rows[number - 1] = table
                else:
                    rows.append(table)
            write_toml(self._path, document)
            self._text = tomlkit.dumps(document)
            self._changed -= changed
            return self._path


def _table(program: Program) -> Any:
    table = tomlkit.table()
    table["name"], table["fade"] = program.name, round(program.fade, 2)
    if program.hold is not None:
        table["hold"] = program.hold
    for part, values in (("knobs", program.knobs), ("layers", program.layers)):
        if values:
            inner = tomlkit.table()
            for name, value in values.items():
                inner[name] = float(f"{value:.6g}")
            table[part] = inner
    return table


def _rows(toml: TomlText) -> list[Program]:
    for key in toml.tables:
        if key != "program":
            raise toml.wrong(f"{key!r} means nothing here; programs begin with [[program]]", key=key)
    rows = toml.tables.get("program", [])
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise toml.wrong("a program begins with [[program]], in two brackets", key="program")
    if not rows:
        raise toml.wrong("there is no program in it; one begins with [[program]]")
    if len(rows) > MOST:
        raise toml.wrong(f"there is room for {MOST} programs", "program", MOST)
    return [_program(row, toml, index) for index, row in enumerate(rows)]


def _program(row: dict[str, Any], toml: TomlText, index: int) -> Program:
    def wrong(what: str, key: str = "") -> SettingsError:
        return toml.wrong(what, "program", index, key)

    def number(value: Any, key: str, low: float, high: float, unit: str) -> float:
        fits = isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
        if not fits or not low <= value <= high:
            raise wrong(f"{key} is {value!r}; it goes from {low:g} to {high:g} {unit}".rstrip(), key)
        return float(value)

    for key in row:
        if key not in {"name", "fade", "hold", "knobs", "layers"}:
            raise wrong(f"{key!r} means nothing here; a program has name, fade, hold, knobs and layers", key)
    name = row.get("name")
    if not isinstance(name, str) or not name.strip():
        raise wrong("a program needs a name, in quotes", "name")
    seconds = {key: number(row[key], key, *span, "s") for key, span in _SECONDS.items() if key in row}
    for part in ("knobs", "layers"):
        if not isinstance(row.get(part, {}), dict):
            raise wrong(f"{part} is a table: [program.{part}] and a line for each", part)
    knobs = {}
    for key, value in row.get("knobs", {}).items():
        knob = KNOBS.get(key)
        if knob is None or key in OF_THE_ROOM:
            there = ", ".join(name for name in KNOBS if name not in OF_THE_ROOM)
            raise wrong(f"no knob of a program is called {key!r}; there are {there}", key)
        knobs[key] = number(value, key, knob.low, knob.high, knob.unit)
    layers = {key: number(value, key, 1e-6, 1e6, "") for key, value in row.get("layers", {}).items()}
    return Program(name.strip(), knobs, layers, **seconds)
