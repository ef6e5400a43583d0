"""What the shipped leap promises."""

from itertools import pairwise
from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

import dreamers
from models.directions import NAMES, Directions
from models.leap import FORMAT, SHIPPED, Leap, save
from models.leap_net import TAPS, LeapNet


@pytest.fixture(scope="module")
def leap() -> Leap:
    return Leap.load()


def scene(seed: int, height: int = 128, width: int = 160) -> Tensor:
    return dreamers.scene(seed, height, width, strength=0.5, most=1.0)


def one(leap: Leap, k: int) -> list[float]:
    return [float(j == k) for j in range(len(leap.layers))]


def correlation(a: Tensor, b: Tensor) -> float:
    return float(F.cosine_similarity((a - a.mean()).flatten(), (b - b.mean()).flatten(), dim=0))


def test_small_enough_to_ship(leap: Leap) -> None:
    """The shipped network is at most 4 MB and has at most 2 million parameters."""
    assert SHIPPED.stat().st_size <= 4_000_000
    assert sum(p.numel() for p in leap.net.parameters()) <= 2_000_000


def test_carries_its_card(leap: Leap) -> None:
    """The file itself says who taught it, on what, under which licence, and what was measured."""
    assert {"teacher", "data", "licence", "measured"} <= leap.card.keys()
    assert set(leap.card["measured"]["transfer"]) == set(leap.layers)


def test_fills_the_seam(leap: Leap) -> None:
    """The leap answers as every ascent engine does: taps, status, reach, a float32 direction of the picture's size."""
    assert leap.layers == TAPS and leap.directions == NAMES
    assert leap.status == "leap, float32 on cpu"
    assert leap.reach > 0
    for height, width in ((64, 64), (75, 113), (240, 320)):
        direction = leap.gradient(scene(1, height, width), [1.0] * len(leap.layers))
        assert direction.shape == (1, 3, height, width)
        assert direction.dtype == torch.float32


@pytest.mark.parametrize("level", [-1.0, 0.0, 1.0])
def test_extremes_are_finite(leap: Leap, level: float) -> None:
    """A lens cap and a floodlight give finite directions."""
    assert leap.gradient(torch.full((1, 3, 96, 96), level), one(leap, 1)).isfinite().all()


def test_only_proportions_of_weights_count(leap: Leap) -> None:
    """Doubling all layer weights changes nothing."""
    once, twice = (leap.gradient(scene(1), [k * w for w in (0.1, 0.2, 0, 0.3, 0, 0.4)]) for k in (1, 2))
    torch.testing.assert_close(once, twice)


def test_morph_is_continuous(leap: Leap) -> None:
    """Going from one layer to another in twenty steps never jumps, and arrives at another dream."""
    ends = one(leap, 0), one(leap, len(leap.layers) - 1)
    way = [
        leap.gradient(scene(2), [(1 - t / 20) * a + t / 20 * b for a, b in zip(*ends, strict=True)]) for t in range(21)
    ]
    way = [d / d.abs().mean() for d in way]
    whole = (way[-1] - way[0]).abs().mean()
    assert whole > 0.2
    assert max((b - a).abs().mean() for a, b in pairwise(way)) < 0.3 * whole


def test_shift_goes_along(leap: Leap) -> None:
    """Shifting the picture by 16 pixels shifts the change along."""
    for k in range(len(leap.layers)):
        found = []
        for seed in range(3, 15):  # a creature at the border may come or go, so one scene says little
            wide = scene(seed, 256, 336)
            here, there = (leap.gradient(wide[:, :, o : o + 240, o : o + 320], one(leap, k)) for o in (0, 16))
            here, there = here[:, :, 16:, 16:], there[:, :, :-16, :-16]
            found.append(correlation(here[:, :, 32:-32, 32:-32], there[:, :, 32:-32, 32:-32]))
        assert sum(found) / len(found) >= 0.7


def test_no_mark_at_the_border(leap: Leap) -> None:
    """The edge of the picture leaves no frame: an even wall has nothing to dream of, at the border neither."""
    wall = leap.gradient(torch.full((1, 3, 96, 96), 0.25), one(leap, 1))
    assert wall.abs().max() < 1e-3 * leap.gradient(scene(1), one(leap, 1)).abs().mean()


def test_pictures_dream_their_own(leap: Leap) -> None:
    """Two pictures do not get the same change laid over them."""
    for k in range(len(leap.layers)):
        assert abs(correlation(leap.gradient(scene(4), one(leap, k)), leap.gradient(scene(5), one(leap, k)))) < 0.15


