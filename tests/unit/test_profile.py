"""Profiles: kept and read as they were, refused with a clear line, and never lost on the way."""

import errno
import os
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any, Self

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from calibration import shelf
from calibration.corners import pin, whole
from calibration.corners import problems as corner_problems
from calibration.grid import Grid, folds
from calibration.light import Mask, SoftEdges
from calibration.profile import Profile, ProfileError, fits
from calibration.profile_toml import from_text, to_text
from installation.compose import Placing
from installation.control.pinning import Pinning
from installation.sinks.projection import Projection, seen_with

SIZE = (1280, 720)
SLANTED = ((12.5, 5.0), (1270.0, 1 / 3), (1279.9, 700.0), (0.1, 719.0))
FULL = Profile(
    "EPSON PJ",
    SIZE,
    SLANTED,
    Grid.flat(4, 3).moved(1, 2, (3.25, -1.5)),
    SoftEdges(left=120.0, bottom=33.3, curve=1.5),
    (Mask(((0.0, 0.0), (100.0, 0.0), (0.0, 100.0)), 12.0), Mask(((5.0, 5.0), (900.0, 5.0), (700.0, 600.0)), 0.0, True)),
    rotate=270,
    mirror=True,
    gamma=2.4,
    seen_with="--mirror --rotate 0 --fit cover --camera-size 1280x720",
)


@st.composite
def profiles(draw: st.DrawFn) -> Profile:
    """Any profile that makes sense."""
    size = draw(st.tuples(st.integers(16, 4096), st.integers(16, 2160)))
    share = st.floats(-0.3, 0.3)
    corners = tuple((x + draw(share) * size[0], y + draw(share) * size[1]) for x, y in whole(size))
    if corner_problems(corners, size):
        corners = whole(size)
    columns, rows = draw(st.tuples(st.integers(2, 5), st.integers(2, 5)))
    reach = min(size) / 40
    far = st.floats(-reach, reach)
    grid = draw(st.none() | st.builds(Grid, st.tuples(*[st.tuples(*[st.tuples(far, far)] * columns)] * rows)))
    if grid is not None:
        grid = None if folds(grid, pin(corners)) else grid
    point = st.tuples(st.floats(-float(size[0]), 2.0 * size[0]), st.floats(-float(size[1]), 2.0 * size[1]))
    mask = st.builds(
        Mask, st.lists(point, min_size=3, max_size=6).map(tuple), st.floats(0, float(min(size))), st.booleans()
    )
    soft = st.floats(0, min(size) / 2 - 1)
    return Profile(
        draw(st.text(min_size=1, max_size=30).map(lambda text: text.encode("utf-8", "replace").decode())),
        size,
        corners,
        grid,
        draw(st.builds(SoftEdges, soft, soft, soft, soft, st.floats(1, 8))),
        draw(st.lists(mask, max_size=3).map(tuple)),
        draw(st.sampled_from([0, 90, 180, 270])),
        draw(st.booleans()),
        draw(st.floats(1, 4)),
        draw(st.sampled_from(["", FULL.seen_with, 'by "hand" \\ 日本'])),
    )


def told(text: str) -> str:
    with pytest.raises(ProfileError) as refused:
        from_text(text, "wall.toml")
    return str(refused.value)


@settings(deadline=None)
@given(profiles())
def test_written_and_read_is_the_same(profile: Profile) -> None:
    """Every profile reads back as it was written, to the last digit, whatever its display is called."""
    again = from_text(to_text(replace(profile, revision=7)), "wall.toml")
    assert again == profile and again.revision == 7


@settings(deadline=None, max_examples=15)
@given(profile=profiles())
def test_kept_and_found_is_the_same(profile: Profile, tmp_path_factory: pytest.TempPathFactory) -> None:
    """Every profile that is kept is found again for its display at its size, and for no other."""
    folder = tmp_path_factory.mktemp("shelf")
    saved = shelf.save(folder, profile)
    assert shelf.load(folder, profile.display, profile.size) == profile == saved
    assert shelf.load(folder, profile.display + "2", profile.size) is None
    assert shelf.load(folder, profile.display, (profile.size[0] + 1, profile.size[1])) is None


