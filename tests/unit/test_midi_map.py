"""Maps of controllers: what ships, what a person writes, and what is beneath."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from installation.actions import action_of
from installation.control.midi.binding import MODES, bind, profile_of
from installation.control.midi.map import Maps, generic, shipped_profiles, slug
from installation.errors import SettingsError
from installation.knobs import KNOBS
from installation.toml_file import TomlText

HEAD = 'name = "Box"\nmatch = "some ?box"\n'


def profile(text, name="box.toml", stem=""):
    return profile_of(TomlText(HEAD + text, name), stem)


def control(*lines):
    return "[[control]]\n" + "\n".join(lines) + "\n"


def test_the_generic_map_is_made_from_the_declarations():
    """Every knob with a control change is in it, a pedal freezes, pads are layers and programs, on any channel."""
    layer = generic()
    for name, knob in KNOBS.items():
        if knob.cc is not None:
            binding = layer["cc", None, knob.cc]
            assert (binding.does, binding.low, binding.high) == (name, knob.low, knob.high)
    assert layer["pitch", None, 0].does == "zoom"
    assert (layer["cc", None, 64].does, layer["cc", None, 64].mode) == ("freeze", "momentary")
    assert layer["program", None, 0].does == "program"
    assert [layer["note", None, note].does for note in range(36, 52)] == [f"layer {n}" for n in range(1, 17)]
    assert [layer["note", None, note].does for note in range(52, 60)] == [f"program {n}" for n in range(1, 9)]
    assert [layer["note", None, note].hold for note in range(52, 60)] == [f"store {n}" for n in range(1, 9)]
    assert layer["cc", None, 120].does == layer["cc", None, 123].does == "panic"


def test_every_binding_that_ships_is_a_valid_action():
    """No control of the generic map or of a profile does something that does not exist."""
    rows = [*generic().values(), *(row for found in shipped_profiles() for row in found.controls)]
    assert len(rows) > 100
    for row in rows:
        assert row.mode in MODES[row.acts]
        if row.acts == "numbered":
            action_of(f"{row.does} 1")
        elif row.acts != "nothing":
            action_of(row.does)
        if row.hold is not None:
            action_of(row.hold)


@pytest.mark.parametrize(
    ("port", "name"),
    [
        ("nanoKONTROL2:nanoKONTROL2 MIDI 1 24:0", "nanoKONTROL2"),
        ("nanoKONTROL2 0", "nanoKONTROL2"),
        ("nanoKONTROL2 SLIDER/KNOB", "nanoKONTROL2"),
        ("APC mini mk2:APC mini mk2 Control 28:0", "APC mini mk2"),
        ("Launch Control XL:Launch Control XL MIDI 1 20:0", "Launch Control XL"),
    ],
)
def test_profiles_are_found_by_the_names_that_systems_give(port, name):
    """A controller's profile is found under ALSA, JACK, Windows and macOS."""
    assert [found.name for found in shipped_profiles() if found.fits(port)] == [name]


def test_a_person_s_own_map_lies_over_the_profile_and_that_over_the_generic_one():
    """The first layer that knows a control says: what was learned, the own files, what ships, the generic map."""
    ships = profile(control("cc = 1", 'does = "linger"') + control("cc = 2", 'does = "zoom"', "channel = 3"))
    own = profile(
        control("cc = 2", 'does = "hue"', "channel = 3") + control("cc = 7", 'does = "nothing"'), stem="some-box"
    )
    maps = Maps([ships], [own], folder=None)
    plan = maps.of("Some Box 24:0", "Some Box")
    assert plan.of("cc", 1, 1).does == "linger"
    assert plan.of("cc", 3, 2).does == "hue"
    assert plan.of("cc", 4, 2) is None
    assert plan.of("cc", 1, 7).does == "nothing"
    assert plan.of("cc", 9, 20).does == "layer"
    plan = maps.learn("Some Box", bind("cc", 1, 5, "hue"), plan)
    assert (plan.of("cc", 5, 1).does, plan.of("cc", 6, 1).does) == ("hue", "linger")
    assert maps.of("Some Box 24:0", "Some Box").of("cc", 5, 1).does == "hue"
    assert maps.of("Other 24:0", "Other").of("cc", 5, 1).does == "intensity"


def test_what_was_learned_on_a_controller_is_above_its_owner_s_other_files():
    """Of several own files that fit a port the one that learning writes says."""
    other = profile(control("cc = 1", 'does = "zoom"'), stem="zzz")
    own = profile(control("cc = 1", 'does = "hue"'), stem="some-box")
    for order in ([other, own], [own, other]):
        assert Maps([], order, folder=None).of("Some Box", "Some Box").of("cc", 1, 1).does == "hue"


