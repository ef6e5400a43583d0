"""How a leap's reach is measured: what counts as all, as nothing, and as cheating."""

from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from dreamers import CPU, TAPS, Fake, a_photograph, a_teacher, noise, true_ascent
from models.network import Network
from training.own import goes_along, likeness, own_channels, rank_correlation
from training.reference import TRUE, References, at_strength
from training.transfer import CALLS, Leapt, quietly, search, second_judge, transfer

STEPS = (1, 2, 4, 8)


@pytest.fixture
def teacher() -> Network:
    return a_teacher()


@pytest.fixture
def references(teacher: Network, tmp_path: Path) -> References:
    """True dreams of eight steps."""
    (tmp_path / "teacher").write_bytes(b"small")
    return References(teacher, tmp_path / "teacher", tmp_path, CPU, STEPS)


PHOTOS = [a_photograph(seed) for seed in (1, 2, 3)]


def grain() -> Fake:
    return Fake(lambda image: noise(7, image))


def test_true_ascent_itself_reaches_all(teacher: Network, references: References) -> None:
    """A leap that gives the true gradient, by the reference's own schedule, scores 100 % at every tap."""
    report = transfer(Leapt(true_ascent(teacher), TRUE), references, PHOTOS[:2], quietly)
    assert tuple(report) == TAPS
    for found in report.values():
        assert found["leap"]["value"][8] == pytest.approx(1, abs=1e-3)
        assert found["leap"]["rise"][8] == pytest.approx(1, abs=1e-3)
        assert found["leap"]["rise"][0] == 0
        assert found["true"]["rise"][8] == 1
        assert found["leap"]["objective"][4] == pytest.approx(found["true"]["objective"][4], rel=1e-3)
        assert found["reached"]["value"] >= 0.999
        assert found["reached"]["calls"] <= 8


def test_grain_reaches_little(references: References) -> None:
    """Grain of the same strength is far from what true ascent reaches."""
    for found in transfer(Leapt(grain()), references, PHOTOS[:2], quietly).values():
        assert tuple(found["leap"]["rise"]) == CALLS
        assert found["reached"]["rise"] < 0.4


def test_later_calls_do_not_count(references: References) -> None:
    """What only the sixteenth call reaches is in the curve and not in the figure."""
    calls: list[int] = []
    leapt = Leapt(grain())

    def dream(picture: Tensor, tap: str, count: int = 8) -> Tensor:
        calls.append(count)
        return references.dream(picture, tap) if count > 8 else torch.zeros_like(picture)

    leapt.dream = dream  # type: ignore[method-assign]
    for found in transfer(leapt, references, PHOTOS[:1], quietly).values():
        assert found["leap"]["rise"][16] == pytest.approx(1, abs=0.01)
        assert found["reached"]["rise"] == 0
    assert max(calls) == 16


def test_search_prefers_what_reaches_more(teacher: Network, references: References) -> None:
    """Schedules come back with what they reach, the best first, and each one tried is there."""
    ranked = search(true_ascent(teacher), references, [a_photograph(1, 72, 80)], quietly)
    rises = [rise for _, rise in ranked]
    assert rises == sorted(rises, reverse=True)
    assert len({schedule for schedule, _ in ranked}) == len(ranked) >= 12
    assert rises[0] > 0.7


def test_another_network_judges_too(teacher: Network, references: References) -> None:
    """A second judge gives true dreams of its own kind their due, and nothing to a leap that does nothing."""
    still = Fake(torch.zeros_like)
    for judge in (teacher, a_teacher(seed=5)):
        report = second_judge(judge, Leapt(still), references, PHOTOS[:2], quietly)
        for tap in TAPS:
            assert set(report[tap]) == set(TAPS)
            assert all(row["leap"] == pytest.approx(1) for row in report[tap].values())
            assert report[tap][tap]["true"] > (1.3 if judge is teacher else 1.0)


def test_one_pattern_for_all_is_found_out(references: References) -> None:
    """The same pattern laid over every picture is entirely alike; true dreams are not, nor do they come near it."""
    pictures = [photo.picture for photo in PHOTOS]
    leapt = Leapt(grain())
    here, fitting, _ = likeness([leapt.dream(picture, "two") for picture in pictures])
    assert here > 0.9
    assert fitting > 0.9
    true_here, true_fitting, _ = likeness([references.dream(picture, "two") for picture in pictures])
    assert true_here <= true_fitting < 0.5


def test_one_pattern_laid_elsewhere_is_found_out() -> None:
    """The same pattern somewhere else on each picture is alike where it fits, though not in place."""
    pattern = noise(1, torch.zeros(1, 3, 64, 80))
    here, fitting, _ = likeness([pattern.roll(shift, (2, 3)) for shift in ((0, 0), (17, 5), (3, 40))])
    assert here < 0.1
    assert fitting == pytest.approx(1, abs=1e-4)
    assert likeness([noise(seed, pattern) for seed in (1, 2, 3)])[1] < 0.1
    assert likeness([pattern, -pattern])[:2] == pytest.approx((1, 1), abs=1e-4)  # the negative is the same pattern


def test_coarse_strokes_are_alike_by_chance_and_no_more() -> None:
    """Of dreams that have nothing to do with one another coarse ones correlate more, by chance alone."""
    even = torch.zeros(1, 3, 64, 80)
    fine = [noise(seed, even) for seed in range(12)]
    coarse = [F.avg_pool2d(residual, 9, 1, 4) for residual in fine]
    here, _, chance = likeness(fine)
    coarsely_here, _, coarse_chance = likeness(coarse)
    assert coarse_chance > 3 * chance
    assert here == pytest.approx(chance, rel=0.3)
    assert coarsely_here == pytest.approx(coarse_chance, rel=0.3)
    same = [residual + coarse[0] for residual in coarse[1:]]
    here, _, chance = likeness(same)
    assert here > 3 * chance


def test_what_sticks_to_the_window_is_found_out(references: References) -> None:
    """A pattern that stays where it is when the picture is shifted does not go along; a true dream does."""
    assert goes_along(references, PHOTOS, "two") > 0.8
    assert abs(goes_along(Leapt(grain()), PHOTOS, "two")) < 0.1
    sharpened = Fake(lambda image: image - image.roll((1, 1), (2, 3)))
    assert goes_along(Leapt(sharpened), PHOTOS, "two") > 0.8


def test_own_channels_rise(teacher: Network) -> None:
    """Where more of the picture itself is laid on, the channels that were high rise most; where it is taken, least."""
    pictures = [photo.picture for photo in PHOTOS]
    more, less, other = (
        own_channels(teacher, pictures, [at_strength(p, residual(p)) for p in pictures], "two")
        for residual in (lambda p: p - p.mean(), lambda p: p.mean() - p, lambda p: noise(3, p))
    )
    assert more > 0.6
    assert less < -0.6
    assert less < other < more


def test_ranks_are_spearmans() -> None:
    """Rank correlation is 1 for any rising relation, -1 for a falling one; ties share their ranks."""
    x = torch.tensor([[0.0, 1.0, 2.0, 5.0], [0.0, 0.0, 1.0, 2.0], [1.0, 1.0, 1.0, 1.0]])
    y = torch.tensor([[0.0, 1.0, 8.0, 9.0], [3.0, 1.0, 0.0, -1.0], [1.0, 2.0, 3.0, 4.0]])
    up, tied, even = rank_correlation(x, y).tolist()
    assert up == pytest.approx(1)
    assert tied == pytest.approx(-0.9487, abs=1e-3)  # ranks 1.5 1.5 3 4 against 4 3 2 1
    assert even != even
