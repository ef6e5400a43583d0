"""What the training promises to whoever runs it: its pictures, lessons, states and judge, and that it goes on."""

import argparse
import json
from dataclasses import dataclass

import cv2
import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given
from hypothesis import strategies as st

from lively import lively
from models.directions import NAMES
from models.inception import inception_v3
from models.leap import Leap
from models.leap import save as save_leap
from models.leap_net import TAPS, LeapNet
from training import creatures, gather, train
from training.dreams import FIRST_DIRECTED, Lesson, Wish, lessons, save, wish
from training.judge import SHALLOW, Judge, apart
from training.pictures import Stock
from training.plans import ENOUGH, TAP, Plans, onto_cells
from training.states import ROOM, States, limited


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A photograph, and a cut-out that is a red disc."""
    room = tmp_path_factory.mktemp("stock")
    chance = np.random.default_rng(0)
    cv2.imwrite(str(room / "photo.png"), chance.integers(0, 120, (200, 300, 3), np.uint8))
    disc = np.zeros((100, 100, 4), np.uint8)
    cv2.circle(disc, (50, 50), 40, (0, 0, 255, 255), -1)
    cv2.imwrite(str(room / "disc.png"), disc)
    return room


@given(st.integers(0, 2**32))
def test_a_scene_is_a_picture_and_always_the_same(folder, seed):
    """Whatever it is made of, it has the size asked for, lies within range, and a seed makes it again."""
    stock = Stock(folder)
    scene = stock.scene(48, 64, np.random.default_rng(seed))
    assert scene.shape == (48, 64, 3) and scene.dtype == np.float32 and np.abs(scene).max() <= 1
    assert np.array_equal(scene, stock.scene(48, 64, np.random.default_rng(seed)))


def test_cut_outs_are_told_from_photographs(folder, tmp_path):
    """By their transparency; a folder without photographs, and a file that is none, are named in one line."""
    stock = Stock(folder)
    assert len(stock.photographs) == 1 and len(stock.cutouts) == 1
    picture = np.zeros((64, 64, 3), np.float32)
    stock.paste(picture, np.random.default_rng(3))
    assert (picture[..., 0] > 0.9).any() and (picture[..., 0] == 0).any()
    with pytest.raises(SystemExit, match="no photographs"):
        Stock(tmp_path)
    (tmp_path / "broken.png").write_text("no picture")
    with pytest.raises(SystemExit, match=r"broken\.png"):
        Stock(tmp_path)


def test_the_list_of_pictures_is_followed(tmp_path):
    """What is missing is said with the packages that have it; of cut-outs the drawings and small ones stay behind."""
    share = tmp_path / "usr" / "share"
    stock = {
        "packages": ["walls"],
        "photographs": ["walls/a.jpg"],
        "cutouts": {"below": "stamps", "folders": ["animals"], "without": ["cartoon"], "smallest": 20},
    }
    for name, side in (
        ("animals/owl.png", 30),
        ("animals/cartoon/owl.png", 30),
        ("animals/ant.png", 5),
        ("x/y.png", 30),
    ):
        (share / "stamps" / name).parent.mkdir(parents=True, exist_ok=True)
        cv2.imwrite(str(share / "stamps" / name), np.zeros((side, side, 4), np.uint8))
    with pytest.raises(SystemExit, match="unpack walls"):
        gather.wanted(tmp_path, stock)
    (share / "walls").mkdir()
    (share / "walls" / "a.jpg").touch()
    assert [file.name for file in gather.wanted(tmp_path, stock)] == ["a.jpg", "owl.png"]


@given(st.integers(0, 2**32))
def test_a_wish_is_one_tap_or_two(seed):
    """Weights add up to one, the deepest leads, and directions are asked for only where creatures live."""
    wanted = wish(np.random.default_rng(seed))
    assert sum(wanted.weights) == pytest.approx(1) and 1 <= np.count_nonzero(wanted.weights) <= 2
    assert not any(wanted.weights[wanted.lead + 1 :]) and wanted.weights[wanted.lead] > 0
    assert len(wanted.emphasis) == len(NAMES) and np.count_nonzero(wanted.emphasis) <= 1
    assert not any(wanted.emphasis) or wanted.lead >= FIRST_DIRECTED


def some_lessons(count=54, side=176):
    chance = torch.Generator().manual_seed(1)
    for index in range(count):
        base, dream = (
            F.interpolate(torch.rand(1, 3, cells, cells, generator=chance) * 1.6 - 0.8, (side, side), mode="bicubic")
            for cells in (6, 24)
        )
        weights = [0.0] * len(TAPS)
        weights[index % 3] = 1.0
        yield base, (base + 0.2 * dream).clamp(-1, 1), Wish(tuple(weights), (0.0,) * len(NAMES))


def test_lessons_are_kept(tmp_path):
    """What was dreamed comes back to the nearest level, with its wish; too few are refused with what to run."""
    written = list(some_lessons(50, 32))
    for index, (base, dream, wanted) in enumerate(written):
        save(tmp_path / f"{index:05d}.npz", base, dream, wanted)
    found = lessons(tmp_path)
    assert [lesson.wish for lesson in found] == [wanted for _, _, wanted in written]
    assert np.abs(found[7].dream / 127.5 - 1 - written[7][1][0].numpy()).max() <= 0.5 / 127.5 + 1e-6
    (tmp_path / "00003.npz").unlink()
    with pytest.raises(SystemExit, match=r"training\.dreams"):
        lessons(tmp_path)


def as_lessons(some):
    found = []
    for base, dream, wanted in some:
        pixels = [((t[0] + 1) * 127.5).round().clamp(0, 255).byte().numpy() for t in (base, dream)]
        found.append(Lesson(*pixels, wanted))
    return found


def test_own_states_are_carried_on():
    """What the leap has made of a state is there, a little faded, when it comes again; fresh ones hold nothing."""
    states = States(as_lessons(some_lessons(12, 96)), np.random.default_rng(2), 96 - ROOM)
    fresh = states.draw(4, {"fresh": 1.0}, 1)
    assert fresh.base.shape == (4, 3, 80, 80) and not fresh.residual.any() and fresh.weights[:, 1].eq(1).all()
    for _ in range(12):
        batch = states.draw(4, {"own": 1.0}, 1)
        states.keep(batch, torch.full_like(batch.base, 0.1))
    assert states.draw(4, {"own": 1.0}, 1).residual.abs().mean() > 0.05
    half = states.draw(4, {"half": 1.0}, 0)
    assert half.residual.abs().mean() > 0


def test_a_window_says_where_it_lies():
    """The place that a window gives is where its pixels are in the lesson, mirrored or not."""
    states = States(as_lessons(some_lessons(12, 128)), np.random.default_rng(2), 96)
    seen = set()
    for _ in range(6):
        batch = states.draw(4, {"fresh": 1.0}, None)
        for window, (state, top, left) in zip(batch.dream, batch.places, strict=True):
            dream = torch.from_numpy(state.lesson.dream).float() / 127.5 - 1
            dream = dream.flip(2) if state.mirrored else dream
            y, x = top + state.top, left + state.left
            torch.testing.assert_close(window, dream[:, y : y + 96, x : x + 96])
            seen.add(state.mirrored)
    assert seen == {False, True}


@given(st.floats(0.01, 3))
def test_a_residual_is_held_to_its_strength(strength):
    """However strong it has become, what is laid over the picture is not more than allowed."""
    base, residual = torch.zeros(2, 3, 16, 16), strength * torch.ones(2, 3, 16, 16)
    assert (limited(base, residual) - base).pow(2).mean().sqrt() <= 0.12 + 1e-6


def correlation(a, b):
    return float(F.cosine_similarity((a - a.mean()).flatten(), (b - b.mean()).flatten(), dim=0))


@dataclass
class Eyes:
    """A teacher of one random convolution a layer."""

    def __post_init__(self):
        chance = torch.Generator().manual_seed(5)
        wide = {TAP: 160}  # more than a plan has numbers
        self.kernels = {n: torch.randn(wide.get(n, 12), 3, 7, 7, generator=chance) for n in (SHALLOW, *TAPS)}

    def requires_grad_(self, _on):
        return self

    def to(self, **_kind):
        return self

    def activations(self, picture, layers):
        return [F.conv2d(picture, self.kernels[name], stride=4).relu() for name in layers]


@dataclass
class Inception(Eyes):
    """A teacher whose cells lie as Mixed_6b's do: 16 pixels apart, the first around pixel 21."""

    def activations(self, picture, layers):
        blurred = F.avg_pool2d(picture, 13, 1)
        return [F.conv2d(blurred, self.kernels[name], stride=16, dilation=5).relu() for name in layers]


