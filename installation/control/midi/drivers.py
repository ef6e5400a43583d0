"""Drivers: how ports are listed and opened on this machine.

Straight to python-rtmidi, which on Linux brings ALSA and JACK, and CoreMIDI and WinMM elsewhere.  ``MIDO_BACKEND``
names another one in mido's own words, as ``mido.backends.rtmidi/UNIX_JACK``.  Not through mido where it need not be:
mido calls Python from the driver's own thread for every message, where it waits for the show's (under JACK, longer than
what it reads there lasts: the first message of a burst was heard 28 times over), and it makes two new clients whenever
it is asked which ports there are, in 80 ms.
"""

import os
import time
from collections import deque
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from typing import Any, Protocol

OWN = "Dreamwall"  # what our own ports are called where others see them
WAITING = 16384  # messages that may wait to be read: more than a second of the worst flood, and it is never more
SETTLE = 0.05  # seconds in which a port that was opened is heard, or what was sent last is on its way
RTMIDI = "mido.backends.rtmidi"
SHARED = "/dev/shm"  # noqa: S108 - where JACK keeps its sockets, and a file for each client

Message = Sequence[int]  # its bytes


class Input(Protocol):
    """An open port that is listened to.  For one thread, but for `close`."""

    def read(self, most: int) -> list[Message]:
        """What has come in, oldest first, ``most`` at most; never blocks."""
        ...

    def close(self) -> None: ...


class Output(Protocol):
    """An open port that is sent to."""

    def send(self, message: Message) -> None: ...

    def close(self) -> None: ...


class Driver(Protocol):
    """One way to MIDI ports.  Everything but `Input.read` may take its time.  Failing calls raise OSError."""

    @property
    def name(self) -> str: ...

    def alive(self) -> bool:
        """Whether what was opened here still works; if not, close all of it before another driver is made."""
        ...

    def inputs(self) -> list[str]: ...

    def outputs(self) -> list[str]: ...

    def identity(self, name: str) -> object:
        """Changes when a port went and came back under its name, even between two listings, where one can tell."""
        ...

    def open_input(self, name: str) -> Input: ...

    def open_output(self, name: str) -> Output: ...

    def close(self) -> None: ...


def find_driver() -> Driver:
    """The driver that works here.  Raises OSError, saying in one line why there is none."""
    asked = os.environ.get("MIDO_BACKEND", RTMIDI)
    backend, _, api = asked.partition("/")
    try:
        return _rtmidi(api) if backend == RTMIDI else MidoDriver(asked)
    except ImportError as error:
        raise OSError(f"{error.name or error} is not installed") from error
    except Exception as error:  # what a foreign backend raises nobody knows
        raise OSError(str(error) or type(error).__name__) from error


def _rtmidi(asked: str) -> Driver:
    import rtmidi

    names = {getattr(rtmidi, name): name.removeprefix("API_") for name in dir(rtmidi) if name.startswith("API_")}
    compiled = [names[api] for api in rtmidi.get_compiled_api() if api in names]
    if asked and asked not in compiled:
        raise OSError(f"MIDO_BACKEND asks for {asked}; there are {', '.join(compiled)}")
    problems = []
    for api in [asked] if asked else sorted(compiled, key=lambda api: api == "UNIX_JACK"):  # JACK last
        # Asked without need, both libraries write several lines on the terminal.
        if api == "LINUX_ALSA" and not Path("/dev/snd/seq").exists():
            problems.append("no ALSA sequencer (/dev/snd/seq)")
        elif api == "UNIX_JACK" and _server() is None:
            problems.append("no JACK server")
        else:
            try:
                return RtMidiDriver(api)
            except Exception as error:
                problems.append(str(error))
    raise OSError(" and ".join(problems) or "python-rtmidi knows no MIDI here")


def _server() -> tuple[int, int] | None:
    """Which JACK server is running: a number that another one would not have; None when there is none."""
    name = os.environ.get("JACK_DEFAULT_SERVER", "default")
    return _stamp(f"{SHARED}/jack_{name}_{os.getuid()}_0") if hasattr(os, "getuid") else None


def _stamp(path: str) -> tuple[int, int] | None:
    try:
        found = Path(path).stat()
    except OSError:
        return None
    return found.st_ino, found.st_ctime_ns


