"""Snapshots: what is written is what is read, nothing secret is in them, and no file can do harm."""

import io
import json
import struct
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from fakes import a_desk
from installation.errors import SettingsError
from installation.frame import Pixels
from installation.knobs import KNOBS, SWITCHES
from installation.settings import Settings, laid_over, load_settings
from installation.snapshot import KEPT, KEY, VERSION, read_snapshot, recall, write_snapshot

KNOBS_TURNED = st.fixed_dictionaries({name: st.floats(knob.low, knob.high) for name, knob in KNOBS.items()})
SWITCHED = st.fixed_dictionaries(dict.fromkeys(SWITCHES, st.booleans()))
LAYERS = st.dictionaries(st.text(min_size=1, max_size=20), st.floats(1e-9, 1.0), max_size=4)
PICTURES = arrays.arrays(np.uint8, st.tuples(st.integers(1, 24), st.integers(1, 24), st.just(3)))
ASKED = st.fixed_dictionaries(
    {},
    optional={
        "source": st.sampled_from(
            ["camera", "clouds", "camera:C920", "/dev/video2", "walk.mp4", "rtsp://10.0.0.7/live"]
        ),
        "network": st.sampled_from([None, "leap", "inception_v3", "nets/räume.pth"]),
        "layers": st.sampled_from([None, "Mixed_5b,Mixed_6b*0.5+Mixed_5d"]),
        "size": st.tuples(st.integers(96, 4096), st.integers(96, 4096)),
        "steps": st.none() | st.integers(1, 50),
        "mirror": st.booleans(),
        "rotate": st.sampled_from([0, 90, 180, 270]),
        "fit": st.sampled_from(["cover", "contain"]),
        "seed": st.integers(0, 2**40),
    },
)
anywhere = settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=60)


def asked(**values: Any) -> Settings:
    return load_settings(None, values)


def told(of: Settings | None = None, **more: Any) -> dict[str, Any]:
    """What a show tells its keeper."""
    look = {name: knob.default for name, knob in KNOBS.items()} | dict.fromkeys(SWITCHES, False)
    heading = {name: knob.default for name, knob in KNOBS.items()}
    whole = {"settings": (of or asked()).model_dump(mode="json"), "look": look, "heading": heading, "layers": {}}
    return {**whole, "program": None, "frame": 3, "refreshes": 70, **more}


def a_picture() -> Pixels:
    return np.random.default_rng(1).integers(0, 256, (18, 25, 3), np.uint8)


def png(text: str | None, picture: Pixels | None = None, key: str = KEY, zipped: bool = False) -> bytes:
    """A PNG with this text inside, in bytes."""
    inside, file = PngInfo(), io.BytesIO()
    if text is not None:
        inside.add_text(key, text, zip=zipped)
    Image.fromarray(a_picture() if picture is None else picture).save(file, "PNG", pnginfo=inside)
    return file.getvalue()


def kept(tmp_path: Path, **more: Any) -> bytes:
    write_snapshot(tmp_path / "kept.png", a_picture(), told(**more))
    return (tmp_path / "kept.png").read_bytes()


def inside(path: Path) -> dict[str, Any]:
    with Image.open(path) as image:
        return dict(json.loads(image.info[KEY]))


@anywhere
@given(picture=PICTURES, of=ASKED, knobs=KNOBS_TURNED, heading=KNOBS_TURNED, switches=SWITCHED, layers=LAYERS)
def test_what_is_written_is_what_is_read(
    picture: Pixels,
    of: dict[str, Any],
    knobs: dict[str, float],
    heading: dict[str, float],
    switches: dict[str, bool],
    layers: dict[str, float],
    tmp_path: Path,
) -> None:
    """Every pixel, knob, switch, layer and setting comes back to the bit."""
    path = tmp_path / "picture.png"
    more = {"heading": heading, "layers": layers, "program": {"number": 2, "name": "Fäden \u2028"}}
    write_snapshot(path, picture, told(asked(**of), look={**knobs, **switches}, **more))
    found = read_snapshot(path, picture=True)
    assert found.picture is not None
    np.testing.assert_array_equal(found.picture, picture)
    assert (found.knobs, found.switches, found.heading, found.layers) == (knobs, switches, heading, layers)
    assert (found.program, found.frame, found.refreshes) == ((2, "Fäden \u2028"), 3, 70)
    again = load_settings(None, found.settings_given())
    for name in set(KEPT) - {"size", "source"}:
        assert getattr(again, name) == getattr(asked(**of), name)
    assert again.source == asked(**of).source
    assert again.working_size == asked(**of).working_size
    assert (again.knobs, again.mix) == (knobs, layers)


