"""Knobs, the board and the look."""

import threading
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from installation.board import Board
from installation.errors import SettingsError
from installation.knobs import KNOBS, SWITCHES, Look

names = st.sampled_from(sorted(KNOBS))


@given(names, st.floats(allow_nan=True, allow_infinity=True))
def test_every_knob_stops_at_its_ends(name, value):
    """Whatever a controller sends, a knob stays in its range."""
    board = Board()
    board.look(0)
    board.turn(name, value)
    knob = KNOBS[name]
    assert knob.low <= getattr(board.look(1e6), name) <= knob.high


@given(names, st.floats(0, 1), st.floats(0.001, 0.4), st.floats(0.001, 0.4))
def test_two_half_waits_equal_one_whole(name, share, first, second):
    """Gliding does not depend on the rate at which the look is read."""
    knob = KNOBS[name]
    ends = []
    for times in ([first, first + second], [first + second]):
        board = Board()
        board.look(0)
        board.turn(name, knob.low + share * (knob.high - knob.low))
        for now in times:
            look = board.look(now)
        ends.append(getattr(look, name))
    assert ends[0] == pytest.approx(ends[1], abs=2.1e-3 * (knob.high - knob.low))


@given(names, st.floats(0, 1))
def test_a_turned_knob_arrives(name, share):
    """After a while a knob stands exactly where it was put, so that zero is zero."""
    knob = KNOBS[name]
    target = knob.clamp(knob.low + share * (knob.high - knob.low))
    board = Board()
    board.look(0)
    board.turn(name, target)
    assert getattr(board.look(60), name) == target


def test_a_knob_never_jumps():
    """A turn from end to end is spread over the glide, with no step larger than the time passed allows."""
    board = Board(intensity=0.0)
    board.look(0)
    board.turn("intensity", 2.0)
    seen = [board.look(i / 60).intensity for i in range(1, 120)]
    steps = [b - a for a, b in zip([0.0, *seen], seen, strict=False)]
    assert min(steps) >= 0 and max(steps) < 2.0 * (1 / 60) / KNOBS["intensity"].glide * 1.05
    assert seen[-1] == 2.0


def test_turns_from_several_threads_lose_nothing():
    """Eight hands turning one knob by small amounts at once add up to exactly the sum of their turns."""
    board = Board(rotation=0.0)

    def hand():
        for _ in range(500):
            board.nudge("rotation", 0.0078125)  # a power of two, so that sums are exact

    hands = [threading.Thread(target=hand) for _ in range(8)]
    for one in hands:
        one.start()
    while any(one.is_alive() for one in hands):
        board.look(0)
    for one in hands:
        one.join()
    board.look(0)
    assert board.standing("rotation") == 8 * 500 * 0.0078125


def test_switches_act_at_once_and_turn_over():
    """A blackout does not glide, and the same key ends it."""
    board = Board()
    board.flip("blackout")
    assert board.look(0).blackout
    board.flip("blackout")
    assert not board.look(0).blackout
    board.flip("freeze", True)
    board.flip("freeze", True)
    assert board.look(0).freeze


def test_a_look_is_frozen():
    """One frame, one look: nothing can turn a knob in the middle of a frame."""
    with pytest.raises(AttributeError):
        Look().intensity = 0.5  # type: ignore[misc]


@pytest.mark.parametrize(("settings", "told"), [({"linger": 99}, "0.1 to 30"), ({"lingr": 1}, "linger")])
def test_a_bad_setting_is_refused_with_what_is_allowed(settings, told):
    """The line names the range, or the knobs there are."""
    with pytest.raises(SettingsError, match=told):
        Board(**settings)


def test_every_knob_is_declared_whole():
    """Each knob has a help line, a default in its range and a MIDI controller of its own."""
    controllers = [knob.cc for knob in KNOBS.values() if knob.cc is not None]
    assert len(controllers) == len(set(controllers))
    for knob in KNOBS.values():
        assert knob.help.endswith(".") and knob.low <= knob.default <= knob.high and knob.glide > 0
    assert all(text.endswith(".") for text in SWITCHES.values())


@given(
    st.dictionaries(names, st.floats(0, 1), min_size=1),
    st.floats(0.1, 30),
    st.lists(st.floats(0.001, 0.5), max_size=40),
)
def test_a_fade_is_smooth_and_ends_where_it_should(shares, seconds, waits):
    """However the refreshes fall, no knob of a fade moves faster than half as fast again as evenly, and all arrive."""
    board = Board()
    board.look(0)
    targets = {name: KNOBS[name].low + share * (KNOBS[name].high - KNOBS[name].low) for name, share in shares.items()}
    board.fade(targets, seconds)
    now, before = 0.0, board.last
    for wait in waits:
        now += wait
        look = board.look(now)
        for name in shares:
            knob = KNOBS[name]
            step = abs(getattr(look, name) - getattr(before, name)) / (knob.high - knob.low)
            assert step <= 1.5 * wait / seconds + 1e-9
            assert step <= board.largest_step.get(name, 0.0) + 1e-9
        before = look
    look = board.look(now + seconds)
    assert all(getattr(look, name) == target for name, target in targets.items())


def test_a_hand_takes_its_knob_out_of_a_fade():
    """While a program comes on, the knob somebody turns goes where he turns it; the others fade on."""
    board = Board()
    board.look(0)
    board.fade({"intensity": 0.0, "linger": 20.0}, 10)
    board.look(5)
    board.turn("intensity", 2.0)
    board.look(6)
    look = board.look(20)
    assert look.intensity == 2.0 and look.linger == 20.0


def test_a_fade_begun_in_the_middle_of_another_goes_on_from_there():
    """Programs recalled every second never jump: each begins where the last one was."""
    board = Board(zoom=-0.5)
    board.look(0)
    values = []
    for refresh in range(300):
        if refresh % 30 == 0:
            board.fade({"zoom": 0.5 if refresh % 60 == 0 else -0.5}, 2.0, {"a": 1.0} if refresh % 60 else {"b": 1.0})
        look = board.look((refresh + 1) / 30)
        values.append((look.zoom, dict(look.mixture)))
    assert max(abs(b[0] - a[0]) for a, b in pairwise(values)) <= 1.5 / 60 + 1e-9
    for name in ("a", "b"):
        steps = [abs(b[1].get(name, 0) - a[1].get(name, 0)) for a, b in pairwise(values)]
        assert 0 < max(steps) <= 1.5 / 60 + 1e-9
    assert board.largest_step["zoom"] <= 1.5 / 60 + 1e-9


def test_the_layers_of_a_program_give_way_to_the_layer_knob():
    """A program's own layers fade in as shares of one, and out again once a hand turns the layer knob."""
    board = Board()
    board.look(0)
    board.fade({"layer": 0.5}, 2, {"Mixed_5c": 0.25, "Mixed_6b": 0.75})
    assert 0 < sum(weight for _, weight in board.look(1).mixture) < 1
    assert board.look(3).mixture == (("Mixed_5c", 0.25), ("Mixed_6b", 0.75))
    board.fade({"linger": 5.0}, 1)
    assert board.look(5).mixture, "a fade that says nothing of layers leaves them"
    board.nudge("layer", 0.1)
    board.look(5.1)
    assert 0 < sum(weight for _, weight in board.look(5.5).mixture) < 1
    assert board.look(8).mixture == () and board.standing_layers() == {}
