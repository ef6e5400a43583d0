"""Where the dream wanders while nobody is in front: a little deeper and stranger than the program, slowly."""

import random
from collections.abc import Mapping
from dataclasses import dataclass

from installation.knobs import KNOBS

SECONDS = 10.0, 20.0  # a leg takes between these
STRONGEST = 1.3  # intensity: beyond it the dream hides the room that the next visitor walks into
LONGEST = 12.0  # seconds of linger: beyond it nothing that comes in is seen
LEGS = 4  # after so many it has climbed as far towards creatures as it goes


@dataclass(frozen=True, slots=True)
class Leg:
    """One stretch of the way: where the knobs go, all together, in ``seconds``."""

    knobs: dict[str, float]
    seconds: float


class Wander:
    """Draws one leg after another.  Every one is a place near the program's own look, so it never gets lost."""

    def __init__(self, seed: int = 0) -> None:
        """``seed``: the same one wanders the same way."""
        self._random = random.Random(f"wander {seed}")  # a text, so that other users of this seed draw other numbers

    def leg(self, home: Mapping[str, float], number: int) -> Leg:
        """The ``number``-th leg (from 1) from the look ``home``, by knob; every value is in its knob's range."""
        draw = self._random.uniform
        climbed = min(1.0, number / LEGS)
        knobs = {
            "linger": max(home["linger"], min(LONGEST, home["linger"] * draw(1.5, 3.0))),
            "step": home["step"] + draw(0.2, 0.8),
            "octaves": home["octaves"] + draw(0.0, 1.0),
            "zoom": home["zoom"] + draw(-0.03, 0.05),
            "rotation": home["rotation"] + draw(-2.5, 2.5),
            "hue": home["hue"] + draw(-25.0, 25.0),
            "layer": home["layer"] + (1.0 - home["layer"]) * climbed * draw(0.3, 0.9),
            "intensity": max(home["intensity"], min(STRONGEST, home["intensity"] * draw(1.05, 1.25))),
        }
        return Leg({name: KNOBS[name].clamp(value) for name, value in knobs.items()}, draw(*SECONDS))