def test_two_displays_never_share_a_file(tmp_path: Path) -> None:
    """Names that a file system would take for one, or could not take, are kept apart."""
    names = ["EPSON PJ", "epson pj", "epson-pj", "EPSON/PJ", "EPSON_PJ", "..", "日本", "日本の", "a" * 300, "a" * 301]
    paths = {shelf.path_of(tmp_path, name, SIZE) for name in names}
    assert len({str(path).lower() for path in paths}) == len(names)
    for number, name in enumerate(names):
        shelf.save(tmp_path, replace(FULL, display=name, gamma=1 + number / 10))
    for number, name in enumerate(names):
        found = shelf.load(tmp_path, name, SIZE)
        assert found is not None and found.gamma == 1 + number / 10
    assert {path.parent for path in paths} == {tmp_path}


def test_older_ones_stay(tmp_path: Path) -> None:
    """The ten that were replaced last stay beside it, newest first, and each can be put back by copying it."""
    for number in range(shelf.KEPT + 5):
        saved = shelf.save(tmp_path, replace(FULL, gamma=1 + number / 100))
        assert saved.revision == number + 1
    older = shelf.older(tmp_path, FULL.display, SIZE)
    assert len(older) == shelf.KEPT == 10
    assert [shelf.read(path).revision for path in older] == list(range(shelf.KEPT + 4, 4, -1))
    shutil.copy(older[2], shelf.path_of(tmp_path, FULL.display, SIZE))
    found = shelf.load(tmp_path, FULL.display, SIZE)
    assert found is not None and found.gamma == 1 + (shelf.KEPT + 1) / 100
    assert shelf.save(tmp_path, FULL).revision > shelf.KEPT + 5  # none of the others is overwritten by it
    assert len(list(tmp_path.iterdir())) == shelf.KEPT + 1


def test_it_does_not_fit(tmp_path: Path) -> None:
    """A profile for another display or another resolution is refused in one line that says what it is for."""
    for display, size in (("EPSON PJ", (1920, 1080)), ("BenQ", SIZE)):
        with pytest.raises(ProfileError, match=r"is for 'EPSON PJ' at 1280x720, and this is .*: pin the picture") as no:
            fits(FULL, display, size)
        assert "\n" not in str(no.value)
    fits(FULL, "EPSON PJ", SIZE)
    shutil.copy(
        shelf.path_of(tmp_path, shelf.save(tmp_path, FULL).display, SIZE), shelf.path_of(tmp_path, "BenQ", SIZE)
    )
    with pytest.raises(ProfileError, match="this is 'BenQ'"):
        shelf.load(tmp_path, "BenQ", SIZE)


def test_a_newer_format() -> None:
    """A file of a newer Dreamwall is not guessed at."""
    newer = to_text(FULL).replace("format = 1", "format = 2") + "[colour]\nwhite = 6500\n"
    assert told(newer) == "wall.toml was written by a newer Dreamwall: format 2, and this one reads 1"


