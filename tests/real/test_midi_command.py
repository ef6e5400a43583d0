"""``dreamwall midi`` with a real controller: a virtual port on a JACK server, from a process of its own."""

import subprocess
import sys
from queue import Empty, Queue
from threading import Thread

import pytest

from jack import Player, a_jack
from needs import needs_tool


@pytest.fixture(autouse=True)
def jack(tmp_path, monkeypatch):
    needs_tool("jackd")
    monkeypatch.setenv("DREAMWALL_CONFIG", str(tmp_path))
    with a_jack() as server:
        yield server


def test_a_controller_is_listed_and_each_message_is_a_line():
    """What is plugged in is named with its profile; what it sends is shown with what it does, as it is sent."""
    with Player("nanoKONTROL2") as korg:
        command = [sys.executable, "-u", "-m", "installation", "midi", "--seconds", "20"]
        shown = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        lines: Queue[str] = Queue()
        assert shown.stdout is not None
        Thread(target=lambda: [lines.put(line.strip()) for line in shown.stdout], daemon=True).start()
        try:
            until(lines, "MIDI through JACK")
            assert "the profile nanoKONTROL2, over the general map" in until(lines, "in   nanoKONTROL2")
            until(lines, "is connected")
            korg.send(0xB0, 42, 127)
            assert until(lines, "CC 42").endswith("channel 1, value 127: does flip blackout")
            korg.send(0xC0, 1)
            assert until(lines, "program change").endswith("program change 1, channel 1: does program 2")
            korg.unplug()
            until(lines, "is gone")
        finally:
            shown.terminate()
            shown.wait(5)


def until(lines, part):
    """The next line with ``part`` in it."""
    seen = []
    while True:
        try:
            seen.append(lines.get(timeout=10))
        except Empty:
            pytest.fail(f"no line with {part!r} in {seen}")
        if part in seen[-1]:
            return seen[-1]
