"""Engines answer where there are any, the fallback everywhere else, and an engine that is wrong answers nowhere."""

import threading

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from engines import CPU, LAYERS, SIZE, FakeCompiler, a_compiled, a_network, a_picture, eager32
from models.ascent import Viewing
from models.ascent.compiled import BuildError, Compiled, out_of_memory
from models.ascent.eager import Eager
from models.ascent.parity import check, textured
from models.leap import Leap

OTHER = (76, 76)


@pytest.fixture(scope="module")
def network():
    return a_network()


@pytest.fixture
def compiler(network):
    return FakeCompiler(network)


@pytest.fixture
def compiled(compiler, network):
    return a_compiled(compiler, network)


def put(compiled, *places):
    for depth, size in places:
        compiled.put(depth, size, compiled.compiler.runner(LAYERS[:depth]))


def same(one, other):
    return torch.nn.functional.cosine_similarity(one.flatten(), other.flatten(), dim=0) > 0.99999


def test_without_an_engine_the_fallback_answers_at_once(compiled, compiler, network):
    """The show never waits for an engine: what is missing is written down, and the gradient is there."""
    image = a_picture()
    assert torch.equal(compiled.gradient(image, [0, 1, 0]), eager32(network).gradient(image, [0, 1, 0]))
    assert compiler.runs == [] and compiled.wanted() == [(2, SIZE)]
    assert compiled.layers == LAYERS and compiled.reach == 1 and compiled.device == CPU
    assert compiled.viewing([0, 1, 0]) == Viewing()


def test_a_step_is_the_fallbacks_own_until_there_is_an_engine(compiled, compiler, network, monkeypatch):
    """A fallback that has a quicker way to take a whole step, as a CUDA graph has, is asked for whole steps."""
    image, told = a_picture(), ([0, 1, 0], 0.01, (3, -2))
    right = eager32(network).step(image, *told)
    monkeypatch.setattr(compiled.fallback, "step", lambda *given: given)
    assert compiled.step(image, *told) == (image, *told, None, None)
    assert compiled.wanted() == [(2, SIZE)]
    put(compiled, (2, SIZE))
    assert torch.allclose(compiled.step(image, *told), right, atol=1e-6) and compiler.runs == [2]


def test_the_engine_of_the_deepest_layer_in_use_answers(compiled, compiler, network):
    """A shallow mixture costs what a shallow network costs; both engines give autograd's gradient."""
    put(compiled, (1, SIZE), (3, SIZE))
    image, eager = a_picture(), eager32(network)
    for weights, depth in (([1, 0, 0], 1), ([0.2, 0, 0.8], 3), ([0, 0, 1], 3)):
        compiler.runs.clear()
        assert same(compiled.gradient(image, weights), eager.gradient(image, weights))
        assert compiler.runs == [depth]
    assert compiled.wanted() == []


def test_a_deeper_engine_stands_in_for_a_shallower_one(compiled, compiler, network):
    """What a deeper engine says of a shallower mixture is right, and better than waiting; the right one is wanted."""
    put(compiled, (3, SIZE), (2, OTHER))
    image = a_picture()
    assert same(compiled.gradient(image, [1, 0, 0]), eager32(network).gradient(image, [1, 0, 0]))
    assert compiler.runs == [3]
    assert compiled.wanted() == [(1, SIZE)]


def test_the_nearest_of_the_deeper_ones_stands_in(compiled, compiler):
    """Of two deeper engines the one that costs less is taken."""
    put(compiled, (3, SIZE), (2, SIZE))
    compiled.gradient(a_picture(), [1, 0, 0])
    assert compiler.runs == [2]


def test_channels_reach_the_engine(compiled, compiler, network):
    """Channel weights change the gradient as they do in autograd, in engines of every depth."""
    put(compiled, (3, SIZE))
    image = a_picture()
    channels = [torch.rand(network.channels(layer)) for layer in LAYERS]
    for weights in ([1, 0, 0], [0, 0.5, 0.5]):
        assert same(compiled.gradient(image, weights, channels), eager32(network).gradient(image, weights, channels))
    assert compiler.runs == [3, 3]


def test_weights_travel_only_when_they_change(compiled, compiler, network):
    """Twice the same mixture is the very same tensor on the device, another one is another."""
    seen = []
    compiled.put(2, SIZE, lambda image, weights, channels: (seen.append((weights, channels)), image * 0)[1])
    for weights in ([1, 1, 0], [1, 1, 0], [1, 0.5, 0]):
        compiled.gradient(a_picture(), weights)
    (first, ones), (second, again), (third, _) = seen
    assert first is second and ones is again and torch.equal(ones, torch.ones_like(ones))
    assert third.tolist() == [1, 0.5] and third.dtype == ones.dtype == torch.float32


