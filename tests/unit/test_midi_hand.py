"""The MIDI hand at a desk, with controllers that are all invented: no driver, no cable, a clock moved by hand."""

import subprocess
import sys
import time
from pathlib import Path

import mido
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import midi_backend as rack
from fakes import a_desk
from installation.clock import HandClock
from installation.control.midi import Midi, ports
from installation.knobs import KNOBS
from installation.programs import Program

BOX = "Some Box"


def cc(number, value, channel=1):
    return mido.Message("control_change", control=number, value=value, channel=channel - 1)


def note(number, velocity=100):
    return mido.Message("note_on", note=number, velocity=velocity)


class Stage:
    """A desk with a MIDI hand and one controller plugged in."""

    def __init__(self, *plugged, desk=None, **options):
        self.clock, self.desk, self.told = HandClock(100.0), desk or a_desk(), []
        self.midi = Midi(event=self.told.append, clock=self.clock, **options)
        for name in plugged:
            rack.plug(name)
        self.plugged = plugged

    def __enter__(self):
        self.midi.__enter__()
        for name in self.plugged:
            self.until(lambda name=name: f"{name} is connected" in self.told)
        return self

    def __exit__(self, *_):
        self.midi.__exit__()

    def refresh(self, seconds=0.03):
        self.clock.sleep(seconds)
        self.desk.serve(self.clock.now())
        self.midi.reach(self.desk)
        return self.desk.board.look(self.clock.now())

    def until(self, true):
        deadline = time.monotonic() + 5
        while not true():
            assert time.monotonic() < deadline, (self.told, self.midi.status)
            time.sleep(0.005)
            self.refresh()

    def play(self, *messages, name=BOX):
        rack.play(name, *messages)
        return self.refresh()

    def stands(self, name):
        return self.desk.board.standing(name)


@pytest.fixture(autouse=True)
def invented(monkeypatch, tmp_path):
    monkeypatch.setenv("MIDO_BACKEND", "midi_backend")
    monkeypatch.setenv("DREAMWALL_CONFIG", str(tmp_path))
    monkeypatch.setattr(ports, "LOOK", 0.01)
    monkeypatch.setattr(ports, "SEARCH", 0.01)
    rack.reset()
    yield
    rack.reset()


def test_a_fader_is_picked_up_and_turns_its_knob():
    """A fader moves nothing until it passes where the knob stands, the HUD says which way, then it has it."""
    with Stage(BOX) as stage:
        stage.play(cc(23, 100))
        assert stage.stands("linger") == 2.5
        assert stage.midi.lines() == [f"midi\t{BOX}; linger waits to be picked up, turn it down"]
        stage.play(cc(23, 5))
        assert stage.stands("linger") == pytest.approx(0.1 + 29.9 * 5 / 128)
        stage.play(cc(23, 127))
        assert stage.stands("linger") == 30.0
        stage.desk.do("linger", 10.0)
        stage.refresh()
        stage.play(cc(23, 126))
        assert stage.stands("linger") == 10.0


def test_jump_sets_a_knob_at_once():
    """With --takeover jump there is nothing to pick up."""
    with Stage(BOX, takeover="jump") as stage:
        stage.play(cc(23, 127))
        assert stage.stands("linger") == 30.0


def test_pads_pedals_and_program_changes():
    """The generic map at work: layers, programs, a pedal that freezes while it is down, panic."""
    with Stage(BOX) as stage:
        stage.play(note(41))
        assert stage.stands("layer") == 1.0
        assert stage.play(cc(64, 127)).freeze
        assert not stage.play(cc(64, 0)).freeze
        stage.play(mido.Message("program_change", program=1))
        assert stage.desk.program == 2
        stage.desk.do("blackout", 1)
        assert not stage.play(cc(123, 0)).blackout
        stage.play(mido.Message("program_change", program=100))
        assert stage.desk.told == ["there is no program 101; there are 3"]


