"""What a flood of MIDI does to the picture: a real show, a real port, ten thousand messages a second.

    python -m benchmarks.midi_flood                    30 s on the display there is, else on an Xvfb of its own
    python -m benchmarks.midi_flood --no-window        into a ledger, where there is neither
    python -m benchmarks.midi_flood --seconds 5 --rate 0 --dream     and so on; see --help

The messages are control changes of eight knobs and, a tenth as many, notes.  They come through a JACK server of its
own with the dummy driver, from a process of its own; needs jackd.  Before the flood and during it a pedal is pressed
and let go, and it is measured how long after that the refresh that shows it is on the screen.
"""

import argparse
import os
import statistics
import sys
import threading
import time
from collections.abc import Sequence
from contextlib import ExitStack
from itertools import pairwise
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Self

import cv2

from installation.board import Board
from installation.clock import WallClock
from installation.control.midi import Midi
from installation.desk import Desk
from installation.frame import Frame, Residual
from installation.knobs import Look
from installation.parts import Dream, Screen
from installation.programs import Program, Programs
from installation.show import Show
from installation.sinks.ledger import Ledger
from installation.sinks.plain import PlainScreen
from installation.sources.clouds import Clouds
from installation.stages.worker import Worker, WorkerSettings
from installation.veil import Veil
from installation.vitals import Vitals

if TYPE_CHECKING:
    from jack import Player

SIZE = (1280, 720)
PICTURES = 30
PEDAL = 64
WARM, QUIET = 2.0, 5.0  # seconds
PEDAL_EVERY = 0.217  # seconds, in step with nothing


class NoDream:
    """Nothing is dreamed, so that only the show and the flood are measured."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        return None

    def offer(self, frame: Frame, look: Look) -> None:
        pass

    def newest(self) -> Residual | None:
        return None


class Moving:
    """A camera of thirty frames a second: clouds drawn beforehand, since drawing them would take time of its own."""

    def __init__(self) -> None:
        with Clouds() as clouds:
            self._pictures = [clouds.read().pixels for _ in range(PICTURES)]
        self._frame: Frame | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        return None

    def newest(self, now: float) -> Frame:
        index = int(now * 30)
        if self._frame is None or self._frame.index != index:
            self._frame = Frame(self._pictures[index % PICTURES], index, now)
        return self._frame


class Measured:
    """Sees every refresh: how long after the last it came, and when the pedal was seen."""

    def __init__(self) -> None:
        self.times: list[float] = []
        self.pedal: list[tuple[float, bool]] = [(0.0, False)]

    def __call__(self, frame: Frame, veil: Veil, look: Look, now: float) -> None:  # noqa: ARG002
        shown = time.monotonic()
        self.times.append(shown)
        if look.freeze != self.pedal[-1][1]:
            self.pedal.append((shown, look.freeze))

    def intervals(self, begin: float, end: float) -> list[float]:
        """Milliseconds between refreshes, from ``begin`` to ``end``."""
        times = [at for at in self.times if begin <= at <= end]
        return [1000 * (later - earlier) for earlier, later in pairwise(times)]

    def waits(self, pressed: Sequence[tuple[float, bool]]) -> list[float]:
        """Milliseconds from each press or release to the end of the refresh that shows it; JACK may lose some."""
        found = []
        for when, down in pressed:
            seen = next((at for at, shown in self.pedal if at > when and shown == down), when + PEDAL_EVERY)
            if seen < when + PEDAL_EVERY:  # later it is the answer to another one
                found.append(1000 * (seen - when))
        return found


def main() -> None:
    """Run it and print what was measured."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--seconds", type=float, default=30.0, help="how long the flood lasts")
    options.add_argument("--rate", type=float, default=10_000.0, help="control changes a second")
    options.add_argument("--refresh", type=float, default=30.0, help="refreshes a second")
    options.add_argument("--no-window", action="store_true", help="into a ledger")
    options.add_argument("--dream", action="store_true", help="with the network that ships at work beside it")
    given = options.parse_args()
    sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))
    from jack import Player, a_jack
    from xvfb import a_display

    cv2.setNumThreads(1)
    with ExitStack() as stack:
        stack.enter_context(a_jack())
        if not given.no_window and not os.environ.get("DISPLAY"):
            stack.enter_context(a_display(SIZE))
        pedal, flood = stack.enter_context(Player("Pedal")), stack.enter_context(Player("Flood"))
        screen: Screen = Ledger(SIZE, keep=1) if given.no_window else PlainScreen(windowed=True, size=SIZE)
        _run(given, screen, pedal, flood)


