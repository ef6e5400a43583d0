"""Checkpoints in torchvision's format with random weights, and a plain forward pass over one, batch norm unfolded.

Written from the two papers and torchvision's key names, with no use of the networks in ``models``: a second opinion.
"""

import torch
from torch import Tensor
from torch.nn import functional as F

State = dict[str, Tensor]

INCEPTION_V3 = (
    "Conv2d_1a_3x3", "Conv2d_2a_3x3", "Conv2d_2b_3x3", "Conv2d_3b_1x1", "Conv2d_4a_3x3",
    "Mixed_5b", "Mixed_5c", "Mixed_5d", "Mixed_6a", "Mixed_6b", "Mixed_6c", "Mixed_6d", "Mixed_6e",
    "Mixed_7a", "Mixed_7b", "Mixed_7c",
)  # fmt: skip
GOOGLENET = (
    "conv1", "conv2", "conv3", "inception3a", "inception3b", "inception4a", "inception4b", "inception4c",
    "inception4d", "inception4e", "inception5a", "inception5b",
)  # fmt: skip


class Shapes:
    """Follows a forward pass, making up the weights of every convolution as it is met."""

    def __init__(self, seed: int) -> None:
        self.state: State = {}
        self._chance = torch.Generator().manual_seed(seed)

    def unit(self, key: str, channels: int, out: int, kernel: tuple[int, int]) -> None:
        def uniform(low: float, high: float) -> Tensor:
            return torch.rand(out, generator=self._chance) * (high - low) + low

        fan = channels * kernel[0] * kernel[1]
        self.state[f"{key}.conv.weight"] = (
            torch.randn(out, channels, *kernel, generator=self._chance) * (2 / fan) ** 0.5
        )
        self.state[f"{key}.bn.weight"] = uniform(0.5, 1.5)
        self.state[f"{key}.bn.bias"] = uniform(-0.3, 0.3)
        self.state[f"{key}.bn.running_mean"] = uniform(-0.3, 0.3)
        self.state[f"{key}.bn.running_var"] = uniform(0.2, 2.0)
        self.state[f"{key}.bn.num_batches_tracked"] = torch.tensor(0)