def test_a_full_control_is_read_as_it_is_written():
    """Every word of the format arrives."""
    (row,) = profile(
        control(
            "cc = 16", "channel = 2", 'does = "layer"', "low = 0.2", "high = 0.8", "invert = true", 'takeover = "jump"'
        )
    ).controls
    assert (row.address, row.does, row.low, row.high) == (("cc", 2, 16), "layer", 0.2, 0.8)
    assert (row.invert, row.takeover, row.mode) == (True, "jump", "absolute")
    assert (row.value(0.0), row.value(1.0)) == (pytest.approx(0.8), pytest.approx(0.2))
    rows = profile(
        control("note = 36", 'does = "program 1"', 'hold = "store 1"')
        + control("pitch = true", 'does = "zoom"')
        + control("program = true", 'does = "program"')
        + control("cc = 3", 'does = "flip blackout"')
        + control("cc = 4", 'does = "hue"', 'mode = "relative offset"')
    ).controls
    assert [(row.kind, row.does, row.mode, row.hold) for row in rows] == [
        ("note", "program 1", "press", "store 1"),
        ("pitch", "zoom", "absolute", None),
        ("program", "program", "press", None),
        ("cc", "blackout", "toggle", None),
        ("cc", "hue", "relative offset", None),
    ]


@pytest.mark.parametrize(
    ("lines", "line", "what"),
    [
        (["cc = 128", 'does = "hue"'], 4, "cc is 128; it is a whole number from 0 to 127"),
        (["cc = true", 'does = "hue"'], 4, "whole number"),
        (["cc = 1", "note = 2", 'does = "hue"'], 5, "one address"),
        (['does = "hue"'], 3, "one address"),
        (["cc = 1", "channel = 0", 'does = "hue"'], 5, "channel is 0"),
        (["cc = 1"], 3, "what it does"),
        (["cc = 1", 'does = "sparkle"'], 5, "no action 'sparkle'"),
        (["cc = 1", 'does = "flip hue"'], 5, "no action 'flip hue'"),
        (["note = 1", 'does = "hue"'], 5, "a note cannot turn hue"),
        (["program = true", 'does = "program 2"'], 5, "brings a number"),
        (["pitch = 3", 'does = "hue"'], 4, "pitch is 3; it is true"),
        (["cc = 1", 'does = "hue"', "low = -200"], 6, "hue goes from -180 to 180 deg"),
        (["cc = 1", 'does = "hue"', "low = nan"], 6, "low is nan"),
        (["cc = 1", 'does = "hue"', "low = 10", "high = 5"], 6, "say invert = true"),
        (["cc = 1", 'does = "freeze"', "low = 0"], 6, "low is for knobs"),
        (["cc = 1", 'does = "hue"', 'mode = "momentary"'], 6, "one of absolute, relative"),
        (["cc = 1", 'does = "freeze"', 'mode = "relative"'], 6, "one of toggle, momentary"),
        (["pitch = true", 'does = "hue"', 'mode = "relative"'], 6, "two ends"),
        (["cc = 1", 'does = "hue"', 'takeover = "grab"'], 6, "one of pickup, jump"),
        (["cc = 1", 'does = "hue"', 'invert = "yes"'], 6, "true or false"),
        (["cc = 1", 'does = "hue"', 'hold = "store 1"'], 6, "only what is pressed"),
        (["note = 1", 'does = "freeze"', 'mode = "momentary"', 'hold = "panic"'], 7, "plain press"),
        (["note = 1", 'does = "freeze"', 'hold = "wait"'], 6, "no action 'wait'"),
        (["note = 1", 'does = "freeze"', 'hold = "hue"'], 6, "cannot turn hue"),
        (["cc = 1", 'does = "hue"', "glow = 3"], 6, "'glow' means nothing here"),
        (["cc = 1", 'does = "hue"', "[[control]]", "cc = 1", 'does = "zoom"'], 7, "bound already"),
    ],
)
def test_a_mistake_is_told_with_its_line(lines, line, what):
    """Each thing that can be wrong in a person's own map is told with the file, the line and what is right."""
    with pytest.raises(SettingsError) as caught:
        profile(control(*lines))
    assert str(caught.value).startswith(f"box.toml, line {line}: ")
    assert what in str(caught.value)


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ('name = "Box"', "line 1: a map of a controller needs match"),
        ('name = "Box"\nmatch = "("', "line 2: match is no regular expression"),
        ('name = "Box"\nmatch = "b"\ncontrols = 3', "line 3: 'controls' means nothing here"),
        ('name = "Box"\nmatch = "b"\n[control]\ncc = 3', "line 3: a control begins with [[control]]"),
        ("name = 3 4", "line 1: not TOML"),
    ],
)
def test_a_mistake_at_the_head_is_told_too(text, what):
    """So it is for what stands above the controls."""
    with pytest.raises(SettingsError) as caught:
        profile_of(TomlText(text, "box.toml"))
    assert what in str(caught.value)


def test_a_wrong_file_stops_before_the_doors_open(tmp_path, monkeypatch):
    """A person's own map with a mistake is refused with its path; without any map there is nothing to refuse."""
    monkeypatch.setenv("DREAMWALL_CONFIG", str(tmp_path))
    assert Maps.load().of("x", "x").of("cc", 1, 1).does == "intensity"
    (tmp_path / "midi").mkdir()
    (tmp_path / "midi" / "box.toml").write_text(HEAD + control("cc = 1", 'does = "sparkle"'))
    with pytest.raises(SettingsError, match=r"midi.box\.toml, line 5: .*no action 'sparkle'"):
        Maps.load()


@given(st.text())
def test_any_name_makes_a_file_name(label):
    """Whatever a port is called, its file is called something plain."""
    assert set(slug(label)) <= set("abcdefghijklmnopqrstuvwxyz0123456789-")
    assert slug(label)
