"""Eager ascent: autograd, as it comes.  The reference for every other engine, and the engine on CPUs.

On CPUs the memory layout matters most: channels_last runs a step of Inception-v3 in about 60 % of the time that the
default layout takes, and bfloat16 halves it again where the processor multiplies it natively.  Where it does not,
bfloat16 is emulated and was measured 25 times *slower*, so it is never assumed.
"""

import copy
from collections.abc import Sequence

import torch
from torch import Tensor

from models.ascent import Stepping
from models.network import Network
from models.objective import seeds


def best_device() -> torch.device:
    """CUDA, else Apple's Metal, else the CPU."""
    if torch.cuda.is_available():
        return torch.device("cuda")
    if torch.backends.mps.is_available():
        return torch.device("mps")
    return torch.device("cpu")


def native_dtype(device: torch.device) -> torch.dtype:
    """The smallest floating type that ``device`` computes with natively."""
    if device.type in {"cuda", "mps"}:
        return torch.float16
    able = torch.cpu.get_capabilities()
    return torch.bfloat16 if able.get("avx512_bf16") or able.get("amx_bf16") else torch.float32


class Eager(Stepping):
    """Autograd over a frozen network.  Fills `models.ascent.Ascent`."""

    reach = 1.0

    def __init__(
        self,
        network: Network,
        layers: Sequence[str],
        *,
        device: torch.device | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        """``layers``: taps, shallow to deep.  ``device``, ``dtype``: the best there is unless named."""
        unknown = [name for name in layers if name not in network.layers]
        if unknown or not layers:
            missing = ", ".join(unknown) or "(none given)"
            raise ValueError(f"{network.name} has no layer {missing}; it has {', '.join(network.layers)}")
        self.device = device or best_device()
        self.dtype = dtype or native_dtype(self.device)
        self.layers = tuple(layers)
        self._network = network.to(self.device, self.dtype)
        self._network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.status = f"eager, {str(self.dtype).removeprefix('torch.')} on {self.device.type}" + _reason(
            self.device, self.dtype
        )

    def only(self, layers: Sequence[str]) -> "Eager":
        """The same network for ``layers``, some of its own, alone."""
        fewer = copy.copy(self)
        fewer.layers = tuple(layers)
        return fewer

    def gradient(
        self, image: Tensor, weights: Sequence[float] | Tensor, channels: Sequence[Tensor] | None = None
    ) -> Tensor:
        """See `models.ascent.Ascent.gradient`.  Weights in a tensor are not looked at: every layer counts."""
        used = [index for index in range(len(weights)) if isinstance(weights, Tensor) or weights[index] > 0]
        counting = weights if isinstance(weights, Tensor) else [weights[index] for index in used]
        # Detached, since the caller's own picture may come back from `to`, and must not begin to ask for gradients.
        x = image.detach().to(self.device, self.dtype).contiguous(memory_format=torch.channels_last)
        x.requires_grad_(True)
        found = self._network.activations(x, [self.layers[index] for index in used])
        counted = None if channels is None else [channels[index] for index in used]
        (gradient,) = torch.autograd.grad(found, x, seeds(found, counting, counted))
        return gradient.float()


def _reason(device: torch.device, dtype: torch.dtype) -> str:
    if device.type == "cuda":
        return ""
    if dtype == torch.float32 and device.type == "cpu":
        return ": no CUDA device, and this processor has no native bfloat16"
    return ": no CUDA device"
