"""The gradient as ONNX in ONNX Runtime: proof of the graph, and an engine for machines that have no card."""

import importlib.util
from statistics import median

import onnxruntime
import pytest
import torch
from torch import nn

from lively import lively, noise, off
from models.ascent import onnx_file, onnx_runtime
from models.ascent.compiled import BuildError
from models.ascent.onnx_runtime import OnnxRuntime
from models.googlenet import googlenet
from models.inception import inception_v3
from models.network import SAME, ConvUnit, Network, Stage, Window
from models.objective import seeds

LAYERS, SIZE = ["conv1", "conv3", "inception3a"], (61, 83)


@pytest.fixture(scope="module")
def network():
    return lively(googlenet, LAYERS[-1])


@pytest.fixture(scope="module")
def engine(network):
    return OnnxRuntime().build(network, LAYERS, SIZE)


def given(network, layers, size, seed=1):
    chance = torch.Generator().manual_seed(seed)
    weights = torch.rand(len(layers), generator=chance)
    return noise(*size, seed), weights, [torch.rand(network.channels(layer), generator=chance) for layer in layers]


def by_autograd(network, layers, image, weights, channels):
    x = image.clone().requires_grad_(True)
    found = network.activations(x, layers)
    (gradient,) = torch.autograd.grad(found, x, seeds(found, weights, channels))
    return gradient


def agrees(network, layers, size, runner):
    """With most pictures: where the last digit decides a ReLU or a max pool, two roundings decide differently."""
    errors = []
    for seed in range(1, 8):
        image, weights, channels = given(network, layers, size, seed)
        found = runner(image, weights, torch.cat(channels))
        expected = by_autograd(network, layers, image, weights, channels)
        assert found.shape == image.shape and found.dtype == torch.float32
        assert torch.cosine_similarity(found.flatten(), expected.flatten(), dim=0) > 0.999
        errors.append(off(found, expected))
    assert median(errors) <= 1e-4


def test_googlenets_gradient_is_autograds(network, engine):
    """Within 1e-4 of autograd, whatever the picture and the weights of layers and channels: they are inputs."""
    agrees(network, LAYERS, SIZE, OnnxRuntime().load(engine, LAYERS, SIZE))


def test_inceptions_gradient_is_autograds():
    """The same for Inception, whose average pools and strides GoogLeNet does not have."""
    network, layers, size = lively(inception_v3, "Mixed_5b"), ["Conv2d_4a_3x3", "Mixed_5b"], (96, 128)
    compiler = OnnxRuntime()
    agrees(network, layers, size, compiler.load(compiler.build(network, layers, size), layers, size))


def test_it_says_what_its_engines_are_for():
    """Another version's engine is built anew: what the cache needs to know stands on the compiler."""
    compiler = OnnxRuntime()
    assert (compiler.name, compiler.target, compiler.precision) == ("onnx", "cpu", "float32")
    assert compiler.version == f"onnxruntime {onnxruntime.__version__}"
    assert compiler.device == torch.device("cpu")


def test_a_gradient_that_is_kept_stays(network, engine):
    """The next run writes into memory of its own; and what is given may lie in memory in any order."""
    runner = OnnxRuntime().load(engine, LAYERS, SIZE)
    image, weights, channels = given(network, LAYERS, SIZE)
    first = runner(image, weights, torch.cat(channels))
    kept = first.clone()
    runner(-image, weights, torch.cat(channels))
    assert torch.equal(first, kept)
    assert torch.equal(first, runner(image.contiguous(memory_format=torch.channels_last), weights, torch.cat(channels)))


def test_an_engine_of_a_network_in_half_precision_is_whole(network):
    """The show's own network may run in half precision; the engine does not, and the network stays as it is."""
    half = lively(googlenet, "conv2").half()
    before = {name: tensor.clone() for name, tensor in half.state_dict().items()}
    compiler = OnnxRuntime()
    runner = compiler.load(compiler.build(half, ["conv2"], (40, 48)), ["conv2"], (40, 48))
    assert all(torch.equal(tensor, before[name]) for name, tensor in half.state_dict().items())
    assert next(half.parameters()).dtype == torch.float16
    agrees(half.float(), ["conv2"], (40, 48), runner)


@pytest.mark.parametrize("damage", ["empty", "text", "cut off", "flipped"])
def test_a_damaged_engine_is_refused(engine, damage, capfd):
    """A corrupt cache file is one line for the operator; the library adds none of its own."""
    half = len(engine) // 2
    damaged = {
        "empty": b"",
        "text": b"<html>404 not found</html>",
        "cut off": engine[:half],
        "flipped": bytes(255 - byte for byte in engine[:64]) + engine[64:],
    }[damage]
    with pytest.raises(BuildError, match="built anew") as caught:
        OnnxRuntime().load(damaged, LAYERS, SIZE)
    assert "\n" not in str(caught.value)
    assert capfd.readouterr().err == ""


@pytest.mark.parametrize(
    ("layers", "size"), [(LAYERS, (83, 61)), (LAYERS[:2], SIZE), ([*LAYERS, "inception3b"], SIZE)], ids=str
)
def test_an_engine_for_something_else_is_refused(engine, layers, size):
    """An engine of another size or depth is not run on a picture that it does not fit."""
    with pytest.raises(BuildError, match=f"layers at {size[1]}x{size[0]}; it must be built anew"):
        OnnxRuntime().load(engine, layers, size)


def test_what_cannot_be_exported_is_told_in_one_line(network):
    """An unknown layer, or a network with an operation that nobody wrote out: which, and why, and no traceback."""
    with pytest.raises(BuildError, match=r"googlenet at Mixed_9z, 83x61, cannot .*no layer 'Mixed_9z'"):
        OnnxRuntime().build(network, ["Mixed_9z"], SIZE)
    odd = nn.AvgPool2d(2, 2)
    odd.out = 4
    experiment = Network("experiment", [Stage("first", ConvUnit(3, 4, (3, 3)), Window(3)), Stage("odd", odd, SAME)])
    with pytest.raises(BuildError, match=r"experiment at odd, 32x24, .* average pools") as caught:
        OnnxRuntime().build(experiment, ["odd"], (24, 32))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("missing", ["onnxruntime", "onnx", "onnxscript"])
def test_missing_packages_are_named(network, missing, monkeypatch):
    """Which package is not there, and what to type."""
    there = importlib.util.find_spec
    for module in (onnx_runtime, onnx_file):
        monkeypatch.setattr(module, "find_spec", lambda name: None if name == missing else there(name))
    with pytest.raises(BuildError, match=rf"^{missing} .*missing; pip install 'dreamwall\[onnx\]'$"):
        OnnxRuntime().build(network, LAYERS, SIZE)