def test_every_mistake_is_told_at_once() -> None:
    """All that is wrong with a file that somebody edited is said in one go, each with the key that it is about."""
    text = to_text(FULL)
    for old, new in {
        "rotate = 270": 'rotate = "left"',
        "mirror = true": "miror = true",
        "gamma = 2.4": "gamma = nan",
        "curve = 1.5": "curve = true",
        "keep = true": "keep = 1",
        "bottom_left = [0.1, 719.0]": "bottom_left = [0.1]",
        "size = [1280, 720]": "size = [1280.5, 720]",
    }.items():
        assert old in text
        text = text.replace(old, new)
    said = told(text)
    for key in ("rotate", "mirror is missing", "miror is not known", "gamma", "edges.curve", "mask 2: keep", "size"):
        assert key in said
    assert "corners.bottom_left is not [0.1]: it takes two numbers" in said
    assert said.startswith("wall.toml has 8 problems:") and len(said.splitlines()) == 9


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"display": ""}, "display is empty"),
        ({"size": (8, 720)}, "16 to 16384"),
        ({"corners": whole(SIZE)[::-1]}, "say mirror"),
        ({"rotate": 45}, "not 45"),
        ({"gamma": 0.2}, "gamma is 1 to 4"),
        ({"seen_with": "two\nlines"}, r"seen_with is one line of 200 characters at most, not 'two\\nlines'"),
        ({"seen_with": "x" * 201}, "seen_with is one line"),
        ({"grid": Grid.flat(4, 3).moved(1, 1, (900.0, 0.0))}, "folds"),
        ({"grid": Grid.flat(4, 3).moved(1, 1, (9000.0, 0.0))}, "by more than the display"),
        ({"edges": SoftEdges(left=1000.0, right=500.0)}, "soft edges left and right"),
        ({"edges": SoftEdges(top=-1.0)}, "soft edges top and bottom"),
        ({"edges": SoftEdges(curve=0.5)}, "curve"),
        ({"masks": (Mask(((0.0, 0.0), (1.0, 1.0))),)}, "mask 1 has 2 points"),
        ({"masks": (Mask(((0.0, 0.0), (1e5, 1.0), (5.0, 5.0))),)}, "mask 1 has a point farther"),
        ({"masks": (Mask(((0.0, 0.0), (1.0, 1.0), (5.0, 5.0)), -3.0),)}, "feather of mask 1"),
        ({"masks": (Mask(((0.0, 0.0), (9.0, 1.0), (5.0, 5.0))),) * 65}, "64 is the most"),
    ],
)
def test_what_makes_no_sense(changes: dict[str, Any], said: str) -> None:
    """What no projector can do is neither written nor read."""
    with pytest.raises(ProfileError, match=said):
        to_text(replace(FULL, **changes))


def test_a_file_cut_short_anywhere() -> None:
    """However much of a file is missing at its end, it is never taken for a whole one."""
    text = to_text(FULL)
    for length in range(0, len(text) - 2, 7):
        assert told(text[:length])
    assert from_text(text, "") == FULL


@settings(deadline=None)
@given(data=st.data())
def test_a_damaged_file(data: st.DataObject, tmp_path_factory: pytest.TempPathFactory) -> None:
    """Whatever happened to a file's bytes, it is either refused in words or makes sense: never anything else."""
    raw = bytearray(to_text(FULL).encode())
    for _ in range(data.draw(st.integers(1, 5))):
        at = data.draw(st.integers(0, len(raw) - 1))
        raw[at : at + data.draw(st.integers(0, 9))] = data.draw(st.binary(max_size=6))
    path = tmp_path_factory.mktemp("damaged") / "wall.toml"
    path.write_bytes(raw)
    try:
        said, problems = "", shelf.read(path).problems()
    except ProfileError as error:
        said, problems = str(error), []
    assert problems == [] and (not said or said.startswith(str(path)))


@pytest.mark.parametrize(
    "text",
    [
        "",
        "format = 1",
        "[[[[",
        "format = " + "9" * 5000,
        "a = " + "[" * 5000,
        'format = "1"',
        "format = -1",
        "corners = 3",
    ],
)
def test_other_files_are_refused(text: str) -> None:
    """What is no profile at all is refused by its name, in words."""
    assert told(text).startswith("wall.toml")


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    """A folder, a picture or a huge file in its place is refused by its name."""
    path = shelf.path_of(tmp_path, FULL.display, SIZE)
    path.mkdir()
    with pytest.raises(ProfileError, match="cannot be read"):
        shelf.load(tmp_path, FULL.display, SIZE)
    path.rmdir()
    path.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ProfileError, match="damaged: not text"):
        shelf.load(tmp_path, FULL.display, SIZE)
    path.write_bytes(b"#" * (shelf.LARGEST + 2))
    with pytest.raises(ProfileError, match="damaged: larger than"):
        shelf.load(tmp_path, FULL.display, SIZE)


