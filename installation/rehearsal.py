"""The rehearsal: the same show offline, in one process and thread, with a clock moved by hand.

The same settings give the same bytes, every time on the same machine.  Here the figures are taken that need a known
course of events: how well the dream clings, and how deep it goes beside the reference dream.
"""

from argparse import Namespace
from collections.abc import Callable
from pathlib import Path
from time import perf_counter
from typing import Any, Self

import torch

from installation.board import Board
from installation.clock import HandClock
from installation.compose import Placing
from installation.errors import SettingsError
from installation.frame import Frame, Residual
from installation.knobs import Look
from installation.opening import desk_figures, open_desk, open_director, state_of
from installation.parts import Screen
from installation.settings import Settings
from installation.show import Show
from installation.sinks.film import Film
from installation.sinks.ledger import Ledger
from installation.snapshot import write_snapshot
from installation.sources.choose import source_from
from installation.sources.reel import Reel
from installation.stages.cling import Cling
from installation.stages.dreaming import Dreaming, Inline
from installation.stages.engine import Engine, open_engine
from installation.stages.recipe import LEVELS
from installation.veil import Veil
from installation.vitals import Vitals
from models.objective import score
from models.reference import reference_dream

USUAL_SECONDS = 10.0
DEPTH_FRAMES = 48  # dreamed frames within which the live dream should pass the reference
DEPTH_EVERY = 4


def rehearse(settings: Settings, options: Namespace, say: Callable[[str], None]) -> dict[str, Any]:
    """Play ``options.seconds`` or ``options.frames`` and return the report.

    Raises DreamwallError, before anything is written, when something that was asked for cannot be had.
    """
    clock = HandClock()
    vitals = Vitals(clock)
    if settings.source == "camera":
        settings = settings.model_copy(update={"source": "clouds"})
        say("source: clouds, since a rehearsal wants a recording and none was named")
    reel = Reel(
        source_from(
            settings.source,
            clock,
            size=settings.camera_size,
            fps=settings.camera_fps,
            seed=settings.seed,
            loop=options.seconds is not None or options.frames is not None,
        )
    )
    desk = open_desk(settings, vitals.event)
    director, watchers = open_director(settings, clock, vitals.event)
    engine = open_engine(settings.network, settings.layers, (*desk.programs.layers, *settings.mix), "eager")
    desk.network_is(engine.ascent.layers, len(engine.ladder.stops))
    say(f"network: {engine.choice}; layers {engine.ladder}")
    say(f"engine: {engine.ascent.status}")
    steps = settings.steps or engine.steps
    placing = Placing(mirror=settings.mirror, rotate=settings.rotate)
    ledger = Ledger(placing=placing, keep=1)
    screen: Screen = ledger
    if options.out is not None:
        screen = _Both(ledger, Film(options.out, rate=options.fps, placing=placing))
    frames = options.frames or round((options.seconds or USUAL_SECONDS) * options.fps)
    cling, depth = Cling(), Depth(engine, settings, desk.board) if options.depth else None
    dreaming = Dreaming(engine.ascent, engine.ladder, steps, directions=engine.directions)
    dream = Inline(dreaming, options.dream_fps, depth.see if depth else None)

    def watch(frame: Frame, veil: Veil, _look: Look, _now: float) -> None:
        cling.see(frame, veil.flat())

    show = Show(
        clock=clock,
        desk=desk,
        camera=reel,
        dream=dream,
        screen=screen,
        vitals=vitals,
        working_size=settings.working_size,
        rate=options.fps,
        over=lambda: vitals.refreshes >= frames or reel.ended,
        hands=(director,),
        witnesses=(watch, *watchers),
        live=False,
    )
    begun = perf_counter()
    show.run()
    took = perf_counter() - begun
    vitals.facts = {"network": engine.network, "layers": str(engine.ladder), "steps": steps}
    if options.snapshot is not None:
        _keep(options.snapshot, ledger, state_of(settings, desk, vitals))
    say(f"{vitals.refreshes} pictures, {dream.dreamed} dreamed, in {took:.1f} s; sha256 {ledger.sha256[:16]}…")
    return {
        "network": engine.network,
        "layers": str(engine.ladder),
        "size": list(settings.working_size),
        "steps": steps,
        "engine": engine.ascent.status,
        # Rates of a clock that is moved by hand say nothing about a machine; only the dream's is of real seconds.
        "camera_fps": None,
        "dream_fps": round(dream.dreamed / took, 2),
        "screen_fps": None,
        "screen_interval_ms": None,
        "latency_refreshes": None,
        "depth": None if depth is None else depth.figures(),
        "cling": cling.figures(),
        "drops": None,
        "events": vitals.events(),
        **desk_figures(desk),
        "kiosk": director.figures(),
        "sha256": ledger.sha256,
        "pictures": vitals.refreshes,
        "dreamed": dream.dreamed,
    }


