"""What the leap is judged by: its teacher's view of the result, beside the teacher's view of a true dream of the same.

The objective alone has universal maxima: a small network soon finds one texture that excites the layer wherever it is
painted.  Ascent never finds these, since it starts from what is there.  So the leap must above all paint what *this*
place of *this* dream has and others have not (`recognised`); how strong (`fallen_short`) and of what make (`unlike`)
come after.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from models.leap_net import TAPS
from models.network import Network

SHALLOW = "Conv2d_2b_3x3"  # judges the make of the finest strokes
PLACES = 64  # of each picture, told apart from one another
SHARPNESS = 0.1  # temperature of that
BEYOND = 2.0  # times the true dream's objective that is aimed at: lessons are made in few steps
MARGIN = 1  # places along the border, where the teacher's own padding shows


@dataclass(frozen=True, slots=True)
class Verdict:
    """Means over a batch.  ``found``: share of places recognised; ``gain``: log of objective over the true dream's."""

    recognised: Tensor
    fallen_short: Tensor
    unlike: Tensor
    found: float
    gain: float


class Judge:
    """The teacher, frozen, and how its channels are spread over true dreams (running means and deviations)."""

    def __init__(self, teacher: Network) -> None:
        self.teacher = teacher.requires_grad_(False)
        self.teacher.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.spread: dict[str, tuple[Tensor, Tensor]] = {}

    def see(self, picture: Tensor, lead: int) -> dict[str, Tensor]:
        """Activations of all judged layers down to the tap that leads."""
        layers = (SHALLOW, *TAPS[: lead + 1])
        seen = self.teacher.activations(picture.contiguous(memory_format=torch.channels_last), layers)
        return dict(zip(layers, seen, strict=True))

    @torch.no_grad()
    def learn(self, dreams: dict[str, Tensor]) -> None:
        for layer, a in dreams.items():
            mean, std = a.mean((0, 2, 3)), a.std((0, 2, 3))
            old = self.spread.get(layer)
            self.spread[layer] = (mean, std) if old is None else (old[0].lerp(mean, 0.02), old[1].lerp(std, 0.02))

    def judge(
        self,
        result: Tensor,
        dream: Tensor,
        weights: Tensor,
        lead: int,
        rng: np.random.Generator,
        aim: Tensor | None = None,
    ) -> Verdict:
        """``result``, ``dream``: (N, 3, S, S).  ``weights``: (N, taps), none deeper than ``lead``.

        ``aim``: pictures whose places are to be recognised in place of the dream's, which then gives strength and make
        alone.
        """
        with torch.no_grad():
            target = self.see(dream, lead)
            goal = target if aim is None else self.see(aim, lead)
        self.learn(target)
        seen = self.see(result, lead)
        recognised, short, unlike = torch.zeros(()), torch.zeros(()), torch.zeros(())
        found, gain = 0.0, 0.0
        for k, tap in enumerate(TAPS[: lead + 1]):
            share = weights[:, k]
            if share.any():
                loss, right = self.recognised(seen[tap], goal[tap], tap, share, rng)
                log = (seen[tap].pow(2).mean((1, 2, 3)) / target[tap].pow(2).mean((1, 2, 3)).clamp_min(1e-6)).log()
                recognised, short = recognised + loss, short + (share * F.relu(math.log(BEYOND) - log)).mean()
                found, gain = found + right, gain + float((share * log.detach()).mean())
        # Not of what is dreamed of itself, which would hold it to the strength of the true dream.
        others = [layer for layer in seen if layer == SHALLOW or not weights[:, TAPS.index(layer)].any()]
        for layer in others:
            unlike = unlike + self.unlike(seen[layer], target[layer], layer) / len(others)
        return Verdict(recognised, short, unlike, found, gain)

    def recognised(
        self, seen: Tensor, target: Tensor, tap: str, share: Tensor, rng: np.random.Generator
    ) -> tuple[Tensor, float]:
        """How surely each place is told from all others of the batch by the dream's activations there (InfoNCE)."""
        mean, std = (s[None, :, None, None] for s in self.spread[tap])
        spread = std + std.mean()
        inner = slice(MARGIN, -MARGIN)
        rows, goals = (((a - mean) / spread)[:, :, inner, inner].flatten(2) for a in (seen, target))
        picks = torch.from_numpy(rng.permutation(rows.shape[2])[:PLACES].copy())
        rows, goals = (F.normalize(a[:, :, picks].transpose(1, 2).flatten(0, 1), dim=1) for a in (rows, goals))
        answers = rows @ goals.T / SHARPNESS
        truth = torch.arange(len(answers))
        losses = F.cross_entropy(answers, truth, reduction="none").view(len(seen), -1).mean(1)
        right = (answers.argmax(1) == truth).float().view(len(seen), -1).mean(1)
        return (share * losses).mean(), float((share * right).mean())

    def unlike(self, seen: Tensor, target: Tensor, layer: str) -> Tensor:
        """How far each picture's channel means and deviations are from its true dream's."""
        scale = self.spread[layer][1]
        scale = scale + 0.1 * scale.mean()
        apart = (seen.mean((2, 3)) - target.mean((2, 3))) / scale, (seen.std((2, 3)) - target.std((2, 3))) / scale
        return apart[0].pow(2).mean() + apart[1].pow(2).mean()


def bands(direction: Tensor, count: int = 4) -> list[Tensor]:
    """From fine to coarse, each half as large as the one before."""
    found = []
    for _ in range(count - 1):
        coarse = F.avg_pool2d(direction, 2)
        found.append(direction - F.interpolate(coarse, scale_factor=2.0))
        direction = coarse
    return [*found, direction]


def apart(direction: Tensor, residual: Tensor, shares: Sequence[float] = (0.2, 0.3, 0.3, 0.2)) -> Tensor:
    """How far ``direction`` is from the true residual, scale by scale, each measured in its own strength."""
    total = torch.zeros(())
    for share, p, q in zip(shares, bands(direction), bands(residual), strict=True):
        strength = q.pow(2).mean((1, 2, 3), keepdim=True).sqrt() + 1e-4
        total = total + share * (p - q / strength).pow(2).mean()
    return total
