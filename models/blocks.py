"""Networks written as tables of convolutions, pools and inception blocks, and how to build one down to a layer."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

import torch
from torch import Tensor, nn

from models.network import SAME, ConvUnit, InputRange, Network, Stage, Window


class Unit(NamedTuple):
    """A convolution in a block, by its torchvision name. At stride 1 it keeps the size; at stride 2 it is unpadded."""

    name: str
    out: int
    kernel: int | tuple[int, int] = 1
    stride: int = 1


class Fork(NamedTuple):
    """Two convolutions side by side that end a branch; their channels are joined."""

    left: Unit
    right: Unit


Branch = Sequence[Unit | Fork | nn.Module]  # a module is a pool: it keeps the number of channels


class Conv(NamedTuple):
    """A row of the table: one convolution."""

    name: str
    out: int
    kernel: int
    stride: int = 1
    padding: int = 0


class Pool(NamedTuple):
    """A row of the table: a max pool, which cannot be tapped."""

    name: str
    kernel: int
    stride: int
    ceil: bool = False


class Mixed(NamedTuple):
    """A row of the table: an inception block."""

    name: str
    branches: Sequence[Branch]
    window: Window = SAME


Row = Conv | Pool | Mixed


def build(name: str, table: Sequence[Row], deepest: str | None, input_range: InputRange | None) -> Network:
    """The network of ``table`` down to ``deepest`` (None: all of it). What lies deeper is never allocated.

    Raises ValueError, naming the layers there are, for a ``deepest`` that is not one of them.
    """
    layers = [row.name for row in table if not isinstance(row, Pool)]
    if deepest is not None and deepest not in layers:
        raise ValueError(f"{name} has no layer {deepest!r}; it has {', '.join(layers)}")
    return Network(name, _stages(table, deepest), input_range)


def _stages(table: Sequence[Row], deepest: str | None) -> Iterable[Stage]:
    channels = 3
    for row in table:
        match row:
            case Conv(name, out, kernel, stride, padding):
                unit = ConvUnit(channels, out, (kernel, kernel), stride, (padding, padding))
                yield Stage(name, unit, Window(kernel, stride, padding))
                channels = out
            case Pool(name, kernel, stride, ceil):
                yield Stage(name, nn.MaxPool2d(kernel, stride, ceil_mode=ceil), Window(kernel, stride), tap=False)
            case Mixed(name, branches, window):
                block = Block(channels, branches)
                yield Stage(name, block, window)
                channels = block.out
        if row.name == deepest:
            return


class Block(nn.Module):
    """Branches over the same input, joined over the channels in the order of the table. ``out`` counts the channels."""

    def __init__(self, channels: int, branches: Sequence[Branch]) -> None:
        super().__init__()
        self.out = 0
        rows = []
        for branch in branches:
            row: list[Callable[[Tensor], Tensor]] = []
            width = channels
            for step in branch:
                if isinstance(step, Unit):
                    row.append(self._convolution(width, step))
                    width = step.out
                elif isinstance(step, Fork):
                    row.append(_Both(self._convolution(width, step.left), self._convolution(width, step.right)))
                    width = step.left.out + step.right.out
                else:
                    row.append(step)
            rows.append(tuple(row))
            self.out += width
        self._rows = tuple(rows)  # plain tuples: the modules are registered once, under their torchvision names

    def forward(self, x: Tensor) -> Tensor:
        joined = []
        for row in self._rows:
            y = x
            for step in row:
                y = step(y)
            joined.append(y)
        return torch.cat(joined, 1)

    def _convolution(self, channels: int, unit: Unit) -> ConvUnit:
        kernel = (unit.kernel, unit.kernel) if isinstance(unit.kernel, int) else unit.kernel
        padding = (kernel[0] // 2, kernel[1] // 2) if unit.stride == 1 else (0, 0)
        convolution = ConvUnit(channels, unit.out, kernel, unit.stride, padding)
        *path, last = unit.name.split(".")  # GoogLeNet's "branch2.0" lies inside a container "branch2"
        holder: nn.Module = self
        for part in path:
            if not hasattr(holder, part):
                holder.add_module(part, nn.Module())
            holder = holder.get_submodule(part)
        holder.add_module(last, convolution)
        return convolution


class _Both:
    """Runs both ends of a fork. No module, so that its convolutions keep their names in the block."""

    def __init__(self, left: ConvUnit, right: ConvUnit) -> None:
        self._left, self._right = left, right

    def __call__(self, x: Tensor) -> Tensor:
        return torch.cat([self._left(x), self._right(x)], 1)
