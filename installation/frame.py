"""The two things that travel down the line: a frame, and the dream that belongs to it."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Pixels = NDArray[np.uint8]  # (H, W, 3), RGB, 0..255, C-contiguous
Field = NDArray[np.float32]  # (h, w, 3), RGB, in units of the network's range: 1.0 is half of white


@dataclass(frozen=True, slots=True)
class Frame:
    """One picture.

    ``pixels``: (H, W, 3) uint8 RGB in 0..255, C-contiguous, never written to after the frame is made.
    ``index``: rises by at least one from frame to frame of a source.
    ``time``: seconds on the show's clock at which the picture was taken (a camera), or seconds from the
    beginning of the recording (a clip, stills, clouds); never goes back.
    """

    pixels: Pixels
    index: int
    time: float

    def __post_init__(self) -> None:
        if self.pixels.ndim != 3 or self.pixels.shape[2] != 3 or self.pixels.dtype != np.uint8:
            raise ValueError(f"a frame is (H, W, 3) uint8, not {self.pixels.shape} {self.pixels.dtype}")

    @property
    def size(self) -> tuple[int, int]:
        """Width and height in pixels."""
        return self.pixels.shape[1], self.pixels.shape[0]

    def __repr__(self) -> str:
        width, height = self.size
        return f"<Frame {self.index} {width}x{height} at {self.time:.3f} s>"


@dataclass(frozen=True, slots=True)
class Residual:
    """The dream of one frame: dreamed minus camera, at the network's working size.

    ``field``: (h, w, 3) float32 RGB; the network sees pictures in [-1, 1], so 1.0 is 127.5 display levels.
    ``grey``: the picture it belongs to, uint8, at flow size, so that flow can carry it to a newer one.
    ``index``, ``time``: those of that frame.
    """

    field: Field
    grey: NDArray[np.uint8]
    index: int
    time: float


def fit(size: tuple[int, int], box: tuple[int, int]) -> tuple[int, int]:
    """The largest (width, height) of ``size``'s shape inside ``box``; at least 2, both even."""
    scale = min(box[0] / size[0], box[1] / size[1])
    width, height = (max(2, round(side * scale / 2) * 2) for side in size)
    return min(width, box[0]), min(height, box[1])
