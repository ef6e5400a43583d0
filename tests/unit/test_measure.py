"""The command that measures a leap, from files to files."""

import json
from functools import partial
from pathlib import Path

import cv2
import pytest
import torch
from safetensors.torch import load_file, save_file

from dreamers import scene
from models.googlenet import googlenet
from models.inception import inception_v3
from models.leap import Leap, save
from models.leap_net import LeapNet
from models.network import BATCH_NORM_EPS, ConvUnit, Network
from training import measure, photographs, stamina, transfer
from training.cost import cost
from training.reference import References

TAPS = ("Conv2d_1a_3x3", "Conv2d_2a_3x3")
PNG = b"\x89PNG"


def write(network: Network, path: Path) -> Path:
    """The network with torchvision's keys, its batch norm doing nothing."""
    state = {}
    for name, unit in network.named_modules():
        if isinstance(unit, ConvUnit):
            weight, bias = unit.weights()
            even = torch.ones(unit.out)
            state |= {f"{name}.conv.weight": weight.contiguous(), f"{name}.bn.weight": even, f"{name}.bn.bias": bias}
            state |= {f"{name}.bn.running_mean": 0 * even, f"{name}.bn.running_var": even * (1 - BATCH_NORM_EPS)}
    save_file({key: value.contiguous().clone() for key, value in state.items()}, path)
    return path


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An untrained leap and teacher with two taps, another network, two photographs and a film."""
    folder = tmp_path_factory.mktemp("files")
    torch.manual_seed(0)
    net = LeapNet(TAPS, widths=(4, 8, 8, 8), blocks=1)
    torch.nn.init.normal_(net.creatures.pictures)
    save(net, folder / "leap.safetensors", {"teacher": "random"})
    write(inception_v3(TAPS[-1]), folder / "teacher.safetensors")
    write(googlenet("inception3b"), folder / "judge.safetensors")
    (folder / "photos").mkdir()
    film = cv2.VideoWriter(str(folder / "film.avi"), cv2.VideoWriter.fourcc(*"MJPG"), 30, (160, 120))
    for seed in (1, 2):
        pixels = ((scene(seed, 120, 200)[0].permute(1, 2, 0).numpy() + 1) * 127.5).astype("uint8")
        cv2.imwrite(str(folder / "photos" / f"{seed}.png"), pixels)
        film.write(pixels[:, :160].copy())
    film.release()
    return folder


@pytest.fixture(autouse=True)
def _brief(monkeypatch: pytest.MonkeyPatch) -> None:
    """Small pictures, few calls, references of four steps: what the full ones take is not the question."""
    monkeypatch.setattr(photographs, "SIZE", (120, 160))
    monkeypatch.setattr(transfer, "CALLS", (0, 1, 8))
    monkeypatch.setattr(stamina, "SETTLED", 0)
    monkeypatch.setattr(measure, "References", partial(References, steps=(1, 4)))
    monkeypatch.setattr(measure, "cost", partial(cost, sizes=((64, 80),), threads=(1,)))


def run(files: Path, out: Path, *more: str) -> dict:
    given = ["--leap", files / "leap.safetensors", "--teacher", files / "teacher.safetensors"]
    given += ["--photos", files / "photos", "--cache", files / "cache", "--out", out, *more]
    measure.main([str(part) for part in given])
    return json.loads((out / "measured.json").read_text())


def test_everything_is_measured_and_written_down(files: Path, tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    """One command measures all there is, prints it, draws both plots and puts the figures into the leap's own card."""
    before = load_file(files / "leap.safetensors")
    more = ["--judge", files / "judge.safetensors", "--clip", files / "film.avi", "--taps", "+".join(TAPS)]
    found = run(files, tmp_path, *more, "--frames", "50", "--write")
    assert found["photographs"] == 2
    for tap in TAPS:
        assert set(found["transfer"][tap]["leap"]["value"]) == {"0", "1", "8"}
        assert set(found["judge"][tap]) == {"inception3a", "inception3b"}
        for kind in ("leap", "true"):
            assert all(isinstance(value, float) for value in found["own"][tap][kind].values())
    for scene_ in ("still", "film"):
        assert set(found["stamina"][scene_]) == {"+".join(TAPS)}
        assert found["stamina"][scene_]["+".join(TAPS)]["marks"][-1]["frame"] == 50
    assert found["cost"]["parameters"] == sum(value.numel() for value in before.values())
    assert found["cost"]["bytes"] > 2 * found["cost"]["parameters"]
    assert all(row["80x64"] > 0 for row in found["cost"]["ms"].values())
    for plot in ("leap-transfer.png", "leap-stamina.png"):
        assert (tmp_path / plot).read_bytes().startswith(PNG)
    card = Leap.load(files / "leap.safetensors").card
    assert card["teacher"] == "random"
    assert card["measured"]["transfer"] == found["transfer"]
    assert "marks" not in json.dumps(card["measured"]["stamina"])
    after = load_file(files / "leap.safetensors")
    assert all(torch.equal(after[key], value) for key, value in before.items())
    said = capsys.readouterr().out
    assert all(word in said for word in (*TAPS, "Transfer", "Second judge", "Own dream", "Stamina", "GFLOP"))