def test_the_bytes_are_read_like_the_file(tmp_path: Path) -> None:
    """What the page is given, a picture's bytes, says the same as the file; pixels come when asked for."""
    data = kept(tmp_path)
    one, other = read_snapshot(tmp_path / "kept.png"), read_snapshot(data, name=str(tmp_path / "kept.png"))
    assert one == other
    assert one.picture is None
    assert one.time
    assert one.made_by


def test_it_is_a_picture_like_any_other(tmp_path: Path) -> None:
    """Every program that shows PNGs shows a snapshot; no half-written file is left beside it."""
    kept(tmp_path)
    with Image.open(tmp_path / "kept.png") as image:
        assert (image.format, image.mode, image.size) == ("PNG", "RGB", (25, 18))
        np.testing.assert_array_equal(np.asarray(image), a_picture())
    assert [path.name for path in tmp_path.iterdir()] == ["kept.png"]


def test_where_it_cannot_be_written_nothing_is_left(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A disk that is full raises and leaves neither half a picture nor a changed older one."""
    older = kept(tmp_path)

    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(OSError, match="No space"):
        write_snapshot(tmp_path / "kept.png", a_picture()[::-1].copy(), told())
    assert [path.name for path in tmp_path.iterdir()] == ["kept.png"]
    assert (tmp_path / "kept.png").read_bytes() == older


# -- what is secret --------------------------------------------------------------------------------------------------


def test_nothing_secret_is_inside(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The page's token and address, folders, and the home folder's name never go into a picture."""
    monkeypatch.setenv("HOME", "/home/anna.schmidt")
    of = asked(
        page_token="correct-horse-battery",
        page_host="192.168.7.7",
        keep="/mnt/evidence",
        programs="/mnt/programs.toml",
        network="/home/anna.schmidt/nets/own.pth",
        source="/home/anna.schmidt/walk.mp4",
    )
    write_snapshot(tmp_path / "x.png", a_picture(), told(of))
    text = json.dumps(inside(tmp_path / "x.png"))
    for secret in ("correct-horse", "192.168.7.7", "evidence", "programs.toml", "anna"):
        assert secret not in text
    found = read_snapshot(tmp_path / "x.png").settings_given()
    assert (found["network"], found["source"]) == ("~/nets/own.pth", "~/walk.mp4")


def test_a_setting_nobody_thought_of_stays_out(tmp_path: Path) -> None:
    """Only settings that are listed go in, so that a password added to the settings later does not."""
    facts = {"source": "stream rtsp://anna:s3cret@cam", "network": "leap"}
    more = {"settings": {"osc_password": "s3cret"}, "more": "s3cret", "taken": facts}
    write_snapshot(tmp_path / "x.png", a_picture(), {**told(), **more})
    assert "s3cret" not in json.dumps(inside(tmp_path / "x.png"))
    assert read_snapshot(tmp_path / "x.png").taken == {"network": "leap"}


@pytest.mark.parametrize(
    ("source", "shown"),
    [
        ("rtsp://anna:s3cret@10.0.0.7:554/live/s3cret", "rtsp://10.0.0.7:554"),
        ("rtsp://anna:s3/cret@10.0.0.7/live", "rtsp://10.0.0.7"),
        ("http://cam.local/video?user=anna&pwd=s3cret", "http://cam.local"),
        ("rtsp://10.0.0.7:554/user=anna_password=s3cret_channel=1", "rtsp://10.0.0.7:554"),
        ("srt://[fd00::7]:9000?passphrase=s3cret", "srt://[fd00::7]:9000"),
        ("  RTSP://anna:s3cret@cam/x", "RTSP://cam"),
        ("http://@s3cret@", "http://"),
    ],
)
def test_a_password_in_an_address_stays_out(source: str, shown: str, tmp_path: Path) -> None:
    """Of a source whose address may have a password only the host is told, and who recalls it is told to name it."""
    write_snapshot(tmp_path / "x.png", a_picture(), told(asked(source=source)))
    assert inside(tmp_path / "x.png")["settings"]["source"] == shown
    text = json.dumps(inside(tmp_path / "x.png"))
    assert "s3cret" not in text
    assert "anna" not in text
    found = read_snapshot(tmp_path / "x.png")
    assert found.source_hidden
    assert "source" not in found.settings_given()
    assert any("--source" in note for note in found.notes)


# -- recalling it ----------------------------------------------------------------------------------------------------


def test_the_command_line_goes_before_the_picture_and_the_picture_before_the_file(tmp_path: Path) -> None:
    """--from lays a picture's settings over those of --config, and under what else the command line says."""
    config = tmp_path / "wall.toml"
    config.write_text(
        'network = "googlenet"\nlayers = "conv3"\nprogram = "Feathers"\nfit = "contain"\n[knobs]\nhue = 9\n'
    )
    look = told()["look"] | {"linger": 7.25, "hue": 0.1 + 0.2}
    kept(tmp_path, of=asked(source="clouds", seed=4), look=look)
    given = {"seed": 5, "knobs": {"linger": 1.5}}
    under = read_snapshot(tmp_path / "kept.png").settings_given(given)
    found = load_settings(config, laid_over(under, given))
    assert (found.source, found.seed, found.network, found.layers, found.fit) == ("clouds", 5, None, None, "cover")
    assert found.program is None
    assert (found.knobs["linger"], found.knobs["hue"]) == (1.5, 0.1 + 0.2)


def test_another_network_or_program_leaves_out_what_does_not_go_with_it(tmp_path: Path) -> None:
    """A picture recalled with another network does not ask it for layers it never had; a program has its own look."""
    of = asked(network="inception_v3", layers="Mixed_5b,Mixed_6b", steps=3)
    kept(tmp_path, of=of, layers={"Mixed_5b": 0.5})
    found = read_snapshot(tmp_path / "kept.png")
    assert found.settings_given({"network": "inception_v3"})["layers"] == "Mixed_5b,Mixed_6b"
    other = found.settings_given({"network": "leap"})
    assert not {"layers", "steps", "mix"} & set(other)
    assert other["knobs"] == found.knobs
    assert not {"knobs", "mix"} & set(found.settings_given({"program": "2"}))


def test_leap_is_recalled_as_leap(tmp_path: Path) -> None:
    """What was dreamed with the network that ships is dreamed with it again; of another it is told which it was."""
    kept(tmp_path, taken={"network": "leap", "engine": "leap, float32 on cpu"})
    found = read_snapshot(tmp_path / "kept.png")
    assert found.settings_given()["network"] == "leap"
    assert found.notes == ()
    kept(tmp_path, taken={"network": "inception_v3"})
    found = read_snapshot(tmp_path / "kept.png")
    assert found.settings_given()["network"] is None
    assert "inception_v3" in found.notes[0]


def test_a_look_is_recalled_live(tmp_path: Path) -> None:
    """The look of a picture comes back in the time that is given; the room's brightness and the switches stay."""
    look = told()["look"] | {"linger": 7.25, "brightness": 0.2, "blackout": True}
    kept(tmp_path, look=look, layers={"Mixed_5b": 0.5, "conv3": 0.25})
    desk = a_desk(brightness=0.9)
    desk.board.look(0.0)
    recall(read_snapshot(tmp_path / "kept.png"), desk, seconds=2.0, mixable=["Mixed_5b"])
    halfway = [desk.board.look(0.5 * at) for at in range(1, 3)][-1]
    assert 2.5 < halfway.linger < 7.25
    after = desk.board.look(2.5)
    assert (after.linger, after.brightness, after.blackout) == (7.25, 0.9, False)
    assert after.mixture == (("Mixed_5b", 0.5),)


# -- what is not a snapshot ------------------------------------------------------------------------------------------


def refusal(where: Path | bytes, **more: Any) -> str:
    with pytest.raises(SettingsError) as caught:
        read_snapshot(where, **more)
    return str(caught.value)


def test_what_is_no_snapshot_is_refused_in_one_line(tmp_path: Path) -> None:
    """A missing file, a folder, a JPEG, a plain PNG and one of a newer Dreamwall are each refused by name."""
    jpeg = io.BytesIO()
    Image.fromarray(a_picture()).save(jpeg, "JPEG")
    newer = json.dumps({"version": VERSION + 1, "dreamwall": "9.1.0"})
    cases: dict[str, bytes] = {
        "not a PNG": jpeg.getvalue(),
        "without Dreamwall's settings": png(None),
        "without Dreamwall's": png("{}", key="Comment"),
        "a newer Dreamwall (9.1.0)": png(newer),
        "cannot be read": png("{"),
        "not a PNG, or": b"",
    }
    for what, data in cases.items():
        path = tmp_path / "some picture.png"
        path.write_bytes(data)
        for where in (path, data):
            line = refusal(where, name="" if where is path else str(path))
            assert line.startswith(str(path))
            assert what in line
            assert "\n" not in line
    assert "No such file" in refusal(tmp_path / "nothing.png")
    assert "cannot be read" in refusal(tmp_path)


@pytest.mark.parametrize(
    "text",
    [
        *("[]", "null", "3", '"x"', '{"version": "1"}', '{"version": true}' * 2, '{"version": 0}', "[" * 100_000),
        *("NaN", '{"version": 1, "look": {"hue": NaN}}', '{"version": 1, "look": {"hue": 1e999}}', "x" * 300_000),
    ],
)
def test_text_of_any_shape_is_refused(text: str) -> None:
    """Settings that are not JSON, or JSON of another shape, numbers that are none and endless ones are one line."""
    line = refusal(png(text), name="x.png")
    assert line.startswith("x.png: ")
    assert "\n" not in line


@pytest.mark.parametrize(
    ("part", "values", "expected"),
    [
        ("settings", {"steps": 99}, "x.png: steps: a number from 1 to 50, not 99"),
        ("settings", {"size": [8, 8]}, "x.png: size: each side goes from 96 to 4096"),
        ("settings", {"rotate": 45}, "x.png: rotate: "),
        ("settings", {"source": 7}, "x.png: source: "),
        ("look", {"intensity": 7.0}, "x.png: knob: intensity is 7; it goes from 0 to 2"),
        ("look", {"intensity": "much"}, "x.png: look.intensity: "),
        ("layers", {"conv3": 7.0}, "x.png: layers.conv3: "),
    ],
)
def test_a_wrong_value_is_told_like_any_setting(
    part: str, values: dict[str, Any], expected: str, tmp_path: Path
) -> None:
    """A value that was changed by hand is refused with its name and what is allowed."""
    kept(tmp_path)
    whole = inside(tmp_path / "kept.png")
    whole[part] |= values
    assert refusal(png(json.dumps(whole)), name="x.png").startswith(expected)


def test_a_knob_of_another_time_is_passed_over(tmp_path: Path) -> None:
    """Knobs and settings that an older or newer Dreamwall had are noted and left out; the rest is recalled."""
    kept(tmp_path)
    whole = inside(tmp_path / "kept.png")
    whole["look"]["sparkle"] = 0.5
    whole["settings"]["smoke"] = True
    del whole["look"]["zoom"]
    found = read_snapshot(png(json.dumps(whole)), name="x.png")
    assert [note for note in found.notes if "sparkle" in note]
    assert [note for note in found.notes if "smoke" in note]
    assert set(found.knobs) == set(KNOBS) - {"zoom"}
    assert load_settings(None, found.settings_given()).knobs == found.knobs


@anywhere
@given(data=st.data())
def test_no_bytes_raise_anything_else(data: st.DataObject, tmp_path: Path) -> None:
    """Whatever is wrong with a file, it is a snapshot or one refusal: bytes flipped, cut out, put in, or all random."""
    whole = bytearray(kept(tmp_path))
    for _ in range(data.draw(st.integers(1, 6))):
        at = data.draw(st.integers(0, len(whole)))
        match data.draw(st.sampled_from(["flip", "cut", "put", "end", "all"])):
            case "flip" if at < len(whole):
                whole[at] ^= data.draw(st.integers(1, 255))
            case "cut":
                del whole[at : at + data.draw(st.integers(1, 40))]
            case "put":
                whole[at:at] = data.draw(st.binary(min_size=1, max_size=40))
            case "end":
                del whole[at:]
            case "all":
                whole = bytearray(data.draw(st.binary(max_size=200)))
    try:
        read_snapshot(bytes(whole), name="x.png", picture=data.draw(st.booleans()))
    except SettingsError as error:
        lines = str(error).splitlines()
    else:
        lines = []
    assert all(line.startswith("x.png: ") for line in lines)


JSON = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)


