"""Which ascent dreams: the network asked for, else a cached ImageNet one, else the one that ships with the project."""

import copy
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch

from installation.errors import SettingsError
from installation.stages.recipe import Ladder, ladder_of
from models.ascent import Ascent
from models.directions import NAMES, Directions
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
    objective can be measured.  ``directions``: what the knobs of named directions turn; None where they do nothing.
    """

    ascent: Ascent
    ladder: Ladder
    network: str
    choice: str
    judge: Network | None
    steps: int
    directions: Directions | None = None


@dataclass(frozen=True, slots=True)
class Opened:
    """A network read, cut off below the deepest of the ``taps``, which is all that its ladder and programs ask for."""

    network: Network
    ladder: Ladder
    taps: tuple[str, ...]
    choice: str


def open_engine(network: str | None, layers: str | None, also: Sequence[str] = (), engine: str = "auto") -> Engine:
    """Load the best there is.  ``network``: a known name or a path, or None.  ``layers``: see `ladder_of`, or None.

    ``also``: layers that programs mix in; those this network does not have are left out.  ``engine``: what computes
    the gradient, see `Settings.engine`.

    Raises SettingsError, one line, for a network, layer or engine that was asked for and cannot be had.
    """
    found = open_network(network, layers, also)
    if isinstance(found, str):
        if engine not in {"auto", "eager"}:
            raise SettingsError(f"--engine {engine} is for ImageNet networks, and what dreams would be {found}")
        return _leap(layers, found)
    ascent, note = _ascent(found, engine)
    directions, words = _directions(found, ascent.device)
    return Engine(ascent, found.ladder, found.network.name, found.choice + note + words, found.network, 2, directions)


def open_network(network: str | None, layers: str | None, also: Sequence[str] = ()) -> Opened | str:
    """The network that would dream, as for `open_engine`; where that is leap, the words that say why."""
    from models.weights import NetworkError, find_cached, load_network

    if network == "leap":
        return "leap, as asked for"
    where: str | Path | None = network or find_cached()
    if where is None:
        return "leap, which ships with Dreamwall: no network named and none fetched (dreamwall fetch inception_v3)"
    try:
        found = load_network(where)
    except NetworkError as error:
        if network is not None:
            raise SettingsError(str(error)) from error
        return f"leap, which ships with Dreamwall: {error}"
    kept = [s for s in USUAL_STOPS.get(found.name, ",".join(found.layers)).split(",") if s in found.layers]
    ladder = ladder_of(layers or ",".join(kept), found.layers)
    climbed = ladder.layers(found.layers)
    taps = tuple(layer for layer in found.layers if layer in climbed or layer in also)
    reason = "as asked for" if network is not None else "from the cache"
    return Opened(found.truncated(taps[-1]), ladder, taps, f"{found.name} from {where}, {reason}")


def _ascent(found: Opened, engine: str) -> tuple[Ascent, str]:
    """What computes the gradient, and why nothing better does, for the operator to read."""
    from models.ascent.compiled import BuildError
    from models.ascent.eager import Eager, best_device, native_dtype

    device = best_device()
    if engine == "onnx":
        return _onnx(found), ""
    network = copy.deepcopy(found.network) if native_dtype(device) != torch.float32 else found.network
    eager = Eager(network, found.taps)
    if engine == "eager" or (engine == "auto" and device.type != "cuda"):
        return eager, ""
    if device.type != "cuda":
        raise SettingsError(f"--engine {engine} needs an NVIDIA card that PyTorch can use (see dreamwall doctor)")
    from models.ascent.compiled import Compiled
    from models.ascent.graphed import Graphed

    graphed = Graphed(eager)
    if engine == "graphed":
        return graphed, ""
    from models.ascent.tensorrt import TensorRT

    try:
        return Compiled(TensorRT.here(), graphed, found.network), ""
    except BuildError as error:
        if engine == "tensorrt":
            raise SettingsError(f"--engine tensorrt: {error}") from error
        return graphed, f"; no TensorRT: {error}"


def _directions(found: Opened, device: torch.device) -> tuple[Directions | None, str]:
    """The named directions of a network's taps, and where there are none, why, for the operator to read."""
    try:
        return Directions.of_network(found.network, found.taps).to(device), ""
    except (OSError, RuntimeError) as error:  # the sheet is damaged, or there is no memory to look at it
        return None, f"; no {', '.join(NAMES)}: {str(error).splitlines()[0]}"


def _onnx(found: Opened) -> Ascent:
    from models.ascent.compiled import BuildError, Compiled
    from models.ascent.eager import Eager
    from models.ascent.onnx_runtime import OnnxRuntime

    eager = Eager(found.network, found.taps, device=torch.device("cpu"), dtype=torch.float32)
    try:
        return Compiled(OnnxRuntime(), eager, found.network)
    except BuildError as error:
        raise SettingsError(f"--engine onnx: {error}") from error


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
    ladder = ladder_of(layers or ",".join(ascent.layers), ascent.layers)
    directions = Directions.of_leap(ascent.layers, ascent.directions).to(ascent.device)
    if device.type != "cuda":
        return Engine(ascent, ladder, "leap", choice, None, 1, directions)
    from models.ascent.graphed import Graphed

    return Engine(Graphed(ascent), ladder, "leap", choice, None, 1, directions)
