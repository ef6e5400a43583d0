"""The reference dream is Google's: checked against the notebook's algorithm written out once more, in numpy."""

from collections.abc import Callable

import cv2
import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import nn

from models.blocks import Conv, Mixed, Pool, Unit, build
from models.network import Network
from models.reference import octave_sizes, reference_dream, zoom
from models.weights import load_network
from shared_material import PHOTOS, WEIGHTS, needs_photos, needs_weights

Pixels = NDArray[np.float64]  # (height, width, 3) RGB, 0 to 255


def notebook_zoom(image: Pixels, height: int, width: int) -> Pixels:
    """scipy.ndimage.zoom(order=1): sample at evenly spaced points from the first pixel's centre to the last's."""
    for axis, size in ((0, height), (1, width)):
        at = np.linspace(0, image.shape[axis] - 1, size)
        low = np.minimum(np.floor(at).astype(int), max(image.shape[axis] - 2, 0))
        high = np.minimum(low + 1, image.shape[axis] - 1)
        part = (at - low).reshape(-1, *[1] * (image.ndim - 1 - axis))
        image = np.take(image, low, axis) * (1 - part) + np.take(image, high, axis) * part
    return image


def notebook_dream(
    gradient: Callable[[Pixels], Pixels], image: Pixels, iter_n: int, octave_n: int, octave_scale: float, seed: int
) -> Pixels:
    """``deepdream`` and ``make_step`` of dream.ipynb, in its own units and order, without its Caffe plumbing."""
    random = np.random.default_rng(seed)
    octaves = [image]
    for _ in range(octave_n - 1):
        h, w = octaves[-1].shape[:2]
        octaves.append(notebook_zoom(octaves[-1], round(h / octave_scale), round(w / octave_scale)))
    detail = np.zeros_like(octaves[-1])
    for octave, octave_base in enumerate(octaves[::-1]):
        if octave > 0:
            detail = notebook_zoom(detail, *octave_base.shape[:2])
        src = octave_base + detail
        for _ in range(iter_n):
            ox, oy = random.integers(-32, 33, 2)
            src = np.roll(np.roll(src, ox, 1), oy, 0)
            g = gradient(src)
            src = src + 1.5 / np.abs(g).mean() * g
            src = np.roll(np.roll(src, -ox, 1), -oy, 0)
            src = np.clip(src, 0, 255)
        detail = src - octave_base
    return src


def gradient_of(network: Network, layer: str) -> Callable[[Pixels], Pixels]:
    """What Caffe's ``net.backward`` gives for ``dst.diff[:] = dst.data``: the gradient at the pixels, 0 to 255."""

    def gradient(pixels: Pixels) -> Pixels:
        data = torch.from_numpy(pixels.copy()).requires_grad_()
        image = (data / 127.5 - 1).permute(2, 0, 1)[None]
        (network.activations(image, [layer])[0].square().sum() / 2).backward()
        return data.grad.numpy()

    return gradient


def small_network(seed: int = 0) -> Network:
    """Two convolutions, a pool and a block with random weights: everything a network has, and quick."""
    torch.manual_seed(seed)
    branches = [[Unit("a", 8, 3)], [nn.AvgPool2d(3, 1, 1), Unit("b", 4)]]
    return build(
        "small", [Conv("one", 8, 3, 2), Pool("pool", 3, 2), Mixed("two", branches), Conv("three", 8, 3)], None, None
    )


