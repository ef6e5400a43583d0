"""The watchdog: systemd hears of pictures that were shown, and of nothing else."""

import os
import select
import signal
import socket
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import pytest

from installation.clock import HandClock
from installation.watchdog import Watchdog

HOUSE = Path(__file__).resolve().parents[2]
SECOND = 1_000_000  # in the microseconds that systemd counts


class Supervisor:
    """Stands in for systemd: a datagram socket, by path or by a name without a file, and what came in."""

    def __init__(self, address):
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind("\0" + address[1:] if address.startswith("@") else address)
        self.socket.setblocking(False)

    def heard(self, timeout=0.0):
        lines = []
        while select.select([self.socket], [], [], timeout)[0]:
            lines += self.socket.recv(4096).decode().split("\n")
            timeout = 0.0
        return lines


@pytest.fixture(params=["path", "abstract"])
def supervisor(request, tmp_path):
    address = str(tmp_path / "notify") if request.param == "path" else f"@dreamwall-{os.getpid()}-{time.monotonic_ns()}"
    listening = Supervisor(address)
    listening.address = address
    yield listening
    listening.socket.close()


def environ(supervisor, **more):
    return {"NOTIFY_SOCKET": supervisor.address, "WATCHDOG_USEC": str(30 * SECOND)} | more


def show(watchdog, clock, seconds, status=lambda: "all is well"):
    for _ in range(round(seconds * 30)):
        watchdog.presented(clock.now(), status)
        clock.sleep(1 / 30)


def test_ready_with_the_first_picture_and_then_a_pet_now_and_then(supervisor):
    """READY comes with the first picture and not before; pets come three times as often as they are needed."""
    clock = HandClock(777.0)
    with Watchdog(environ(supervisor)) as watchdog:
        clock.sleep(60)
        assert supervisor.heard() == []
        show(watchdog, clock, 1)
        assert supervisor.heard() == ["READY=1", "STATUS=all is well"]
        show(watchdog, clock, 60, lambda: "dream 4 a second\nsource camera")
        heard = supervisor.heard()
        assert heard.count("WATCHDOG=1") == 6
        assert set(heard) == {"WATCHDOG=1", "STATUS=dream 4 a second source camera"}
    assert supervisor.heard() == ["STOPPING=1"]
    watchdog.__exit__()
    assert supervisor.heard() == []


def test_no_pictures_no_pets(supervisor):
    """A show that presents nothing is not petted, however long it lives, and is again when it goes on."""
    clock = HandClock()
    with Watchdog(environ(supervisor)) as watchdog:
        show(watchdog, clock, 1)
        supervisor.heard()
        clock.sleep(3600)
        assert supervisor.heard() == []
        watchdog.presented(clock.now(), lambda: "")
        assert supervisor.heard() == ["WATCHDOG=1"]


@pytest.mark.parametrize(
    "who", [{"WATCHDOG_USEC": ""}, {"WATCHDOG_USEC": "0"}, {"WATCHDOG_USEC": "soon"}, {"WATCHDOG_PID": "1"}]
)
def test_nobody_waits_for_pets(supervisor, who):
    """Without a watchdog, or with one for another process, systemd still hears that the show is ready and how it is."""
    clock = HandClock()
    watchdog = Watchdog(environ(supervisor, **who))
    show(watchdog, clock, 25)
    assert supervisor.heard() == ["READY=1"] + 3 * ["STATUS=all is well"]


def test_a_pet_for_this_very_process(supervisor):
    """WATCHDOG_PID names this process: it pets."""
    clock = HandClock()
    show(Watchdog(environ(supervisor, WATCHDOG_PID=str(os.getpid()))), clock, 11)
    assert "WATCHDOG=1" in supervisor.heard()


@pytest.mark.parametrize("address", [{}, {"NOTIFY_SOCKET": ""}, {"NOTIFY_SOCKET": "/nowhere/at/all"}])
def test_without_a_supervisor(address):
    """Started from a terminal, or with the supervisor gone, it does nothing and hurts nobody."""
    clock = HandClock()
    with Watchdog(address | {"WATCHDOG_USEC": "3000000"}) as watchdog:
        show(watchdog, clock, 5)


def test_what_fails_never_reaches_the_show(supervisor):
    """A status that cannot be told, and a supervisor that does not listen for a while, cost no picture and no pet."""
    clock = HandClock()
    watchdog = Watchdog(environ(supervisor, WATCHDOG_USEC=str(SECOND // 100)))

    def broken():
        raise RuntimeError("no figures")

    show(watchdog, clock, 60, broken)  # more than the socket holds
    heard = supervisor.heard()
    assert heard[0] == "READY=1" and set(heard[1:]) == {"WATCHDOG=1"}
    show(watchdog, clock, 1 / 30, broken)
    assert supervisor.heard() == ["WATCHDOG=1"]


def test_a_show_that_was_stopped_is_noticed(tmp_path):
    """Stopped in mid-air (SIGSTOP), as a process that hangs, the show pets no more and the supervisor's time runs out;
    as long as it goes on it never does.
    """
    limit = 1.5
    address = str(tmp_path / "notify")
    supervisor = Supervisor(address)
    loop = textwrap.dedent("""
        import os, time
        from installation.watchdog import Watchdog
        with Watchdog(os.environ) as watchdog:
            while True:
                watchdog.presented(time.monotonic(), lambda: "playing")
                time.sleep(1 / 30)
    """)
    told = {"NOTIFY_SOCKET": address, "WATCHDOG_USEC": str(int(limit * SECOND)), "PYTHONPATH": str(HOUSE)}
    child = subprocess.Popen([sys.executable, "-c", loop], env=os.environ | told, cwd=tmp_path)
    try:
        assert "READY=1" in supervisor.heard(timeout=60)
        for _ in range(3):
            assert "WATCHDOG=1" in supervisor.heard(timeout=limit)
        child.send_signal(signal.SIGSTOP)
        supervisor.heard(timeout=0.2)  # what was on its way
        assert supervisor.heard(timeout=limit) == []
        child.send_signal(signal.SIGCONT)
        assert "WATCHDOG=1" in supervisor.heard(timeout=limit)
    finally:
        child.kill()
        child.wait(10)
        supervisor.socket.close()
