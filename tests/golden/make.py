"""Makes the golden pictures: ``python tests/golden/make.py`` in the checkout.

Run it when the picture is meant to change, look at what it made, and commit the pictures by themselves, never
together with a rearrangement of the code.
"""

from pathlib import Path

import cv2
import numpy as np

from installation.compose import Placing, compose
from installation.frame import Frame, Pixels
from installation.knobs import Look
from installation.sources.clouds import Clouds
from installation.stages.dreaming import Dreaming
from installation.stages.engine import open_engine
from installation.veil import Carried, Veil

HERE = Path(__file__).parent
SIZE = (192, 108)


def pictures() -> dict[str, Pixels]:
    """Every golden picture by name: the clouds, the dream of the network that ships, and the knobs on it."""
    with Clouds(seed=3) as clouds:
        sky = clouds.frame_at(40.0, SIZE)
    engine = open_engine("leap", None)
    dreaming = Dreaming(engine.ascent, engine.ladder, 1)
    for index in range(24):
        frame = Frame(sky, index, index / 10)
        residual = dreaming(frame, Look())
    here = np.zeros((2, 2, 3), np.float32)
    here[..., 2] = 1
    veil = Veil((Carried(residual.field, here, 1.0),))
    turned = Look(hue=120.0, saturation=0.6, camera=0.4, brightness=0.8, intensity=1.5)
    return {
        "clouds": sky,
        "dream": compose(frame, veil, Look()),
        "knobs": compose(frame, veil, turned, (160, 160), Placing(mirror=True, rotate=90)),
    }


if __name__ == "__main__":
    for name, picture in pictures().items():
        cv2.imwrite(str(HERE / f"{name}.png"), cv2.cvtColor(picture, cv2.COLOR_RGB2BGR))
