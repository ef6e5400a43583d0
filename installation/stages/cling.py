"""How well the dream clings: does the residual of one shown frame, carried by flow, look like that of the next?"""

import cv2
import numpy as np
from numpy.typing import NDArray

from installation.frame import Field, Frame
from installation.stages.flow import Grey, grey_of

MOVING = 1.0  # pixels; what moves less says nothing about clinging
ENOUGH = 300  # moving pixels a pair of frames must have to be judged


class Cling:
    """Watches shown frames and their veils; afterwards gives the mean correlation with and without flow.

    The flow that judges is plain DIS between the two shown frames, not the one that carried the residual.
    """

    def __init__(self, skip: int = 20) -> None:
        """``skip``: frames at the beginning that are not judged, while the dream still grows."""
        self._dis = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_ULTRAFAST)
        self._skip = skip
        self._last: tuple[Grey, Field] | None = None
        self._with: list[float] = []
        self._without: list[float] = []

    def see(self, frame: Frame, field: Field | None) -> None:
        """One shown frame and the residual laid over it; None, or another size, starts afresh."""
        self._skip -= 1
        grey = grey_of(frame.pixels)
        if field is None:
            self._last = None
            return
        height, width = grey.shape
        if field.shape[:2] != (height, width):
            field = np.asarray(cv2.resize(field, (width, height), interpolation=cv2.INTER_AREA), np.float32)
        last, self._last = self._last, (grey, field)
        if last is None or last[0].shape != grey.shape or self._skip >= 0:
            return
        path = self._dis.calc(grey, last[0], np.zeros((height, width, 2), np.float32))
        moving = np.hypot(path[..., 0], path[..., 1]) > MOVING
        if moving.sum() < ENOUGH:
            return
        x = path[..., 0] + np.arange(width, dtype=np.float32)
        y = path[..., 1] + np.arange(height, dtype=np.float32)[:, None]
        carried = np.asarray(cv2.remap(last[1], x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE), np.float32)
        self._with.append(_correlation(carried[moving], field[moving]))
        self._without.append(_correlation(last[1][moving], field[moving]))

    def figures(self) -> dict[str, float | None]:
        """``with_flow``, ``without_flow``: mean correlations, None when nothing moved."""
        return {
            "with_flow": round(float(np.mean(self._with)), 4) if self._with else None,
            "without_flow": round(float(np.mean(self._without)), 4) if self._without else None,
        }


def _correlation(a: NDArray[np.float32], b: NDArray[np.float32]) -> float:
    a, b = a - a.mean(), b - b.mean()
    return float((a * b).sum() / (np.linalg.norm(a) * np.linalg.norm(b) + 1e-9))
