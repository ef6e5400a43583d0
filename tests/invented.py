"""Pictures, dreams and looks made up for tests, from seeds."""

import cv2
import numpy as np

from installation.compose import Placing
from installation.frame import Field, Frame
from installation.knobs import Look
from installation.veil import Carried, Grid, Veil


def noise_frame(seed: int, size: tuple[int, int] = (64, 48), index: int = 0) -> Frame:
    """A frame of coloured noise whose pixels refuse to be written to."""
    pixels = np.random.default_rng(seed).integers(0, 256, (size[1], size[0], 3), np.uint8)
    pixels.flags.writeable = False
    return Frame(pixels, index, index / 30)


def smooth_frame(seed: int, size: tuple[int, int] = (64, 48), index: int = 0) -> Frame:
    """A frame of soft coloured patches, as a picture has, with both black and white in it."""
    soft = smooth(np.random.default_rng(seed), size, 1.0, size[0] / 12)
    pixels = np.clip(soft * 140 + 127.5, 0, 255).astype(np.uint8)
    pixels.flags.writeable = False
    return Frame(pixels, index, index / 30)


def smooth(rng: np.random.Generator, size: tuple[int, int], reach: float, sigma: float) -> Field:
    """(h, w, 3) float32 of soft noise between -reach and reach."""
    noise = cv2.GaussianBlur(rng.standard_normal((size[1], size[0], 3)).astype(np.float32), (0, 0), sigma)
    return np.asarray(noise * (reach / max(1e-9, float(np.abs(noise).max()))), np.float32)


def still_grid(size: tuple[int, int], trust: float = 1.0) -> Grid:
    """Nothing moved, everything trusted by the same."""
    grid = np.zeros((size[1], size[0], 3), np.float32)
    grid[..., 2] = trust
    return grid


def soft_grid(rng: np.random.Generator, size: tuple[int, int], reach: float = 0.02) -> Grid:
    """A grid that moves softly by up to ``reach`` of the picture and trusts softly between 0 and 1."""
    grid = smooth(rng, size, reach, size[0] / 6)
    grid[..., 2] = smooth(rng, size, 0.5, size[0] / 6)[..., 2] + 0.5
    return grid


def soft_veil(seed: int, size: tuple[int, int] = (64, 48), layers: int = 2) -> Veil:
    """Residuals and grids without sharp edges, so that the order of resampling does not show."""
    rng = np.random.default_rng(seed)
    weights = rng.uniform(0.2, 0.9, layers)
    return Veil(
        tuple(
            Carried(smooth(rng, size, 0.8, size[0] / 20), soft_grid(rng, (size[0] // 2, size[1] // 2)), float(weight))
            for weight in weights
        )
    )


def rough_veil(seed: int, size: tuple[int, int] = (16, 12), layers: int = 1) -> Veil:
    """Residuals of plain noise that lie still."""
    rng = np.random.default_rng(seed)
    return Veil(
        tuple(
            Carried(rng.uniform(-1, 1, (size[1], size[0], 3)).astype(np.float32), still_grid(size), 0.8)
            for _ in range(layers)
        )
    )


def some_look(seed: int) -> Look:
    """A look with every knob that shows in the picture turned somewhere."""
    rng = np.random.default_rng(seed)
    return Look(
        intensity=float(rng.uniform(0.2, 1.5)),
        camera=float(rng.uniform(0, 1)),
        hue=float(rng.uniform(-180, 180)),
        saturation=float(rng.uniform(0, 1.6)),
        brightness=float(rng.uniform(0.4, 1)),
    )


def some_placing(seed: int) -> Placing:
    """One of the sixteen ways to lay a frame down."""
    return Placing(mirror=bool(seed & 1), cover=bool(seed & 2), rotate=90 * ((seed >> 2) % 4))
