"""``dreamwall calibrate light``: projector and camera against a simulated wall, on a clock that is moved by hand."""

from collections import deque
from contextlib import nullcontext
from dataclasses import replace
from datetime import datetime

import numpy as np
import pytest

from calibration import shelf
from calibration.light import Mask, SoftEdges
from calibration.limits import SLEW, levels, linear
from calibration.photometry import SHARES, Camera, Curve, camera_curve
from calibration.profile import Profile
from calibration.readings import camera_of, counted, read
from installation.__main__ import main
from installation.calibrate import camera_gamma, commands, photometry
from installation.calibrate.commands import Tools
from installation.calibrate.lock import Lock
from installation.calibrate.photometry import Photometry, sequence, told
from installation.calibrate.seam import CalibrationError, Stopped
from installation.clock import HandClock
from installation.errors import SourceError
from installation.frame import Frame
from installation.guarded import PictureGuard
from simulated_wall import SimulatedWall

DISPLAY, SIZE = "projector", (96, 54)
SMALL = SimulatedWall(projector=SIZE, camera=(120, 90))
NOW = datetime(2026, 3, 1, 21, 4, 5)
CLOSELY = SimulatedWall(projector=(48, 27), camera=(240, 180), blur=0.5, focus=0.3)


@pytest.fixture(autouse=True)
def own(tmp_path, monkeypatch):
    """A person's own folder, empty."""
    monkeypatch.setenv("DREAMWALL_CONFIG", str(tmp_path))
    return tmp_path


class Site:
    """A projector that slews as the strict guard does, its wall, and a camera for each of red, green and blue.

    ``exposed``: what the camera does to a picture of levels (h, w, 3) at a time.  ``late``: refreshes by which it sees
    too late.  ``trouble``: an exception that eye or wall raise from a time on.
    """

    name = DISPLAY

    def __init__(self, *walls, exposed=lambda seen, _now: seen, late=0, trouble=(1e9, None)):
        self.clock, self.refreshes = HandClock(), 0
        self._walls = walls or (SMALL,)
        self.size = self._walls[0].projector
        self._exposed, self._trouble = exposed, trouble
        self._light = np.zeros(self.size[::-1], np.float32)
        self._shown, self._wanted = None, self._light
        self._past = deque([self._light], maxlen=late + 1)
        self._given, self._seen = -1.0, (None, None)

    def show(self, picture, words=()):
        self.refreshes += 1
        self.clock.sleep(0.1)
        self._stop_at(Stopped)
        step = 0.1 * SLEW
        if picture is not self._shown:
            self._shown, self._wanted = picture, linear(picture[..., 0])
        self._light = self._light + np.clip(self._wanted - self._light, -step, step)
        self._past.append(self._light)
        return self.clock.now()

    def newest(self, after=float("-inf")):
        self._stop_at(SourceError)
        now = self.clock.now()
        if now <= max(after, self._given):
            return None
        self._given = now
        light = self._past[0]
        if self._seen[0] is None or not np.array_equal(light, self._seen[0]):
            shown = np.rint(levels(light))[..., None].repeat(3, axis=2).astype(np.uint8)
            each = [wall.see(shown) for wall in self._walls]
            self._seen = light, np.stack(each if len(each) == 3 else each * 3, axis=2)
        seen = np.clip(self._exposed(self._seen[1], now), 0, 255).astype(np.uint8)
        return Frame(np.ascontiguousarray(seen), 0, now)

    def _stop_at(self, kind):
        if self.clock.now() > self._trouble[0] and isinstance(self._trouble[1], kind):
            raise self._trouble[1]


def run(monkeypatch, site, *argv):
    """The command line against a simulated site; returns the exit code."""
    tools = Tools(
        site.clock,
        wall=lambda _settings, _clock: nullcontext(site),
        eye=lambda _settings, _clock: nullcontext(site),
        lock=lambda _name: Lock(None),
        now=lambda: NOW,
    )
    monkeypatch.setattr(commands, "Tools", lambda _clock: tools)
    return main(["calibrate", *argv])


