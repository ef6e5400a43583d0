"""What is watched on the page: guarded as the wall is."""

import cv2
import numpy as np

from calibration.guard_rules import Tier
from installation.compose import Placing
from installation.frame import Frame
from installation.knobs import Look
from installation.page.picture import Packer, Refresh
from installation.veil import Veil

SIZE = (96, 64)


def watched(tier: Tier, seconds: float) -> float:
    """The brightest level on the page so long after the picture was cut from black to white."""
    packer, level = Packer(SIZE, guard=tier), 0.0
    for at in range(round(seconds * 25) + 2):
        frame = Frame(np.full((64, 96, 3), 255 if at else 0, np.uint8), at, at / 25)
        jpeg = packer.jpeg(Refresh(frame, Veil(), Look(), (), at + 1, at / 25), Placing())
        level = float(cv2.imdecode(np.frombuffer(jpeg, np.uint8), cv2.IMREAD_COLOR).max())
    assert packer.guard.startswith(f"flash guard {tier}")
    return level


def test_a_cut_is_a_fade_on_the_page_too() -> None:
    """Whoever watches on a telephone sees the same fade as on the wall, and on a stage the same cut."""
    assert 20 < watched("strict", 0.2) < 120
    assert watched("strict", 2.2) > 250
    assert watched("performance", 0.0) > 250
