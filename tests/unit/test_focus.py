"""Focus: single channels, and a mask, for one photograph."""

import cv2
import numpy as np
import pytest
import torch

from installation.__main__ import main
from installation.errors import SettingsError
from installation.stages.focus import channels_of, mask_of
from models.inception import inception_v3
from pictures import texture


@pytest.fixture(scope="module")
def network():
    return inception_v3("Mixed_5b")


LAYERS = ("Conv2d_4a_3x3", "Mixed_5b")


def test_only_the_named_channels_of_a_layer_count(network):
    """The others of that layer weigh nothing; layers that were not named keep all of theirs."""
    untouched, chosen = channels_of(["Mixed_5b:3, 12*0.5"], network, LAYERS)
    assert torch.equal(untouched, torch.ones(192))
    assert chosen.nonzero().flatten().tolist() == [3, 12] and chosen[12] == 0.5


@pytest.mark.parametrize(
    "text", ["Mixed_5b", "Mixed_9z:1", "Mixed_5b:", "Mixed_5b:256", "Mixed_5b:-1", "Mixed_5b:3*x", "Mixed_5b:3*0"]
)
def test_nonsense_is_named(network, text):
    """What makes no sense is refused in a line that says what would."""
    with pytest.raises(SettingsError, match="--channels: "):
        channels_of([text], network, LAYERS)


def test_a_mask_is_laid_over_the_picture(tmp_path):
    """White is one, black is nought, and it takes the picture's size."""
    grey = np.zeros((10, 20), np.uint8)
    grey[:, 10:] = 255
    cv2.imwrite(str(tmp_path / "mask.png"), grey)
    mask = mask_of(tmp_path / "mask.png", (40, 20))
    assert mask.shape == (1, 1, 20, 40) and mask[..., :20].max() == 0 and mask[..., 20:].min() == 1


@pytest.mark.parametrize("what", ["missing", "no picture", "black"])
def test_a_mask_that_cannot_be_used_is_refused(tmp_path, what):
    """One line, with the file's name."""
    path = tmp_path / "mask.png"
    if what == "no picture":
        path.write_bytes(b"no picture")
    elif what == "black":
        cv2.imwrite(str(path), np.zeros((4, 4), np.uint8))
    with pytest.raises(SettingsError, match=r"--mask: .*mask\.png"):
        mask_of(path, (40, 20))


def test_outside_the_mask_a_photograph_stays_as_it_is(tmp_path):
    """`dreamwall still --mask`: white dreams, black comes back to the bit."""
    picture = texture((128, 96))
    grey = np.zeros((96, 128), np.uint8)
    grey[:, 64:] = 255
    for name, pixels in (("in.png", picture), ("mask.png", grey)):
        cv2.imwrite(str(tmp_path / name), pixels)
    paths = [str(tmp_path / name) for name in ("in.png", "out.png")]
    options = ["--network", "leap", "--frames", "3", "--mask", str(tmp_path / "mask.png")]
    assert main(["still", *paths, *options]) == 0
    before, after = (cv2.imread(path) for path in paths)
    assert np.array_equal(before[:, :64], after[:, :64])
    assert np.abs(before[:, 64:].astype(int) - after[:, 64:]).mean() > 0.3


def test_the_leap_has_no_channels(tmp_path, capsys):
    """Asked for a channel of the leap it says why there is none."""
    cv2.imwrite(str(tmp_path / "in.png"), texture((128, 96)))
    paths = [str(tmp_path / name) for name in ("in.png", "out.png")]
    assert main(["still", *paths, "--network", "leap", "--channels", "Mixed_5b:3"]) == 2
    assert "--knob eyes=1" in capsys.readouterr().err
