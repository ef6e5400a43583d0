"""The leap: a small network of the project's own that stands in for many steps of gradient ascent.

A true step of DeepDream (Mordvintsev, Olah, Tyka: "Inceptionism", 2015) runs a large classifier forward and
backward to learn which way to change the picture. `LeapNet` is trained (`train_leap.py`) to give such a direction in
one small forward pass, for several layers of its teacher at once: the layer weights modulate its features (FiLM: Perez
et al., 2018), so one file morphs between them. `Leap` puts it behind the seam that every ascent engine fills.
"""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor, nn

from models.ascent import Stepping

TAPS = ("Conv2d_4a_3x3", "Mixed_5b", "Mixed_5d")
SHIPPED = Path(__file__).with_name("leap.safetensors")
FORMAT = "dreamwall-leap-1"
GRAIN = 8  # the network works on sizes that are multiples of this; others are padded by their own edge


class Unit(nn.Module):
    """Convolution 3x3 and batch norm. Padded with its own edge: zeros would tell the network where the border is."""

    def __init__(self, inputs: int, outputs: int, stride: int = 1) -> None:
        super().__init__()
        self.conv = nn.Conv2d(inputs, outputs, 3, stride, 1, padding_mode="replicate")
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
    """Residual block whose inner features are scaled and shifted by the layer weights (FiLM)."""

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


def cleared(direction: Tensor) -> Tensor:
    """`direction` without what neighbouring cells (of 8 x 8 pixels, 5 x 5 cells) have in common.

    A tint of a whole region would add up to a colour cast under feedback, and what repeats from cell to cell is not the
    picture's pattern but the network's own grid, which would freeze into a lattice.
    """
    tint = F.avg_pool2d(F.avg_pool2d(direction, GRAIN), 5, 1, 2, count_include_pad=False)
    direction = direction - F.interpolate(tint, scale_factor=float(GRAIN), mode="bilinear", align_corners=False)
    cells = F.pixel_unshuffle(direction, GRAIN)
    return F.pixel_shuffle(cells - F.avg_pool2d(cells, 5, 1, 2, count_include_pad=False), GRAIN)


class LeapNet(nn.Module):
    """Picture as dreamed so far and layer weights in, direction of change out.

    An hourglass at 1/2, 1/4 and 1/8 of the size; pixels are folded into channels on the way in and
    unfolded on the way out (pixel shuffle: Shi et al., 2016), skips join equal sizes.
    """

    def __init__(
        self, taps: Sequence[str] = TAPS, widths: tuple[int, int, int] = (16, 48, 112), blocks: int = 3
    ) -> None:
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
        middle = self.draw_middle(middle + F.interpolate(self.up_middle(F.relu(coarse)), scale_factor=2.0), code)
        fine = self.draw_fine(fine + F.interpolate(self.up_fine(F.relu(middle)), scale_factor=2.0), code)
        direction = F.pixel_shuffle(self.leave(F.relu(fine)), 2)
        return cleared(direction)[:, :, :height, :width]

    def fold(self) -> "LeapNet":
        """Fold every batch norm away, for use; afterwards the network can no longer be trained well. Returns itself."""
        for module in self.modules():
            if isinstance(module, Unit):
                module.fold()
        return self.eval()


def save(net: LeapNet, path: Path, card: dict[str, Any]) -> None:
    """Write the network, folded and in half precision, with its shape and model card as the file's metadata."""
    state = {name: value.half().contiguous() for name, value in net.fold().state_dict().items()}
    shape = {"taps": net.taps, "widths": net.widths, "blocks": net.blocks}
    save_file(state, path, {"format": FORMAT, "shape": json.dumps(shape), "card": json.dumps(card, ensure_ascii=False)})


class Leap(Stepping):
    """The learned ascent engine: `gradient` takes a picture and layer weights and gives the direction to change it in.

    `layers` are its taps, shallow to deep, in the order of the weights. `reach` is how many plain ascent steps one
    call stands for: the dreamer moves the picture by its step size times `reach`. `span` is how many octaves one call
    covers by itself. `status` says what runs; `card` is
    the model card from the file.
    """

    # Its changes agree from call to call, where the grain of true gradients cancels; chosen by eye.
    reach = 0.35
    span = 2  # it sees in eighths of the picture, so that coarse octaves make blobs of its strokes

    def __init__(
        self, net: LeapNet, card: dict[str, Any], device: str | torch.device = "cpu", dtype: torch.dtype = torch.float32
    ) -> None:
        self.device, self.dtype, self.card = torch.device(device), dtype, card
        self.net = net.fold().requires_grad_(False).to(self.device, dtype)
        self.net.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.layers = net.taps
        self.status = f"leap, {str(dtype).removeprefix('torch.')} on {self.device.type}"

    @classmethod
    def load(
        cls, path: Path = SHIPPED, device: str | torch.device = "cpu", dtype: torch.dtype = torch.float32
    ) -> "Leap":
        """Read a file written by `save`. Raises ValueError, in one line, where the file is missing or is not a leap."""
        try:
            with safe_open(path, framework="pt") as file:
                about = file.metadata() or {}
                state = {name: file.get_tensor(name).float() for name in file.keys()}  # noqa: SIM118 (it is no dict)
        except (OSError, SafetensorError) as error:
            raise ValueError(f"{path} cannot be read as a leap: {str(error).splitlines()[0]}") from None
        if about.get("format") != FORMAT:
            raise ValueError(f"{path} is not a leap: its metadata do not say {FORMAT}")
        try:
            shape, card = json.loads(about["shape"]), json.loads(about["card"])
            net = LeapNet(shape["taps"], tuple(shape["widths"]), shape["blocks"]).fold()
            net.load_state_dict(state)
        except (KeyError, TypeError, ValueError, RuntimeError) as error:
            raise ValueError(f"{path} is a damaged leap: {str(error).splitlines()[0]}") from None
        return cls(net, card, device, dtype)

    @torch.inference_mode()
    def gradient(self, image: Tensor, weights: Sequence[float], channels: Sequence[Tensor] | None = None) -> Tensor:
        """The direction of change for `image` (1, 3, H, W), float32 RGB in [-1, 1], H and W at least 64.

        `weights` is one number of at least 0 for each layer in `layers`; only their proportions count, and where all
        are 0 the direction is 0. Returns float32, same shape; without unit, so scale it by its mean absolute value.
        Raises ValueError where the number of weights is wrong, and for ``channels``: it learned whole layers.
        """
        if channels is not None:
            raise ValueError("the leap was taught whole layers and cannot tell their channels apart")
        if len(weights) != len(self.layers):
            raise ValueError(
                f"the leap takes {len(self.layers)} layer weights ({', '.join(self.layers)}), not {len(weights)}"
            )
        if sum(weights) <= 0:
            return torch.zeros_like(image, dtype=torch.float32)
        picture = image.to(self.device, self.dtype).contiguous(memory_format=torch.channels_last)
        mix = torch.tensor([list(weights)], dtype=self.dtype, device=self.device)
        direction: Tensor = self.net(picture, mix)
        return direction.float()