def picture(height: int, width: int) -> Pixels:
    coarse = np.random.default_rng(4).uniform(0, 255, (height // 8 + 2, width // 8 + 2, 3))
    return notebook_zoom(coarse, height, width)


def as_tensor(pixels: Pixels) -> torch.Tensor:
    return torch.from_numpy(pixels / 127.5 - 1).permute(2, 0, 1)[None].contiguous()


def as_pixels(image: torch.Tensor) -> Pixels:
    return (image[0].permute(1, 2, 0).numpy() + 1) * 127.5


@pytest.mark.parametrize(("size", "layer"), [((70, 94), "three"), ((93, 67), "two")])
def test_it_is_the_notebooks_algorithm(size: tuple[int, int], layer: str) -> None:
    """All 40 steps over 4 octaves come out as in an independent transcription, to a millionth of a grey level."""
    network = small_network().double()
    image = picture(*size)
    expected = notebook_dream(gradient_of(network, layer), image, iter_n=10, octave_n=4, octave_scale=1.4, seed=7)
    found = as_pixels(reference_dream(network, as_tensor(image), layer, seed=7))
    assert np.abs(expected - image).mean() > 3  # it did dream
    assert np.abs(found - expected).max() < 1e-6


def photograph() -> Pixels:
    photo = cv2.imread(str(PHOTOS / "23.png"))[:, :, ::-1]
    return cv2.resize(photo, (112, 84), interpolation=cv2.INTER_AREA).astype(np.float64)


@needs_weights
@needs_photos
def test_it_is_the_notebooks_algorithm_on_the_real_network() -> None:
    """The same holds for the ImageNet weights on a photograph."""
    network = load_network(WEIGHTS, "Mixed_6b").double()
    image = photograph()
    expected = notebook_dream(gradient_of(network, "Mixed_6b"), image, iter_n=3, octave_n=2, octave_scale=1.4, seed=0)
    dream = reference_dream(network, as_tensor(image), "Mixed_6b", iterations=3, octaves=2, seed=0)
    assert np.abs(as_pixels(dream) - expected).max() < 1e-5


@needs_weights
@needs_photos
def test_the_reference_dream_raises_the_objective_of_the_real_network() -> None:
    """On a photograph the objective rises by a quarter or more within ten steps."""
    network = load_network(WEIGHTS, "Mixed_6b")
    image = as_tensor(photograph()).float()
    dream = reference_dream(network, image, "Mixed_6b", iterations=5, octaves=2)
    before, after = (network.activations(x, ["Mixed_6b"])[0].square().mean() for x in (image, dream))
    assert after > 1.25 * before


def test_the_same_seed_gives_the_same_dream() -> None:
    """One seed gives one dream, to the bit; another seed gives another; the picture given is left untouched."""
    network = small_network()
    image = as_tensor(picture(40, 52)).float()
    given = image.clone()
    first, again, other = (reference_dream(network, image, "two", iterations=2, octaves=2, seed=s) for s in (1, 1, 2))
    assert torch.equal(first, again)
    assert not torch.equal(first, other)
    assert torch.equal(image, given)
    assert first.shape == image.shape
    assert first.abs().max() <= 1


def test_a_small_picture_gets_fewer_octaves_and_says_so() -> None:
    """Where the network cannot see the smallest octave, the dream is made of those it can see, with a warning."""
    network = small_network()
    smallest = network.smallest_side("two")
    image = as_tensor(picture(smallest + 4, 40)).float()
    steps: list[tuple[int, int]] = []
    with pytest.warns(UserWarning, match="2 octaves instead of 4"):
        reference_dream(network, image, "two", iterations=3, progress=lambda done, of: steps.append((done, of)))
    assert steps == [(n, 6) for n in range(1, 7)]
    with pytest.raises(ValueError, match="too few for two"):
        reference_dream(network, image[:, :, : smallest - 1], "two")
    with pytest.raises(ValueError, match="has no layer"):
        reference_dream(network, image, "four")


def test_octaves_are_rounded_one_from_the_other() -> None:
    """Sizes are those of the notebook at 320 x 240: each octave rounded from the one above, not from the first."""
    network = small_network()
    assert octave_sizes(network, "two", 240, 320) == [(240, 320), (171, 229), (122, 164), (87, 117)]
    for octaves, scale in ((0, 1.4), (4, 1.0), (4, 0.5)):
        with pytest.raises(ValueError, match="1 octave or more"):
            octave_sizes(network, "two", 240, 320, octaves=octaves, scale=scale)


def test_zoom_keeps_the_corners() -> None:
    """Resizing is scipy.ndimage.zoom(order=1): [0, 10, 40] made five wide is [0, 5, 10, 25, 40]."""
    row = torch.tensor([[[[0.0, 10.0, 40.0], [1.0, 11.0, 41.0]]]])
    assert zoom(row, (2, 5)).tolist() == [[[[0, 5, 10, 25, 40], [1, 6, 11, 26, 41]]]]
    assert zoom(row, (2, 2))[0, 0, 0].tolist() == [0, 40]


def test_a_picture_that_excites_nothing_stays_as_it_is() -> None:
    """No gradient, no step: the picture comes back, not NaN."""
    network = small_network()
    for parameter in network.parameters():
        parameter.zero_()
    image = as_tensor(picture(40, 40)).float()
    dream = reference_dream(network, image, "two", iterations=1, octaves=1)
    assert torch.allclose(dream, image)
