"""Pickup: a fader takes hold of a knob when it passes where that stands, and nothing jumps."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from installation.control.midi.binding import bind, position
from installation.control.midi.takeover import NEAR, Grip
from installation.knobs import KNOBS

RAW = st.integers(0, 127)
LINGER = bind("cc", 23, None, "linger")
TURNED = bind("cc", 23, None, "linger", invert=True)
SPAN = KNOBS["linger"].high - KNOBS["linger"].low


def move(grip, binding, values, standing, jump=False):
    at = [position("cc", value) for value in values]
    return grip.move(binding, min(at), max(at), at[-1], standing, jump=jump)


@given(RAW, st.lists(RAW, min_size=1, max_size=5), st.floats(0.1, 30.0), st.sampled_from([LINGER, TURNED]))
def test_a_crossing_is_found_however_fast(first, sweep, standing, binding):
    """A fader whose way leads over the place where its knob stands has hold of it, be it in a single message."""
    grip = Grip()
    move(grip, binding, [first], standing)
    took = move(grip, binding, sweep, standing)
    way = [binding.value(position("cc", value)) for value in (first, *sweep)]
    if min(way) <= standing <= max(way):
        assert took
        assert grip.sent == way[-1]


@given(st.lists(st.tuples(st.lists(RAW, min_size=1, max_size=5), st.one_of(st.none(), st.floats(0.1, 30.0)))))
def test_a_knob_never_jumps_further_than_the_hand_went(script):
    """Whatever hand, program and fader do in turn, a fader moves its knob by no more than it was moved itself."""
    grip, standing, last = Grip(), 2.5, None
    for sweep, program in script:
        standing = standing if program is None else program
        way = [LINGER.value(position("cc", value)) for value in ([] if last is None else [last]) + sweep]
        if move(grip, LINGER, sweep, standing):
            assert abs(grip.sent - standing) <= max(way) - min(way) + 2 * NEAR * SPAN + 1e-9
            standing = grip.sent
        last = sweep[-1]


@given(st.floats(0.1, 30.0))
def test_slowly_turned_it_is_picked_up_and_moves_by_steps(standing):
    """From one end to the other a step at a time: once picked up it never lets go, and no step is larger than one."""
    grip, stands, took = Grip(), standing, []
    for value in range(128):
        took.append(move(grip, LINGER, [value], stands))
        if took[-1]:
            assert abs(grip.sent - stands) <= SPAN / 126 + 1e-9
            stands = grip.sent
    assert took == sorted(took)
    assert took[-1]
    assert stands == 30.0


def test_the_first_movement_takes_no_hold_unless_it_is_near():
    """A fader of which nobody knows where it was moves nothing, but when it stands where its knob does."""
    assert not move(Grip(), LINGER, [127], 2.5)
    assert move(Grip(), LINGER, [64], LINGER.value(0.5) + 0.4 * SPAN / 126)


def test_another_hand_makes_it_let_go():
    """A fader keeps hold as long as nobody else moves the knob; then it waits, and says on which side."""
    grip = Grip()
    assert not move(grip, LINGER, [0], 15.0)
    assert move(grip, LINGER, [80], 15.0)
    assert grip.is_below(LINGER, grip.sent) is None
    assert move(grip, LINGER, [81], grip.sent)
    assert not move(grip, LINGER, [82], 5.0)
    assert grip.is_below(LINGER, 5.0) is False
    assert not move(grip, LINGER, [60], 5.0)
    assert move(grip, LINGER, [10], 5.0)
    assert grip.is_below(LINGER, grip.sent) is None


def test_jump_takes_hold_at_once():
    """With jump the first message sets the knob."""
    grip = Grip()
    assert move(grip, LINGER, [127], 2.5, jump=True)
    assert grip.sent == 30.0


def test_a_knob_out_of_reach_is_picked_up_at_the_end():
    """A fader for half a knob's range takes the knob over at that end when it stands beyond."""
    half = bind("cc", 23, None, "linger", low=0.1, high=10.0)
    grip = Grip()
    assert not move(grip, half, [64], 25.0)
    assert not move(grip, half, [120], 25.0)
    assert move(grip, half, [127], 25.0)
    assert grip.sent == pytest.approx(10.0)


@given(RAW, RAW)
def test_positions_rise_and_the_middle_is_the_middle(one, other):
    """64 of 127 is exactly the middle, so that a knob with two sides can be put to rest; more is never less."""
    assert (position("cc", 0), position("cc", 64), position("cc", 127)) == (0.0, 0.5, 1.0)
    assert (position("cc", one) < position("cc", other)) == (one < other)


@given(st.integers(0, 16383), st.integers(0, 16383))
def test_a_bend_wheel_rests_in_the_middle(one, other):
    """Near its middle a bend wheel is in the middle; its ends are the ends; in between it rises without a jump."""
    assert (position("pitch", 0), position("pitch", 8192), position("pitch", 16383)) == (0.0, 0.5, 1.0)
    assert position("pitch", 8192 + 150) == position("pitch", 8192 - 150) == 0.5
    low, high = sorted((one, other))
    assert 0 <= position("pitch", high) - position("pitch", low) <= (high - low) / 16000 + 1e-9
