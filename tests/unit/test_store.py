"""An engine is found again as it was kept, or not at all; whatever is wrong with a file is one line and no crash."""

import errno
import os
import re
import shutil
import subprocess
import tempfile
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.ascent import store as module
from models.ascent.compiled import BuildError
from models.ascent.fingerprint import fingerprint
from models.ascent.store import Key, Store
from models.googlenet import googlenet
from models.inception import inception_v3
from models.network import InputRange
from needs import lacking

KEY = Key(
    "inception_v3", "0123456789abcdef", ("Mixed_5b", "Mixed_6b"), (240, 320), "float16", "tensorrt_rtx 1.5.0", "sm_89"
)
OTHERS = {
    "network": "fedcba9876543210",
    "layers": ("Mixed_5c", "Mixed_6b"),
    "size": (241, 320),
    "precision": "float32",
    "version": "tensorrt_rtx 1.4.0",
    "target": "sm_86",
}


@pytest.fixture
def told():
    return []


@pytest.fixture
def store(tmp_path, told):
    return Store(tmp_path / "engines", event=told.append)


def as_root():
    return hasattr(os, "geteuid") and os.geteuid() == 0


@settings(max_examples=40, deadline=None)
@given(engine=st.binary(max_size=400), place=st.integers(0), flip=st.integers(1, 255))
def test_what_is_kept_is_found_and_nothing_else(engine, place, flip):
    """Any engine comes back byte for byte; with any byte of its file changed it does not come back."""
    with tempfile.TemporaryDirectory() as folder:
        told = []
        store = Store(Path(folder), event=told.append)
        path = store.keep(KEY, engine)
        assert store.find(KEY) == engine and told == []
        content = bytearray(path.read_bytes())
        content[place % len(content)] ^= flip
        path.write_bytes(content)
        assert store.find(KEY) is None
        assert told == [f"{path} is damaged and will be built again"]


@settings(max_examples=30, deadline=None)
@given(engine=st.binary(min_size=1, max_size=200), share=st.floats(0, 1, exclude_max=True), more=st.binary(min_size=1))
def test_a_file_cut_short_or_grown_is_not_used(engine, share, more):
    """A lost supply leaves files of any length, an empty one too; a full disk has cut others."""
    with tempfile.TemporaryDirectory() as folder:
        told = []
        store = Store(Path(folder), event=told.append)
        path = store.keep(KEY, engine)
        whole = path.read_bytes()
        path.write_bytes(whole[: int(len(whole) * share)])
        assert store.find(KEY) is None
        path.write_bytes(whole + more)
        assert store.find(KEY) is None
        assert len(told) == 2


def test_what_is_not_there_is_not_told(store, told):
    """An engine that was never built is no fault."""
    assert store.find(KEY) is None and not (store.folder / KEY.name).exists() and told == []


@pytest.mark.parametrize("field", OTHERS)
def test_another_key_is_another_engine(store, told, field):
    """Whatever an engine depends on, a change of it finds no engine of before, and has a file of its own."""
    other = replace(KEY, **{field: OTHERS[field]})
    store.keep(KEY, b"mine")
    assert store.find(other) is None
    store.keep(other, b"other")
    assert store.find(KEY) == b"mine" and store.find(other) == b"other" and told == []


def test_an_engine_for_another_card_under_this_ones_name_is_not_used(store, told):
    """A file copied from another machine and renamed is told for what it is, and built again."""
    foreign = store.keep(replace(KEY, target="sm_86"), b"theirs")
    path = foreign.rename(store.folder / KEY.name)
    assert store.find(KEY) is None
    (line,) = told
    assert line == f"{path} holds another engine (its target is sm_86, not sm_89) and will be built again"
    store.keep(KEY, b"mine")
    assert store.find(KEY) == b"mine"


def test_an_engine_of_an_older_compiler_is_pointed_out(store, told):
    """After an update the engines of before are named once, with what sets them apart; other networks' are not."""
    assert store.near(KEY) is None
    store.keep(replace(KEY, network=OTHERS["network"]), b"of another network")
    store.keep(replace(KEY, size=(96, 96)), b"of another size")
    assert store.near(KEY) is None
    old = store.keep(replace(KEY, version=OTHERS["version"]), b"old")
    assert store.near(KEY) == f"{old} cannot be used here: its version is tensorrt_rtx 1.4.0, not tensorrt_rtx 1.5.0"
    old.write_bytes(b"no longer an engine")
    assert store.near(KEY) is None


