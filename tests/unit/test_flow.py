"""Flow and the carrier: the dream clings, and lets go where it should."""

import numpy as np
import pytest

from installation.frame import Residual
from installation.knobs import Look
from installation.stages.carrier import Carrier
from installation.stages.flow import Flow, drift, grey_of, grid, trust
from installation.veil import carry
from pictures import texture


def moved(picture, dx, dy):
    """The picture shifted by whole pixels, wrapping round."""
    return np.roll(picture, (dy, dx), (0, 1))


def residual_of(picture, time=0.0, seed=1):
    field = (texture(seed).astype(np.float32) / 127.5 - 1) * 0.3
    return Residual(field, grey_of(picture), 0, time)


def inner(a, margin=40):
    return a[margin:-margin, margin:-margin]


@pytest.mark.parametrize(("dx", "dy"), [(6, 0), (-9, 4), (0, 12)])
def test_flow_finds_where_things_were(dx, dy):
    """A picture moved by some pixels is found to have come from there."""
    before = texture()
    path = Flow().back(grey_of(moved(before, dx, dy)), grey_of(before)) * 2  # paths are at half resolution
    assert np.median(inner(path)[..., 0]) == pytest.approx(-dx, abs=0.5)
    assert np.median(inner(path)[..., 1]) == pytest.approx(-dy, abs=0.5)


def test_a_still_room_stays_still():
    """Camera noise moves nothing: the dream on a still wall neither trembles nor blurs."""
    before = texture()
    noise = np.random.default_rng(5).normal(0, 2, before.shape)
    path = Flow().back(grey_of(np.clip(before + noise, 0, 255).astype(np.uint8)), grey_of(before))
    assert np.mean(np.hypot(path[..., 0], path[..., 1]) > 0.01) < 0.02


def test_uncovered_places_are_not_trusted():
    """Where a thing went away the new background is not believed to be the thing."""
    before = texture()
    after = before.copy()
    after[80:160, 100:220] = texture(9)[80:160, 100:220]
    greys = grey_of(after), grey_of(before)
    believed = trust(*greys, Flow().back(*greys))
    assert believed[50:70, 60:100].mean() < 0.35
    assert believed[:30].mean() > 0.9


def test_a_change_of_light_is_no_reason_to_let_go():
    """When the camera changes its exposure the dream stays."""
    before = np.clip(texture(), 20, 200)
    greys = grey_of(before + 25), grey_of(before)
    assert trust(*greys, Flow().back(*greys)).mean() > 0.9


def test_the_dream_is_carried_along():
    """After ten frames of movement the veil lies where the things now are."""
    first = texture()
    carrier, residual = Carrier(), residual_of(first)
    carrier.follow(residual.grey)
    carrier.receive(residual, 0.0)
    for step in range(1, 11):
        carrier.follow(grey_of(moved(first, 3 * step, 0)))
    flat = carrier.veil(0.25, Look(linger=30)).flat()
    wanted = np.roll(residual.field, 30, 1)
    assert np.corrcoef(inner(flat).ravel(), inner(wanted).ravel())[0, 1] > 0.95
    assert np.corrcoef(inner(flat).ravel(), inner(residual.field).ravel())[0, 1] < 0.7


def test_fading_does_not_depend_on_the_rate_of_refreshes():
    """The veil halves in ``linger`` seconds, however often the screen is refreshed."""
    first = texture()
    residual = residual_of(first)
    strengths = []
    for rate in (5, 60):
        carrier = Carrier()
        carrier.follow(residual.grey)
        carrier.receive(residual, 0.0)
        for tick in range(1, 2 * rate + 1):
            veil = carrier.veil(tick / rate, Look(linger=2.0))
        strengths.append(sum(layer.weight for layer in veil.layers))
    assert strengths == pytest.approx([0.5, 0.5], rel=1e-6)


def test_a_new_residual_fades_in():
    """On a machine that dreams slowly the picture does not jerk: the old dream fades into the new one."""
    first = texture()
    carrier = Carrier()
    carrier.follow(grey_of(first))
    carrier.receive(residual_of(first, 0.0, seed=1), 0.0)
    carrier.veil(0.5, Look())
    carrier.receive(residual_of(first, 0.5, seed=2), 0.5)
    shares = [[layer.weight for layer in carrier.veil(0.5 + t / 30, Look(linger=30)).layers] for t in range(16)]
    newer = [pair[-1] if len(pair) == 2 or t > 0 else 0.0 for t, pair in enumerate(shares)]
    assert len(shares[5]) == 2 and len(shares[15]) == 1
    assert max(np.abs(np.diff(newer))) < 0.15


def test_another_camera_format_drops_the_dream():
    """When frames change their shape nothing is carried over, and nothing fails."""
    carrier = Carrier()
    carrier.follow(grey_of(texture()))
    carrier.receive(residual_of(texture()), 0.0)
    carrier.follow(grey_of(texture(size=(320, 180))))
    assert carrier.veil(0.1, Look()).layers == ()


@pytest.mark.parametrize(("zoom", "rotation"), [(0.2, 0.0), (0.0, 30.0), (-0.1, -20.0)])
def test_drift_turns_about_the_centre(zoom, rotation):
    """Zoom grows the dream and rotation turns it clockwise, in shares and degrees a second."""
    look = Look(zoom=zoom, rotation=rotation)
    field = np.zeros((240, 320, 3), np.float32)
    field[118:122, 238:242] = 1  # a dot, 80 right of the centre
    laid = grid(np.zeros((120, 160, 2), np.float32), np.ones((120, 160), np.float32), *drift(look, 1.0))
    found = np.argwhere(carry(field, laid, 1.0, (320, 240))[..., 0] > 0.2).mean(0)
    angle = np.deg2rad(rotation)
    wanted = 119.5 + 80 * (1 + zoom) * np.sin(angle), 159.5 + 80 * (1 + zoom) * np.cos(angle)
    assert found == pytest.approx(wanted, abs=2.5)
