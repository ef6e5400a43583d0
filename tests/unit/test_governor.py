"""The governor: it holds the rate, gives back what it took, and never swings to and fro.

A machine is simulated here: hands that take octaves in turn, each frame as long as its pixels and steps need, and a
governor that is asked thirty times a second, as the screen asks it.
"""

import random
from dataclasses import replace
from itertools import pairwise

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from installation.stages.governor import DECISIONS, HELD, Governor, Work
from installation.stages.rungs import (
    ALL,
    LESS,
    OCTAVE,
    SCALES,
    SMALLEST,
    Allowance,
    Asked,
    cost,
    plain,
    rungs,
    scaled,
    shares,
)
from models import octaves

REFRESH = 1 / 30
TARGET = 6.0
USUAL = Asked(steps=2, octaves=3, size=(320, 240))
ASKED = st.builds(
    Asked,
    steps=st.integers(1, 8),
    octaves=st.integers(1, 5),
    size=st.sampled_from([(320, 240), (160, 120), (640, 360), (96, 96), (240, 320)]),
    span=st.sampled_from([1, 2]),
    hands=st.sampled_from([1, 2]),
)


class Machine:
    """Dreams as quickly as ``speed`` (pixels times steps a second) lets it, and tells the governor what it did.

    ``overhead``: seconds a frame besides.  ``noise``: share by which a frame's length varies.  ``camera``: frames a
    second.  ``wrong``: by what a rung's true cost differs from what the governor expects, by allowance.
    """

    def __init__(self, governor, asked=USUAL, *, overhead=0.0, noise=0.0, camera=30.0, wrong=None, seed=0):
        self.governor, self.asked, self.camera = governor, asked, camera
        self._overhead, self._noise, self._wrong = overhead, noise, wrong or (lambda allow: 1.0)
        self._chance = random.Random(seed)
        self.now, self._shown = 0.0, 0.0
        self._free = [0.0] * asked.hands
        self._busy_with = [None] * asked.hands
        self._turns, self._last = [0] * asked.hands, [-1] * asked.hands
        self._counted, self._work = -1, [[0, 0.0] for _ in range(2)]
        self.told = []  # (time, line)
        self.made = []  # when each frame was finished

    def play(self, seconds, speed):
        end = self.now + seconds
        while self.now < end:
            self.now += REFRESH
            self._shown += REFRESH * self.camera
            allow = self.governor.ask(self.asked)
            for hand in range(self.asked.hands):
                self._dream(hand, allow, speed)
            work = Work(self._counted, *map(tuple, zip(*self._work, strict=True)))
            line = self.governor.see(self.now, int(self._shown), work)
            if line is not None:
                self.told.append((self.now, line))
        return self

    def restart(self):
        """Another worker: it counts from nothing."""
        self._counted, self._work = 0, [[0, 0.0] for _ in range(2)]

    def rate(self, seconds=10.0):
        return sum(made > self.now - seconds for made in self.made) / seconds

    def changes(self, since):
        return [line for when, line in self.told if when > since]

    def _dream(self, hand, allow, speed):
        while self._free[hand] <= self.now:
            if self._busy_with[hand] is not None:
                self._count(hand, *self._busy_with[hand])
                self._busy_with[hand] = None
            if int(self._shown) == self._last[hand]:
                self._free[hand] = max(self._free[hand], self.now)
                return
            self._last[hand] = int(self._shown)
            mine = shares(self.asked, allow)[hand]
            pixels = mine[self._turns[hand] % len(mine)] * min(self.asked.steps, allow.steps) * self._wrong(allow)
            self._turns[hand] += 1
            took = (self._overhead + pixels / speed) * (1 + self._noise * self._chance.uniform(-1, 1))
            self._busy_with[hand] = self.governor.turn, took
            self._free[hand] = max(self._free[hand], self.now - REFRESH) + took

    def _count(self, hand, turn, took):
        self.made.append(self.now)
        if turn > self._counted:
            self._counted, self._work = turn, [[0, 0.0] for _ in range(2)]
        if turn == self._counted:
            self._work[hand][0] += 1
            self._work[hand][1] += took


