"""The monitor: a VJ sees what a controller sends and what that does."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from installation.clock import WallClock
from installation.control.midi.binding import bind
from installation.control.midi.map import Map, generic
from installation.control.midi.monitor import LINES, Slowly, listing, monitor
from installation.control.midi.telling import doing, told
from installation.errors import SettingsError

GENERIC = Map((generic(),))


class Box:
    """A driver with ports that are plugged in by naming them; what they send is in ``sends``, by name."""

    name = "Box"

    def __init__(self, *names, refuses=(), broken=False):
        self.names, self.refuses, self.broken = list(names), refuses, broken
        self.sends = {name: [] for name in names}
        self.closed = 0

    def alive(self):
        return True

    def inputs(self):
        if self.broken:
            raise OSError("the box is broken")
        return list(self.names)

    outputs = inputs

    def identity(self, name):
        return None

    def open_input(self, name):
        if name in self.refuses:
            raise OSError("somebody else has it")
        return Ends(self.sends.setdefault(name, []))

    def open_output(self, name):
        return Ends([])

    def close(self):
        self.closed += 1


class Ends:
    def __init__(self, waiting):
        self.waiting = waiting

    def read(self, most):
        found = self.waiting[:most]
        del self.waiting[:most]
        return found

    def send(self, message):
        pass

    def close(self):
        pass


@pytest.fixture(autouse=True)
def own(tmp_path, monkeypatch):
    """The person's own folder, empty."""
    monkeypatch.setenv("DREAMWALL_CONFIG", str(tmp_path))
    (tmp_path / "midi").mkdir()
    return tmp_path / "midi"


def no_driver():
    raise OSError("there is no sequencer")


@pytest.mark.parametrize(
    ("message", "line"),
    [
        ([0xB0, 20, 64], "CC 20, channel 1, value 64: turns layer to 0.5"),
        ([0xB2, 23, 64], "CC 23, channel 3, value 64: turns linger to 15 s"),
        ([0xB0, 99, 5], "CC 99, channel 1, value 5: nothing is bound to it"),
        ([0xB0, 64, 127], "CC 64, channel 1, value 127: puts freeze on"),
        ([0xB0, 64, 0], "CC 64, channel 1, value 0: puts freeze off"),
        ([0xB0, 123, 0], "CC 123, channel 1, value 0: does panic"),
        ([0x90, 36, 100], "note 36, channel 1, velocity 100: does layer 1"),
        ([0x80, 36, 64], "note 36, channel 1, let go: let go"),
        ([0x90, 36, 0], "note 36, channel 1, let go: let go"),
        (
            [0x90, 52, 9],
            "note 52, channel 1, velocity 9: does program 1 if it is let go within a second, otherwise store 1",
        ),
        ([0x90, 3, 9], "note 3, channel 1, velocity 9: nothing is bound to it"),
        ([0xC0, 4], "program change 4, channel 1: does program 5"),
        ([0xE0, 0, 64], "bend wheel, channel 1, value 8192: turns zoom to 0 1/s"),
        ([0xEF, 127, 127], "bend wheel, channel 16, value 16383: turns zoom to 0.5 1/s"),
        ([0xD1, 5], "aftertouch, channel 2: nothing listens to it"),
        ([0xFA], "start: nothing listens to it"),
        ([0xB0, 200, 1], "no MIDI: B0 C8 01"),
        ([0x90], "no MIDI: 90"),
        ([], "no MIDI: "),
    ],
)
def test_each_message_is_a_line_that_can_be_read(message, line):
    """What it was, on which channel, and what it does; also when it does nothing or is no MIDI."""
    assert told(message, GENERIC) == line


@pytest.mark.parametrize(
    ("binding", "value", "does"),
    [
        (bind("cc", 1, None, "zoom", "relative"), 1, "turns zoom by +0.01 1/s"),
        (bind("cc", 1, None, "zoom", "relative"), 126, "turns zoom by -0.02 1/s"),
        (bind("cc", 1, None, "zoom", "relative offset", invert=True), 65, "turns zoom by -0.01 1/s"),
        (bind("cc", 1, None, "hue", low=0.0, high=90.0, invert=True), 0, "turns hue to 90 deg"),
        (bind("cc", 1, None, "blackout"), 127, "does flip blackout"),
        (bind("cc", 1, None, "blackout"), 0, "let go"),
        (bind("cc", 1, None, "blackout", invert=True), 127, "pressed"),
        (bind("cc", 1, None, "blackout", invert=True), 0, "does flip blackout"),
        (bind("cc", 1, None, "blackout", "momentary", invert=True), 0, "puts blackout on"),
        (bind("cc", 1, None, "nothing"), 127, "does nothing, as its map says"),
    ],
)
def test_modes_are_told_as_they_act(binding, value, does):
    """Endless knobs, buttons that hold and controls that are turned round are told as what they do."""
    assert doing(binding, "cc", 1, value) == does


@given(st.lists(st.integers(0, 255), max_size=5))
def test_nothing_that_comes_in_stops_the_monitor(message):
    """A broken cable sends anything; it is a line like any other."""
    assert "\n" not in told(message, GENERIC) and ": " in told(message, GENERIC)


