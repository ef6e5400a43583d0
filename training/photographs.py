"""The pictures that a leap is measured on: 320 x 240, each with a second window 16 pixels further along."""

from dataclasses import dataclass
from pathlib import Path

import cv2
import torch
from torch import Tensor

SIZE = (240, 320)  # height, width: what the show dreams at on a laptop
APART = 16  # pixels between a picture and its second window
ENDINGS = {".png", ".jpg", ".jpeg", ".webp"}


@dataclass(frozen=True, slots=True)
class Photograph:
    """``picture``: (1, 3, 240, 320), RGB in [-1, 1], the middle of the photograph, shrunk until it just covers that.

    ``further``: the window of the same size that begins `APART` pixels further right or down in the same shrunk
    photograph; None where it has the picture's own proportions and so nothing further.  ``along``: (down, right), by
    how many pixels ``further`` lies further.
    """

    name: str
    picture: Tensor
    further: Tensor | None
    along: tuple[int, int]


def photographs(folder: Path, most: int | None = None, device: torch.device | None = None) -> list[Photograph]:
    """All photographs of ``folder`` (png, jpg, webp) by their names, or the first ``most`` of them, on ``device``.

    Raises SystemExit, in one line, for a folder without any and for a file that is no picture.
    """
    files = sorted(file for file in folder.glob("*") if file.suffix.lower() in ENDINGS)[:most]
    if not files:
        raise SystemExit(f"{folder} has no photographs (png, jpg, webp) to measure on")
    found = []
    for file in files:
        pixels = cv2.imread(str(file))
        if pixels is None:
            raise SystemExit(f"{file} cannot be read as a picture")
        found.append(_windows(file.stem, pixels, device))
    return found


def fitted(pixels: cv2.typing.MatLike, device: torch.device | None = None) -> Tensor:
    """The middle of a picture as OpenCV reads it, (h, w, 3) BGR of bytes, as (1, 3, 240, 320) RGB in [-1, 1]."""
    return _windows("", pixels, device).picture


def _windows(name: str, pixels: cv2.typing.MatLike, device: torch.device | None) -> Photograph:
    high, wide = pixels.shape[:2]
    scale = max(SIZE[0] / high, SIZE[1] / wide)
    size = max(SIZE[0], round(high * scale)), max(SIZE[1], round(wide * scale))
    shrunk = cv2.resize(pixels, (size[1], size[0]), interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR)
    whole = torch.from_numpy(cv2.cvtColor(shrunk, cv2.COLOR_BGR2RGB)).permute(2, 0, 1)[None].float() / 127.5 - 1
    y, x = (size[0] - SIZE[0]) // 2, (size[1] - SIZE[1]) // 2

    def window(down: int, right: int) -> Tensor | None:
        if y + down + SIZE[0] > size[0] or x + right + SIZE[1] > size[1]:
            return None
        cut = whole[:, :, y + down : y + down + SIZE[0], x + right : x + right + SIZE[1]]
        return cut.contiguous().to(device)

    picture, along = window(0, 0), (APART, 0) if y else (0, APART)
    assert picture is not None
    return Photograph(name, picture, window(*along), along)
