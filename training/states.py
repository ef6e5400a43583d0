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

DECAY = 0.95  # of the residual from visit to visit
OWN = 8  # states of its own for each tap
AFRESH = 0.1  # how often one of them gives way to a new one
ROOM = 16  # pixels by which a window moves about over its state, so that no grid of the network's builds up,
MOVES = 1 / 12  # and how often: as in the show (`models.leap.Leap`), since strokes laid elsewhere each time blur
LEVELS = 127.5


@dataclass(slots=True)
class State:
    """A part of a lesson: ``base``, ``dream`` and what has been dreamed so far, (3, S, S) each.

    ``mirrored``: whether the lesson was, before the part at ``top`` and ``left`` was cut out of it.  ``window``: from
    where in it the leap sees it.
    """

    lesson: Lesson
    mirrored: bool
    top: int
    left: int
    base: Tensor
    dream: Tensor
    residual: Tensor
    window: tuple[int, int]


@dataclass(slots=True)
class Batch:
    """Windows (N, 3, S, S): undreamed ``base``, what has been dreamed so far ``residual``, the true ``dream``.

    ``weights``: (N, taps).  ``emphasis``: (N, directions).  ``lead``: the deepest tap in use.  ``kind``: "fresh",
    "half" or "own".  ``places``: in which states the windows lie, and how far from their top and left.
    """

    base: Tensor
    residual: Tensor
    dream: Tensor
    weights: Tensor
    emphasis: Tensor
    lead: int
    kind: str
    places: list[tuple[State, int, int]]


class States:
    """Draws batches.  ``side``: pixels of a window."""

    def __init__(self, lessons: Sequence[Lesson], rng: np.random.Generator, side: int) -> None:
        self.rng, self.side = rng, side
        self.lessons = lessons
        self.led = [[lesson for lesson in lessons if lesson.wish.lead == lead] for lead in range(len(TAPS))]
        self.own: list[list[State]] = [[] for _ in TAPS]

    def draw(self, count: int, kinds: Mapping[str, float], lead: int | None) -> Batch:
        """Some windows.

        ``kinds``: how often each kind of state comes; all of a batch are of one.  ``lead``: the index of the tap that
        leads in all of them; None: any, but no states of its own.
        """
        rng, side = self.rng, self.side
        known = self.lessons if lead is None else self.led[lead]
        kind = str(rng.choice(list(kinds), p=list(kinds.values())))
        if kind == "own":
            assert lead is not None
            pool = self.own[lead]
            while len(pool) < OWN:
                pool.append(self.state(known, side))
            picks = [int(pick) for pick in rng.choice(OWN, count, replace=False)]
            for pick in picks:
                if rng.random() < AFRESH:
                    pool[pick] = self.state(known, side)
                elif rng.random() < MOVES:
                    pool[pick].window = self.place()
            states = [pool[pick] for pick in picks]
        else:
            states = [self.state(known, side) for _ in range(count)]
            if kind == "half":
                for state in states:
                    state.residual = (state.dream - state.base) * float(rng.uniform(0, 0.9))
        places = [(state, *state.window) for state in states]
        base, residual, dream = (
            torch.stack([getattr(state, name)[cut(top, left, side)] for state, top, left in places])
            for name in ("base", "residual", "dream")
        )
        if kind == "own" and rng.random() < 0.3:  # as another octave leaves it
            small = int(side / rng.choice((1.4, 1.96)))
            residual = F.interpolate(residual, (small, small), mode="bilinear", antialias=True)
            residual = F.interpolate(residual, base.shape[2:], mode="bilinear")
        wishes = [state.lesson.wish for state in states]
        weights = torch.tensor([wish.weights for wish in wishes], dtype=torch.float32)
        emphasis = torch.tensor([wish.emphasis for wish in wishes], dtype=torch.float32)
        deepest = max(wish.lead for wish in wishes)
        return Batch(base, residual, dream, weights, emphasis, deepest, kind, places)

    def state(self, known: Sequence[Lesson], side: int) -> State:
        """A new one, undreamed, with room for a window of ``side`` pixels to move about."""
        lesson, side = known[int(self.rng.integers(len(known)))], side + ROOM
        top, left = (int(self.rng.integers(n - side + 1)) for n in lesson.base.shape[1:])
        mirrored = bool(self.rng.random() < 0.5)
        cut = (slice(None), slice(top, top + side), slice(left, left + side))
        base, dream = (
            torch.from_numpy(a[:, :, :: -1 if mirrored else 1][cut].astype(np.float32) / LEVELS - 1)
            for a in (lesson.base, lesson.dream)
        )
        return State(lesson, mirrored, top, left, base, dream, torch.zeros_like(base), self.place())

    def place(self) -> tuple[int, int]:
        top, left = self.rng.integers(ROOM + 1, size=2)
        return int(top), int(left)

    def keep(self, batch: Batch, residual: Tensor) -> None:
        """Lay what the leap has made of the windows back into their states, a little faded."""
        for row, (state, top, left) in zip(residual, batch.places, strict=True):
            state.residual[cut(top, left, row.shape[1])] = row * DECAY


def cut(top: int, left: int, side: int) -> Any:
    return (..., slice(top, top + side), slice(left, left + side))


def limited(base: Tensor, residual: Tensor, most: float = RMS) -> Tensor:
    """``base + residual``, the residual made no stronger than ``most`` (root mean square), nearly within [-1, 1]."""
    strength = residual.pow(2).mean((1, 2, 3), keepdim=True).sqrt()
    return (base + residual * (most / strength.clamp_min(1e-8)).clamp(max=1)).clamp(-1.02, 1.02)
