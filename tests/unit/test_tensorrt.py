"""TensorRT is chosen, built and run, or it is said in one line why not and what to install."""

import copy
import sys
import threading
from types import SimpleNamespace

import pytest
import torch

import fake_tensorrt
from fake_tensorrt import ADDED, Capability
from models.ascent import tensorrt as module
from models.ascent.compiled import BuildError, out_of_memory
from models.ascent.tensorrt import TensorRT
from models.ascent.tensorrt_library import Library
from models.inception import inception_v3

LAYERS, SIZE = ("Conv2d_2b_3x3", "Conv2d_4a_3x3"), (4, 6)
SHAPES = {"image": [1, 3, *SIZE], "weights": [2], "channels": [256], "gradient": [1, 3, *SIZE]}
OOM = "IBuilder::buildSerializedNetwork: Error Code 2: OutOfMemory (Requested 3 GiB. In alloc at /_src/a/b.cpp:12)"


@pytest.fixture(autouse=True)
def _nothing_installed(monkeypatch):
    for name in ("tensorrt_rtx", "tensorrt", "torch_tensorrt"):
        monkeypatch.setitem(sys.modules, name, None)  # importing it says that there is no such module


@pytest.fixture
def rtx(monkeypatch):
    fake = fake_tensorrt.module()
    monkeypatch.setitem(sys.modules, "tensorrt_rtx", fake)
    return fake


@pytest.fixture
def a_card(monkeypatch):
    """A function that makes this machine one with a card of that capability."""

    def put_in(major, minor):
        monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
        monkeypatch.setattr(torch.cuda, "get_device_capability", lambda: (major, minor))
        monkeypatch.setattr(torch.cuda, "get_device_name", lambda: "NVIDIA Something")

    return put_in


@pytest.fixture
def here(rtx, a_card, monkeypatch):
    """A compiler for a card whose memory is the CPU's, so that what reaches TensorRT can be seen."""
    a_card(8, 9)
    stream = SimpleNamespace(cuda_stream=1, wait_stream=lambda _: None, synchronize=lambda: None)
    monkeypatch.setattr(torch.cuda, "Stream", lambda _: stream)
    monkeypatch.setattr(torch.cuda, "current_stream", lambda _: stream)
    monkeypatch.setattr(TensorRT, "device", torch.device("cpu"))
    monkeypatch.setattr("models.ascent.tensorrt_runtime.ALIGNED", fake_tensorrt.ALIGNED)
    return TensorRT.here()


@pytest.fixture
def graphs(monkeypatch):
    """Networks that were to become ONNX files, none of which is made."""
    seen = []
    monkeypatch.setattr(module, "onnx_of", lambda network, layers, size: seen.append(network) or b"model")
    return seen


def told(error):
    text = str(error.value)
    assert "\n" not in text and len(text) < 400
    return text


def no_converters(*_):
    raise BuildError("torch_tensorrt cannot be imported")


# -- which one ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["sm_89", "89", "8.9", "SM89"])
def test_a_card_is_named_as_people_name_it(rtx, name):
    """An engine ahead of time is for the card that was asked for, and its key says so."""
    compiler = TensorRT.for_target(name)
    assert (compiler.target, compiler.precision, compiler.version) == ("sm_89", "float16", "tensorrt_rtx 9.9")


@pytest.mark.parametrize("name", ["sm_90", "GTX", ""])
def test_an_unknown_card_is_refused_with_those_there_are(rtx, name):
    """`--for sm_90` names the cards that can be built for."""
    with pytest.raises(BuildError) as error:
        TensorRT.for_target(name)
    assert "it can for sm_75, sm_89" in told(error)


def test_without_the_library_it_says_what_to_install():
    """No TensorRT-RTX: one line with the command."""
    with pytest.raises(BuildError) as error:
        TensorRT.for_target("sm_89")
    assert "pip install 'dreamwall[rtx]'" in told(error)


