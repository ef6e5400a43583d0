"""A network's file is found, checked and loaded, or refused in one line that says what to do."""

import os
import re
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from models.weights import NetworkError, cache_dir, find_cached, identify, known_networks, load_network
from shared_material import WEIGHTS, needs_weights
from torchvision_format import GOOGLENET, Plain, State, random_state


@pytest.fixture(scope="module")
def state() -> State:
    return random_state("googlenet", seed=3)


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Nobody's own cache folder is looked into."""
    monkeypatch.setenv("DREAMWALL_CACHE", str(tmp_path / "cache"))
    (tmp_path / "cache").mkdir()
    return tmp_path / "cache"


def refusal(where: str | Path, deepest: str | None = None) -> str:
    with pytest.raises(NetworkError) as caught:
        load_network(where, deepest)
    message = str(caught.value)
    assert "\n" not in message
    assert len(message.replace(str(where), "")) < 400
    return message


def small(state: State) -> State:
    """GoogLeNet's stem with the heads' keys, which is a network too and quick to write."""
    return {key: value for key, value in state.items() if not key.startswith("inception")}


def saved(path: Path, content: object) -> Path:
    torch.save(content, path)
    return path


WRAPPINGS: dict[str, Callable[[State, Path], Path]] = {
    "pth": lambda state, folder: saved(folder / "net.pth", state),
    "pth of a whole training": lambda state, folder: saved(folder / "net.pt", {"epoch": 3, "state_dict": state}),
    "pth from DataParallel": lambda state, folder: saved(folder / "net.pth", {f"module.{k}": state[k] for k in state}),
    "old pth": lambda state, folder: (
        torch.save(state, folder / "o.pth", _use_new_zipfile_serialization=False) or folder / "o.pth"
    ),
    "safetensors": lambda state, folder: save_file(state, folder / "net.safetensors") or folder / "net.safetensors",
}


@pytest.mark.parametrize("wrapping", WRAPPINGS)
def test_torchvision_checkpoints_load_as_they_are(wrapping: str, state: State, tmp_path: Path) -> None:
    """A checkpoint as torchvision writes it, heads and all, loads from every usual container and computes the same."""
    image = torch.rand(1, 3, 50, 58, generator=torch.Generator().manual_seed(1)) * 2 - 1
    expected = Plain(state).googlenet(image)
    deepest = "inception5b" if wrapping == "safetensors" else "conv3"
    network = load_network(WRAPPINGS[wrapping](state if deepest == "inception5b" else small(state), tmp_path))
    (found,) = network.activations(image, [deepest])
    assert network.name == "googlenet"
    assert network.layers == GOOGLENET[: GOOGLENET.index(deepest) + 1]
    assert (found - expected[deepest]).abs().max() < 1e-4 * expected[deepest].abs().max()
    assert all(p.dtype == torch.float32 and not p.requires_grad for p in network.parameters())
    assert network.conv1.conv.weight.is_contiguous(memory_format=torch.channels_last)


def test_half_precision_files_load_as_float32(state: State, tmp_path: Path) -> None:
    """A file stored in half the space loads, and differs by no more than that rounding."""
    stem = small(state)
    half = {key: value.half() if value.is_floating_point() else value for key, value in stem.items()}
    save_file(half, tmp_path / "half.safetensors")
    network = load_network(tmp_path / "half.safetensors")
    image = torch.rand(1, 3, 40, 40, generator=torch.Generator().manual_seed(1)) * 2 - 1
    found, expected = network(image), load_network(saved(tmp_path / "whole.pth", stem))(image)
    assert found.dtype == torch.float32
    assert network.layers == ("conv1", "conv2", "conv3")
    assert (found - expected).abs().max() < 5e-3 * expected.abs().max()


def test_only_the_layers_in_use_are_loaded(state: State, tmp_path: Path) -> None:
    """Asked for a shallow layer, a deep file gives a network that ends there."""
    network = load_network(saved(tmp_path / "net.pth", state), "inception3a")
    assert network.layers[-1] == "inception3a"
    assert not any(name.startswith("inception3b") for name, _ in network.named_parameters())
    assert not any(p.is_meta for p in network.parameters())


