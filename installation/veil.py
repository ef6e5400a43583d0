"""The veil: the dream as it is to be laid over one frame, in a form that a shader or OpenCV can carry out."""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from installation.frame import Field

Grid = NDArray[np.float32]  # (gh, gw, 3): see Carried


@dataclass(frozen=True, slots=True)
class Carried:
    """One residual and the way it is carried to the frame being shown.

    ``field``: (h, w, 3) float32, the residual as dreamed; a new object whenever it changes, so identity tells a
    screen when to upload it again.
    ``grid``: (gh, gw, 3) float32, at flow size.  For each place of the shown frame: how far away the residual is
    found, as shares of the picture's width and height (0, 0 means right here), and how far it is trusted, 0..1.
    Displacements rather than positions, because they keep their precision in half floats.
    ``weight``: how much of it is laid over, 0..1: the crossfade between two residuals and the fading of both.
    """

    field: Field
    grid: Grid
    weight: float


@dataclass(frozen=True, slots=True)
class Veil:
    """At most two residuals, the older fading into the newer.  Empty: the picture is the camera's, to the bit."""

    layers: tuple[Carried, ...] = ()

    def flat(self) -> Field | None:
        """The veil as one (h, w, 3) float32 field at the newest residual's size; None when empty."""
        if not self.layers:
            return None
        height, width = self.layers[-1].field.shape[:2]
        total = np.zeros((height, width, 3), np.float32)
        for layer in self.layers:
            total += carry(layer.field, layer.grid, layer.weight, (width, height))
        return total


def carry(field: Field, grid: Grid, weight: float, size: tuple[int, int]) -> Field:
    """``field`` carried along ``grid`` and weighted, at ``size`` (width, height); what the shader does, in OpenCV."""
    width, height = size
    moved = cv2.resize(grid, size, interpolation=cv2.INTER_LINEAR)
    if field.shape[:2] != (height, width):
        field = np.asarray(cv2.resize(field, size, interpolation=cv2.INTER_LINEAR), np.float32)
    x = moved[..., 0] * width + np.arange(width, dtype=np.float32)
    y = moved[..., 1] * height + np.arange(height, dtype=np.float32)[:, None]
    carried = cv2.remap(field, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    # Three planes of the same trust, since numpy's way of stretching one over three costs four times as much.
    believed = cv2.cvtColor(moved[..., 2] * np.float32(weight), cv2.COLOR_GRAY2BGR)
    return np.asarray(cv2.multiply(carried, believed, dst=believed), np.float32)