@pytest.mark.parametrize("fails_at", ["open", "write", "fsync", "link", "copy", "replace"])
def test_a_full_disk_halfway(fails_at: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Wherever saving fails, the old profile and the older ones are as they were, to the byte, and nothing is left."""
    for gamma in (1.5, 1.6):
        shelf.save(tmp_path, replace(FULL, gamma=gamma))
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}

    def full(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    if fails_at in {"open", "write"}:
        opened = Path.open

        def short(path: Path, mode: str = "r", **how: Any) -> Any:
            file = opened(path, mode, **how)
            if "w" not in mode:
                return file
            if fails_at == "open":
                file.close()
                full()
            return _Full(file)

        monkeypatch.setattr(Path, "open", short)
    elif fails_at == "fsync":
        monkeypatch.setattr(os, "fsync", full)
    elif fails_at == "replace":
        monkeypatch.setattr(Path, "replace", full)
    else:
        monkeypatch.setattr(os, "link", full)
        if fails_at == "copy":
            monkeypatch.setattr(shutil, "copyfile", full)
    if fails_at == "link":  # a file system without second names: it is copied instead
        assert shelf.save(tmp_path, replace(FULL, gamma=1.7)).revision == 3
        assert len(shelf.older(tmp_path, FULL.display, SIZE)) == 2
        return
    with pytest.raises(ProfileError, match=r"cannot be written \(the disk is full\).*the old profile is as it was"):
        shelf.save(tmp_path, replace(FULL, gamma=1.7))
    monkeypatch.undo()
    after = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    kept = {name: raw for name, raw in after.items() if name in before}
    assert kept == before
    assert not [name for name in after if name.endswith(".part")]
    assert shelf.save(tmp_path, replace(FULL, gamma=1.8)).gamma == 1.8


class _Full:
    """A file on a disk that takes ten characters more."""

    def __init__(self, file: Any) -> None:
        self._file = file

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def write(self, text: str) -> None:
        self._file.write(text[:10])
        raise OSError(errno.ENOSPC, "No space left on device")


def test_a_damaged_profile_is_replaced_but_kept(tmp_path: Path) -> None:
    """Pinning anew over a damaged file works, and the damaged one stays beside it for whoever wants to mend it."""
    path = shelf.path_of(tmp_path, FULL.display, SIZE)
    path.write_text("format = ", encoding="utf-8")
    shelf.save(tmp_path, FULL)
    assert shelf.load(tmp_path, FULL.display, SIZE) == FULL
    (older,) = shelf.older(tmp_path, FULL.display, SIZE)
    assert older.read_text(encoding="utf-8") == "format = "


def test_the_right_one_is_on(tmp_path: Path) -> None:
    """Each display and size gets its own profile, none is no warp at all, and a bad one is an event and no warp."""
    said: list[str] = []
    shelf.save(tmp_path, FULL)
    shelf.save(tmp_path, Profile.plain("EPSON PJ", (640, 480)))
    on = Projection(tmp_path, said.append)
    assert on.present() is None
    assert on.geometry("BenQ", SIZE) is None and on.present() == Profile.plain("BenQ", SIZE)
    found = on.geometry("EPSON PJ", SIZE)
    assert found is not None and found.profile == FULL and found.card is None and found.overlay is None
    assert on.status == "projector profile, revision 1" and not said
    assert on.geometry("EPSON PJ", (640, 480)) is None  # it changes nothing, so nothing is done
    shelf.path_of(tmp_path, "Sony", SIZE).write_text("format = 1\nsize = 3\n", encoding="utf-8")
    assert on.geometry("Sony", SIZE) is None and on.geometry("Sony", SIZE) is None
    assert on.status == "projector profile refused"
    assert len(said) == 1 and said[0].startswith("the picture is shown as it is: ") and "\n" not in said[0]


def test_pinning_and_projection(tmp_path: Path) -> None:
    """What is pinned is on the wall at once, kept with Enter, and on after the show has begun anew."""
    said: list[str] = []
    on = Projection(tmp_path, said.append)
    on.pins = pinning = Pinning(on.keep, said.append)
    assert on.geometry("EPSON PJ", SIZE) is None
    begin = on.present()
    assert begin is not None
    pinning.open(begin)
    pinning.press("right", shift=True)
    shown = on.geometry("EPSON PJ", SIZE)
    assert shown is not None and shown.card is not None and shown.overlay is not None
    dark = on.geometry("EPSON PJ", SIZE, dark=True)
    assert dark is not None and dark.card is None and dark.overlay is None
    pinning.press("return")
    assert not pinning.is_open and "revision 1" in said[-1]
    kept = on.geometry("EPSON PJ", SIZE)
    assert kept is not None and kept.profile.corners[0] == (10.0, 0.0) and kept.card is None
    again = Projection(tmp_path).geometry("EPSON PJ", SIZE)
    assert again is not None and again.profile == kept.profile
    pinning.open(kept.profile)
    assert on.geometry("EPSON PJ", (640, 480)) is None and not pinning.is_open
    assert "640x480" in said[-1]


def test_files_from_before_profiles_said_what_they_were_seen_with() -> None:
    """They stay valid, and a profile that no camera measured is written as it always was."""
    text = to_text(replace(FULL, seen_with=""))
    assert "seen_with" not in text and from_text(text, "wall.toml") == replace(FULL, seen_with="")
    assert told(to_text(FULL).replace(f'"{FULL.seen_with}"', "3")).endswith("seen_with is not 3: it takes a text")


@pytest.mark.parametrize(
    ("camera", "placing", "runs"),
    [
        ((1280, 720), Placing(mirror=True), ""),
        ((1280, 720), Placing(), "--no-mirror --rotate 0 --fit cover --camera-size 1280x720"),
        ((1280, 720), Placing(mirror=True, rotate=90), "--mirror --rotate 90 --fit cover --camera-size 1280x720"),
        ((1280, 720), Placing(mirror=True, cover=False), "--mirror --rotate 0 --fit contain --camera-size 1280x720"),
        ((640, 480), Placing(mirror=True), "--mirror --rotate 0 --fit cover --camera-size 640x480"),
    ],
)
def test_a_show_that_runs_otherwise_than_was_measured(
    camera: tuple[int, int], placing: Placing, runs: str, tmp_path: Path
) -> None:
    """It is told once, with both and what to do, and stands in the status; the picture is laid by the profile all the
    same.  A show that runs as was measured hears nothing.
    """
    said: list[str] = []
    shelf.save(tmp_path, FULL)
    on = Projection(tmp_path, said.append, seen_with(camera, placing))
    for display in (FULL.display, "gone", FULL.display):
        found = on.geometry(display, SIZE)
    assert found is not None and found.profile == FULL
    if not runs:
        assert not said and on.status == "projector profile, revision 1"
        return
    (line,) = said
    assert FULL.seen_with in line and f"the show runs with {runs}: measure again" in line and "\n" not in line
    assert on.status == "projector profile, revision 1, measured otherwise"


def test_pinning_keeps_what_a_profile_was_seen_with(tmp_path: Path) -> None:
    """A corner that was pulled is no new measurement; and a profile that no camera measured warns of nothing."""
    said: list[str] = []
    shelf.save(tmp_path, FULL)
    on = Projection(tmp_path, said.append, seen_with((640, 480), Placing()))
    on.geometry(FULL.display, SIZE)
    assert len(said) == 1
    pinning = Pinning(on.keep, said.append)
    begin = on.present()
    assert begin is not None
    pinning.open(begin)
    pinning.press("right")
    pinning.press("return")
    kept = shelf.load(tmp_path, FULL.display, SIZE)
    assert kept is not None and kept.revision == 2 and kept.seen_with == FULL.seen_with
    assert kept.corners != FULL.corners
    assert sum("measured with" in line for line in said) == 1
    on.keep(replace(FULL, seen_with=""))
    assert on.status == "projector profile, revision 3"
