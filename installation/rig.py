"""The rig: from settings to a running line.  The only file that names concrete classes."""

import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import cv2

from installation.clock import WallClock
from installation.compose import Placing
from installation.control.keys import Keys
from installation.desk import Desk
from installation.errors import SettingsError, SinkError
from installation.knobs import Look
from installation.opening import desk_figures, open_desk
from installation.parts import Screen
from installation.settings import Settings
from installation.show import Show
from installation.sinks.page import Page
from installation.sources.choose import source_from
from installation.sources.clouds import Clouds
from installation.sources.feed import Feed
from installation.sources.understudy import Front
from installation.stages.worker import Worker, WorkerSettings
from installation.vitals import Vitals

SOFTWARE_RATE = 30.0  # refreshes a second where the processor draws: more would be taken from the dream
SETTLED = 60  # refreshes after which it is said who is on the wall
CARD_RATE = 60.0  # where a card draws but does not wait for the display


@dataclass(frozen=True, slots=True)
class Rig:
    """A show and the parts that whoever runs it, or tests it, wants to reach."""

    show: Show
    desk: Desk
    front: Front
    worker: Worker
    keys: Keys
    vitals: Vitals

    def report(self) -> dict[str, Any]:
        """What the show has measured so far."""
        drops = {"camera": self.front.drops, **self.worker.dropped}
        seconds = max(self.vitals.now()["uptime_s"], 0.1)
        spent = {"show": time.process_time(), "dream": self.worker.processor_seconds}
        return {
            **self.vitals.report(),
            "drops": drops,
            "worker_restarts": self.worker.restarts,
            **desk_figures(self.desk),
            "cores": {name: round(used / seconds, 2) for name, used in spent.items()},
        }


def play(
    settings: Settings, seconds: float | None, refreshes: int | None, say: Callable[[str], None]
) -> dict[str, Any]:
    """The live show, until a person or the given length ends it; returns its report.

    ``say`` is told, in one line each, what was taken and why.  Raises DreamwallError, before the picture begins or
    within its first seconds, when something that was asked for by name cannot be had.
    """
    rig = build(settings, seconds, refreshes, say)
    with _ending_on_signals(rig.keys, say):
        rig.show.run()
    if rig.worker.refused is not None:
        raise SettingsError(rig.worker.refused)
    return rig.report()


