"""The house itself: which way imports go, and that it says what it does."""

import subprocess
import sys
from pathlib import Path

import pytest

HOUSE = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize(
    "check", [["lint-imports"], ["ruff", "check", "."], ["ruff", "format", "--check", "."], ["mypy"]]
)
def test_the_house_is_in_order(check):
    """Imports run one way, types are strict and the style is one: by import-linter, mypy and ruff."""
    tool = Path(sys.executable).with_name(check[0])
    done = subprocess.run([str(tool), *check[1:]], cwd=HOUSE, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