@anywhere
@given(data=st.data())
def test_no_settings_raise_anything_else(data: st.DataObject, tmp_path: Path) -> None:
    """Any JSON in any place of the settings is taken or refused; nothing else happens."""
    kept(tmp_path)
    whole = inside(tmp_path / "kept.png")
    part = data.draw(st.sampled_from(sorted(whole)))
    if isinstance(whole[part], dict) and whole[part] and data.draw(st.booleans()):
        whole[part][data.draw(st.sampled_from(sorted(whole[part])))] = data.draw(JSON)
    else:
        whole[part] = data.draw(JSON)
    try:
        found = read_snapshot(png(json.dumps(whole)), name="x.png")
        load_settings(None, found.settings_given())
    except SettingsError as error:
        line = str(error)
    else:
        line = "x.png: "
    assert line.startswith("x.png: ")


SIGNATURE = b"\x89PNG\r\n\x1a\n"


def chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def test_a_bomb_is_not_unpacked() -> None:
    """A few bytes that would become gigabytes, of pixels or of text, are refused and not unpacked."""
    head = struct.pack(">IIBBBBB", 60_000, 60_000, 8, 2, 0, 0, 0)
    wall = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(bytes(100))) + chunk(b"IEND", b"")
    assert "x.png: " in refusal(wall, name="x.png", picture=True)
    large = struct.pack(">IIBBBBB", 9000, 9000, 8, 2, 0, 0, 0)
    wall = (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", large) + chunk(b"IDAT", zlib.compress(bytes(100))) + chunk(b"IEND", b"")
    )
    assert "too large" in refusal(wall, name="x.png", picture=True)
    assert "x.png: " in refusal(png(" " * 50_000_000, zipped=True), name="x.png")