def test_file_names_can_be_read(store):
    """A person sees in the folder what an engine is for."""
    assert re.fullmatch(r"inception_v3-Mixed_6b-320x240-float16-sm_89-[0-9a-f]{12}\.engine", KEY.name)
    strange = replace(KEY, kind="../a b", target="NVIDIA: x/y")
    assert "/" not in strange.name and store.keep(strange, b"1").parent == store.folder


def test_a_file_that_was_meant_for_something_else_is_not_used(store, told):
    """A picture under an engine's name, a folder under it: told, never raised."""
    store.folder.mkdir()
    (store.folder / KEY.name).write_bytes(b"\x89PNG\r\n" * 100)
    assert store.find(KEY) is None
    (store.folder / KEY.name).unlink()
    (store.folder / KEY.name).mkdir()
    assert store.find(KEY) is None
    assert "damaged" in told[0] and "cannot be read (Is a directory)" in told[1]
    with pytest.raises(BuildError, match="cannot be written"):
        store.keep(KEY, b"1")
    assert [path.name for path in store.folder.iterdir()] == [KEY.name]


def full(monkeypatch, number=errno.ENOSPC):
    def refuse(*_):
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(module.os, "fsync", refuse)


def test_a_full_disk_is_one_line_and_leaves_no_half_file(store, told, monkeypatch):
    """The line names the folder and what the engine would have taken; what was there before is still there."""
    store.keep(KEY, b"before")
    full(monkeypatch)
    with pytest.raises(BuildError) as caught:
        store.keep(KEY, bytes(3_000_000))
    assert f"no room in {store.folder} for an engine of 3 MB" in str(caught.value)
    assert "\n" not in str(caught.value)
    assert [path.name for path in store.folder.iterdir()] == [KEY.name]
    assert store.find(KEY) == b"before"


def test_a_disk_that_fails_otherwise_is_said_as_it_is(store, monkeypatch):
    """An input/output error is no full disk."""
    full(monkeypatch, errno.EIO)
    with pytest.raises(BuildError, match="Input/output error"):
        store.keep(KEY, b"1")
    assert list(store.folder.iterdir()) == []


def test_a_disk_that_is_really_full(told):
    """A file system of 1 MB takes a small engine, refuses a large one, and takes a small one again."""
    with tempfile.TemporaryDirectory() as folder:
        mounted = as_root() and shutil.which("mount") and not subprocess.call(
            ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", folder], stderr=subprocess.DEVNULL
        )  # fmt: skip
        if not mounted:
            lacking("NOT TESTED: no small file system can be mounted here")
        try:
            store = Store(Path(folder) / "engines", event=told.append)
            store.keep(KEY, b"small")
            with pytest.raises(BuildError, match="no room in"):
                store.keep(replace(KEY, target="sm_90"), bytes(2_000_000))
            with pytest.raises(BuildError, match="no room in"):
                store.check()
            assert store.find(KEY) == b"small" and len(list(store.folder.iterdir())) == 1
            store.keep(replace(KEY, target="sm_75"), b"small too")
        finally:
            subprocess.run(["umount", folder], check=True)


def test_a_folder_that_cannot_be_made_is_one_line(tmp_path, told):
    """Told before minutes are spent on a build; looking into it finds nothing and raises nothing."""
    (tmp_path / "file").write_text("in the way")
    store = Store(tmp_path / "file" / "engines", event=told.append)
    for attempt in (store.check, lambda: store.keep(KEY, b"1")):
        with pytest.raises(BuildError, match=r"engines cannot be written \(Not a directory\).*DREAMWALL_CACHE"):
            attempt()
    assert store.find(KEY) is None and store.near(KEY) is None


def test_a_folder_that_may_only_be_read_still_gives_its_engines(store, told, monkeypatch):
    """A kiosk's disk may be read-only: engines prepared before are used, and nothing new is tried to be built."""
    store.keep(KEY, b"prepared")

    def read_only(*_args, **_options):
        raise PermissionError(errno.EROFS, os.strerror(errno.EROFS))

    monkeypatch.setattr(Path, "open", read_only)
    monkeypatch.setattr(Path, "write_bytes", read_only)
    monkeypatch.setattr(module.os, "utime", read_only)
    monkeypatch.setattr(Path, "read_bytes", lambda path: os.read(os.open(path, os.O_RDONLY), 1 << 20))
    assert store.find(KEY) == b"prepared" and told == []
    with pytest.raises(BuildError, match="Read-only file system"):
        store.check()