class Plain:
    """A forward pass; with ``shapes`` the missing weights are made up on the way."""

    def __init__(
        self, state: State, shapes: Shapes | None = None, *, counts: bool = True, last: str = "average"
    ) -> None:
        self._state, self._shapes, self._counts, self._last = state, shapes, counts, last

    def unit(self, x: Tensor, key: str, out: int, kernel=1, stride=1, padding=0) -> Tensor:
        kernel = (kernel, kernel) if isinstance(kernel, int) else kernel
        if self._shapes:
            self._shapes.unit(key, x.shape[1], out, kernel)
        weight = self._state[f"{key}.conv.weight"].to(x.dtype)
        assert weight.shape == (out, x.shape[1], *kernel), key
        mean, var, gain, bias = (
            self._state[f"{key}.bn.{part}"].to(x.dtype) for part in ("running_mean", "running_var", "weight", "bias")
        )
        return F.relu(F.batch_norm(F.conv2d(x, weight, None, stride, padding), mean, var, gain, bias, eps=1e-3))

    def average(self, x: Tensor) -> Tensor:
        return F.avg_pool2d(x, 3, 1, 1, count_include_pad=self._counts)

    def inception_v3(self, x: Tensor) -> dict[str, Tensor]:
        """Activations of all layers. Szegedy et al. 2016, figures 5 to 7 and table 1."""
        found: dict[str, Tensor] = {}
        x = found["Conv2d_1a_3x3"] = self.unit(x, "Conv2d_1a_3x3", 32, 3, 2)
        x = found["Conv2d_2a_3x3"] = self.unit(x, "Conv2d_2a_3x3", 32, 3)
        x = found["Conv2d_2b_3x3"] = self.unit(x, "Conv2d_2b_3x3", 64, 3, 1, 1)
        x = F.max_pool2d(x, 3, 2)
        x = found["Conv2d_3b_1x1"] = self.unit(x, "Conv2d_3b_1x1", 80)
        x = found["Conv2d_4a_3x3"] = self.unit(x, "Conv2d_4a_3x3", 192, 3)
        x = F.max_pool2d(x, 3, 2)
        for name, pooled in (("Mixed_5b", 32), ("Mixed_5c", 64), ("Mixed_5d", 64)):
            five = self.unit(self.unit(x, f"{name}.branch5x5_1", 48), f"{name}.branch5x5_2", 64, 5, 1, 2)
            three = self.unit(self.unit(x, f"{name}.branch3x3dbl_1", 64), f"{name}.branch3x3dbl_2", 96, 3, 1, 1)
            three = self.unit(three, f"{name}.branch3x3dbl_3", 96, 3, 1, 1)
            pool = self.unit(self.average(x), f"{name}.branch_pool", pooled)
            x = found[name] = torch.cat([self.unit(x, f"{name}.branch1x1", 64), five, three, pool], 1)
        name = "Mixed_6a"
        three = self.unit(self.unit(x, f"{name}.branch3x3dbl_1", 64), f"{name}.branch3x3dbl_2", 96, 3, 1, 1)
        three = self.unit(three, f"{name}.branch3x3dbl_3", 96, 3, 2)
        x = found[name] = torch.cat([self.unit(x, f"{name}.branch3x3", 384, 3, 2), three, F.max_pool2d(x, 3, 2)], 1)
        wide, tall = {"kernel": (1, 7), "padding": (0, 3)}, {"kernel": (7, 1), "padding": (3, 0)}
        for name, n in (("Mixed_6b", 128), ("Mixed_6c", 160), ("Mixed_6d", 160), ("Mixed_6e", 192)):
            seven = self.unit(x, f"{name}.branch7x7_1", n)
            seven = self.unit(self.unit(seven, f"{name}.branch7x7_2", n, **wide), f"{name}.branch7x7_3", 192, **tall)
            twice = self.unit(x, f"{name}.branch7x7dbl_1", n)
            twice = self.unit(
                self.unit(twice, f"{name}.branch7x7dbl_2", n, **tall), f"{name}.branch7x7dbl_3", n, **wide
            )
            twice = self.unit(
                self.unit(twice, f"{name}.branch7x7dbl_4", n, **tall), f"{name}.branch7x7dbl_5", 192, **wide
            )
            pool = self.unit(self.average(x), f"{name}.branch_pool", 192)
            x = found[name] = torch.cat([self.unit(x, f"{name}.branch1x1", 192), seven, twice, pool], 1)
        name = "Mixed_7a"
        three = self.unit(self.unit(x, f"{name}.branch3x3_1", 192), f"{name}.branch3x3_2", 320, 3, 2)
        seven = self.unit(self.unit(x, f"{name}.branch7x7x3_1", 192), f"{name}.branch7x7x3_2", 192, **wide)
        seven = self.unit(self.unit(seven, f"{name}.branch7x7x3_3", 192, **tall), f"{name}.branch7x7x3_4", 192, 3, 2)
        x = found[name] = torch.cat([three, seven, F.max_pool2d(x, 3, 2)], 1)
        wide, tall = {"kernel": (1, 3), "padding": (0, 1)}, {"kernel": (3, 1), "padding": (1, 0)}
        for name in ("Mixed_7b", "Mixed_7c"):
            three = self.unit(x, f"{name}.branch3x3_1", 384)
            ends = [
                self.unit(three, f"{name}.branch3x3_2a", 384, **wide),
                self.unit(three, f"{name}.branch3x3_2b", 384, **tall),
            ]
            twice = self.unit(self.unit(x, f"{name}.branch3x3dbl_1", 448), f"{name}.branch3x3dbl_2", 384, 3, 1, 1)
            ends += [
                self.unit(twice, f"{name}.branch3x3dbl_3a", 384, **wide),
                self.unit(twice, f"{name}.branch3x3dbl_3b", 384, **tall),
            ]
            at_the_end = name == "Mixed_7c" and self._last == "max"
            pool = F.max_pool2d(x, 3, 1, 1) if at_the_end else self.average(x)
            x = found[name] = torch.cat(
                [self.unit(x, f"{name}.branch1x1", 320), *ends, self.unit(pool, f"{name}.branch_pool", 192)], 1
            )
        return found

    def googlenet(self, x: Tensor) -> dict[str, Tensor]:
        """Activations of all layers. Szegedy et al. 2015, table 1, with 3 x 3 for its 5 x 5 and batch norm."""
        found: dict[str, Tensor] = {}
        x = found["conv1"] = self.unit(x, "conv1", 64, 7, 2, 3)
        x = F.max_pool2d(x, 3, 2, ceil_mode=True)
        x = found["conv2"] = self.unit(x, "conv2", 64)
        x = found["conv3"] = self.unit(x, "conv3", 192, 3, 1, 1)
        x = F.max_pool2d(x, 3, 2, ceil_mode=True)
        widths = {
            "inception3a": (64, 96, 128, 16, 32, 32), "inception3b": (128, 128, 192, 32, 96, 64),
            "inception4a": (192, 96, 208, 16, 48, 64), "inception4b": (160, 112, 224, 24, 64, 64),
            "inception4c": (128, 128, 256, 24, 64, 64), "inception4d": (112, 144, 288, 32, 64, 64),
            "inception4e": (256, 160, 320, 32, 128, 128),
            "inception5a": (256, 160, 320, 32, 128, 128), "inception5b": (384, 192, 384, 48, 128, 128),
        }  # fmt: skip
        for name, (one, three_in, three, five_in, five, pooled) in widths.items():
            x = found[name] = torch.cat(
                [
                    self.unit(x, f"{name}.branch1", one),
                    self.unit(self.unit(x, f"{name}.branch2.0", three_in), f"{name}.branch2.1", three, 3, 1, 1),
                    self.unit(self.unit(x, f"{name}.branch3.0", five_in), f"{name}.branch3.1", five, 3, 1, 1),
                    self.unit(F.max_pool2d(x, 3, 1, 1, ceil_mode=True), f"{name}.branch4.1", pooled),
                ],
                1,
            )
            if name == "inception3b":
                x = F.max_pool2d(x, 3, 2, ceil_mode=True)
            if name == "inception4e":
                x = F.max_pool2d(x, 2, 2, ceil_mode=True)
        return found


def random_state(kind: str, seed: int = 1) -> State:
    """Every key that torchvision writes for ``kind``, with random weights; the heads, which nobody uses, are stubs."""
    shapes = Shapes(seed)
    plain = Plain(shapes.state, shapes)
    side = 75 if kind == "inception_v3" else 45
    getattr(plain, kind)(torch.zeros(1, 3, side, side))
    if kind == "inception_v3":
        shapes.unit("AuxLogits.conv0", 768, 128, (1, 1))
        shapes.unit("AuxLogits.conv1", 128, 8, (5, 5))
        heads = ["AuxLogits.fc", "fc"]
    else:
        shapes.unit("aux1.conv", 512, 128, (1, 1))
        shapes.unit("aux2.conv", 528, 128, (1, 1))
        heads = ["aux1.fc1", "aux1.fc2", "aux2.fc1", "aux2.fc2", "fc"]
    for key in heads:
        shapes.state |= {f"{key}.weight": torch.zeros(10, 8), f"{key}.bias": torch.zeros(10)}
    return shapes.state