def test_a_held_pad_stores_and_a_short_press_recalls():
    """Held for a second a pad keeps the look, once; let go before that, it brings it back."""
    with Stage(BOX) as stage:
        stage.play(note(53))
        assert stage.desk.program is None
        stage.play(note(53, 0))
        assert stage.desk.program == 2
        stage.desk.do("linger", 7.0)
        stage.play(note(52))
        stage.refresh(0.9)
        assert stage.desk.programs.get(1).knobs == {}
        stage.refresh(0.2)
        assert stage.desk.programs.get(1).knobs["linger"] == 7.0
        stage.desk.do("linger", 9.0)
        stage.refresh(2.0)
        stage.play(note(52, 0))
        assert stage.desk.programs.get(1).knobs["linger"] == 7.0
        assert stage.stands("linger") == 9.0


def test_a_quick_button_is_not_missed():
    """A button that is pressed and let go between two refreshes was pressed; one that is held acts once."""
    with Stage(BOX) as stage:
        stage.desk.learning = "bypass"
        stage.play(cc(99, 127), cc(99, 0))
        stage.refresh()
        assert stage.play(cc(99, 127), cc(99, 0)).bypass
        assert not stage.play(cc(99, 127)).bypass
        assert not stage.play(cc(99, 127)).bypass
        assert not stage.play(cc(99, 0)).bypass
        assert stage.play(cc(99, 0), cc(99, 127)).bypass


def test_what_is_held_is_let_go_when_the_cable_comes_out():
    """A freeze whose pedal is gone ends; the controller's pads are no longer held, so nothing is stored."""
    with Stage(BOX) as stage:
        assert stage.play(cc(64, 127), note(52)).freeze
        rack.unplug(BOX)
        stage.until(lambda: f"{BOX} is gone" in stage.told)
        assert not stage.refresh(2.0).freeze
        assert stage.desk.programs.get(1).knobs == {}


def test_after_an_unplug_nothing_jumps():
    """A fader that had hold before the cable came out has to be picked up anew when it is back."""
    with Stage(BOX) as stage:
        stage.play(cc(23, 0))
        stage.play(cc(23, 64))
        assert stage.stands("linger") == pytest.approx(15.05)
        rack.unplug(BOX)
        stage.until(lambda: f"{BOX} is gone" in stage.told)
        rack.plug(BOX)
        stage.until(lambda: stage.told.count(f"{BOX} is connected") == 2)
        stage.play(cc(23, 120))
        assert stage.stands("linger") == pytest.approx(15.05)


def test_two_of_a_model_work_side_by_side():
    """Two controllers with one name under ALSA are told apart."""
    with Stage() as stage:
        for name in ("Box:Box MIDI 1 24:0", "Box:Box MIDI 1 28:0"):
            rack.plug(name)
        stage.until(lambda: len(stage.told) == 2)
        assert stage.told == ["Box is connected", "Box (2) is connected"]
        stage.play(note(36), name="Box:Box MIDI 1 24:0")
        assert stage.stands("layer") == 0.0
        stage.play(note(41), name="Box:Box MIDI 1 28:0")
        assert stage.stands("layer") == 1.0


def test_what_nobody_wants_is_not_opened():
    """The loop that ALSA makes and our own ports are never opened; nor is what does not have the name asked for."""
    for name in ("Midi Through:Midi Through Port-0 14:0", "Dreamwall:out 130:0", "Dreamwall-01:in", BOX, "Other"):
        rack.plug(name)
    with Stage(wanted="some b") as stage:
        stage.until(lambda: stage.told)
        stage.refresh()
        assert stage.told == [f"{BOX} is connected"]
    with Stage(wanted="none of these") as stage:
        stage.until(lambda: stage.told)
        time.sleep(0.1)
        assert stage.told == [f"no MIDI port has 'none of these' in its name; there are: {BOX}, Other"]
    with Stage() as stage:
        stage.until(lambda: len(stage.told) == 2)
        assert stage.midi.status == f"{BOX}, Other"