def test_an_engine_that_fails_in_the_show_is_dropped(compiled, compiler, network):
    """The picture goes on with the fallback in that very step; the engine is not asked again, and it is said why."""
    compiled.put(2, SIZE, lambda *_: 1 / 0)
    image = a_picture()
    assert torch.equal(compiled.gradient(image, [0, 1, 0]), eager32(network).gradient(image, [0, 1, 0]))
    assert "division by zero" in compiled.refused[2, SIZE]
    assert compiled.ready == [] and "1 refused" in compiled.status
    compiled.gradient(image, [0, 1, 0])
    assert compiled.wanted() == []


def test_a_deeper_engine_takes_over_from_one_that_fails(compiled, compiler):
    """The next best comes before the fallback."""
    put(compiled, (3, SIZE))
    compiled.put(2, SIZE, lambda *_: 1 / 0)
    compiled.gradient(a_picture(), [0, 1, 0])
    assert compiler.runs == [3]


@pytest.mark.parametrize(
    "error", [MemoryError(), torch.cuda.OutOfMemoryError("CUDA out of memory"), RuntimeError("Error: out of memory")]
)
def test_out_of_memory_is_for_the_caller(compiled, error):
    """Only the caller can go on with a smaller picture, so an engine that is out of memory is not hidden."""

    def run(*_):
        raise error

    compiled.put(1, SIZE, run)
    with pytest.raises(type(error)):
        compiled.gradient(a_picture(), [1, 0, 0])
    assert out_of_memory(error) and compiled.refused == {}


def test_what_is_wanted_is_the_latest_first_and_bounded(compiled, network):
    """Whoever builds engines begins with what the dream does now, and the list never grows without end."""
    compiled.gradient(a_picture(), [1, 0, 0])
    compiled.gradient(a_picture(), [0, 0, 1])
    compiled.gradient(a_picture(), [1, 0, 0])
    assert compiled.wanted() == [(1, SIZE), (3, SIZE)]
    for side in range(72, 110):
        compiled.gradient(a_picture((72, side)), [1, 0, 0])
    wanted = compiled.wanted()
    assert len(wanted) == 32 and wanted[0] == (1, (72, 109))


def test_only_so_many_engines_are_held(compiler, network):
    """A card's memory is not filled with engines of yesterday: the one not used for longest goes, and may come back."""
    compiled = a_compiled(compiler, network, most=2)
    put(compiled, (1, SIZE), (1, OTHER))
    compiled.gradient(a_picture(), [1, 0, 0])
    put(compiled, (2, SIZE))
    assert compiled.ready == [(1, SIZE), (2, SIZE)]
    compiled.gradient(a_picture(OTHER), [1, 0, 0])
    assert compiled.wanted() == [(1, OTHER)]


def test_it_says_what_runs_and_what_is_missing(compiled):
    """The operator reads which engine dreams, what is still to come, and what answers until then."""
    assert (
        compiled.status.startswith("eager, float32 on cpu") and "onnx, float32 on cpu; no engine yet" in compiled.status
    )
    compiled.gradient(a_picture(), [1, 0, 0])
    assert compiled.status.startswith("eager") and "1 to come" in compiled.status
    put(compiled, (2, SIZE))
    assert compiled.status.startswith("onnx, float32 on cpu: 1 engine ready, 1 to come (until then eager, float32")
    put(compiled, (1, SIZE))
    assert compiled.status == "onnx, float32 on cpu: 2 engines ready"


def test_two_hands_dream_while_a_third_puts_engines_in(compiled, network):
    """Swaps under full load: every gradient is right, whichever engine answered it."""
    image, eager = a_picture((72, 72)), eager32(network)
    mixtures = ([1, 0, 0], [0, 1, 0])
    right = [eager.gradient(image, weights) for weights in mixtures]
    answers, over = [], threading.Event()

    def dream(hand):
        answers.extend(same(compiled.gradient(image, mixtures[hand]), right[hand]) for _ in range(40))

    def swap():
        while not over.is_set():
            put(compiled, (1, (72, 72)), (2, (72, 72)))

    hands = [threading.Thread(target=dream, args=(hand,)) for hand in (0, 1)]
    third = threading.Thread(target=swap)
    for thread in (*hands, third):
        thread.start()
    for thread in hands:
        thread.join()
    over.set()
    third.join()
    assert len(answers) == 80 and all(answers) and compiled.refused == {}


