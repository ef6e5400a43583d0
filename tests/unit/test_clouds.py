"""The clouds: what the wall shows when nobody else does."""

import statistics
import time
from itertools import pairwise

import cv2
import numpy as np
import pytest

from installation.frame import Pixels
from installation.sources.clouds import Clouds
from installation.sources.daylight import DAY, light_at

SMALL = (320, 180)


def thumb(picture: Pixels, size: tuple[int, int] = (32, 18)) -> np.ndarray:
    return cv2.resize(picture, size, interpolation=cv2.INTER_AREA).astype(float)


def test_the_same_seed_and_time_give_the_same_bytes() -> None:
    """A sky depends on its seed and the time alone, not on what was drawn before; another seed is another sky."""
    used = Clouds(5, SMALL)
    for moment in (300.0, 2.0, 301.0):
        used.frame_at(moment)
    used.frame_at(300.2, (100, 80))
    assert np.array_equal(used.frame_at(300.4), Clouds(5, SMALL).frame_at(300.4))
    assert np.abs(thumb(used.frame_at(0.0)) - thumb(Clouds(6, SMALL).frame_at(0.0))).mean() > 10


@pytest.mark.parametrize("size", [(1920, 1080), (640, 480), (360, 640), (333, 217), (64, 48), (16, 16)])
def test_it_fills_any_size(size: tuple[int, int]) -> None:
    """Whatever the camera's size, the clouds fill it."""
    picture = Clouds(1).frame_at(12.0, size)
    assert picture.shape == (size[1], size[0], 3)
    assert picture.dtype == np.uint8
    assert picture.flags.c_contiguous


def test_another_size_is_the_same_sky() -> None:
    """The clouds do not jump when the camera's size becomes known: the same sky, finer."""
    sky = Clouds(2)
    fine, coarse = thumb(sky.frame_at(40.0, (1280, 720))), thumb(sky.frame_at(40.0, SMALL))
    assert np.corrcoef(fine.ravel(), coarse.ravel())[0, 1] > 0.97


def test_it_drifts_without_a_jump_through_the_whole_day() -> None:
    """From one frame to the next the sky changes a little, never with a jump; over midnight neither."""
    sky = Clouds(0, SMALL)
    for moment in [*range(0, int(2 * DAY), 61), 0.87 * DAY, 1.87 * DAY - 1 / 15]:
        before, after = sky.frame_at(float(moment)).astype(int), sky.frame_at(moment + 1 / 15).astype(int)
        assert 0 < np.abs(after - before).mean() < 3.0, f"at {moment} s"


def test_the_light_moves_without_a_jump() -> None:
    """Sun and colours go through two days, both midnights included, without a step."""
    lights = [light_at(second / 4) for second in range(int(8 * DAY))]
    for before, after in pairwise(lights):
        assert np.abs(after.zenith - before.zenith).max() < 1.0
        assert np.abs(after.horizon - before.horizon).max() < 1.0
        assert np.hypot(after.toward[0] - before.toward[0], after.toward[1] - before.toward[1]) < 0.03
        assert np.hypot(after.sun[0] - before.sun[0], after.sun[1] - before.sun[1]) * after.glow < 0.02


@pytest.mark.parametrize("seed", [0, 1])
def test_the_wall_is_never_dark_and_never_empty(seed: int) -> None:
    """At any hour there is light, contrast, colour, and detail for the network to see things in."""
    sky = Clouds(seed, (480, 270))
    for moment in range(0, int(3 * DAY), 131):
        picture = sky.frame_at(float(moment))
        grey = cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY)
        assert 70 < grey.mean() < 225, f"at {moment} s"
        assert grey.std() > 18, f"at {moment} s"
        assert np.abs(cv2.Laplacian(grey, cv2.CV_32F)).mean() > 3.0, f"at {moment} s"
        assert (picture.max(axis=2).astype(int) - picture.min(axis=2)).mean() > 15, f"at {moment} s"


def test_noon_is_blue_and_dusk_is_warm() -> None:
    """The light is that of a day: a blue zenith at noon, a warm horizon at dusk."""
    noon, dusk = light_at((0.42 - 0.13) * DAY), light_at((0.78 - 0.13) * DAY)
    assert noon.zenith[2] > noon.zenith[0] + 80
    assert dusk.horizon[0] > dusk.horizon[2] + 80


def test_it_does_not_come_round_in_hours() -> None:
    """At the same hour of twenty painted days, four hours, no two skies are alike."""
    sky = Clouds(0, SMALL)
    days = [thumb(sky.frame_at(day * DAY)) for day in range(20)]
    for i, one in enumerate(days):
        for other in days[i + 1 :]:
            assert np.abs(one - other).mean() > 8


def test_near_clouds_overtake_far_ones() -> None:
    """There is depth: the same ten seconds move some parts of the sky more than twice as far as others."""
    sky = Clouds(0)
    before, after = (cv2.cvtColor(sky.frame_at(at), cv2.COLOR_RGB2GRAY) for at in (20.0, 22.0))
    flow = cv2.DISOpticalFlow_create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM).calc(before, after, None)
    moved = np.abs(flow[..., 0][cv2.Laplacian(before, cv2.CV_32F, ksize=5).__abs__() > 200])
    slow, fast = np.percentile(moved, [20, 95])
    assert fast > 2 * max(slow, 0.5)


def test_it_is_cheap() -> None:
    """A sky of 640 x 360 costs a few milliseconds of one core (8 where it was made; much more here means a slip)."""
    sky = Clouds(0)
    sky.frame_at(0.0)
    threads = cv2.getNumThreads()
    cv2.setNumThreads(1)
    try:
        costs = []
        for i in range(20):
            begin = time.thread_time()
            sky.frame_at(i / 15)
            costs.append(time.thread_time() - begin)
    finally:
        cv2.setNumThreads(threads)
    assert statistics.median(costs) < 0.030
