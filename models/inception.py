"""Inception-v3 in torchvision's names, as far as a dream needs it: no auxiliary head, no classifier.

Szegedy, Vanhoucke, Ioffe, Shlens, Wojna: "Rethinking the Inception Architecture for Computer Vision", CVPR 2016
(arXiv 1512.00567).
"""

from __future__ import annotations

from typing import Literal

from torch import nn

from models.blocks import Branch, Conv, Fork, Mixed, Pool, Row, Unit, build
from models.network import InputRange, Network, Window

NAME = "inception_v3"
HALVES = Window(3, 2)

LastPool = Literal["average", "max"]


def inception_v3(
    deepest: str | None = None,
    *,
    input_range: InputRange | None = None,
    pool_counts_padding: bool = True,
    last_pool: LastPool = "average",
) -> Network:
    """Inception-v3 down to ``deepest`` (None: to Mixed_7c), with weights as PyTorch initialises them.

    ``pool_counts_padding``: whether an average at the border counts the padding's zeros. torchvision's network does;
    TensorFlow's, in which all of these weights were trained, does not. ``last_pool`` is "average" (torchvision,
    TF-slim) or "max" (the graph that Google published in December 2015), and matters to Mixed_7c only.
    Raises ValueError, naming the layers there are, for a layer that Inception-v3 does not have.
    """
    return build(NAME, _table(pool_counts_padding, last_pool), deepest, input_range)


def _table(pool_counts_padding: bool, last_pool: LastPool) -> list[Row]:
    average = nn.AvgPool2d(3, 1, 1, count_include_pad=pool_counts_padding)
    last = nn.MaxPool2d(3, 1, 1) if last_pool == "max" else average
    return [
        Conv("Conv2d_1a_3x3", 32, 3, stride=2),
        Conv("Conv2d_2a_3x3", 32, 3),
        Conv("Conv2d_2b_3x3", 64, 3, padding=1),
        Pool("maxpool1", 3, 2),
        Conv("Conv2d_3b_1x1", 80, 1),
        Conv("Conv2d_4a_3x3", 192, 3),
        Pool("maxpool2", 3, 2),
        Mixed("Mixed_5b", _fine(32, average)),
        Mixed("Mixed_5c", _fine(64, average)),
        Mixed("Mixed_5d", _fine(64, average)),
        Mixed("Mixed_6a", _fine_to_middle(), HALVES),
        Mixed("Mixed_6b", _middle(128, average)),
        Mixed("Mixed_6c", _middle(160, average)),
        Mixed("Mixed_6d", _middle(160, average)),
        Mixed("Mixed_6e", _middle(192, average)),
        Mixed("Mixed_7a", _middle_to_coarse(), HALVES),
        Mixed("Mixed_7b", _coarse(average)),
        Mixed("Mixed_7c", _coarse(last)),
    ]


def _fine(pooled: int, pool: nn.Module) -> list[Branch]:
    """Mixed_5b to 5d (35 x 35 at 299 pixels)."""
    return [
        [Unit("branch1x1", 64)],
        [Unit("branch5x5_1", 48), Unit("branch5x5_2", 64, 5)],
        [Unit("branch3x3dbl_1", 64), Unit("branch3x3dbl_2", 96, 3), Unit("branch3x3dbl_3", 96, 3)],
        [pool, Unit("branch_pool", pooled)],
    ]


def _fine_to_middle() -> list[Branch]:
    """Mixed_6a: halves the size."""
    return [
        [Unit("branch3x3", 384, 3, stride=2)],
        [Unit("branch3x3dbl_1", 64), Unit("branch3x3dbl_2", 96, 3), Unit("branch3x3dbl_3", 96, 3, stride=2)],
        [nn.MaxPool2d(3, 2)],
    ]


def _middle(narrow: int, pool: nn.Module) -> list[Branch]:
    """Mixed_6b to 6e (17 x 17 at 299 pixels): a 7 x 7 window as a 1 x 7 after a 7 x 1."""
    wide, tall = (1, 7), (7, 1)
    return [
        [Unit("branch1x1", 192)],
        [Unit("branch7x7_1", narrow), Unit("branch7x7_2", narrow, wide), Unit("branch7x7_3", 192, tall)],
        [
            Unit("branch7x7dbl_1", narrow),
            Unit("branch7x7dbl_2", narrow, tall),
            Unit("branch7x7dbl_3", narrow, wide),
            Unit("branch7x7dbl_4", narrow, tall),
            Unit("branch7x7dbl_5", 192, wide),
        ],
        [pool, Unit("branch_pool", 192)],
    ]


def _middle_to_coarse() -> list[Branch]:
    """Mixed_7a: halves the size."""
    return [
        [Unit("branch3x3_1", 192), Unit("branch3x3_2", 320, 3, stride=2)],
        [
            Unit("branch7x7x3_1", 192),
            Unit("branch7x7x3_2", 192, (1, 7)),
            Unit("branch7x7x3_3", 192, (7, 1)),
            Unit("branch7x7x3_4", 192, 3, stride=2),
        ],
        [nn.MaxPool2d(3, 2)],
    ]


def _coarse(pool: nn.Module) -> list[Branch]:
    """Mixed_7b and 7c (8 x 8 at 299 pixels)."""
    wide, tall = (1, 3), (3, 1)
    return [
        [Unit("branch1x1", 320)],
        [Unit("branch3x3_1", 384), Fork(Unit("branch3x3_2a", 384, wide), Unit("branch3x3_2b", 384, tall))],
        [
            Unit("branch3x3dbl_1", 448),
            Unit("branch3x3dbl_2", 384, 3),
            Fork(Unit("branch3x3dbl_3a", 384, wide), Unit("branch3x3dbl_3b", 384, tall)),
        ],
        [pool, Unit("branch_pool", 192)],
    ]