class RtMidiDriver:
    """Ports through python-rtmidi."""

    def __init__(self, api: str) -> None:
        """``api``: ``LINUX_ALSA``, ``UNIX_JACK``, ``MACOSX_CORE`` or ``WINDOWS_MM``.  Raises OSError without it."""
        import rtmidi

        self._jack = api == "UNIX_JACK"
        if self._jack:
            os.environ["JACK_NO_START_SERVER"] = "1"  # else libjack may start one, and take the sound card with it
        self._server = _server() if self._jack else None
        self._rtmidi, self._api = rtmidi, getattr(rtmidi, "API_" + api)
        self.name = {"LINUX_ALSA": "ALSA", "UNIX_JACK": "JACK", "MACOSX_CORE": "CoreMIDI", "WINDOWS_MM": "WinMM"}[api]
        self._lister_in = rtmidi.MidiIn(self._api, OWN)  # kept open: a listing then takes 0.1 ms
        self._lister_out = rtmidi.MidiOut(self._api, OWN)

    def alive(self) -> bool:
        # A JACK server that was ended leaves its old lists standing, and one that was started anew ends the whole
        # process when something of the old one is closed after something new was opened.
        return not self._jack or _server() == self._server

    def inputs(self) -> list[str]:
        return list(self._lister_in.get_ports())

    def outputs(self) -> list[str]:
        return list(self._lister_out.get_ports())

    def identity(self, name: str) -> object:
        if not self._jack:
            return None
        server, client = os.environ.get("JACK_DEFAULT_SERVER", "default"), name.partition(":")[0].replace("/", "_")
        return _stamp(f"{SHARED}/jack_sem.{os.getuid()}_{server}_{client}")

    def open_input(self, name: str) -> Input:
        return _RtInput(self._open(self._rtmidi.MidiIn(self._api, OWN, WAITING), name, "in"))

    def open_output(self, name: str) -> Output:
        return _RtOutput(self._open(self._rtmidi.MidiOut(self._api, OWN), name, "out"))

    def _open(self, port: Any, name: str, own: str) -> Any:
        names = port.get_ports()
        try:
            if name not in names:
                raise OSError(f"{name} is not there any more")
            port.open_port(names.index(name), own)
        except (OSError, RuntimeError) as error:
            port.delete()
            raise OSError(str(error)) from error
        if self._jack:
            time.sleep(SETTLE)  # what is sent before JACK's next period is lost
        return port

    def close(self) -> None:
        for lister in (self._lister_in, self._lister_out):
            lister.delete()


class _RtInput:
    def __init__(self, port: Any) -> None:
        port.ignore_types(sysex=True, timing=True, active_sense=True)
        self._port = port

    def read(self, most: int) -> list[Message]:
        found: list[Message] = []
        while len(found) < most and (message := self._port.get_message()) is not None:
            found.append(message[0])
        return found

    def close(self) -> None:
        self._port.close_port()
        self._port.delete()


class _RtOutput:
    def __init__(self, port: Any) -> None:
        self._port = port

    def send(self, message: Message) -> None:
        self._port.send_message(message)

    def close(self) -> None:
        time.sleep(SETTLE)  # what was sent last is still on its way: closing drops it
        self._port.close_port()
        self._port.delete()


class MidoDriver:
    """Ports through another backend of mido's."""

    def __init__(self, backend: str) -> None:
        """``backend``: as in ``MIDO_BACKEND``.  Raises ImportError when there is none of that name."""
        import mido

        import_module(backend.partition("/")[0])
        self.name = backend
        self._backend = mido.Backend(backend, load=True)

    def alive(self) -> bool:
        return True

    def inputs(self) -> list[str]:
        return list(self._backend.get_input_names())

    def outputs(self) -> list[str]:
        return list(self._backend.get_output_names())

    def identity(self, name: str) -> object:  # noqa: ARG002
        return None

    def open_input(self, name: str) -> Input:
        return _MidoInput(self._backend, name)

    def open_output(self, name: str) -> Output:
        return _MidoOutput(self._backend, name)

    def close(self) -> None:
        pass


class _MidoInput:
    def __init__(self, backend: Any, name: str) -> None:
        self._waiting: deque[Message] = deque(maxlen=WAITING)
        self._port = backend.open_input(name, callback=lambda message: self._waiting.append(message.bytes()))

    def read(self, most: int) -> list[Message]:
        return [self._waiting.popleft() for _ in range(min(most, len(self._waiting)))]

    def close(self) -> None:
        self._port.close()


class _MidoOutput:
    def __init__(self, backend: Any, name: str) -> None:
        self._port = backend.open_output(name)

    def send(self, message: Message) -> None:
        import mido

        self._port.send(mido.Message.from_bytes(message))

    def close(self) -> None:
        self._port.close()
