"""Every ascent keeps the same promises, the learned one and the compiled ones too."""

from concurrent.futures import ThreadPoolExecutor
from functools import cache

import pytest
import torch

from lively import lively, off
from models.ascent import Stepping
from models.ascent.compiled import Compiled
from models.ascent.eager import Eager
from models.ascent.graphed import Graphed
from models.ascent.onnx_runtime import OnnxRuntime
from models.inception import inception_v3
from models.leap import Leap
from recording import recorded

LAYERS = ["Conv2d_4a_3x3", "Mixed_5b", "Mixed_5c"]


@cache
def network():
    """The one that all are asked about, in float32 on the processor; nobody may change it."""
    return lively(inception_v3, LAYERS[-1])


@cache
def eager(device):
    return Eager(lively(inception_v3, LAYERS[-1]), LAYERS, device=device)


@cache
def leap(device):
    return Leap.load(device=device)


@cache
def graphed(device):
    """On the processor by a recording, on a card by a real graph."""
    return Graphed(eager(device), None if device.type == "cuda" else recorded)


@cache
def not_graphed(device):
    """What is left where no graph can be recorded."""

    def capture(work):
        raise RuntimeError("no graphs today")

    return Graphed(eager(device), capture)


@cache
def engines():
    compiler = OnnxRuntime()
    built = [(depth, compiler.build(network(), LAYERS[:depth], (120, 160))) for depth in (1, 3)]
    return [(depth, compiler.load(engine, LAYERS[:depth], (120, 160))) for depth, engine in built]


@cache
def compiled(device):
    """With engines for one size, one for the first layer and one for all; the others it falls back for."""
    ascent = made(device)
    for depth, runner in engines():
        ascent.put(depth, (120, 160), runner)
    return ascent


@cache
def no_engines(device):
    return made(device)


def made(device):
    """Fresh, so that engines may be put in."""
    if device.type != "cpu":
        pytest.skip("ONNX Runtime computes on the processor only")
    return Compiled(OnnxRuntime(), eager(device), network())


KNOWN = [eager, leap, graphed, not_graphed, compiled, no_engines]


@pytest.fixture(params=KNOWN, ids=lambda make: make.__name__)
def ascent(request, device):
    made = request.param(device)
    yield made
    assert_it_is_what_it_says(made, request.param)


@pytest.fixture(params=[make for make in KNOWN if make is not leap], ids=lambda make: make.__name__)
def true_ascent(request, device):
    """Those that look into a network, and so can tell its channels apart."""
    made = request.param(device)
    yield made
    assert_it_is_what_it_says(made, request.param)


def assert_it_is_what_it_says(ascent, make):
    """Falling back keeps every promise too: so what should not have fallen back must not have."""
    if make is graphed:
        assert ascent.status == f"graphed over {eager(ascent.device).status}"
    if make is compiled:
        assert len(ascent.ready) == 2 and not ascent.refused


def picture(ascent, height=120, width=160, seed=4):
    chance = torch.Generator().manual_seed(seed)
    coarse = torch.rand(1, 3, height // 8, width // 8, generator=chance) * 2 - 1
    return torch.nn.functional.interpolate(coarse, (height, width), mode="bilinear").to(ascent.device)


def one(ascent, index):
    return [1.0 if i == index else 0.0 for i in range(len(ascent.layers))]


def half_mask(ascent, height=120, width=160):
    """Nothing on the left, everything on the right, a seam between."""
    return torch.linspace(-2, 3, width).clamp(0, 1).expand(1, 1, height, width).to(ascent.device)


def all_channels(ascent):
    chance = torch.Generator().manual_seed(6)
    return [torch.rand(network().channels(layer), generator=chance).to(ascent.device) for layer in ascent.layers]


def exact(ascent):
    """Whether it computes in single precision; on a card and on some processors it is half."""
    return "16" not in ascent.status


def alikeness(ascent):
    """How near a gradient is to the exact one, as a cosine."""
    return 0.9999 if exact(ascent) else 0.99 if "bfloat16" not in ascent.status else 0.97


def assert_same_step(ascent, found, expected, image):
    """The same to rounding."""
    change, wanted = (found - image).flatten(), (expected - image).flatten()
    assert (change - wanted).norm() <= (1e-4 if exact(ascent) else 5e-2) * wanted.norm()


def test_the_gradient_fits_the_picture(ascent):
    """Same shape, float32, same device, finite, not nothing."""
    image = picture(ascent)
    for index in range(len(ascent.layers)):
        gradient = ascent.gradient(image, one(ascent, index))
        assert gradient.shape == image.shape and gradient.dtype == torch.float32
        assert gradient.device.type == ascent.device.type
        assert torch.isfinite(gradient).all() and gradient.abs().mean() > 0


@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last], ids=["planes", "pixels"])
def test_the_picture_is_left_alone(ascent, layout):
    """Whatever its layout in memory: not a pixel changes, and it does not begin to ask for gradients."""
    image = picture(ascent).contiguous(memory_format=layout)
    kept, weights = image.clone(), one(ascent, 1)
    gradient = ascent.gradient(image, weights)
    moved = ascent.step(image, weights, 0.01, (3, -5))
    assert torch.equal(image, kept)
    assert not image.requires_grad and not gradient.requires_grad and not moved.requires_grad


