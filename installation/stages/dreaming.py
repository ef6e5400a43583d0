"""One frame's dreaming: carry the old residual to the new frame, let it fade, deepen it by a step or two."""

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from threading import Lock
from typing import Any, Self

import cv2
import numpy as np
import torch
from torch import Tensor

from installation.frame import Field, Frame, Pixels, Residual
from installation.knobs import Look
from installation.stages.flow import Flow, Grey, drift, grey_of, grid, trust
from installation.stages.focus import EVERYWHERE, Focus
from installation.stages.recipe import LEVELS, Ladder, recipe
from installation.stages.rungs import ALL, Allowance, scaled
from installation.veil import carry
from models.ascent import Ascent
from models.directions import Directions
from models.dreamer import Dreamer

LONGEST_GAP = 2.0  # seconds without a frame after which the old residual belongs to another scene
SAME_SHAPE = 0.03  # by which width to height may differ, from rounding, in two sizes of the same picture


@dataclass(frozen=True, slots=True)
class _Seen:
    """A frame as it is dreamed on: ``pixels`` at the size of the dream, ``grey`` at flow size."""

    pixels: Pixels
    grey: Grey
    index: int
    time: float


@dataclass(frozen=True, slots=True)
class _Dreamed:
    """A residual and the frame that it belongs to."""

    field: Field
    seen: _Seen


class Dreaming:
    """Keeps the residual from frame to frame.  The same code runs in the worker and in a rehearsal.

    ``hands``: how many threads may call it at once, each with its own number.  Two hands share the octaves: the
    largest, which costs as much as all the others, and the others.  Each deepens the newest residual there was when
    it began and adds what it found to the newest there is when it ends.  ``focus``: its mask is of the frames' size,
    and its channels, where it has any, count in place of the directions'.  ``directions``: on the ascent's device, for
    its layers; None where it has none, so that their knobs do nothing.
    """

    def __init__(
        self,
        ascent: Ascent,
        ladder: Ladder,
        steps: int,
        hands: int = 1,
        focus: Focus = EVERYWHERE,
        directions: Directions | None = None,
    ) -> None:
        self.ascent, self._ladder, self._steps, self._focus = ascent, ladder, steps, focus
        self._directions = directions
        shares = (None,) if hands == 1 else (True, False)
        self._dreamers = [Dreamer(ascent, largest=share) for share in shares]
        self._flows = [Flow() for _ in shares]
        self._lock = Lock()
        self._last: _Dreamed | None = None
        self.restarts = 0  # times the residual was thrown away because it was not a number

    def __call__(self, small: Frame, look: Look, hand: int = 0, allow: Allowance = ALL) -> Residual:
        """Dream on ``small``, a frame at the network's working size, with what is allowed to be spent on it.

        The residual's field is of that size as ``allow`` scales it, its grey picture always of the flow size of
        ``small``.  When the size changes, the residual there is goes on at the new one.
        """
        flow = self._flows[hand]
        pixels = _at(small.pixels, scaled(small.size, allow.scale))
        seen = _Seen(pixels, grey_of(small.pixels), small.index, small.time)
        begun = self._last
        base = self._tensor(seen.pixels) / LEVELS - 1
        before = self._tensor(self._carried(begun, seen, look, flow))
        made = recipe(look, self._ladder, self.ascent.layers, min(self._steps, allow.steps), self._directions)
        # Channels asked for by number are all that is asked for: times a direction's, most would leave nothing.
        channels = made.channels if self._focus.channels is None else self._focus.channels
        made = replace(made, skip=allow.leave_out, channels=channels, mask=self._focus.mask)
        field = self._field(self._dreamers[hand].dream(base, before, made))
        with self._lock:
            newest = self._last
            if newest is not begun and newest is not None:  # the other hand was quicker
                field -= before[0].permute(1, 2, 0).cpu().numpy()
                field, seen = self._joined(_Dreamed(field, seen), newest, look, flow)
            if not math.isfinite(float(field.sum())):
                self.restarts += 1
                field = np.zeros_like(field)
            self._last = _Dreamed(field, seen)
        return Residual(field, seen.grey, seen.index, seen.time)

    def _joined(self, change: _Dreamed, newest: _Dreamed, look: Look, flow: Flow) -> tuple[Field, _Seen]:
        """What a hand has found, added to the newest residual, on the newer of their two frames and at its size."""
        if not _same_shape(newest.seen.grey, change.seen.grey):
            return change.field, change.seen
        older, newer = (change, newest) if newest.seen.index > change.seen.index else (newest, change)
        total = newer.field + self._carried(older, newer.seen, look, flow)
        camera = newer.seen.pixels.astype(np.float32) / LEVELS - 1
        return np.clip(total, -1 - camera, 1 - camera), newer.seen

    def _carried(self, last: _Dreamed | None, to: _Seen, look: Look, flow: Flow) -> Field:
        """The residual of ``last`` where it belongs in ``to``, faded, at the size of ``to``."""
        height, width = to.pixels.shape[:2]
        passed = math.inf if last is None else to.time - last.seen.time
        if last is None or not 0 <= passed < LONGEST_GAP or not _same_shape(last.seen.grey, to.grey):
            return np.zeros((height, width, 3), np.float32)
        grey = _at(last.seen.grey, (to.grey.shape[1], to.grey.shape[0]))
        path = flow.back(to.grey, grey)
        laid = grid(path, trust(to.grey, grey, path), *drift(look, passed))
        return carry(_at(last.field, (width, height)), laid, 0.5 ** (passed / look.linger), (width, height))

    def _tensor(self, picture: np.ndarray) -> Tensor:
        return torch.from_numpy(picture).permute(2, 0, 1)[None].to(self.ascent.device).float()

    def _field(self, dreamed: Tensor) -> Field:
        field: Field = dreamed[0].permute(1, 2, 0).contiguous().cpu().numpy()  # the one sync point of a frame
        return field


def _at(picture: Any, size: tuple[int, int]) -> Any:
    """A picture, grey picture or field at ``size`` (width, height); the same object where it has it already."""
    height, width = picture.shape[:2]
    if (width, height) == size:
        return picture
    return cv2.resize(picture, size, interpolation=cv2.INTER_AREA if size[0] < width else cv2.INTER_LINEAR)


def _same_shape(one: Grey, other: Grey) -> bool:
    """Another size of the same picture, not another picture."""
    (h, w), (other_h, other_w) = one.shape, other.shape
    return bool(abs(w * other_h - other_w * h) <= SAME_SHAPE * w * other_h)


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
