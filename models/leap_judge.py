"""What a good leap is: the terms of the training loss. Directions and pictures are (N, 3, SIZE, SIZE) throughout.

No labels and no stored targets: the teacher itself says what is better.

1. *Lean*: the direction is turned towards the teacher's true gradient. That is the objective linearised where the
   picture stands, and it has no shortcut that fits all pictures.
2. *Gain*: the picture is changed as the dreamer would change it, and the teacher looks at the result. The plain L2 norm
   alone would be maximised by one weave painted over every picture, so each place is also to have more of the
   activations it already had (dot product with its own centred activations, in the spirit of Lucid's caricatures:
   Olah et al., 2017).
3. *Tone*, *cast*, *sameness* keep the direction's energy where a true dream has it.
"""

from collections.abc import Callable, Sequence
from itertools import pairwise

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from models.leap_pool import SIZE

MARGIN = 8  # pixels that the teacher does not see on each side
LEAN_BANDS = (0.1, 0.25, 0.3, 0.25, 0.1)
# From true dreams of 27 steps at Conv2d_4a, Mixed_5b and deeper: share of energy by scale (the finest, which turns
# into grain, asked for less than it was measured), and share of it that is colour.
DREAM_BANDS = ((0.06, 0.24, 0.41, 0.25, 0.04), (0.07, 0.30, 0.35, 0.22, 0.06), (0.07, 0.30, 0.35, 0.22, 0.06))
DREAM_COLOUR = (0.60, 0.43, 0.31)

Act = Callable[[Tensor, Sequence[str]], list[Tensor]]


def normalised(direction: Tensor) -> Tensor:
    """The direction over its mean absolute value, picture by picture, as the dreamer applies it."""
    return direction / direction.abs().mean((1, 2, 3), keepdim=True).clamp_min(1e-8)


def bands(x: Tensor) -> list[Tensor]:
    """The picture split by scale: details of about 2, 4, 8, 16 and 32 pixels (a Laplacian pyramid)."""
    levels = [x]
    for _ in range(5):
        levels.append(F.avg_pool2d(levels[-1], 2))
    return [a - F.interpolate(b, a.shape[2:], mode="bilinear") for a, b in pairwise(levels)]


def lean(direction: list[Tensor], gradient: Tensor) -> Tensor:
    """Mean cosine between a direction, given in bands, and a gradient, grey and colour apart. (N,)

    The gradient's strong places are toned down first, so that the dream spreads over the picture.
    """
    local = F.avg_pool2d(gradient.pow(2).mean(1, keepdim=True), 16, 8, count_include_pad=False).sqrt()
    local = F.interpolate(local, gradient.shape[2:], mode="bilinear")
    tame = gradient / (local + 0.3 * local.mean((1, 2, 3), keepdim=True) + 1e-12)
    total = torch.zeros(len(gradient))
    for share, p, q in zip(LEAN_BANDS, direction, bands(tame), strict=True):
        grey_p, grey_q = p.mean(1, keepdim=True), q.mean(1, keepdim=True)
        grey = F.cosine_similarity(grey_p.flatten(1), grey_q.flatten(1))
        colour = F.cosine_similarity((p - grey_p).flatten(1), (q - grey_q).flatten(1))
        total = total + share * (0.6 * grey + 0.4 * colour)
    return total


def tone(direction: Tensor, split: list[Tensor], weights: Tensor) -> Tensor:
    """How unlike a true dream's the direction's shares of energy are, by scale, by colour and by place. (N,)"""
    kind = torch.tensor([0, 1, 2] + [2] * (weights.shape[1] - 3))
    energy = torch.stack([b.pow(2).mean((1, 2, 3)) for b in split], 1)
    shares = energy / energy.sum(1, keepdim=True) + 1e-3
    scale = (shares.log() - (weights @ torch.tensor(DREAM_BANDS)[kind]).log()).pow(2).sum(1)
    colour = direction - direction.mean(1, keepdim=True)
    share = colour.pow(2).mean((1, 2, 3)) / direction.pow(2).mean((1, 2, 3)) + 1e-3
    hue = (share.log() - (weights @ torch.tensor(DREAM_COLOUR)[kind]).log()).pow(2)
    local = F.avg_pool2d(direction.pow(2).mean(1, keepdim=True), 16, 8)
    crowding = F.relu(local.var((1, 2, 3)) / local.mean((1, 2, 3)).pow(2) - 0.4)
    return scale + 2 * hue + 2 * crowding


