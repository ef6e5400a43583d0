"""Ports: every controller that is wanted, opened by name, closed when it is gone, opened again when it is back.

No driver says that a cable came out, so a thread looks at the ports' names.  Listing, opening and closing happen on it
alone, and sending on another: a driver may take its time.
"""

import re
import sys
import threading
import time
from collections import Counter, deque
from collections.abc import Callable, Iterable, Sequence
from types import TracebackType
from typing import Self

from installation.control.midi.drivers import OWN, Driver, Input, Message, Output, find_driver
from installation.control.midi.map import Map

LOOK = 0.25  # seconds between two looks at the ports' names
SEARCH = 1.0  # seconds between two tries to find a driver, or to open what would not open
AT_ONCE = 4096  # messages taken at a look, so that even what piled up costs no refresh
OUTGOING = 256  # messages to lights that may wait; the oldest go first

_LOOPS = re.compile(rf"^{OWN}(-\d+)?:(in|out)\b|Midi Through", re.IGNORECASE)
_ROADS = re.compile(r"^(RtMidi(In|Out) Client|a2j|a2j_bridge|alsa_pcm|alsa_midi|system|Midi-Bridge|PipeWire.*)$")


class Port:
    """One controller that is open.

    ``label``: what people call it; ``family``: what all of its model are called.  ``name``: what the driver calls it.
    """

    def __init__(self, name: str, label: str, family: str, plan: Map, source: Input, lamp: Output | None) -> None:
        self.name, self.label, self.family, self.plan = name, label, family, plan
        self._source: Input | None = source
        self._lamp = lamp
        self._reading, self._sending = threading.Lock(), threading.Lock()
        self.outgoing: deque[Message] = deque(maxlen=OUTGOING)

    @property
    def lit(self) -> bool:
        """Whether anything can be sent to it."""
        return self._lamp is not None

    def read(self) -> list[Message]:
        """What came in; nothing while it is being closed.  Never blocks."""
        if not self._reading.acquire(blocking=False):
            return []
        try:
            return [] if self._source is None else self._source.read(AT_ONCE)
        finally:
            self._reading.release()

    def send_waiting(self) -> None:
        """Send what waits.  Raises OSError when that fails."""
        with self._sending:
            while self.outgoing and self._lamp is not None:
                self._lamp.send(self.outgoing.popleft())

    def close(self) -> None:
        """Harmless twice."""
        with self._reading:
            source, self._source = self._source, None
        with self._sending:
            lamp, self._lamp = self._lamp, None
        for end in (source, lamp):
            if end is not None:
                end.close()


