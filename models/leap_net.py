"""The leap's network: picture as dreamed so far and what is wished for in, direction of change out."""

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from models.creatures import FAINT, KIN, Creatures
from models.directions import NAMES

TAPS = ("Conv2d_4a_3x3", "Mixed_5b", "Mixed_5d", "Mixed_6b", "Mixed_6c", "Mixed_6e")
GRAIN = 16  # the network works on sizes that are multiples of this; others are padded by their own edge


class Unit(nn.Module):
    """Convolution and batch norm. Padded with its own edge: zeros would tell the network where the border is."""

    def __init__(self, inputs: int, outputs: int, stride: int = 1, kernel: int = 3) -> None:
        super().__init__()
        self.conv = nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2, padding_mode="replicate")
        self.norm: nn.Module = nn.BatchNorm2d(outputs, momentum=0.02)

    def forward(self, x: Tensor) -> Tensor:
        result: Tensor = self.norm(self.conv(x))
        return result

    @torch.no_grad()
    def fold(self) -> None:
        """Work the batch norm's running statistics into the convolution and drop it."""
        norm = self.norm
        if isinstance(norm, nn.BatchNorm2d):
            assert norm.running_mean is not None
            assert norm.running_var is not None
            assert self.conv.bias is not None
            scale = norm.weight / (norm.running_var + norm.eps).sqrt()
            self.conv.weight.mul_(scale[:, None, None, None])
            self.conv.bias.sub_(norm.running_mean).mul_(scale).add_(norm.bias)
            self.norm = nn.Identity()


class Block(nn.Module):
    """Residual block whose inner features are scaled and shifted by what is wished for (FiLM)."""

    def __init__(self, width: int, code: int) -> None:
        super().__init__()
        self.a, self.b = Unit(width, width), Unit(width, width)
        self.film = nn.Linear(code, 2 * width)
        nn.init.normal_(self.film.weight, std=0.02)
        nn.init.zeros_(self.film.bias)

    def forward(self, x: Tensor, code: Tensor) -> Tensor:
        scale, shift = self.film(code)[:, :, None, None].chunk(2, 1)
        result: Tensor = x + self.b(F.relu(self.a(x) * (1 + scale) + shift))
        return result


def evened(picture: Tensor) -> Tensor:
    """`picture`, (N, 3, H, W), with its faint places brought up: local contrast near 1 wherever there is any.

    Ascent grows patterns in a sky from what no eye sees there.  A network of few layers needs to be shown it: on an
    even ground it could only repeat one pattern in every cell.
    """
    size = picture.shape[2:]
    detail = picture - F.interpolate(F.avg_pool2d(picture, 8), size, mode="bilinear")
    strength = F.avg_pool2d(detail.square().mean(1, keepdim=True), 8)
    return detail / (F.interpolate(strength, size, mode="bilinear") + FAINT**2).sqrt()


def cleared(direction: Tensor) -> Tensor:
    """`direction` without what neighbouring cells (of 16 x 16 pixels, 5 x 5 cells) have in common.

    A tint of a whole region would add up to a colour cast under feedback, and what repeats from cell to cell is not the
    picture's pattern but the network's own grid, which would freeze into a lattice.
    """
    cells = F.pixel_unshuffle(direction, GRAIN)
    return F.pixel_shuffle(cells - F.avg_pool2d(cells, 5, 1, 2, count_include_pad=False), GRAIN)


def padded(picture: Tensor) -> Tensor:
    """`picture` with its right and lower edge repeated until its sides are multiples of `GRAIN`."""
    return F.pad(picture, (0, -picture.shape[3] % GRAIN, 0, -picture.shape[2] % GRAIN), mode="replicate")


