"""The watchdog's side of the show: tells systemd that pictures are shown, in the few lines that sd_notify takes.

It is called from the show's own thread after a picture was presented and has no thread of its own: one that went on
petting while the wall stands would be worse than none.  Without ``NOTIFY_SOCKET`` it does nothing.  The package
sdnotify was not taken: it is distributed as source only, and is no longer than this.
"""

import os
import socket
from collections.abc import Callable, Mapping
from types import TracebackType
from typing import Self

STATUS_EVERY = 10.0  # seconds between two lines of `systemctl status`
LONGEST = 200  # characters of such a line


class Watchdog:
    """READY=1 with the first picture, then WATCHDOG=1 as long as there are new ones.  Nothing in it ever raises."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        """``environ``: where systemd says what it wants to hear: NOTIFY_SOCKET, WATCHDOG_USEC, WATCHDOG_PID."""
        self._address = _address(environ.get("NOTIFY_SOCKET", ""))
        self.every = _interval(environ)  # seconds between two pets at least; None when none are wanted
        self._socket: socket.socket | None = None
        self._ready = False
        self._petted = self._told = 0.0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None = None,
        error: BaseException | None = None,
        trace: TracebackType | None = None,
    ) -> None:
        """STOPPING=1, so that the end of the show is not taken for its death."""
        if self._ready:
            self._send("STOPPING=1")
            self._ready = False
        if self._socket is not None:
            self._socket.close()
            self._socket = None

    def presented(self, now: float, status: Callable[[], str]) -> None:
        """A new picture was presented at ``now`` seconds.  ``status``: asked now and then for one line."""
        if self._address is None:
            return
        if not self._ready:
            self._ready = self._send("READY=1", *_line(status))
            self._petted = self._told = now
            return
        pet = self.every is not None and now - self._petted >= self.every
        tell = now - self._told >= STATUS_EVERY
        if not (pet or tell):
            return
        # What could not be sent, since systemd is busy with a reload, is tried again with the next picture.
        if self._send(*(["WATCHDOG=1"] if pet else []), *(_line(status) if tell else [])):
            self._petted = now if pet else self._petted
            self._told = now if tell else self._told

    def _send(self, *lines: str) -> bool:
        """One datagram, or nothing: a socket that is full is no reason for a picture to wait."""
        try:
            if self._socket is None:
                self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC)
                self._socket.setblocking(False)
            self._socket.sendto("\n".join(lines).encode(), self._address or "")
            return True
        except (OSError, AttributeError):  # AttributeError: a system that has no such sockets has no systemd either
            return False


def _address(name: str) -> str | bytes | None:
    """Where to send: a path, or what begins with @ for a socket that has a name and no file."""
    if name.startswith("@"):
        return b"\0" + os.fsencode(name[1:])
    return name if name.startswith("/") else None


def _interval(environ: Mapping[str, str]) -> float | None:
    """A third of the time after which systemd loses patience; None when it waits for nothing, or for somebody else."""
    wanted = environ.get("WATCHDOG_USEC", "")
    process = environ.get("WATCHDOG_PID", "")
    if not wanted.isdecimal() or int(wanted) == 0 or (process and process != str(os.getpid())):
        return None
    return int(wanted) / 3e6


def _line(status: Callable[[], str]) -> list[str]:
    try:
        words = " ".join(status().split())
    except Exception:
        return []
    return [f"STATUS={words[:LONGEST]}"] if words else []
