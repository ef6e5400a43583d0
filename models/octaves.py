"""Octaves: the sizes a picture is dreamed at, and going between them."""

import torch.nn.functional as F
from torch import Tensor

SCALE = 1.4  # from one octave to the next, as in Google's notebook
SMALLEST = 72  # pixels; below this Inception-v3's deeper blocks have nothing left to look at


def octave_sizes(height: int, width: int, octaves: int, scale: float = SCALE) -> list[tuple[int, int]]:
    """(height, width) of each octave, largest first; fewer than asked for where they would become too small."""
    sizes = [(height, width)]
    for k in range(1, octaves):
        size = round(height / scale**k), round(width / scale**k)
        if min(size) < SMALLEST:
            break
        sizes.append(size)
    return sizes


def resize(image: Tensor, size: tuple[int, int]) -> Tensor:
    """``image`` (N, C, H, W) at ``size`` (height, width): bilinear, filtered when it shrinks."""
    if image.shape[-2:] == size:
        return image
    shrinks = size[0] < image.shape[-2]
    return F.interpolate(image, size, mode="bilinear", align_corners=False, antialias=shrinks)
