"""The leap: a small network of the project's own that stands in for many steps of gradient ascent.

A true step of DeepDream (Mordvintsev, Olah, Tyka: "Inceptionism", 2015) runs a large classifier forward and
backward to learn which way to change the picture. `LeapNet` is trained (`training.train`) to give the change that many
steps would make in one small forward pass, for several layers of its teacher at once: the layer weights and the named
directions (`models.directions`) modulate its features (FiLM: Perez et al., 2018), so one file morphs between them all.
`Leap` puts it behind the seam that every ascent engine fills.
"""

import copy
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from models.ascent import Stepping, Viewing
from models.creatures import CELL
from models.leap_net import LeapNet

SHIPPED = Path(__file__).with_name("leap.safetensors")
FORMAT = "dreamwall-leap-3"
# Rolled anew at each call, strokes that come out a little otherwise would blur into blobs; never rolled, the network's
# grid would show.
DRAWN = Viewing(span=2, holds=12)
# Of two sizes in turn the creatures of one would fall over those of the other; rolled by half a place they would blur.
# Which ones are near the border changes with the roll, and that evens out only where it does not hold.  A step's mean
# change comes to a few places alone, where all of it burns them out within seconds.
LAID = Viewing(span=3, grid=CELL, share=0.75)


def save(net: LeapNet, path: Path, card: dict[str, Any]) -> None:
    """Write the network, folded and in half precision, with its shape and model card as the file's metadata."""
    state = {name: value.half().contiguous() for name, value in net.fold().state_dict().items()}
    shape = {name: getattr(net, name) for name in ("taps", "directions", "widths", "blocks", "plan", "kin")}
    save_file(state, path, {"format": FORMAT, "shape": json.dumps(shape), "card": json.dumps(card, ensure_ascii=False)})


class Leap(Stepping):
    """The learned ascent engine: `gradient` takes a picture and layer weights and gives the direction to change it in.

    `layers` are its taps, shallow to deep, in the order of the weights. Its channels are the named `directions`, alike
    at every layer (`models.directions.Directions.of_leap`). `reach` is how many plain ascent steps one call stands for:
    the dreamer moves the picture by its step size times `reach`. `status` says what runs; `card` is the model card from
    the file.
    """

    def __init__(
        self,
        net: LeapNet,
        card: dict[str, Any],
        device: str | torch.device = "cpu",
        dtype: torch.dtype = torch.float32,
    ) -> None:
        self.device, self.dtype, self.card = torch.device(device), dtype, card
        self.net = net.fold().requires_grad_(False).to(self.device, dtype)
        self.net.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.layers, self.directions = net.taps, net.directions
        self.reach = net.reach
        self._places = torch.eye(len(self.layers), device=self.device)  # of the layers among the taps
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
            net = LeapNet(**{**shape, "widths": tuple(shape["widths"])}).fold()
            net.load_state_dict(state)
        except (KeyError, TypeError, ValueError, RuntimeError) as error:
            raise ValueError(f"{path} is a damaged leap: {str(error).splitlines()[0]}") from None
        return cls(net, card, device, dtype)

    def only(self, layers: Sequence[str]) -> "Leap":
        """The same network for ``layers``, some of its own, alone; it does not look at weights given as a tensor."""
        fewer = copy.copy(self)
        fewer.layers = tuple(layers)
        fewer._places = torch.stack([self._places[self.layers.index(layer)] for layer in layers])
        return fewer

    def viewing(self, weights: Sequence[float]) -> Viewing:
        """As what draws needs it, or where creatures are most of the dream as they do."""
        laid = sum(weight for layer, weight in zip(self.layers, weights, strict=True) if layer == self.net.taps[-1])
        return LAID if 2 * laid > sum(weights) else DRAWN

    @torch.no_grad()
    def gradient(
        self, image: Tensor, weights: Sequence[float] | Tensor, channels: Sequence[Tensor] | None = None
    ) -> Tensor:
        """The direction of change for `image` (1, 3, H, W), float32 RGB in [-1, 1], H and W at least 64.

        `weights` is one number of at least 0 for each layer in `layers`; only their proportions count, and where all
        are 0 the direction is 0. ``channels``: for each layer how much each named direction is wished for, in 0..1.
        Returns float32, same shape; without unit, so scale it by its mean absolute value. Raises ValueError where the
        number of weights or of channels is wrong.
        """
        if len(weights) != len(self.layers):
            raise ValueError(
                f"the leap takes {len(self.layers)} layer weights ({', '.join(self.layers)}), not {len(weights)}"
            )
        if channels is not None and any(len(row) != len(self.directions) for row in channels):
            known = ", ".join(self.directions) or "none"
            raise ValueError(f"the leap's channels are its directions ({known}): a number for each, at every layer")
        used = list(self.layers)
        if not isinstance(weights, Tensor):
            if sum(weights) <= 0:
                return torch.zeros_like(image, dtype=torch.float32)
            used = [layer for layer, weight in zip(self.layers, weights, strict=True) if weight > 0]
            weights = torch.tensor(list(weights), dtype=torch.float32, device=self.device)
        deepest = self.net.taps[-1]
        shares = weights / weights.sum().clamp_min(1e-6)
        wished = torch.zeros(len(self.layers), len(self.directions), device=self.device)
        if channels is not None:
            wished = torch.stack(list(channels)).to(self.device, torch.float32)
        mix, emphasis = shares @ self._places, (shares @ wished).clamp(0, 1)
        picture = image.to(self.device, self.dtype).contiguous(memory_format=torch.channels_last)
        wishes = (wish[None].to(self.dtype) for wish in (mix, emphasis))
        direction: Tensor = self.net(picture, *wishes, draws=used != [deepest], lays=deepest in used)
        return direction.float()
