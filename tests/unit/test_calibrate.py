"""``dreamwall calibrate``: whole commands against a simulated wall, on a clock that is moved by hand."""

import errno
import struct
from contextlib import contextmanager, nullcontext
from datetime import datetime

import cv2
import numpy as np
import pytest

from calibration import shelf
from calibration.decode import decode
from calibration.graycode import gray_code
from calibration.lens import Board
from calibration.light import Mask, SoftEdges
from calibration.limits import SLEW, levels, linear
from calibration.mapping import solve
from calibration.profile import Profile
from calibration.thresholds import Thresholds
from fakes import ScriptedSource, plain
from installation.__main__ import main
from installation.calibrate import camera_eye, commands, lens, room
from installation.calibrate.camera_eye import CameraEye
from installation.calibrate.commands import Tools
from installation.calibrate.latency import FINDING, Loopback, latency_seen, patches
from installation.calibrate.laying import laid
from installation.calibrate.lock import Lock, device_of
from installation.calibrate.seam import Step, Stopped, followed
from installation.clock import HandClock, WallClock
from installation.compose import Placing
from installation.errors import SettingsError, SourceError
from installation.frame import Frame
from installation.guarded import PictureGuard
from installation.settings import Settings
from installation.sinks.film import Film
from installation.sinks.projection import seen_with
from installation.sources.v4l2 import Node
from simulated_wall import SimulatedWall

DISPLAY = "projector"
NOW = datetime(2026, 3, 1, 21, 4, 5)


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    """A person's own folder, empty; returns that of the profiles."""
    monkeypatch.setenv("DREAMWALL_CONFIG", str(tmp_path / "own"))
    return tmp_path / "own" / "profiles"


class Site:
    """A projector behind the strict flash guard, its wall and a camera; ``refresh`` seconds each, a stumble at times.

    ``instead``: pictures that the camera takes for others (a frame that came late), by their numbers.  ``trouble``:
    what happens at so-and-so many seconds: an exception, raised by the eye or, for a person's wish, by the wall.
    """

    name, size = DISPLAY, (320, 180)

    def __init__(self, simulated=None, *, refresh=0.1, stumbles=0, trouble=None, blind=()):
        self.simulated, self.clock = simulated or SimulatedWall(), HandClock()
        self._refresh, self._stumbles, self._trouble, self._blind = refresh, stumbles, trouble or (1e9, None), blind
        self._light, self._wanted = np.zeros((2, *self.size[::-1]), np.float32)
        self._shown = None
        self._given, self.refreshes, self.words = -1.0, 0, set()

    def show(self, picture, words=()):
        self.refreshes += 1
        self.words.update(words)
        passed = 5.0 if self._stumbles and self.refreshes % self._stumbles == 0 else self._refresh
        self.clock.sleep(passed)
        step = SLEW * min(passed, 0.1)
        if picture.shape[1::-1] == self.size:  # others are of a camera, and nobody looks at the wall then
            if picture is not self._shown:
                self._shown, self._wanted = picture, linear(picture[..., 0])
            self._light += np.clip(self._wanted - self._light, -step, step)
        if isinstance(self._trouble[1], Stopped | KeyboardInterrupt) and self.clock.now() > self._trouble[0]:
            raise self._trouble[1]
        return self.clock.now()

    def newest(self, after=float("-inf")):
        now = self.clock.now()
        if isinstance(self._trouble[1], SourceError) and now > self._trouble[0]:
            raise self._trouble[1]
        if now <= max(after, self._given) or any(begin < now < end for begin, end in self._blind):
            return None
        self._given = now
        seen = self.simulated.see(np.rint(levels(self._light))[..., None].repeat(3, axis=2).astype(np.uint8))
        return Frame(np.ascontiguousarray(seen[..., None].repeat(3, axis=2)), 0, now)