def _run(given: argparse.Namespace, screen: Screen, pedal: "Player", flood: "Player") -> None:
    clock, seen = WallClock(), Measured()
    vitals = Vitals(clock)
    desk = Desk(Board(), Programs([Program("One")]), event=vitals.event)
    midi = Midi(takeover="jump", event=vitals.event)
    dream: Dream = Worker(WorkerSettings("leap", None, (320, 240), 1), vitals.event) if given.dream else NoDream()
    figures: dict[str, object] = {}
    over = threading.Event()
    play = threading.Thread(target=_play, args=(given, midi, seen, figures, over, pedal, flood))
    play.start()
    show = Show(
        clock=clock,
        desk=desk,
        camera=Moving(),
        dream=dream,
        screen=screen,
        vitals=vitals,
        working_size=(320, 240),
        rate=given.refresh,
        over=over.is_set,
        hands=[midi],
        witnesses=[seen],
    )
    try:
        show.run()
    finally:
        over.set()
        play.join()
    for name, figure in figures.items():
        print(f"{name:28} {figure}")
    for event in vitals.events():
        print("event:", event["what"])


def _play(
    given: argparse.Namespace,
    midi: Midi,
    seen: Measured,
    figures: dict[str, object],
    over: threading.Event,
    pedal: "Player",
    flood: "Player",
) -> None:
    """What happens at the controllers, on a thread of its own: a quiet time, then the flood."""
    try:
        deadline = time.monotonic() + 60
        while midi.status.count(",") != 1 and time.monotonic() < deadline:
            time.sleep(0.1)
        time.sleep(WARM)
        for name, seconds, rate in (("quiet", QUIET, 0.0), ("flood", given.seconds, given.rate)):
            rss, cores, heard, begin = _resident(), time.process_time(), midi.heard, time.monotonic()
            if rate:
                flood.begin_flood(rate, seconds)
            pressed: list[tuple[float, bool]] = []
            while time.monotonic() - begin < seconds:
                down = not pressed or not pressed[-1][1]
                pressed.append((time.monotonic(), down))
                pedal.send(0xB0, PEDAL, 127 if down else 0)
                time.sleep(PEDAL_EVERY)
            end = time.monotonic()
            sent = (flood.end_flood() if rate else 0) + len(pressed)
            time.sleep(0.5)
            figures[f"{name}: interval ms"] = _spread(seen.intervals(begin, end))
            figures[f"{name}: pedal to screen ms"] = _spread(seen.waits(pressed)) + f", pressed {len(pressed)} times"
            figures[f"{name}: messages"] = f"{midi.heard - heard} heard of {sent} sent"
            figures[f"{name}: resident MiB"] = f"{rss:.1f} at the beginning, {_resident():.1f} at the end"
            figures[f"{name}: cores of the show"] = f"{(time.process_time() - cores) / (time.monotonic() - begin):.2f}"
    finally:
        over.set()


def _spread(values: Sequence[float]) -> str:
    if len(values) < 2:
        return "not measured"
    p95 = statistics.quantiles(values, n=20)[-1]
    return f"median {statistics.median(values):.1f}, p95 {p95:.1f}, max {max(values):.1f} (of {len(values)})"


def _resident() -> float:
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 2**20


if __name__ == "__main__":
    main()
