"""Real MIDI: virtual controllers on a JACK server, from processes of their own."""

import os
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from fakes import a_desk
from installation.control.midi import Midi
from installation.control.midi.ports import Ports
from jack import Jack, Player, a_jack
from needs import needs_tool

CC, NOTE = 0xB0, 0x90
LINGER, LAYER = 23, 20  # their control changes in the generic map


@pytest.fixture
def jack() -> Iterator[Jack]:
    needs_tool("jackd")
    with a_jack() as server:
        yield server


@pytest.fixture(autouse=True)
def own_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("DREAMWALL_CONFIG", str(tmp_path))
    return tmp_path


class Stage:
    """A desk with a MIDI hand, refreshed as a show does."""

    def __init__(self, **options):
        self.desk = a_desk()
        self.told = []
        self.midi = Midi(event=self.told.append, **options)

    def __enter__(self):
        self.midi.__enter__()
        return self

    def __exit__(self, *_):
        self.midi.__exit__()

    def refresh(self):
        self.desk.serve(time.monotonic())
        self.midi.reach(self.desk)
        self.desk.board.look(time.monotonic())

    def until(self, true, send=lambda: None, seconds=10.0):
        """Refresh until it is so.  ``send``: done again and again, since JACK loses messages on a loaded machine."""
        begun, due = time.monotonic(), 0.0
        while time.monotonic() - begun < seconds:
            if time.monotonic() >= due:
                send()
                due = time.monotonic() + 0.5
            self.refresh()
            if true():
                return
            time.sleep(0.01)
        raise AssertionError(f"not within {seconds} s; told: {self.told}, status: {self.midi.status}")

    def during(self, seconds):
        begun = time.monotonic()
        while time.monotonic() - begun < seconds:
            self.refresh()
            time.sleep(0.01)

    def stands(self, name):
        return self.desk.board.standing(name)


def test_a_control_change_reaches_the_board(jack: Jack) -> None:
    """A fader of a controller that nobody has heard of turns a knob, once it has passed where that stands."""
    with Player("Some Box") as box, Stage() as stage:
        stage.until(lambda: "Some Box is connected" in stage.told)
        stage.until(lambda: stage.midi.heard > 0, lambda: box.send(CC, LINGER, 1))
        assert stage.stands("linger") == 2.5
        stage.until(lambda: stage.stands("linger") == pytest.approx(15.05), lambda: box.send(CC, LINGER, 64))
        assert stage.midi.status == "Some Box"


def test_heard_again_within_two_seconds_and_nothing_jumps(jack: Jack) -> None:
    """Taken out and put back, at once or after a while, a controller is heard within 2 s; a fader that was moved
    meanwhile moves nothing until it has passed where its knob stands.
    """
    with Player("nanoKONTROL2") as box, Stage() as stage:
        stage.until(lambda: "nanoKONTROL2 is connected" in stage.told)
        stage.until(lambda: stage.midi.heard > 0, lambda: box.send(CC, 4, 10))
        stage.until(lambda: stage.stands("linger") == pytest.approx(15.05), lambda: box.send(CC, 4, 64))
        for away in (0.0, 1.0):
            before, value = len(stage.told), 100
            box.unplug()
            stage.during(away)
            box.plug()
            begun = time.monotonic()
            while stage.midi.heard == 0 or len(stage.told) < before + 2:
                box.send(CC, 4, value := 221 - value)  # between 100 and 121: it stays on its side
                stage.during(0.02)
                assert time.monotonic() - begun < 2.0, stage.told
            assert stage.told[-2:] == ["nanoKONTROL2 is gone", "nanoKONTROL2 is connected"]
            assert stage.stands("linger") == pytest.approx(15.05)
            assert stage.midi.lines() == ["midi\tnanoKONTROL2; linger waits to be picked up, turn it down"]
        stage.until(lambda: stage.stands("linger") < 15, lambda: box.send(CC, 4, 60))
        assert stage.midi.lines() == ["midi\tnanoKONTROL2"]


def test_two_controllers_at_once(jack: Jack) -> None:
    """Two controllers work side by side, and one goes on when the other is gone."""
    with Player("Left") as left, Player("Right") as right, Stage(takeover="jump") as stage:
        stage.until(lambda: len(stage.told) == 2)
        stage.until(lambda: stage.stands("linger") == 30.0, lambda: left.send(CC, LINGER, 127))
        stage.until(lambda: stage.stands("layer") == 1.0, lambda: right.send(CC, LAYER, 127))
        left.unplug()
        stage.until(lambda: "Left is gone" in stage.told)
        stage.until(lambda: stage.stands("layer") == 0.0, lambda: right.send(CC, LAYER, 0))


def test_only_what_is_wanted_is_opened(jack: Jack) -> None:
    """With part of a name only that controller is listened to; what others of our own send is never."""
    with Player("Left"), Player("Right") as right, Stage(wanted="righ", takeover="jump") as stage:
        stage.until(lambda: stage.told == ["Right is connected"])
        with Stage() as second:
            second.until(lambda: len(second.told) == 2)
            stage.until(lambda: stage.stands("linger") == 30.0, lambda: right.send(CC, LINGER, 127))
            stage.during(0.5)
            assert stage.midi.status == "Right"
            assert sorted(second.told) == ["Left is connected", "Right is connected"]


