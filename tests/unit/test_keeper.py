"""The keeper: snapshots and films of what is on the wall, under names of their own, and never at the show's cost."""

import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from PIL import Image

from installation.clock import HandClock, WallClock
from installation.compose import AS_IT_COMES, Placing, compose
from installation.frame import Frame, Pixels
from installation.knobs import Look
from installation.sinks import keeper as module
from installation.sinks.film import Film
from installation.sinks.keeper import Keeper, free_space, keep_folder
from installation.sinks.recorder import Recorder, minutes
from installation.snapshot import read_snapshot
from installation.veil import Veil
from invented import noise_frame, smooth_frame, soft_veil, some_look

WHEN = datetime(2026, 11, 22, 14, 3, 7)
ROOMY = 10**12


def told() -> dict[str, Any]:
    return {"settings": {"source": "clouds"}, "look": {"hue": 4.0}, "refreshes": 9}


class Watched(Keeper):
    """A keeper, and what it told."""

    def __init__(self, folder: Path, **more: Any) -> None:
        self.events: list[str] = []
        usual = {"event": self.events.append, "clock": WallClock(), "free": lambda _: ROOMY, "calendar": lambda: WHEN}
        super().__init__(folder, told, **{**usual, **more})

    def written(self) -> None:
        """Wait for the snapshot that is being written."""
        assert self._writing is not None
        self._writing.join(20)
        assert not self._writing.is_alive()


def until(done: Callable[[], bool], seconds: float = 20.0) -> None:
    """Wait for it."""
    end = time.monotonic() + seconds
    while not done():
        assert time.monotonic() < end
        time.sleep(0.005)


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def watch(path: Path) -> list[Pixels]:
    with av.open(str(path)) as container:
        return [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]


# -- snapshots -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [None, (91, 67), lambda: (160, 90)])
def test_a_snapshot_is_the_picture_on_the_wall(size: Any, tmp_path: Path) -> None:
    """The PNG is the newest refresh to the bit, at the display's size and laid as there, with the settings inside."""
    placing = Placing(mirror=True, rotate=90)
    frame, veil, look = smooth_frame(3, index=41), soft_veil(3), some_look(3)
    with Watched(tmp_path / "made" / "when needed", placing=placing, size=size) as keeper:
        keeper.see(noise_frame(1), Veil(), Look(), 0.0)
        keeper.see(frame, veil, look, 0.1)
        keeper.snapshot()
        keeper.see(noise_frame(2), Veil(), Look(), 0.2)
    path = tmp_path / "made" / "when needed" / "dreamwall-2026-11-22-14-03-07.png"
    with Image.open(path) as image:
        wanted = compose(frame, veil, look, size() if callable(size) else size, placing)
        np.testing.assert_array_equal(np.asarray(image), wanted)
    found = read_snapshot(path)
    assert (found.frame, found.refreshes, found.knobs) == (41, 9, {"hue": 4.0})
    assert keeper.events == [f"kept {path}"]


def test_no_picture_is_written_over(tmp_path: Path) -> None:
    """Pictures of the same second, and one that another show is still writing, keep their names."""
    (tmp_path / "dreamwall-2026-11-22-14-03-07.png").write_bytes(b"older")
    (tmp_path / "dreamwall-2026-11-22-14-03-07-2.png.part").write_bytes(b"growing")
    with Watched(tmp_path) as keeper:
        keeper.see(noise_frame(1), Veil(), Look(), 0.0)
        for _ in range(2):
            keeper.snapshot()
            keeper.written()
    stem = "dreamwall-2026-11-22-14-03-07"
    assert names(tmp_path) == [f"{stem}-2.png.part", f"{stem}-3.png", f"{stem}-4.png", f"{stem}.png"]
    assert (tmp_path / f"{stem}.png").read_bytes() == b"older"


@contextmanager
def a_stuck_disk(monkeypatch: pytest.MonkeyPatch) -> Iterator[threading.Event]:
    """Every sync and every look at the disk waits until the event is set."""
    free, fsync, usage = threading.Event(), os.fsync, module.shutil.disk_usage

    def stuck(number: int) -> None:
        free.wait(20)
        fsync(number)

    def stuck_usage(path: Path) -> Any:
        free.wait(20)
        return usage(path)

    monkeypatch.setattr("os.fsync", stuck)
    monkeypatch.setattr(module.shutil, "disk_usage", stuck_usage)
    try:
        yield free
    finally:
        free.set()