def test_a_library_that_does_not_load_is_told_from_none(monkeypatch):
    """A missing system library is named; it is not said that nothing is installed."""

    def fails(_name):
        raise OSError("libcudart.so.13: cannot open shared object file\nand so on")

    monkeypatch.setattr("models.ascent.tensorrt_library.import_module", fails)
    with pytest.raises(BuildError) as error:
        Library("tensorrt_rtx")
    assert "cannot be loaded" in told(error) and "libcudart.so.13" in told(error)


def test_without_a_card_it_says_so(rtx, monkeypatch):
    """No CUDA device: one line that says what is needed."""
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(BuildError) as error:
        TensorRT.here()
    assert "no CUDA device" in told(error)


def test_a_known_card_is_built_for_by_its_name(rtx, a_card, graphs, monkeypatch):
    """Engines that were built elsewhere for this card are found under the same key."""
    a_card(8, 9)
    monkeypatch.setattr(module, "converted", no_converters)
    compiler = TensorRT.here()
    assert compiler.target == TensorRT.for_target("sm_89").target and compiler.device.type == "cuda"
    compiler.build(inception_v3(LAYERS[-1]), LAYERS, SIZE)
    assert ("for", Capability.SM89) in rtx.heard


def test_a_card_that_rtx_does_not_know_takes_the_full_tensorrt(rtx, a_card, monkeypatch):
    """A data centre's card is not refused when the full TensorRT is there."""
    a_card(9, 0)
    monkeypatch.setitem(sys.modules, "tensorrt", fake_tensorrt.module(__version__="10.1"))
    assert TensorRT.here().version == "tensorrt 10.1" and TensorRT.here().target == "sm_90"


def test_a_card_that_nothing_takes_is_told_by_name(rtx, a_card, monkeypatch):
    """The line names the card, what is known, and what to install; TensorRT-RTX under the other's name is not it."""
    a_card(9, 0)
    monkeypatch.setitem(sys.modules, "tensorrt", fake_tensorrt.module(_package_name="tensorrt_rtx"))
    with pytest.raises(BuildError) as error:
        TensorRT.here()
    assert "NVIDIA Something (sm_90)" in told(error) and "dreamwall[tensorrt]" in told(error)


def test_rtx_can_be_told_to_try_any_card(rtx, a_card, graphs, monkeypatch):
    """Whether a card is taken after all can be tried: it is built for as the current one."""
    a_card(9, 0)
    monkeypatch.setattr(module, "converted", no_converters)
    TensorRT.here(any_card=True).build(inception_v3(LAYERS[-1]), LAYERS, SIZE)
    assert ("for", Capability.CURRENT) in rtx.heard


# -- building ----------------------------------------------------------------------------------------------------------


def test_the_network_is_left_as_it_is(rtx, graphs):
    """Half precision is for the engine alone: who dreams with the network meanwhile keeps float32."""
    network = inception_v3(LAYERS[-1])
    before = copy.deepcopy(network.state_dict())
    assert TensorRT.for_target("sm_89").build(network, LAYERS, SIZE) == b"engine"
    assert {p.dtype for p in graphs[0].parameters()} == {torch.float16}
    assert all(
        torch.equal(now, before[name]) and now.dtype == torch.float32 for name, now in network.state_dict().items()
    )
    assert ("typed", 1) in rtx.heard  # and TensorRT is told to keep to the graph's types


def test_float32_is_float32(rtx, graphs):
    """Asked for float32, nothing is multiplied in TensorFloat-32, whose digits are those of half precision."""
    TensorRT.for_target("sm_89", "float32").build(inception_v3(LAYERS[-1]), LAYERS, SIZE)
    assert {p.dtype for p in graphs[0].parameters()} == {torch.float32} and ("without", "TF32") in rtx.heard


