"""The networks are those the checkpoints were trained as, may be tapped anywhere, and carry nothing unused."""

import cv2
import pytest
import torch
from torch import Tensor

from models.googlenet import googlenet
from models.inception import inception_v3
from models.network import InputRange, Network, load_folded
from models.weights import load_network
from shared_material import PHOTOS, WEIGHTS, needs_photos, needs_weights
from torchvision_format import GOOGLENET, INCEPTION_V3, Plain, State, random_state

IMAGENET = InputRange((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))


@pytest.fixture(scope="module")
def inception_state() -> State:
    return random_state("inception_v3")


@pytest.fixture(scope="module")
def googlenet_state() -> State:
    return random_state("googlenet")


def noise(height: int, width: int, dtype: torch.dtype = torch.float64) -> Tensor:
    return torch.rand(1, 3, height, width, generator=torch.Generator().manual_seed(5), dtype=dtype) * 2 - 1


def assert_same(network: Network, expected: dict[str, Tensor], image: Tensor) -> None:
    found = network.double().activations(image, network.layers)
    for name, activation in zip(network.layers, found, strict=True):
        assert activation.shape == expected[name].shape, name
        assert (activation - expected[name]).abs().max() < 2e-6 * expected[name].abs().max(), name


@pytest.mark.parametrize(("counts", "last"), [(True, "average"), (False, "max")], ids=["torchvision", "2015"])
def test_inception_v3_is_the_published_network(inception_state: State, counts: bool, last: str) -> None:
    """All sixteen layers agree with a plain forward pass with batch norm, in torchvision's and in Google's own form."""
    network = inception_v3(pool_counts_padding=counts, last_pool=last)
    load_folded(network, inception_state)
    image = noise(79, 97)
    assert network.layers == INCEPTION_V3
    assert_same(network, Plain(inception_state, counts=counts, last=last).inception_v3(image), image)


def test_googlenet_is_the_published_network(googlenet_state: State) -> None:
    """All twelve layers agree with a plain forward pass with batch norm, at sizes where pools round up."""
    network = googlenet()
    load_folded(network, googlenet_state)
    image = noise(61, 83)
    assert network.layers == GOOGLENET
    assert_same(network, Plain(googlenet_state).googlenet(image), image)


@pytest.mark.parametrize(
    ("kind", "published", "head"), [(inception_v3, 23_834_568, 2049 * 1000), (googlenet, 6_624_904, 1025 * 1000)]
)
def test_the_networks_have_the_published_number_of_parameters(kind, published: int, head: int) -> None:
    """No convolution is missing or too wide: with the classifier it is the number that torchvision states."""
    with torch.device("meta"):
        network = kind()
    folded_away = sum(p.numel() for name, p in network.named_parameters() if name.endswith("bias"))  # bn has two each
    assert sum(p.numel() for p in network.parameters()) + folded_away + head == published


def test_activations_come_in_the_order_asked_for() -> None:
    """Ask for layers in any order, also twice, and get them in that order."""
    network = googlenet("inception3a")
    image = noise(40, 48, torch.float32)
    deep, shallow, again = network.activations(image, ["inception3a", "conv1", "inception3a"])
    assert deep.shape[1] == 256
    assert shallow.shape[1] == 64
    assert torch.equal(deep, again)
    assert network.activations(image, []) == []


@pytest.mark.parametrize("name", ["Mixed_9z", "maxpool1", "Mixed_6a.branch3x3", ""])
def test_an_unknown_layer_is_refused_with_the_ones_there_are(name: str) -> None:
    """A layer that is not there is refused, by every entrance, with the names of those that are."""
    network = inception_v3("Mixed_5b")
    image = noise(40, 40, torch.float32)
    for ask in (
        lambda: network.activations(image, ["Mixed_5b", name]),
        lambda: network.truncated(name),
        lambda: network.smallest_side(name),
        lambda: inception_v3(name),
    ):
        with pytest.raises(ValueError, match=r"has no layer .*Conv2d_1a_3x3, .*Mixed_5b"):
            ask()


def test_nothing_deeper_than_needed_is_run_or_allocated() -> None:
    """A dream at a shallow layer pays for that layer: what is deeper neither runs nor takes memory."""
    with torch.device("meta"):
        whole = inception_v3()
    network = inception_v3("Mixed_5d")
    cut = network.truncated("Mixed_5b")
    assert network.layers == INCEPTION_V3[:8]
    assert cut.layers == INCEPTION_V3[:6]
    assert {name.split(".")[0] for name, _ in cut.named_parameters()} == set(INCEPTION_V3[:6])
    assert cut.Mixed_5b is network.Mixed_5b  # shared, not copied
    assert sum(p.numel() for p in cut.parameters()) < 0.05 * sum(p.numel() for p in whole.parameters())

    ran: list[str] = []
    for name in network.layers:
        getattr(network, name).register_forward_hook(lambda *_, name=name: ran.append(name))
    network.activations(noise(40, 40, torch.float32), ["Conv2d_3b_1x1", "Conv2d_2a_3x3"])
    assert ran == list(INCEPTION_V3[:4])


