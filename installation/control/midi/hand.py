"""The MIDI hand: every controller that is plugged in, at the desk."""

from collections import deque
from collections.abc import Callable
from dataclasses import replace
from threading import Lock, Thread
from types import TracebackType
from typing import Self

from installation.clock import Clock, WallClock
from installation.control.midi.binding import MODES, Binding
from installation.control.midi.controller import Controller
from installation.control.midi.drivers import Driver, find_driver
from installation.control.midi.inbox import Inbox
from installation.control.midi.learn import Ear, write_bindings
from installation.control.midi.lights import Lights
from installation.control.midi.map import Maps
from installation.control.midi.ports import Port, Ports
from installation.desk import Desk
from installation.errors import SettingsError

LIT = 0.1  # seconds between two looks at what a controller's lights should show


class Midi:
    """Works at the desk with every controller there is.

    ``wanted``: ``all``, ``off``, or part of a port's name.  ``takeover``: ``pickup`` or ``jump``.  ``event``: told, in
    one line and from any thread, what the operator should know.  ``find``: finds the driver.  Raises SettingsError,
    naming file and line, when a person's own map is wrong; that there is no MIDI here is no error.
    """

    def __init__(
        self,
        wanted: str = "all",
        takeover: str = "pickup",
        event: Callable[[str], None] = lambda _what: None,
        clock: Clock | None = None,
        find: Callable[[], Driver] = find_driver,
    ) -> None:
        self._event, self._clock, self._takeover = event, clock or WallClock(), takeover
        self._maps = Maps.load()
        self._ports = Ports(wanted, self._maps.of, event, find)
        self._stations: dict[Port, _Station] = {}
        self._asked: deque[str] = deque(maxlen=16)
        self._learned: tuple[_Station, Binding] | None = None
        self._learning: str | None = None
        self._writing = Lock()

    def __enter__(self) -> Self:
        self._ports.__enter__()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None = None,
        error: BaseException | None = None,
        trace: TracebackType | None = None,
    ) -> None:
        for port, station in self._stations.items():
            if port.lit:
                self._ports.send(port, [message.bytes() for message in station.lights.dark()])
        self._ports.__exit__()
        self._stations.clear()

    @property
    def status(self) -> str:
        """Which controllers there are, or why there is none."""
        return self._ports.status

    @property
    def heard(self) -> int:
        """Messages from the controllers that are there now."""
        return sum(station.inbox.heard for station in list(self._stations.values()))

    def lines(self) -> list[str]:
        """For the HUD: a line for each controller, and what it waits for; label and value with a tab between."""
        stations = list(self._stations.values())
        lines = [f"midi\t{station}" for station in stations] or [f"midi\t{self.status}"]
        if self._learning is not None:
            doubts = any(station.ear is not None and station.ear.doubts for station in stations)
            other = "; turn it the other way too" if doubts else ""
            lines.append(f"learn\tmove a control for {self._learning}{other}")
        return lines

    def adjust(self, what: str) -> None:
        """Change what was learned last: ``invert`` turns it round, ``mode`` makes it act in the next way there is.

        From any thread.  ValueError for anything else.
        """
        if what not in {"invert", "mode"}:
            raise ValueError(f"{what!r} is neither invert nor mode")
        self._asked.append(what)

    def reach(self, desk: Desk) -> None:
        """Do what has come in since the last refresh; never blocks."""
        now = self._clock.now()
        self._follow(desk)
        self._begin_learning(desk)
        for port, station in self._stations.items():
            for message in port.read():
                heard = station.inbox.receive(message, now)
                if heard is not None and station.ear is not None and desk.learning is not None:
                    binding = station.ear.hear(*heard)
                    if binding is not None:
                        self._learn(desk, station, binding)
            station.controller.work(desk, station.inbox.take(), now, deaf=self._learning is not None)
            station.pending = station.controller.pending(desk)
            if port.lit and now >= station.lit + LIT:
                station.lit = now
                messages = [message.bytes() for message in station.lights.update(desk, station.pending)]
                for sent in messages:
                    station.inbox.sent(sent, now)
                if messages:
                    self._ports.send(port, messages)
        while self._asked:
            self._adjust(desk, self._asked.popleft())

    def _follow(self, desk: Desk) -> None:
        """Know the controllers that came, and let go of what was held on those that went."""
        there = self._ports.open
        for port in [port for port in self._stations if port not in there]:
            self._stations.pop(port).controller.let_go(desk)
        for port in there:
            if port not in self._stations:
                self._stations[port] = _Station(port, self._takeover)

    def _begin_learning(self, desk: Desk) -> None:
        if desk.learning is not None and desk.kiosk:
            self._event("nothing is learned in kiosk mode")
            desk.learning = None
        if desk.learning == self._learning:
            missing = [station for station in self._stations.values() if station.ear is None]
        else:
            missing = list(self._stations.values())
        self._learning = desk.learning
        try:
            for station in missing:
                station.ear = Ear(desk.learning) if desk.learning is not None else None
        except SettingsError as error:
            self._event(str(error))
            desk.learning = self._learning = None

    def _learn(self, desk: Desk, station: "_Station", binding: Binding) -> None:
        desk.learning = None
        self._event(f"{binding.control} of {station.port.label} now {binding.purpose}")
        self._put(station, binding)

    def _adjust(self, desk: Desk, what: str) -> None:
        if desk.kiosk or self._learned is None:
            self._event("nothing is learned in kiosk mode" if desk.kiosk else "nothing was learned yet")
            return
        station, binding = self._learned
        if what == "invert":
            binding = replace(binding, invert=not binding.invert)
        else:
            modes = MODES[binding.acts]
            binding = replace(binding, mode=modes[(modes.index(binding.mode) + 1) % len(modes)])
        turned = ", turned round" if binding.invert else ""
        self._event(f"{binding.control} of {station.port.label} {binding.purpose}: {binding.mode}{turned}")
        self._put(station, binding)

    def _put(self, station: "_Station", binding: Binding) -> None:
        """Bind it now, and write it aside: a disk may be slow."""
        self._learned = station, binding
        family = station.port.family
        for other in self._stations.values():  # two of a model have one map
            if other.port.family == family:
                other.controller.plan = self._maps.learn(family, binding, other.controller.plan)

        def write() -> None:
            with self._writing:
                try:
                    path, bindings = self._maps.learned(family)
                    write_bindings(path, family, bindings)
                except (OSError, ValueError) as error:
                    self._event(f"what was learned lasts until the show ends, but cannot be written: {error}")

        Thread(target=write, name="midi-learned").start()


class _Station:
    """What the hand keeps of one controller while it is there; anew when it comes back, so that nothing jumps."""

    def __init__(self, port: Port, takeover: str) -> None:
        self.port = port
        self.inbox = Inbox()
        self.controller = Controller(port.plan, takeover)
        self.lights = Lights(port.plan.lights)
        self.pending: dict[str, str] = {}
        self.lit = float("-inf")
        self.ear: Ear | None = None

    def __str__(self) -> str:
        waits = [f"{name} waits to be picked up, turn it {way}" for name, way in list(self.pending.items())[:2]]
        more = f"and {len(self.pending) - 2} more" if len(self.pending) > 2 else ""
        return "; ".join([self.port.label, *waits, *([more] if more else [])])
