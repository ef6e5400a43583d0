"""Which ascent dreams: the network asked for, else a cached ImageNet one, else the one that ships with the project."""

import copy
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch

from installation.errors import SettingsError
from installation.stages.recipe import Ladder, ladder_of
from models.ascent import Ascent
from models.network import Network

# Stops of the layer knob where the user named none: blocks that draw something of their own, from strokes to creatures.
# The fourth of six is where the knob usually stands: Mixed_6b, and in GoogLeNet the layer of Google's own notebook.
USUAL_STOPS = {
    "inception_v3": "Conv2d_4a_3x3,Mixed_5b,Mixed_5d,Mixed_6b,Mixed_6c,Mixed_6e",
    "googlenet": "conv3,inception3a,inception3b,inception4c,inception4d,inception4e",
}


@dataclass(frozen=True, slots=True)
class Engine:
    """An ascent ready to run, and how it came to be chosen.

    ``steps``: ascent steps a frame that suit it.  ``judge``: the network itself, in float32, where there is one whose
    objective can be measured.
    """

    ascent: Ascent
    ladder: Ladder
    network: str
    choice: str
    judge: Network | None
    steps: int


def open_engine(network: str | None, layers: str | None, also: Sequence[str] = ()) -> Engine:
    """Load the best there is.  ``network``: a known name or a path, or None.  ``layers``: see `ladder_of`, or None.

    ``also``: layers that programs mix in; those this network does not have are left out.

    Raises SettingsError, one line, for a network or layer that was asked for and cannot be had.
    """
    from models.weights import NetworkError, find_cached, load_network

    if network == "leap":
        return _leap(layers, "leap, as asked for")
    where: str | Path | None = network or find_cached()
    if where is None:
        why = "no network named and none fetched (dreamwall fetch inception_v3)"
        return _leap(layers, f"leap, which ships with Dreamwall: {why}")
    try:
        found = load_network(where)
    except NetworkError as error:
        if network is not None:
            raise SettingsError(str(error)) from error
        return _leap(layers, f"leap, which ships with Dreamwall: {error}")
    from models.ascent.eager import Eager, best_device, native_dtype

    kept = [s for s in USUAL_STOPS.get(found.name, ",".join(found.layers)).split(",") if s in found.layers]
    ladder = ladder_of(layers or ",".join(kept), found.layers)
    climbed = ladder.layers(found.layers)
    used = tuple(layer for layer in found.layers if layer in climbed or layer in also)
    judge = found.truncated(used[-1])
    ascent = Eager(copy.deepcopy(judge) if native_dtype(best_device()) != torch.float32 else judge, used)
    reason = "as asked for" if network is not None else "from the cache"
    return Engine(ascent, ladder, found.name, f"{found.name} from {where}, {reason}", judge, 2)


def _leap(layers: str | None, choice: str) -> Engine:
    from models.ascent.eager import best_device, native_dtype
    from models.leap import Leap

    try:
        device = best_device()
        ascent = Leap.load(device=device, dtype=native_dtype(device))
    except (OSError, ValueError) as error:
        raise SettingsError(
            f"the network that ships with Dreamwall cannot be read: {error}; install Dreamwall again"
        ) from error
    return Engine(ascent, ladder_of(layers or ",".join(ascent.layers), ascent.layers), "leap", choice, None, 1)
