"""Dreaming from frame to frame, by one hand and by two."""

import threading
from itertools import pairwise

import cv2
import numpy as np
import pytest
import torch

from installation.frame import Frame
from installation.knobs import Look
from installation.stages.dreaming import Dreaming
from installation.stages.recipe import Ladder
from installation.stages.rungs import ALL, Allowance, Asked, cost, rungs, scaled
from models.ascent import Stepping
from pictures import texture

SIZE = (320, 240)
LADDER = Ladder(({"only": 1.0},))
STEADY = Look(step=2.55, linger=30.0, octaves=1)  # one step moves the picture by 0.02


class Towards(Stepping):
    """An ascent towards white or black that can be held up, to let the other hand be quicker."""

    layers, status, reach, device = ("only",), "towards", 1.0, torch.device("cpu")

    def __init__(self):
        self.gates = []

    def gradient(self, image, weights, channels=None):
        if self.gates:
            entered, leave = self.gates.pop(0)
            entered.set()
            leave.wait(10)
        return torch.ones_like(image)


def grey_frame(index, time=None):
    return Frame(texture(size=SIZE) // 2 + 60, index, index / 10 if time is None else time)


def test_the_residual_is_kept_and_fades():
    """Without steps the residual halves in ``linger`` seconds of the frames' own time."""
    dreaming = Dreaming(Towards(), LADDER, 1)
    first = dreaming(grey_frame(0), STEADY).field.mean()
    faded = dreaming(grey_frame(1, 1.0), Look(step=0.0, linger=1.0, octaves=1)).field.mean()
    assert first == pytest.approx(0.02, rel=0.01)
    assert faded == pytest.approx(first / 2, rel=0.03)


def test_a_long_gap_begins_afresh():
    """After seconds without a frame the old dream belongs to another scene and is not laid over this one."""
    dreaming = Dreaming(Towards(), LADDER, 1)
    dreaming(grey_frame(0), STEADY)
    assert dreaming(grey_frame(1, 5.0), STEADY).field.mean() == pytest.approx(0.02, rel=0.01)


@pytest.mark.parametrize("other_frame", [0, 1], ids=["same frame", "newer frame"])
def test_two_hands_lose_nothing(other_frame):
    """What one hand adds while the other is in the middle of a step is still there when both are done."""
    ascent = Towards()
    dreaming = Dreaming(ascent, LADDER, 1, hands=2)
    entered, leave = threading.Event(), threading.Event()
    ascent.gates.append((entered, leave))
    slow = threading.Thread(target=dreaming, args=(grey_frame(0), STEADY, 0))
    slow.start()
    entered.wait(10)
    quick = dreaming(grey_frame(other_frame), STEADY, 1).field.mean()
    leave.set()
    slow.join(10)
    both = dreaming(grey_frame(2), Look(step=0.0, linger=30.0, octaves=1), 0).field
    assert quick == pytest.approx(0.02, rel=0.01)
    assert both.mean() == pytest.approx(0.04, rel=0.05)


def test_two_hands_share_the_octaves():
    """One hand takes the largest octave, the other the rest: together they are all there are."""
    sizes = {0: [], 1: []}
    for hand, seen in sizes.items():
        ascent = Towards()
        ascent.gradient = lambda image, weights, channels=None, seen=seen: (
            seen.append(tuple(image.shape[-2:])) or torch.ones_like(image)
        )
        dreaming = Dreaming(ascent, LADDER, 1, hands=2)
        for index in range(6):
            dreaming(grey_frame(index), Look(octaves=4), hand)
    assert set(sizes[0]) == {(240, 320)}
    assert set(sizes[1]) == {(171, 229), (122, 163), (87, 117)}


def test_not_a_number_begins_afresh():
    """A dream that is not a number is thrown away and counted; the next frame dreams again."""
    ascent = Towards()
    dreaming = Dreaming(ascent, LADDER, 1)
    good = ascent.gradient
    ascent.gradient = lambda image, weights, channels=None: image * float("nan")
    assert np.array_equal(dreaming(grey_frame(0), STEADY).field, np.zeros((240, 320, 3), np.float32))
    ascent.gradient = good
    assert dreaming.restarts == 1
    assert dreaming(grey_frame(1), STEADY).field.mean() > 0.015


# -- with less to spend ---------------------------------------------------------------------------------------------


class Counted(Towards):
    """Counts the pixels of every step."""

    def __init__(self):
        super().__init__()
        self.pixels = 0

    def gradient(self, image, weights, channels=None):
        self.pixels += image.shape[-2] * image.shape[-1]
        return super().gradient(image, weights, channels)


@pytest.mark.parametrize("hands", [1, 2])
def test_every_rung_of_the_governor_costs_what_it_says(hands):
    """Pixels that the network really sees, a frame: what the governor reckons with, and less at every rung."""
    asked = Asked(steps=3, octaves=4, size=SIZE, hands=hands)
    counted = []
    for rung in rungs(asked):
        means = []
        for hand in range(hands):
            ascent = Counted()
            dreaming = Dreaming(ascent, LADDER, asked.steps, hands)
            for index in range(12):  # whole turns of one, two, three and four octaves
                dreaming(grey_frame(index), Look(octaves=asked.octaves), hand, rung.allow)
            means.append(ascent.pixels / 12)
        counted.append(hands / sum(1 / mean for mean in means))
        assert counted[-1] == pytest.approx(rung.cost, rel=1e-9)
    assert len(counted) >= 7
    assert all(below < 0.95 * above for above, below in pairwise(counted))
    assert counted[0] == pytest.approx(cost(asked, ALL))


@pytest.mark.parametrize("allow", [Allowance(leave_out=1), Allowance(leave_out=9)], ids=["largest", "all but one"])
def test_left_out_octaves_still_dream_at_full_size(allow):
    """Without the largest octaves the residual keeps its size, and what was drawn before stays."""
    dreaming = Dreaming(Towards(), LADDER, 1)
    look = Look(step=2.55, linger=30.0, octaves=3)
    dreaming(grey_frame(0), look)
    residual = dreaming(grey_frame(1), look, 0, allow)
    assert residual.field.shape == (240, 320, 3)
    assert residual.field.mean() == pytest.approx(0.04, rel=0.05)


class Drawing(Towards):
    """An ascent that draws soft patches, always the same ones, at any size; large beside the jitter that rolls them."""

    def __init__(self):
        super().__init__()
        patches = np.random.default_rng(4).normal(size=(1, 3, 3, 4)).astype(np.float32)
        self._patches = torch.from_numpy(patches)

    def gradient(self, image, weights, channels=None):
        direction = torch.nn.functional.interpolate(self._patches, image.shape[-2:], mode="bicubic")
        return direction * super().gradient(image, weights, channels)


STILL = Look(step=0.0, linger=30.0, octaves=1)  # carries the dream and adds nothing
UNROLLED = Look(step=12.0, linger=30.0, octaves=1)


def alike(one, other):
    """Correlation of two fields, the smaller one brought to the size of the larger."""
    size = max(one.shape[1], other.shape[1]), max(one.shape[0], other.shape[0])
    one, other = (cv2.resize(field, size, interpolation=cv2.INTER_LINEAR).ravel() for field in (one, other))
    return np.corrcoef(one, other)[0, 1]


@pytest.mark.parametrize("scale", [0.8, 0.64, 0.5])
def test_a_change_of_size_keeps_the_dream(scale):
    """Smaller and larger again: the dream is still there, at the new size, as strong, and its grey picture fits."""
    dreaming = Dreaming(Drawing(), LADDER, 1)
    before = dreaming(grey_frame(0), UNROLLED)
    smaller = dreaming(grey_frame(1), STILL, 0, Allowance(scale=scale))
    again = dreaming(grey_frame(2), STILL)
    width, height = scaled(SIZE, scale)
    assert smaller.field.shape == (height, width, 3) and again.field.shape == before.field.shape
    assert smaller.grey.shape == again.grey.shape == before.grey.shape == (240, 320)
    assert alike(smaller.field, before.field) > 0.95 and alike(again.field, before.field) > 0.95
    assert np.abs(again.field).mean() == pytest.approx(np.abs(before.field).mean(), rel=0.1)


@pytest.mark.parametrize(("first", "then"), [((320, 240), (200, 150)), ((160, 120), (320, 240))])
def test_frames_of_another_size_keep_the_dream(first, then):
    """When the frames themselves come at another size of the same picture, nothing is lost either."""
    dreaming = Dreaming(Drawing(), LADDER, 1)
    pixels = texture(size=(640, 480)) // 2 + 60
    one, other = (cv2.resize(pixels, size, interpolation=cv2.INTER_AREA) for size in (first, then))
    before = dreaming(Frame(one, 0, 0.0), UNROLLED)
    after = dreaming(Frame(other, 1, 0.1), STILL)
    assert after.field.shape[:2] == then[::-1] and after.grey.shape == after.field.shape[:2]
    assert alike(after.field, before.field) > 0.9


def test_another_picture_begins_afresh():
    """A frame of another shape is another camera: its picture is not dreamed on with the old one's dream."""
    dreaming = Dreaming(Drawing(), LADDER, 1)
    dreaming(grey_frame(0), UNROLLED)
    after = dreaming(Frame(texture(size=(320, 180)), 1, 0.1), STILL)
    assert not after.field.any()


@pytest.mark.parametrize(
    ("slow_index", "quick_index", "slow_scale", "quick_scale"),
    [(1, 2, 1.0, 0.8), (1, 2, 0.5, 1.0), (2, 1, 0.64, 1.0)],
    ids=["smaller meanwhile", "larger meanwhile", "the slow one is the newer"],
)
def test_two_hands_keep_the_dream_when_the_size_changes(slow_index, quick_index, slow_scale, quick_scale):
    """The size changes while a hand is in the middle of a step: the old dream and both their work are kept."""
    ascent = Drawing()
    dreaming = Dreaming(ascent, LADDER, 1, hands=2)
    once = dreaming(grey_frame(0), UNROLLED, 1).field
    entered, leave = threading.Event(), threading.Event()
    ascent.gates.append((entered, leave))
    slow = threading.Thread(
        target=dreaming, args=(grey_frame(slow_index), UNROLLED, 0, Allowance(scale=slow_scale)), daemon=True
    )
    slow.start()
    assert entered.wait(10)
    dreaming(grey_frame(quick_index), UNROLLED, 1, Allowance(scale=quick_scale))
    leave.set()
    slow.join(10)
    newer = slow_scale if slow_index > quick_index else quick_scale
    assert dreaming._last.field.shape[:2] == scaled(SIZE, newer)[::-1]
    kept = dreaming(grey_frame(3), STILL, 0, Allowance(scale=newer)).field
    assert alike(kept, once) > 0.9
    assert np.abs(kept).mean() > 2.2 * np.abs(once).mean()
