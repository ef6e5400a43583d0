"""Named directions: eyes, fur, feathers … in whichever network dreams."""

import shutil
import threading
import tomllib
from functools import cache
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

import installation.stages.engine as engines
import models.directions as module
from installation.frame import Frame
from installation.knobs import KNOBS, Look
from installation.stages.dreaming import Dreaming
from installation.stages.engine import open_engine
from installation.stages.focus import Focus
from installation.stages.recipe import ladder_of, recipe
from lively import lively, noise
from models.ascent import Stepping
from models.ascent.eager import Eager
from models.ascent.graphed import Graphed
from models.directions import GROWTH, NAMES, SIDE, Directions, exemplars
from models.googlenet import googlenet
from models.inception import inception_v3
from models.weights import load_network
from pictures import texture
from recording import recorded
from shared_material import WEIGHTS, needs_weights

LAYERS = ("Conv2d_4a_3x3", "Mixed_5b")
HOUSE = Path(__file__).resolve().parents[2]
strengths = st.fixed_dictionaries(dict.fromkeys(NAMES, st.floats(0, 1)))


@cache
def network():
    """Nobody may change it."""
    return lively(inception_v3, LAYERS[-1])


@cache
def directions():
    return Directions.of_network(network(), LAYERS)


def eager():
    return Eager(network(), LAYERS, device=torch.device("cpu"), dtype=torch.float32)


# -- the sheet ---------------------------------------------------------------------------------------------------------


def test_the_sheet_that_ships_has_a_row_for_every_name():
    """Each direction has some pictures, alike in nothing but what they show."""
    shown = exemplars()
    assert shown.shape[0] == len(NAMES) and shown.shape[1] >= 3 and shown.shape[2:] == (3, SIDE, SIDE)
    assert -1 <= shown.min() < -0.5 and 0.5 < shown.max() <= 1
    flat = shown.flatten(0, 1).flatten(1)
    assert torch.corrcoef(flat).fill_diagonal_(0).max() < 0.9
    assert module.SHIPPED.stat().st_size < 250_000


def test_a_sheet_that_cannot_be_used_is_told_and_the_show_goes_on(tmp_path, monkeypatch):
    """Without the sheet the network dreams all the same, and the operator reads why six knobs do nothing."""
    found = engines.Opened(network(), ladder_of("Mixed_5b", network().layers), LAYERS, "")
    (tmp_path / "empty.png").touch()
    shutil.copy(HOUSE / "docs" / "pictures" / "programs.jpg", tmp_path / "another.png")
    for name in ("missing.png", "empty.png", "another.png"):
        monkeypatch.setattr(exemplars, "__defaults__", (tmp_path / name,))
        none, why = engines._directions(found, torch.device("cpu"))
        assert none is None and why.startswith("; no eyes, fur") and name in why and "\n" not in why


# -- of a network ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "layers"), [(inception_v3, LAYERS), (googlenet, ("conv3", "inception3b", "inception4c"))]
)
def test_every_network_is_asked_for_its_own(kind, layers):
    """Whatever its channels mean: few of each layer, none below 0, a mean of 1, and the same when asked again."""
    found, again = (Directions.of_network(lively(kind, layers[-1]), layers) for _ in range(2))
    for name in NAMES:
        for row, same in zip(found.row(name), again.row(name), strict=True):
            assert torch.equal(row, same) and row.min() == 0
            assert row.mean().item() == pytest.approx(1, rel=1e-5)
            assert 1 <= (row > 0).sum() <= max(4, 0.04 * len(row))
    assert not any(torch.equal(*pair) for pair in zip(found.row("eyes"), found.row("fur"), strict=True))


def test_a_layer_that_sees_nothing_dreams_as_before():
    """Where every channel is dead no direction can be told, and the layer stays whole."""
    dead = googlenet("inception3a")
    for parameter in dead.parameters():
        parameter.data.zero_()
    found = Directions.of_network(dead, ("conv3", "inception3a"))
    assert all(torch.equal(row, torch.ones_like(row)) for name in NAMES for row in found.row(name))


def chosen():
    return tomllib.loads((HOUSE / "training" / "exemplars.toml").read_text(encoding="utf-8"))


@needs_weights
def test_the_teacher_finds_the_channels_that_drew_the_pictures():
    """Asked by pictures, the network that drew them names channels that were chosen by eye, by their own directions."""
    found = Directions.of_network(load_network(WEIGHTS).truncated("Mixed_6b"), ["Mixed_6b"])
    for name, channels in chosen().items():
        rows = {other: found.row(other)[0] for other in NAMES}
        shares = {other: float(row[channels["Mixed_6b"]].sum() / row.sum()) for other, row in rows.items()}
        assert max(shares, key=shares.__getitem__) == name
        assert shares[name] > 0.25  # of all the weight, on less than one in a hundred channels