def test_a_plan_lies_where_its_dream_does():
    """The plan of a window is what the whole dream's plan says there; of nothing there is a plan too."""
    dreamed = as_lessons(some_lessons(ENOUGH, 176))
    plans = Plans.of_dreams(Inception(), dreamed, 8)
    whole = plans.of_dream(dreamed[0], mirrored=False)
    assert 0.5 < whole.pow(2).mean() < 2
    assert torch.equal(whole, plans.of_dream(dreamed[0], mirrored=False))
    inner = (..., slice(2, -2), slice(2, -2))
    for top, left in ((0, 0), (16, 32), (7, 21)):
        there = onto_cells(whole, top, left, 128)
        pixels = torch.from_numpy(dreamed[0].dream)[None, :, top : top + 128, left : left + 128].float() / 127.5 - 1
        alone = onto_cells(plans.of(pixels), 0, 0, 128)
        assert there.shape == (1, 8, 8, 8)
        assert correlation(there[inner], alone[inner]) > (0.99 if top % 16 == left % 16 == 0 else 0.6)
    assert correlation(onto_cells(whole, 0, 0, 128), onto_cells(whole, 16, 32, 128)) < 0.6
    assert plans.of_more(torch.zeros(1, 3, 128, 128)).isfinite().all()


def test_the_judge_knows_its_own_dream():
    """The true dream is recognised and gains nothing on itself; another's dream, or one texture over all, is not."""
    _, dreams, _ = (list(column) for column in zip(*some_lessons(6, 96), strict=True))
    dream, rng = torch.cat(dreams), np.random.default_rng(0)
    weights = torch.eye(len(TAPS))[[2] * 6]
    judge = Judge(Eyes())
    own = judge.judge(dream, dream, weights, 2, rng)
    other_dream = dream.roll(1, 0)
    other = judge.judge(other_dream, dream, weights, 2, rng)
    one = judge.judge(dream[:1].expand_as(dream), dream, weights, 2, rng)
    assert own.found == pytest.approx(1) and own.gain == 0 and own.unlike < 1e-9
    assert own.recognised < 0.5 * min(other.recognised, one.recognised)
    aimed = judge.judge(other_dream, dream, weights, 2, rng, aim=other_dream)
    assert aimed.found == pytest.approx(1) and aimed.unlike > 0
    assert other.found < 0.3 and one.found < 0.4
    weak = judge.judge(0.3 * dream, dream, weights, 2, rng)
    assert weak.fallen_short > own.fallen_short + 0.5 and weak.gain < -0.5
    strong = judge.judge(3 * dream, dream, weights, 2, rng)
    assert strong.fallen_short == 0 < own.fallen_short, "twice the lesson's objective is aimed at, and no more"


