"""Real TensorRT engines are built here, with or without a card: from the traced gradient, ahead of time, and whole.

What needs a card is to run them, and for TensorRT to tell one card's engine from another's; `tests/gpu` has that.
"""

import copy
import json
import logging
import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest
import torch

from lively import lively
from models.ascent.compiled import BuildError
from models.ascent.eager import Eager
from models.ascent.onnx_file import INPUTS, onnx_of
from models.ascent.parity import textured
from models.ascent.tensorrt import TensorRT
from models.inception import inception_v3
from models.weights import load_network
from needs import lacking
from shared_material import WEIGHTS

LAYERS, SIZE = ["Mixed_5b", "Mixed_6b"], (240, 320)
TARGETS = ["sm_75", "sm_89", "sm_120"] if os.environ.get("DREAMWALL_SOAK") else ["sm_89", "sm_120"]

# Exporting takes ten seconds, and many times that on a machine with other work.
pytestmark = [pytest.mark.timeout(300), pytest.mark.beside]


def needs_packages(*names):
    missing = [name for name in names if find_spec(name) is None]
    if missing:
        lacking(f"NOT TESTED: {', '.join(missing)} not installed; pip install 'dreamwall[rtx]'")


@pytest.fixture(scope="module")
def network():
    """Inception-v3 to Mixed_6b; Google's weights where they are at hand."""
    return load_network(WEIGHTS, "Mixed_6b") if WEIGHTS.exists() else lively(inception_v3, "Mixed_6b")


@pytest.fixture(scope="module")
def model(network):
    """The gradient in half precision as an ONNX file: what all engines of this module are built from."""
    needs_packages("onnx", "onnxscript")
    return onnx_of(copy.deepcopy(network).half(), LAYERS, SIZE)


@pytest.fixture(scope="module")
def engines(model):
    needs_packages("tensorrt_rtx")
    return {target: TensorRT.for_target(target).from_onnx(model) for target in TARGETS}


def test_engines_are_built_ahead_of_time_for_several_cards(engines, network):
    """`prepare --for` works on any machine: whole engines, with all weights in half precision, one for each card."""
    convolutions = {id(p): p.numel() for p in network.parameters()}
    for engine in engines.values():
        # Every weight is in it, in two bytes, and what goes forward may serve backward; four bytes would be more.
        assert 2 * sum(convolutions.values()) < len(engine) < 8 * sum(convolutions.values())
    assert len(set(engines.values())) == len(TARGETS)


def test_an_engine_that_cannot_run_here_is_refused_in_one_line(engines):
    """On a machine without a card an engine is refused, and said why; on one with a card, that of another card is."""
    if torch.cuda.is_available():
        here = "sm_{}{}".format(*torch.cuda.get_device_capability())
        foreign, why = next(target for target in TARGETS if target != here), "refuses the engine"
    else:
        foreign, why = "sm_89", "no CUDA device"
    with pytest.raises(BuildError) as error:
        TensorRT.for_target(foreign).load(engines[foreign], LAYERS, SIZE)
    assert why in str(error.value) and "\n" not in str(error.value)


@pytest.mark.parametrize("spoil", [lambda e: b"", lambda e: b"x" * 5000, lambda e: bytes(64) + e[64:]])
def test_a_damaged_engine_is_refused_and_nothing_crashes(engines, spoil, capfd):
    """Rubbish, an empty file, a lost beginning: TensorRT's real runtime refuses them, in one line and no other."""
    with pytest.raises(BuildError) as error:
        TensorRT.for_target("sm_89").load(spoil(engines["sm_89"]), LAYERS, SIZE)
    assert "damaged" in str(error.value) and "\n" not in str(error.value)
    assert capfd.readouterr() == ("", "")


def test_a_graph_that_is_none_is_refused(capfd):
    """TensorRT's real parser and builder fail in one line and print nothing."""
    needs_packages("tensorrt_rtx")
    with pytest.raises(BuildError) as error:
        TensorRT.for_target("sm_89").from_onnx(b"no model at all")
    assert "\n" not in str(error.value) and "no reason given" not in str(error.value)
    assert capfd.readouterr() == ("", "")


def test_the_graph_in_half_precision_is_the_gradient(model, network):
    """The very file that TensorRT is given, run by ONNX Runtime: it points where autograd in float32 points."""
    needs_packages("onnxruntime")
    import onnxruntime

    session = onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"])
    weights, channels = torch.tensor([0.3, 0.7]), [torch.rand(network.channels(layer)) for layer in LAYERS]
    image = textured(SIZE)
    given = dict(zip(INPUTS, (t.numpy() for t in (image, weights, torch.cat(channels))), strict=True))
    found = torch.from_numpy(session.run(None, given)[0])
    eager = Eager(copy.deepcopy(network), LAYERS, device=torch.device("cpu"), dtype=torch.float32)
    expected = eager.gradient(image, weights.tolist(), channels)
    assert found.dtype == torch.float32 and found.shape == expected.shape
    assert torch.cosine_similarity(found.flatten(), expected.flatten(), dim=0) > 0.99


def test_a_whole_build_in_float32_without_a_word(capfd, caplog, recwarn):
    """Float32 is there too; and what exporters warn of (no torchvision, a deprecated call) reaches nobody."""
    needs_packages("onnx", "onnxscript", "tensorrt_rtx")
    network = inception_v3("Conv2d_2b_3x3")
    engine = TensorRT.for_target("sm_89", "float32").build(network, ["Conv2d_2b_3x3"], (40, 48))
    assert len(engine) > 4 * sum(p.numel() for p in network.parameters())
    loud = [record for record in caplog.records if record.levelno >= logging.INFO]
    assert capfd.readouterr() == ("", "") and not loud and not recwarn.list


def test_a_picture_too_small_for_the_layer_is_told_in_one_line(network):
    """No traceback of an exporter."""
    needs_packages("onnx", "onnxscript", "tensorrt_rtx")
    with pytest.raises(BuildError) as error:
        TensorRT.for_target("sm_89").build(network, LAYERS, (40, 40))
    assert "inception_v3 at Mixed_5b, Mixed_6b, 40x40" in str(error.value) and "\n" not in str(error.value)


def test_torch_tensorrt_takes_every_node_of_both_networks():
    """torch_tensorrt's own converters make the gradients of Inception-v3 and GoogLeNet engines, nothing left out.

    Down to the first inception blocks, where every kind of operation has come up: what lies deeper repeats them.

    All of it runs: its checks of each node, its lowering, its converters, TensorRT-RTX's builder.  Only the questions
    which card there is are answered for it where there is none (see `cardless`); to run the engine needs a card.
    """
    needs_packages("torch_tensorrt", "tensorrt_rtx")
    root = Path(__file__).parents[2]
    command = [sys.executable, root / "tests" / "cardless.py"]
    surroundings = {**os.environ, "PYTHONPATH": str(root)}
    done = subprocess.run(command, cwd=root, env=surroundings, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    found = json.loads(done.stdout)
    assert set(found) == {"inception_v3", "googlenet"}
    for name, seen in found.items():
        assert seen["errors"] == [], name
        assert seen["gives"] == [[1, 3, 120, 160]], name
        assert list(seen["takes"]) == list(INPUTS) and seen["takes"]["image"] == [1, 3, 120, 160], name
        assert seen["types"] == ["DataType.FLOAT"] and seen["bytes"] > 3_000_000, name