# -- strengths ---------------------------------------------------------------------------------------------------------


@settings(deadline=None)  # the first example waits for the network to be asked
@given(strengths)
def test_a_mixture_is_a_share_of_each(wished):
    """Up to a sum of one the rest is the whole layer; beyond it there is no rest.  The mean is that of the shares."""
    mixed = directions().channels(wished)
    total = sum(strength**GROWTH for strength in wished.values())
    if not any(wished.values()):
        assert mixed is None
        return
    for row in mixed:
        assert row.min() >= -1e-6 and row.mean().item() == pytest.approx(max(1.0, total), rel=1e-4)


@settings(deadline=None)  # the first example waits for the network to be asked
@given(strengths, st.sampled_from(NAMES), st.floats(0, 0.01))
def test_turning_a_knob_is_a_morph(wished, name, further):
    """A small turn changes every channel a little, also from and to nothing: never a cut."""
    turned = {**wished, name: wished[name] + further}
    largest = max(float(row.max()) for rows in map(directions().row, NAMES) for row in rows) + 1
    ones = [torch.ones_like(row) for row in directions().row(name)]
    for before, after in zip(directions().channels(wished) or ones, directions().channels(turned) or ones, strict=True):
        assert (before - after).abs().max() <= GROWTH * further * 1.03 * largest + 1e-4


def test_a_stronger_wish_counts_more():
    """From nothing to all the wished channels' share of the layer only grows, to the whole of it."""
    for name in NAMES:
        shares = []
        for strength in (0.1, 0.3, 0.6, 1.0):
            mixed = directions().channels({name: strength})[1]
            shares.append(float(mixed[directions().row(name)[1] > 0].sum() / mixed.sum()))
        assert shares == sorted(shares) and len(set(shares)) == 4 and shares[-1] == pytest.approx(1)


def test_the_leaps_channels_are_the_directions():
    """The leap knows them by name: at each of its layers it is told the strengths themselves."""
    found = Directions.of_leap(LAYERS)
    assert found.channels(dict.fromkeys(NAMES, 0.0)) is None
    for place, name in enumerate(NAMES):
        for row in found.channels({name: 0.7}):
            assert row.tolist() == pytest.approx([0.7 if place == other else 0 for other in range(len(NAMES))])
    assert [len(rows) for rows in map(found.row, NAMES)] == [len(LAYERS)] * len(NAMES)
    assert found.channels({"fur": 1.0, "arches": 0.5})[0].tolist() == [0, 1, 0, 0, 0.5, 0]


# -- in the dream ------------------------------------------------------------------------------------------------------


def frame(index=0):
    return Frame(texture(size=(160, 120)), index, index / 10)


def test_there_is_a_knob_for_every_direction():
    """From 0, which is as if there were none, to 1."""
    assert all((KNOBS[name].default, KNOBS[name].low, KNOBS[name].high) == (0, 0, 1) for name in NAMES)


def test_with_all_knobs_at_nothing_the_dream_is_bit_for_bit_the_same():
    """Whoever never touches the knobs gets the picture of before."""
    ladder, look = ladder_of("Mixed_5b", LAYERS), Look()
    assert recipe(look, ladder, LAYERS, 2, directions()) == recipe(look, ladder, LAYERS, 2)
    plain, with_knobs = Dreaming(eager(), ladder, 1), Dreaming(eager(), ladder, 1, directions=directions())
    for index in range(2):
        assert np.array_equal(plain(frame(index), look).field, with_knobs(frame(index), look).field)


def risen(network, layer, look, of, image, steps, size):
    """How far the part of the objective that belongs to one direction is after some steps with ``look``."""
    ladder, ascent = ladder_of(layer, [layer]), Eager(network, [layer], device=torch.device("cpu"), dtype=torch.float32)
    made = recipe(look, ladder, [layer], 1, of)
    for _ in range(steps):
        gradient = ascent.gradient(image, made.weights, made.channels)
        image = image + gradient * (size / gradient.pow(2).mean().sqrt())
    (found,) = network.activations(image, [layer])
    return found.pow(2).mean((0, 2, 3))


@pytest.mark.parametrize("name", ["fur", "feathers", "arches", "scripts"])
def test_a_direction_draws_what_it_says(name):
    """Its channels rise more the further its knob is turned."""
    of = Directions.of_network(network(), LAYERS[1:])
    found = [risen(network(), LAYERS[1], Look(**{name: s}), of, noise(96, 96), 1, 2e-3) for s in (0.0, 0.5, 1.0)]
    rise = [float((seen * of.row(name)[0]).sum()) for seen in found]
    assert rise[0] < rise[1] < rise[2]


