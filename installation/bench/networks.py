"""The networks to measure with: trained ones where they are, and random weights otherwise, which are as quick."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from installation.bench.task import LEAP, RANDOM
from installation.errors import SettingsError

if TYPE_CHECKING:
    from models.network import Network

USUAL = "inception_v3"


@dataclass(frozen=True, slots=True)
class Found:
    """A network: its kind, where its weights come from ("random" for none), and its layers, shallow to deep."""

    kind: str
    weights: str
    layers: tuple[str, ...]
    said: str


def found_network(name: str | None) -> Found:
    """The network of that name or in that file; for None the one that the show would take, were it not for the leap.

    Speed does not depend on what the weights are, so a known network that is not there is measured with random ones.
    Raises SettingsError, one line, for a file that is no network.
    """
    from models.weights import NetworkError, find_cached, known_networks, load_network

    if name == LEAP:
        return Found(LEAP, "leap.safetensors", (), "leap, as asked for")
    where = name or find_cached()
    why = "none is fetched"
    if where is not None:
        try:
            network = load_network(where)
            return Found(network.name, str(where), network.layers, f"{network.name} from {where}")
        except NetworkError as error:
            if name is not None and name not in known_networks():
                raise SettingsError(f"--network: {error}") from error
            why = str(error)
    kind = known_networks()[name].kind if name else USUAL
    random = f"{kind} with random weights, which are as quick as trained ones ({why})"
    return Found(kind, RANDOM, whole(kind).layers, random)


def network_of(kind: str, weights: str) -> Network:
    """The network itself, float32 on the CPU.  Raises `models.weights.NetworkError`."""
    import torch

    from models.weights import load_network

    if weights != RANDOM:
        return load_network(weights)
    torch.manual_seed(0)
    network = whole(kind)
    for name, parameter in network.named_parameters():
        # He's initialisation: activations and gradients keep their size from layer to layer.  PyTorch's own lets them
        # fade, which half precision cannot hold, and then nothing could be checked.
        if name.endswith("weight"):
            torch.nn.init.kaiming_normal_(parameter, nonlinearity="relu")
        else:
            torch.nn.init.zeros_(parameter)
    return network


def whole(kind: str) -> Network:
    """All of a network of that kind that can be tapped, with weights as PyTorch initialises them."""
    from models import googlenet, inception

    return googlenet.googlenet() if kind == googlenet.NAME else inception.inception_v3()
