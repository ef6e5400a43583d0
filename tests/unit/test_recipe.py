"""From knobs to network terms: the ladder of layers."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from installation.errors import SettingsError
from installation.knobs import Look
from installation.stages.recipe import ladder_of, recipe

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