class Camera:
    """An eye that sees what a function of the time gives."""

    name = "camera test"

    def __init__(self, clock, sight, fps=10.0):
        self._clock, self._sight, self._fps, self._given = clock, sight, fps, -1

    def newest(self, after=float("-inf")):
        number = int(self._clock.now() * self._fps + 1e-6)
        if number == self._given or number / self._fps <= after:
            return None
        self._given = number
        return Frame(self._sight(number / self._fps), number, number / self._fps)


def run(monkeypatch, site, *argv, eye=None, lock=None):
    """The command line against a simulated site; returns the exit code."""
    tools = Tools(
        site.clock,
        wall=lambda _settings, _clock: nullcontext(site),
        eye=lambda _settings, _clock: nullcontext(eye or site),
        lock=lambda _name: lock or Lock(None),
        now=lambda: NOW,
    )
    monkeypatch.setattr(commands, "Tools", lambda _clock: tools)
    return main(["calibrate", *argv])


def off(profile, simulated, placing):
    """Median and 95th percentile of the display pixels by which a profile misses the truth."""
    places = np.random.default_rng(3).uniform(0, 1, (3000, 2)) * simulated.projector
    camera, seen = simulated.truth(places)
    matrix = placing.matrix(simulated.camera, profile.picture_size)
    picture = (camera @ matrix[:, :2].T + matrix[:, 2]) / profile.picture_size
    seen &= ((picture >= 0) & (picture <= 1)).all(axis=1)
    assert seen.sum() > 1000
    missed = np.hypot(*(profile.lay(picture[seen]) - places[seen]).T)
    return np.median(missed), np.percentile(missed, 95)


def test_the_picture_lies_where_the_camera_saw_the_wall(monkeypatch, folder, capsys):
    """From the command to the saved profile, with a screen that stumbles: half a pixel true at the median, two at 95 %.
    Soft edges and masks of the old profile stay, which is kept as an older version; what was measured is said.
    """
    door = Mask(((10.0, 10.0), (60.0, 10.0), (60.0, 170.0)), 4.0)
    old = Profile(
        DISPLAY, Site.size, ((5, 5), (300, 0), (320, 180), (0, 170)), edges=SoftEdges(left=20.0), masks=(door,)
    )
    shelf.save(folder, old)
    site = Site(stumbles=90)
    assert run(monkeypatch, site, "wall") == 0
    said = capsys.readouterr().err
    profile = shelf.load(folder, DISPLAY, Site.size)
    median, most = off(profile, site.simulated, Placing(mirror=True))
    assert median < 0.5 and most < 2.0
    assert profile.mirror and profile.revision == 2
    assert profile.seen_with == seen_with((1280, 720), Placing(mirror=True)) and profile.seen_with in said
    assert profile.edges == old.edges and profile.masks == old.masks
    assert "saw 100% of the projector's picture; the wall is flat" in said or "saw 99%" in said
    assert "px off at the median" in said and "exposure of this camera cannot be held" in said
    assert len(shelf.older(folder, DISPLAY, Site.size)) == 1
    assert main(["calibrate", "profiles"]) == 0
    listed = capsys.readouterr().out.splitlines()
    assert listed[0].startswith(
        "* projector  320x180  revision 2  2026-03-01 21:04:05  calibrate wall, projector 400x300"
    )
    assert "revision 1" in listed[1] and listed[1].endswith("by hand")


@pytest.mark.parametrize(
    ("site", "code", "what"),
    [
        ({"trouble": (14.0, SourceError("camera 0 gives no pictures for 1 s; check its cable"))}, 2, "check its cable"),
        ({"blind": ((14.0, 60.0),)}, 2, "gave no picture for 3 s while pattern"),
        ({"trouble": (14.0, Stopped())}, 130, "stopped: nothing was kept"),
        ({"trouble": (14.0, KeyboardInterrupt())}, 130, "stopped: nothing was kept"),
        ({"simulated": SimulatedWall(aim=(12, 0, 2))}, 2, "right part is not in the camera's picture"),
    ],
)
def test_what_goes_wrong_is_one_line_and_the_old_profile_stays(monkeypatch, folder, capsys, site, code, what):
    """A camera that vanishes half way, that hangs, Esc, Ctrl+C, half of the picture."""
    shelf.save(folder, Profile.plain(DISPLAY, Site.size))
    before = {path: path.read_bytes() for path in folder.iterdir()}
    assert run(monkeypatch, Site(**site), "wall", "--no-mirror") == code
    last = capsys.readouterr().err.strip().splitlines()[-1]
    assert last.startswith("dreamwall: ") and what in last
    assert {path: path.read_bytes() for path in folder.iterdir()} == before


