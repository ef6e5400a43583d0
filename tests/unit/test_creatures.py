"""What the creatures of the deepest layer promise, on the network that ships and on made-up ones."""

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

import dreamers
from models.creatures import CELL, NEAR, SIDE, Creatures, painted
from models.directions import NAMES
from models.dreamer import Recipe
from models.leap import DRAWN, LAID, Leap
from models.leap_net import TAPS

NONE = torch.zeros(1, len(NAMES))


@pytest.fixture(scope="module")
def creatures() -> Creatures:
    return Leap.load().net.creatures


def scene(seed: int) -> Tensor:
    return dreamers.scene(seed, 240, 320, strength=0.5, most=1.0)


@torch.no_grad()
def places(creatures: Creatures, picture: Tensor, emphasis: Tensor = NONE) -> set[tuple[int, int, int]]:
    """(creature, row, column) of all that are laid."""
    return {(k, y, x) for _, k, y, x in creatures.found(picture, emphasis).nonzero().tolist()}


@torch.no_grad()
def test_each_is_found_where_it_is(creatures: Creatures) -> None:
    """A picture that shows a creature gets that very one, in that very place."""
    for k in range(len(creatures.pictures)):
        laid = torch.zeros(1, len(creatures.pictures), 30, 40)
        laid[0, k, 15, 20] = 1
        shown = painted(laid, creatures.pictures)
        assert places(creatures, shown * (0.15 / shown.std()) + 0.01 * scene(1)) >= {(k, 15, 20)}


@torch.no_grad()
def test_goes_on_with_what_it_began(creatures: Creatures) -> None:
    """What has been laid once is laid there again, so that it deepens and does not wander about."""
    picture = scene(2)
    first = places(creatures, picture)
    assert len(first) >= 2
    for _ in range(4):
        change = creatures(picture, NONE)
        picture = (picture + change * (0.03 / change.abs().mean())).clamp(-1, 1)
    assert len(first & places(creatures, picture)) >= 0.7 * len(first)


@pytest.mark.parametrize("seed", range(3, 7))
def test_they_stand_apart(creatures: Creatures, seed: int) -> None:
    """No two are laid over one another, the middle of none is cut off, and the picture has more than one."""
    found = sorted(places(creatures, scene(seed)))
    assert len(found) > 1
    for index, (_, y, x) in enumerate(found):
        assert 4 <= y <= 26 and 4 <= x <= 36
        assert all(max(abs(y - v), abs(x - u)) > NEAR for _, v, u in found[index + 1 :])


@pytest.mark.parametrize("level", [-1.0, 0.25, 1.0])
def test_an_even_ground_gets_none(creatures: Creatures, level: float) -> None:
    """A lens cap and a lit wall have nothing in them that a creature could be like."""
    wall = creatures(torch.full((1, 3, 96, 128), level), NONE)
    assert wall.abs().max() < 1e-3 * creatures(scene(1), NONE).abs().max()


@pytest.mark.parametrize("name", NAMES)
def test_a_direction_brings_its_own(creatures: Creatures, name: str) -> None:
    """A named direction at full strength lays its creatures and no others."""
    own = creatures.families[NAMES.index(name)].nonzero().flatten().tolist()
    wished = F.one_hot(torch.tensor([NAMES.index(name)]), len(NAMES)).float()
    found = places(creatures, scene(8), wished)
    assert found and {k for k, _, _ in found} <= set(own)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_half_precision_finds_the_same(creatures: Creatures, dtype: torch.dtype) -> None:
    """A card that computes in half precision lays nearly the same creatures in the same places."""
    half = Creatures(creatures.kin).requires_grad_(False)
    half.load_state_dict(creatures.state_dict())
    half.to(dtype)
    found = [places(creatures, scene(seed)) for seed in range(10, 16)]
    again = [places(half, scene(seed).to(dtype), NONE.to(dtype)) for seed in range(10, 16)]
    same = sum(len(a & b) for a, b in zip(found, again, strict=True))
    assert same >= 0.8 * sum(len(a) for a in found)


@torch.no_grad()
def test_no_tint(creatures: Creatures) -> None:
    """Each has as much dark as light in every colour, so that a picture full of them is not tinted."""
    assert creatures.pictures.shape[1:] == (3, SIDE, SIDE)
    assert creatures.pictures.mean((2, 3)).abs().max() < 0.01 * creatures.pictures.std()


@torch.no_grad()
def test_laid_as_a_transposed_convolution_would() -> None:
    """The quick way of laying them gives what the plain one gives."""
    chance = torch.Generator().manual_seed(0)
    laid, pictures = torch.rand(2, 5, 9, 12, generator=chance), torch.randn(5, 3, SIDE, SIDE, generator=chance)
    half = F.conv_transpose2d(laid, pictures, stride=CELL // 2)
    beyond = SIDE // 2
    half = half[:, :, beyond:, beyond:][:, :, : 9 * CELL // 2, : 12 * CELL // 2]
    plain = F.interpolate(half, scale_factor=2.0, mode="bilinear")
    torch.testing.assert_close(painted(laid, pictures), plain, rtol=1e-4, atol=1e-3)


@torch.no_grad()
def test_only_the_deepest_layer_lays_them() -> None:
    """Other layers are drawn as if there were none; between two the picture goes evenly from one to the other."""
    leap = Leap.load()
    picture, last = scene(9)[:, :, :128, :160], len(TAPS) - 1

    def of(**weights: float) -> Tensor:
        return leap.gradient(picture, [weights.get(tap, 0.0) for tap in TAPS])

    drawn, laid = of(Mixed_6b=1), of(**{TAPS[last]: 1})
    torch.testing.assert_close(laid, leap.net.creatures(picture, NONE))
    torch.testing.assert_close(of(**{"Mixed_6b": 0.25, TAPS[last]: 0.75}), drawn.lerp(laid, 0.75))


def test_where_creatures_are_most_of_it() -> None:
    """There the picture is rolled by whole places of theirs and seen at one size, or each would lie over another."""
    leap, last = Leap.load(), len(TAPS) - 1
    for share, viewing in ((0.0, DRAWN), (0.4, DRAWN), (0.6, LAID), (1.0, LAID)):
        assert leap.viewing([1 - share] + [0.0] * (last - 1) + [share]) == viewing
    assert leap.only([TAPS[last]]).viewing([1.0]) == LAID
    assert LAID.grid == CELL and LAID.span == Recipe((1.0,)).octaves > DRAWN.span, "one size as a show begins"
