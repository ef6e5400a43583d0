"""The documents say what the code does."""

import runpy
import tomllib
from pathlib import Path

from installation.knobs import KNOBS
from installation.options import COMMANDS
from installation.settings import Settings

HOUSE = Path(__file__).resolve().parents[2]


def test_the_readmes_table_of_knobs_is_the_declaration():
    """Every knob stands in the README with its range, unit, default and help, as it is declared."""
    table = runpy.run_path(str(HOUSE / "docs" / "knobs.py"))["table"]()
    assert all(f"`{name}`" in table for name in KNOBS)
    assert table in (HOUSE / "README.md").read_text(encoding="utf-8")


def test_every_command_is_in_the_readme():
    """A command nobody can find is no command."""
    text = (HOUSE / "README.md").read_text(encoding="utf-8")
    assert all(f"dreamwall {command}" in text for command in COMMANDS)


def test_the_example_settings_are_valid():
    """The file in the operator's page can be used as it stands."""
    text = (HOUSE / "docs" / "running-a-show.md").read_text(encoding="utf-8")
    example = text.split("```toml")[1].split("```")[0]
    Settings(**tomllib.loads(example))