def test_a_wrong_picture_is_told(monkeypatch, folder, capsys):
    """A frame of one pattern that came for another is noticed, named, and nothing is saved."""
    site, see = Site(), SimulatedWall()
    code = gray_code(Site.size, see.camera)
    wrong, right = code.pixels("y4"), code.pixels("x3")
    seen = site.simulated.see
    fooled = type(
        "Fooled", (), {"see": lambda _self, picture: seen(wrong if np.array_equal(picture, right) else picture)}
    )
    site.simulated = fooled()
    assert run(monkeypatch, site, "wall") == 2
    assert "'x3' and the inverse of each do not belong together" in capsys.readouterr().err
    assert not folder.exists()


def mapped(wall):
    """(wall, decoded, mapping), without the screen and its waiting."""
    code = gray_code(wall.projector, wall.camera)
    decoded = decode({name: wall.see(code.pixels(name)) for name in code.names}, code)
    return wall, decoded, solve(decoded)


@pytest.fixture(scope="module")
def bulging():
    return mapped(SimulatedWall(bulge=0.4, seed=5))


@pytest.mark.parametrize(
    "placing",
    [
        Placing(),
        Placing(mirror=True),
        Placing(rotate=90),
        Placing(mirror=True, rotate=270),
        Placing(rotate=180, cover=False),
    ],
)
def test_however_the_show_lays_its_picture(bulging, placing):
    """Turned, mirrored or with bars, on a wall that bulges: the profile undoes it, and the dream lies on the thing."""
    wall, decoded, mapping = bulging
    found = laid(mapping, decoded, placing, Profile.plain(DISPLAY, wall.projector))
    median, most = off(found.profile, wall, placing)
    assert median < 0.5 and most < 2.0
    assert found.profile.grid is not None
    assert found.profile.mirror == placing.mirror and found.profile.problems() == []
    assert (found.profile.rotate + (-placing.rotate if placing.mirror else placing.rotate)) % 360 == 0


def test_a_pillar_does_not_pull_the_picture_off_the_wall():
    """Something before the wall is left out of the fit and told; the rest of the picture is as true as without it."""
    wall, decoded, mapping = mapped(SimulatedWall(pillar=(0.0, 0.2, 2.4)))
    found = laid(mapping, decoded, Placing(), Profile.plain(DISPLAY, wall.projector))
    places = np.random.default_rng(3).uniform(0, 1, (3000, 2)) * wall.projector
    camera, seen = wall.truth(places)
    picture = (camera / wall.camera)[seen] * (1, 4 / 3) - (0, 1 / 6)  # of 4:3 as much is shown as is 16:9
    missed = np.hypot(*(found.profile.lay(picture) - places[seen]).T)
    assert 0.03 < found.before < 0.25 and found.missed[1] < 2
    assert np.mean(missed < 1.5) > 0.8


def test_the_patch_passes_the_guard_as_it_is():
    """So small and so seldom that the flash guard lets every flip through unchanged: what is measured is the screen."""
    guard, pair = PictureGuard("strict"), patches((192, 108))
    for refresh in range(120):
        now = refresh / 30
        picture = pair[int(now / 1.25) % 2]
        np.testing.assert_array_equal(guard(picture, now), picture)


