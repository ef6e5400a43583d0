"""Where networks come from: the files that are known, their checksums, and how one of them is loaded.

Everything that can be wrong with a file ends in a `NetworkError` with one line for the person who has to mend it.
"""

from __future__ import annotations

import hashlib
import os
import pickle
import sys
import tomllib
import warnings
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import safetensors
import torch
from safetensors.torch import load_file
from torch import Tensor

from models.googlenet import NAME as GOOGLENET
from models.googlenet import googlenet
from models.inception import NAME as INCEPTION_V3
from models.inception import LastPool, inception_v3
from models.network import InputRange, Network, load_folded

SUFFIXES = (".safetensors", ".pth", ".pt")


class NetworkError(Exception):
    """A network cannot be had. The message is one line: which file, what is wrong, what to do."""


@dataclass(frozen=True)
class Known:
    """One table of ``weights.toml``. Where a network is unknown, what holds for its kind: torchvision's conventions.

    ``sha256`` may be only the beginning of the sum (PyTorch publishes eight digits, in the file name); ``size`` is in
    bytes; ``mean`` and ``std`` say what the network was trained on, (rgb - mean) / std for RGB in [0, 1].
    """

    kind: str
    name: str = ""
    file: str = ""
    sha256: str = ""
    url: str | None = None
    size: int | None = None
    licence: str = "unknown"
    source: str = ""
    cite: str = ""
    mean: tuple[float, float, float] = (0.5, 0.5, 0.5)
    std: tuple[float, float, float] = (0.5, 0.5, 0.5)
    pool_counts_padding: bool = True
    last_pool: LastPool = "average"

    def build(self) -> Network:
        """The whole network, its weights not yet loaded."""
        input_range = InputRange(self.mean, self.std)
        if self.kind == GOOGLENET:
            return googlenet(input_range=input_range)
        return inception_v3(
            input_range=input_range, pool_counts_padding=self.pool_counts_padding, last_pool=self.last_pool
        )


@cache
def known_networks() -> dict[str, Known]:
    """Every network of ``weights.toml`` by its name, the preferred one first."""
    tables = tomllib.loads(Path(__file__).with_name("weights.toml").read_text(encoding="utf-8"))
    for table in tables.values():
        table.update({key: tuple(table[key]) for key in ("mean", "std") if key in table})
    return {name: Known(name=name, **table) for name, table in tables.items()}


def cache_dir() -> Path:
    """The folder that fetched networks live in. It may not exist yet.

    ``$DREAMWALL_CACHE``, else ``dreamwall`` in ``$XDG_CACHE_HOME`` (on Windows ``%LOCALAPPDATA%``) or ``~/.cache``.
    """
    if own := os.environ.get("DREAMWALL_CACHE"):
        return Path(own).expanduser()
    base = os.environ.get("LOCALAPPDATA" if sys.platform == "win32" else "XDG_CACHE_HOME")
    return (Path(base) if base else Path.home() / ".cache") / "dreamwall"


def find_cached() -> Path | None:
    """The best ImageNet network in the cache folder: the first of ``weights.toml`` that is there. Not yet checked."""
    return next((path for known in known_networks().values() if (path := cache_dir() / known.file).is_file()), None)