def test_a_port_that_somebody_else_has_is_tried_again():
    """A port that cannot be opened is told once, and opened when it can be."""
    rack.refuse.add(BOX)
    rack.plug(BOX)
    with Stage() as stage:
        stage.until(lambda: stage.told)
        time.sleep(0.1)
        assert stage.told == [f"{BOX} cannot be opened: somebody else has it"]
        rack.refuse.clear()
        stage.until(lambda: stage.told[-1] == f"{BOX} is connected")


def test_lights_follow_the_desk_and_go_out():
    """A profile's lights are sent where they changed, at most ten times a second, and put out at the end."""
    name = "nanoKONTROL2"
    rack.plug(name, lights=True)
    with Stage() as stage:
        stage.until(lambda: rack.sent.get(name))
        time.sleep(0.05)
        rack.sent[name].clear()
        stage.desk.do("blackout", 1)
        stage.refresh()
        stage.refresh(0.2)
        stage.until(lambda: rack.sent[name])
        (message,) = rack.sent[name]
        assert (message.control, message.value) == (42, 127)
        assert stage.play(message, name=name).blackout  # an echo is no press
        stage.play(cc(42, 0), name=name)
        stage.refresh(0.5)
        assert not stage.play(cc(42, 127), name=name).blackout
        rack.sent[name].clear()
    assert {message.value for message in rack.sent[name]} == {0}
    assert len(rack.sent[name]) > 20


def test_learning_binds_at_once_and_for_good(tmp_path):
    """Taught once, a control does it now and at the next start; it can be turned round, and comments stay."""
    with Stage(BOX, takeover="jump") as stage:
        stage.desk.learning = "linger"
        stage.play(cc(23, 60, channel=2), cc(99, 10))
        assert stage.desk.learning == "linger"
        assert stage.midi.lines()[-1] == "learn\tmove a control for linger"
        assert stage.stands("linger") == 2.5
        stage.play(cc(99, 40))
        assert stage.desk.learning is None
        assert stage.told[-1] == f"CC 99 of {BOX} now turns linger"
        stage.play(cc(99, 127))
        assert stage.stands("linger") == 30.0
        file = tmp_path / "midi" / "some-box.toml"
        stage.until(file.exists)
        file.write_text(file.read_text() + "# mine\n")
        stage.midi.adjust("invert")
        stage.refresh()
        assert stage.told[-1] == f"CC 99 of {BOX} turns linger: absolute, turned round"
        stage.until(lambda: "invert = true" in file.read_text())
        assert "# mine" in file.read_text()
        stage.play(cc(99, 127))
        assert stage.stands("linger") == pytest.approx(0.1)
    with Stage(BOX, takeover="jump") as stage:
        stage.until(lambda: stage.midi.status == BOX)
        stage.play(cc(99, 0))
        assert stage.stands("linger") == 30.0


def test_a_learned_pad_switches_or_holds():
    """A pad switches over; asked to, it is on while it is held; what triggers has one way only."""
    with Stage(BOX) as stage:
        stage.midi.adjust("mode")
        stage.refresh()
        assert stage.told[-1] == "nothing was learned yet"
        stage.desk.learning = "bypass"
        assert not stage.play(note(90)).bypass
        stage.play(note(90, 0))
        assert stage.play(note(90), note(90, 0)).bypass
        assert not stage.play(note(90), note(90, 0)).bypass
        stage.midi.adjust("mode")
        stage.refresh()
        assert stage.told[-1] == f"note 90 of {BOX} does bypass: momentary"
        assert stage.play(note(90)).bypass
        assert not stage.play(note(90, 0)).bypass
    with pytest.raises(ValueError, match="neither invert nor mode"):
        stage.midi.adjust("colour")