def test_a_flood_is_counted_and_not_printed():
    """A fader that sends hundreds of messages a second leaves a page that can be read, and none is forgotten."""
    lines = []
    slowly = Slowly(lines.append)
    for number in range(3000):
        slowly.say(f"line {number}", 10.0 + number / 1000)
    slowly.rest(13.0)
    counted = [int(found[1]) for line in lines if (found := re.fullmatch(r"… and (\d+) more", line))]
    printed = [line for line in lines if line.startswith("line")]
    assert len(printed) == 3 * LINES and len(printed) + sum(counted) == 3000
    slowly.say("later", 14.0)
    assert lines[-1] == "later"


def run(box, seconds=0.5, find=None):
    """What the monitor says in a second or so of the wall's time."""
    lines = []
    monitor(lines.append, seconds, find=find or (lambda: box))
    return lines


def test_the_monitor_names_the_controller_and_ends_by_itself():
    """With ``--seconds`` it ends; every line says which controller it was, by the name people know it by."""
    box = Box("nanoKONTROL2:nanoKONTROL2 _ CTRL 20:0")
    box.sends[box.names[0]] = [[0xB0, 42, 127], [0xB0, 2, 127], [0xB0, 20, 3]]
    lines = run(box)
    assert lines[1:] == [
        "nanoKONTROL2 is connected",
        "nanoKONTROL2: CC 42, channel 1, value 127: does flip blackout",
        "nanoKONTROL2: CC 2, channel 1, value 127: turns octaves to 5",
        "nanoKONTROL2: CC 20, channel 1, value 3: does nothing, as its map says",
    ]
    assert box.closed == 1


def test_a_long_flood_ends_with_the_count():
    """What was not printed when the monitor ends is counted, too."""
    box = Box("Keys")
    box.sends["Keys"] = [[0xB0, 20, value % 128] for value in range(1000)]
    lines = run(box, 0.3)
    assert sum("Keys: CC 20" in line for line in lines) == LINES
    assert lines[-1] == f"… and {1000 - LINES} more"


class Script(WallClock):
    """Between two looks of the monitor it takes the next step as soon as that is due, and then presses Ctrl+C.

    ``steps``: what to wait for, a part of a line, and what to do then.
    """

    def __init__(self, lines, *steps):
        self.lines, self.steps = lines, list(steps)
        self.deadline = self.now() + 10

    def sleep(self, seconds):
        super().sleep(0.005)
        if not self.steps or self.now() > self.deadline:
            raise KeyboardInterrupt
        part, do = self.steps[0]
        if any(part in line for line in self.lines):
            self.steps.pop(0)
            do()


def test_a_controller_may_come_and_go_while_one_looks():
    """What is new is listened to, what is gone is said, and Ctrl+C ends it with no word and no open port."""
    box, lines = Box(), []

    def plug():
        box.sends["Keys"] = [[0xB0, 20, 127]]
        box.names.append("Keys")

    clock = Script(lines, ("is shown", plug), ("turns layer", box.names.clear), ("is gone", list))
    monitor(lines.append, find=lambda: box, clock=clock)
    assert lines[1:] == [
        "Keys is connected",
        "Keys: CC 20, channel 1, value 127: turns layer to 1",
        "Keys is gone",
    ]
    assert box.closed == 1


def test_without_midi_the_monitor_waits_and_says_why_in_the_listing():
    """No sequencer is no crash: the listing gives the reason, the monitor goes on looking for one."""
    assert listing(no_driver) == ["no MIDI: there is no sequencer"]
    assert len(run(None, 0.1, find=no_driver)) == 1


def test_the_listing_says_what_answers_every_port(own):
    """Driver, inputs, outputs; the profile and one's own files, in the order in which they lie over each other."""
    (own / "nanokontrol2.toml").write_text('name = "nanoKONTROL2"\nmatch = "nanoKONTROL2"\n', encoding="utf-8")
    (own / "all.toml").write_text('name = "all"\nmatch = "."\n', encoding="utf-8")
    (own / "bad.toml").write_text('name = "bad"\nmatch = "("\n', encoding="utf-8")
    korg = "nanoKONTROL2:nanoKONTROL2 _ CTRL 20:0"
    box = Box("Midi Through:Midi Through Port-0 14:0", korg, "Keys", "Taken", refuses=("Taken",))
    lines = listing(lambda: box)
    assert lines[:5] == [
        "MIDI through Box",
        "  in   Midi Through:Midi Through Port-0 14:0: not listened to",
        f"  in   {korg}: nanokontrol2.toml, over all.toml, over the profile nanoKONTROL2, over the general map",
        "  in   Keys: all.toml, over the general map",
        "  in   Taken: not listened to",
    ]
    assert f"  out  {korg}: 28 lights" in lines
    assert "  out  Keys: nothing is sent there" in lines
    assert "  Taken cannot be opened: somebody else has it" in lines
    assert any(str(own / "all.toml") in line for line in lines)
    assert any("bad.toml, line 2" in line and "regular expression" in line for line in lines)
    assert box.closed == 1


def test_an_empty_table_is_said():
    """With nothing plugged in, that is the first line."""
    assert listing(Box) == ["MIDI through Box; no controller is plugged in"]
    assert listing(lambda: Box(broken=True)) == ["MIDI through Box: the box is broken"]


def test_a_wrong_map_of_ones_own_stops_the_monitor(own):
    """It would say the wrong things; file and line are told."""
    (own / "bad.toml").write_text('name = "bad"\nmatch = "x"\n[[control]]\ncc = 300\ndoes = "hue"\n', encoding="utf-8")
    with pytest.raises(SettingsError, match=r"bad\.toml, line 4"):
        run(Box())