@pytest.mark.parametrize("delay", [50, 137, 260, 500])
def test_the_latency_that_was_put_in_comes_out(capsys, delay):
    """``--loopback`` measures a known delay to 5 ms, without a screen or a camera."""
    assert main(["calibrate", "latency", "--loopback", "--delay", str(delay)]) == 0
    said = capsys.readouterr().out
    assert abs(float(said.split(" ms")[0]) - delay) <= 5
    assert "jitter" in said and "95 %" in said


def test_the_patch_never_flips_more_than_once_a_second():
    """Also on a machine that stumbles: a late flip makes the next ones wait."""
    loopback, clock, flips = None, HandClock(), []

    class Stumbling(Loopback):
        def show(self, picture, words=()):
            if len(self._shown) % 37 == 0:
                clock.sleep(0.6)
            before = self._shown[-1][1] if self._shown else None
            now = super().show(picture, words)
            if before is not None and before is not picture:
                flips.append(now)
            return now

    loopback = Stumbling(0.1, clock)
    found = followed(latency_seen(loopback, loopback, flips=16), lambda _line: None)
    assert abs(found.median - 0.1) < 0.02
    assert np.diff(flips[FINDING:]).min() > 0.999


def test_a_camera_that_looks_elsewhere_measures_no_latency(monkeypatch, capsys):
    """One line that says what to do."""
    site = Site(refresh=1 / 30)
    eye = Camera(
        site.clock, lambda time: np.random.default_rng(int(time * 30)).integers(90, 110, (60, 80, 3), np.uint8), 30
    )
    assert run(monkeypatch, site, "latency", eye=eye) == 2
    assert "does not see the patch in the middle of the display" in capsys.readouterr().err


def an_empty_room(time, noise=2.0):
    picture = np.random.default_rng(4).integers(60, 180, (12, 16, 3)).astype(np.float32)
    picture = cv2.resize(picture, (96, 72), interpolation=cv2.INTER_CUBIC)
    trembling = np.random.default_rng(int(time * 1000)).normal(0, noise, picture.shape)
    return np.clip(picture + trembling, 0, 255).astype(np.uint8)


def with_a_person(time):
    picture = an_empty_room(time)
    if 30 < time < 40:
        left = int(20 + (time - 30) * 8)
        picture[18:66, left // 2 : left // 2 + 15] = 20
    return picture


def test_the_empty_room_is_learned(monkeypatch, capsys):
    """What is learned is kept where the show finds it, and read back as it was; a second look with somebody in the room
    says when and where, and leaves the file alone.
    """
    site = Site()
    assert run(monkeypatch, site, "room", "--seconds", "40", eye=Camera(site.clock, an_empty_room)) == 0
    path = room.user_folder() / room.FILE
    assert str(path) in capsys.readouterr().err
    kept = room.thresholds_kept()
    assert isinstance(kept, Thresholds) and 0.012 <= kept.faintest <= 0.025 and kept.apart < 0.12
    before, site = path.read_bytes(), Site()
    assert run(monkeypatch, site, "room", "--seconds", "40", eye=Camera(site.clock, with_a_person)) == 2
    assert "let the room be empty" in capsys.readouterr().err
    assert path.read_bytes() == before
    site = Site()
    assert run(monkeypatch, site, "room", eye=Camera(site.clock, lambda time: an_empty_room(min(time, 20.0)), 0.2)) == 2
    assert "gave no picture for 3 s" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("change", "what"),
    [
        (("faintest", "faint"), "faint is not known|faintest is missing"),
        (("stands = 8", "stands = 8.5"), "line 9: stands cannot be 8.5"),
        (("doubt", "doubt = [1.0]\n# "), r"doubt cannot be \[1.0\]"),
        (("[thresholds]", ""), r"no \[thresholds\]"),
        (("moved = 3", "moved = -3"), "above nought"),
    ],
)
def test_a_file_of_thresholds_that_somebody_spoiled(change, what):
    """Refused with its line, so that the show can say so and take its own."""
    from calibration.thresholds import Learned

    path = room.keep(Learned(Thresholds(), np.zeros((2, 2), bool), ()), "camera", "now")
    assert room.thresholds_kept() == Thresholds()
    path.write_text(path.read_text().replace(*change))
    with pytest.raises(SettingsError, match=what) as told:
        room.thresholds_kept()
    assert "\n" not in str(told.value)


