"""A recorded step: what changes from step to step lies in tensors, and what cannot be recorded is computed plainly."""

import contextlib
import gc
import weakref

import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode

from lively import lively, noise, off
from models.ascent.compiled import BuildError
from models.ascent.cuda_graphs import WARM_UP, CudaGraphs
from models.ascent.eager import Eager
from models.ascent.graphed import Graphed
from models.googlenet import googlenet
from models.leap import Leap
from models.leap_net import LeapNet
from recording import recorded

LAYERS = ["conv2", "conv3", "inception3a"]
CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def inner():
    return Eager(lively(googlenet, LAYERS[-1]), LAYERS, device=CPU, dtype=torch.float32)


class Counting:
    """Records, and counts how often; fails where it is told to."""

    def __init__(self, *failures):
        self.made, self._failures = 0, list(failures)

    def __call__(self, work):
        self.made += 1
        if self._failures and (failure := self._failures.pop(0)) is not None:
            raise failure
        return recorded(work)


class Heard(TorchDispatchMode):
    """The names of all operations that are run in it."""

    def __init__(self):
        super().__init__()
        self.names = []

    def __torch_dispatch__(self, operation, _types, given=(), options=None):
        self.names.append(str(operation))
        return operation(*given, **(options or {}))


def channels_of(seed):
    chance = torch.Generator().manual_seed(seed)
    return [torch.rand(count, generator=chance) for count in (64, 192, 256)]


def mask_of(seed, size=(48, 64)):
    return torch.rand(1, 1, *size, generator=torch.Generator().manual_seed(seed)).round()


def same_step(found, expected, image):
    return off(found - image, expected - image) < 1e-4


def test_everything_that_changes_is_an_input(inner):
    """One graph after another picture, shift, size, weights, channels and mask: nothing of its first step is left."""
    graphed = Graphed(inner, recorded)
    for turn, shift in enumerate([(0, 0), (3, -4), (-7, 11), (1, 0), (49, -130), (0, -1)]):
        image, share = noise(48, 64, turn), 0.1 + 0.15 * turn
        given = image, [share, 0.0, 1 - share], 0.001 * (turn + 1), shift, channels_of(turn), mask_of(turn)
        assert same_step(graphed.step(*given), inner.step(*given), image)
        assert same_step(graphed.step(*given[:4]), inner.step(*given[:4]), image)
        assert off(graphed.gradient(image, given[1], given[4]), inner.gradient(image, given[1], given[4])) < 1e-5


def test_a_graph_is_recorded_once_for_each_kind(inner):
    """Turning knobs records nothing; another size, other layers in use, a first channel or mask do, once each."""
    capture = Counting()
    graphed = Graphed(inner, capture)
    plain = noise(48, 64), [0.5, 0.5, 0.0], 0.01, (1, 2)
    kinds = [
        plain,
        (noise(40, 56), *plain[1:]),
        (plain[0], [0.0, 0.5, 0.5], *plain[2:]),
        (*plain, channels_of(1)),
        (*plain, None, mask_of(1)),
        (*plain, channels_of(1), mask_of(1)),
    ]
    for count, kind in enumerate(kinds, 1):
        graphed.step(*kind)
        assert capture.made == count
    for image, weights, *rest in kinds:
        graphed.step(-image, [weight * 0.3 for weight in weights], 0.02, (-5, 5), *rest[2:])
    assert capture.made == len(kinds)
    graphed.gradient(*plain[:2])
    assert capture.made == len(kinds) + 1


def test_a_turned_knob_costs_only_itself(inner):
    """A number travels to the card when it has changed, and no step waits to read one back."""
    graphed = Graphed(inner, recorded)
    image = noise(48, 64)
    graphed.step(image, [0.5, 0.5, 0.0], 0.01, (1, 2))

    def sent(*given):
        with Heard() as heard:
            graphed.step(image, *given)
        assert not [name for name in heard.names if "_local_scalar_dense" in name or "_to_copy" in name]
        return sum("fill_" in name for name in heard.names)

    assert sent([0.5, 0.5, 0.0], 0.01, (1, 2)) == 0
    assert sent([0.5, 0.5, 0.0], 0.01, (3, 2)) == 1
    assert sent([0.4, 0.6, 0.0], 0.02, (3, 2)) == 3


def test_the_longest_unused_graph_makes_room(inner):
    """Memory is bounded: beyond the limit the least recently used graph goes, and comes back when it is asked for."""
    capture = Counting()
    graphed = Graphed(inner, capture, most=2)
    image = noise(48, 64)
    first, second, third = [1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.5, 0.5, 0.0]
    for weights in (first, second, first, third, first):
        graphed.step(image, weights, 0.01, (0, 0))
    assert capture.made == 3
    again = graphed.step(image, second, 0.01, (2, 2))
    assert capture.made == 4
    assert same_step(again, inner.step(image, second, 0.01, (2, 2)), image)