class LeapNet(nn.Module):
    """Picture as dreamed so far and what is wished for in, direction of change out.

    An hourglass from 1/2 to 1/16 of the size, where a creature is a few cells wide and most of the thinking is done;
    pixels are folded into channels on the way in and unfolded on the way out (pixel shuffle: Shi et al., 2016), skips
    join equal sizes.  At its waist it says in a few numbers what shall be seen in each cell, the ``plan``, and nothing
    else goes on from there, so that painting can be taught on plans that are known to be good
    (`docs/decisions/0012-a-leap-is-recognised.md`).  For the deepest tap it does not draw but lays `creatures`
    (`docs/decisions/0015-creatures-are-laid.md`), and its own part is taught nothing about that.
    """

    # See `models.leap.Leap`; chosen by eye.  Its changes agree from call to call, where the grain of true gradients
    # cancels: at reach 1 people drown in colour.
    reach = 0.35

    def __init__(
        self,
        taps: Sequence[str] = TAPS,
        directions: Sequence[str] = NAMES,
        widths: tuple[int, int, int, int] = (16, 40, 96, 144),
        blocks: int = 3,
        plan: int = 128,
        kin: Sequence[int] = KIN,
    ) -> None:
        super().__init__()
        self.taps, self.directions, self.widths, self.blocks = tuple(taps), tuple(directions), widths, blocks
        self.plan, self.kin = plan, tuple(kin)
        self.creatures = Creatures(self.kin)
        half, quarter, eighth, deep = widths
        code = 48
        wishes = len(self.taps) + len(self.directions)
        self.code = nn.Sequential(nn.Linear(wishes, code), nn.ReLU(), nn.Linear(code, code), nn.ReLU())
        self.enter, self.down_quarter = Unit(24, half), Unit(half, quarter, 2)
        self.down_eighth, self.look_eighth = Unit(quarter, eighth, 2), Block(eighth, code)
        self.down_deep = Unit(eighth, deep, 2)
        self.look_deep = nn.ModuleList(Block(deep, code) for _ in range(blocks))
        self.read, self.write = nn.Conv2d(deep, plan, 1), Unit(plan, deep, kernel=1)
        self.up_eighth, self.draw_eighth = Unit(deep, eighth, kernel=1), Block(eighth, code)
        self.up_quarter, self.draw_quarter = Unit(eighth, quarter, kernel=1), Block(quarter, code)
        self.up_half = Unit(quarter, 4 * half)
        # Unfolded pixels alternate, and only a mirror, not a repeated edge, goes on alternating beyond the border.
        self.leave = nn.Conv2d(half, 12, 3, 1, 1, padding_mode="reflect")
        nn.init.normal_(self.leave.weight, std=0.05)

    def forward(
        self, picture: Tensor, weights: Tensor, emphasis: Tensor, draws: bool = True, lays: bool = True
    ) -> Tensor:
        """`picture`: (N, 3, H, W), RGB in [-1, 1], H and W at least 64. `weights`: (N, taps) or (1, taps), at least 0;
        only their proportions count. `emphasis`: (N, directions) or (1, directions) in 0..1, 0 for a layer's own dream.
        ``draws``, ``lays``: False where the weights of all taps but the deepest, or of the deepest, are known to be 0;
        saves the work.  Returns (N, 3, H, W): a direction, without unit; its mean per colour is near 0 everywhere.
        """
        if not lays:
            return self.planned(picture, weights, emphasis)[0]
        height, width = picture.shape[2:]
        laid: Tensor = self.creatures(padded(picture), emphasis)[:, :, :height, :width]
        if not draws:
            return laid
        share = (weights[:, -1:] / weights.sum(1, keepdim=True).clamp_min(1e-6))[:, :, None, None]
        drawn = self.planned(picture, torch.cat((weights[:, :-1], torch.zeros_like(weights[:, -1:])), 1), emphasis)[0]
        return drawn.lerp(laid, share)

    def planned(
        self, picture: Tensor, weights: Tensor, emphasis: Tensor, plan: Tensor | None = None
    ) -> tuple[Tensor, Tensor]:
        """The direction, and the plan that was read from the picture: (N, plan, H / 16, W / 16), sizes rounded up.

        ``plan``: one to paint instead, of the same shape; where it is NaN, the network's own is painted.
        """
        height, width = picture.shape[2:]
        code = self.code(torch.cat((weights / weights.sum(1, keepdim=True).clamp_min(1e-6), emphasis), 1))
        whole = padded(picture)
        half = F.relu(self.enter(F.pixel_unshuffle(torch.cat((whole, evened(whole)), 1), 2)))
        quarter = F.relu(self.down_quarter(half))
        eighth = self.look_eighth(F.relu(self.down_eighth(quarter)), code)
        deep = F.relu(self.down_deep(F.relu(eighth)))
        for block in self.look_deep:
            deep = block(deep, code)
        own = self.read(F.relu(deep))
        deep = self.write(own if plan is None else torch.where(plan.isnan(), own, plan))
        eighth = self.draw_eighth(eighth + doubled(self.up_eighth(F.relu(deep))), code)
        quarter = self.draw_quarter(quarter + doubled(self.up_quarter(F.relu(eighth))), code)
        half = half + F.pixel_shuffle(self.up_half(F.relu(quarter)), 2)
        direction = F.pixel_shuffle(self.leave(F.relu(half)), 2)
        return cleared(direction)[:, :, :height, :width], own

    def fold(self) -> "LeapNet":
        """Fold every batch norm away, for use; afterwards the network can no longer be trained well. Returns itself."""
        folded(self)
        return self


def folded(net: nn.Module) -> None:
    for module in net.modules():
        if isinstance(module, Unit):
            module.fold()
    net.eval()


def doubled(x: Tensor) -> Tensor:
    return F.interpolate(x, scale_factor=2.0)
