"""Lights: a controller shows the desk as it is."""

import mido
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fakes import a_desk
from installation.control.midi.lights import MOST, Light, Lights, lights_of
from installation.errors import SettingsError
from installation.knobs import KNOBS
from installation.programs import Program
from installation.toml_file import TomlText


class Lamps:
    """A controller with lamps that keeps what it was sent: (channel, value) by kind and number."""

    def __init__(self):
        self.now = {}
        self.messages = 0

    def take(self, messages):
        for message in messages:
            assert isinstance(message, mido.Message)
            self.messages += 1
            if message.type == "note_on":
                self.now["note", message.note] = message.channel + 1, message.velocity
            else:
                self.now["cc", message.control] = message.channel + 1, message.value


def looked(desk, now=0.0):
    """The desk after a refresh that had time enough for every knob to arrive."""
    desk.serve(now)
    for later in range(200):
        desk.board.look(now + later)
    return desk


def programs(count=3):
    return [Light("program", n, "note", 40 + n, on=127, there=20, off=0) for n in range(1, count + 3)]


def test_only_changes_are_sent():
    """A controller is told what changed and nothing else, however often the screen is drawn."""
    desk, lights, lamps = looked(a_desk()), Lights([*programs(), Light("blackout", None, "cc", 41)]), Lamps()
    lamps.take(lights.update(desk))
    assert len(lamps.now) == lamps.messages == 6
    assert lights.update(desk) == []
    desk.do("blackout", 1)
    looked(desk)
    assert [str(message) for message in lights.update(desk)] == [
        str(mido.Message("control_change", channel=0, control=41, value=127))
    ]
    assert lights.update(desk) == []


def test_the_present_program_is_lit_and_the_others_are_dim():
    """The program that is on shines, those that could be recalled glow, empty places are out."""
    desk, lights, lamps = looked(a_desk()), Lights(programs()), Lamps()
    lamps.take(lights.update(desk))
    assert [lamps.now["note", note][1] for note in range(41, 46)] == [20, 20, 20, 0, 0]
    desk.recall(2)
    lamps.take(lights.update(desk))
    assert [lamps.now["note", note][1] for note in range(41, 46)] == [20, 127, 20, 0, 0]
    assert lamps.messages == 6
    desk.programs.put(4, Program("Four"))
    lamps.take(lights.update(desk))
    assert lamps.now["note", 44][1] == 20


def test_the_stop_that_is_dreamed_is_lit():
    """The nearest stop of the layer knob shines, also on its way; stops that the network lacks are out."""
    desk, lamps = a_desk(layer=0.0), Lamps()
    desk.network_is(("a", "b", "c"), 3)
    lights = Lights([Light("layer", n, "note", n, on=9, there=1) for n in range(1, 5)])
    for layer, values in ((0.0, [9, 1, 1, 0]), (0.2, [9, 1, 1, 0]), (0.3, [1, 9, 1, 0]), (1.0, [1, 1, 9, 0])):
        desk.board.turn("layer", layer)
        looked(desk, 300.0 * layer)
        lamps.take(lights.update(desk))
        assert [lamps.now["note", note][1] for note in range(1, 5)] == values


def test_a_program_with_layers_of_its_own_lights_no_stop():
    """While layers of the network's own are dreamed, no pad says that the layer knob is."""
    desk = a_desk(Program("Own", layers={"Mixed_6b": 1.0}), layer=0.0)
    desk.network_is(("Mixed_6b",), 3)
    light = Light("layer", 1, "note", 1, on=9, there=1)
    assert light.state(looked(desk)) == (1, 9)
    desk.recall(1)
    assert light.state(looked(desk, 1000.0)) == (1, 1)
    desk.do("layer 1")
    assert light.state(looked(desk, 2000.0)) == (1, 9)


def test_switches_cycle_and_record_show_how_they_stand():
    """A lamp says what is, also where something else than its button did it."""
    desk = a_desk()
    lamp = {name: Light(name, None, "note", 1, on=5, off=3) for name in ("freeze", "bypass", "cycle", "record")}
    assert {light.state(looked(desk))[1] for light in lamp.values()} == {3}
    desk.board.flip("freeze")
    desk.do("flip cycle")
    desk.recording = True
    looked(desk)
    assert {name: light.state(desk)[1] for name, light in lamp.items()} == {
        "freeze": 5,
        "bypass": 3,
        "cycle": 5,
        "record": 5,
    }