@contextmanager
def _ending_on_signals(keys: Keys, say: Callable[[str], None]) -> Iterator[None]:
    """Ctrl+C and a polite kill end the show as Ctrl+Q does: in order, with its report."""

    def end(number: int, _: object) -> None:
        say(f"ended by {signal.Signals(number).name}")
        keys.quit = True

    before = {number: signal.signal(number, end) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, was in before.items():
            signal.signal(number, was)


def build(settings: Settings, seconds: float | None, refreshes: int | None, say: Callable[[str], None]) -> Rig:
    """Put the line together; only the screen is open yet, since what it is decides how the show is paced."""
    cv2.setNumThreads(1)  # pictures are small: its other threads mostly woke up, 0.51 cores a show against 0.30
    clock = WallClock()
    vitals = Vitals(clock)
    feed = None
    if settings.source != "clouds":
        source = source_from(
            settings.source, clock, size=settings.camera_size, fps=settings.camera_fps, seed=settings.seed
        )
        feed = Feed(source, clock, vitals.event)
    front = Front(feed, Clouds(settings.seed), vitals.event)
    desk = open_desk(settings, vitals.event)
    screen = _screen(settings, vitals)
    told = WorkerSettings(
        settings.network, settings.layers, settings.working_size, settings.steps, desk.programs.layers
    )
    worker = Worker(told, vitals.event)
    keys = Keys(begin=settings.knobs, fullscreen=getattr(screen, "toggle_fullscreen", lambda: None))
    announce = _Announce(worker, desk, front, screen, settings, vitals, say)
    begun = clock.now()

    def over() -> bool:
        announce()
        late = seconds is not None and clock.now() - begun >= seconds
        done = refreshes is not None and vitals.refreshes >= refreshes
        return late or done or keys.quit or worker.refused is not None

    def hud(look: Look) -> list[str]:
        if keys.overlay == "help":
            return keys.help(look)
        # Nobody can press Tab on a page, where the lines stand beside the picture and not on it.
        return [*announce.lines(), keys.hint(look)] if keys.overlay == "hud" or screen.name == "page" else []

    show = Show(
        clock=clock,
        desk=desk,
        camera=front,
        dream=worker,
        screen=screen,
        vitals=vitals,
        working_size=settings.working_size,
        rate=_rate(settings, screen),
        over=over,
        hands=(keys,),
        hud=hud,
    )
    return Rig(show, desk, front, worker, keys, vitals)


class _Announce:
    """Says once what was taken and why, as it becomes known, and keeps the facts of the vitals."""

    def __init__(
        self,
        worker: Worker,
        desk: Desk,
        front: Front,
        screen: Screen,
        settings: Settings,
        vitals: Vitals,
        say: Callable[[str], None],
    ) -> None:
        self._worker, self._desk, self._front, self._screen = worker, desk, front, screen
        self._vitals, self._say = vitals, say
        self._asked = settings.source
        self._said: set[str] = set()
        vitals.facts = {
            "network": None,
            "layers": settings.layers,
            "size": list(settings.working_size),
            "steps": settings.steps,
            "engine": None,
            "screen": screen.status,
        }
        self._once("screen", screen.status)

    def __call__(self) -> None:
        ready = self._worker.ready
        if ready is not None and "network" not in self._said:
            self._vitals.facts |= {name: ready[name] for name in ("network", "layers", "engine", "steps")}
            self._desk.network_is(ready["available"], ready["stops"])
            self._once("network", f"{ready['choice']}; layers {ready['layers']}")
            self._once("engine", ready["engine"])
        if self._vitals.refreshes > SETTLED:
            waiting = self._front.on_air == "clouds" and self._asked != "clouds"
            self._once("source", self._front.on_air + (", until a picture comes" if waiting else ""))
        self._vitals.facts |= {
            "source": self._front.on_air,
            "screen": self._screen.status,
            "worker_pid": self._worker.pid,
        }

    def lines(self) -> list[str]:
        """The HUD: a title, then a line for each thing an operator asks about, label and value with a tab between."""
        now = self._vitals.now()
        rates = f"camera {now['camera_fps']:g}   dream {now['dream_fps']:g}   screen {now['screen_fps']:g} a second"
        last = now["events"][-1] if now["events"] else None
        return [
            "Dreamwall",
            f"rates\t{rates}",
            f"latency\t{now['latency_refreshes']} refreshes from camera to screen",
            f"source\t{now.get('source', '')}",
            f"network\t{now['network'] or 'loading'}, {now['size'][0]}x{now['size'][1]}, {now['steps'] or ''} steps",
            f"layers\t{now['layers'] or ''}",
            f"engine\t{now['engine'] or 'starting'}",
            f"screen\t{now['screen']}",
            "last event\t" + (f"{last['what']} (at {last['time']:.0f} s)" if last else "none"),
        ]

    def _once(self, what: str, line: str) -> None:
        if what not in self._said:
            self._said.add(what)
            self._say(f"{what}: {line}")


def _screen(settings: Settings, vitals: Vitals) -> Screen:
    """A window on the display asked for, else the page."""
    from installation.sinks.choose import open_screen

    placing = Placing(mirror=settings.mirror, rotate=settings.rotate, cover=settings.fit == "cover")
    try:
        return open_screen(settings.display, windowed=settings.windowed, placing=placing, renderer=settings.renderer)
    except SinkError as error:
        if settings.display is not None or settings.renderer != "auto":
            raise
        page = Page(port=settings.port, placing=placing, vitals=vitals.now).__enter__()
        vitals.event(f"no window: {error}; the picture is on a page")
        return page


def _rate(settings: Settings, screen: Screen) -> float | None:
    """Refreshes a second, or None where the screen waits for its display by itself."""
    if settings.refresh is not None:
        return settings.refresh
    if getattr(screen, "vsync", False):
        return None
    return CARD_RATE if screen.status.startswith("OpenGL") else SOFTWARE_RATE
