"""The gradient written out is autograd's, to the last digits; and says so where it is not."""

from statistics import median

import pytest
import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from torch import nn

from lively import lively, noise, off
from models.ascent.eager import Eager
from models.ascent.gradient import WRITTEN_OUT, aten, trace
from models.googlenet import googlenet
from models.inception import inception_v3
from models.network import SAME, ConvUnit, Network, Stage, Window
from models.objective import seeds
from models.weights import load_network
from shared_material import WEIGHTS, needs_weights

DOUBLE, SINGLE = 1e-10, 1e-5
AS_OF_2015 = {"pool_counts_padding": False, "last_pool": "max"}  # the graph that Google published

# Shallow, morphing and deep, the layers in any order; at odd sizes pools round.
SETS = [
    pytest.param(inception_v3, {}, ["Conv2d_4a_3x3"], id="inception-shallow"),
    pytest.param(inception_v3, {}, ["Mixed_5d", "Mixed_5b", "Mixed_6b"], id="inception-morph"),
    pytest.param(inception_v3, AS_OF_2015, ["Mixed_6d", "Mixed_7c"], id="inception-deep"),
    pytest.param(googlenet, {}, ["conv1"], id="googlenet-shallow"),
    pytest.param(googlenet, {}, ["conv3", "inception3b"], id="googlenet-morph"),
    pytest.param(googlenet, {}, ["inception5a", "inception4c"], id="googlenet-deep"),
]
SIZES = {inception_v3: [(97, 123), (96, 128)], googlenet: [(61, 83), (64, 96)]}


def by_autograd(network, layers, image, weights, channels):
    x = image.clone().requires_grad_(True)
    found = network.activations(x, layers)
    (gradient,) = torch.autograd.grad(found, x, seeds(found, weights, channels))
    return gradient


def some_weights(network, layers, dtype, seed=1):
    chance = torch.Generator().manual_seed(seed)
    weights = torch.rand(len(layers), generator=chance, dtype=dtype)
    return weights, [torch.rand(network.channels(layer), generator=chance, dtype=dtype) for layer in layers]


def agrees(network, layers, size, limit):
    """With most pictures: where the last digit decides a ReLU or a max pool, two roundings decide differently."""
    dtype = next(network.parameters()).dtype
    graph, errors = trace(network, layers, size), []
    for seed in range(3):
        image, (weights, channels) = noise(*size, seed).to(dtype), some_weights(network, layers, dtype, seed)
        found = graph(image, weights, torch.cat(channels))
        expected = by_autograd(network, layers, image, weights, channels)
        assert found.shape == image.shape and found.dtype == dtype
        assert expected.abs().mean() > 0
        errors.append(off(found, expected))
    assert median(errors) <= limit
    assert dtype == torch.float32 or max(errors) <= limit


@pytest.mark.parametrize(("kind", "how", "layers"), SETS)
def test_it_is_autograds_gradient(kind, how, layers):
    """Both networks, whatever layers, odd and even sizes: 1e-10 in double precision, 1e-5 in single."""
    with torch.device("meta"):
        order = kind().layers
    network = lively(kind, max(layers, key=order.index), **how)
    odd, even = SIZES[kind]
    agrees(network, layers, even, SINGLE)
    agrees(network.double(), layers, odd, DOUBLE)


@pytest.mark.parametrize(("kind", "layer"), [(inception_v3, "Mixed_6a"), (googlenet, "inception4a")])
def test_flat_pictures_are_no_exception(kind, layer):
    """Posters, walls and night: where a max pool sees equals, the first gets it all, as autograd has it."""
    network = lively(kind, layer).double()
    blocks = (noise(8, 10).double() * 1.5).round().repeat_interleave(12, 2).repeat_interleave(12, 3)
    blocks[:, :, :48] = 0.5
    assert blocks.unique().numel() <= 4
    graph = trace(network, [layer], (96, 120))
    weights, channels = some_weights(network, [layer], torch.float64)
    for picture in (blocks, torch.full_like(blocks, 0.25), blocks.mean(1, keepdim=True).expand_as(blocks)):
        expected = by_autograd(network, [layer], picture, weights, channels)
        assert off(graph(picture, weights, channels[0]), expected) <= DOUBLE