def test_a_fallback_that_is_no_gradient_is_refused(compiler, network):
    """Engines are held to a true gradient on the same device, so nothing else may stand beside them."""
    with pytest.raises(ValueError, match="no true gradient"):
        Compiled(compiler, Leap.load(device=CPU), network)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    engines=st.sets(st.tuples(st.integers(1, 3), st.sampled_from([SIZE, OTHER]))),
    weights=st.lists(st.sampled_from([0.0, 0.3, 1.0]), min_size=3, max_size=3).filter(any),
    size=st.sampled_from([SIZE, OTHER]),
)
def test_whatever_engines_there_are_the_answer_is_the_same(network, engines, weights, size):
    """The law of the swap: which engine answers is never seen in the gradient."""
    compiled = a_compiled(FakeCompiler(network), network)
    put(compiled, *engines)
    assert same(compiled.gradient(a_picture(size), weights), eager32(network).gradient(a_picture(size), weights))
    depth = max(i + 1 for i, weight in enumerate(weights) if weight)
    assert compiled.wanted() == ([] if (depth, size) in engines else [(depth, size)])


# -- held to autograd --------------------------------------------------------------------------------------------------


def held(network, runner, precision="float32"):
    return check(runner, network, LAYERS, SIZE, CPU, precision)


def test_a_right_engine_is_found_right(network, compiler):
    """An engine that computes autograd's gradient agrees with it to the last digits."""
    assert held(network, compiler.runner(LAYERS)) > 0.999999


def scaled(gradient, share):
    """``gradient`` with noise of ``share`` of its own size."""
    noise = torch.randn(gradient.shape, generator=torch.Generator().manual_seed(9))
    return gradient + noise * gradient.std() * share


def ignores(what):
    def make(network, runner):
        if what == "weights":
            return lambda image, weights, channels: runner(image, torch.ones_like(weights), channels)
        return lambda image, weights, channels: runner(image, weights, torch.ones_like(channels))

    return make


WRONG = {
    "the other way": (lambda network, runner: lambda *given: -runner(*given), "cosine -1.0"),
    "all noise": (
        lambda network, runner: lambda *given: scaled(runner(*given), 0.5),
        "differs from autograd's for all",
    ),
    "deaf to layer weights": (ignores("weights"), "Conv2d_2b_3x3 alone"),
    "deaf to channel weights": (ignores("channels"), "uneven channels"),
    "not a number": (lambda network, runner: lambda *given: runner(*given) * float("nan"), "cosine nan"),
    "another size": (lambda network, runner: lambda *given: runner(*given)[..., 1:], r"is \(1, 3, 80, 87\)"),
    "half precision": (lambda network, runner: lambda *given: runner(*given).half(), "float16"),
    "another network": (lambda network, runner: FakeCompiler(a_network(2)).runner(LAYERS), "differs"),
    "broken": (lambda network, runner: lambda *given: 1 / 0, "does not run: ZeroDivisionError"),
}


@pytest.mark.parametrize(("make", "why"), WRONG.values(), ids=WRONG)
def test_a_wrong_engine_is_refused_and_it_is_said_why(network, compiler, make, why):
    """Nothing dreams that does not compute what autograd does, for any mixture of layers and channels."""
    with pytest.raises(BuildError, match=why) as caught:
        held(network, make(network, compiler.runner(LAYERS)), "float16")
    assert "\n" not in str(caught.value)


def test_an_engine_whose_answers_share_memory_is_refused(network, compiler):
    """The dream keeps a gradient while the next one is computed: it must stay what it was."""
    runner, memory = compiler.runner(LAYERS), torch.empty(1, 3, *SIZE)
    with pytest.raises(BuildError, match="changed when it was asked for another"):
        held(network, lambda *given: memory.copy_(runner(*given)))


def test_half_precision_may_stray_as_far_as_half_precision_does(network, compiler):
    """A cosine of 0.997 is what float16 is like, and is a fault in float32."""
    runner = compiler.runner(LAYERS)

    def stray(*given):
        return scaled(runner(*given), 0.08)

    assert 0.99 < held(network, stray, "float16") < 0.999
    with pytest.raises(BuildError, match=r"not 0\.9999"):
        held(network, stray)


def test_the_reference_is_found_on_the_card_too(device, network):
    """On a graphics card the check computes there, and agrees with the check on the processor."""
    runner = Eager(a_network(), LAYERS, device=device, dtype=torch.float32)
    counts = [network.channels(layer) for layer in LAYERS]

    def run(image, weights, channels):
        return runner.gradient(image, weights.tolist(), channels.split(counts))

    assert check(run, network, LAYERS, SIZE, device, "float32") > 0.9999


def test_the_picture_it_is_held_to_has_patterns_of_every_size():
    """Every layer has something to look at; the picture is the same every time, and within range."""
    picture = textured((97, 131))
    assert picture.shape == (1, 3, 97, 131) and picture.abs().max() == 1
    assert torch.equal(picture, textured((97, 131)))
    for patch in (1, 4, 16, 48):
        pooled = torch.nn.functional.avg_pool2d(picture, patch)
        assert pooled.std() > 0.05
