"""The dreamer: deepens a residual a little, once a frame.

Google's dream takes one still picture through ten steps at each of four octaves.  A live one cannot pay for that in
every frame, and need not: the residual is kept from frame to frame, so the octaves are taken *in turn over frames*,
a step or two each, and the work adds up (the flow that carries the residual along is the caller's).
"""

from collections.abc import Sequence
from dataclasses import dataclass

from torch import Tensor

from models.ascent import Ascent, Viewing
from models.octaves import octave_sizes, resize

# Steps of the R2 sequence (Roberts, 2018): a point set in the plane that stays evenly spread however far it has got.
_R2 = (0.7548776662466927, 0.5698402909980532)


@dataclass(frozen=True, slots=True)
class Recipe:
    """A dream in the network's own terms.

    ``weights``: one per layer of the ascent, >= 0, not all zero.  ``step``: mean change of a step, in the network's
    range [-1, 1].  ``steps``: steps a call.  ``octaves``: how many sizes, each 1.4 times smaller.  ``skip``: how
    many of the largest of them are left out, where a machine is too slow for them; the smallest always stays.
    ``jitter``: pixels by which the picture is rolled, at most, so that the network's grid leaves no trace.
    ``channels``: for each layer of the ascent a weight per channel, (C,) float32 on its device; None counts all alike.
    ``mask``: (1, 1, H, W) in 0..1, how much each pixel may change.
    """

    weights: Sequence[float]
    step: float = 1.5 / 127.5
    steps: int = 2
    octaves: int = 3
    skip: int = 0
    jitter: int = 16
    channels: Sequence[Tensor] | None = None
    mask: Tensor | None = None


class Dreamer:
    """Octaves, jitter and steps over an `Ascent`.  Remembers only whose turn it is, never a picture.

    ``largest``: only the largest octave (True) or only the others (False), for two dreamers that share the work.
    """

    def __init__(self, ascent: Ascent, largest: bool | None = None) -> None:
        self.ascent = ascent
        self._largest = largest
        self._turn = 0
        self._roll = 0

    def dream(self, base: Tensor, residual: Tensor, recipe: Recipe) -> Tensor:
        """``residual`` deepened by ``recipe.steps`` steps at the octave whose turn it is.

        ``base``: the picture, (1, 3, H, W) float32 RGB in [-1, 1].  ``residual``: the same shape; ``base + residual``
        of the result stays in [-1, 1].
        """
        viewing = self.ascent.viewing(recipe.weights)
        octaves = max(1, recipe.octaves + 1 - viewing.span)
        sizes = octave_sizes(base.shape[-2], base.shape[-1], octaves)
        sizes = sizes[min(recipe.skip, len(sizes) - 1) :]
        if self._largest is not None:
            sizes = sizes[:1] if self._largest else sizes[1:] or sizes
        size = sizes[self._turn % len(sizes)]
        self._turn += 1
        start = resize(base + residual, size)
        mask = None if recipe.mask is None else resize(recipe.mask, size)
        picture, step = start, recipe.step * viewing.share
        for _ in range(recipe.steps):
            shift = self._jitter(recipe.jitter, viewing)
            picture = self.ascent.step(picture, recipe.weights, step, shift, recipe.channels, mask)
        change = resize(picture - start, (base.shape[-2], base.shape[-1]))
        residual = residual + (change if recipe.mask is None else change * recipe.mask)
        return (base + residual).clamp_(-1, 1) - base

    def _jitter(self, most: int, viewing: Viewing) -> tuple[int, int]:
        """The next roll, from a fixed sequence: random rolls flicker on video."""
        place, grid = self._roll // viewing.holds + 1, viewing.grid
        self._roll += 1
        y, x = (grid * round((int((place * r % 1.0) * (2 * most + 1)) - most) / grid) for r in _R2)
        return y, x