def test_networks_are_frozen_and_differentiable() -> None:
    """The gradient reaches the image, agrees with finite differences, and no weight collects one."""
    network = googlenet("inception3b").double()
    image = noise(33, 35).requires_grad_()
    (activation,) = network.activations(image, ["inception3b"])
    (activation.square().sum() / 2).backward()
    assert not network.training
    assert not any(p.requires_grad or p.grad is not None for p in network.parameters())

    direction = torch.randn(image.shape, generator=torch.Generator().manual_seed(2), dtype=torch.float64)
    with torch.no_grad():
        ahead, behind = (
            network.activations(image + h * direction, ["inception3b"])[0].square().sum() / 2 for h in (1e-6, -1e-6)
        )
    assert (image.grad * direction).sum().item() == pytest.approx(((ahead - behind) / 2e-6).item(), rel=1e-4)


@pytest.mark.parametrize("kind", ["inception_v3", "googlenet"])
def test_pixels_are_always_minus_one_to_one(kind: str, inception_state: State, googlenet_state: State) -> None:
    """A checkpoint with another input range sees the same picture: it is converted inside, also at the borders."""
    build, state, layer = {
        "inception_v3": (inception_v3, inception_state, "Mixed_5b"),
        "googlenet": (googlenet, googlenet_state, "inception3a"),
    }[kind]
    image = noise(79, 91)
    mean, std = (torch.tensor(part, dtype=torch.float64).view(1, 3, 1, 1) for part in IMAGENET)
    expected = getattr(Plain(state), kind)(((image + 1) / 2 - mean) / std)
    network = build(layer, input_range=IMAGENET)
    load_folded(network, state)
    for _ in range(2):  # folding twice must do no harm
        network.fold_input()
    assert_same(network, expected, image)
    assert_same(network.truncated(network.layers[1]), expected, image)


@pytest.mark.parametrize("build", [inception_v3, googlenet])
def test_the_smallest_side_is_enough_and_for_inception_exact(build) -> None:
    """The size named as the smallest really works; for Inception-v3 one pixel less does not."""
    with torch.device("meta"):
        network = build()
    for layer in (*network.layers[:6:2], *network.layers[-3:]):
        side = network.smallest_side(layer)
        stages = network.truncated(layer)
        assert min(stages._stages[-1].module(_before(stages, side)).shape[-2:]) >= 1
        if build is inception_v3:
            with pytest.raises(RuntimeError):
                stages._stages[-1].module(_before(stages, side - 1))


def _before(network: Network, side: int) -> Tensor:
    """What reaches the last stage from an image of ``side``, as a shape without values."""
    x = torch.empty(1, 3, side, side, device="meta")
    for stage in network._stages[:-1]:
        x = stage.module(x)
    return x


@needs_weights
@needs_photos
def test_the_real_network_sees_photographs() -> None:
    """On photographs the ImageNet weights give the activations they are known for, at every layer down to Mixed_7a."""
    network = load_network(WEIGHTS)
    pictures = [cv2.imread(str(PHOTOS / f"{n:02}.png"))[:, :, ::-1] for n in (3, 15)]
    small = [cv2.resize(picture, (320, 240), interpolation=cv2.INTER_AREA) for picture in pictures]
    images = torch.stack([torch.from_numpy(picture).permute(2, 0, 1) for picture in small]).float() / 127.5 - 1
    found = dict(zip(network.layers, network.activations(images, network.layers), strict=True))
    assert network.layers[-1] == "Mixed_7a"
    for name, activation in found.items():
        assert activation.isfinite().all(), name
        assert 0.02 < activation.square().mean() < 20, name
        assert 0.1 < (activation == 0).float().mean() < 0.97, name
    assert found["Mixed_6b"].square().mean().item() == pytest.approx(0.33, abs=0.08)


def test_a_network_that_ends_early_can_be_completed():
    """What a file does not hold comes from another network; what it does hold stays, its pools and all."""
    file, whole = inception_v3("Mixed_5d", pool_counts_padding=False), inception_v3("Mixed_6a")
    made = file.completed(whole)
    image = noise(96, 96, torch.float32)
    assert made.layers == whole.layers
    ours, theirs = made.activations(image, ["Mixed_5d", "Mixed_6a"]), file.activations(image, ["Mixed_5d"])
    assert torch.equal(ours[0], theirs[0]) and ours[1].shape[1] == 768
