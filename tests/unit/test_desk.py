"""The desk: what every hand can do, by name."""

import threading

import pytest

from fakes import a_desk
from installation.actions import ACTIONS, NUMBERED, action_of
from installation.errors import SettingsError
from installation.knobs import KNOBS, SWITCHES
from installation.programs import Program, Programs

TWO = (
    Program("Low", {"layer": 0.1, "linger": 9.0}, fade=2),
    Program("High", {"layer": 0.9}, {"deep": 2.0, "other": 2.0}),
)


def after(desk, seconds=100.0):
    desk.serve(desk.now)
    desk.board.look(desk.now)
    desk.serve(desk.now + seconds)
    return desk.board.look(desk.now)


def test_every_action_has_a_help_line_and_can_be_written():
    """Whatever a map or the page may bind is declared once, with what it does."""
    for name in [*ACTIONS, *(f"{name} 2" for name in NUMBERED), *(f"flip {name}" for name in SWITCHES), "flip cycle"]:
        assert action_of(name)[0].help
    assert set(KNOBS) | set(SWITCHES) <= set(ACTIONS)


@pytest.mark.parametrize(
    "wrong", ["", "intensty", "program", "program 0", "program x", "flip intensity", "intensity 3"]
)
def test_an_unknown_action_is_refused_with_what_there_is(wrong):
    """A typing mistake in a map names the actions there are."""
    with pytest.raises(SettingsError, match=r"there is no action.*intensity.*program NUMBER"):
        action_of(wrong)


def test_knobs_switches_and_their_turning_over():
    """A knob goes to its value, a switch on, off and over."""
    desk = a_desk()
    desk.do("intensity", 0.5)
    desk.do("blackout", 1)
    desk.do("flip freeze")
    look = after(desk)
    assert look.intensity == 0.5 and look.blackout and look.freeze
    desk.do("flip blackout")
    desk.do("freeze", 0)
    look = after(desk)
    assert not look.blackout and not look.freeze


def test_a_program_is_whole():
    """What a program does not name goes where the show began, so that it looks the same whatever was before; the room's
    brightness stays.
    """
    desk = a_desk(*TWO, saturation=0.5)
    desk.board.look(0)
    desk.do("hue", 90)
    desk.do("brightness", 0.3)
    desk.do("program 1")
    look = after(desk)
    assert (look.layer, look.linger, look.hue, look.saturation, look.brightness) == (0.1, 9.0, 0.0, 0.5, 0.3)
    assert desk.program == 1 and [(r.number, r.name, r.fade) for r in desk.recalls] == [(1, "Low", 2)]


def test_layers_of_a_program_come_once_the_network_is_known():
    """A program that was on before the network had loaded gets its layers when it has: those there are."""
    desk = a_desk(*TWO)
    desk.do("program 2")
    assert after(desk).mixture == ()
    desk.network_is(["shallow", "deep"], stops=3)
    assert after(desk).mixture == (("deep", 1.0),)
    desk.do("program 1")
    assert after(desk).mixture == ()


def test_programs_in_turn():
    """Next and previous go round the list; a number that is not there is an event and changes nothing."""
    desk = a_desk(*TWO)
    seen = []
    for action in ("next program", "next program", "next program", "previous program", "program 7"):
        desk.do(action)
        seen.append(desk.program)
    assert seen == [1, 2, 1, 2, 2] and "there is no program 7" in desk.told[-1]


def test_layer_stops():
    """Pads for layers go to the stops of the ladder, as many as there are."""
    desk = a_desk()
    desk.network_is(["a", "b", "c"], stops=3)
    for number, layer in ((1, 0.0), (2, 0.5), (3, 1.0), (9, 1.0)):
        desk.do(f"layer {number}")
        assert after(desk).layer == layer


def test_letting_go_of_a_pad_does_nothing():
    """A trigger acts when it is pressed and not again when it is let go."""
    desk = a_desk(*TWO)
    desk.do("program 1", 0)
    desk.do("flip blackout", 0)
    assert desk.program is None and not after(desk).blackout


def test_panic():
    """Everything back to where the show began, within a second."""
    desk = a_desk(*TWO, linger=4.0)
    desk.network_is(["deep"], 2)
    desk.do("program 2")
    desk.do("blackout", 1)
    desk.do("cycle", 1)
    after(desk)
    desk.do("panic")
    look = after(desk, 1.0)
    assert look.linger == 4.0 and not look.blackout and look.mixture == () and not desk.cycling


def test_storing_from_the_stage(tmp_path):
    """The look as it stands becomes the program, under its old name or a new one, and is in the file."""
    desk = a_desk(*TWO)
    desk.programs = Programs(TWO, tmp_path / "mine.toml", '[[program]]\nname = "Low"\n[[program]]\nname = "High"\n')
    desk.do("hue", 45)
    after(desk)
    desk.do("store 2")
    desk.do("store 8")
    for thread in threading.enumerate():
        if thread.name == "store-program":
            thread.join(10)
    rows = Programs.load(tmp_path / "mine.toml").rows
    assert [row.name for row in rows] == ["Low", "High", "Stored 8"]
    assert rows[1].knobs["hue"] == rows[2].knobs["hue"] == 45 and "brightness" not in rows[2].knobs
    assert any("is stored in" in line for line in desk.told) and desk.program == 3


def test_a_program_that_cannot_be_written_is_kept(tmp_path):
    """A full or read-only disk costs the file, not the program and not the show."""
    desk = a_desk(*TWO)
    (tmp_path / "file").touch()
    desk.programs = Programs(TWO, tmp_path / "file" / "mine.toml")
    desk.do("store 1")
    for thread in threading.enumerate():
        if thread.name == "store-program":
            thread.join(10)
    assert "cannot be written" in desk.told[-1]


def test_in_kiosk_mode_nothing_is_kept():
    """Storing, snapshots and recording are refused, whichever hand asks."""
    desk = a_desk(*TWO, kiosk=True)
    done = []
    desk.on("snapshot", done.append)
    desk.on("record", done.append)
    for action in ("store 1", "snapshot", "record", "flip record"):
        desk.do(action)
    assert done == [] and len(desk.told) == 4 and all("kiosk" in line for line in desk.told)


def test_services():
    """What the show can keep is asked for by name; where it cannot, that is said."""
    desk = a_desk()
    done = []
    desk.on("snapshot", done.append)
    desk.do("snapshot")
    desk.do("record", 1)
    assert done == [1.0] and "not possible" in desk.told[-1]


def test_posting_from_other_threads():
    """What other threads leave is done at the next refresh, in order; an action that is not there is refused."""
    desk = a_desk(*TWO)
    with pytest.raises(SettingsError):
        desk.post("nonsense")
    desk.post("program 1")
    desk.post("layer", 0.4)
    assert desk.program is None
    assert after(desk).layer == 0.4 and desk.program == 1


def test_recalls_are_told_in_seconds_of_the_show():
    """The report's times begin with the show, whatever the machine's clock says."""
    desk = a_desk(*TWO)
    for now, number in ((5000.0, 1), (5012.5, 2)):
        desk.serve(now)
        desk.do(f"program {number}")
    assert [recall.time for recall in desk.recalls] == [0.0, 12.5]


def test_a_look_stored_before_the_network_is_known():
    """Storing at once, before any program was recalled and while the network still loads, does not end the show."""
    desk = a_desk(*TWO)
    desk.do("store 2")
    desk.network_is(["deep"], stops=2)
    assert desk.program == 2 and after(desk).mixture == ()
