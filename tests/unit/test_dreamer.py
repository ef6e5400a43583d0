"""Octaves, jitter and steps; and what they mean."""

import pytest
import torch

from models.ascent import Stepping, Viewing
from models.ascent.eager import Eager, native_dtype
from models.dreamer import Dreamer, Recipe
from models.inception import inception_v3
from models.objective import score, seeds
from models.octaves import octave_sizes


class Uphill(Stepping):
    """An ascent whose gradient is known: towards white, twice as strong on the left."""

    layers, status, reach, device = ("only",), "uphill", 1.0, torch.device("cpu")

    def __init__(self):
        self.seen = []

    def gradient(self, image, weights, channels=None):
        self.seen.append(tuple(image.shape[-2:]))
        return torch.ones_like(image)


def picture(height=120, width=160, seed=0):
    return torch.rand(1, 3, height, width, generator=torch.Generator().manual_seed(seed)) * 1.6 - 0.8


@pytest.fixture(scope="module")
def network():
    """Random weights that let signals through, no biases: a network that answers to the picture."""
    network = inception_v3("Mixed_5b")
    chance = torch.Generator().manual_seed(3)
    for name, parameter in network.named_parameters():
        fan = parameter[0].numel()
        parameter.data = torch.randn(parameter.shape, generator=chance) * (2 / fan) ** 0.5 * name.endswith("weight")
    return network


def test_octaves_are_taken_in_turn():
    """Three octaves, one a frame, largest first, over and over: no frame pays for all."""
    ascent = Uphill()
    dreamer = Dreamer(ascent)
    base, residual = picture(200, 300), torch.zeros(1, 3, 200, 300)
    for _ in range(4):
        residual = dreamer.dream(base, residual, Recipe((1.0,), steps=1, octaves=3))
    assert ascent.seen == [(200, 300), (143, 214), (102, 153), (200, 300)]


def test_an_ascent_that_spans_octaves_gets_fewer():
    """The leap sees several octaves at once; of four it is asked for two, and for one where it covers more."""
    ascent = Uphill()
    ascent.viewing = lambda weights: Viewing(span=4 if tuple(weights) == (0.5,) else 3)
    dreamer = Dreamer(ascent)
    for _ in range(3):
        dreamer.dream(picture(200, 300), torch.zeros(1, 3, 200, 300), Recipe((1.0,), steps=1, octaves=4))
    assert ascent.seen == [(200, 300), (143, 214), (200, 300)]
    ascent.seen.clear()
    for _ in range(2):
        dreamer.dream(picture(200, 300), torch.zeros(1, 3, 200, 300), Recipe((0.5,), steps=1, octaves=4))
    assert ascent.seen == [(200, 300), (200, 300)]


def test_a_roll_holds_as_long_as_the_ascent_asks():
    """A true gradient sees the picture rolled otherwise at each step, one that holds three sees it alike for three."""

    class Rolled(Uphill):
        def step(self, image, weights, size, shift, channels=None, mask=None):
            self.seen.append(shift)
            return image

    for holds in (1, 3):
        ascent = Rolled()
        ascent.viewing = lambda weights, holds=holds: Viewing(holds=holds)
        dreamer = Dreamer(ascent)
        for _ in range(4):
            dreamer.dream(picture(), torch.zeros(1, 3, 120, 160), Recipe((1.0,), steps=3))
        rolls = ascent.seen
        assert len(set(rolls)) == len(rolls) / holds
        assert rolls == [roll for roll in rolls[::holds] for _ in range(holds)]


def test_rolls_go_by_what_the_ascent_asks():
    """They are the same as ever for a true gradient, and for one with places of its own the nearest whole place."""
    one, two = Dreamer(Uphill()), Dreamer(Uphill())
    for _ in range(100):
        near, whole = one._jitter(16, Viewing()), two._jitter(16, Viewing(grid=8))
        assert all(b % 8 == 0 and abs(a - b) <= 4 for a, b in zip(near, whole, strict=True))

    class Placed(Uphill):
        def viewing(self, weights):
            assert tuple(weights) == (1.0,)
            return Viewing(grid=8)

        def step(self, image, weights, size, shift, channels=None, mask=None):
            self.seen.append(shift)
            return image

    ascent = Placed()
    Dreamer(ascent).dream(picture(), torch.zeros(1, 3, 120, 160), Recipe((1.0,), steps=9))
    assert len(set(ascent.seen)) > 4 and all(n % 8 == 0 for shift in ascent.seen for n in shift)