class Ports:
    """Keeps `open` true: the ports that are open now, in the order in which they came.

    ``wanted``: ``all``, ``off``, or part of a port's name.  ``plan``: the map for a port, by its name and label.
    ``find``: finds the driver.  ``status``: in a few words, for people.
    """

    def __init__(
        self,
        wanted: str,
        plan: Callable[[str, str], Map],
        event: Callable[[str], None],
        find: Callable[[], Driver] = find_driver,
    ) -> None:
        self._wanted, self._plan, self._event, self._find = wanted.strip(), plan, event, find
        self.open: tuple[Port, ...] = ()
        self.status = "off" if self._wanted.lower() == "off" else "looking for controllers"
        self._driver: Driver | None = None
        self._known: dict[tuple[str, int], tuple[object, Port]] = {}
        self._again: dict[tuple[str, int], float] = {}
        self._told: set[str] = set()
        self._threads: list[threading.Thread] = []
        self._stop, self._to_send = threading.Event(), threading.Event()

    def __enter__(self) -> Self:
        if self._wanted.lower() != "off" and not self._threads:
            self._stop.clear()
            for name, run in (("midi-ports", self._watch), ("midi-lights", self._deliver)):
                self._threads.append(threading.Thread(target=run, name=name, daemon=True))
                self._threads[-1].start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None = None,
        error: BaseException | None = None,
        trace: TracebackType | None = None,
    ) -> None:
        self._stop.set()
        self._to_send.set()
        for thread in self._threads:
            thread.join(5.0)  # a driver that hangs does not keep the show from ending
        if all(not thread.is_alive() for thread in self._threads):
            self._leave()
        self._threads.clear()

    def send(self, port: Port, messages: Iterable[Message]) -> None:
        """Have this sent soon; never blocks."""
        port.outgoing.extend(messages)
        self._to_send.set()

    def look(self) -> None:
        """Open what is new, close what is gone; for the thread that watches."""
        if self._driver is not None and not self._driver.alive():
            self._leave()
        if self._driver is None and not self._begin():
            return
        assert self._driver is not None
        names = self._driver.inputs()
        there = _keyed(name for name in names if self._is_wanted(name))
        for key, (identity, port) in list(self._known.items()):
            if key not in there or identity != (there[key], self._driver.identity(there[key])):
                self._close(key, port)
        for key, name in there.items():
            if key not in self._known and time.monotonic() >= self._again.get(key, 0.0):
                self._open(self._driver, key, name, names)
        self._again = {key: when for key, when in self._again.items() if key in there}
        if self._wanted.lower() != "all" and not there:
            others = ", ".join(name for name in names if not _LOOPS.search(name)) or "none at all"
            self._once(f"no MIDI port has {self._wanted!r} in its name; there are: {others}")
        self.status = ", ".join(port.label for port in self.open) or f"no controller on {self._driver.name}"

    def _begin(self) -> bool:
        try:
            self._driver = self._find()
        except OSError as error:
            self.status = f"not possible here: {error}"
            if self._wanted.lower() != "all":
                self._once(f"no MIDI: {error}")
            return False
        return True

    def _is_wanted(self, name: str) -> bool:
        return not _LOOPS.search(name) and (self._wanted.lower() == "all" or self._wanted.lower() in name.lower())

    def _open(self, driver: Driver, key: tuple[str, int], name: str, names: Sequence[str]) -> None:
        family = _label(name, names)
        label = family if key[1] == 1 else f"{family} ({key[1]})"
        identity = (name, driver.identity(name))
        plan = self._plan(name, family)
        try:
            source = driver.open_input(name)
        except Exception as error:  # a foreign driver may raise anything, and the next look tries again
            self._again[key] = time.monotonic() + SEARCH
            self._once(f"{label} cannot be opened: {error}")
            return
        lamp = self._open_lamp(driver, name, plan, label) if plan.lights else None
        port = Port(name, label, family, plan, source, lamp)
        self._known[key] = identity, port
        self._told = {line for line in self._told if not line.startswith(f"{label} cannot be")}
        self.open = (*self.open, port)
        self._event(f"{label} is connected")

    def _open_lamp(self, driver: Driver, name: str, plan: Map, label: str) -> Output | None:
        try:
            other = _answering(name, driver.outputs(), plan)
            return None if other is None else driver.open_output(other)
        except Exception as error:
            self._once(f"{label} cannot be lit: {error}")
            return None

    def _close(self, key: tuple[str, int], port: Port, *, gone: bool = True) -> None:
        del self._known[key]
        self.open = tuple(other for other in self.open if other is not port)
        if gone:
            self._event(f"{port.label} is gone")
        try:
            port.close()
        except Exception as error:
            self._event(f"{port.label} cannot be closed: {error}")

    def _leave(self) -> None:
        for key, (_, port) in list(self._known.items()):
            self._close(key, port, gone=not self._stop.is_set())
        driver, self._driver = self._driver, None
        if driver is not None:
            driver.close()

    def _give_up(self) -> None:
        """Whatever is wrong with this driver: begin with a new one."""
        try:
            self._leave()
        except Exception as error:
            self._once(f"{error}")

    def _once(self, what: str) -> None:
        if what not in self._told:
            self._told.add(what)
            self._event(what)

    def _watch(self) -> None:
        while not self._stop.is_set():
            try:
                self.look()
            except Exception as error:
                self._once(f"MIDI ports cannot be listed: {error}")
                self._give_up()
            self._stop.wait(LOOK if self._driver is not None else SEARCH)

    def _deliver(self) -> None:
        while True:
            self._to_send.wait()
            self._to_send.clear()
            for port in self.open:
                try:
                    port.send_waiting()
                except Exception as error:
                    port.outgoing.clear()
                    self._once(f"{port.label} cannot be lit: {error}")
            if self._stop.is_set():
                return


def stable(name: str) -> str:
    """A port's name without the numbers that change from one plugging in to the next, as ALSA and Windows add them."""
    return re.sub(r" \d+$" if sys.platform == "win32" else r" \d+:\d+$", "", name)


def _keyed(names: Iterable[str]) -> dict[tuple[str, int], str]:
    """Ports by what stays of their names, and a number from 1, since two of a model are called the same."""
    count: Counter[str] = Counter()
    keyed = {}
    for name in names:
        count[stable(name)] += 1
        keyed[stable(name), count[stable(name)]] = name
    return keyed


def _label(name: str, names: Sequence[str]) -> str:
    """What people call the port: the device alone where that says it."""
    client, colon, port = stable(name).partition(":")
    if not colon:
        return client
    beside = {stable(other) for other in names if other.partition(":")[0] == client}
    return port.split(" [")[0].strip() or client if _ROADS.match(client) or len(beside) > 1 else client


def _answering(name: str, outputs: Sequence[str], plan: Map) -> str | None:
    """The output that belongs to an input: of the same name, or of the same device, or one that the profile fits."""
    plain = [other for other in outputs if not _LOOPS.search(other)]
    same = [other for other in plain if stable(other) == stable(name).replace("capture", "playback")]
    device = [other for other in plain if other.partition(":")[0] == name.partition(":")[0] and ":" in name]
    fitting = [other for other in plain if any(match.search(other) for match in plan.matches)]
    for found in (same, device, fitting):
        if len(found) == 1 or (found and found is same):
            return found[0]
    return None