def needed(asked, rate=TARGET, allow=ALL):
    """The speed at which a machine makes ``rate`` frames a second under ``allow``."""
    return rate * cost(asked, allow) / asked.hands


# -- the rungs ------------------------------------------------------------------------------------------------------


def test_the_octaves_are_those_of_the_dreamer():
    """What the governor reckons with is what is dreamed, though it must not import torch to know."""
    assert (OCTAVE, SMALLEST) == (octaves.SCALE, octaves.SMALLEST)
    for (width, height), count in [((320, 240), 5), ((161, 97), 3), ((1280, 720), 4), ((96, 96), 2)]:
        sizes = octaves.octave_sizes(height, width, count)
        assert shares(Asked(1, count, (width, height)), ALL) == [[h * w for h, w in sizes]]


def test_steps_then_octaves_then_size():
    """A usual dream is trimmed in this order, down to one step of its smallest octave at half the size."""
    rows = [rung.allow for rung in rungs(replace(USUAL, octaves=2))]
    assert rows == [
        Allowance(2, 0, 1.0),
        Allowance(1, 0, 1.0),
        Allowance(1, 1, 1.0),
        Allowance(1, 1, 0.8),
        Allowance(1, 1, 0.64),
        Allowance(1, 1, 0.5),
    ]


@given(ASKED, st.sampled_from(SCALES))
def test_every_rung_is_cheaper(asked, ceiling):
    """No rung is one that would make the dream slower, or no quicker; none is larger than memory has room for."""
    rows = rungs(asked, ceiling)
    assert all(below.cost < LESS * above.cost for above, below in pairwise(rows))
    assert all(rung.allow.scale <= ceiling and 1 <= rung.allow.steps <= asked.steps for rung in rows)
    assert rows[0].allow == Allowance(asked.steps, 0, ceiling)


@given(st.tuples(st.integers(96, 2000), st.integers(96, 2000)), st.sampled_from(SCALES))
def test_no_size_is_too_small_for_a_network(size, scale):
    """The sides stay even and above what the networks need, and keep the picture's shape."""
    width, height = scaled(size, scale)
    assert min(width, height) >= SMALLEST and width <= size[0] and height <= size[1]
    assert width / height == pytest.approx(size[0] / size[1], rel=0.04)
    assert scale == 1.0 or (width % 2, height % 2) == (0, 0) or (width, height) == size


# -- holding the rate -----------------------------------------------------------------------------------------------


def test_a_slow_machine_is_trimmed_and_a_quick_one_given_back():
    """Each decision is one line that says how quick it was, what was wanted, and what is done."""
    governor = Governor(TARGET)
    machine = Machine(governor).play(20, needed(USUAL, 3.1))
    assert machine.told[0][1] == "the dream makes 3.1 frames a second of 6 wanted: 1 step instead of 2"
    assert 3 < machine.told[0][0] < 6
    assert governor.allow == Allowance(1) and machine.rate() == pytest.approx(6.2, rel=0.1)
    machine.play(60, needed(USUAL, 1.0))
    assert [line.split(": ")[1] for _, line in machine.told[1:3]] == [
        "1 octave instead of 3",
        "working size 256x192 instead of 320x240",
    ]
    machine.play(60, needed(USUAL, 20.0))
    assert governor.allow == Allowance(2) and governor.lines() == []
    assert machine.told[-1][1] == "there is room again: 2 steps"
    assert [line for _, line in machine.told] == [row["what"] for row in governor.figures()["decisions"]]