def test_a_ring_follows_its_knob():
    """From the low end to the high, over everything between or in the steps that the ring has."""
    desk = a_desk(zoom=-0.5)
    whole = Light("zoom", None, "cc", 1)
    steps = Light("zoom", None, "note", 1, values=(15, 13, 12, 28, 60))
    seen = []
    for zoom in (-0.5, -0.25, 0.0, 0.25, 0.5):
        desk.board.turn("zoom", zoom)
        looked(desk)
        seen.append((whole.state(desk)[1], steps.state(desk)[1]))
    assert seen == [(0, 15), (32, 13), (64, 12), (95, 28), (127, 60)]


def test_a_knob_that_waits_to_be_picked_up_is_marked():
    """A VJ sees which controls have to be moved before they take hold."""
    desk, lights, lamps = looked(a_desk()), Lights([Light("linger", None, "note", 7, on=0, waiting=2)]), Lamps()
    lamps.take(lights.update(desk))
    assert lamps.now["note", 7] == (1, 0)
    lamps.take(lights.update(desk, {"linger": object()}))
    assert lamps.now["note", 7] == (1, 2)
    lamps.take(lights.update(desk, {"zoom"}))
    assert lamps.now["note", 7] == (1, 0)


def test_brightness_may_be_the_channel():
    """On an APC mini mk2 the channel says how bright: dim while off, bright while on."""
    desk = looked(a_desk())
    light = Light("blackout", None, "note", 0, channel=1, on=5, off=5, on_channel=7)
    lights = Lights([light, Light("program", 1, "note", 1, on=21, there=21, on_channel=7, there_channel=2)])
    lamps = Lamps()
    lamps.take(lights.update(desk))
    assert lamps.now == {("note", 0): (1, 5), ("note", 1): (2, 21)}
    desk.do("blackout", 1)
    desk.recall(1)
    looked(desk)
    lamps.take(lights.update(desk))
    assert lamps.now == {("note", 0): (7, 5), ("note", 1): (7, 21)}
    pulsing = Light("zoom", None, "note", 2, channel=1, waiting=9, waiting_channel=10, on_channel=7)
    assert pulsing.state(desk, {"zoom"}) == (10, 9) and pulsing.state(desk) == (7, 64)


def test_a_controller_that_was_plugged_in_again_is_lit_again():
    """It has forgotten everything, so it is told everything."""
    desk, lights = looked(a_desk()), Lights(programs())
    first = lights.update(desk)
    assert lights.update(desk) == []
    lights.forget()
    assert lights.update(desk) == first


def test_at_the_end_every_light_goes_out():
    """Also those that glow while they are off; and if the show goes on, they come back."""
    desk = looked(a_desk())
    lights, lamps = Lights([*programs(), Light("blackout", None, "note", 0, on=5, off=5, on_channel=7)]), Lamps()
    lamps.take(lights.update(desk))
    assert lamps.now["note", 0] == (1, 5)
    lamps.take(lights.dark())
    assert len(lamps.now) == 6 and {value for _, value in lamps.now.values()} == {0}
    lamps.take(lights.update(desk))
    assert lamps.now["note", 0] == (1, 5)


def test_lively_lights_do_not_keep_others_waiting():
    """However many rings turn all the time, a lamp that changed is told within a few refreshes."""
    desk = looked(a_desk())
    lights = Lights([*(Light("hue", None, "cc", n) for n in range(MOST + 8)), Light("freeze", None, "note", 1)])
    lamps = Lamps()
    for _ in range(3):
        lamps.take(lights.update(desk))
    desk.board.flip("freeze", on=True)
    for refresh in range(3):
        desk.board.turn("hue", 30.0 * (refresh + 1))
        looked(desk)
        lamps.take(lights.update(desk))
    assert lamps.now["note", 1] == (1, 127)


DOINGS = st.lists(
    st.one_of(
        st.tuples(st.just("program"), st.integers(1, 4)),
        st.tuples(st.just("layer"), st.integers(1, 6)),
        st.tuples(
            st.sampled_from(["flip blackout", "flip freeze", "flip cycle", "panic", "forget", "wait"]), st.none()
        ),
        st.tuples(st.sampled_from(sorted(KNOBS)), st.floats(0, 1)),
    ),
    max_size=12,
)