def test_a_sizes_pictures_go_with_its_last_graph(inner):
    """A size that is dreamed no more keeps no picture, when the governor has stepped down from it."""
    graphed = Graphed(inner, recorded, most=1)
    graphed.step(noise(48, 64), [1.0, 0.0, 0.0], 0.01, (0, 0))
    large = weakref.ref(graphed._rooms[48, 64])
    graphed.step(noise(40, 56), [1.0, 0.0, 0.0], 0.01, (0, 0))
    gc.collect()
    assert large() is None and list(graphed._rooms) == [(40, 56)]


def test_what_cannot_be_recorded_is_computed_plainly(inner):
    """No graph, and still the same dream; it is tried once, not at every step, and said why."""
    capture = Counting(*[RuntimeError("operation not permitted\nwhen stream is capturing")] * 9)
    graphed = Graphed(inner, capture)
    given = noise(48, 64), [0.5, 0.5, 0.0], 0.01, (1, 2), channels_of(1), mask_of(1)
    for _ in range(3):
        assert torch.equal(graphed.step(*given), inner.step(*given))
    assert capture.made == 1
    assert graphed.status.startswith("eager, float32 on cpu")
    assert graphed.status.endswith("not graphed: RuntimeError: operation not permitted")
    assert torch.equal(graphed.gradient(*given[:2]), inner.gradient(*given[:2]))


def test_one_kind_that_fails_costs_the_others_nothing(inner):
    """Where only one size cannot be recorded, the others stay quick, and the status names it."""
    capture = Counting(None, RuntimeError("odd"))
    graphed = Graphed(inner, capture)
    assert graphed.status == f"graphed over {inner.status}"
    for _ in range(2):
        graphed.step(noise(48, 64), [1.0, 0.0, 0.0], 0.01, (0, 0))
        graphed.step(noise(40, 56), [1.0, 0.0, 0.0], 0.01, (0, 0))
    assert capture.made == 2
    assert graphed.status == f"graphed over {inner.status}; not all of 56x40: RuntimeError: odd"


@pytest.mark.parametrize("hidden", [False, True], ids=["plain", "behind another"])
def test_short_of_memory_the_other_graphs_go_first(inner, hidden):
    """Graphs that are not needed now give way before the one that is needed is given up."""
    error = torch.OutOfMemoryError("CUDA out of memory. Tried to allocate")
    if hidden:
        ending = RuntimeError("capture failed")
        ending.__context__ = error
        error = ending
    capture = Counting(None, error, None, error, error)
    graphed = Graphed(inner, capture)
    small, large, larger = noise(40, 56), noise(48, 64), noise(56, 72)
    given = [1.0, 0.0, 0.0], 0.01, (0, 0)
    graphed.step(small, *given)
    assert same_step(graphed.step(large, *given), inner.step(large, *given), large)
    assert capture.made == 3 and len(graphed._kept) == 1
    assert graphed.status == f"graphed over {inner.status}"
    assert torch.equal(graphed.step(larger, *given), inner.step(larger, *given))
    assert capture.made == 5 and "not graphed" in graphed.status
    graphed.step(small, *given)
    assert capture.made == 6 and "not all of 72x56" in graphed.status


def test_mistakes_are_told_by_who_knows(inner):
    """Wrong weights fail as they do without graphs."""
    graphed = Graphed(inner, recorded)
    with pytest.raises(IndexError):
        graphed.step(noise(48, 64), [1.0] * 9, 0.01, (0, 0))


def test_the_leap_is_replayed_like_any_other():
    """One pass, recorded once for a picture size, follows the layer weights and the named directions."""
    torch.manual_seed(3)
    leap, image = Leap(LeapNet(), {}), noise(64, 80)
    graphed = Graphed(leap, recorded)
    for mixed in ([1.0, 0, 0, 0, 0, 0], [0.3, 0, 0, 0.7, 0, 0]):
        for channels in (None, [torch.tensor([0, 0.5, 0, 0, 0, 0])] * len(leap.layers)):
            given = mixed, 0.01, (1, 1), channels
            assert same_step(graphed.step(image, *given), leap.step(image, *given), image)
    assert graphed.status == f"graphed over {leap.status}"
    with pytest.raises(ValueError, match="leap takes 6 layer weights"):
        Graphed(leap, recorded).gradient(image, [1.0])


def test_without_a_card_it_is_the_plain_ascent(inner):
    """Asked for where no graph can be, it dreams on and says what it would need."""
    graphed = Graphed(inner)
    image = noise(48, 64)
    assert torch.equal(
        graphed.step(image, [1.0, 0.0, 0.0], 0.01, (1, 1)), inner.step(image, [1.0, 0.0, 0.0], 0.01, (1, 1))
    )
    assert graphed.status.endswith("not graphed: CUDA graphs need an NVIDIA card, and this computes on cpu")
    with pytest.raises(BuildError):
        CudaGraphs(CPU)(lambda: None)