def test_of_a_burst_one_is_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ten presses while one picture is being written make one picture, and one line says why."""
    with Watched(tmp_path) as keeper, a_stuck_disk(monkeypatch) as free:
        keeper.see(noise_frame(1), Veil(), Look(), 0.0)
        for _ in range(10):
            keeper.snapshot()
        assert set(keeper.events) == {"no snapshot: the one before is still being written"}
        free.set()
    assert names(tmp_path) == ["dreamwall-2026-11-22-14-03-07.png"]


def test_a_slow_disk_does_not_hold_up_the_show(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Asking for a snapshot or a film returns at once while the disk does not answer at all, and so does every see."""
    with Watched(tmp_path, free=free_space) as keeper, a_stuck_disk(monkeypatch) as free:
        begun = time.perf_counter()
        for at in range(30):
            keeper.see(noise_frame(at % 3), Veil(), Look(), at / 30)
            if at == 3:
                keeper.snapshot()
                keeper.record(on=True)
        assert keeper.recording
        keeper.record(on=False)
        assert time.perf_counter() - begun < 5.0  # the disk would wait for twenty
        assert not [name for name in names(tmp_path) if not name.endswith(".part")]
        free.set()
    assert names(tmp_path)[-1] == "dreamwall-2026-11-22-14-03-07.png"


