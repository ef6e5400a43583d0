"""The states the leap learns on: windows of lessons, undreamed, half dreamed, and as its own feedback has left them.

Own states are kept from visit to visit, as in the training of cellular automata (Mordvintsev et al., "Growing Neural
Cellular Automata", 2020), so that the leap learns on what it will meet after hundreds of frames.  They are few, so that
each is visited again before the network has become another.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from models.leap_net import TAPS
from training.dreams import RMS, Lesson

DRAWN = (0.05, 0.08, 0.12, 0.35, 0.2, 0.2)  # how often each tap leads: creatures take the longest to learn
DECAY = 0.95  # of the residual from visit to visit
OWN = 8  # states of its own for each tap
AFRESH = 0.06  # how often one of them gives way to a new one
ROOM = 16  # pixels by which a window moves about over its state, so that no grid of the network's builds up
LEVELS = 127.5


@dataclass(slots=True)
class State:
    """A part of a lesson, mirrored or not: ``base``, ``dream`` and what has been dreamed so far, (3, S, S) each."""

    lesson: Lesson
    base: Tensor
    dream: Tensor
    residual: Tensor


@dataclass(slots=True)
class Batch:
    """Windows (N, 3, S, S): undreamed ``base``, what has been dreamed so far ``residual``, the true ``dream``.

    ``weights``: (N, taps).  ``emphasis``: (N, directions).  ``lead``: the deepest tap in use.  ``kind``: "fresh",
    "half" or "own".  ``places``: where in which states the windows lie, for `States.keep`.
    """

    base: Tensor
    residual: Tensor
    dream: Tensor
    weights: Tensor
    emphasis: Tensor
    lead: int
    kind: str
    places: list[tuple[State, Any]]


class States:
    """Draws batches.  ``side``: pixels of a window."""

    def __init__(self, lessons: Sequence[Lesson], rng: np.random.Generator, side: int) -> None:
        self.rng, self.side = rng, side
        self.led = [[lesson for lesson in lessons if lesson.wish.lead == lead] for lead in range(len(TAPS))]
        self.plain = [[lesson for lesson in led if lesson.wish.plain] for led in self.led]
        self.own: dict[tuple[int, bool], list[State]] = {}

    def draw(self, count: int, kinds: Mapping[str, float], only: int | None = None) -> Batch:
        """Some windows led by one tap.

        ``kinds``: how often each kind of state comes.  ``only``: the index of a tap, for nothing but its own dreams.
        """
        rng = self.rng
        lead = int(rng.choice(len(TAPS), p=DRAWN)) if only is None else only
        known = (self.led if only is None else self.plain)[lead]
        kind = str(rng.choice(list(kinds), p=list(kinds.values())))
        if kind == "own":
            pool = self.own.setdefault((lead, only is not None), [])
            while len(pool) < OWN:
                pool.append(self.state(known))
            picks = [int(pick) for pick in rng.choice(OWN, count, replace=False)]
            for pick in picks:
                if rng.random() < AFRESH:
                    pool[pick] = self.state(known)
            states = [pool[pick] for pick in picks]
        else:
            states = [self.state(known) for _ in range(count)]
            if kind == "half":
                for state in states:
                    state.residual = (state.dream - state.base) * float(rng.uniform(0, 0.9))
        places = [(state, self.window()) for state in states]
        base, residual, dream = (
            torch.stack([getattr(state, name)[cut] for state, cut in places]) for name in ("base", "residual", "dream")
        )
        if kind == "own" and rng.random() < 0.3:  # as another octave leaves it
            small = int(self.side / rng.choice((1.4, 1.96)))
            residual = F.interpolate(residual, (small, small), mode="bilinear", antialias=True)
            residual = F.interpolate(residual, base.shape[2:], mode="bilinear")
        wishes = [state.lesson.wish for state in states]
        weights = torch.tensor([wish.weights for wish in wishes], dtype=torch.float32)
        emphasis = torch.tensor([wish.emphasis for wish in wishes], dtype=torch.float32)
        return Batch(base, residual, dream, weights, emphasis, lead, kind, places)

    def state(self, known: Sequence[Lesson]) -> State:
        """A new one, undreamed."""
        lesson, side = known[int(self.rng.integers(len(known)))], self.side + ROOM
        top, left = (int(self.rng.integers(n - side + 1)) for n in lesson.base.shape[1:])
        turn = int(self.rng.choice((1, -1)))
        cut = (slice(None), slice(top, top + side), slice(left, left + side))
        base, dream = (
            torch.from_numpy(a[cut][:, :, ::turn].astype(np.float32) / LEVELS - 1) for a in (lesson.base, lesson.dream)
        )
        return State(lesson, base, dream, torch.zeros_like(base))

    def window(self) -> Any:
        top, left = (int(self.rng.integers(ROOM + 1)) for _ in range(2))
        return (..., slice(top, top + self.side), slice(left, left + self.side))

    @staticmethod
    def keep(batch: Batch, residual: Tensor) -> None:
        """Lay what the leap has made of the windows back into their states, a little faded."""
        for row, (state, cut) in zip(residual, batch.places, strict=True):
            state.residual[cut] = row * DECAY


def limited(base: Tensor, residual: Tensor, most: float = RMS) -> Tensor:
    """``base + residual``, the residual made no stronger than ``most`` (root mean square), nearly within [-1, 1]."""
    strength = residual.pow(2).mean((1, 2, 3), keepdim=True).sqrt()
    return (base + residual * (most / strength.clamp_min(1e-8)).clamp(max=1)).clamp(-1.02, 1.02)