@needs_weights
def test_with_real_weights_too():
    """The network that people dream with, not only one with made-up weights."""
    network, layers = load_network(WEIGHTS).truncated("Mixed_6a"), ["Conv2d_4a_3x3", "Mixed_5d", "Mixed_6a"]
    agrees(network, layers, (95, 121), SINGLE)
    agrees(network.double(), layers, (96, 120), DOUBLE)


def test_weights_are_inputs():
    """One graph serves every mixture of layers and channels, a layer at zero too: a morph needs no new one."""
    network, layers = lively(googlenet, "inception3b").double(), ["conv3", "inception3a", "inception3b"]
    image, graph = noise(64, 80).double(), trace(network, layers, (64, 80))
    for seed, weights in enumerate(([1.0, 0.0, 0.0], [0.0, 0.25, 0.75], [0.3, 0.3, 0.4])):
        _, channels = some_weights(network, layers, torch.float64, seed)
        expected = by_autograd(network, layers, image, weights, channels)
        found = graph(image, torch.tensor(weights, dtype=torch.float64), torch.cat(channels))
        assert off(found, expected) <= DOUBLE


def test_the_graph_speaks_of_nothing_but_plain_operations():
    """Compilers for inference read it: no backward operation, no index of a pool, no autograd left."""
    graph = trace(lively(inception_v3, "Mixed_6a"), ["Mixed_5b", "Mixed_6a"], (120, 160))
    named = {str(node.target) for node in graph.graph.nodes if node.op == "call_function"}
    assert "aten.convolution.default" in named
    assert not [name for name in named if "backward" in name or "indices" in name or "detach" in name]
    assert [node.name for node in graph.graph.nodes if node.op == "placeholder"] == ["image", "weights", "channels"]


def test_it_computes_in_the_networks_own_precision():
    """Half a network's numbers, half its work; what goes in and comes out stays float32."""
    network, layers = lively(googlenet, "inception3a"), ["conv3", "inception3a"]
    exact = Eager(lively(googlenet, "inception3a"), layers, device=torch.device("cpu"), dtype=torch.float32)
    weights, channels = some_weights(network, layers, torch.float32)
    image = noise(64, 80)
    found = trace(network.to(torch.bfloat16), layers, (64, 80))(image, weights, torch.cat(channels))
    expected = exact.gradient(image, weights.tolist(), channels)
    assert found.dtype == torch.float32
    assert torch.cosine_similarity(found.flatten(), expected.flatten(), dim=0) > 0.99


def test_the_network_is_left_as_it_was():
    """The graph has weights of its own: tracing turns none of the network's, and neither changes the other's."""
    network, image = lively(googlenet, "conv3"), noise(40, 48)
    before = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    graph = trace(network, ["conv3"], (40, 48))
    first = graph(image, torch.ones(1), torch.ones(192))
    assert all(torch.equal(tensor, before[name]) for name, tensor in network.state_dict().items())
    assert not any(parameter.requires_grad for parameter in network.parameters())
    assert torch.equal(first, graph(image, torch.ones(1), torch.ones(192)))
    assert not first.requires_grad


def test_unknown_layers_are_named():
    """Asking for a layer that is not there says which there are."""
    with pytest.raises(ValueError, match=r"no layer 'Mixed_9z'; it has .*Mixed_5b"):
        trace(lively(inception_v3, "Mixed_5b"), ["Mixed_5b", "Mixed_9z"], (96, 96))


class Shaped(nn.Module):
    """Something after a convolution, with the number of channels that a network asks for."""

    def __init__(self, inner, out):
        super().__init__()
        self.inner, self.out = inner, out

    def forward(self, x):
        return self.inner(x)


ODD = {
    "a stride in an average pool": (nn.AvgPool2d(2, 2), "average pools"),
    "groups": (nn.Conv2d(4, 4, 3, groups=2), "convolutions"),
    "dilation": (nn.Conv2d(4, 4, 3, dilation=2), "convolutions"),
    "a transposed convolution": (nn.ConvTranspose2d(4, 4, 3), "convolutions"),
    "a dilated max pool": (nn.MaxPool2d(2, 1, dilation=2), "max pools"),
    "another activation": (nn.GELU(), "gelu_backward"),
    "enlarging": (nn.Upsample(scale_factor=2, mode="bilinear"), "upsample_bilinear2d_backward"),
}