def test_a_disk_that_never_answers_does_not_keep_the_show_open(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Leaving waits only so long for a disk that hangs, and says what is not finished."""
    monkeypatch.setattr(module, "PATIENCE", 0.2)
    with a_stuck_disk(monkeypatch):
        with Watched(tmp_path) as keeper:
            keeper.see(noise_frame(1), Veil(), Look(), 0.0)
            keeper.snapshot()
        assert keeper.events == ["the last snapshot is not finished: the disk takes too long"]


def test_before_the_first_picture_there_is_nothing_to_keep(tmp_path: Path) -> None:
    """A snapshot before the first refresh is one line, and no folder is made."""
    with Watched(tmp_path / "none") as keeper:
        keeper.snapshot()
    assert keeper.events == ["there is no picture to keep yet"]
    assert not (tmp_path / "none").exists()
    keeper.__exit__(None, None, None)  # leaving twice is harmless


def test_where_nothing_can_be_written_one_line_says_so(tmp_path: Path) -> None:
    """A folder that cannot be made is an event for the snapshot and one for the film; nothing is raised."""
    (tmp_path / "file").write_text("")
    with Watched(tmp_path / "file" / "folder") as keeper:
        keeper.see(noise_frame(1), Veil(), Look(), 0.0)
        keeper.snapshot()
        keeper.written()
        keeper.record(on=True)
        until(lambda: not keeper.recording)
    assert len(keeper.events) == 2
    assert all("file" in event and "\n" not in event for event in keeper.events)


def test_a_failure_of_any_other_kind_is_an_event(tmp_path: Path) -> None:
    """Even settings that cannot be written down do not raise in the show."""
    with Watched(tmp_path) as keeper:
        keeper._told = lambda: {"look": {"hue": float("nan")}}
        keeper.see(noise_frame(1), Veil(), Look(), 0.0)
        keeper.snapshot()
    assert len(keeper.events) == 1
    assert names(tmp_path) == []


def test_a_nearly_full_disk_is_left_alone(tmp_path: Path) -> None:
    """With less than 500 MB free nothing is begun, and one line says how much there is."""
    with Watched(tmp_path, free=lambda _: 120_000_000) as keeper:
        keeper.see(noise_frame(1), Veil(), Look(), 0.0)
        keeper.snapshot()
        keeper.written()
        keeper.record(on=True)
        until(lambda: not keeper.recording)
    assert len(keeper.events) == 2
    assert all("only 120 MB are free" in event for event in keeper.events)
    assert names(tmp_path) == []


def test_where_it_is_kept(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """In the folder that was asked for, ~ being home; else in Dreamwall among the person's pictures."""
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("XDG_PICTURES_DIR", raising=False)
    assert keep_folder(Path("~/here")) == tmp_path / "here"
    assert keep_folder(None) == tmp_path / "Pictures" / "Dreamwall"
    assert free_space(tmp_path / "not" / "yet" / "there") > 0


# -- films -----------------------------------------------------------------------------------------------------------


class Filming:
    """A recorder moved by hand, without its thread."""

    def __init__(self, path: Path, rate: float = 10.0, room: Callable[[Path], str] = lambda _: "") -> None:
        self.clock, self.path, self.events = HandClock(100.0), path, list[str]()
        self.recorder = Recorder(
            lambda: path, room, size=None, placing=AS_IT_COMES, event=self.events.append, clock=self.clock, rate=rate
        )


def test_the_film_keeps_the_time_of_the_show(tmp_path: Path) -> None:
    """Where the show is slower a picture stands longer, where it is quicker some are left out, where the encoder is
    late the picture before fills the gap: frame N is what was on the wall N/rate seconds after the beginning.
    """
    filming = Filming(tmp_path / "film.mkv")
    greys = {level: np.full((48, 64, 3), level, np.uint8) for level in range(0, 250, 10)}
    script = [  # seconds since the one before, the level put meanwhile, whether the recorder came round
        (0.0, 10, True),
        (0.1, 20, True),
        (0.1, None, True),  # a slow show
        (0.05, 30, False),
        (0.05, 40, True),  # a quick show: 30 was never seen at a frame's moment
        (0.4, 50, True),  # a late encoder: three frames of 40 stand in
        (0.1, 60, True),
    ]
    with Film(filming.path, rate=10) as film:
        for at, (seconds, level, comes_round) in enumerate(script):
            filming.clock.sleep(seconds)
            if level is not None:
                filming.recorder.box.put((Frame(greys[level], at, 0.0), Veil(), Look()))
            if comes_round:
                filming.recorder.catch_up(film)
    levels = [round(float(picture.mean()) / 10) * 10 for picture in watch(filming.path)]
    assert levels == [10, 20, 20, 40, 40, 40, 40, 50, 60]
    assert (filming.recorder.frames, filming.recorder.dropped) == (9, 3)


def test_the_film_begins_with_the_first_picture(tmp_path: Path) -> None:
    """A recording that is begun before anything is on the wall has no dead time in front."""
    filming = Filming(tmp_path / "film.mkv")
    with Film(filming.path, rate=10) as film:
        for _ in range(20):
            filming.recorder.catch_up(film)
            filming.clock.sleep(0.1)
        filming.recorder.box.put((noise_frame(1), Veil(), Look()))
        filming.recorder.catch_up(film)
    assert len(watch(filming.path)) == 1


def test_a_frozen_picture_is_composed_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """While the picture is frozen it is encoded again but not made again."""
    filming, composed = Filming(tmp_path / "film.mkv"), list[int]()
    frame, veil = noise_frame(1), soft_veil(1)
    with Film(filming.path, rate=10) as film:
        made = film.compose
        monkeypatch.setattr(film, "compose", lambda *seen: (composed.append(1), made(*seen))[1])
        for at in range(6):
            filming.recorder.box.put((frame, veil, Look(freeze=True, hue=90.0 if at == 5 else 0.0)))
            filming.recorder.catch_up(film)
            filming.clock.sleep(0.1)
    assert (filming.recorder.frames, len(composed)) == (6, 2)


def test_a_film_ends_when_the_disk_fills(tmp_path: Path) -> None:
    """With 500 MB left the film is finished, whole, and one line says why."""
    left = iter([ROOMY, ROOMY, 1])
    with Watched(tmp_path, free=lambda _: next(left, 1), rate=60.0) as keeper:
        keeper.see(noise_frame(1), Veil(), Look(), 0.0)
        keeper.record(on=True)
        until(lambda: not keeper.recording)
        assert keeper.lines() == []
        keeper.see(noise_frame(2), Veil(), Look(), 0.0)
    assert "the recording stops: only 0 MB are free" in keeper.events[0]
    assert len(watch(tmp_path / "dreamwall-2026-11-22-14-03-07.mp4")) == keeper.frames > 10


def test_blackout_is_recorded_as_blackout(tmp_path: Path) -> None:
    """What was dark on the wall is dark in the film."""
    filming = Filming(tmp_path / "film.mkv")
    with Film(filming.path, rate=10) as film:
        for at in range(4):
            filming.recorder.box.put((noise_frame(at), soft_veil(at), Look(blackout=at >= 2)))
            filming.recorder.catch_up(film)
            filming.clock.sleep(0.1)
    assert [float(picture.mean()) > 10 for picture in watch(filming.path)] == [True, True, False, False]


def test_a_film_after_a_film(tmp_path: Path) -> None:
    """Recording twice within a second makes two films, both whole, and what the HUD says comes and goes."""
    with Watched(tmp_path) as keeper:
        keeper.see(noise_frame(1, (63, 47)), Veil(), Look(), 0.0)
        for _ in range(2):
            keeper.record(on=True)
            keeper.record(on=True)  # already
            until(lambda: keeper.frames >= 3)
            assert keeper.lines()[0].startswith("recording\t0:00, dreamwall-2026-11-22-14-03-07")
            keeper.record(on=False)
            assert not keeper.recording
            assert keeper.lines() == []
            keeper.record(on=False)  # already
    stem = "dreamwall-2026-11-22-14-03-07"
    assert names(tmp_path) == [f"{stem}-2.mp4", f"{stem}.mp4"]
    for name in names(tmp_path):
        assert watch(tmp_path / name)[0].shape == (48, 64, 3)
    assert len([event for event in keeper.events if event.startswith("recorded 0:0")]) == 2


def test_leaving_finishes_the_film(tmp_path: Path) -> None:
    """A show that ends while it records leaves a whole film."""
    with Watched(tmp_path) as keeper:
        keeper.see(noise_frame(1), Veil(), Look(), 0.0)
        keeper.record(on=True)
        until(lambda: keeper.frames >= 2)
    assert names(tmp_path) == ["dreamwall-2026-11-22-14-03-07.mp4"]
    assert len(watch(tmp_path / "dreamwall-2026-11-22-14-03-07.mp4")) == keeper.frames


def test_a_length_as_a_person_reads_it() -> None:
    """Minutes and seconds, and an hour is sixty minutes."""
    assert [minutes(s) for s in (0, 12.9, 61, 3661)] == ["0:00", "0:12", "1:01", "61:01"]
