"""Photometry: black, gamma and white of projector and camera come out as they were put in, clipped or not."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from calibration.photometry import LEVELS, SHARES, Camera, camera_curve, mixed, projector_curves, reading
from simulated_wall import SimulatedWall


def seen(light, gamma=2.2, pedestal=0.0, noise=0.2, top=255, seed=1):
    """A camera's readings of light 0..1: means over many pixels, so with little noise."""
    level = pedestal + (255 - pedestal) * np.asarray(light) ** (1 / gamma)
    return np.clip(level + np.random.default_rng(seed).normal(0, noise, np.shape(level)), 0, top)


def wall(levels, gamma, black=0.02, white=0.8):
    return black + (white - black) * (np.asarray(levels) / 255) ** gamma


@given(st.floats(1.4, 3.0), st.floats(1.0, 2.8), st.floats(0.001, 0.2), st.floats(0.4, 0.95), st.floats(0, 16))
def test_both_gammas_come_out(gamma, camera_gamma, black, white, pedestal):
    """Mixed pixels give the camera's gamma, grey steps the projector's, whatever the black, white and pedestal."""
    share = black + (white - black) * np.array(SHARES)
    camera = camera_curve(SHARES, seen(share, camera_gamma, pedestal), pedestal)
    assert camera.gamma == pytest.approx(camera_gamma, rel=0.06)
    (curve,) = projector_curves(LEVELS, seen(wall(LEVELS, gamma, black, white), camera_gamma, pedestal, seed=2), camera)
    assert curve.gamma == pytest.approx(gamma, rel=0.05)
    assert curve.white == pytest.approx(white, rel=0.06) and curve.black == pytest.approx(black, abs=0.02)


def test_each_channel_has_its_own():
    """Red, green and blue of a projector differ; so do their curves, and their contrasts."""
    light = np.stack([wall(LEVELS, 1.8, 0.01, 0.5), wall(LEVELS, 2.2, 0.02, 0.8), wall(LEVELS, 2.6, 0.03, 0.7)], 1)
    curves = projector_curves(LEVELS, seen(light))
    assert [round(curve.gamma, 1) for curve in curves] == [1.8, 2.2, 2.6]
    assert [curve.contrast for curve in curves] == pytest.approx([50, 40, 23.3], rel=0.1)


@pytest.mark.parametrize("top", [255, 235])
def test_clipped_readings_are_left_out(top):
    """A camera that is overexposed, and one that ends at 235, tell the gamma from what is left."""
    (curve,) = projector_curves(LEVELS, seen(wall(LEVELS, 2.2, 0.02, 1.4), top=top))
    assert curve.clipped >= 2 and curve.gamma == pytest.approx(2.2, abs=0.05)
    assert curve.white == pytest.approx(1.4, rel=0.05)
    (dark,) = projector_curves(LEVELS, np.maximum(seen(wall(LEVELS, 2.2, 0.0, 0.5)) - 8, 0), Camera(pedestal=-8))
    assert dark.clipped >= 1 and dark.gamma == pytest.approx(2.2, abs=0.1)


@given(st.floats(1.2, 3.2), st.floats(1.8, 2.6))
def test_the_table_makes_the_projector_what_was_wanted(gamma, wanted):
    """Sent through it, a level gives the light that was wanted, to a level; the table never falls."""
    (curve,) = projector_curves(LEVELS, seen(wall(LEVELS, gamma), noise=0.0))
    table = curve.table(wanted)
    assert table.shape == (256,) and table.dtype == np.uint8 and (np.diff(table.astype(int)) >= 0).all()
    assert table[0] == 0 and table[255] == 255
    level = np.arange(64, 256)
    made = 255 * (table[level] / 255) ** (gamma / wanted)
    assert np.abs(made - level).max() < 2.5


def test_the_table_follows_a_projector_that_is_no_power():
    """Of a projector with an S-shaped curve it makes the wanted one all the same."""

    def light(level):
        x = np.asarray(level) / 255
        return 0.9 * x**2.2 + 0.1 * x**2 * (3 - 2 * x)

    (curve,) = projector_curves(LEVELS, seen(0.02 + 0.7 * light(LEVELS), noise=0.05))
    level = np.arange(64, 256)
    made = 255 * light(curve.table(2.2)[level]) ** (1 / 2.2)
    plain = 255 * light(np.rint(255 * (level / 255) ** (2.2 / curve.gamma))) ** (1 / 2.2)
    assert np.abs(made - level).max() < 3 and np.abs(made - level).mean() < np.abs(plain - level).mean()


@pytest.mark.parametrize(
    ("readings", "what"),
    [
        (np.full(17, 255.0), "clipped: shorten"),
        (np.zeros(17), "clipped: lengthen"),
        (np.linspace(100, 105, 17), "differ by only 5 levels"),
        (np.linspace(200, 50, 17), "follows no curve"),
        (60 + 50 * np.sin(np.arange(17)), "follows no curve"),
        (np.arange(5.0), "17 steps were shown, and readings of 5"),
    ],
)
def test_what_is_no_curve_is_refused(readings, what):
    """Too bright, too dark, nothing seen, upside down, restless, steps missing: one line that says what to do."""
    with pytest.raises(ValueError, match=what):
        projector_curves(LEVELS, readings)


def test_a_camera_that_turns_itself_brighter_is_refused():
    """Readings that do not follow the share of white give no gamma."""
    restless = seen(0.02 + 0.7 * np.array(SHARES)) * np.array([1, 1, 0.6, 1, 1, 0.6, 1, 1, 0.6])
    with pytest.raises(ValueError, match="hold its exposure"):
        camera_curve(SHARES, restless)


def test_through_the_simulated_wall():
    """On a wall that is seen and not assumed, with noise, blur and the room's light, both gammas come out."""
    scene = SimulatedWall(projector_gamma=2.0, camera_gamma=1.8, focus=2.0, blur=1.5)
    height, width = 180, 320
    white, black = (scene.see(np.full((height, width, 3), level, np.uint8)).astype(float) for level in (255, 0))
    region = white - black > 0.6 * (white - black).max()

    def read(picture):
        return reading(np.repeat(scene.see(picture)[..., None], 3, axis=2), region)

    camera = camera_curve(SHARES, np.array([read(mixed((width, height), share)) for share in SHARES]))
    grey = [read(np.full((height, width, 3), level, np.uint8)) for level in LEVELS]
    curves = projector_curves(LEVELS, np.array(grey), camera)
    assert camera.gamma == pytest.approx(1.8, abs=0.1)
    assert len(curves) == 3 and all(curve.gamma == pytest.approx(2.0, abs=0.1) for curve in curves)
    assert curves[0].contrast == pytest.approx((1 + 0.03) / (0.002 + 0.03), rel=0.15)


def test_mixed_pixels_that_do_not_melt_are_told():
    """A camera so sharp that it sees the single pixels would measure something else."""
    picture = mixed((64, 64), 0.5)
    assert picture.shape == (64, 64, 3) and picture.mean() == pytest.approx(127.5)
    with pytest.raises(ValueError, match="out of focus"):
        reading(picture, np.ones((64, 64), bool))
    with pytest.raises(ValueError, match="no part"):
        reading(picture, np.zeros((64, 64), bool))