def test_an_eager_ascent_takes_weights_that_it_does_not_look_at(inner):
    """Weights in a tensor are worth what they are worth as numbers, a zero too; nothing waits to read them."""
    image, part = noise(48, 64), inner.only(LAYERS[::2])
    assert part.layers == ("conv2", "inception3a") and inner.layers == tuple(LAYERS)
    for weights in ([0.3, 0.7], [1.0, 0.0]):
        with Heard() as heard:
            found = part.gradient(image, torch.tensor(weights))
        assert not [name for name in heard.names if "_local_scalar_dense" in name]
        assert off(found, inner.gradient(image, [weights[0], 0.0, weights[1]])) < 1e-5


# -- recording on a card -----------------------------------------------------------------------------------------------


class Card:
    """The few calls of ``torch.cuda`` that a recording makes, written down in order."""

    def __init__(self, monkeypatch):
        self.log, self.current, self.pools, self.fails = [], "main", 0, False
        card = self

        class Stream:
            def wait_stream(self, other):
                card.log.append(f"aside waits for {card.name(other)}")

        class Main(Stream):
            def wait_stream(self, other):
                card.log.append(f"main waits for {card.name(other)}")

        class Graph:
            def pool(self):
                return self.used

            def replay(self):
                card.log.append("replayed")

        @contextlib.contextmanager
        def stream(which):
            before, card.current = card.current, card.name(which)
            yield
            card.current = before

        @contextlib.contextmanager
        def graph(made, pool, stream, capture_error_mode):
            made.used = pool
            card.log.append(f"records in pool {pool}, {capture_error_mode}")
            card.current = "aside"
            yield
            if card.fails:
                raise RuntimeError("capture failed")  # as PyTorch does it: before the stream is put back
            card.current = "main"

        def handle():
            card.pools += 1
            return card.pools

        self.main = Main()
        for name, fake in {
            "Stream": Stream,
            "CUDAGraph": Graph,
            "stream": stream,
            "graph": graph,
            "graph_pool_handle": handle,
            "current_stream": lambda: self.main,
            "set_stream": lambda which: setattr(card, "current", card.name(which)),
            "device": lambda _device: contextlib.nullcontext(),
        }.items():
            monkeypatch.setattr(torch.cuda, name, fake)

    def name(self, stream):
        return "main" if stream is self.main else "aside"

    def work(self):
        self.log.append(f"work {self.current}")


def test_a_graph_is_recorded_as_pytorch_wants_it(monkeypatch):
    """Warmed up aside, each stream waiting for the other, then recorded; a replay is one call."""
    card = Card(monkeypatch)
    replay = CudaGraphs(torch.device("cuda"))(card.work)
    replay()
    assert card.log == [
        "aside waits for main",
        *["work aside"] * WARM_UP,
        "main waits for aside",
        "records in pool 1, thread_local",
        "work aside",
        "replayed",
    ]
    assert card.current == "main"


def test_graphs_share_a_pool_while_one_is_alive(monkeypatch):
    """Memory for the largest, not for all; and never a pool that went with its last graph."""
    card = Card(monkeypatch)
    record = CudaGraphs(torch.device("cuda"))
    kept = [record(card.work), record(card.work)]
    del kept[0]
    kept.append(record(card.work))
    kept.clear()
    gc.collect()
    kept.append(record(card.work))
    assert [line.split(",")[0] for line in card.log if "pool" in line] == ["records in pool 1"] * 3 + [
        "records in pool 2"
    ]


def test_a_recording_that_fails_leaves_nothing_behind(monkeypatch):
    """Afterwards everything runs on the stream that it ran on before, and the next recording has a pool of its own."""
    card = Card(monkeypatch)
    record = CudaGraphs(torch.device("cuda"))
    card.fails = True
    with pytest.raises(RuntimeError, match="capture failed"):
        record(card.work)
    assert card.current == "main"
    card.fails = False
    record(card.work)
    assert "records in pool 2, thread_local" in card.log


def test_on_a_card_a_real_graph_replays(device):
    """The same steps as without, in half precision; and many graphs take little more memory than one."""
    if device.type != "cuda":
        pytest.skip("NOT TESTED without a card: a recording stands in for the graph above")
    inner = Eager(lively(googlenet, LAYERS[-1]), LAYERS, device=device)
    graphed = Graphed(inner)
    image, first = noise(360, 480).to(device), None
    for weights in (
        [1.0, 0.0, 0.0],
        [0.0, 1.0, 0.0],
        [0.0, 0.0, 1.0],
        [0.5, 0.5, 0.0],
        [0.0, 0.5, 0.5],
        [0.2, 0.3, 0.5],
    ):
        for shift in ((0, 0), (5, -9)):
            found, expected = graphed.step(image, weights, 0.01, shift), inner.step(image, weights, 0.01, shift)
            assert (found - expected).norm() <= 0.05 * (expected - image).norm()
        torch.cuda.synchronize()
        first = first or torch.cuda.memory_reserved()
    assert graphed.status == f"graphed over {inner.status}"
    assert torch.cuda.memory_reserved() < 3 * first
