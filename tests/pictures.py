"""Pictures that tests make up."""

import cv2
import numpy as np

from installation.frame import Pixels


def texture(seed: int = 0, size: tuple[int, int] = (320, 240)) -> Pixels:
    """A picture with structure at all scales, as rooms and people have."""
    chance = np.random.default_rng(seed)
    total = np.zeros((size[1], size[0], 3), np.float32)
    for cells in (4, 8, 16, 32, 64):
        small = chance.normal(size=(cells * 3 // 4, cells, 3)).astype(np.float32)
        total += cv2.resize(small, size, interpolation=cv2.INTER_CUBIC) * (16 / cells) ** 0.5
    return np.clip(128 + 30 * total, 0, 255).astype(np.uint8)