def test_the_converters_come_first_and_onnx_second(here, graphs, monkeypatch):
    """`torch_tensorrt` builds where it can; where it cannot, the status says why, and there is an engine anyway."""
    network = inception_v3(LAYERS[-1])
    monkeypatch.setattr(module, "converted", lambda *_: fake_tensorrt.engine(SHAPES))
    assert here.build(network, LAYERS, SIZE) == fake_tensorrt.engine(SHAPES)
    assert not graphs and "by torch_tensorrt" in here.status
    monkeypatch.setattr(module, "converted", no_converters)
    assert here.build(network, LAYERS, SIZE) == b"engine"
    assert len(graphs) == 1 and "through ONNX: torch_tensorrt cannot be imported" in here.status


def test_an_engine_of_the_wrong_size_is_built_again_through_onnx(here, graphs, monkeypatch):
    """A converter that gets the size wrong, without a word, costs time and nothing else."""
    short = {**SHAPES, "gradient": [1, 3, 3, 5]}
    monkeypatch.setattr(module, "converted", lambda *_: fake_tensorrt.engine(short))
    assert here.build(inception_v3(LAYERS[-1]), LAYERS, SIZE) == b"engine"
    assert "not one for 2 layers at 6x4" in here.status


def test_ahead_of_time_the_converters_are_not_asked(rtx, graphs, monkeypatch):
    """They would build for the card of this machine, whatever was asked for."""
    monkeypatch.setattr(module, "converted", lambda *_: pytest.fail("asked"))
    assert TensorRT.for_target("sm_75").build(inception_v3(LAYERS[-1]), LAYERS, SIZE) == b"engine"


def test_a_failed_build_says_why_in_tensorrts_words(rtx, graphs, capfd):
    """The builder returns nothing: the line has TensorRT's own reason, and is known for one about memory."""
    rtx.fail = OOM
    with pytest.raises(BuildError) as error:
        TensorRT.for_target("sm_89").build(inception_v3(LAYERS[-1]), LAYERS, SIZE)
    assert told(error) == "tensorrt_rtx 9.9 cannot build for sm_89: out of memory (Requested 3 GiB.)"
    assert out_of_memory(error.value) and capfd.readouterr() == ("", "")


def test_a_graph_that_cannot_be_read_names_the_node(rtx):
    """What the parser does not take is named."""
    with pytest.raises(BuildError) as error:
        TensorRT.for_target("sm_89").from_onnx(b"bad")
    assert "node 7 is strange" in told(error)


def test_memory_that_runs_out_before_tensorrt_is_told_too(rtx, monkeypatch):
    """Tracing and exporting need memory as well."""

    def fails(*_):
        raise MemoryError

    monkeypatch.setattr(module, "onnx_of", fails)
    with pytest.raises(BuildError) as error:
        TensorRT.for_target("sm_89").build(inception_v3(LAYERS[-1]), LAYERS, SIZE)
    assert "MemoryError" in told(error)


def test_a_layer_that_there_is_not_is_named(rtx):
    """The line has the layers that there are."""
    with pytest.raises(BuildError) as error:
        TensorRT.for_target("sm_89").build(inception_v3(LAYERS[-1]), ["Mixed_9z"], SIZE)
    assert "Mixed_9z" in told(error) and LAYERS[-1] in told(error)


def test_a_precision_that_there_is_not_is_a_mistake_of_ours(rtx):
    """Only float16 and float32."""
    with pytest.raises(ValueError, match="float16, float32"):
        TensorRT.for_target("sm_89", precision="int8")


# -- running -----------------------------------------------------------------------------------------------------------


def some(seed):
    chance = torch.Generator().manual_seed(seed)
    return [torch.rand(SHAPES[name], generator=chance) for name in ("image", "weights", "channels")]


def expected(image, weights, channels):
    return image + float(weights.sum() + channels.sum()) + ADDED


