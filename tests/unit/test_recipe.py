"""From knobs to network terms: the ladder of layers."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from installation.errors import SettingsError
from installation.knobs import KNOBS, SWITCHES, Look
from installation.stages.engine import open_engine
from installation.stages.recipe import ladder_of, recipe
from installation.stages.worker import look_of, numbers_of

LAYERS = ("a", "b", "c", "d")


@given(st.floats(0, 1), st.floats(0, 0.01))
def test_the_layer_knob_is_a_morph(position, further):
    """A small turn of the layer knob changes every weight a little: never a cut."""
    ladder = ladder_of("a,b*0.5+c,d", LAYERS)
    here, there = ladder.weights(position), ladder.weights(min(1.0, position + further))
    assert sum(here.values()) == pytest.approx(1)
    assert all(abs(here.get(n, 0) - there.get(n, 0)) <= 2 * further + 1e-9 for n in LAYERS)


def test_stops_and_mixtures():
    """The ends of the knob are the first and the last stop; a mixture keeps its proportions."""
    ladder = ladder_of(" a , b*0.5 + c*1.5 ", LAYERS)
    assert ladder.weights(0) == {"a": 1.0}
    assert ladder.weights(1) == {"b": 0.25, "c": 0.75}
    assert ladder.layers(LAYERS) == ("a", "b", "c")
    assert ladder_of(str(ladder), LAYERS) == ladder


@pytest.mark.parametrize("text", ["", "a,,b", "a*0", "a*x", "Mixed_9z", "a b", "a*-1"])
def test_a_layer_that_is_not_there_is_refused(text):
    """The line names what was wrong and which layers there are."""
    with pytest.raises(SettingsError, match="--layers"):
        ladder_of(text, LAYERS)


def test_a_look_in_the_networks_terms():
    """Display levels become the network's range, and weights come in the network's order."""
    made = recipe(Look(layer=1.0, step=2.55, octaves=3.6), ladder_of("a,c", LAYERS), ("a", "b", "c"), 4)
    assert list(made.weights) == [0.0, 0.0, 1.0]
    assert made.step == pytest.approx(0.02)
    assert (made.steps, made.octaves) == (4, 4)


@given(st.floats(0, 1), st.floats(0, 1), st.floats(0, 1))
def test_a_mixture_takes_its_share_and_the_layer_knob_the_rest(position, first, second):
    """Layers of a program and the layer knob together are always one; a layer that is not tapped counts for nothing."""
    total = max(1.0, first + second)
    mixture = (("a", first / total), ("d", second / total), ("not tapped", 0.3))
    ladder = ladder_of("a,c", LAYERS)
    made = recipe(Look(layer=position, mixture=mixture), ladder, ("a", "c", "d"), 2)
    assert sum(made.weights) == pytest.approx(1)
    assert made.weights[2] == pytest.approx(second / total)
    assert made.weights[0] >= first / total - 1e-9


knobs = st.fixed_dictionaries({name: st.floats(knob.low, knob.high) for name, knob in KNOBS.items()})
switches = st.fixed_dictionaries(dict.fromkeys(SWITCHES, st.booleans()))


@given(knobs, switches, st.dictionaries(st.sampled_from(["x", "y", "z"]), st.floats(0.001, 1)))
def test_a_look_survives_the_way_to_the_worker(values, flips, weights):
    """The dream gets the look that was read for its frame, to the last digit, programs' layers included."""
    look = Look(**values, **flips, mixture=tuple(sorted(weights.items())))
    names = ("x", "y", "z")
    assert look_of(numbers_of(look, names), names) == look


def test_layers_that_programs_mix_in_are_tapped():
    """An engine gives the layers of the knob and those of programs, in the network's order, and no others."""
    engine = open_engine("leap", "Conv2d_4a_3x3", also=["Mixed_5d", "Mixed_9z"])
    assert set(engine.ladder.layers(engine.ascent.layers)) == {"Conv2d_4a_3x3"}
    assert "Mixed_5d" in engine.ascent.layers and "Mixed_9z" not in engine.ascent.layers
