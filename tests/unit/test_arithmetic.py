"""The arithmetic of a step is counted, and PyTorch's own counter counts the same."""

import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from models.arithmetic import ascent_flops, forward_flops
from models.googlenet import googlenet
from models.inception import inception_v3
from models.leap import Leap
from models.leap_net import LeapNet

aten = torch.ops.aten


def counted(call):
    """What PyTorch counts in convolutions, forward and backward, while ``call`` runs."""
    with FlopCounterMode(display=False) as counter:
        call()
    found = counter.get_flop_counts()["Global"]
    return sum(flops for operation, flops in found.items() if "convolution" in str(operation))


def test_the_figure_that_shares_are_of():
    """Inception-v3 down to Mixed_6b at 320x240: 10.3 GFLOP a step."""
    assert ascent_flops(inception_v3("Mixed_6b"), "Mixed_6b", (240, 320)) / 1e9 == pytest.approx(10.3, abs=0.1)


@pytest.mark.parametrize(
    ("build", "layer", "size"),
    [
        (inception_v3, "Conv2d_1a_3x3", (75, 99)),
        (inception_v3, "Mixed_6b", (97, 121)),
        (inception_v3, "Mixed_7c", (96, 96)),
        (googlenet, "inception3b", (81, 113)),
        (googlenet, "inception5b", (96, 130)),
    ],
)
def test_pytorch_counts_the_same(build, layer, size):
    """For both networks, shallow and deep layers and odd sizes, strides and pools with remainders included."""
    network = build(layer)
    image = torch.zeros(1, 3, *size, requires_grad=True)
    assert ascent_flops(network, layer, size) == counted(lambda: network(image).sum().backward())


def test_only_what_is_asked_for_is_counted():
    """A network that goes deeper than the layer counts no more than one that ends there."""
    assert ascent_flops(googlenet(), "inception3a", (96, 128)) == ascent_flops(
        googlenet("inception3a"), "inception3a", (96, 128)
    )


def test_counting_costs_nothing():
    """A picture of 8K would need some hundred gigabytes; counted by shapes it needs none, and leaves no trace."""
    network = googlenet("inception4e")
    before = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    assert ascent_flops(network, "inception4e", (4320, 7680)) > 1e12
    assert all(torch.equal(before[name], tensor) for name, tensor in network.state_dict().items())
    assert not any(module._forward_hooks for module in network.modules())


def test_half_precision_counts_the_same():
    """How wide a number is changes nothing about how many there are."""
    network = googlenet("inception3a")
    wide = ascent_flops(network, "inception3a", (96, 96))
    assert ascent_flops(network.to(torch.bfloat16), "inception3a", (96, 96)) == wide


def test_the_leap_is_one_pass_forward():
    """Its direction needs no way back."""
    leap = Leap(LeapNet(), {})
    image = torch.zeros(1, 3, 101, 143)
    weights = [1.0, 0, 0, 0, 0, 0]
    assert forward_flops(leap.net, image.shape, (1, 6), (1, 6)) == counted(lambda: leap.gradient(image, weights)) > 0


def test_what_cannot_be_counted_is_said():
    """A layer that is not there, and a picture that a layer cannot see."""
    with pytest.raises(ValueError, match="no layer 'inception9z'"):
        ascent_flops(googlenet("inception3a"), "inception9z", (96, 96))
    with pytest.raises(ValueError, match="60x40 pixels are too few for Mixed_7c: it needs 75 a side"):
        ascent_flops(inception_v3(), "Mixed_7c", (40, 60))