@needs_weights
@pytest.mark.parametrize("name", ["eyes", "wheels"])
def test_a_direction_shows_in_a_real_network(name):
    """With its knob at the end the teacher sees half as much again of it as without; half way, something between."""
    teacher = load_network(WEIGHTS).truncated("Mixed_6b")
    of, image = Directions.of_network(teacher, ["Mixed_6b"]), noise(96, 96) * 0.3
    found = [risen(teacher, "Mixed_6b", Look(**{name: s}), of, image, 4, 0.03) for s in (0.0, 0.5, 1.0)]
    rise = [float((seen * of.row(name)[0]).sum()) for seen in found]
    assert rise[0] < rise[1] < rise[2] and rise[2] > 1.5 * rise[0]


def test_a_graph_follows_the_knob():
    """What was recorded for one strength draws the next: the knob is read anew for each step."""
    graphed, plain, image = Graphed(eager(), recorded), eager(), noise(96, 96)
    for strengths in ({"eyes": 0.3}, {"eyes": 1.0}, {"eyes": 0.2, "fur": 0.8}):
        channels = directions().channels(strengths)
        found, expected = (a.step(image, [0.0, 1.0], 0.02, (1, 2), channels) for a in (graphed, plain))
        assert torch.allclose(found, expected, atol=1e-5)


class Told(Stepping):
    """Writes down by which thread it was asked for which channels."""

    layers, status, reach, device = LAYERS, "told", 1.0, torch.device("cpu")

    def __init__(self):
        self.channels = {}

    def gradient(self, image, weights, channels=None):
        self.channels[threading.current_thread().name] = channels
        return torch.ones_like(image)


def test_both_hands_are_told():
    """Two hands dream beside one another; each turns towards the direction."""
    ascent, look = Told(), Look(scripts=1.0)
    dreaming = Dreaming(ascent, ladder_of("Mixed_5b", LAYERS), 1, 2, directions=directions())
    for hand in (0, 1):
        thread = threading.Thread(target=dreaming, args=(frame(hand), look, hand), name=f"hand {hand}")
        thread.start()
        thread.join(20)
    for hand in (0, 1):
        told = ascent.channels[f"hand {hand}"]
        assert all(map(torch.equal, told, directions().row("scripts")))


def test_channels_by_number_stand_above_the_directions():
    """Who names channels by number gets these, whatever the knobs say."""
    ascent, focus = Told(), Focus([torch.full((192,), 2.0), torch.full((256,), 3.0)])
    dreaming = Dreaming(ascent, ladder_of("Mixed_5b", LAYERS), 1, focus=focus, directions=directions())
    dreaming(frame(), Look(eyes=1.0))
    (told,) = ascent.channels.values()
    assert told is focus.channels


# -- in the engine -----------------------------------------------------------------------------------------------------


def test_the_leap_that_ships_turns_with_the_same_knobs():
    """Its channels are the directions themselves."""
    engine = open_engine("leap", None)
    assert engine.directions is not None and engine.directions.names == NAMES
    channels = engine.directions.channels({"eyes": 1.0})
    weights = [1.0] + [0.0] * (len(engine.ascent.layers) - 1)
    assert engine.ascent.gradient(noise(64, 64), weights, channels).isfinite().all()


def test_of_a_network_the_engine_brings_the_directions_of_its_taps(monkeypatch):
    """As many rows as the ascent has layers, each as long as that layer has channels."""
    layers = network().layers[:8]
    opened = engines.Opened(network(), ladder_of(",".join(LAYERS), layers), LAYERS, "lively")
    monkeypatch.setattr(engines, "open_network", lambda *_: opened)
    engine = open_engine("inception_v3", None, engine="eager")
    assert engine.choice == "lively"
    assert [len(row) for row in engine.directions.row("fur")] == [network().channels(layer) for layer in LAYERS]


# -- the drawing of the sheet ------------------------------------------------------------------------------------------


def test_the_same_command_draws_the_same_sheet(monkeypatch):
    """From the same seed the same picture, from another another one."""
    from training import exemplars as drawing

    monkeypatch.setattr(drawing, "STEPS", 2)
    one, same, other = (drawing.drawn(network(), {"Mixed_5b": [3, 9]}, seed) for seed in (4, 4, 5))
    assert one.shape == (3, SIDE, SIDE) and torch.equal(one, same) and not torch.equal(one, other)


def test_every_direction_has_its_channels_chosen():
    """The table beside the script names each direction, with channels that the teacher's layers have."""
    assert tuple(chosen()) == NAMES
    plan = inception_v3("Mixed_6e")
    for rows in chosen().values():
        for layer, channels in rows.items():
            assert len(channels) >= 3 and max(channels) < plan.channels(layer)
