"""The leap's first network, which ships until `models.leap_net` has learned to paint better than it does.

Three layers, no named directions.  When the new one replaces it, this file goes.
"""

from collections.abc import Sequence

import torch.nn.functional as F
from torch import Tensor, nn

from models.leap_net import Block, Unit, doubled, folded

GRAIN = 8  # the network works on sizes that are multiples of this; others are padded by their own edge


def cleared(direction: Tensor) -> Tensor:
    """`direction` without what neighbouring cells (of 8 x 8 pixels, 5 x 5 cells) have in common.

    A tint of a whole region would add up to a colour cast under feedback, and what repeats from cell to cell is not the
    picture's pattern but the network's own grid, which would freeze into a lattice.
    """
    tint = F.avg_pool2d(F.avg_pool2d(direction, GRAIN), 5, 1, 2, count_include_pad=False)
    direction = direction - F.interpolate(tint, scale_factor=float(GRAIN), mode="bilinear", align_corners=False)
    cells = F.pixel_unshuffle(direction, GRAIN)
    return F.pixel_shuffle(cells - F.avg_pool2d(cells, 5, 1, 2, count_include_pad=False), GRAIN)


class FirstNet(nn.Module):
    """Picture as dreamed so far and layer weights in, direction of change out.

    An hourglass at 1/2, 1/4 and 1/8 of the size; pixels are folded into channels on the way in and
    unfolded on the way out (pixel shuffle: Shi et al., 2016), skips join equal sizes.
    """

    # Its changes agree from call to call, where the grain of true gradients cancels; chosen by eye.
    reach = 0.35
    holds = 1
    span = 2  # it sees in eighths of the picture, so that coarse octaves make blobs of its strokes
    directions: tuple[str, ...] = ()

    def __init__(self, taps: Sequence[str], widths: tuple[int, int, int] = (16, 48, 112), blocks: int = 3) -> None:
        super().__init__()
        self.taps, self.widths, self.blocks = tuple(taps), widths, blocks
        fine, middle, coarse = widths
        code = 32
        self.code = nn.Sequential(nn.Linear(len(self.taps), code), nn.ReLU(), nn.Linear(code, code), nn.ReLU())
        self.enter = Unit(12, fine)
        self.down_middle, self.look_middle = Unit(fine, middle, 2), Block(middle, code)
        self.down_coarse = Unit(middle, coarse, 2)
        self.look_coarse = nn.ModuleList(Block(coarse, code) for _ in range(blocks))
        self.up_middle, self.draw_middle = Unit(coarse, middle), Block(middle, code)
        self.up_fine, self.draw_fine = Unit(middle, fine), Block(fine, code)
        self.leave = nn.Conv2d(fine, 12, 3, 1, 1, padding_mode="replicate")
        nn.init.normal_(self.leave.weight, std=0.05)

    def forward(self, picture: Tensor, weights: Tensor) -> Tensor:
        """`picture`: (N, 3, H, W), RGB in [-1, 1], H and W at least 64. `weights`: (N, taps) or (1, taps), at least 0;
        only their proportions count. Returns (N, 3, H, W): a direction, without unit; its mean per colour is near 0.
        """
        height, width = picture.shape[2:]
        code = self.code(weights / weights.sum(1, keepdim=True).clamp_min(1e-6))
        whole = F.pad(picture, (0, -width % GRAIN, 0, -height % GRAIN), mode="replicate")
        fine = F.relu(self.enter(F.pixel_unshuffle(whole, 2)))
        middle = self.look_middle(F.relu(self.down_middle(fine)), code)
        coarse = F.relu(self.down_coarse(F.relu(middle)))
        for block in self.look_coarse:
            coarse = block(coarse, code)
        middle = self.draw_middle(middle + doubled(self.up_middle(F.relu(coarse))), code)
        fine = self.draw_fine(fine + doubled(self.up_fine(F.relu(middle))), code)
        direction = F.pixel_shuffle(self.leave(F.relu(fine)), 2)
        return cleared(direction)[:, :, :height, :width]

    def fold(self) -> "FirstNet":
        """See `models.leap_net.LeapNet.fold`."""
        folded(self)
        return self
