"""The show's loop, with fakes: nothing that fails takes the picture away."""

import numpy as np
import pytest

from fakes import a_desk, plain
from installation.clock import HandClock
from installation.frame import Frame, Residual
from installation.show import Show
from installation.sinks.ledger import Ledger
from installation.stages.flow import grey_of
from installation.vitals import Vitals


class Part:
    """Something with a life, which it writes down."""

    def __init__(self, diary=None, name=""):
        self.diary, self.name = [] if diary is None else diary, name

    def __enter__(self):
        self.diary.append(f"open {self.name}")
        return self

    def __exit__(self, *_):
        self.diary.append(f"close {self.name}")


class FakeCamera(Part):
    """A new picture at every refresh, each of another grey."""

    def __init__(self, diary=None):
        super().__init__(diary, "camera")
        self.index = 0

    def newest(self, now):
        self.index += 1
        return Frame(plain(40 + self.index % 100, 90, 120), self.index, now)


class FakeDream(Part):
    """Dreams one step of brighter red for every frame it is offered, or fails when told to."""

    def __init__(self, diary=None, *, fails=False):
        super().__init__(diary, "dream")
        self.fails, self.offered, self._residual = fails, [], None

    def offer(self, small, look):
        if self.fails:
            raise RuntimeError("the dream is broken")
        self.offered.append((small, look))
        field = np.zeros((*small.pixels.shape[:2], 3), np.float32)
        field[..., 0] = 0.2
        self._residual = Residual(field, grey_of(small.pixels), small.index, small.time)

    def newest(self):
        residual, self._residual = self._residual, None
        return residual


class FaultyLedger(Ledger):
    """A screen that is lost for its third to sixth picture."""

    lost = 0

    def show(self, frame, veil, look, hud):
        if 2 <= self.shown + self.lost < 6:
            self.lost += 1
            raise OSError("the projector is gone")
        super().show(frame, veil, look, hud)


def show_of(screen=None, dream=None, diary=None, refreshes=40, **more):
    clock = HandClock()
    vitals = Vitals(clock)
    screen = screen or Ledger()
    dream = dream or FakeDream(diary)
    desk = a_desk(**more.pop("knobs", {}))
    return Show(
        clock=clock, desk=desk, camera=FakeCamera(diary), dream=dream, screen=screen, vitals=vitals,
        working_size=(64, 48), rate=20.0, over=lambda: vitals.refreshes >= refreshes or clock.now() > 60, **more,
    )  # fmt: skip


def test_the_picture_is_camera_and_dream():
    """What is shown is the newest frame with the dream over it."""
    show = show_of()
    show.run()
    picture = show.screen.picture()
    assert picture[20, 20, 0] > show._frame.pixels[20, 20, 0] + 10
    assert picture[20, 20, 1] == 90


def test_zero_intensity_is_the_camera_to_the_bit():
    """With the intensity at zero the wall shows the camera's own pixels."""
    show = show_of(knobs={"intensity": 0.0})
    show.run()
    assert np.array_equal(show.screen.picture(), show._frame.pixels)


def test_one_frame_has_one_look():
    """The dream is offered every new frame, with the look of that very moment."""
    show = show_of(refreshes=10)
    show.run()
    assert [frame.index for frame, _ in show.dream.offered] == list(range(1, 11))
    assert all(look.intensity == 1.0 for _, look in show.dream.offered)


def test_a_broken_dream_leaves_the_camera():
    """When the dream fails at every frame the camera goes on, and it is one event, not thousands."""
    show = show_of(dream=FakeDream(fails=True))
    show.run()
    assert np.array_equal(show.screen.picture(), show._frame.pixels)
    (event,) = show.vitals.events()
    assert "the dream is broken" in event["what"] and event["count"] == 40


def test_a_lost_screen_is_opened_again():
    """A projector that goes away and comes back is used again; the show does not end."""
    show = show_of(screen=FaultyLedger())
    show.run()
    told = [event["what"] for event in show.vitals.events()]
    assert any("projector is gone" in line for line in told) and any("screen is back" in line for line in told)
    assert show.vitals.refreshes == 40


def test_freeze_holds_the_picture():
    """While frozen every refresh is the same picture; afterwards it goes on."""
    show = show_of(refreshes=5)
    show.run()
    held = show.screen.picture().copy()
    show.desk.board.flip("freeze")
    for _ in range(5):
        show.refresh()
    assert np.array_equal(show.screen.picture(), held)
    show.desk.board.flip("freeze")
    show.refresh()
    assert not np.array_equal(show.screen.picture(), held)


def test_parts_close_in_reverse():
    """Whatever was opened is closed, last first, also when it ends in an error."""
    diary: list[str] = []
    show = show_of(diary=diary, refreshes=2)
    show.run()
    assert diary == ["open camera", "open dream", "close dream", "close camera"]


def test_a_rehearsal_stops_where_something_fails():
    """Nobody is watching a rehearsal: what fails there is told, not played over."""
    show = show_of(dream=FakeDream(fails=True), live=False)
    with pytest.raises(RuntimeError, match="broken"):
        show.run()


def test_a_frame_is_shown_at_the_next_refresh():
    """From camera to screen it takes one refresh."""
    show = show_of()
    show.run()
    assert show.vitals.report()["latency_refreshes"] == {"median": 1.0, "p95": 1.0}
