"""The rig: from settings to a running line.  The only file that names concrete classes."""

import os
import signal
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any

import cv2

from calibration.thresholds import USUAL, Thresholds
from installation.announce import Announce, Lines
from installation.calibrate.room import thresholds_kept
from installation.clock import WallClock
from installation.compose import Placing
from installation.control.director import Director
from installation.control.keys import Keys
from installation.control.midi import Midi
from installation.control.pinning import Pinning
from installation.desk import Desk
from installation.errors import SettingsError, SinkError
from installation.opening import desk_figures, open_desk, open_director, state_of
from installation.page import Page
from installation.parts import Hand, Part, Screen
from installation.settings import Settings
from installation.show import Show, Witness
from installation.sinks.keeper import Keeper, keep_folder
from installation.sinks.projection import Projection, seen_with
from installation.snapshot import read_snapshot, recall
from installation.sources.choose import source_from
from installation.sources.clouds import Clouds
from installation.sources.feed import Feed
from installation.sources.understudy import Front
from installation.stages.carrier import Carrier
from installation.stages.governor import Governor
from installation.stages.worker import Worker, WorkerSettings
from installation.toml_file import user_folder
from installation.vitals import Vitals
from installation.watchdog import Watchdog

SOFTWARE_RATE = 30.0  # refreshes a second where the processor draws: more would be taken from the dream
CARD_RATE = 60.0  # where a card draws but does not wait for the display


@dataclass(frozen=True, slots=True)
class Rig:
    """A show and the parts that whoever runs it, or tests it, wants to reach."""

    show: Show
    desk: Desk
    front: Front
    worker: Worker
    keys: Keys
    director: Director
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
            "governor": self.worker.governor.figures(),
            "kiosk": self.director.figures(),
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
    """Put the line together; only screen and page are open yet, since what they are decides how the show is paced."""
    cv2.setNumThreads(1)  # pictures are small: its other threads mostly woke up, 0.51 cores a show against 0.30
    clock = WallClock()
    vitals = Vitals(clock)
    front = _front(settings, clock, vitals)
    desk = open_desk(settings, vitals.event)
    placing = Placing(mirror=settings.mirror, rotate=settings.rotate, cover=settings.fit == "cover")
    more: list[Lines] = []  # of the HUD and the page
    mixed = tuple(sorted({*desk.programs.layers, *settings.mix}))
    page = partial(_page, settings, clock=clock, vitals=vitals, desk=desk, placing=placing, mixed=mixed, more=more)
    projection = Projection(user_folder() / "profiles", vitals.event, seen_with(settings.camera_size, placing))
    screen = _screen(settings, placing, vitals, page, projection)
    operators = screen if isinstance(screen, Page) else _beside(settings, page, vitals)
    told = WorkerSettings(
        settings.network, settings.layers, settings.working_size, settings.steps, mixed, settings.engine
    )
    governor = Governor(settings.dream_target if settings.governor else None)
    worker = Worker(told, vitals.event, governor)
    midi = None if settings.midi == "off" else Midi(settings.midi, settings.takeover, event=vitals.event, clock=clock)
    pinning = Pinning(projection.keep, vitals.event)
    projection.pins = pinning
    keys = Keys(
        fullscreen=getattr(screen, "toggle_fullscreen", lambda: None),
        adjust=midi.adjust if midi is not None else lambda _what: None,
        pinning=pinning,
        pin=partial(_pin, pinning, projection),
    )
    room = _room(vitals)
    director, watchers = open_director(
        settings, clock, vitals.event, camera_there=lambda: front.on_air != "clouds", thresholds=room
    )
    keeper = None if settings.kiosk else _keeper(settings, clock, vitals, desk, placing, screen)
    more.extend(part.lines for part in (midi, keeper, governor, projection) if part is not None)
    announce = Announce(
        settings, desk=desk, front=front, worker=worker, screen=screen, vitals=vitals, say=say, more=more
    )
    if operators is not None and operators.url not in screen.status:
        announce.once("page", operators.url)
    watchdog = Watchdog(os.environ)
    begun, presented = clock.now(), 0

    def over() -> bool:
        late = seconds is not None and clock.now() - begun >= seconds
        done = refreshes is not None and vitals.refreshes >= refreshes
        return late or done or keys.quit or worker.refused is not None

    def tell(_frame: object, _veil: object, _look: object, now: float) -> None:
        nonlocal presented
        announce()
        desk.recording = keeper is not None and keeper.recording  # a film also ends by itself, when the disk is full
        if vitals.refreshes > presented:  # a screen that was lost shows nothing
            presented = vitals.refreshes
            watchdog.presented(now, announce.status)

    witnesses: list[Witness] = [*watchers, tell]
    if keeper is not None:
        witnesses.append(keeper.see)
    if operators is not None and operators is not screen:
        witnesses.append(operators.see)
    hands: list[Hand] = [keys, director, *([midi] if midi is not None else [])]
    others: list[Part] = [part for part in (operators, keeper, watchdog) if part is not None and part is not screen]
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
        hands=hands,
        others=others,
        hud=partial(announce.overlay, keys),
        witnesses=witnesses,
        carrier=Carrier(room),
    )
    return Rig(show, desk, front, worker, keys, director, vitals)