def test_an_engine_reads_the_tensors_and_gives_a_new_one(here):
    """What comes back is the engine's answer, and the next call does not write over it."""
    runner = here.load(fake_tensorrt.engine(SHAPES), LAYERS, SIZE)
    one, other = some(1), some(2)
    first = runner(*one)
    second = runner(*other)
    assert torch.allclose(first, expected(*one), atol=1e-3) and torch.allclose(second, expected(*other), atol=1e-3)


def test_tensors_come_in_any_layout(here):
    """Channels last, half precision, or a piece out of the middle of another tensor: the engine sees plain rows."""
    runner = here.load(fake_tensorrt.engine(SHAPES), LAYERS, SIZE)
    image, weights, channels = some(1)
    piece = torch.cat([torch.zeros(1), weights])[1:]
    found = runner(image.contiguous(memory_format=torch.channels_last), piece, channels.double())
    assert torch.allclose(found, expected(image, weights, channels), atol=1e-3)


def test_tensors_of_another_size_never_reach_the_engine(here):
    """It would read memory that is not theirs."""
    runner = here.load(fake_tensorrt.engine(SHAPES), LAYERS, SIZE)
    image, weights, channels = some(1)
    for wrong in ((image[..., :5], weights, channels), (image, weights[:1], channels), (image, weights, channels[1:])):
        with pytest.raises(ValueError, match="the engine takes"):
            runner(*wrong)


def test_threads_do_not_mix_their_pictures(here):
    """Two workers on one engine each get the answer to their own picture."""
    runner = here.load(fake_tensorrt.engine(SHAPES), LAYERS, SIZE)
    wrong = []

    def work(seed):
        given = some(seed)
        right = [torch.allclose(runner(*given), expected(*given), atol=1e-3) for _ in range(50)]
        wrong.extend([seed] * right.count(False))

    threads = [threading.Thread(target=work, args=(seed,)) for seed in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


def test_an_engine_that_stops_says_why(here, rtx):
    """The caller falls back to another engine, and the log has TensorRT's reason."""
    runner = here.load(fake_tensorrt.engine(SHAPES), LAYERS, SIZE)
    rtx.fail = "IExecutionContext::enqueueV3: Error Code 1: Cuda Runtime (an illegal memory access)"
    with pytest.raises(RuntimeError, match="an illegal memory access"):
        runner(*some(1))


@pytest.mark.parametrize(
    ("trouble", "words"),
    [(1, "another version"), (2, "another card"), (4, "newer driver"), (32, "damaged"), (3, "another card")],
)
def test_a_foreign_engine_is_refused_for_what_it_is(here, trouble, words):
    """Engines for another card or version are told apart before they are loaded."""
    with pytest.raises(BuildError) as error:
        here.load(fake_tensorrt.engine(SHAPES, trouble=trouble), LAYERS, SIZE)
    assert words in told(error) and "must be built anew" in told(error)


@pytest.mark.parametrize("engine", [b"", b"short"])
def test_what_is_too_short_to_be_an_engine_is_refused(here, engine):
    """An empty file is damaged, and nothing crashes over it."""
    with pytest.raises(BuildError) as error:
        here.load(engine, LAYERS, SIZE)
    assert "damaged" in told(error)


def test_an_engine_for_another_size_or_depth_is_refused(here):
    """It is not found out by a picture in the wrong place."""
    for layers, size in ((LAYERS, (4, 8)), (LAYERS[:1], SIZE)):
        with pytest.raises(BuildError) as error:
            here.load(fake_tensorrt.engine(SHAPES), layers, size)
        assert "not one for" in told(error)


def test_a_card_too_small_for_an_engine_is_told(here, rtx):
    """Memory that runs out while an engine is loaded is an engine less, no crash."""
    rtx.fail = OOM
    with pytest.raises(BuildError) as error:
        here.load(fake_tensorrt.engine(SHAPES), LAYERS, SIZE)
    assert out_of_memory(error.value) and told(error)
