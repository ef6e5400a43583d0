"""TensorRT's gradient is autograd's, on the card that is there.  Its twin on the CPU: no card is said in one line."""

import copy
import threading
from importlib.util import find_spec

import pytest
import torch

from lively import lively
from models.ascent.compiled import BuildError
from models.ascent.onnx_file import onnx_of
from models.ascent.parity import check, textured
from models.ascent.tensorrt import TensorRT
from models.inception import inception_v3
from models.weights import load_network
from needs import lacking
from shared_material import WEIGHTS

LAYERS, SIZE = ["Mixed_5b", "Mixed_6b"], (239, 320)


@pytest.fixture(scope="module")
def network():
    return load_network(WEIGHTS, "Mixed_6b") if WEIGHTS.exists() else lively(inception_v3, "Mixed_6b")


def compiler(device, precision="float16"):
    """For the card, if TensorRT is there and takes it."""
    if device.type == "cpu":
        pytest.skip("TensorRT has no engine for the CPU")
    if find_spec("tensorrt_rtx") is None and find_spec("tensorrt") is None:
        lacking("NOT TESTED: neither tensorrt_rtx nor tensorrt is installed")
    try:
        return TensorRT.here(precision)
    except BuildError as error:
        pytest.skip(f"NOT TESTED on this card: {error}")


def test_no_card_is_said(device):
    """Where there is no card, `here` says so; where there is one, it names it."""
    if torch.cuda.is_available():
        assert compiler(device).target.startswith("sm_")
        return
    with pytest.raises(BuildError, match="no CUDA device"):
        TensorRT.here()


@pytest.mark.parametrize("precision", ["float16", "float32"])
def test_an_engine_built_here_agrees_with_autograd(device, network, precision):
    """Whichever way it was built: cosine 0.99 with float32 autograd in half precision, 0.9999 in float32 (or TF32)."""
    made = compiler(device, precision)
    runner = made.load(made.build(network, LAYERS, SIZE), LAYERS, SIZE)
    assert check(runner, network, LAYERS, SIZE, device, precision) >= 0.99, made.status


def test_an_engine_built_ahead_runs_here(device, network):
    """An engine from a machine without a card, for this card's name, is right on this card."""
    made = compiler(device)
    if made.version.startswith("tensorrt "):
        pytest.skip("only TensorRT-RTX builds ahead of time")
    ahead = TensorRT.for_target(made.target)
    runner = made.load(ahead.build(network, LAYERS, SIZE), LAYERS, SIZE)
    assert check(runner, network, LAYERS, SIZE, device, "float16") >= 0.99


def test_threads_share_an_engine(device, network):
    """Two threads, each on a stream of its own, get what one alone gets."""
    made = compiler(device)
    runner = made.load(made.from_onnx(onnx_of(copy.deepcopy(network).half(), LAYERS, SIZE)), LAYERS, SIZE)
    weights = torch.tensor([0.5, 0.5], device=device)
    channels = torch.ones(sum(network.channels(layer) for layer in LAYERS), device=device)
    images = [textured(SIZE).to(device), textured(SIZE).flip(3).to(device)]
    alone = [runner(image, weights, channels) for image in images]
    torch.cuda.synchronize()
    wrong = []

    def work(which):
        with torch.cuda.stream(torch.cuda.Stream()):
            found = [runner(images[which], weights, channels) for _ in range(20)]
            torch.cuda.current_stream().synchronize()
        wrong.extend(which for one in found if not torch.allclose(one, alone[which], rtol=1e-3, atol=1e-5))

    threads = [threading.Thread(target=work, args=(which,)) for which in (0, 1)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong
