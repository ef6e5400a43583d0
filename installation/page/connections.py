"""Connections: where the page listens, by which names it is asked for, and how many may be open.

Files and cameras need descriptors as connections do, and a process has about a thousand: so connections are counted,
and whoever opens one and says nothing is let go.
"""

import asyncio
import contextlib
import errno
import ipaddress
import socket
import threading
from typing import Any

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

from installation.errors import SinkError
from installation.page.gate import hostname

TRIES = 21  # ports looked at, from the one asked for upwards
SEND_BUFFER = 64 * 1024  # bytes the kernel holds for one watcher, about one picture
LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})
MOST = 128  # connections at once
OF_ONE = 32  # of them from one address: a browser opens six for each of its windows
PATIENCE = 10.0  # seconds in which an open connection must have asked for something; twice that at most


def is_loopback(host: str) -> bool:
    """Whether an address to listen on can only be reached from this machine."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host.lower() == "localhost"


def listen(host: str, port: int) -> socket.socket:
    """A listening socket on the first free port from ``port`` on; 0 is any.  Raises SinkError when there is none."""
    for number in range(port, port + (TRIES if port else 1)):
        if number > 65535:
            break
        try:
            family, _, _, _, address = socket.getaddrinfo(host, number, type=socket.SOCK_STREAM)[0]
            # By its full name: only then does asyncio send at once, where a turn would wait 40 ms for the rest.
            listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
        except OSError as error:
            raise SinkError(f"the page cannot answer on {host}: {error.strerror or error}") from error
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        # The kernel would hold megabytes of pictures for a watcher who is slow: a queue after all, and seconds old.
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER)
        if family == socket.AF_INET6:
            with contextlib.suppress(OSError):  # :: is both, where the system can
                listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
        try:
            listener.bind(address)
            listener.listen(64)
        except OSError as error:
            listener.close()
            if error.errno not in {errno.EADDRINUSE, errno.EACCES}:
                raise SinkError(f"the page cannot answer on {host}: {error.strerror}") from error
            continue
        return listener
    raise SinkError(f"no free port for the page between {port} and {port + TRIES - 1}")


class Names:
    """The names that are ours, as they may stand in a Host header.

    On the loopback only its own.  From elsewhere any address in figures, since only a name can be made to point here,
    and what this machine is called.  The full name is asked of the network aside: that can take seconds.
    """

    def __init__(self, host: str) -> None:
        self._loopback = is_loopback(host)
        self._names = {*LOOPBACK, host.lower()}
        if not self._loopback:
            name = socket.gethostname().lower()
            self._names |= {name, name.partition(".")[0], name.partition(".")[0] + ".local"}
            threading.Thread(target=self._ask, name="page-name", daemon=True).start()

    def __call__(self, name: str) -> bool:
        if name in self._names:
            return True
        if self._loopback:
            return False
        try:
            return bool(ipaddress.ip_address(name.partition("%")[0]))
        except ValueError:
            return False

    def _ask(self) -> None:
        with contextlib.suppress(OSError, UnicodeError):
            self._names = self._names | {hostname(socket.getfqdn())}


def reached_at(host: str) -> str:
    """The address to print for a page that listens on ``host``: this machine's own where that is every address."""
    if host not in {"0.0.0.0", "::", ""}:
        return f"[{host}]" if ":" in host else host
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe, contextlib.suppress(OSError):
        probe.connect(("192.0.2.1", 9))  # a datagram socket only looks up the way; nothing is sent
        return str(probe.getsockname()[0])
    return socket.gethostname()


class Connection(H11Protocol):
    """uvicorn's connection, counted and with an end to its patience.

    uvicorn itself waits without end for the first request, and refuses requests when there are too many connections
    but keeps the connections.  When all places are taken, all or those of one address, whoever has been silent longest
    gives way; while none is silent nobody more is let in.
    """

    _seen: Any = None
    _timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        there = [one for one in self.connections if isinstance(one, Connection)]
        peer = transport.get_extra_info("peername")
        beside = [one for one in there if peer and one.client and one.client[0] == peer[0]]
        crowd = beside if len(beside) >= OF_ONE else there if len(there) >= MOST else []
        silent = [one for one in crowd if one.is_silent]
        if silent:
            min(silent, key=lambda one: one.opened).transport.abort()
        elif crowd:
            self.transport = transport  # type: ignore[assignment]
            transport.abort()  # type: ignore[attr-defined]
            return
        self.opened = self.loop.time()
        super().connection_made(transport)  # type: ignore[arg-type]
        self._timer = self.loop.call_later(PATIENCE, self._look)

    def connection_lost(self, exc: Exception | None) -> None:
        if self._timer is not None:
            self._timer.cancel()
        super().connection_lost(exc)

    @property
    def is_silent(self) -> bool:
        """No request of it is being answered."""
        return self.cycle is None or bool(self.cycle.response_complete)

    def _look(self) -> None:
        if self.is_silent and self.cycle is self._seen:
            self.transport.abort()
            return
        self._seen = self.cycle
        self._timer = self.loop.call_later(PATIENCE, self._look)

    def send_400_response(self, msg: str) -> None:
        """What cannot be read as HTTP ends the connection; while an answer is under way nothing can be said first."""
        if not self.is_silent:
            self.cycle.disconnected = True  # else its answer would follow ours, and fail
            self.cycle.message_event.set()
        if self.conn.our_state in {h11.IDLE, h11.SEND_RESPONSE} and not self.transport.is_closing():
            super().send_400_response(msg)
        else:
            self.transport.abort()
