"""The profiles that ship: controllers that work as soon as they are plugged in."""

import re
import runpy
from collections import Counter
from pathlib import Path

import pytest

from installation.control.midi.binding import KEYS, profile_of
from installation.control.midi.lights import MOST, Lights, lights_of
from installation.control.midi.map import Maps, shipped_profiles
from installation.knobs import KNOBS, SWITCHES
from installation.toml_file import TomlText

HOUSE = Path(__file__).resolve().parents[2]
FOLDER = HOUSE / "installation" / "control" / "midi" / "profiles"
DOCUMENT = (HOUSE / "docs" / "midi.md").read_text(encoding="utf-8")
FILES = sorted(FOLDER.glob("*.toml"))
ADDRESSES = ("cc", "note", "pitch", "program")


def read(path):
    return TomlText.read(path)


def address(row):
    kind = next(kind for kind in ADDRESSES if kind in row)
    return kind, row[kind], row.get("channel")


@pytest.fixture(params=FILES, ids=lambda path: path.stem)
def toml(request):
    return read(request.param)


def test_there_are_profiles_for_the_usual_controllers():
    """A nanoKONTROL2, an APC mini mk2 and a Launch Control XL need no setting up."""
    assert {read(path).tables["name"] for path in FILES} >= {"nanoKONTROL2", "APC mini mk2", "Launch Control XL"}


def test_every_control_can_be_read_by_the_show(toml):
    """No control of a profile is bound to an action that is not there; what is held stores what is recalled."""
    controls = profile_of(toml).controls
    assert len(controls) == len(toml.tables["control"]) > 20
    for row in controls:
        assert row.acts != "trigger" or row.mode == "press"
        if row.does.startswith("program "):
            assert row.hold == row.does.replace("program", "store")
        else:
            assert row.hold is None


def test_no_control_does_two_things(toml):
    """One address, one action; and no two controls fight over a knob."""
    rows = toml.tables["control"]
    assert max(Counter(address(row) for row in rows).values()) == 1
    knobs = [row["does"] for row in rows if row["does"] in KNOBS]
    assert len(knobs) == len(set(knobs))


def test_the_things_that_matter_on_stage_are_under_a_finger(toml):
    """Strength, layer and brightness, the switches, panic, eight programs and a layer for every usual stop."""
    done = {row["does"] for row in toml.tables["control"]}
    assert done >= {"intensity", "layer", "brightness", "panic", "cycle", *SWITCHES}
    assert done >= {f"program {n}" for n in range(1, 9)} | {f"layer {n}" for n in range(1, 7)}


def test_every_light_shows_something_and_sits_on_a_control(toml):
    """Each light is one of the controller's own, and what can be switched or recalled is lit."""
    lights = lights_of(toml)
    controls = {address(row)[:2] for row in toml.tables["control"]}
    for light in lights:
        beside = light.shows in KNOBS and light.target is None  # a light beside a fader or knob has its own number
        assert beside or (light.kind, light.number) in controls, light
    done = {row["does"] for row in toml.tables["control"]}
    shown = {light.shows if light.target is None else f"{light.shows} {light.target}" for light in lights}
    assert {action for action in done if re.match(r"(program|layer) \d", action)} <= shown
    assert {"blackout", "freeze", "cycle", "record"} <= shown


def test_a_lamp_shows_what_its_own_button_does(toml):
    """The button that lights up is the one that did it."""
    does = {address(row)[:2]: row["does"] for row in toml.tables["control"]}
    for light in lights_of(toml):
        if light.target is not None or light.shows not in KNOBS:
            action = light.shows if light.target is None else f"{light.shows} {light.target}"
            assert does[light.kind, light.number] == action


def test_a_whole_controller_is_lit_within_a_few_refreshes(toml):
    """Two refreshes, or what 64 lights need."""
    assert len(Lights(lights_of(toml)).dark()) <= 2 * MOST