@pytest.mark.skipif(as_root(), reason="NOT TESTED: root may write everywhere")
def test_a_folder_without_permission(store):
    """The same with a real folder whose rights were taken away."""
    store.keep(KEY, b"prepared")
    store.folder.chmod(0o500)
    try:
        assert store.find(KEY) == b"prepared"
        with pytest.raises(BuildError, match="cannot be written"):
            store.check()
    finally:
        store.folder.chmod(0o700)


def test_what_was_left_half_written_is_removed(store):
    """Files that a killed builder began are cleaned away later; those being written right now stay."""
    store.folder.mkdir()
    old, new = store.folder / f"{KEY.name}.1.part", store.folder / f"{KEY.name}.2.part"
    old.write_bytes(b"half")
    new.write_bytes(b"half")
    os.utime(old, (1, 1))
    store.keep(KEY, b"whole")
    assert not old.exists() and new.exists() and store.find(KEY) == b"whole"


def test_the_engines_not_used_for_longest_go_first(tmp_path, told):
    """The folder stays within its limit; what a show found lately stays, and the new one, however large."""
    store = Store(tmp_path, limit=3000, event=told.append)
    keys = [replace(KEY, target=f"sm_{number}") for number in range(4)]
    for age, key in enumerate(keys[:3]):
        os.utime(store.keep(key, bytes(500)), (1000 + age, 1000 + age))
    assert store.find(keys[0]) is not None  # used just now
    store.keep(keys[3], bytes(1000))
    assert [(store.folder / key.name).exists() for key in keys] == [True, False, True, True]
    assert len(told) == 1 and keys[1].name in told[0] and "not used for longest" in told[0]
    store.keep(KEY, bytes(5000))
    assert [path.name for path in tmp_path.iterdir()] == [KEY.name]


def test_an_engine_can_be_forgotten(store):
    """One that its library cannot read goes, so that it is built anew; forgetting twice is harmless."""
    store.keep(KEY, b"useless")
    store.forget(KEY)
    store.forget(KEY)
    assert store.find(KEY) is None


def test_engines_lie_beside_the_networks(monkeypatch, tmp_path):
    """`$DREAMWALL_CACHE` moves both."""
    monkeypatch.setenv("DREAMWALL_CACHE", str(tmp_path))
    assert Store().folder == tmp_path / "engines"


# -- the network's mark ------------------------------------------------------------------------------------------------


def test_the_mark_is_that_of_the_weights_in_use():
    """The same weights have the same mark however deep the file was loaded; any other number has another."""
    network = inception_v3("Mixed_5c")
    mark = fingerprint(network, "Mixed_5b")
    assert re.fullmatch("[0-9a-f]{16}", mark)
    assert fingerprint(network.truncated("Mixed_5b"), "Mixed_5b") == mark
    assert fingerprint(network, "Mixed_5c") != mark
    again = network.truncated("Mixed_5c")
    again.get_parameter("Mixed_5c.branch1x1.conv.bias").data[3] += 1e-6
    assert fingerprint(again, "Mixed_5b") == mark
    assert fingerprint(again, "Mixed_5c") != fingerprint(network, "Mixed_5c")


def test_the_mark_tells_networks_apart_that_have_the_same_weights():
    """How padding is counted and what range the pixels have is part of a network, and not in its weights."""
    weights = inception_v3("Mixed_5c").state_dict()
    made = [
        inception_v3("Mixed_5c"),
        inception_v3("Mixed_5c", pool_counts_padding=False),
        inception_v3("Mixed_5c", input_range=InputRange((0.4, 0.4, 0.4))),
        inception_v3("Mixed_5c", input_range=InputRange((0.4, 0.4, 0.4))),
    ]
    for network in made:
        network.load_state_dict(weights)
    made[3].fold_input()
    assert len({fingerprint(network, "Mixed_5c") for network in made}) == 4
    assert fingerprint(made[0], "Mixed_5b") != fingerprint(made[1], "Mixed_5b")
    assert fingerprint(made[0], "Conv2d_4a_3x3") == fingerprint(made[1], "Conv2d_4a_3x3")


def test_googlenet_has_a_mark_too():
    """Every network in the house can be told from every other."""
    network = googlenet("inception3b")
    assert len({fingerprint(network, layer) for layer in network.layers}) == len(network.layers)