def test_no_room_was_learned():
    """Then there is nothing, and the show keeps its own numbers."""
    assert room.thresholds_kept() is None


SIZE, FOCAL = (480, 360), 430.0
POSES = (
    (0, 0, 330, 0, 0, 0), (-70, 40, 360, 30, 5, 5), (70, 40, 360, -30, 0, 0), (-60, -40, 380, 5, 30, -5),
    (60, -40, 380, 0, -30, 10), (0, 30, 420, 35, 10, 90), (20, -20, 340, -25, 25, 0), (-30, 10, 400, 25, -25, 20),
    (-110, 0, 400, 20, 0, 0), (110, 0, 400, -20, 0, 0),
)  # fmt: skip


@pytest.fixture(scope="module")
def board_seen():
    """A camera without distortion looks at the board: across, up, distance in mm; turned, tilted, rolled in degrees."""
    page, scale = Board().picture(dpi=100), 100 / 25.4

    def picture(across, up, far, side, tilt, roll):
        turn = cv2.Rodrigues(np.deg2rad([0, side, 0.0]))[0] @ cv2.Rodrigues(np.deg2rad([tilt, 0, 0.0]))[0]
        turn = turn @ cv2.Rodrigues(np.deg2rad([0, 0, float(roll)]))[0]
        camera = np.array([[FOCAL, 0, SIZE[0] / 2], [0, FOCAL, SIZE[1] / 2], [0, 0, 1]])
        to_mm = np.array(
            [[1 / scale, 0, -page.shape[1] / 2 / scale], [0, 1 / scale, -page.shape[0] / 2 / scale], [0, 0, 1]]
        )
        matrix = camera @ np.column_stack([turn[:, 0], turn[:, 1], (across, -up, far)]) @ to_mm
        seen = cv2.warpPerspective(
            cv2.GaussianBlur(page, (0, 0), 1), matrix, SIZE, flags=cv2.INTER_AREA, borderValue=90
        )
        return cv2.cvtColor(seen, cv2.COLOR_GRAY2RGB)

    return [picture(*pose) for pose in POSES]


def test_the_lens_through_the_camera(monkeypatch, capsys, board_seen):
    """Each view is taken once the board is held still, what is lacking is said and shown, and the lens is kept."""
    site = Site(refresh=0.05)
    eye = Camera(site.clock, lambda time: np.roll(board_seen[int(time) % 10], 60 if time % 1 < 0.3 else 0, axis=1), 5)
    assert run(monkeypatch, site, "lens", eye=eye) == 0
    said = capsys.readouterr().err
    assert "hold the printed board before the camera" in said and "view 2: " in said and "tilt the board" in said
    assert any("view 3" in word for word in site.words)
    told = []
    kept = lens.kept(SIZE, told.append)
    assert kept is not None and told == [] and abs(kept.matrix[0, 0] / FOCAL - 1) < 0.02
    assert lens.kept((640, 480), told.append) is None
    lens.path_of(SIZE).write_text("[lens]\nsize = [480, 360]\n")
    assert lens.kept(SIZE, told.append) is None and "left out" in told[0]