def test_what_is_given_stays_given(ascent):
    """A gradient or a step that is kept is not written over by the next: frames are compared and carried along."""
    image, weights = picture(ascent), one(ascent, 0)
    kept = ascent.gradient(image, weights), ascent.step(image, weights, 0.01, (1, 2))
    copies = [tensor.clone() for tensor in kept]
    ascent.gradient(-image, weights)
    ascent.step(-image, weights, 0.02, (0, 0))
    assert all(torch.equal(tensor, copy) for tensor, copy in zip(kept, copies, strict=True))


def test_the_same_picture_gives_the_same_gradient(ascent):
    """Nothing is remembered between calls, so that a rehearsal repeats."""
    image, weights = picture(ascent), one(ascent, 0)
    first = ascent.gradient(image, weights)
    ascent.gradient(picture(ascent, 96, 128), one(ascent, len(ascent.layers) - 1))
    again = ascent.gradient(image, weights)
    assert off(again, first) <= (0 if ascent.device.type == "cpu" else 1e-2)  # a card adds in no fixed order


def test_odd_sizes_are_taken(ascent):
    """Octaves have odd sides; every engine takes them."""
    image = torch.nn.functional.interpolate(picture(ascent), (101, 143), mode="bilinear")
    assert ascent.gradient(image, one(ascent, 0)).shape == image.shape
    assert ascent.step(image, one(ascent, 0), 0.01, (5, 7)).shape == image.shape


def test_a_morph_is_continuous(ascent):
    """A small change of the layer weights turns the direction a little: a layer change is never a cut."""
    image = picture(ascent)
    before = ascent.gradient(image, [0.5, 0.5] + [0.0] * (len(ascent.layers) - 2)).flatten()
    after = ascent.gradient(image, [0.51, 0.49] + [0.0] * (len(ascent.layers) - 2)).flatten()
    assert torch.nn.functional.cosine_similarity(before, after, dim=0) > 0.99
    assert not torch.equal(before, after)


def test_it_says_what_it_is(ascent):
    """`print(engine.status)` tells the operator what runs."""
    assert ascent.device.type in ascent.status or "leap" in ascent.status
    assert "\n" not in ascent.status
    assert ascent.reach > 0 and len(ascent.layers) > 1
    for only in range(len(ascent.layers)):
        weights = [float(layer == only) for layer in range(len(ascent.layers))]
        viewing = ascent.viewing(weights)
        assert min(viewing.span, viewing.holds, viewing.grid) >= 1


# -- a step ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("shift", [(0, 0), (5, -12), (-121, 163)])
@pytest.mark.parametrize("masked", [False, True], ids=["all over", "masked"])
def test_a_step_is_the_plain_step(ascent, shift, masked):
    """However it is computed, it is what `Stepping` makes of the gradient: engines can take each other's place."""
    image, mask = picture(ascent), half_mask(ascent) if masked else None
    weights = [0.25, 0.0, 0.75, *[0.0] * (len(ascent.layers) - 3)]
    found = ascent.step(image, weights, 0.02, shift, None, mask)
    assert_same_step(ascent, found, Stepping.step(ascent, image, weights, 0.02, shift, None, mask), image)


@pytest.mark.parametrize("masked", [False, True], ids=["all over", "masked"])
def test_a_step_is_as_long_as_it_says(ascent, masked):
    """The mean change is the step size times what one call stands for, counted where the mask lets it happen."""
    image, mask = picture(ascent), half_mask(ascent) if masked else None
    for size in (0.003, 0.03):
        change = ascent.step(image, one(ascent, 1), size, (4, 9), None, mask) - image
        mean = change.abs().mean() if mask is None else change.abs().sum() / (3 * mask.sum())
        assert mean.item() == pytest.approx(size * ascent.reach, rel=1e-3)


def test_what_is_masked_stays_bit_for_bit(ascent):
    """Where a logo or a face is kept from the dream, not one bit of it changes; elsewhere it does."""
    image, mask = picture(ascent), half_mask(ascent)
    moved = ascent.step(image, one(ascent, 1), 0.05, (7, 3), None, mask)
    nothing = (mask == 0).expand_as(image)
    assert nothing.any() and torch.equal(moved[nothing], image[nothing])
    assert (moved != image)[(mask == 1).expand_as(image)].float().mean() > 0.9
    assert torch.equal(ascent.step(image, one(ascent, 1), 0.05, (7, 3), None, torch.zeros_like(mask)), image)


