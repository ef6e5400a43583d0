"""Programs: the file, its mistakes, and what is stored."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from installation.errors import SettingsError
from installation.knobs import KNOBS
from installation.programs import OF_THE_ROOM, Program, Programs

GOOD = """\
# mine
[[program]]
name = "Calm"       # for the opening
fade = 5

[program.knobs]
linger = 8

[[program]]
name = "Wild"
hold = 20
[program.knobs]
zoom = 0.1
[program.layers]
Mixed_6b = 3
Mixed_5d = 1
"""


@pytest.fixture
def own(tmp_path):
    path = tmp_path / "programs.toml"
    path.write_text(GOOD, encoding="utf-8")
    return path


def test_the_programs_that_ship_can_be_read(tmp_path, monkeypatch):
    """At least eight come with it, with names of their own; none turns a knob that belongs to the room."""
    monkeypatch.setenv("DREAMWALL_CONFIG", str(tmp_path))
    programs = Programs.load()
    names = [row.name for row in programs.rows]
    assert len(names) >= 8 and len(set(names)) == len(names)
    assert not OF_THE_ROOM & {knob for row in programs.rows for knob in row.knobs}


def test_a_file_is_read_as_it_says(own):
    """Names, fades, holds, knobs and layers; layers are shares of those that the network has."""
    calm, wild = Programs.load(own).rows
    assert (calm.name, calm.fade, calm.hold, calm.knobs) == ("Calm", 5.0, None, {"linger": 8.0})
    assert wild.hold == 20 and wild.mixture(["Mixed_5d", "Mixed_6b"]) == {"Mixed_6b": 0.75, "Mixed_5d": 0.25}
    assert wild.mixture(["Mixed_5d"]) == {"Mixed_5d": 1.0} and wild.mixture(["conv3"]) == {}
    assert Programs.load(own).find("wild") == Programs.load(own).find("2") == 2


@pytest.mark.parametrize(
    ("was", "wrong", "line", "told"),
    [
        ("linger = 8", "linger = 99", 7, "0.1 to 30 s"),
        ("linger = 8", "lingr = 8", 7, "lingr"),
        ("linger = 8", "brightness = 0.5", 7, "no knob of a program"),
        ("fade = 5", 'fade = "slow"', 4, "0 to 600 s"),
        ("fade = 5", "fade = 5 5", 4, "not TOML"),
        ("hold = 20", "holding = 20", 11, "holding"),
        ('name = "Wild"', "", 9, "needs a name"),
        ("Mixed_5d = 1", "Mixed_5d = -1", 16, "Mixed_5d is -1"),
        ("zoom = 0.1", "zoom = true", 13, "True"),
        ("[program.layers]", "[program.layer]", 14, "layer"),
        ("# mine", "knobs = 3", 1, "begin with [[program]]"),
    ],
)
def test_a_broken_file_names_its_line(tmp_path, was, wrong, line, told):
    """Whoever made a mistake reads the file, the line and what is allowed; never a traceback."""
    path = tmp_path / "mine.toml"
    path.write_text(GOOD.replace(was, wrong), encoding="utf-8")
    with pytest.raises(SettingsError) as refused:
        Programs.load(path)
    assert str(refused.value).startswith(f"{path}, line {line}: ") and told in str(refused.value)


@pytest.mark.parametrize("text", ["", "program = 3", "program = [1]", "[program]\nname = 'x'"])
def test_a_file_without_programs_is_refused(tmp_path, text):
    """An empty list is a mistake, not a show without programs."""
    path = tmp_path / "mine.toml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(SettingsError, match=r"line 1: .*program"):
        Programs.load(path)


@pytest.mark.parametrize("content", [None, b"\xff\xfe\x00"])
def test_a_file_that_cannot_be_read_is_one_line(tmp_path, content):
    """A missing file or one that is no text names itself."""
    path = tmp_path / "mine.toml"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(SettingsError, match=r"mine\.toml"):
        Programs.load(path)


def test_storing_keeps_comments_and_the_rest(own):
    """A program stored from the stage is there at the next start; the person's comments and other programs stay."""
    programs = Programs.load(own)
    assert programs.put(2, Program("Wild", {"zoom": -0.2}, {"Mixed_6b": 1.0}, fade=1.5)) == 2
    assert programs.put(9, Program("Stored 9", {"hue": 90.0})) == 3, "the next free place"
    assert programs.write() == own
    text = own.read_text(encoding="utf-8")
    assert "# mine" in text and "# for the opening" in text
    again = Programs.load(own)
    assert [row.name for row in again.rows] == ["Calm", "Wild", "Stored 9"]
    assert again.rows == programs.rows
    assert list(own.parent.iterdir()) == [own], "nothing half-written is left"


values = st.fixed_dictionaries(
    {},
    optional={name: st.floats(knob.low, knob.high) for name, knob in KNOBS.items() if name not in OF_THE_ROOM},
)


@given(values, st.dictionaries(st.sampled_from(["Mixed_5b", "conv3"]), st.floats(0.01, 1)), st.floats(0, 60))
def test_what_is_stored_is_what_is_recalled(tmp_path_factory, knobs, layers, fade):
    """Writing and reading a program gives it back, to the six digits that a person would read."""
    path = tmp_path_factory.mktemp("programs") / "mine.toml"
    path.write_text(GOOD, encoding="utf-8")
    programs = Programs.load(path)
    programs.put(1, Program("Same", knobs, layers, fade))
    programs.write()
    again = Programs.load(path).rows[0]
    assert again.knobs == pytest.approx(knobs, rel=1e-5) and again.layers == pytest.approx(layers, rel=1e-5)
    assert again.fade == pytest.approx(fade, abs=0.006)
