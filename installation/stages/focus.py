"""Focus: which channels of the network count, and where in the picture it may dream."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import torch
from torch import Tensor

from installation.errors import SettingsError
from models.network import Network


@dataclass(frozen=True, slots=True)
class Focus:
    """``channels`` and ``mask`` as `models.dreamer.Recipe` has them; None is no such limit."""

    channels: Sequence[Tensor] | None = None
    mask: Tensor | None = None


EVERYWHERE = Focus()


def channels_of(texts: Sequence[str], network: Network, layers: Sequence[str]) -> list[Tensor]:
    """Channel weights for each of ``layers`` from texts like "Mixed_6b:12,57*0.5"; layers not named keep all channels.

    Raises SettingsError for a text, a layer or a channel that makes no sense.
    """
    found = {layer: torch.ones(network.channels(layer)) for layer in layers}
    for text in texts:
        layer, colon, rest = (part.strip() for part in text.partition(":"))
        if not colon or layer not in found:
            raise SettingsError(f"--channels: {text!r} is not LAYER:CHANNEL,…; the layers are {', '.join(layers)}")
        count = len(found[layer])
        found[layer] = torch.zeros(count)
        for term in rest.split(","):
            match = re.fullmatch(r"\s*(\d+)\s*(?:\*\s*(\d+\.?\d*)\s*)?", term)
            if match is None or int(match[1]) >= count:
                raise SettingsError(
                    f"--channels: {term.strip()!r} is not CHANNEL or CHANNEL*WEIGHT; {layer} has 0 to {count - 1}"
                )
            found[layer][int(match[1])] = float(match[2] or 1)
        if not found[layer].any():
            raise SettingsError(f"--channels: {text!r} leaves nothing of {layer}")
    return list(found.values())


def mask_of(path: Path, size: tuple[int, int]) -> Tensor:
    """A grey picture as a mask for pictures of ``size`` (width, height): white dreams, black stays.

    (1, 1, height, width) in 0..1.  Raises SettingsError where it cannot be read or is black all over.
    """
    data = np.fromfile(path, np.uint8) if path.is_file() else np.empty(0, np.uint8)
    grey = cv2.imdecode(data, cv2.IMREAD_GRAYSCALE) if data.size else None
    if grey is None:
        raise SettingsError(f"--mask: {path} cannot be read as a picture")
    grey = cv2.resize(grey, size, interpolation=cv2.INTER_AREA)
    if not grey.any():
        raise SettingsError(f"--mask: {path} is black all over; white is where the dream may be")
    return torch.from_numpy(np.asarray(grey, np.float32) / 255)[None, None]
