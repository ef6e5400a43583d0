"""One frame's dreaming: carry the old residual to the new frame, let it fade, deepen it by a step or two."""

import math
from collections.abc import Callable
from typing import Self

import numpy as np
import torch

from installation.frame import Field, Frame, Residual
from installation.knobs import Look
from installation.stages.flow import Flow, Grey, drift, grey_of, grid, trust
from installation.stages.recipe import LEVELS, Ladder, recipe
from installation.veil import carry
from models.dreamer import Dreamer

LONGEST_GAP = 2.0  # seconds without a frame after which the old residual belongs to another scene


class Dreaming:
    """Keeps the residual from frame to frame.  The same code runs in the worker and in a rehearsal."""

    def __init__(self, dreamer: Dreamer, ladder: Ladder, steps: int) -> None:
        self._dreamer, self._ladder, self._steps = dreamer, ladder, steps
        self._flow = Flow()
        self._last: Residual | None = None
        self.restarts = 0  # times the residual was thrown away because it was not a number

    def __call__(self, small: Frame, look: Look) -> Residual:
        """Dream on ``small``, a frame at the network's working size."""
        grey = grey_of(small.pixels)
        base = (
            torch.from_numpy(small.pixels).permute(2, 0, 1)[None].to(self._dreamer.ascent.device).float() / LEVELS - 1
        )
        before = torch.from_numpy(self._carried(small, grey, look)).permute(2, 0, 1)[None].to(base.device)
        made = recipe(look, self._ladder, self._dreamer.ascent.layers, self._steps)
        dreamed = self._dreamer.dream(base, before, made)
        field = dreamed[0].permute(1, 2, 0).contiguous().cpu().numpy()  # the one sync point of a frame
        if not math.isfinite(float(field.sum())):
            self.restarts += 1
            field = np.zeros_like(field)
        self._last = Residual(field, grey, small.index, small.time)
        return self._last

    def _carried(self, small: Frame, grey: Grey, look: Look) -> Field:
        last = self._last
        height, width = small.pixels.shape[:2]
        if last is None or last.field.shape[:2] != (height, width) or not 0 <= small.time - last.time < LONGEST_GAP:
            return np.zeros((height, width, 3), np.float32)
        passed = small.time - last.time
        path = self._flow.back(grey, last.grey)
        laid = grid(path, trust(grey, last.grey, path), *drift(look, passed))
        return carry(last.field, laid, 0.5 ** (passed / look.linger), (width, height))


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
