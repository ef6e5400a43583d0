"""A network as a line of named stages that can be tapped, and the convolution it is made of."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

BATCH_NORM_EPS = 1e-3  # both families were trained with TensorFlow's 0.001, not PyTorch's 1e-5


class Window(NamedTuple):
    """What a stage does to each side of its input: it sees ``kernel``, moves by ``stride``, adds ``padding``."""

    kernel: int
    stride: int = 1
    padding: int = 0


SAME = Window(1)  # the stage keeps the size, whatever it is


class Stage(NamedTuple):
    """One step of a network. ``tap`` says whether its activations may be asked for; max pools may not."""

    name: str
    module: nn.Module
    window: Window
    tap: bool = True


class InputRange(NamedTuple):
    """What a checkpoint expects of its pixels: ``(rgb - mean) / std`` for RGB in [0, 1], a value per channel."""

    mean: tuple[float, float, float] = (0.5, 0.5, 0.5)
    std: tuple[float, float, float] = (0.5, 0.5, 0.5)

    def from_house(self) -> tuple[list[float], list[float]]:
        """(scale, shift) per channel that take the house's [-1, 1] to this range."""
        scale = [0.5 / std for std in self.std]
        shift = [(0.5 - mean) / std for mean, std in zip(self.mean, self.std, strict=True)]
        return scale, shift


class ConvUnit(nn.Module):
    """Convolution and ReLU; the checkpoint's batch norm is folded into the convolution's weight and bias."""

    def __init__(
        self, channels: int, out: int, kernel: tuple[int, int], stride: int = 1, padding: tuple[int, int] = (0, 0)
    ) -> None:
        super().__init__()
        self.out = out
        self.conv = nn.Conv2d(channels, out, kernel, stride, padding)

    def forward(self, x: Tensor) -> Tensor:
        return F.relu(self.conv(x))

    def weights(self) -> tuple[Tensor, Tensor]:
        """The convolution's weight (out, in, height, width) and bias (out)."""
        assert self.conv.bias is not None
        return self.conv.weight, self.conv.bias

    def fill(self, weight: Tensor, bias: Tensor) -> None:
        """Replace weight and bias, as float32 and channels_last, the layout in which convolutions are quickest."""
        weight = weight.float().contiguous(memory_format=torch.channels_last)
        self.conv.weight = nn.Parameter(weight, requires_grad=False)
        self.conv.bias = nn.Parameter(bias.float(), requires_grad=False)


