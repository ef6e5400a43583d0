"""TOML files that people write: read with the line of every mistake, written without losing their comments."""

import os
import re
import tomllib
from pathlib import Path
from typing import Any

import tomlkit

from installation.errors import SettingsError


class TomlText:
    """A TOML file's tables, and the line that each of them stands on."""

    def __init__(self, text: str, name: str) -> None:
        """``name`` begins every message.  Raises SettingsError, naming the line, when it is not TOML."""
        self.name, self._lines = name, text.splitlines()
        try:
            self.tables: dict[str, Any] = tomllib.loads(text)
        except tomllib.TOMLDecodeError as error:
            where = re.search(r"\(at line (\d+), column \d+\)", str(error))
            line = int(where[1]) if where else len(self._lines)
            what = re.sub(r" \(at .*\)$", "", str(error))
            raise SettingsError(f"{name}, line {line}: not TOML: {what}") from error

    @classmethod
    def read(cls, path: Path) -> "TomlText":
        """The file at ``path``.  Raises SettingsError when it cannot be read."""
        try:
            return cls(path.read_text(encoding="utf-8"), str(path))
        except OSError as error:
            raise SettingsError(f"{path} cannot be read: {error.strerror}") from error
        except UnicodeDecodeError as error:
            raise SettingsError(f"{path}: not text in UTF-8") from error

    def wrong(self, what: str, table: str = "", index: int = 0, key: str = "") -> SettingsError:
        """An error that names the line of ``key`` in the ``index``-th ``[[table]]`` (or of the table itself)."""
        return SettingsError(f"{self.name}, line {self._line(table, index, key)}: {what}")

    def _line(self, table: str, index: int, key: str) -> int:
        heads = [n for n, line in enumerate(self._lines) if re.match(rf"\s*\[\[?\s*{re.escape(table)}\s*\]", line)]
        if table and not heads:  # written as table = [ {...}, ... ], a line for each
            opens = [n for n, line in enumerate(self._lines) if re.match(rf"\s*{re.escape(table)}\s*=\s*\[", line)]
            after = range(opens[0] + 1, len(self._lines)) if opens else range(0)
            heads = [n for n in after if self._lines[n].lstrip().startswith("{")]
        begin = heads[index] if table and index < len(heads) else -1
        end = heads[index + 1] if table and index + 1 < len(heads) else len(self._lines)
        word = re.compile(
            rf"""\s*(\[+.*\.\s*)?["']?{re.escape(key)}["']?\s*[=\].]|.*[{{,]\s*["']?{re.escape(key)}["']?\s*="""
        )
        for number in range(begin + 1, end):
            if key and word.match(self._lines[number]):
                return number + 1
        return max(1, begin + 1)


def write_toml(path: Path, document: tomlkit.TOMLDocument) -> None:
    """Write ``document`` whole or not at all.  Raises OSError when it cannot be written."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(path.name + ".part")
    with part.open("w", encoding="utf-8") as file:
        file.write(tomlkit.dumps(document))
        file.flush()
        os.fsync(file.fileno())
    part.replace(path)


def user_folder() -> Path:
    """Where a person's own programs and controller maps are kept; ``$DREAMWALL_CONFIG`` says another place."""
    import platformdirs

    return Path(os.environ.get("DREAMWALL_CONFIG") or platformdirs.user_config_path("dreamwall"))