def _keep(path: Path, ledger: Ledger, state: dict[str, Any]) -> None:
    try:
        write_snapshot(path, ledger.picture(), state)
    except (OSError, IndexError) as error:
        raise SettingsError(f"--snapshot: {path} cannot be written: {error}") from error


class _Both:
    """A film and the ledger that signs it."""

    name = "film"
    closed = False
    guard = ""

    def __init__(self, ledger: Ledger, film: Film) -> None:
        self._ledger, self._film = ledger, film

    def __enter__(self) -> Self:
        self._film.__enter__()
        return self

    def __exit__(self, *ended: Any) -> None:  # noqa: PYI036 (handed on as it comes)
        self._film.__exit__(*ended)

    @property
    def status(self) -> str:
        return self._film.status

    def show(self, frame: Frame, veil: Veil, look: Look, hud: list[str]) -> None:
        self._ledger.show(frame, veil, look, hud)
        self._film.show(frame, veil, look, hud)


class Depth:
    """Measures how deep the live dream goes on a photograph, beside Google's dream of the same picture and size."""

    def __init__(self, engine: Engine, settings: Settings, board: Board) -> None:
        if engine.judge is None:
            raise SettingsError(
                "--depth: the reference dream needs a network trained on ImageNet; name one with --network"
            )
        if not Path(settings.source).is_file():
            raise SettingsError(f"--depth: the source must be one photograph, not {settings.source}")
        self._engine, self._judge, self._board = engine, engine.judge, board
        self._base: torch.Tensor | None = None
        self._dreamed = 0
        self._best: dict[str, Any] = {}

    def see(self, small: Frame, residual: Residual) -> None:
        """One dreamed frame."""
        base = torch.from_numpy(small.pixels).permute(2, 0, 1)[None].float() / LEVELS - 1
        weights = self._engine.ladder.weights(self._board.standing("layer"))
        if self._base is None:
            self._base = base
            layer = max(weights, key=lambda name: weights[name])
            made = reference_dream(self._judge, base, layer)
            self._best = {
                "undreamed": self._score(base, weights),
                "reference": self._score(made, weights),
                "live": None,
                "frames": None,
            }
        self._dreamed += 1
        if self._dreamed > DEPTH_FRAMES or self._dreamed % DEPTH_EVERY:
            return
        live = self._score(base + torch.from_numpy(residual.field).permute(2, 0, 1)[None], weights)
        self._best["live"] = live
        if self._best["frames"] is None and live >= self._best["reference"]:
            self._best["frames"] = self._dreamed

    def figures(self) -> dict[str, Any]:
        """The report's ``depth``.

        ``live`` at the last look (at most 48 dreamed frames), ``reference``, ``undreamed``: mean squared activations.
        ``frames``: dreamed frames until the live dream passed the reference, None if it did not.
        """
        return {k: round(v, 4) if isinstance(v, float) else v for k, v in self._best.items()}

    def _score(self, image: torch.Tensor, weights: dict[str, float]) -> float:
        return score(self._judge, image, weights)