@settings(max_examples=40, deadline=None)
@given(doings=DOINGS, pending=st.sets(st.sampled_from(sorted(KNOBS))))
def test_a_controller_comes_to_show_the_truth_and_is_never_flooded(doings, pending):
    """Whatever is done, after enough refreshes every light says what is; none brings more messages than it may."""
    lights = [
        *(Light("program", n, "note", n, there=1, there_channel=3) for n in range(1, 60)),
        *(Light("layer", n, "note", 60 + n, there=1) for n in range(1, 9)),
        *(Light(name, None, "cc", at, waiting=2, waiting_channel=9) for at, name in enumerate(KNOBS)),
        *(Light(name, None, "note", 100 + at, off=3) for at, name in enumerate(("blackout", "freeze", "cycle"))),
    ]
    desk, told, lamps, now = a_desk(), Lights(lights), Lamps(), 0.0
    for what, how in doings:
        now += 0.5
        if what == "forget":
            told.forget()
            lamps.now.clear()
        elif what in KNOBS:
            desk.do(what, KNOBS[what].low + how * (KNOBS[what].high - KNOBS[what].low))
        elif what != "wait":
            desk.do(what if how is None else f"{what} {how}")
        desk.board.look(now)
        messages = told.update(desk, pending)
        assert len(messages) <= MOST
        lamps.take(messages)
    for _ in range(-(-len(lights) // MOST) + 1):
        lamps.take(told.update(desk, pending))
    assert told.update(desk, pending) == []
    assert lamps.now == {(light.kind, light.number): light.state(desk, pending) for light in lights}


def test_lights_are_read_as_the_profile_says():
    """Every key of a light means what the documents say."""
    text = """
[[light]]
shows = "program 3"
note = 43
channel = 9
on = 60
off = 12
there = 28
there_channel = 2
[[light]]
shows = "flip blackout"
cc = 42
[[light]]
shows = "zoom"
note = 13
waiting = 63
values = [1, 2, 3]
"""
    assert lights_of(TomlText(text, "mine.toml")) == [
        Light("program", 3, "note", 43, 9, 60, 12, 28, there_channel=2),
        Light("blackout", None, "cc", 42, 1, 127, 0),
        Light("zoom", None, "note", 13, waiting=63, values=(1, 2, 3)),
    ]
    assert lights_of(TomlText('name = "no lights"', "mine.toml")) == []


@pytest.mark.parametrize(
    ("row", "line", "told"),
    [
        ('shows = "program 1"\nnote = 200', 4, "0 to 127"),
        ('shows = "program 1"\nnote = true', 4, "whole number"),
        ('shows = "programme 1"\nnote = 1', 3, "programme 1"),
        ('shows = "panic"\nnote = 1', 3, "nothing to show"),
        ('shows = "store 1"\nnote = 1', 3, "nothing to show"),
        ("shows = 1\nnote = 1", 3, "in quotes"),
        ("note = 1", 2, "shows"),
        ('shows = "zoom"', 3, "note or cc"),
        ('shows = "zoom"\nnote = 1\ncc = 2', 5, "one address"),
        ('shows = "zoom"\nnote = 1\nchannel = 0', 5, "1 to 16"),
        ('shows = "layer"\nnote = 1\nthere = 1', 5, "program N"),
        ('shows = "freeze"\nnote = 1\nwaiting = 1', 5, "for knobs"),
        ('shows = "freeze"\nnote = 1\nvalues = [1, 2]', 5, "for knobs"),
        ('shows = "zoom"\nnote = 1\nvalues = [1, 200]', 5, "0 to 127"),
        ('shows = "zoom"\nnote = 1\ncolour = 5', 5, "colour"),
        ('shows = "zoom"\nnote = 1\n[[light]]\nshows = "hue"\nnote = 1', 7, "already"),
    ],
)
def test_a_mistake_is_told_with_its_line(row, line, told):
    """Who writes a profile is told the file, the line and what is allowed."""
    with pytest.raises(SettingsError) as error:
        lights_of(TomlText(f"# mine\n[[light]]\n{row}\n", "mine.toml"))
    assert str(error.value).startswith(f"mine.toml, line {line}: ") and told in str(error.value)


def test_lights_that_are_no_list_are_told():
    """One bracket where two belong is said in so many words."""
    with pytest.raises(SettingsError, match="two brackets"):
        lights_of(TomlText('[light]\nshows = "zoom"\nnote = 1\n', "mine.toml"))