def test_apart_is_least_at_the_residual_itself():
    """The direction that is the residual, in each scale's own strength, is nearer than noise or nothing."""
    residual = next(iter(some_lessons(1, 64)))[1]
    noise = torch.randn(residual.shape, generator=torch.Generator().manual_seed(0))
    assert (
        apart(residual / residual.std(), residual)
        < apart(torch.zeros_like(residual), residual)
        < apart(noise, residual)
    )


def test_a_training_goes_on_where_it_was_stopped(tmp_path, monkeypatch):
    """A few iterations of all three stages leave a leap that loads, a preview, a log; resumed it counts on."""
    monkeypatch.setattr(train, "load_network", lambda _file: Eyes())
    monkeypatch.setattr(train, "HELD_OUT", 3)
    for index, (base, dream, wanted) in enumerate(some_lessons()):
        save(tmp_path / f"{index:05d}.npz", base, dream, wanted)
    monkeypatch.setattr(train, "DRAWN", (0.4, 0.3, 0.3, 0, 0, 0))
    monkeypatch.setattr(train, "FOCUS", 1)
    out = tmp_path / "leap.safetensors"
    args = argparse.Namespace(teacher=None, lessons=tmp_path, iterations=100, out=out, resume=False, seed=1, batch=2)
    args.side, args.every = 96, 1e9
    trainer = train.Trainer(args)
    for trainer.count in (0, 20, 50, 90):
        assert all(np.isfinite(v) for v in trainer.iterate().values() if not isinstance(v, str))
    out.with_suffix(".jsonl").write_text(json.dumps({"count": 1, "lead": 0, "gain": 0.0}) + "\n")
    trainer.keep()
    assert Leap.load(out).card["iterations"] == 91
    assert cv2.imread(str(out.with_suffix(".png"))).shape[0] == 3 * 176
    args.resume = True
    again = train.Trainer(args)
    assert again.count == 91 and again.spent == trainer.spent
    assert again.iterate()["count"] == 92