@pytest.mark.parametrize("module", ODD)
def test_what_is_not_written_out_is_refused(module):
    """A network with an operation of another kind is refused by its name, at once, not handed on half done."""
    odd, match = ODD[module]
    stages = [Stage("first", ConvUnit(3, 4, (3, 3)), Window(3)), Stage("odd", Shaped(odd, 4), SAME)]
    network = Network("experiment", stages)
    with pytest.raises(NotImplementedError, match=match):
        trace(network, ["odd"], (24, 24))
    trace(network, ["first"], (24, 24))


# -- each operation by itself ------------------------------------------------------------------------------------------

sides = st.tuples(st.integers(4, 11), st.integers(4, 11))


def pairs(*values):
    return st.tuples(st.sampled_from(values), st.sampled_from(values))


def few_greys(shape, seed, kinds=3):
    """Whole numbers, few of them: ties everywhere, and sums without rounding."""
    chance = torch.Generator().manual_seed(seed)
    return torch.randint(-1, kinds - 1, shape, generator=chance).double()


@settings(max_examples=150, deadline=None)
@given(sides, pairs(2, 3), pairs(1, 2, 3), pairs(0, 1), st.booleans(), st.integers(0, 9999), st.integers(1, 4))
def test_a_max_pool_gives_back_to_the_first(side, kernel, stride, padding, ceil, seed, kinds):
    """The largest of a window gets its gradient, and of several the first, whatever the window: to the bit."""
    image = few_greys((1, 2, *side), seed, kinds)
    pooled, indices = aten.max_pool2d_with_indices(image, kernel, stride, padding, [1, 1], ceil)
    gradient = few_greys(pooled.shape, seed + 1, 9)
    given_ = gradient, image, kernel, stride, padding, [1, 1], ceil, indices
    expected = aten.max_pool2d_with_indices_backward(*given_)
    assert torch.equal(WRITTEN_OUT[aten.max_pool2d_with_indices_backward.default](*given_), expected)


@settings(max_examples=100, deadline=None)
@given(sides, pairs(2, 3), pairs(1, 2, 3), pairs(0, 1), st.booleans(), st.integers(0, 9999))
def test_a_max_pool_that_rounds_up_counts_the_same_windows(side, kernel, stride, padding, ceil, seed):
    """Written out for compilers that only round down, it gives what PyTorch gives: to the bit."""
    image = few_greys((1, 2, *side), seed)
    given_ = image, kernel, stride, padding, [1, 1], ceil
    written = WRITTEN_OUT[aten.max_pool2d_with_indices.default](*given_)
    assert (written is NotImplemented) == (not ceil)  # what rounds down stays as it is
    if ceil:
        assert torch.equal(written[0], aten.max_pool2d_with_indices(*given_)[0])


@settings(max_examples=50, deadline=None)
@given(sides, pairs(0, 1, 2), st.booleans(), st.booleans(), st.integers(0, 9999))
def test_an_average_pool_gives_back_shares(side, padding, ceil, counted, seed):
    """Pools that keep the size, whether the border's zeros count or not."""
    kernel = [2 * p + 1 for p in padding]
    image = few_greys((1, 2, *side), seed)
    gradient = few_greys(image.shape, seed + 1, 9)
    given_ = gradient, image, kernel, [1, 1], list(padding), ceil, counted, None
    expected = aten.avg_pool2d_backward(*given_)
    found = WRITTEN_OUT[aten.avg_pool2d_backward.default](*given_)
    torch.testing.assert_close(found, expected, rtol=1e-13, atol=1e-13)


@settings(max_examples=100, deadline=None)
@given(sides, pairs(1, 2, 3, 4), pairs(1, 2, 3), pairs(0, 1, 2, 3), st.integers(0, 9999))
def test_a_convolution_gives_back_what_it_took(side, kernel, stride, padding, seed):
    """Every kernel, stride and padding, and the rows at the end that a stride never reaches: to the bit."""
    assume(all(s + 2 * p >= k for s, p, k in zip(side, padding, kernel, strict=True)))
    image, weight = few_greys((1, 3, *side), seed), few_greys((4, 3, *kernel), seed + 1)
    result = torch.nn.functional.conv2d(image, weight, None, stride, padding)
    gradient = few_greys(result.shape, seed + 2, 9)
    given_ = gradient, image, weight, [4], stride, padding, [1, 1], False, [0, 0], 1, [True, False, False]
    expected, *_ = aten.convolution_backward(*given_)
    found, *_ = WRITTEN_OUT[aten.convolution_backward.default](*given_)
    assert torch.equal(found, expected)