def test_bad_files_are_refused_in_one_line(state: State, tmp_path: Path) -> None:
    """Whatever is wrong with a file, one line names it, says what is wrong, and no code in it is run."""
    stem = small(state)
    whole = saved(tmp_path / "whole.pth", stem).read_bytes()
    save_file(stem, tmp_path / "whole.safetensors")
    tensors = (tmp_path / "whole.safetensors").read_bytes()

    def raw(name: str, content: bytes) -> Path:
        (tmp_path / name).write_bytes(content)
        return tmp_path / name

    without = {key: value for key, value in stem.items() if key != "conv2.bn.running_var"}
    wider = stem | {"conv3.conv.weight": torch.zeros(192, 65, 3, 3)}
    infinite = stem | {"conv2.bn.running_var": torch.full((64,), -1.0)}
    (tmp_path / "folder.pth").mkdir()
    expected = {
        tmp_path / "missing.pth": "does not exist",
        tmp_path / "folder.pth": "is a folder",
        raw("empty.pth", b""): "is empty",
        raw("empty.safetensors", b""): "is empty",
        raw("page.pth", b"<html>404 not found</html>" * 50): "damaged, cut short or no network",
        raw("page.safetensors", b"<html>404 not found</html>" * 50): "damaged, cut short or no network",
        raw("cut.pth", whole[: len(whole) // 2]): "damaged, cut short or no network",
        raw("cut.safetensors", tensors[: len(tensors) // 2]): "damaged, cut short or no network",
        raw("network.onnx", whole): "name must end in",
        saved(tmp_path / "program.pth", {"a": stem["conv1.conv.weight"], "b": os.path.join}): "could run a program",
        saved(tmp_path / "module.pth", torch.nn.Linear(2, 2)): "could run a program",
        saved(tmp_path / "list.pth", [1, 2]): "holds a list",
        saved(tmp_path / "nothing.pth", {}): "holds no weights",
        saved(tmp_path / "vgg.pth", {"features.0.weight": torch.zeros(2)}): "its first key is 'features.0.weight'",
        saved(tmp_path / "hole.pth", without): "conv2.bn.running_var is missing",
        saved(tmp_path / "wide.pth", wider): r"conv3.conv.weight is \(192, 65, 3, 3\) where googlenet has \(192, 64",
        saved(tmp_path / "nan.pth", infinite): "conv2 holds numbers that are not finite",
    }
    for path, reason in expected.items():
        message = refusal(path)
        assert path.name in message
        assert re.search(reason, message), message


def test_a_layer_the_file_does_not_reach_is_refused(state: State, tmp_path: Path) -> None:
    """A layer deeper than the file goes is refused with the layers it has."""
    assert "it has conv1, conv2, conv3" in refusal(saved(tmp_path / "stem.pth", small(state)), "inception4c")


def test_a_name_is_looked_up_in_the_cache(own_cache: Path) -> None:
    """Known networks go by name. One that is not there comes with the command, or the place, that gets it."""
    assert "run `dreamwall fetch googlenet`" in refusal("googlenet")
    assert f"not in {own_cache}: put inception_v3_2015.safetensors there" in refusal("inception_v3_2015")
    assert "or one of inception_v3_2015, inception_v3, googlenet" in refusal("gogglenet")


def test_a_file_that_is_not_what_its_name_says_is_refused(state: State, own_cache: Path) -> None:
    """A known file name with another checksum never reaches the wall, by path or by name."""
    path = saved(own_cache / known_networks()["googlenet"].file, small(state))
    for where in (path, "googlenet"):
        message = refusal(where)
        assert "sha256" in message
        assert "`dreamwall fetch googlenet`" in message


def test_the_best_cached_network_is_found(own_cache: Path) -> None:
    """With several networks in the cache the first of weights.toml is taken; with none, none."""
    assert find_cached() is None
    known = known_networks()
    for name in reversed(known):
        (own_cache / known[name].file).write_bytes(b"x")
        assert find_cached() == own_cache / known[name].file


def test_the_cache_folder_follows_the_platform(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """DREAMWALL_CACHE wins, then XDG_CACHE_HOME, then ~/.cache; on Windows LOCALAPPDATA."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
    monkeypatch.setenv("LOCALAPPDATA", str(tmp_path / "local"))
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    assert cache_dir() == tmp_path / "cache"
    monkeypatch.delenv("DREAMWALL_CACHE")
    monkeypatch.setattr("sys.platform", "linux")
    assert cache_dir() == tmp_path / "xdg" / "dreamwall"
    monkeypatch.delenv("XDG_CACHE_HOME")
    assert cache_dir() == tmp_path / "home" / ".cache" / "dreamwall"
    monkeypatch.setattr("sys.platform", "win32")
    assert cache_dir() == tmp_path / "local" / "dreamwall"


def test_every_known_network_is_described_in_full() -> None:
    """Each table of weights.toml can be built, checked, credited, and fetched over https where it can be fetched."""
    for known in known_networks().values():
        assert re.fullmatch(r"[0-9a-f]{8}|[0-9a-f]{64}", known.sha256), known.name
        assert len(known.sha256) == 64 or known.sha256 in known.file  # PyTorch's own eight digits
        assert known.url is None or (known.url.startswith("https://") and known.url.endswith("/" + known.file))
        assert "arXiv" in known.cite
        assert known.licence != "unknown"
        with torch.device("meta"):
            assert known.build().name == known.kind


@needs_weights
def test_the_real_file_is_known_under_any_name(tmp_path: Path, own_cache: Path) -> None:
    """The 2015 weights are recognised by their checksum, and their pools leave the padding out as TensorFlow's do."""
    renamed = tmp_path / "dream.safetensors"
    shutil.copy(WEIGHTS, renamed)
    (own_cache / WEIGHTS.name).symlink_to(WEIGHTS)
    for where in (renamed, WEIGHTS, "inception_v3_2015"):
        network = load_network(where, "Mixed_5b")
        (pool,) = {step for row in network.Mixed_5b._rows for step in row if isinstance(step, torch.nn.AvgPool2d)}
        assert pool.count_include_pad is False
    known = identify(renamed)
    assert known is not None
    assert known.last_pool == "max"
    assert "has no layer 'Mixed_7c'; it has Conv2d_1a_3x3" in refusal(WEIGHTS, "Mixed_7c")