@pytest.mark.parametrize(
    ("port", "profile"),
    [
        ("nanoKONTROL2:nanoKONTROL2 nanoKONTROL2 _ CTR 24:0", "nanoKONTROL2"),
        ("nanoKONTROL2:nanoKONTROL2 _ CTRL 20:0", "nanoKONTROL2"),
        ("nanoKONTROL2 SLIDER/KNOB", "nanoKONTROL2"),
        ("APC mini mk2:APC mini mk2 Control 28:0", "APC mini mk2"),
        ("APC mini mk2 Control", "APC mini mk2"),
        ("APC mini mk2", "APC mini mk2"),
        ("APC mini mk2:APC mini mk2 Notes 28:1", None),
        ("APC mini mk2 Notes", None),
        ("MIDIIN2 (APC mini mk2)", None),
        ("APC MINI:APC MINI MIDI 1 24:0", None),
        ("Launch Control XL:Launch Control XL Launch Contro 28:0", "Launch Control XL"),
        ("Launch Control XL:Launch Control XL MIDI 1 28:0", "Launch Control XL"),
        ("Launch Control XL 2", "Launch Control XL"),
        ("Launch Control XL HUI", None),
        ("Launch Control XL:Launch Control XL MIDI 2 28:1", None),
        ("MIDIIN2 (Launch Control XL)", None),
        ("LCXL3 1 MIDI Out", None),
        ("Launch Control:Launch Control MIDI 1 24:0", None),
        ("Midi Through:Midi Through Port-0 14:0", None),
    ],
)
def test_a_profile_answers_the_port_of_its_controller_and_no_other(port, profile):
    """The names that drivers give are recognised; second ports and other models are left to the general map."""
    names = [
        toml.tables["name"]
        for toml in map(read, FILES)
        if re.search(toml.tables["match"], port, re.IGNORECASE) is not None
    ]
    assert names == ([profile] if profile else [])


# What each controller can send: kind, numbers, channel.
SENDS = {
    "nanoKONTROL2": [
        ("cc", [*range(8), *range(16, 24), *range(32, 40), *range(48, 56), *range(64, 72)], 1),
        ("cc", [*range(41, 47), *range(58, 63)], 1),
    ],
    "APC mini mk2": [("note", [*range(64), *range(100, 108), *range(112, 120), 122], 1), ("cc", range(48, 57), 1)],
    "Launch Control XL": [
        ("cc", [*range(13, 21), *range(29, 37), *range(49, 57), *range(77, 85), *range(104, 108)], 9),
        ("note", [*range(41, 45), *range(57, 61), *range(73, 77), *range(89, 93), *range(105, 109)], 9),
    ],
}


@pytest.mark.parametrize("name", SENDS)
def test_nothing_on_a_known_controller_does_what_nobody_said(name):
    """The general map lies beneath a profile; no control gets something from it that its profile does not say."""
    profile = next(row for row in shipped_profiles() if row.name == name)
    plan = Maps([profile], [], None).of(name, name)
    said = {(row.kind, row.number): row for row in profile.controls}
    bound = {
        (kind, number): plan.binding_of(kind, channel, number)
        for kind, numbers, channel in SENDS[name]
        for number in numbers
    }
    assert {address: row for address, row in bound.items() if row is not None} == said


def test_the_example_in_the_documents_is_a_map():
    """What docs/midi.md shows can be used as it stands, and has every key of a control that there is."""
    example = DOCUMENT.split("```toml")[1].split("```")[0]
    profile = profile_of(TomlText(example, "docs/midi.md"))
    assert len(profile.controls) == 3 and len(profile.lights) == 1
    assert all(re.search(rf"\b{key}\b", example) for key in KEYS)


def test_the_documents_table_of_the_general_map_is_what_is_bound():
    """The table for all other controllers is made from the bindings themselves."""
    table = runpy.run_path(str(HOUSE / "docs" / "general_map.py"))["table"]()
    assert all(f"| {name} |" in table for name in KNOBS)
    assert table in DOCUMENT
