"""Settings and the command line: bad values are refused at once, all of them, with what is allowed."""

import json
import os
import subprocess
import sys

import pytest

from installation.errors import SettingsError
from installation.knobs import KNOBS
from installation.options import given, parse, parser
from installation.settings import Settings, load_settings


def refused(capsys, *argv):
    """The lines on stderr of a command that must end with exit code 2."""
    from installation.__main__ import main

    try:
        code = main(list(argv))
    except SystemExit as end:
        code = end.code
    assert code == 2
    return capsys.readouterr().err.strip().splitlines()


def test_no_command_is_the_show():
    """`dreamwall --steps 3` means `dreamwall run --steps 3`."""
    options = parse(["--steps", "3", "--windowed"])
    assert options.command == "run"
    assert given(options) == {"steps": "3", "windowed": True}
    assert load_settings(None, given(options)).steps == 3


def test_every_problem_is_told_at_once(capsys):
    """Four bad values are four lines, each naming its option and what is allowed."""
    lines = refused(capsys, "--size", "10x20", "--steps", "0", "--knob", "lingr=3", "--fit", "stretch")
    assert len(lines) == 4
    assert "--size: each side goes from 96 to 4096" in lines[0]
    assert "--steps: a number from 1 to 50" in lines[1]
    assert "'cover' or 'contain'" in lines[2]
    assert "--knob" in lines[3] and "linger" in lines[3]


@pytest.mark.parametrize(
    ("argv", "told"),
    [
        (["--knob", "linger=99"], "0.1 to 30"),
        (["--knob", "linger"], "NAME=VALUE"),
        (["--seconds", "-1"], "above 0"),
        (["--frames", "1.5"], "whole number"),
        (["--rotate", "45"], "0, 90, 180 or 270"),
        (["--guard", "off"], "'strict' or 'performance'"),
        (["--kiosk", "--guard", "performance"], "its flash guard is strict"),
        (["--source", "no/such/file.mp4"], "no/such/file.mp4"),
        (["--config", "no/such.toml"], "cannot be read"),
        (["--report", "/proc/nowhere/r.json"], "cannot be written"),
        (["still", "no/such.png", "out.png"], "no such picture"),
    ],
)
def test_bad_values_are_one_line(capsys, argv, told):
    """No traceback, no show: one line that says what is wrong."""
    lines = refused(capsys, *argv)
    assert told in lines[-1] and "Traceback" not in "".join(lines)


def test_a_file_is_overridden_by_options(tmp_path):
    """What the command line names goes before the file; knobs are merged one by one."""
    file = tmp_path / "wall.toml"
    file.write_text('steps = 5\nsize = "400x300"\n[knobs]\nlinger = 4\nzoom = 0.1\n', encoding="utf-8")
    settings = load_settings(file, {"steps": "7", "knobs": {"linger": 9.0}})
    assert (settings.steps, settings.size, settings.knobs) == (7, (400, 300), {"linger": 9.0, "zoom": 0.1})


@pytest.mark.parametrize("text", ["stepz = 3", "steps = [", "steps = 900\nfit = 1", "[knobs]\nx = 1", "knobs = 3"])
def test_a_bad_file_names_itself(tmp_path, text):
    """The line begins with the file's name, so that one knows where to mend it."""
    file = tmp_path / "wall.toml"
    file.write_text(text, encoding="utf-8")
    with pytest.raises(SettingsError) as told:
        load_settings(file, {})
    assert all(line.startswith(str(file)) for line in str(told.value).splitlines())


def test_the_help_names_every_setting_and_knob():
    """What can be set is in --help."""
    text = parser().parse_args  # the parser is whole before its help is asked for
    assert callable(text)
    shown = subprocess.run(
        [sys.executable, "-m", "installation", "run", "--help"], capture_output=True, text=True, check=True
    ).stdout
    for name in Settings.model_fields:
        assert ("--knob" if name == "knobs" else "--" + name.replace("_", "-")) in shown
    for name in KNOBS:
        assert name in shown


def test_importing_costs_little():
    """`dreamwall --help` and the calibration load no torch, open no window and start no thread."""
    code = (
        "import sys, threading, json; import installation.options, installation.show, calibration;"
        "print(json.dumps([m for m in ('torch', 'pygame') if m in sys.modules] + [str(threading.active_count())]))"
    )
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env=dict(os.environ))
    assert json.loads(out.stdout) == ["1"]