def cast(direction: Tensor) -> Tensor:
    """Share of the direction's energy that tints whole regions. (N,)"""
    return F.avg_pool2d(direction, 40, 20).pow(2).mean((1, 2, 3)) / direction.pow(2).mean((1, 2, 3))


def sameness(split: list[Tensor], rng: np.random.Generator) -> Tensor:
    """Correlation of each direction, given in bands, with its neighbour's in the batch, in place or shifted. Scalar."""
    there = rng.random(2) * (rng.random() < 0.5)
    total = torch.zeros(())
    for band in split[1:]:
        other = band.roll(1, 0).roll([int(t * band.shape[2]) for t in there], (2, 3))
        total = total + F.cosine_similarity(band.flatten(1), other.flatten(1)).pow(2).mean() / (len(split) - 1)
    return total


class Judge:
    """The teacher's view: activations centred and scaled per channel by running statistics over undreamed pictures."""

    def __init__(self, act: Act, taps: Sequence[str]) -> None:
        self.act, self.taps = act, tuple(taps)
        self.stats: dict[str, tuple[Tensor, Tensor]] = {}

    def see(self, picture: Tensor, depth: int) -> list[Tensor]:
        """Activations of the taps down to `depth`, without the margin where the teacher's own padding shows."""
        inner = picture[:, :, MARGIN : SIZE - MARGIN, MARGIN : SIZE - MARGIN]
        return self.act(inner.contiguous(memory_format=torch.channels_last), self.taps[: depth + 1])

    def learn(self, seen: list[Tensor]) -> None:
        for tap, a in zip(self.taps, seen, strict=False):
            mean, var = a.mean((0, 2, 3)), a.var((0, 2, 3))
            old = self.stats.get(tap)
            self.stats[tap] = (mean, var) if old is None else (old[0].lerp(mean, 0.02), old[1].lerp(var, 0.02))

    def centred(self, tap: str, a: Tensor) -> Tensor:
        mean, var = (s[None, :, None, None] for s in self.stats[tap])
        spread = var.sqrt()
        return (a - mean) / (spread + spread.mean())

    def gradient(self, picture: Tensor, weights: Tensor, depth: int) -> tuple[Tensor, list[Tensor]]:
        """The true direction at `picture`, each layer's share as strong as its weight; and the activations there."""
        x = picture.detach().requires_grad_()
        seen = self.see(x, depth)
        total = torch.zeros_like(x)
        for k, a in enumerate(seen):
            if weights[:, k].sum() > 0:
                (g,) = torch.autograd.grad(a.pow(2).mean((1, 2, 3)).sum(), x, retain_graph=True)
                total += weights[:, k, None, None, None] * normalised(g)
        return total, [a.detach() for a in seen]

    def gain(self, before: list[Tensor], after: list[Tensor], weights: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """How much more of its own each place has, how far it kept its kind, and the plain objective's growth; (N,)."""
        own, kind, plain = (torch.zeros(len(weights)) for _ in range(3))
        for k, (b, a) in enumerate(zip(before, after, strict=True)):
            w = weights[:, k]
            if w.sum() == 0:
                continue
            zb, za = self.centred(self.taps[k], b), self.centred(self.taps[k], a)
            nb, na = zb.pow(2).sum(1), za.pow(2).sum(1)
            ratio = (zb * za).sum(1) / (nb + 0.1 * nb.mean((1, 2), keepdim=True) + 1e-6)
            own = own + w * torch.where(ratio > 1, ratio.clamp_min(1).log(), ratio - 1).mean((1, 2))
            kind = kind + w * ((zb * za).sum(1) / (nb * na + 1e-6).sqrt()).mean((1, 2))
            plain = plain + w * (a.pow(2).mean((1, 2, 3)) / b.pow(2).mean((1, 2, 3))).log()
        return own, kind, plain
