"""Learning: which control is meant, and how it is written down."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from installation.control.midi.binding import bind, profile_of
from installation.control.midi.learn import FAR, Ear, write_bindings
from installation.errors import SettingsError
from installation.toml_file import TomlText


def hears(does, *values, address=("cc", 1, 21)):
    """The binding that these values of one control lead to, and after how many of them."""
    ear = Ear(does)
    for count, value in enumerate(values, 1):
        binding = ear.hear(address, value)
        if binding is not None:
            return binding, count
    return None, ear.doubts


@given(st.integers(0, 127), st.integers(0, 127))
def test_a_fader_is_meant_when_it_moves_for_certain(begin, end):
    """A fader that is moved far enough is learned, as absolute; one that only trembles is not."""
    way = range(begin, end + 1) if begin <= end else range(begin, end - 1, -1)
    binding, _ = hears("linger", *way)
    if abs(end - begin) < FAR:
        assert binding is None
    else:
        assert (binding.does, binding.mode, binding.address) == ("linger", "absolute", ("cc", 1, 21))


@pytest.mark.parametrize(
    ("right", "left", "mode"), [(1, 127, "relative"), (65, 63, "relative offset"), (1, 65, "relative sign")]
)
def test_an_endless_knob_is_known_once_it_was_turned_both_ways(right, left, mode):
    """Turned one way only nothing is sure, and that is said; turned the other way too, its way of counting is known."""
    binding, doubts = hears("linger", *[right] * 8)
    assert binding is None
    assert doubts
    binding, _ = hears("linger", *[right] * 4, *[left] * 3)
    assert binding.mode == mode


@given(st.randoms(use_true_random=False))
def test_a_fader_is_never_taken_for_an_endless_knob(chance):
    """A fader, which says nothing twice running, is absolute wherever it is moved and however fast."""
    at, values = chance.randrange(128), []
    for _ in range(60):
        at = min(127, max(0, at + chance.choice((-1, 1)) * chance.randint(1, 20)))
        if not values or values[-1] != at:
            values.append(at)
    binding, _ = hears("linger", *values)
    assert binding is None or binding.mode == "absolute"


def test_pads_and_buttons():
    """A pad or a button is learned for what is pressed, and a pad never for a knob; letting go is not learned."""
    binding, _ = hears("blackout", 0, 100, address=("note", 2, 40))
    assert (binding.mode, binding.address) == ("toggle", ("note", 2, 40))
    assert hears("program 3", 0, 127)[0].mode == "press"
    assert hears("snapshot", 0)[0] is None
    assert hears("linger", 100, address=("note", 1, 40))[0] is None
    assert hears("panic", 127, address=("cc", 1, 123))[0] is None
    assert hears("panic", 3, address=("program", 1, 3))[0] is None
    assert hears("linger", 8192, 8300, address=("pitch", 1, 0))[0] is None
    assert hears("linger", 12000, address=("pitch", 1, 0))[0].kind == "pitch"
    with pytest.raises(SettingsError, match="no action"):
        Ear("sparkle")


@pytest.mark.parametrize("style", ["[[control]]\ncc = 3\nlow = 0.0\nhigh = 90.0 # half\ndoes = 'hue'\n", ""])
def test_what_is_written_can_be_read(tmp_path, style):
    """What was learned is there when the file is read, in place of what the control did, and comments stay."""
    path = tmp_path / "midi" / "box.toml"
    if style:
        path.parent.mkdir()
        path.write_text("# my box\nname = 'Box'\nmatch = 'Box'\n" + style)
    rows = [
        bind("cc", 3, None, "zoom", invert=True),
        bind("note", 40, 2, "program 3"),
        bind("pitch", 0, 1, "hue"),
        bind("cc", 9, 16, "freeze", "momentary"),
    ]
    write_bindings(path, "Box", rows)
    write_bindings(path, "Box", rows[:1])
    read = profile_of(TomlText.read(path))
    assert list(read.controls) == rows
    assert read.fits("Box 24:0")
    assert path.read_text().startswith("# my box" if style else "# What was learned")


def test_rows_in_brackets_are_kept_as_they_are(tmp_path):
    """A file in the other style of TOML, as the profiles that ship have it, is added to in that style."""
    path = tmp_path / "box.toml"
    path.write_text("name = 'Box'\nmatch = 'Box'\ncontrol = [\n  { cc = 1, does = 'hue' }, # mine\n]\n")
    write_bindings(path, "Box", [bind("cc", 1, None, "zoom"), bind("cc", 2, None, "hue")])
    assert [(row.number, row.does) for row in profile_of(TomlText.read(path)).controls] == [(1, "zoom"), (2, "hue")]
    assert "# mine" in path.read_text()


def test_a_name_with_signs_is_matched_as_it_is(tmp_path):
    """A port's name is no regular expression, whatever signs are in it."""
    path = tmp_path / "box.toml"
    write_bindings(path, "Box (2) [usb]+", [bind("cc", 1, None, "zoom")])
    read = profile_of(TomlText.read(path))
    assert read.fits("Box (2) [usb]+ 20:0")
    assert not read.fits("Box 2 u")