class Network(nn.Module):
    """A convolutional network whose layers can be asked for by name.

    ``name`` is its kind ("inception_v3", "googlenet"); ``layers`` are those that can be tapped, shallow to deep, by
    their torchvision names. It is frozen: in evaluation, and no parameter asks for a gradient. A dream is made of the
    gradient with respect to the image.
    """

    def __init__(self, name: str, stages: Iterable[Stage], input_range: InputRange | None = None) -> None:
        """``stages`` in order; ``input_range`` is what the stages expect (default: the house's own [-1, 1])."""
        super().__init__()
        self.name = name
        self._stages = tuple(stages)
        for stage in self._stages:
            self.add_module(stage.name, stage.module)
        self.layers: tuple[str, ...] = tuple(stage.name for stage in self._stages if stage.tap)
        self._input_range = input_range or InputRange()
        scale, shift = self._input_range.from_house()
        self._affine = scale != [1.0] * 3 or shift != [0.0] * 3
        # Always on the CPU at first, also while the stages are only being sketched on the "meta" device.
        self.register_buffer("_scale", torch.tensor(scale, device="cpu").view(1, 3, 1, 1), persistent=False)
        self.register_buffer("_shift", torch.tensor(shift, device="cpu").view(1, 3, 1, 1), persistent=False)
        self._scale: Tensor
        self._shift: Tensor
        self.eval()
        self.requires_grad_(requires_grad=False)

    def activations(self, image: Tensor, names: Sequence[str]) -> list[Tensor]:
        """Activations (after the ReLU) of the layers ``names``, in that order, each (N, channels, h, w).

        ``image`` is (N, 3, H, W), RGB in [-1, 1] whatever the checkpoint was trained on, with the network's own dtype
        and device. Runs no deeper than the deepest of ``names``, and may be differentiated with respect to ``image``.
        Raises ValueError for a name that is not in ``layers``.
        """
        for name in names:
            self._index(name)
        wanted = set(names)
        found: dict[str, Tensor] = {}
        x = image * self._scale + self._shift if self._affine else image
        for stage in self._stages:
            if len(found) == len(wanted):
                break
            x = stage.module(x)
            if stage.name in wanted:
                found[stage.name] = x
        return [found[name] for name in names]

    def forward(self, image: Tensor) -> Tensor:
        """Activations of the deepest layer, for tools that want one input and one output."""
        return self.activations(image, self.layers[-1:])[0]

    def truncated(self, deepest: str) -> Network:
        """The same network down to ``deepest`` and no further. The modules are shared, not copied.

        Raises ValueError for a name that is not in ``layers``.
        """
        return self._with(self._stages[: self._index(deepest) + 1])

    def completed(self, whole: Network) -> Network:
        """The same network with the deeper stages of ``whole``, one of its kind, after its own. Modules are shared."""
        return self._with((*self._stages, *whole._stages[len(self._stages) :]))

    def _with(self, stages: Iterable[Stage]) -> Network:
        made = Network(self.name, stages, self._input_range)
        made._affine, made._scale, made._shift = self._affine, self._scale, self._shift
        return made

    def channels(self, layer: str) -> int:
        """How many channels ``layer`` has.  Raises ValueError for a name that is not in ``layers``."""
        return int(self._stages[self._index(layer)].module.out)  # type: ignore[arg-type]

    def smallest_side(self, layer: str) -> int:
        """The shortest side in pixels an image may have so that ``layer`` still has an activation.

        Raises ValueError for a name that is not in ``layers``.
        """
        side = 1
        for stage in reversed(self._stages[: self._index(layer) + 1]):
            kernel, stride, padding = stage.window
            side = max(1, (side - 1) * stride + kernel - 2 * padding)
        return side

    def fold_input(self) -> None:
        """Put the input range into the first convolution, which saves a pass over the image.

        Only where that convolution is not padded, as in Inception-v3: there it is exact. Zeros around the network's own
        input would be another colour around ours, so a padded first layer keeps its multiplication and addition.
        """
        first = self._stages[0].module
        if not self._affine or not isinstance(first, ConvUnit) or first.conv.padding != (0, 0):
            return
        weight, bias = first.conv.weight.double(), first.weights()[1].double()
        first.fill(weight * self._scale.double(), bias + (weight * self._shift.double()).sum((1, 2, 3)))
        self._affine = False

    def _index(self, layer: str) -> int:
        for index, stage in enumerate(self._stages):
            if stage.name == layer and stage.tap:
                return index
        raise ValueError(f"{self.name} has no layer {layer!r}; it has {', '.join(self.layers)}")


def load_folded(network: Network, state: Mapping[str, Tensor]) -> None:
    """Fill every convolution of ``network`` from ``state``, by torchvision's keys, with its batch norm folded in.

    In evaluation batch norm is one multiplication and one addition per channel. They go into the convolution's weight
    and bias, worked out in float64, so that folding adds no rounding of its own.
    Raises KeyError for a missing key and ValueError for a tensor of another shape or with infinities or NaN in it.
    """
    for name, unit in network.named_modules():
        if not isinstance(unit, ConvUnit):
            continue
        kernel = tuple(unit.conv.weight.shape)

        def tensor(key: str, shape: tuple[int, ...], name: str = name) -> Tensor:
            found = state[f"{name}.{key}"]
            if tuple(found.shape) != shape:
                raise ValueError(f"{name}.{key} is {tuple(found.shape)} where {network.name} has {shape}")
            return found.double()

        norm = [tensor(f"bn.{part}", kernel[:1]) for part in ("weight", "bias", "running_mean", "running_var")]
        gain = norm[0] / (norm[3] + BATCH_NORM_EPS).sqrt()
        unit.fill(tensor("conv.weight", kernel) * gain[:, None, None, None], norm[1] - norm[2] * gain)
        if not all(part.isfinite().all() for part in unit.weights()):
            raise ValueError(f"{name} holds numbers that are not finite")