def test_nothing_is_learned_in_kiosk_mode():
    """Where nobody is in charge a visitor cannot teach the controller, and no pad stores a program."""
    with Stage(BOX, desk=a_desk(kiosk=True)) as stage:
        stage.desk.learning = "linger"
        stage.play(cc(99, 10), cc(99, 90))
        assert stage.desk.learning is None
        assert stage.told[-1] == "nothing is learned in kiosk mode"
        stage.play(note(52))
        stage.refresh(1.1)
        assert stage.desk.programs.get(1).knobs == {}


def test_what_cannot_be_written_lasts_until_the_end(tmp_path):
    """On a disk that cannot be written what was learned works all the same, and it is said why it will be gone."""
    (tmp_path / "midi").write_text("a file where a folder should be")
    with Stage(takeover="jump") as stage:
        rack.plug(BOX)
        stage.until(lambda: f"{BOX} is connected" in stage.told)
        stage.desk.learning = "linger"
        stage.play(cc(99, 10), cc(99, 40))
        stage.play(cc(99, 127))
        assert stage.stands("linger") == 30.0
        stage.until(lambda: stage.told[-1].startswith("what was learned lasts until the show ends"))


def test_a_bend_wheel_needs_no_pickup_and_rests():
    """A bend wheel turns zoom from the first touch, and let go leaves it exactly at rest."""
    with Stage(BOX) as stage:
        stage.play(mido.Message("pitchwheel", pitch=8191))
        assert stage.stands("zoom") == 0.5
        stage.play(mido.Message("pitchwheel", pitch=20))
        assert stage.stands("zoom") == 0.0


def test_importing_opens_nothing():
    """Importing the hand brings no driver, starts no thread and needs no MIDI."""
    code = (
        "import installation.control.midi, sys, threading; assert 'rtmidi' not in sys.modules; "
        "assert threading.active_count() == 1; assert 'torch' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True, cwd=Path(__file__).parents[2])


@pytest.mark.parametrize("backend", ["no.such.backend", "mido.backends.rtmidi/NO_SUCH_API", "json"])
def test_a_backend_that_is_not_there_is_no_error(monkeypatch, backend):
    """A MIDO_BACKEND that does not exist is told when a controller was asked for; the show goes on."""
    monkeypatch.setenv("MIDO_BACKEND", backend)
    with Stage(wanted="box") as stage:
        stage.until(lambda: stage.told)
        stage.refresh()
        assert len(stage.told) == 1
        assert stage.midi.status != "looking for controllers"


def test_off_is_off():
    """With --midi off nothing is opened and no thread runs."""
    rack.plug(BOX)
    with Stage(wanted="off") as stage:
        time.sleep(0.05)
        stage.refresh()
        assert (stage.told, stage.midi.status) == ([], "off")


def test_it_may_be_left_twice_and_entered_again():
    """Leaving is harmless twice, and a hand that was left can work again."""
    with Stage(BOX) as stage:
        stage.midi.__exit__()
        stage.midi.__exit__()
        stage.told.clear()
        stage.midi.__enter__()
        stage.until(lambda: f"{BOX} is connected" in stage.told)
        stage.play(note(41))
        assert stage.stands("layer") == 1.0


@settings(max_examples=8, deadline=None)
@given(st.randoms(use_true_random=False))
def test_noise_never_fails_nor_leaves_the_range(chance):
    """Hundreds of random messages through every part of the hand: nothing is raised, every knob stays in range."""
    rack.reset()
    with Stage(BOX, desk=a_desk(Program("One"), Program("Two", {"zoom": 0.4}))) as stage:
        for _ in range(10):
            messages = []
            for _ in range(60):
                kind = chance.choice((0x80, 0x90, 0xB0, 0xB0, 0xC0, 0xD0, 0xE0)) | chance.randrange(16)
                data = [chance.choice((0, 1, 64, 127, chance.randrange(128))) for _ in range(2)]
                messages.append([kind, *data][: 2 if kind & 0xF0 in {0xC0, 0xD0} else 3])
            look = stage.play(*messages)
            for name, knob in KNOBS.items():
                assert knob.low <= getattr(look, name) <= knob.high
        assert stage.midi.heard == 600