@pytest.mark.parametrize("k", [0, 3])
def test_stamina(leap: Leap, k: int) -> None:
    """300 frames of feedback neither explode, fade, tint the picture nor freeze it."""
    base = scene(6, 96, 96)
    residual, strengths = torch.zeros_like(base), []
    for frame in range(300):
        before = residual
        small = F.interpolate(
            base + residual * 0.95, [round(n / 1.4 ** (frame % 2)) for n in base.shape[2:]], mode="bilinear"
        )
        direction = leap.gradient(small, one(leap, k))
        change = F.interpolate(direction / direction.abs().mean(), base.shape[2:], mode="bilinear")
        residual = (base + residual * 0.95 + change * leap.reach * 1.5 / 127.5).clamp(-1, 1) - base
        strengths.append(float(residual.pow(2).mean().sqrt()))
    settled = sum(strengths[90:110]) / 20
    assert 0.02 < settled < 0.7
    assert abs(sum(strengths[-20:]) / 20 - settled) < 0.3 * settled
    assert residual.mean((2, 3)).abs().max() < 0.12
    assert (residual - before).abs().mean() > 1e-4


def test_folding_changes_nothing() -> None:
    """The network in use, its batch norm folded away, computes what the trained one computed."""
    torch.manual_seed(0)
    net = LeapNet().train()
    given = scene(7), torch.tensor([[1.0, 2.0, 0.0, 0.0, 0.0, 0.5]]), torch.tensor([[0.0, 0.4, 0.0, 0.0, 0.0, 0.0]])
    for _ in range(3):
        net(*given)
    net.eval()
    with torch.no_grad():
        before = net(*given)
        after = net.fold()(*given)
    assert not any(isinstance(m, nn.BatchNorm2d) for m in net.modules())
    torch.testing.assert_close(before, after, rtol=1e-3, atol=1e-4)


def test_saved_is_loaded(leap: Leap, tmp_path: Path) -> None:
    """A saved leap comes back the same, with its card."""
    save(leap.net, tmp_path / "again.safetensors", {"teacher": "none"})
    again = Leap.load(tmp_path / "again.safetensors")
    assert again.card == {"teacher": "none"}
    torch.testing.assert_close(again.gradient(scene(1), one(leap, 2)), leap.gradient(scene(1), one(leap, 2)))


def test_bad_files_give_one_line(tmp_path: Path) -> None:
    """A missing file, a file of something else and a damaged one are each refused in one clear line."""
    from safetensors.torch import load_file, save_file

    (tmp_path / "text.safetensors").write_text("not a network")
    save_file({"weight": torch.zeros(3)}, tmp_path / "other.safetensors")
    whole = load_file(SHIPPED)
    whole.popitem()
    about = {
        "format": FORMAT,
        "shape": '{"taps": ["a"], "directions": [], "widths": [16, 40, 96, 144], "blocks": 3, "plan": 128}',
        "card": "{}",
    }
    save_file(whole, tmp_path / "damaged.safetensors", about)
    for name in ("missing", "text", "other", "damaged"):
        with pytest.raises(ValueError, match=name) as refusal:
            Leap.load(tmp_path / f"{name}.safetensors")
        assert "\n" not in str(refusal.value)


def test_wrong_weights_are_refused(leap: Leap) -> None:
    """One weight too few is an error that names the layers; all weights zero is no dream at all."""
    with pytest.raises(ValueError, match="Mixed_5b"):
        leap.gradient(scene(1), [1.0])
    assert not leap.gradient(scene(1), [0.0] * len(leap.layers)).any()


def test_directions_are_its_channels(leap: Leap) -> None:
    """A named direction changes the dream, the more the higher it is turned; all at zero it is the layer's own."""
    assert leap.directions == NAMES
    weights, ways = one(leap, 3), Directions.of_leap(leap.layers)

    def turned(strength: float) -> Tensor:
        direction = leap.gradient(scene(2), weights, ways.channels({"eyes": strength}))
        return direction / direction.abs().mean()

    own = leap.gradient(scene(2), weights)
    assert torch.equal(own, leap.gradient(scene(2), weights, [torch.zeros(len(NAMES))] * len(leap.layers)))
    own = own / own.abs().mean()
    half, whole = ((turned(strength) - own).abs().mean() for strength in (0.5, 1.0))
    assert 0 < half < whole
    with pytest.raises(ValueError, match="eyes"):
        leap.gradient(scene(2), weights, [torch.ones(3)] * len(leap.layers))


def test_some_layers_alone(leap: Leap) -> None:
    """Asked for some of its layers alone it gives what it gives with the others at zero."""
    some = leap.only([leap.layers[1], leap.layers[3]])
    assert torch.equal(
        some.gradient(scene(1), torch.tensor([0.25, 0.75])), leap.gradient(scene(1), [0, 0.25, 0, 0.75, 0, 0])
    )