def test_a_shift_only_moves_where_the_network_looks(ascent):
    """A picture rolled one way and looked at rolled back changes as the picture does, pixel for pixel."""
    image, weights = picture(ascent), one(ascent, 1)
    rolled = ascent.step(torch.roll(image, (6, -11), (2, 3)), weights, 0.01, (-6, 11))
    expected = ascent.step(image, weights, 0.01, (0, 0))
    assert_same_step(ascent, torch.roll(rolled, (-6, 11), (2, 3)), expected, image)


def test_two_hands_may_step_at_once(ascent):
    """Two threads share the octaves of one ascent; neither gets anything of the other's."""
    jobs = [(picture(ascent, seed=seed), one(ascent, seed % 2), 0.01 * seed, (seed, -seed)) for seed in range(1, 5)]
    alone = [ascent.step(*job) for job in jobs]
    with ThreadPoolExecutor(2) as hands:
        together = list(hands.map(lambda job: ascent.step(*job), jobs * 2))
    for found, expected, job in zip(together, alone * 2, jobs * 2, strict=True):
        assert_same_step(ascent, found, expected, job[0])


# -- channels ----------------------------------------------------------------------------------------------------------


def test_a_channel_can_be_asked_for(true_ascent):
    """One channel alone, and the picture gets more of what it sees than by asking for the whole layer."""
    ascent, image = true_ascent, picture(true_ascent)
    (before,) = network().activations(image.cpu(), LAYERS[-1:])
    means = before.mean((0, 2, 3))
    ones = [torch.ones(network().channels(layer), device=ascent.device) for layer in ascent.layers]
    for channel in means.argsort(descending=True)[:30:10].tolist():
        chosen = [row.clone() for row in ones]
        chosen[-1] = torch.nn.functional.one_hot(torch.tensor(channel), len(means)).float().to(ascent.device)
        gains = []
        for channels in (chosen, ones):
            moved = ascent.step(image, one(ascent, 2), 0.02, (0, 0), channels)
            (after,) = network().activations(moved.cpu(), LAYERS[-1:])
            gains.append((after.mean((0, 2, 3)) - means)[channel].item())
        assert gains[0] > 0 and gains[0] > gains[1]


def test_counting_all_channels_alike_is_counting_none(true_ascent):
    """Channel weights of one are the plain layer."""
    ascent, image = true_ascent, picture(true_ascent)
    ones = [torch.ones(network().channels(layer), device=ascent.device) for layer in ascent.layers]
    found = ascent.step(image, [0.5, 0.0, 0.5], 0.02, (2, 3), ones)
    assert_same_step(ascent, found, ascent.step(image, [0.5, 0.0, 0.5], 0.02, (2, 3)), image)


def test_channels_and_mask_go_together(true_ascent):
    """Everything at once is still the plain step."""
    ascent, image, channels = true_ascent, picture(true_ascent), all_channels(true_ascent)
    given = image, [0.0, 0.4, 0.6], 0.02, (9, -4), channels, half_mask(ascent)
    assert_same_step(ascent, ascent.step(*given), Stepping.step(ascent, *given), image)


def test_every_true_ascent_climbs_the_same_hill(true_ascent):
    """Whatever runs, the picture changes the same way: an engine may be swapped in the middle of a show."""
    ascent, channels = true_ascent, all_channels(true_ascent)
    image = picture(ascent)
    reference = Eager(network(), LAYERS, device=torch.device("cpu"), dtype=torch.float32)
    for weights, counted in (([1.0, 0.0, 0.0], None), ([0.0, 1.0, 0.0], channels), ([0.3, 0.0, 0.7], channels)):
        there = None if counted is None else [row.cpu() for row in counted]
        expected = reference.gradient(image.cpu(), weights, there).flatten()
        found = ascent.gradient(image, weights, counted).flatten().cpu()
        assert torch.cosine_similarity(found, expected, dim=0) > alikeness(ascent)


def test_who_cannot_tell_channels_apart_says_so(device):
    """The leap's channels are its named directions; asked for others it refuses instead of dreaming something else."""
    ascent = leap(device)
    channels = [torch.ones(4, device=device) for _ in ascent.layers]
    with pytest.raises(ValueError, match="channels"):
        ascent.gradient(picture(ascent), one(ascent, 0), channels)
    with pytest.raises(ValueError, match="channels"):
        ascent.step(picture(ascent), one(ascent, 0), 0.01, (0, 0), channels)