def test_the_lens_from_pictures(tmp_path, capsys, board_seen):
    """Pictures without the board are named and left out; too few say what is lacking; none at all is refused."""
    views = tmp_path / "views"
    views.mkdir()
    assert main(["calibrate", "lens", "--pictures", str(views)]) == 2
    for number, picture in enumerate(board_seen):
        cv2.imwrite(str(views / f"{number}.png"), picture)
    (views / "torn.jpg").write_bytes(b"not a picture")
    cv2.imwrite(str(views / "wall.png"), plain(size=SIZE))
    assert main(["calibrate", "lens", "--pictures", str(views)]) == 0
    said = capsys.readouterr().err
    assert "torn.jpg is no picture" in said and "wall.png does not show the board" in said and "from 10 views" in said
    for number in range(3, 10):
        (views / f"{number}.png").unlink()
    before = lens.path_of(SIZE).read_bytes()
    assert main(["calibrate", "lens", "--pictures", str(views)]) == 2
    assert "are not enough for the lens" in capsys.readouterr().err
    assert lens.path_of(SIZE).read_bytes() == before


def test_the_board_to_print(tmp_path, capsys):
    """Written with its size in mm; a name that is no PNG, or a folder that cannot be made, is refused."""
    assert main(["calibrate", "lens", "--board", str(tmp_path / "board.png")]) == 0
    assert "263 x 182 mm" in capsys.readouterr().err
    assert Board().find(cv2.imread(str(tmp_path / "board.png"))) is not None
    assert main(["calibrate", "lens", "--board", str(tmp_path / "board.jpg")]) == 2
    assert main(["calibrate", "lens", "--board", str(tmp_path / "board.png" / "more.png")]) == 2


def test_back_to_an_older_profile(folder, capsys):
    """It is saved anew, so that nothing is lost; a number that is not there, or is there twice, is refused."""
    first = Profile.plain(DISPLAY, (320, 180))
    second = Profile(DISPLAY, (320, 180), ((5.0, 5.0), (300.0, 0.0), (320.0, 180.0), (0.0, 170.0)))
    for profile in (first, second):
        shelf.save(folder, profile)
    assert main(["calibrate", "profiles", "--restore", "1"]) == 0
    assert "as in revision 1 again, which is now 3" in capsys.readouterr().err
    assert shelf.load(folder, DISPLAY, (320, 180)) == first
    assert [shelf.read(path) for path in shelf.older(folder, DISPLAY, (320, 180))] == [second, first]
    shelf.save(folder, Profile.plain("other", (640, 360)))
    assert main(["calibrate", "profiles", "--restore", "9"]) == 2
    assert "no revision 9" in capsys.readouterr().err
    assert main(["calibrate", "profiles", "--restore", "1"]) == 2
    assert "more than one" in capsys.readouterr().err
    assert main(["calibrate", "profiles", "--restore", "2", "--display", "proj"]) == 0
    shelf.path_of(folder, "other", (640, 360)).write_text("no profile")
    (folder / "history.jsonl").open("a").write("no line\n")
    capsys.readouterr()
    assert main(["calibrate", "profiles"]) == 0
    listed = capsys.readouterr().out
    assert "other-640x360.toml: is damaged" in listed and "revision 4  " in listed and "revision 2\n" in listed


def test_no_profile_is_kept_yet(capsys):
    """It says how to make one."""
    assert main(["calibrate", "profiles"]) == 0
    assert "K in the show" in capsys.readouterr().out


class Driver:
    """The controls of a camera: what each holds; None for one that is not there, ``stubborn`` may not be set."""

    def __init__(self, controls, stubborn=()):
        self.controls, self.stubborn, self.asked = dict(controls), stubborn, []

    def __call__(self, _handle, request, block):
        control, value = struct.unpack("=Ii", block)
        if control not in self.controls:
            raise OSError(errno.EINVAL, "no such control")
        if request & 0xFF == 28:
            if control in self.stubborn:
                raise OSError(errno.EACCES, "not now")
            self.asked.append((control, value))
            self.controls[control] = value
        else:
            block[:] = struct.pack("=Ii", control, self.controls[control])
        return 0


EXPOSURE, EXPOSED, WHITE, FOCUS = 0x009A0901, 0x009A0902, 0x0098090C, 0x009A090C


