"""The carrier: keeps the dream on the people while they move, between one residual and the next.

The dream is slower than the screen.  The carrier holds the newest two residuals, each with the path back from the
present frame to the frame it was dreamed on, and lets the older fade into the newer, so that a slow machine dreams
slower but never jerks.  Paths, not pictures, are composed from frame to frame: a path is smooth and survives being
sampled often, a residual would blur.
"""

from dataclasses import dataclass, field

import numpy as np

from calibration.thresholds import USUAL, Thresholds
from installation.frame import Residual
from installation.knobs import Look
from installation.stages.flow import Displacement, Flow, Grey, drift, follow, grid, trust
from installation.veil import Carried, Grid, Veil

LONGEST_FADE = 0.5  # seconds for the older residual to fade into the newer, at most
FAINTEST = 1 / 512  # below this weight a residual of full range no longer changes an 8-bit picture


@dataclass(slots=True)
class _Carried:
    residual: Residual
    path: Displacement
    scale: float = 1.0
    angle: float = 0.0
    grid: Grid = field(default_factory=lambda: np.zeros((1, 1, 3), np.float32))


class Carrier:
    """Carries residuals to the newest frame.  Feed it frames with `follow`, residuals with `receive`; read `veil`."""

    def __init__(self, thresholds: Thresholds = USUAL) -> None:
        """``thresholds``: learned of this room, where they were."""
        self._flow, self._doubt = Flow(thresholds), thresholds.doubt
        self._grey: Grey | None = None
        self._newer: _Carried | None = None
        self._older: _Carried | None = None
        self._received = 0.0
        self._fade = 0.0
        self._last_time: float | None = None

    def follow(self, grey: Grey) -> None:
        """A new frame has come; ``grey`` is its grey picture.  A change of shape drops the dream."""
        before, self._grey = self._grey, grey
        if before is None or before.shape != grey.shape:
            self._newer = self._older = None
            return
        held = [c for c in (self._older, self._newer) if c is not None]
        if not held:
            return
        moved = self._flow.back(grey, before)
        for carried in held:
            carried.path = follow(carried.path, moved)
            self._lay(carried)

    def receive(self, residual: Residual, now: float) -> None:
        """A residual has come, for a frame that is by now a little old."""
        if self._grey is None or residual.grey.shape != self._grey.shape:
            return
        newest = _Carried(residual, self._flow.back(self._grey, residual.grey))
        # It drifted with the one before it for as long as it was being dreamed.
        if self._newer is not None:
            age, span = now - residual.time, max(1e-6, now - self._newer.residual.time)
            share = min(1.0, max(0.0, age / span))
            newest.scale, newest.angle = self._newer.scale**share, self._newer.angle * share
        self._fade = min(LONGEST_FADE, now - self._received) if self._newer is not None else LONGEST_FADE / 2
        self._older, self._newer, self._received = self._newer, newest, now
        self._lay(newest)

    def veil(self, now: float, look: Look) -> Veil:
        """The dream as it lies over the newest frame at ``now``."""
        passed = 0.0 if self._last_time is None else max(0.0, now - self._last_time)
        self._last_time = now
        scale, angle = drift(look, passed)
        layers = []
        mix = 1.0 if self._fade <= 0 else min(1.0, (now - self._received) / self._fade)
        if mix >= 1.0:
            self._older = None
        for carried, share in ((self._older, 1 - mix), (self._newer, mix)):
            if carried is None:
                continue
            if scale != 1.0 or angle != 0.0:
                carried.scale *= scale
                carried.angle += angle
                self._lay(carried)
            weight = share * 0.5 ** (max(0.0, now - carried.residual.time) / look.linger)
            if weight > FAINTEST:
                layers.append(Carried(carried.residual.field, carried.grid, weight))
        return Veil(tuple(layers))

    def _lay(self, carried: _Carried) -> None:
        assert self._grey is not None
        believed = trust(self._grey, carried.residual.grey, carried.path, self._doubt)
        carried.grid = grid(carried.path, believed, carried.scale, carried.angle)
