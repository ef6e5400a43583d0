"""Whether an engine is right: its gradients beside those of autograd in float32, before it dreams for anybody.

The reference is always float32, also for engines in half precision.  Half precision strays by itself: eager float16
reaches a cosine of 0.995 to 0.999 with float32 on Inception-v3 (measured to Mixed_6e), so two half-precision gradients,
each strayed its own way, may be as far from each other as a real fault is from the truth.
"""

import copy
from collections.abc import Callable, Iterator, Sequence

import torch
from torch import Tensor
from torch.nn import functional as F

from models.ascent.compiled import BuildError, Runner, one_line, out_of_memory
from models.ascent.eager import Eager
from models.network import Network

LEAST = {"float16": 0.99, "float32": 0.9999}  # cosine with float32 autograd
TEXTURES = (2, 4, 8, 16, 32, 64)  # pixels a patch: something for shallow layers to see, and for deep ones

Mixture = tuple[str, list[float], list[Tensor]]


def check(
    runner: Runner, network: Network, layers: Sequence[str], size: tuple[int, int], device: torch.device, precision: str
) -> float:
    """The worst cosine between gradients of ``runner`` and autograd's, on a fixed textured picture.

    ``network``: float32 on the CPU, as the engine was built from; ``layers``: the engine's.  All layers alike, uneven
    channels, and each layer alone are tried.  ``device``: where the runner computes, and the reference too unless its
    memory is too small for it.  Raises BuildError when an answer differs by more than ``precision`` explains.
    """
    image, reference = textured(size), _reference(network, layers, device)
    worst, least = 1.0, LEAST[precision]
    first: Tensor | None = None
    for mixture in _mixtures(network, layers):
        name, weights, channels = mixture
        try:
            answer = runner(image.to(device), torch.tensor(weights, device=device), torch.cat(channels).to(device))
            found = answer.detach().cpu()
        except Exception as error:
            raise BuildError(f"it does not run: {one_line(error)}") from error
        if found.shape != image.shape or found.dtype != torch.float32:
            raise BuildError(f"its gradient is {tuple(found.shape)} {found.dtype}, not {tuple(image.shape)} float32")
        cosine = _cosine(found, reference(image, mixture))
        if not cosine >= least:
            raise BuildError(f"its gradient differs from autograd's for {name}: cosine {cosine:.4f}, not {least}")
        worst = min(worst, cosine)
        if first is None:
            first, kept = answer, found.clone()
    if first is not None and not torch.equal(first.detach().cpu(), kept):
        raise BuildError("its first gradient changed when it was asked for another")
    return worst


def textured(size: tuple[int, int]) -> Tensor:
    """A fixed picture, (1, 3, *size) in [-1, 1], with patterns of every size in it."""
    chance = torch.Generator().manual_seed(4)
    picture = torch.zeros(1, 3, *size)
    for patch in TEXTURES:
        coarse = torch.rand(1, 3, size[0] // patch + 1, size[1] // patch + 1, generator=chance) * 2 - 1
        picture += F.interpolate(coarse, size, mode="bilinear", align_corners=False)
    return picture / picture.abs().max()


def _mixtures(network: Network, layers: Sequence[str]) -> Iterator[Mixture]:
    """What is asked: a name for it, layer weights, and channel weights of each layer."""
    chance = torch.Generator().manual_seed(5)
    even = [torch.ones(network.channels(layer)) for layer in layers]
    yield "all layers alike", [1.0] * len(layers), even
    yield "uneven channels", [1.0] * len(layers), [torch.rand(row.shape, generator=chance) for row in even]
    if len(layers) > 1:
        for index, layer in enumerate(layers):
            yield f"{layer} alone", [float(index == other) for other in range(len(layers))], even


def _reference(network: Network, layers: Sequence[str], device: torch.device) -> Callable[[Tensor, Mixture], Tensor]:
    """Autograd in float32: on ``device`` as long as its memory is large enough, else on the CPU."""
    here = Eager(network, layers, device=torch.device("cpu"), dtype=torch.float32)
    there = None
    if device.type != "cpu":
        there = Eager(copy.deepcopy(network.truncated(layers[-1])), layers, device=device, dtype=torch.float32)

    def gradient(image: Tensor, mixture: Mixture) -> Tensor:
        _, weights, channels = mixture
        if there is not None:
            try:
                # Convolutions in TF32, as cuDNN has them, would be no more exact than what is judged.
                with torch.backends.cudnn.flags(enabled=True, allow_tf32=False):
                    return there.gradient(image.to(device), weights, [row.to(device) for row in channels]).cpu()
            except Exception as error:
                if not out_of_memory(error):
                    raise
        return here.gradient(image, weights, channels)

    return gradient


def _cosine(one: Tensor, other: Tensor) -> float:
    """NaN, which is not at least anything, where either is not finite."""
    a, b = one.double().flatten(), other.double().flatten()
    if not a.any() and not b.any():
        return 1.0  # a network that sees nothing gives nothing, and so does its engine
    return float(a @ b / (a.norm() * b.norm()))