def test_the_camera_is_held_and_given_back(tmp_path):
    """Automatic exposure and white balance stop where they are, and go on afterwards; what cannot be held is said."""
    device = tmp_path / "video0"
    device.touch()
    driver = Driver({EXPOSURE: 3, EXPOSED: 312, WHITE: 1, FOCUS: 1}, stubborn=(FOCUS,))
    with Lock(str(device), driver) as lock:
        said = lock.hold()
        assert driver.controls == {EXPOSURE: 1, EXPOSED: 312, WHITE: 0, FOCUS: 1}
        assert (EXPOSED, 312) in driver.asked
    assert "holds its exposure, white balance" in said and "does not let it hold its focus" in said
    assert driver.controls == {EXPOSURE: 3, EXPOSED: 312, WHITE: 1, FOCUS: 1}
    lock.__exit__()
    with Lock(str(device), Driver({})) as lock:
        assert lock.hold() == "its driver does not let it hold its exposure, white balance"
    with Lock(str(tmp_path / "gone"), driver) as lock:
        assert "cannot be asked" in lock.hold()


def test_which_device_a_camera_is():
    """By number, path, part of its name, or as the first that was found; a stream is none."""
    nodes = [Node("/dev/video0", "Laptop", "/dev/video0"), Node("/dev/video2", "HD Pro", "/dev/v4l/by-id/hd")]
    for name, device in {
        "camera 2": "/dev/video2", "camera /dev/v4l/by-id/hd": "/dev/video2", "camera hd pro": "/dev/video2",
        "camera Laptop (/dev/video0)": "/dev/video0", "stream rtsp://x": None, "camera 7": None,
    }.items():  # fmt: skip
        assert device_of(name, nodes) == device


@contextmanager
def scripted(monkeypatch, *script, **given):
    clock = WallClock()
    source = ScriptedSource(script, clock, **given)
    monkeypatch.setattr(camera_eye, "source_from", lambda *_args, **_given: source)
    yield CameraEye(Settings(), clock)


def wait_for(what):
    clock = WallClock()
    end = clock.now() + 60
    while clock.now() < end:
        found = what()
        if found:
            return found
        clock.sleep(0.01)
    raise AssertionError("it never came")


def test_a_camera_that_was_lost_is_given_up(monkeypatch):
    """Also when it is back a moment later, since it may stand elsewhere now; its frames are given once each."""
    frames = [Frame(plain(), index, index * 0.1) for index in range(3)]
    script = [frames[0], None, frames[1], SourceError("camera 0 is gone; check its cable"), *[frames[2], None] * 5000]
    with scripted(monkeypatch, *script) as eye, eye:

        def lost():
            try:
                eye.newest()
            except SourceError as error:
                return str(error)
            return ""

        assert wait_for(lost) == "camera 0 is gone; check its cable"
        assert lost()


def test_a_camera_that_is_not_there(monkeypatch, capsys):
    """Told at once, in the words of the source; what is no camera at all is refused before anything is opened."""
    with scripted(monkeypatch, refusals=99) as eye, pytest.raises(SourceError, match="cannot be opened"):
        eye.__enter__()
    monkeypatch.undo()
    assert main(["calibrate", "wall", "--source", "clouds"]) == 2
    assert "sees no wall" in capsys.readouterr().err


def test_steps_are_told_once_each():
    """However many refreshes a step lasts, its sentence is one line; and what it found is returned."""

    def steps():
        for count in range(10):
            yield Step("one" if count < 7 else "two", count / 10)
        return 42

    told = []
    assert followed(steps(), told.append) == 42 and told == ["one", "two"]


def test_check_film_is_a_command(tmp_path, capsys):
    """A calm film passes by the command line, and what is no film is one line."""
    with Film(tmp_path / "calm.mkv", (64, 48), rate=30) as film:
        for _ in range(5):
            film.add(plain())
    assert main(["check-film", str(tmp_path / "calm.mkv")]) == 0
    assert "within the published limits" in capsys.readouterr().out
    assert main(["check-film", str(tmp_path / "none.mkv")]) == 2