@settings(max_examples=16, deadline=None)
@given(ASKED, st.floats(0.2, 40), st.sampled_from([0.0, 0.05]), st.sampled_from([0.0, 0.02]))
@example(USUAL, 5.9, 0.05, 0.0)
def test_it_settles_and_stays(asked, rate, noise, overhead):
    """At any constant speed it settles, and makes what is wanted if any rung can.

    After that at most one more thing is trimmed, where chance puts a rate that was just enough below it; nothing is
    given back to be taken again.
    """
    governor = Governor(TARGET)
    machine = Machine(governor, asked, noise=noise, overhead=overhead)
    speed = needed(asked, rate)
    # A look needs whole turns of frames; every rung needs a look or three, or a long one just below the target.
    machine.play(60 + 12 * len(rungs(asked)) / min(1.0, rate), speed)
    settled = machine.now
    machine.play(120, speed)
    assert len(machine.changes(settled)) <= 1 and "room" not in str(machine.changes(settled))
    least = rungs(asked)[-1]
    able = 1 / (overhead / asked.hands + 1 / (speed * asked.hands / least.cost))
    assert machine.rate(60) >= 0.9 * min(TARGET, able, asked.hands * 30)


@settings(max_examples=6, deadline=None)
@given(st.integers(0, 1000), st.floats(1, 12))
def test_wrong_about_the_costs_it_tries_ever_more_seldom(seed, rate):
    """Where a rung costs up to half as much again as expected, tries that fail come at most once in two minutes."""
    chance = random.Random(seed)
    wrong = {rung.allow: chance.uniform(0.6, 1.5) for rung in rungs(USUAL)}
    machine = Machine(Governor(TARGET), wrong=wrong.get, seed=seed)
    machine.play(400, needed(USUAL, rate)).play(600, needed(USUAL, rate))
    tries = [when for when, line in machine.told if when > 400 and "room again" in line]
    assert all(later - earlier > 120 for earlier, later in pairwise(tries))


@settings(max_examples=10, deadline=None)
@given(ASKED, st.floats(0.3, 3))
def test_everything_is_given_back(asked, rate):
    """When the machine is quick again, all that was taken comes back within half a minute and ten seconds a rung."""
    governor = Governor(TARGET)
    machine = Machine(governor, asked, camera=60).play(60 / min(1, rate), needed(asked, rate))
    machine.play(30 + 10 * len(rungs(asked)), needed(asked, 4 * TARGET))
    assert governor.allow == Allowance(asked.steps) and governor.figures()["level"] == 0


def test_a_hiccup_is_no_reason():
    """A second in which the machine did something else takes nothing from the dream."""
    machine = Machine(Governor(TARGET)).play(20, needed(USUAL, 9))
    machine.play(1.2, needed(USUAL, 0.9))
    machine.play(20, needed(USUAL, 9))
    assert machine.told == []


def test_a_slow_camera_is_not_a_slow_machine():
    """With a camera of four pictures a second nothing is trimmed to make six dreams of them."""
    machine = Machine(Governor(TARGET), camera=4).play(60, needed(USUAL, 8))
    assert machine.told == [] and machine.rate() == pytest.approx(4, rel=0.1)


def test_without_evidence_it_decides_nothing():
    """A camera that is gone, and workers that die before they are judged, change nothing, however slow they were."""
    governor = Governor(TARGET)
    machine = Machine(governor).play(10, needed(USUAL, 8))
    machine.camera = 0
    machine.play(60, needed(USUAL, 1))
    machine.camera = 30
    for _ in range(10):
        machine.restart()
        machine.play(2, needed(USUAL, 1.5))
    assert machine.told == []
    machine.play(20, needed(USUAL, 1.5))
    assert "1 step instead of 2" in machine.told[0][1]


def test_a_swapped_engine_begins_with_a_clean_sheet():
    """What an engine was too slow for is not held against the one that takes its place."""
    governor = Governor(TARGET)
    machine = Machine(governor).play(3, needed(USUAL, 3))
    governor.pardon()
    machine.play(30, needed(USUAL, 9))
    assert machine.told == []


def test_locked_off_it_trims_nothing():
    """However slow the machine is; and the report says that it is locked."""
    governor = Governor(None)
    machine = Machine(governor).play(60, needed(USUAL, 0.5))
    assert machine.told == [] and governor.allow == Allowance(2)
    figures = governor.figures()
    assert figures["locked"] and figures["target"] is None and figures["level"] == 0 and figures["trimmed"] is None


