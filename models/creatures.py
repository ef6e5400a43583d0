"""Creatures: a few small pictures, each laid where the picture is most like it already.

The deepest layers of a classifier see things a hundred pixels wide, which a small network cannot draw.  What excites
such a layer is much the same in every picture, though, so it can be dreamed once, in training (`training.creatures`),
and kept.  Where it goes is not learned at all: it is a matched filter, the oldest way to find a known thing in a
picture.  So a creature grows on what resembles it, stays on it, and moves along with it.
"""

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

KIN = (4, 4, 3, 1, 2, 1)  # how many there are of each named direction
SIDE = 64  # pixels of a creature as kept, at half of the picture's resolution; a multiple of `CELL`
CORE = 16  # pixels of its middle, at a quarter of the resolution, by which it is found
CELL = 8  # pixels of the picture from one place to the next
NEAR = 9  # places, in either direction, within which only the best one gets a creature
FAINT = 1.5 / 127.5  # contrast, RMS, below which even the leap sees nothing
CALM = 0.1  # how much likeness, at most 1, a place is worth that has e times less in it: there it is seen best
WISHED = 1.0  # likeness that a named direction adds to its creatures


class Creatures(nn.Module):
    """``kin[d]`` pictures of each named direction, in their order."""

    def __init__(self, kin: Sequence[int]) -> None:
        super().__init__()
        self.kin = tuple(kin)
        self.pictures = nn.Parameter(torch.zeros(sum(kin), 3, SIDE, SIDE))  # mean 0, fading to nothing at the edge
        self.rarity = nn.Parameter(torch.zeros(sum(kin)))  # added to the likeness, so that each has its turn
        families = torch.eye(len(kin)).repeat_interleave(torch.tensor(kin), 1)
        self.register_buffer("families", families, persistent=False)  # (directions, creatures), 0 or 1
        self.families: Tensor

    def forward(self, picture: Tensor, emphasis: Tensor) -> Tensor:
        """The direction of change, (N, 3, H, W), 0 where there is nothing to see.

        ``picture``: the same shape, RGB in [-1, 1], H and W multiples of 16 and at least 64.  ``emphasis``:
        (N, directions) or (1, directions) in 0..1.
        """
        return painted(self.found(picture, emphasis), self.pictures)

    def found(self, picture: Tensor, emphasis: Tensor, chance: Tensor | None = None) -> Tensor:
        """How strongly each creature is laid at each place, in 0..1: (N, creatures, H / 8, W / 8), mostly 0.

        By normalised correlation with its middle alone, and none where that would not fit in: so a place has the same
        likeness wherever in the picture it is, and a picture that is shifted finds the same again.  In float32, as the
        best of many has to be told from its neighbours.  ``chance``: added, (N, creatures, H / 8 - 7, W / 8 - 7).
        """
        quarter, step = F.avg_pool2d(picture.float(), 4), CELL // 4  # pixels of a quarter's size, as all below
        quarter = quarter - quarter.mean((2, 3), keepdim=True)  # changes nothing but that an even ground is 0
        middle = F.avg_pool2d(self.pictures.float(), 2)[:, :, CORE // 2 : -CORE // 2, CORE // 2 : -CORE // 2]
        middle = middle - middle.mean((2, 3), keepdim=True)
        middle = middle / middle.square().sum((1, 2, 3), keepdim=True).sqrt().clamp_min(1e-6)
        mean, square = F.avg_pool2d(torch.cat((quarter, quarter.square()), 1), CORE, step).chunk(2, 1)
        contrast = (square - mean.square()).clamp_min(0).sum(1, keepdim=True) + 3 * FAINT**2
        likeness = F.conv2d(quarter, middle, stride=step) / (CORE * contrast.sqrt()) - CALM * contrast.log()
        likeness = likeness + (self.rarity + WISHED * (emphasis @ self.families)).float()[:, :, None, None]
        if chance is not None:
            likeness = likeness + chance
        best = likeness.amax(1, keepdim=True)
        chosen = (likeness == best) & (best == F.max_pool2d(best, 2 * NEAR + 1, 1, NEAR))
        laid = (chosen * (1 - 3 * FAINT**2 / contrast)).to(picture.dtype)
        margin = CORE // 2 // step
        return F.pad(laid, (margin, margin - 1, margin, margin - 1))


def painted(laid: Tensor, pictures: Tensor) -> Tensor:
    """``pictures``, (creatures, 3, SIDE, SIDE), as strong as ``laid``, (N, creatures, H / 8, W / 8): (N, 3, H, W).

    The middle of each comes to the upper left corner of its place.
    """
    # A transposed convolution, as an ordinary one over places that gives the pixels of each: a few times quicker.
    tiles = F.pixel_unshuffle(pictures, CELL // 2).transpose(0, 1).flip(2, 3)
    reach = tiles.shape[3] // 2
    half = F.pixel_shuffle(F.conv2d(F.pad(laid, (reach - 1, reach) * 2), tiles), CELL // 2)
    return F.interpolate(half, scale_factor=2.0, mode="bilinear")