def test_creatures_are_grown_into_a_leap(folder, tmp_path, monkeypatch):
    """They come into a leap that goes on drawing as it did, beside a sheet and a log; what is resumed counts on."""
    monkeypatch.setattr(creatures, "load_network", lambda _file: lively(inception_v3, TAPS[-1]))
    for name, value in {"SCENES": 3, "WINDOW": 128, "BATCH": 2}.items():
        monkeypatch.setattr(creatures, name, value)
    out = tmp_path / "leap.safetensors"
    torch.manual_seed(1)
    save_leap(LeapNet(), out, {"teacher": "none"})
    picture, drawn, laid = next(some_lessons(1))[0], [0, 1.0, 0, 0, 0, 0], [0, 0, 0, 0, 0, 1.0]
    before = Leap.load(out)
    assert not before.gradient(picture, laid).any(), "none have been grown yet"
    args = argparse.Namespace(teacher=None, photos=folder, into=out, iterations=2, resume=False, seed=1, every=1e9)
    creatures.Growth(args).run()
    after = Leap.load(out)
    assert after.card == {"teacher": "none", "creatures": 2}
    assert after.gradient(picture, laid).any()
    assert torch.equal(after.gradient(picture, drawn), before.gradient(picture, drawn))
    assert cv2.imread(str(tmp_path / "leap.creatures.png")) is not None
    args.resume, args.iterations = True, 3
    creatures.Growth(args).run()
    log = (tmp_path / "leap.creatures.jsonl").read_text().splitlines()
    assert [json.loads(line)["count"] for line in log] == [1, 2, 3]
    assert all(np.isfinite(json.loads(line)["whole"]) for line in log)
    assert Leap.load(out).card["creatures"] == 3
    assert not torch.equal(Leap.load(out).gradient(picture, laid), after.gradient(picture, laid))


def test_a_creature_is_a_picture_on_nothing():
    """Whatever the waves, it fades out to its edge, has a strength of one and no colour of its own."""
    found = creatures.pictures(torch.randn(2, 3, 64, 33, 2, generator=torch.Generator().manual_seed(2)))
    assert found.shape == (2, 3, 64, 64)
    assert found.mean((2, 3)).abs().max() < 1e-4
    assert creatures.strength(found).flatten().tolist() == pytest.approx([1, 1], abs=1e-4)
    assert found[:, :, 0].abs().max() < 0.2 * found.abs().max()


def test_alike_is_what_creatures_have_in_common():
    """Nothing where each is seen by channels of its own, much where two are seen by the same."""
    apart = creatures.alike(torch.eye(4) + 0.1)
    twins = creatures.alike(torch.eye(4)[[0, 0, 1, 2]] + 0.1)
    assert float(apart) == pytest.approx(0, abs=1e-5) and float(twins) > 0.4
