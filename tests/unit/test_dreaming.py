"""Dreaming from frame to frame, by one hand and by two."""

import threading

import numpy as np
import pytest
import torch

from installation.frame import Frame
from installation.knobs import Look
from installation.stages.dreaming import Dreaming
from installation.stages.recipe import Ladder
from models.ascent import Stepping
from pictures import texture

SIZE = (320, 240)
LADDER = Ladder(({"only": 1.0},))
STEADY = Look(step=2.55, linger=30.0, octaves=1)  # one step moves the picture by 0.02


class Towards(Stepping):
    """An ascent towards white or black that can be held up, to let the other hand be quicker."""

    layers, status, reach, span, device = ("only",), "towards", 1.0, 1, torch.device("cpu")

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