def test_one_tap_is_measured_again(files: Path, tmp_path: Path) -> None:
    """After a part of the network has changed its taps are measured alone; what is known of the others stays."""
    leap = Leap.load(files / "leap.safetensors")
    curve = {"leap": {"objective": {"0": 1.0, "1": 2.0}, "value": {"0": 0.5, "1": 1.0}}}
    curve |= {"true": {"objective": {"0": 1.0, "4": 2.0}}, "reached": {"value": 1.0, "rise": 1.0, "calls": 1}}
    told = {
        "judge": {TAPS[0]: {"inception3a": {"leap": 1.5, "true": 2.0}}},
        "transfer": {TAPS[0]: curve},
        "own": {TAPS[0]: {kind: {"alike": 0.5} for kind in ("leap", "true")}},
    }
    save(leap.net, tmp_path / "leap.safetensors", {**leap.card, "measured": told})
    more = ["--only", TAPS[1], "--parts", "transfer,judge", "--leap", str(tmp_path / "leap.safetensors")]
    measured = run(files, tmp_path, *more)
    assert measured["judge"] == told["judge"], "nobody judged anew"
    found = measured["transfer"]
    assert list(found) == list(TAPS)
    assert found[TAPS[0]] == curve and set(found[TAPS[1]]["leap"]["value"]) == {"0", "1", "8"}
    assert (tmp_path / "leap-transfer.png").read_bytes().startswith(PNG)


def test_without_a_second_judge_it_says_so(files: Path, tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    """Where there is no other network the report says that nothing was judged, and a quick look stays quick."""
    found = run(files, tmp_path, "--parts", "judge", "--most", "1")
    assert "not judged" in found["judge"]
    assert "not judged" in capsys.readouterr().out
    assert "transfer" not in found


@pytest.mark.parametrize(
    ("more", "what"),
    [
        (["--parts", "tranfer"], "no tranfer"),
        (["--write", "--most", "1"], "--write needs"),
        (["--frames", "40"], "takes 50"),
        (["--taps", "Mixed_5b"], "no Mixed_5b"),
        (["--only", "Mixed_5b"], "no Mixed_5b"),
        (["--clip", "nowhere.mp4"], "nowhere.mp4"),
        (["--judge", "nowhere.pth"], "nowhere.pth"),
        (["--teacher", "judge.safetensors"], "not this leap's teacher"),
        (["--leap", "teacher.safetensors"], "not a leap"),
    ],
)
def test_what_cannot_be_measured_is_refused(
    files: Path, tmp_path: Path, capsys: pytest.CaptureFixture, monkeypatch: pytest.MonkeyPatch, more: list, what: str
) -> None:
    """Whatever is wrong is said in a line before anything long begins."""
    monkeypatch.chdir(files)
    monkeypatch.setattr(measure, "transfer", lambda *_: pytest.fail("began"))
    with pytest.raises(SystemExit) as refusal:
        run(files, tmp_path, *more)
    assert what in str(refusal.value) + capsys.readouterr().err