def test_when_nothing_is_left_it_says_so_once():
    """A machine that is too slow for the least of it is told of once, not every three seconds."""
    governor = Governor(TARGET)
    machine = Machine(governor).play(300, needed(USUAL, 0.1))
    assert governor.figures()["level"] == governor.figures()["lowest"]
    assert [line for _, line in machine.told if "nothing left to trim" in line] == [machine.told[-1][1]]


def test_the_hud_says_what_is_trimmed():
    """As long as something is: what is left of what, and how quick it is."""
    governor = Governor(TARGET)
    machine = Machine(governor).play(60, needed(USUAL, 1.6))
    (line,) = governor.lines()
    assert line.startswith("governor\t1 of 2 steps, 1 of 3 octaves; could make ") and line.endswith("a second of 6")
    assert machine.governor.figures()["trimmed"] == "1 of 2 steps, 1 of 3 octaves"


def test_a_turned_knob_keeps_the_speed():
    """More octaves asked for while the machine is slow: the dream gets what costs as little as before."""
    governor = Governor(TARGET)
    Machine(governor).play(40, needed(USUAL, 1.5))
    before = cost(USUAL, governor.allow)
    more = replace(USUAL, octaves=4)
    assert cost(more, governor.ask(more)) <= 1.02 * before
    assert governor.figures()["level"] > 0


def test_a_turned_knob_costs_a_quick_machine_nothing():
    """One octave alone is dearer than three in turn; where nothing was trimmed nothing is."""
    governor = Governor(TARGET)
    Machine(governor).play(20, needed(USUAL, 30))
    assert governor.ask(replace(USUAL, octaves=1)) == Allowance(2)


# -- memory ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("target", [None, TARGET], ids=["locked", "governed"])
def test_out_of_memory_goes_down_a_size(target):
    """One line a size, down to the smallest, where it says that there is none below; locked off as well."""
    governor = Governor(target)
    governor.ask(USUAL)
    told, seen = [], []
    for _ in range(4):
        told.append(governor.out_of_memory(1.0, USUAL.size, governor.allow.scale))
        seen.append(scaled(USUAL.size, governor.ask(USUAL).scale))
    assert seen == [(256, 192), (204, 154), (160, 120), (160, 120)]
    assert told[0] == "the dream ran out of memory at 320x240; it goes on at 256x192"
    assert "even at 160x120" in told[3]
    assert governor.lines()[0].startswith("governor\t2 of 3 octaves, working size 160x120 of 320x240")


def test_memory_is_the_limit_however_quick_the_machine_is():
    """What there was no memory for is not tried again."""
    governor = Governor(TARGET)
    machine = Machine(governor).play(5, needed(USUAL, 100))
    governor.out_of_memory(machine.now, USUAL.size, 1.0)
    machine.play(2 * HELD, needed(USUAL, 100))
    assert governor.allow == Allowance(2, 0, 0.8)


def test_before_anything_is_known_of_the_dream():
    """Memory that runs out at the very first frame, before the worker has said how many steps it takes."""
    governor = Governor(TARGET)
    assert governor.allow == ALL and governor.lines() == []
    governor.out_of_memory(0.0, (320, 240), 1.0)
    assert governor.allow == replace(ALL, scale=0.8)
    assert governor.ask(USUAL) == Allowance(2, 0, 0.8)


def test_memory_of_its_decisions_is_bounded():
    """A show of months keeps the last decisions, not all of them."""
    governor = Governor(TARGET)
    for second in range(3 * DECISIONS):
        governor.out_of_memory(float(second), (320 + 2 * second, 240), 1.0)
    assert len(governor.figures()["decisions"]) == DECISIONS


def test_plain_words():
    """What is left, by what can be trimmed."""
    assert plain(USUAL, ALL) == {"step": "2", "octave": "3", "working size": "320x240"}
    assert plain(USUAL, Allowance(1, 9, 0.5)) == {"step": "1", "octave": "1", "working size": "160x120"}