def _room(vitals: Vitals) -> Thresholds:
    """Motion thresholds as they were learned of this room; a file that is refused is no reason not to begin."""
    try:
        return thresholds_kept() or USUAL
    except SettingsError as error:
        vitals.event(f"{error}; the usual motion thresholds are taken")
        return USUAL


def _front(settings: Settings, clock: WallClock, vitals: Vitals) -> Front:
    """What was asked for, with the clouds behind it."""
    feed = None
    if settings.source != "clouds":
        source = source_from(
            settings.source, clock, size=settings.camera_size, fps=settings.camera_fps, seed=settings.seed
        )
        feed = Feed(source, clock, vitals.event)
    return Front(feed, Clouds(settings.seed), vitals.event)


def _keeper(
    settings: Settings, clock: WallClock, vitals: Vitals, desk: Desk, placing: Placing, screen: Screen
) -> Keeper:
    keeper = Keeper(
        keep_folder(settings.keep),
        lambda: state_of(settings, desk, vitals),
        placing,
        size=lambda: getattr(screen, "size", None),  # a page has none: the picture is the camera's size there
        event=vitals.event,
        clock=clock,
    )
    desk.on("snapshot", lambda _on: keeper.snapshot())
    desk.on("record", lambda on: keeper.record(on > 0))
    return keeper


def _page(
    settings: Settings,
    *,
    clock: WallClock,
    vitals: Vitals,
    desk: Desk,
    placing: Placing,
    mixed: Sequence[str],
    more: Sequence[Lines],
    is_screen: bool,
) -> Page:
    """The operator's page, open.  Raises SinkError when no port is free."""

    def recall_snapshot(data: bytes) -> str:
        snapshot = read_snapshot(data)
        recall(snapshot, desk, mixable=mixed)
        return "; ".join(("its look is coming on", *snapshot.notes))

    return Page(
        settings.port,
        host=settings.page_host,
        token=settings.page_token,
        desk=desk,
        placing=placing,
        vitals=vitals.now,
        clock=clock,
        is_screen=is_screen,
        guard=settings.guard,
        picture_allowed=settings.page_picture or not settings.kiosk,
        recall_snapshot=recall_snapshot,
        extra_lines=lambda: [line for lines in more for line in lines()],
        event=vitals.event,
    ).__enter__()


def _beside(settings: Settings, page: Callable[..., Page], vitals: Vitals) -> Page | None:
    """The page beside a screen; a wall without one is still a wall."""
    if not settings.page:
        return None
    try:
        return page(is_screen=False)
    except SinkError as error:
        vitals.event(f"no operator's page: {error}")
        return None


def _pin(pinning: Pinning, projection: Projection) -> None:
    """Begin to pin the picture to the wall; on a page, which has no projector, nothing."""
    profile = projection.present()
    if profile is not None:
        pinning.open(profile)


def _screen(
    settings: Settings, placing: Placing, vitals: Vitals, page: Callable[..., Page], projection: Projection
) -> Screen:
    """A window on the display asked for, else the page."""
    from installation.sinks.choose import open_screen

    try:
        return open_screen(
            settings.display,
            windowed=settings.windowed,
            placing=placing,
            renderer=settings.renderer,
            projection=projection,
            guard=settings.guard,
        )
    except SinkError as error:
        if settings.display is not None or settings.renderer != "auto":
            raise
        opened = page(is_screen=True)
        vitals.event(f"no window: {error}; the picture is on a page")
        return opened


def _rate(settings: Settings, screen: Screen) -> float | None:
    """Refreshes a second, or None where the screen waits for its display by itself."""
    if settings.refresh is not None:
        return settings.refresh
    if getattr(screen, "vsync", False):
        return None
    return CARD_RATE if screen.status.startswith("OpenGL") else SOFTWARE_RATE