def test_what_was_learned_is_there_at_the_next_start(jack: Jack, own_folder: Path) -> None:
    """A fader that was taught works at once, and at the next start, from the person's own file."""
    with Player("Some Box") as box:
        with Stage(takeover="jump") as stage:
            stage.until(lambda: "Some Box is connected" in stage.told)
            stage.desk.learning = "linger"
            stage.during(0.1)
            stage.until(
                lambda: stage.desk.learning is None, lambda: [box.send(CC, 99, value) for value in (10, 14, 20)]
            )
            assert stage.told[-1] == "CC 99 of Some Box now turns linger"
            stage.until(lambda: stage.stands("linger") == 30.0, lambda: box.send(CC, 99, 127))
            file = own_folder / "midi" / "some-box.toml"
            stage.until(file.exists)
        with Stage(takeover="jump") as stage:
            stage.until(lambda: "Some Box is connected" in stage.told)
            stage.until(lambda: stage.stands("linger") == pytest.approx(0.1), lambda: box.send(CC, 99, 0))


def test_a_controller_is_lit(jack: Jack) -> None:
    """The lights of a controller whose map has some show the desk, and go out when the show ends."""
    import rtmidi

    lamps = rtmidi.MidiIn(rtmidi.API_UNIX_JACK, "nanoKONTROL2 lamps")
    lamps.open_virtual_port("nanoKONTROL2")
    seen: dict[int, int] = {}

    def look() -> None:
        while (message := lamps.get_message()) is not None:
            seen[message[0][1]] = message[0][2]

    blackout, begun = 42, time.monotonic()
    try:
        with Player("nanoKONTROL2"), Stage() as stage:
            stage.until(lambda: "nanoKONTROL2 is connected" in stage.told)
            stage.desk.do("blackout", 1.0)
            stage.until(lambda: look() or seen.get(blackout) == 127)
            stage.desk.do("blackout", 0.0)
            stage.until(lambda: look() or seen.get(blackout) == 0)
            stage.desk.do("blackout", 1.0)
            stage.until(lambda: look() or seen.get(blackout) == 127)
        while seen[blackout] != 0 and time.monotonic() - begun < 30:
            look()
            time.sleep(0.02)
        assert seen
        assert not any(seen.values())
    finally:
        lamps.close_port()
        lamps.delete()


def test_a_flood_stalls_nothing(jack: Jack) -> None:
    """Ten thousand messages a second and a cable that comes out meanwhile: no refresh waits, memory stays as it is."""

    def resident() -> float:
        return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 2**20

    with Player("Flood") as flood, Stage() as stage:
        stage.until(lambda: "Flood is connected" in stage.told)
        flood.begin_flood(10_000, 3.0)
        stage.during(0.5)
        before, longest, began = resident(), 0.0, time.monotonic()
        while time.monotonic() - began < 2.8:
            start = time.thread_time()
            stage.refresh()
            longest = max(longest, time.thread_time() - start)
            time.sleep(0.03)
        sent = flood.end_flood()
        stage.during(0.3)
        assert 0.95 * sent < stage.midi.heard <= sent  # JACK itself loses some where the machine is loaded
        assert longest < 0.02
        assert resident() - before < 4
        flood.begin_flood(10_000, 1.0)
        stage.during(0.2)
        stage.midi.__exit__()
        flood.end_flood()
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("midi")]


def test_the_server_may_end_and_come_back(jack: Jack, capfd: pytest.CaptureFixture[str]) -> None:
    """A JACK server that ends takes its controllers with it and not the show; started anew, they are heard again."""
    with Stage(takeover="jump") as stage:
        with Player("Some Box"):
            stage.until(lambda: "Some Box is connected" in stage.told)
            jack.stop()
            stage.until(lambda: "Some Box is gone" in stage.told)
            stage.until(lambda: stage.midi.status == "not possible here: no JACK server")
        capfd.readouterr()
        stage.during(1.5)
        assert capfd.readouterr().err == ""  # libjack is not asked in vain
        jack.start()
        with Player("Some Box") as box:
            stage.until(lambda: stage.told[-1] == "Some Box is connected")
            stage.until(lambda: stage.stands("linger") == 30.0, lambda: box.send(CC, LINGER, 127))


def test_without_midi_the_show_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where there is no MIDI nothing is told unless a controller was asked for by name, and then once."""
    monkeypatch.setenv("JACK_DEFAULT_SERVER", "no-such-server")
    monkeypatch.setenv("MIDO_BACKEND", "mido.backends.rtmidi/UNIX_JACK")
    with Stage() as stage, Stage(wanted="nano") as named, Stage(wanted="off") as off:
        stage.until(lambda: stage.midi.status == "not possible here: no JACK server")
        named.until(lambda: named.told == ["no MIDI: no JACK server"])
        named.during(1.5)
        assert stage.told == []
        assert len(named.told) == 1
        assert off.midi.status == "off"
    assert Ports("off", lambda *_: None, print).open == ()
