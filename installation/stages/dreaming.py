"""One frame's dreaming: carry the old residual to the new frame, let it fade, deepen it by a step or two."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from threading import Lock
from typing import Self

import numpy as np
import torch
from torch import Tensor

from installation.frame import Field, Frame, Residual
from installation.knobs import Look
from installation.stages.flow import Flow, Grey, drift, grey_of, grid, trust
from installation.stages.recipe import LEVELS, Ladder, recipe
from installation.veil import carry
from models.ascent import Ascent
from models.dreamer import Dreamer

LONGEST_GAP = 2.0  # seconds without a frame after which the old residual belongs to another scene


@dataclass(frozen=True, slots=True)
class _Dreamed:
    """A residual and the frame that it belongs to."""

    residual: Residual
    small: Frame


class Dreaming:
    """Keeps the residual from frame to frame.  The same code runs in the worker and in a rehearsal.

    ``hands``: how many threads may call it at once, each with its own number.  Two hands share the octaves: the
    largest, which costs as much as all the others, and the others.  Each deepens the newest residual there was when
    it began and adds what it found to the newest there is when it ends.
    """

    def __init__(self, ascent: Ascent, ladder: Ladder, steps: int, hands: int = 1) -> None:
        self.ascent, self._ladder, self._steps = ascent, ladder, steps
        shares = (None,) if hands == 1 else (True, False)
        self._dreamers = [Dreamer(ascent, largest=share) for share in shares]
        self._flows = [Flow() for _ in shares]
        self._lock = Lock()
        self._last: _Dreamed | None = None
        self.restarts = 0  # times the residual was thrown away because it was not a number

    def __call__(self, small: Frame, look: Look, hand: int = 0) -> Residual:
        """Dream on ``small``, a frame at the network's working size."""
        flow, grey = self._flows[hand], grey_of(small.pixels)
        begun = self._last
        base = self._tensor(small.pixels) / LEVELS - 1
        before = self._tensor(self._carried(begun, small, grey, look, flow))
        made = recipe(look, self._ladder, self.ascent.layers, self._steps)
        field = self._field(self._dreamers[hand].dream(base, before, made))
        with self._lock:
            newest = self._last
            if newest is not begun and newest is not None:  # the other hand was quicker
                field -= before[0].permute(1, 2, 0).cpu().numpy()
                field, small, grey = self._joined(field, newest, small, grey, look, flow)
            if not math.isfinite(float(field.sum())):
                self.restarts += 1
                field = np.zeros_like(field)
            residual = Residual(field, grey, small.index, small.time)
            self._last = _Dreamed(residual, small)
        return residual

    def _joined(
        self, change: Field, newest: _Dreamed, small: Frame, grey: Grey, look: Look, flow: Flow
    ) -> tuple[Field, Frame, Grey]:
        """``change``, found on ``small``, added to the newest residual, on the newer of their two frames."""
        if newest.residual.field.shape != change.shape:
            return change, small, grey
        if newest.small.index > small.index:
            mine = _Dreamed(Residual(change, grey, small.index, small.time), small)
            small, grey = newest.small, newest.residual.grey
            total = newest.residual.field + self._carried(mine, small, grey, look, flow)
        else:
            total = change + self._carried(newest, small, grey, look, flow)
        camera = small.pixels.astype(np.float32) / LEVELS - 1
        return np.clip(total, -1 - camera, 1 - camera), small, grey

    def _carried(self, last: _Dreamed | None, small: Frame, grey: Grey, look: Look, flow: Flow) -> Field:
        height, width = small.pixels.shape[:2]
        if last is None or last.residual.field.shape[:2] != (height, width):
            return np.zeros((height, width, 3), np.float32)
        passed = small.time - last.small.time
        if not 0 <= passed < LONGEST_GAP:
            return np.zeros((height, width, 3), np.float32)
        path = flow.back(grey, last.residual.grey)
        laid = grid(path, trust(grey, last.residual.grey, path), *drift(look, passed))
        return carry(last.residual.field, laid, 0.5 ** (passed / look.linger), (width, height))

    def _tensor(self, picture: np.ndarray) -> Tensor:
        return torch.from_numpy(picture).permute(2, 0, 1)[None].to(self.ascent.device).float()

    def _field(self, dreamed: Tensor) -> Field:
        field: Field = dreamed[0].permute(1, 2, 0).contiguous().cpu().numpy()  # the one sync point of a frame
        return field


class Inline:
    """A `Dream` in the caller's own thread, for rehearsals: the same residuals every time.

    ``rate``: dreamed frames a second of the show's clock, to rehearse a slower machine; None dreams on every frame.
    ``witness``: sees every dreamed frame and its residual.
    """

    def __init__(
        self,
        dreaming: Dreaming,
        rate: float | None = None,
        witness: Callable[[Frame, Residual], None] | None = None,
    ) -> None:
        self._dreaming, self._rate, self._witness = dreaming, rate, witness
        self._next = -math.inf
        self._residual: Residual | None = None
        self.dreamed = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._residual = None

    def offer(self, small: Frame, look: Look) -> None:
        if self._rate is not None:
            if small.time < self._next - 1e-9:
                return
            self._next = max(self._next + 1 / self._rate, small.time)
        self._residual = self._dreaming(small, look)
        self.dreamed += 1
        if self._witness is not None:
            self._witness(small, self._residual)

    def newest(self) -> Residual | None:
        residual, self._residual = self._residual, None
        return residual
