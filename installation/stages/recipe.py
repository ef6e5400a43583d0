"""From what the hand feels to what the network is told.  The one place where knobs become network terms."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from installation.errors import SettingsError
from installation.knobs import Look
from models.directions import NAMES, Directions
from models.dreamer import Recipe

LEVELS = 127.5  # display levels in one unit of the network's range


@dataclass(frozen=True, slots=True)
class Ladder:
    """What the layer knob climbs: stops from brush strokes to creatures, each a mixture of layers.

    Between two stops their weights are mixed, so turning the knob is a morph, never a cut.
    """

    stops: tuple[Mapping[str, float], ...]

    def weights(self, position: float) -> dict[str, float]:
        """Layer weights at ``position`` 0..1; they add up to one."""
        place = min(max(position, 0.0), 1.0) * (len(self.stops) - 1)
        below = min(int(place), len(self.stops) - 1)
        above = min(below + 1, len(self.stops) - 1)
        mixed: dict[str, float] = {}
        for stop, share in ((self.stops[below], 1 - (place - below)), (self.stops[above], place - below)):
            total = sum(stop.values())
            for layer, weight in stop.items():
                if share * weight > 0:
                    mixed[layer] = mixed.get(layer, 0.0) + share * weight / total
        return mixed

    def layers(self, order: Sequence[str]) -> tuple[str, ...]:
        """Every layer of any stop, in the network's ``order``."""
        used = {layer for stop in self.stops for layer in stop}
        return tuple(layer for layer in order if layer in used)

    def __str__(self) -> str:
        return ",".join("+".join(_term(layer, weight) for layer, weight in stop.items()) for stop in self.stops)


def _term(layer: str, weight: float) -> str:
    return layer if weight == 1 else f"{layer}*{weight:g}"


def ladder_of(text: str, available: Sequence[str]) -> Ladder:
    """Read ``--layers``: stops with commas between, each ``LAYER`` or a mixture ``LAYER*0.5+LAYER``.

    Raises SettingsError naming what is wrong and which layers there are.
    """
    stops = []
    for stop in text.split(","):
        mixture: dict[str, float] = {}
        for term in stop.split("+"):
            match = re.fullmatch(r"\s*(\w+)\s*(?:\*\s*([0-9.]+)\s*)?", term)
            try:
                weight = float(match[2] or 1) if match else 0.0
            except ValueError:
                weight = 0.0
            if match is None or weight <= 0:
                raise SettingsError(f"--layers: {term.strip()!r} is not LAYER or LAYER*WEIGHT with a weight above 0")
            if match[1] not in available:
                raise SettingsError(
                    f"--layers: there is no layer {match[1]!r}; this network has {', '.join(available)}"
                )
            mixture[match[1]] = weight
        stops.append(mixture)
    return Ladder(tuple(stops))


def recipe(
    look: Look, ladder: Ladder, order: Sequence[str], steps: int, directions: Directions | None = None
) -> Recipe:
    """A look in the network's own terms; ``order`` is that of the ascent's layers, and so is that of ``directions``.

    With every direction's knob at 0 all channels count alike, exactly as without ``directions``.
    """
    strengths = {name: getattr(look, name) for name in NAMES}
    mixture = {layer: weight for layer, weight in look.mixture if layer in order}
    rest = max(0.0, 1.0 - sum(mixture.values()))
    weights = {layer: rest * weight for layer, weight in ladder.weights(look.layer).items()}
    return Recipe(
        weights=[weights.get(layer, 0.0) + mixture.get(layer, 0.0) for layer in order],
        step=look.step / LEVELS,
        steps=steps,
        octaves=round(look.octaves),
        channels=None if directions is None else directions.channels(strengths),
    )