def test_a_step_is_as_long_as_it_says():
    """The mean change of a frame is steps times step, whatever the gradient's own size."""
    residual = Dreamer(Uphill()).dream(picture() * 0, torch.zeros(1, 3, 120, 160), Recipe((1.0,), step=0.03, steps=2))
    assert residual.mean().item() == pytest.approx(0.06, rel=1e-4)


def test_an_ascent_may_take_less_of_a_step():
    """Where it asks for a share of the step, the mean change is that share of what was asked."""
    ascent = Uphill()
    ascent.viewing = lambda weights: Viewing(share=0.5)
    residual = Dreamer(ascent).dream(picture() * 0, torch.zeros(1, 3, 120, 160), Recipe((1.0,), step=0.03, steps=2))
    assert residual.mean().item() == pytest.approx(0.03, rel=1e-4)


def test_the_dream_stays_in_range():
    """However far it climbs, camera plus dream is a picture."""
    dreamer, base, residual = Dreamer(Uphill()), picture(), torch.zeros(1, 3, 120, 160)
    for _ in range(50):
        residual = dreamer.dream(base, residual, Recipe((1.0,), step=0.2))
    assert (base + residual).abs().max() <= 1 + 1e-6


def test_jitter_comes_from_a_fixed_sequence():
    """Two dreamers roll the picture alike, so that a rehearsal is the same every time; and never farther than asked."""
    one, two = Dreamer(Uphill()), Dreamer(Uphill())
    rolls = [one._jitter(16, Viewing()) for _ in range(500)]
    assert rolls == [two._jitter(16, Viewing()) for _ in range(500)]
    assert {abs(v) for roll in rolls for v in roll} == set(range(17))


def test_small_pictures_get_fewer_octaves():
    """No octave is too small for the network to see anything."""
    assert octave_sizes(100, 140, 5) == [(100, 140)]
    assert len(octave_sizes(240, 320, 5)) == 4


def test_the_network_sees_more_of_what_it_sees(network, device):
    """The meaning of it all: after some frames the objective is higher than before."""
    ascent = Eager(network, ["Mixed_5b"], device=device, dtype=torch.float32)
    base = picture().to(device)
    residual = torch.zeros_like(base)
    before = score(network, base, {"Mixed_5b": 1.0})
    dreamer = Dreamer(ascent)
    for _ in range(6):
        residual = dreamer.dream(base, residual, Recipe((1.0,)))
    assert score(network, base + residual, {"Mixed_5b": 1.0}) > 1.3 * before


def test_a_single_layer_is_googles_objective(network):
    """For one layer the direction is exactly the gradient of half the squared L2 norm."""
    x = picture().requires_grad_(True)
    (true,) = torch.autograd.grad(network.activations(x, ["Mixed_5b"])[0].pow(2).sum() / 2, x)
    ours = Eager(network, ["Mixed_5b"], dtype=torch.float32).gradient(x.detach(), [3.0])
    cosine = torch.nn.functional.cosine_similarity(true.flatten(), ours.flatten(), dim=0)
    assert cosine > 0.99999


def test_layer_weights_mean_shares(network):
    """Two layers seed the ascent with equally large numbers, however large their activations are."""
    found = network.activations(picture(), ["Conv2d_4a_3x3", "Mixed_5b"])
    a, b = seeds([found[0] * 100, found[1]], [0.5, 0.5])
    assert a.pow(2).mean().item() == pytest.approx(0.25, rel=1e-3)
    assert b.pow(2).mean().item() == pytest.approx(0.25, rel=1e-3)


def test_a_dead_layer_is_no_disaster():
    """A layer that sees nothing gives no direction, and no not-a-number."""
    assert torch.isfinite(seeds([torch.zeros(1, 4, 5, 5)], [1.0])[0]).all()


def test_unknown_layers_are_named(network):
    """Asking for a layer that is not there says which there are."""
    with pytest.raises(ValueError, match="Mixed_5b"):
        Eager(network, ["Mixed_9z"])


def test_half_precision_is_used_only_where_it_is_native(monkeypatch):
    """bfloat16 on a processor that emulates it would be many times slower, and is not taken."""
    cpu = torch.device("cpu")
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: {"avx2": True})
    assert native_dtype(cpu) == torch.float32
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: {"avx512_bf16": True})
    assert native_dtype(cpu) == torch.bfloat16
    assert native_dtype(torch.device("cuda")) == torch.float16
