"""The kiosk as systemd runs it: the whole show in a process of its own, and a socket that stands in for systemd."""

import os
import select
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from needs import free_port

HOUSE = Path(__file__).resolve().parents[2]
WATCHDOG = 1.5  # seconds; systemd kills what was not heard of for so long


@pytest.fixture
def systemd(tmp_path):
    listening = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    listening.bind(str(tmp_path / "notify"))
    yield listening
    listening.close()


def heard(systemd, seconds):
    """What comes in within ``seconds``, as lines."""
    lines, end = [], time.monotonic() + seconds
    while (left := end - time.monotonic()) > 0:
        if select.select([systemd], [], [], left)[0]:
            lines += systemd.recv(4096).decode().split("\n")
    return lines


def test_the_watchdog_hears_of_pictures_only(systemd, tmp_path):
    """Ready with the first picture, then heard of again and again; not once while the show stands; ended in order."""
    env = {name: value for name, value in os.environ.items() if name not in {"DISPLAY", "WAYLAND_DISPLAY"}}
    env |= {"NOTIFY_SOCKET": str(tmp_path / "notify"), "WATCHDOG_USEC": str(int(WATCHDOG * 1e6))}
    env |= {"DREAMWALL_CACHE": str(tmp_path), "DREAMWALL_CONFIG": str(tmp_path)}
    options = ["--kiosk", "--network", "leap", "--size", "96x96", "--source", "clouds", "--port", str(free_port())]
    show = subprocess.Popen(
        [sys.executable, "-m", "installation", *options], env=env, cwd=HOUSE, stderr=subprocess.PIPE, text=True
    )
    try:
        lines, end = [], time.monotonic() + 60
        while "READY=1" not in lines and time.monotonic() < end:
            lines += heard(systemd, 0.2)
        assert "READY=1" in lines
        assert heard(systemd, 2 * WATCHDOG).count("WATCHDOG=1") >= 3
        os.kill(show.pid, signal.SIGSTOP)
        heard(systemd, 0.1)  # what was already on its way
        assert heard(systemd, 1.5 * WATCHDOG) == [], "systemd would have fired"
        os.kill(show.pid, signal.SIGCONT)
        assert "WATCHDOG=1" in heard(systemd, 2 * WATCHDOG)
        show.send_signal(signal.SIGTERM)
        assert show.wait(30) == 0
        assert "STOPPING=1" in heard(systemd, 0.5)
    finally:
        show.kill()
        said = show.communicate()[1]
    assert "Traceback" not in said
