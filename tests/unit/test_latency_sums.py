"""Latency: the delay that was put in comes out, for slow and quick cameras, with noise and lost pictures."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from calibration.latency import APART, FLIPS, flip_times, measure

REFRESH = 1 / 59.94  # not a multiple of the cameras': two clocks never agree for long


def seen_of(
    shown, delay, fps, *, jitter=0.0, noise=1.0, lost=0.0, exposure=0.0, low=60.0, high=110.0, seed=0, drift=0.0
):
    """A camera's pictures of a patch: (time, brightness), ``delay`` after the middle of each exposure."""
    rng = np.random.default_rng(seed)
    times, light = np.array(shown).T
    end = times[-1] + 1.5
    at = rng.uniform(0, 1 / fps) + np.arange(round(end * fps)) / fps * (1 + 1e-4 * rng.uniform(-1, 1))
    at = at[rng.uniform(size=len(at)) >= lost]
    fine = np.linspace(-0.5, 0.5, 21) * exposure
    late = delay + rng.normal(0, jitter, len(times))
    order = np.sort(times + late)
    level = np.array([light[np.maximum(np.searchsorted(order, at + part, side="right") - 1, 0)] for part in fine]).mean(
        0
    )
    dark, bright = (low / 255) ** 2.2, (high / 255) ** 2.2
    level = dark + (bright - dark) * level + drift * at
    return [
        (float(t), float(v)) for t, v in zip(at, 255 * level ** (1 / 2.2) + rng.normal(0, noise, len(at)), strict=True)
    ]


def shown_of(flips=FLIPS, refresh=REFRESH):
    """Flips at the first refresh at or after each planned time."""
    times = np.ceil(flip_times(flips) / refresh) * refresh + 1.0
    return [(0.0, 0.0)] + [(float(time), float(n % 2 == 0)) for n, time in enumerate(times)]


@pytest.mark.parametrize("fps", [15, 24, 30, 60])
@pytest.mark.parametrize("delay", [0.05, 0.12, 0.28, 0.5])
def test_the_delay_that_was_put_in_comes_out(fps, delay):
    """Within 5 ms, with noise and every tenth picture lost, though a camera's interval is up to 67 ms."""
    shown = shown_of()
    found = measure(shown, seen_of(shown, delay, fps, noise=3.0, lost=0.1, seed=int(1000 * delay)))
    assert abs(found.median - delay) < 0.005
    assert found.p95 - delay < 0.012 and found.jitter < 0.006
    assert found.interval == pytest.approx(1 / fps, rel=0.01) and found.lost <= 2


@given(st.floats(0.05, 0.5), st.floats(15, 60), st.integers(0, 10_000), st.booleans())
def test_any_delay_any_camera(delay, fps, seed, exposed):
    """Whatever the camera's rate, for short exposures and for those as long as the interval, in drifting light: as near
    as it says that it is.
    """
    shown = shown_of()
    exposure = 1 / fps if exposed else 0.002
    found = measure(shown, seen_of(shown, delay, fps, noise=1.5, lost=0.05, exposure=exposure, drift=0.0005, seed=seed))
    assert abs(found.median - delay) < 0.001 + 4 * found.unsure
    assert found.unsure < 0.012


def test_a_camera_in_step_with_the_screen():
    """When both clocks agree to a hair, flips always meet the same phases, and more is not to be known: it says so."""
    shown = shown_of(refresh=1 / 60)
    for seed in range(4):
        found = measure(shown, seen_of(shown, 0.11, 60, seed=seed))
        assert abs(found.median - 0.11) < 1 / 120 and abs(found.median - 0.11) < 0.001 + 4 * found.unsure


def test_jitter_is_told_from_the_camera():
    """A delay that itself varies is reported as jitter and as a later 95th percentile; a steady one is not."""
    shown = shown_of()
    steady = measure(shown, seen_of(shown, 0.15, 30))
    shaky = [measure(shown, seen_of(shown, 0.15, 30, jitter=0.02, seed=seed)) for seed in range(6)]
    assert steady.jitter < 0.004
    assert np.mean([found.jitter for found in shaky]) == pytest.approx(0.02, abs=0.007)
    assert np.mean([found.p95 for found in shaky]) == pytest.approx(0.15 + 1.645 * 0.02, abs=0.012)
    assert abs(np.mean([found.median for found in shaky]) - 0.15) < 0.005
    assert str(steady).startswith(f"{1000 * steady.median:.0f} ms") and "jitter" in str(steady)


def test_a_patch_that_fades():
    """Behind a guard that lets light rise by half of white a second a flip is a ramp; its middle counts."""
    times = np.arange(0, 40, REFRESH)
    wanted = np.zeros_like(times)
    for n, flip in enumerate(flip_times()):
        wanted[times >= flip + 1] = float(n % 2 == 0)
    light = np.zeros_like(times)
    for n in range(1, len(times)):
        light[n] = light[n - 1] + np.clip(0.1 * wanted[n] - light[n - 1], -0.5 * REFRESH, 0.5 * REFRESH)
    shown = list(zip(times, light * 10, strict=True))
    assert abs(measure(shown, seen_of(shown, 0.2, 30)).median - 0.2) < 0.005


def test_the_flips_are_slow_enough_for_eyes():
    """Never less than a second apart, however many; and half a minute is enough."""
    for count in (12, 30, 200):
        assert np.diff(flip_times(count)).min() >= APART - 1e-9
    assert flip_times()[-1] < 40


@pytest.mark.parametrize(
    ("change", "what"),
    [
        ({"high": 60.0}, "does not see the patch"),
        ({"high": 62.0, "noise": 6.0}, "does not see the patch|flips of the patch were seen"),
        ({"lost": 0.97}, "flips of the patch were seen"),
        ({"delay": 0.99}, "flips of the patch were seen"),
    ],
)
def test_a_patch_that_is_not_seen_is_refused(change, what):
    """Nothing in view, lost in noise, a camera that hardly delivers, a delay beyond what can be told."""
    shown = shown_of()
    with pytest.raises(ValueError, match=what) as told:
        measure(shown, seen_of(shown, **{"delay": 0.1, "fps": 30, **change}))
    assert "\n" not in str(told.value)


def test_a_camera_on_something_else_is_refused():
    """Brightness that changes, but not with the patch, is no latency."""
    shown = shown_of()
    other = [(0.0, 0.0)] + [(1.3 * n + 1.0, float(n % 3 == 0)) for n in range(1, 32)]
    with pytest.raises(ValueError, match=r"flips of the patch were seen|does not see"):
        measure(shown, seen_of(other, 0.1, 30))


@pytest.mark.parametrize(
    ("shown", "what"),
    [
        ([], "nothing was shown"),
        ([(0.0, 1.0), (50.0, 1.0)], "never changed"),
        ([(float(n), float(n % 2)) for n in range(8)], "flipped 7 times"),
        ([(n / 2, float(n % 2)) for n in range(60)], "once a second"),
    ],
)
def test_flips_that_tell_nothing_are_refused(shown, what):
    """None, too few, too quick for eyes."""
    with pytest.raises(ValueError, match=what):
        measure(shown, [(n / 30, 60.0 + n % 50) for n in range(1200)])
