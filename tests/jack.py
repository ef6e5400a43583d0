"""A JACK server for tests, of their own, with no sound card: real MIDI ports on a machine that has none."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Self

PLAYER = """
import sys, time, mido
backend = mido.Backend("mido.backends.rtmidi/UNIX_JACK")
port = None
for line in sys.stdin:
    verb, *rest = line.split(None, 1)
    if verb == "open":
        port = backend.open_output(rest[0].strip(), virtual=True, client_name=rest[0].strip())
    elif verb == "close":
        port.close()
    elif verb == "send":
        port.send(mido.Message.from_hex(rest[0]))
    elif verb == "flood":
        rate, seconds = (float(word) for word in rest[0].split())
        begun, sent = time.monotonic(), 0
        while time.monotonic() - begun < seconds:
            while sent < (time.monotonic() - begun) * rate:
                sent += 1
                port.send(mido.Message("control_change", control=20 + sent % 8, value=sent // 8 % 128))
                if sent % 10 == 0:
                    port.send(mido.Message("note_on", note=sent // 10 % 35, velocity=1 + sent % 127))
            time.sleep(0.001)
        print("sent", sent + sent // 10, flush=True)
        continue
    print("done", flush=True)
"""


NAMES = [f"dreamwall-tests-{number}" for number in range(1, 5)]


class Jack:
    """``jackd`` with its dummy driver, under a name of its own; started on entering, ended on leaving."""

    def __init__(self) -> None:
        self.name = ""
        self._server: subprocess.Popen[str] | None = None

    def start(self) -> None:
        """Start the server, and wait until it answers; a second time under the name it had.

        The names are few and always the same: JACK's registry has room for eight servers, one that ended badly (as it
        does when a client of it is killed) keeps its place, and only a server of the same name takes that place over.
        """
        said = ""
        names = [self.name] if self.name else NAMES
        for self.name in names:
            server = subprocess.Popen(
                ["jackd", "-r", "-n", self.name, "-d", "dummy", "-r", "48000", "-p", "256"],
                stdout=subprocess.DEVNULL,
                stderr=subprocess.PIPE,
                text=True,
            )
            if self._answers(server):
                self._server = server
                return
            server.kill()
            said = server.communicate()[1].strip()
        raise RuntimeError(f"jackd did not start: {said}")

    def _answers(self, server: "subprocess.Popen[str]") -> bool:
        deadline = time.monotonic() + 10
        while time.monotonic() < deadline and server.poll() is None:
            if Path(f"/dev/shm/jack_{self.name}_{os.getuid()}_0").exists():
                time.sleep(0.3)
                return server.poll() is None
            time.sleep(0.02)
        return False

    def stop(self) -> None:
        """End the server; harmless twice."""
        server, self._server = self._server, None
        if server is not None:
            server.terminate()
            server.communicate(timeout=10)


class Player:
    """A process of its own that plays a controller: a virtual port on the JACK server of this environment.

    Of its own, since a JACK client does not survive the end of its server in one piece.
    """

    def __init__(self, name: str) -> None:
        """``name``: of the port, opened at once."""
        self.name = name
        self._process = subprocess.Popen(
            [sys.executable, "-c", PLAYER], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        self.plug()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        try:
            self._process.wait(5)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def plug(self) -> None:
        """Put the cable in."""
        self._do(f"open {self.name}")

    def unplug(self) -> None:
        """Take the cable out."""
        self._do("close")

    def send(self, *numbers: int) -> None:
        """Send a message's bytes."""
        self._do("send " + " ".join(f"{number:02X}" for number in numbers))

    def begin_flood(self, rate: float, seconds: float) -> None:
        """Send ``rate`` control changes a second and a tenth as many notes; returns at once."""
        self._tell(f"flood {rate} {seconds}")

    def end_flood(self) -> int:
        """Wait for the end of the flood; how many messages were sent."""
        return int(self._heard().split()[1])

    def _do(self, line: str) -> None:
        self._tell(line)
        assert self._heard().strip() == "done"

    def _tell(self, line: str) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(line + "\n")
        self._process.stdin.flush()

    def _heard(self) -> str:
        assert self._process.stdout is not None
        return self._process.stdout.readline()


@contextmanager
def a_jack() -> Iterator[Jack]:
    """A JACK server, and the environment set so that it is found and no other is started."""
    jack = Jack()
    names = ("JACK_NO_START_SERVER", "JACK_DEFAULT_SERVER", "MIDO_BACKEND")
    before = {name: os.environ.get(name) for name in names}
    try:
        jack.start()
        told = ("1", jack.name, "mido.backends.rtmidi/UNIX_JACK")
        os.environ.update(zip(names, told, strict=True))
        yield jack
    finally:
        jack.stop()
        for name, value in before.items():
            os.environ.pop(name, None)
            if value is not None:
                os.environ[name] = value
