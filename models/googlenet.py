"""GoogLeNet (Inception-v1 with batch norm) in torchvision's names: the network in which DeepDream was found.

Szegedy, Liu, Jia, Sermanet, Reed, Anguelov, Erhan, Vanhoucke, Rabinovich: "Going Deeper with Convolutions", CVPR 2015
(arXiv 1409.4842). torchvision's version follows TF-slim's: its third branch is 3 x 3 where the paper has 5 x 5, and it
has batch norm where Google's Caffe model of 2014 (the one in the DeepDream notebook) has none.
"""

from __future__ import annotations

from torch import nn

from models.blocks import Conv, Mixed, Pool, Row, Unit, build
from models.network import InputRange, Network

NAME = "googlenet"


def googlenet(deepest: str | None = None, *, input_range: InputRange | None = None) -> Network:
    """GoogLeNet down to ``deepest`` (None: to inception5b), with weights as PyTorch initialises them.

    Raises ValueError, naming the layers there are, for a layer that GoogLeNet does not have.
    """
    return build(NAME, TABLE, deepest, input_range)


def _inception(name: str, one: int, three: tuple[int, int], other: tuple[int, int], pooled: int) -> Mixed:
    """One block by its widths: 1 x 1, two branches that narrow before their 3 x 3, and what follows the max pool."""
    return Mixed(
        name,
        [
            [Unit("branch1", one)],
            [Unit("branch2.0", three[0]), Unit("branch2.1", three[1], 3)],
            [Unit("branch3.0", other[0]), Unit("branch3.1", other[1], 3)],
            [nn.MaxPool2d(3, 1, 1), Unit("branch4.1", pooled)],
        ],
    )


TABLE: tuple[Row, ...] = (
    Conv("conv1", 64, 7, stride=2, padding=3),
    Pool("maxpool1", 3, 2, ceil=True),
    Conv("conv2", 64, 1),
    Conv("conv3", 192, 3, padding=1),
    Pool("maxpool2", 3, 2, ceil=True),
    _inception("inception3a", 64, (96, 128), (16, 32), 32),
    _inception("inception3b", 128, (128, 192), (32, 96), 64),
    Pool("maxpool3", 3, 2, ceil=True),
    _inception("inception4a", 192, (96, 208), (16, 48), 64),
    _inception("inception4b", 160, (112, 224), (24, 64), 64),
    _inception("inception4c", 128, (128, 256), (24, 64), 64),
    _inception("inception4d", 112, (144, 288), (32, 64), 64),
    _inception("inception4e", 256, (160, 320), (32, 128), 128),
    Pool("maxpool4", 2, 2, ceil=True),
    _inception("inception5a", 256, (160, 320), (32, 128), 128),
    _inception("inception5b", 384, (192, 384), (48, 128), 128),
)
