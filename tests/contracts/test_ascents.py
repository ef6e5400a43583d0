"""Every ascent keeps the same promises, the learned one too."""

import pytest
import torch

from models.ascent.eager import Eager
from models.inception import inception_v3
from models.leap import Leap


def eager(device):
    torch.manual_seed(1)
    return Eager(inception_v3("Mixed_5c"), ["Conv2d_4a_3x3", "Mixed_5b", "Mixed_5c"], device=device)


def leap(device):
    return Leap.load(device=device)


@pytest.fixture(params=[eager, leap], ids=["eager", "leap"])
def ascent(request, device):
    return request.param(device)


def picture(ascent, height=120, width=160):
    chance = torch.Generator().manual_seed(4)
    coarse = torch.rand(1, 3, height // 8, width // 8, generator=chance) * 2 - 1
    return torch.nn.functional.interpolate(coarse, (height, width), mode="bilinear").to(ascent.device)


def one(ascent, index):
    return [1.0 if i == index else 0.0 for i in range(len(ascent.layers))]


def test_the_gradient_fits_the_picture(ascent):
    """Same shape, float32, same device, finite, not nothing; and the picture itself is left alone."""
    image = picture(ascent)
    kept = image.clone()
    for index in range(len(ascent.layers)):
        gradient = ascent.gradient(image, one(ascent, index))
        assert gradient.shape == image.shape and gradient.dtype == torch.float32
        assert gradient.device.type == ascent.device.type
        assert torch.isfinite(gradient).all() and gradient.abs().mean() > 0
    assert torch.equal(image, kept)


def test_the_same_picture_gives_the_same_gradient(ascent):
    """Nothing is remembered between calls, so that a rehearsal repeats."""
    image, weights = picture(ascent), one(ascent, 0)
    first = ascent.gradient(image, weights)
    ascent.gradient(picture(ascent, 96, 128), one(ascent, len(ascent.layers) - 1))
    assert torch.equal(first, ascent.gradient(image, weights))


def test_odd_sizes_are_taken(ascent):
    """Octaves have odd sides; every engine takes them."""
    image = torch.nn.functional.interpolate(picture(ascent), (101, 143), mode="bilinear")
    assert ascent.gradient(image, one(ascent, 0)).shape == image.shape


def test_a_morph_is_continuous(ascent):
    """A small change of the layer weights turns the direction a little: a layer change is never a cut."""
    image = picture(ascent)
    before = ascent.gradient(image, [0.5, 0.5] + [0.0] * (len(ascent.layers) - 2)).flatten()
    after = ascent.gradient(image, [0.51, 0.49] + [0.0] * (len(ascent.layers) - 2)).flatten()
    assert torch.nn.functional.cosine_similarity(before, after, dim=0) > 0.99


def test_it_says_what_it_is(ascent):
    """`print(engine.status)` tells the operator what runs."""
    assert ascent.device.type in ascent.status or "leap" in ascent.status
    assert ascent.reach > 0 and ascent.span >= 1 and len(ascent.layers) > 1
