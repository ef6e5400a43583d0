"""``dreamwall calibrate`` on a real window; its time is moved by hand, and the camera that looks at it is simulated."""

from contextlib import contextmanager, nullcontext

import numpy as np
import pytest

from calibration import shelf
from calibration.cards import card
from calibration.profile import Profile
from calibration.warp import warped
from installation.__main__ import main
from installation.calibrate import commands
from installation.calibrate.commands import Tools
from installation.calibrate.lock import Lock
from installation.calibrate.screen_wall import ScreenWall
from installation.calibrate.seam import Stopped
from installation.clock import HandClock
from installation.compose import Placing
from installation.frame import Frame
from installation.sdl import pygame
from installation.settings import Settings
from installation.sinks.window import choose_display
from needs import needs_tool
from simulated_wall import SimulatedWall
from xvfb import a_display

pytestmark = pytest.mark.beside

SIZE = (160, 90)
SLOWLY = 0.09  # seconds by hand that a refresh takes here: less than the guard allows at once


@pytest.fixture(scope="module")
def display():
    needs_tool("Xvfb", "import")
    with a_display(SIZE) as server:
        yield server


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.setenv("DREAMWALL_CONFIG", str(tmp_path))
    return tmp_path / "profiles"


class Watched(ScreenWall):
    """The real wall, at which a simulated camera looks; time passes with each refresh."""

    def __init__(self, settings, clock):
        super().__init__(settings, clock)
        self._hand, self.refreshes = clock, 0
        self.simulated, self._given = SimulatedWall(projector=SIZE, camera=(240, 180)), -1.0
        self.at_refresh = lambda _count: None

    def show(self, picture, words=()):
        self.refreshes += 1
        self._hand.sleep(SLOWLY)
        self.at_refresh(self.refreshes)
        return super().show(picture, words)

    def newest(self, after=float("-inf")):
        now = self._hand.now()
        if now <= max(after, self._given):
            return None
        self._given = now
        seen = self.simulated.see(self.picture())
        return Frame(np.ascontiguousarray(seen[..., None].repeat(3, axis=2)), 0, now)


@contextmanager
def watched(monkeypatch, clock):
    wall = Watched(Settings(), clock)

    class Eye:
        name = "camera test"
        newest = staticmethod(wall.newest)

    tools = Tools(
        clock,
        wall=lambda _settings, _clock: wall,
        eye=lambda _settings, _clock: nullcontext(Eye()),
        lock=lambda _name: Lock(None),
    )
    monkeypatch.setattr(commands, "Tools", lambda _clock: tools)
    yield wall


def test_the_wall_on_a_real_screen(display, monkeypatch, folder, capsys):
    """What the window shows, guarded as ever, is decoded, and the profile is kept under the display's name and size."""
    with watched(monkeypatch, HandClock()) as wall:
        assert main(["calibrate", "wall", "--no-mirror"]) == 0
    said = capsys.readouterr().err
    (path,) = folder.glob("*.toml")
    profile = shelf.read(path)
    assert profile.size == SIZE and str(path) in said
    places = np.random.default_rng(3).uniform(0, 1, (3000, 2)) * SIZE
    camera, seen = wall.simulated.truth(places)
    matrix = Placing().matrix(wall.simulated.camera, SIZE)
    picture = (camera @ matrix[:, :2].T + matrix[:, 2]) / SIZE
    seen &= ((picture >= 0) & (picture <= 1)).all(axis=1)
    missed = np.hypot(*(profile.lay(picture[seen]) - places[seen]).T)
    assert np.median(missed) < 0.5 and np.percentile(missed, 95) < 2.0


def test_escape_on_the_wall(display, monkeypatch, folder, capsys):
    """A person at the wall presses Esc: one line, exit code 130, and nothing is kept."""

    def pressed(count):
        if count == 30:
            pygame.event.post(pygame.event.Event(pygame.KEYDOWN, key=pygame.K_ESCAPE, mod=0))

    with watched(monkeypatch, HandClock()) as wall:
        wall.at_refresh = pressed
        assert main(["calibrate", "wall"]) == 130
    assert wall.refreshes == 30
    assert capsys.readouterr().err.strip().endswith("stopped: nothing was kept")
    assert not folder.exists()


def test_a_test_card_as_the_profile_lays_it(display, monkeypatch, folder, capsys):
    """The card is on the wall, warped by the profile that is kept; any key ends it, and a name there is not is told."""
    clock, shots, show = HandClock(), [], ScreenWall.show

    def slowly(wall, picture, words=()):
        clock.sleep(SLOWLY)
        now = show(wall, picture, words)
        shots[:] = [wall.picture()]
        if clock.now() > 2.6:
            pygame.event.post(pygame.event.Event(pygame.KEYDOWN, key=pygame.K_a, mod=0))
        return now

    monkeypatch.setattr(ScreenWall, "show", slowly)
    monkeypatch.setattr(commands, "WallClock", lambda: clock)
    name = choose_display(None).name
    pinned = Profile(name, SIZE, ((10.0, 5.0), (150.0, 0.0), (160.0, 85.0), (3.0, 90.0)))
    shelf.save(folder, pinned)
    assert main(["calibrate", "card", "grid"]) == 0
    assert 2.6 < clock.now() < 3
    wanted = warped(card("grid", SIZE, name), pinned)
    assert np.abs(shots[0].astype(int) - wanted).mean() < 2
    assert main(["calibrate", "card", "grid", "--seconds", "0.3"]) == 0
    assert main(["calibrate", "card", "gird"]) == 2
    assert "there is no test card 'gird'" in capsys.readouterr().err


def test_a_wall_that_is_no_longer_there(display):
    """Closed by a person: stopped, as by Esc; harmless to leave twice."""
    clock = HandClock()
    with ScreenWall(Settings(windowed=True, renderer="plain"), clock) as wall:
        picture = np.zeros((90, 160, 3), np.uint8)
        wall.show(picture, ("Lens", "hold the board still"))
        pygame.event.post(pygame.event.Event(pygame.QUIT))
        with pytest.raises(Stopped):
            wall.show(picture)
    wall.__exit__()
