"""Stand-ins for compilers and their engines."""

import json
from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from models.ascent.compiled import BuildError, Compiled, Runner
from models.ascent.eager import Eager
from models.inception import inception_v3
from models.network import Network

CPU = torch.device("cpu")
LAYERS = ("Conv2d_2b_3x3", "Conv2d_4a_3x3", "Mixed_5b")
SIZE = (80, 88)


def a_network(seed: int = 1) -> Network:
    """Inception-v3 to Mixed_5b with random weights."""
    torch.manual_seed(seed)
    return inception_v3("Mixed_5b")


def eager32(network: Network) -> Eager:
    return Eager(network, LAYERS, device=CPU, dtype=torch.float32)


class FakeCompiler:
    """Builds at once; what it loads is autograd in float32, changed by ``spoil``, and counts its calls."""

    name, version, target, precision, device = "onnx", "fake 1", "cpu", "float32", CPU

    def __init__(self, network: Network, spoil: Callable[[Tensor], Tensor] = lambda gradient: gradient) -> None:
        self._network, self._spoil = network, spoil
        self.built: list[tuple[tuple[str, ...], tuple[int, int]]] = []
        self.runs: list[int] = []  # how many layers the engine has that ran

    def build(self, network: Network, layers: Sequence[str], size: tuple[int, int]) -> bytes:
        self.built.append((tuple(layers), size))
        return json.dumps([list(layers), list(size)]).encode()

    def load(self, engine: bytes, layers: Sequence[str], size: tuple[int, int]) -> Runner:
        if json.loads(engine) != [list(layers), list(size)]:
            raise BuildError("this engine is of another kind")
        return self.runner(layers)

    def runner(self, layers: Sequence[str]) -> Runner:
        eager = Eager(self._network, layers, device=CPU, dtype=torch.float32)
        counts = [self._network.channels(layer) for layer in layers]

        def run(image: Tensor, weights: Tensor, channels: Tensor) -> Tensor:
            self.runs.append(len(layers))
            return self._spoil(eager.gradient(image, weights.tolist(), channels.split(counts)))

        return run


def a_compiled(compiler: FakeCompiler, network: Network, **options: int) -> Compiled:
    return Compiled(compiler, eager32(network), network, **options)


def a_picture(size: tuple[int, int] = SIZE) -> Tensor:
    return torch.rand(1, 3, *size, generator=torch.Generator().manual_seed(3)) * 2 - 1