def checksum(path: Path) -> str:
    """The sha256 of a file, in hexadecimal. A network of 100 MB takes 0.1 to 0.3 s, so that it is never remembered."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def identify(path: Path) -> Known | None:
    """The known network that this file is, by its checksum and under any name; None for one of the user's own.

    Raises NetworkError where the file has the name of a known network and is another.
    """
    found = checksum(path)
    for known in known_networks().values():
        if found.startswith(known.sha256):
            return known
    for known in known_networks().values():
        if path.name == known.file:
            again = f"run `dreamwall fetch {known.name}`" if known.url else "put the right file there"
            raise NetworkError(
                f"{path} is damaged or not what its name says: its sha256 begins with {found[:8]}, that of"
                f" {known.name} with {known.sha256[:8]}; delete it and {again}, or rename it if it is your own"
            )
    return None


def load_network(where: str | Path, deepest: str | None = None) -> Network:
    """A frozen network from ``where``: a name in ``weights.toml`` (looked up in the cache folder) or a path.

    Files are ``.safetensors`` or ``.pth`` with torchvision's keys, on their own or under ``state_dict``; which network
    it is, is read from the keys. Batch norm is folded in, weights are float32 and channels_last on the CPU, and what
    lies deeper than ``deepest`` (default: as deep as the file goes) is never allocated.
    Raises NetworkError, one line, for anything that is wrong with the file or for a ``deepest`` that it does not have.
    """
    path = _locate(where)
    known = identify(path)
    state = _read(path)
    kind = _kind(path, state)
    if known is not None and known.kind != kind:
        raise NetworkError(f"{path} should be {known.kind} and is {kind}: weights.toml is wrong about it")
    with torch.device("meta"):  # shapes only: memory is taken by what the file really fills
        network = (known or Known(kind)).build()
    there = [layer for layer in network.layers if any(key.startswith(f"{layer}.") for key in state)]
    if deepest is not None and deepest not in there:
        raise NetworkError(f"{path} has no layer {deepest!r}; it has {', '.join(there)}")
    network = network.truncated(deepest or there[-1])
    try:
        load_folded(network, state)
    except KeyError as error:
        raise NetworkError(f"{path} is not a whole {kind}: {error.args[0]} is missing from it") from error
    except ValueError as error:
        raise NetworkError(f"{path} does not fit: {error}") from error
    network.fold_input()
    return network


def _locate(where: str | Path) -> Path:
    known = known_networks().get(str(where))
    path = cache_dir() / known.file if known else Path(where).expanduser()
    try:
        if path.is_file():
            if path.stat().st_size == 0:
                raise NetworkError(f"{path} is empty: delete it and put the network there again")
            if path.suffix not in SUFFIXES:
                raise NetworkError(f"{path} is no network: its name must end in {' or '.join(SUFFIXES)}")
            with path.open("rb"):
                return path
        if path.is_dir():
            raise NetworkError(f"{path} is a folder: name the network's file in it")
    except OSError as error:
        raise NetworkError(f"{path} cannot be read: {error.strerror}") from error
    if known:
        how = f"run `dreamwall fetch {known.name}`" if known.url else f"put {known.file} there"
        raise NetworkError(f"{known.name} is not in {cache_dir()}: {how}")
    names = ", ".join(known_networks())
    raise NetworkError(f"{path} does not exist: give the path of a network's file, or one of {names}")


def _read(path: Path) -> dict[str, Tensor]:
    """The tensors in the file, by their keys."""
    damaged = f"{path} is damaged, cut short or no network ({path.stat().st_size} bytes): delete it and get it again"
    if path.suffix == ".safetensors":
        try:
            return load_file(path)
        except (safetensors.SafetensorError, OSError) as error:
            raise NetworkError(damaged) from error
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about pickle protocols, on files that are refused in the next line
            content: Any = torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        if zipfile.is_zipfile(path) or "GLOBAL" in str(error):
            raise NetworkError(
                f"{path} holds more than weights and was not opened, since that could run a program:"
                " save the state_dict alone"
            ) from error
        raise NetworkError(damaged) from error
    except Exception as error:  # torch.load has no errors of its own: EOFError, OSError, RuntimeError, KeyError ...
        raise NetworkError(damaged) from error
    if isinstance(content, Mapping) and isinstance(content.get("state_dict"), Mapping):
        content = content["state_dict"]
    if not isinstance(content, Mapping):
        raise NetworkError(f"{path} is no network: it holds a {type(content).__name__}, not a state_dict")
    # A network saved from nn.DataParallel has every key under "module.".
    return {str(k).removeprefix("module."): v for k, v in content.items() if isinstance(v, Tensor)}


def _kind(path: Path, state: Mapping[str, Tensor]) -> str:
    if "Conv2d_1a_3x3.conv.weight" in state:
        return INCEPTION_V3
    if "conv1.conv.weight" in state:
        return GOOGLENET
    first = f"its first key is {next(iter(state))!r}" if state else "it holds no weights"
    raise NetworkError(f"{path} is neither {INCEPTION_V3} nor {GOOGLENET} with torchvision's keys: {first}")
