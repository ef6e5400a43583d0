"""A dream worker whose ascent is slow, or wants much memory; a file of its own, so that its process can import it.

What it is like is written in the place of the network's name: "seconds=0.1" for 10000 pixels of a step, "room=40000"
pixels that there is memory for, "status=3" steps after which it says something else of itself, "load" for a network
that is too large itself.
"""

import time
from typing import Any

WORDS = "hungry"


def run(settings: Any, *told: Any) -> None:
    """In the place of the worker's own beginning."""
    from installation.stages import worker_main

    wants = dict(word.partition("=")[::2] for word in settings.network.split(","))
    worker_main.open_engine = lambda *_: _engine(wants)
    worker_main.run(settings, *told)


def _engine(wants: dict[str, str]) -> Any:
    import torch

    from installation.stages.engine import Engine
    from installation.stages.recipe import Ladder
    from models.ascent import Stepping

    if "load" in wants:
        raise MemoryError("the network")

    class Hungry(Stepping):
        layers, reach, device = ("only",), 1.0, torch.device("cpu")
        steps = 0

        @property
        def status(self) -> str:
            return WORDS + (", fed" if "status" in wants and self.steps >= int(wants["status"]) else "")

        def gradient(self, image: Any, weights: Any, channels: Any = None) -> Any:
            pixels = image.shape[-2] * image.shape[-1]
            if pixels > float(wants.get("room", "inf")):
                raise RuntimeError("CUDA out of memory. Tried to allocate more than there is")
            time.sleep(pixels / 10000 * float(wants.get("seconds", 0)))
            self.steps += 1
            return torch.ones_like(image)

    return Engine(Hungry(), Ladder(({"only": 1.0},)), "hungry", "hungry, as asked for", None, 2)