def test_projector_and_camera_come_out_as_they_are(monkeypatch, own, capsys):
    """Red, green and blue of a projector to 0.05 of gamma, the camera to 0.1, the contrast to a tenth; both are said.
    The profile's gamma is the projector's, the rest of it stays, what made it is noted, and `wall` takes the camera's.
    """
    door = Mask(((10.0, 10.0), (20.0, 10.0), (20.0, 50.0)), 4.0)
    old = Profile(
        DISPLAY, SIZE, ((5, 5), (90, 0), (96, 54), (0, 50)), edges=SoftEdges(left=20.0), masks=(door,), seen_with="so"
    )
    shelf.save(own / "profiles", old)
    red, green, blue = (replace(SMALL, projector_gamma=gamma, camera_gamma=1.8) for gamma in (1.8, 2.0, 2.4))
    blue = replace(blue, gain=0.6)
    assert run(monkeypatch, Site(red, green, blue), "light") == 0
    heard = capsys.readouterr()
    numbers = heard.out.splitlines()
    gammas = [float(word.strip(",()")) for word in numbers[0].split()[-5::2]]
    assert "red" in numbers[0] and gammas == pytest.approx([1.8, 2.0, 2.4], abs=0.05)
    contrast = float(numbers[1].split("contrast of ")[1].split(" to 1")[0])
    assert contrast == pytest.approx((1 + SMALL.ambient) / (SMALL.leak + SMALL.ambient), rel=0.1)
    assert "(red 6" in numbers[2] and "blue 5" in numbers[2] and "black, with the room's light, is 3." in numbers[1]
    assert float(numbers[3].split()[-1]) == pytest.approx(1.8, abs=0.1)
    assert "exposure of this camera cannot be held" in heard.err and "--camera-gamma" in heard.err
    profile = shelf.load(own / "profiles", DISPLAY, SIZE)
    assert profile.gamma == pytest.approx(0.2126 * 1.8 + 0.7152 * 2.0 + 0.0722 * 2.4, abs=0.05)
    assert replace(profile, gamma=old.gamma) == old and profile.revision == 2
    assert main(["calibrate", "profiles"]) == 0
    listed = capsys.readouterr().out.splitlines()
    assert "revision 2  2026-03-01 21:04:05  calibrate light, projector 120x90, gamma " in listed[0]
    taken = []

    def looking(*_args, gamma, **_given):
        taken.append(gamma)
        raise CalibrationError("far enough")

    monkeypatch.setattr(commands, "wall_seen", looking)
    assert run(monkeypatch, Site(), "wall") == 2
    assert "the camera's gamma is 1.8" in capsys.readouterr().err
    assert run(monkeypatch, Site(), "wall", "--camera-gamma", "1") == 2
    assert taken == [pytest.approx(1.8, abs=0.1), 1.0]


@pytest.mark.parametrize(
    "wall",
    [
        replace(SMALL, projector_gamma=2.6, camera_gamma=2.4, ambient=0.005, leak=0.001),
        replace(SMALL, projector_gamma=1.5, camera_gamma=1.0, ambient=0.3, gain=0.6),
    ],
)
def test_a_projector_without_a_profile(monkeypatch, own, capsys, wall):
    """It gets a plain one, which warps nothing.  A camera whose levels are light, a room half lit, and one so dark that
    the camera's noise is as bright as the projector's black, are measured.
    """
    assert run(monkeypatch, Site(wall), "light") == 0
    profile = shelf.load(own / "profiles", DISPLAY, SIZE)
    assert profile.gamma == pytest.approx(wall.projector_gamma, abs=0.05)
    assert profile.changes_nothing and profile.revision == 1
    assert camera_gamma.gamma_of(DISPLAY, print) == pytest.approx(wall.camera_gamma, abs=0.1)
    contrast = (1 + wall.ambient) / (wall.leak + wall.ambient)
    said = float(capsys.readouterr().out.split("contrast of ")[1].split(" to 1")[0].split()[0])
    assert said == pytest.approx(contrast, rel=0.1)


@pytest.mark.parametrize(
    ("site", "code", "what"),
    [
        ((replace(SMALL, ambient=20.0, gain=0.045),), 2, "the room is too bright"),
        ((replace(SMALL, ambient=0.0, gain=0.0005),), 2, "lengthen the exposure"),
        ((replace(SMALL, gain=3.0, paint=0.0),), 2, "shorten the camera's exposure"),
        ((replace(SMALL, projector_gamma=0.9),), 2, "choose another picture mode"),
        ((CLOSELY,), 2, "out of focus"),
        ({"trouble": (30.0, SourceError("camera 0 gives no pictures for 1 s; check its cable"))}, 2, "check its cable"),
        ({"trouble": (30.0, Stopped())}, 130, "stopped: nothing was kept"),
        ({"late": 14}, 2, "the same grey was read"),
        ({"exposed": lambda seen, now: seen + (12.0 if now > 30 else 0.0)}, 2, "keep the light in the room steady"),
        ({"exposed": lambda seen, _now: seen * (90 / max(40, seen.mean())) ** 0.7}, 2, "hold"),
        ({"exposed": lambda seen, now: seen[:60] if now > 30 else seen}, 2, "changed its picture to 120x60"),
    ],
)
def test_what_cannot_be_believed_keeps_nothing(monkeypatch, own, capsys, site, code, what):
    """A room too bright, hardly any light, too much; a camera that sees each pixel, vanishes half way, is late, changes
    its exposure or its size; Esc: one line, and the profile and the camera's gamma are as they were, byte for byte.
    """
    shelf.save(own / "profiles", Profile.plain(DISPLAY, SIZE))
    camera_gamma.keep(Camera(1.9), DISPLAY, "then")
    before = {path: path.read_bytes() for path in own.rglob("*") if path.is_file()}
    assert run(monkeypatch, Site(**site) if isinstance(site, dict) else Site(*site), "light") == code
    last = capsys.readouterr().err.strip().splitlines()[-1]
    assert last.startswith("dreamwall: ") and what in last
    assert {path: path.read_bytes() for path in own.rglob("*") if path.is_file()} == before


