"""The service file, and the timers in the kiosk's page, as systemd itself reads them."""

import configparser
import os
import re
import subprocess
import tomllib
from pathlib import Path

import pytest

from installation.options import given, parse
from installation.settings import Settings
from needs import needs_tool

pytestmark = pytest.mark.beside

DOCS = Path(__file__).resolve().parents[2] / "docs"
UNIT = DOCS / "dreamwall.service"
PAGE = (DOCS / "kiosk.md").read_text(encoding="utf-8")


def verified(folder, *names):
    """What systemd has to say against units in ``folder``, beside those of this machine."""
    told = subprocess.run(
        ["systemd-analyze", "verify", *names],
        env=os.environ | {"SYSTEMD_UNIT_PATH": f"{folder}:"},
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    return told.returncode, told.stdout + told.stderr


def directives():
    """The service file's own lines; a name that comes twice keeps all its values."""
    found = {}
    for line in UNIT.read_text(encoding="utf-8").splitlines():
        if match := re.match(r"(\w+)=(.*)", line):
            found.setdefault(match[1], []).append(match[2])
    return found


def test_systemd_takes_the_service(tmp_path):
    """The file is taken as it stands, without a warning, also once it is enabled: no cycle with the display."""
    needs_tool("systemd-analyze")
    (tmp_path / UNIT.name).write_text(UNIT.read_text(encoding="utf-8"), encoding="utf-8")
    wants = tmp_path / "graphical.target.wants"
    wants.mkdir()
    (wants / UNIT.name).symlink_to(tmp_path / UNIT.name)
    assert verified(tmp_path, str(UNIT)) == (0, "")
    assert verified(tmp_path, "graphical.target", UNIT.name) == (0, "")


def test_a_mistake_would_be_told(tmp_path):
    """The test above can fail: a directive that is misspelt is a warning."""
    needs_tool("systemd-analyze")
    wrong = UNIT.read_text(encoding="utf-8").replace("WatchdogSec=", "WatchdogSeconds=")
    (tmp_path / UNIT.name).write_text(wrong, encoding="utf-8")
    assert "WatchdogSeconds" in verified(tmp_path, UNIT.name)[1]


def test_what_it_starts_is_a_kiosk():
    """The command of the service is one that Dreamwall takes, in kiosk mode, and tells systemd how it goes."""
    found = directives()
    program, name, *options = found["ExecStart"][0].split()
    assert (program, name) == ("/usr/bin/env", "dreamwall") and os.access(program, os.X_OK)
    assert given(parse(options))["kiosk"] is True
    assert found["Type"] == ["notify"] and found["NotifyAccess"] == ["main"] and found["Restart"] == ["always"]
    assert int(found["WatchdogSec"][0]) >= 10


def test_the_devices_it_needs_are_open():
    """Cameras, cards and sound are let through, and sit in no folder that the sandbox hides."""
    found = directives()
    for device in ("video4linux", "drm", "nvidia*", "alsa"):
        assert f"char-{device} rw" in found["DeviceAllow"]
    assert "PrivateDevices" not in found and "MemoryDenyWriteExecute" not in found
    assert "-/tmp/.X11-unix" in found["BindReadOnlyPaths"]  # else a private /tmp hides the display


def test_the_settings_on_the_page_are_valid():
    """The example can be used as it stands, and every setting in the table is one."""
    Settings(**tomllib.loads(re.search(r"```toml\n(.*?)```", PAGE, re.DOTALL)[1]))
    table = PAGE.split("## Installing")[0]
    named = [name for row in re.findall(r"^\| (`.*?) \|", table, re.MULTILINE) for name in re.findall(r"`(\w+)`", row)]
    assert len(named) == 6 and set(named) <= set(Settings.model_fields)


def test_the_opening_hours(tmp_path):
    """The four files of the page are units that systemd takes, and their times are times."""
    needs_tool("systemd-analyze")
    blocks = re.findall(r"```ini\n# (\S+)\n(.*?)```", PAGE, re.DOTALL)
    assert len(blocks) == 4
    for name, text in blocks:
        (tmp_path / name).write_text(text, encoding="utf-8")
    names = [name for name, _ in blocks]
    status, told = verified(tmp_path, *names)
    assert status == 0 and not [line for line in told.splitlines() if "dreamwall" in line]
    for _, text in blocks:
        unit = configparser.ConfigParser()
        unit.optionxform = str
        unit.read_string(text)
        if "Timer" in unit:
            when = unit["Timer"]["OnCalendar"]
            subprocess.run(["systemd-analyze", "calendar", when], check=True, capture_output=True, timeout=30)


@pytest.mark.parametrize("word", ["Ctrl+Shift+Q", "systemctl stop", "Nothing is", "flashing", "xset s off -dpms"])
def test_the_page_says(word):
    """How to end it, what is kept, what to write on the sign, how to keep the screen on."""
    assert word in PAGE