def test_a_damaged_profile_is_not_painted_over(monkeypatch, own, capsys):
    """It may hold what somebody pinned: told before anything is shown, and left as it is."""
    path = shelf.path_of(own / "profiles", DISPLAY, SIZE)
    path.parent.mkdir()
    path.write_text("format = ", encoding="utf-8")
    site = Site()
    assert run(monkeypatch, site, "light") == 2
    said = capsys.readouterr().err
    assert "is damaged" in said and "calibrate profiles" in said and said.count("\n") == 1
    assert site.refreshes == 0 and path.read_text(encoding="utf-8") == "format = "


def test_the_guard_lets_every_step_stand(monkeypatch):
    """Behind the real flash guard each picture is as it was asked for by the time that the camera looks at it."""
    guard, now = PictureGuard("strict"), 0.0
    guard(np.zeros((*SIZE[::-1], 3), np.uint8), now)
    patterns = sequence(SIZE)
    for pattern in patterns:
        pixels, end = pattern.pixels(), now + pattern.hold - photometry.LATE - 0.1
        while now < end:
            now += 0.1
            shown = guard(pixels, now)
        assert np.abs(shown.astype(int) - pixels).max() <= 1, pattern.name
        now += photometry.LATE
    assert len({pattern.name for pattern in patterns}) == len(patterns) and 40 < now < 90


def test_specks_that_do_not_melt_wholly():
    """The camera's gamma comes out all the same, where the means of its levels would give another."""
    chance, region, pictures = np.random.default_rng(1), np.ones((60, 80), bool), []
    for share in SHARES:
        speck = chance.random(region.shape) < share
        light = 0.02 + 0.7 * (0.4 * share + 0.6 * speck)[..., None].repeat(3, axis=2)
        pictures.append(np.rint(255 * light ** (1 / 2.2)))
    counts = [counted(picture, region) for picture in pictures]
    assert read(counts, 1.0)[3] == pytest.approx(pictures[3].mean(axis=(0, 1)))
    assert camera_of(SHARES, counts).gamma == pytest.approx(2.2, abs=0.05)
    assert camera_curve(SHARES, read(counts, 1.0)).gamma < 2


def test_a_black_that_no_camera_tells():
    """What lies below the readings' own errors is a bound and no number; channels that agree are one number."""
    curve = Curve(0.0, 0.7, 2.2, (), (), 0, 0.002)
    lines = told(Photometry(Camera(2.0), (curve,) * 3, (640, 480), ()))
    assert lines[0] == "the projector's gamma is 2.20"
    assert lines[1].endswith("is less than 0.20% of its white: a contrast of more than 500 to 1")
    bright = replace(curve, black=0.48)
    assert told(Photometry(Camera(2.0), (bright,) * 3, (640, 480), ()))[1].endswith("a contrast of 1.5 to 1")
    assert lines[2].startswith("its white is 70% of the brightest") and lines[3] == "the camera's gamma is 2.00"


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("camera = 'a'\n[light]\ngamma = 9\n", "line 3: gamma is a number from 0.5 to 4"),
        ("camera = 'a'\n[light]\ngamma = true\n", "gamma is a number"),
        ("camera = 'a'\nlight = 3\n", "gamma is a number"),
        ("[[[", "not TOML"),
        ("camera = 'b'\n[light]\ngamma = 1.5\n", "is of b"),
    ],
)
def test_a_cameras_gamma_that_is_of_no_use(own, text, what):
    """Damaged, or another camera's: told in a line, and the usual one is taken."""
    said = []
    (own / camera_gamma.FILE).write_text(text)
    assert camera_gamma.gamma_of("a", said.append) == 2.2
    assert len(said) == 1 and what in said[0] and "\n" not in said[0]


def test_no_cameras_gamma_was_measured():
    """Then nothing is said, and the usual one is taken."""
    said = []
    assert camera_gamma.gamma_of("a", said.append) == 2.2 and not said
