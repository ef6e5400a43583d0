"""The doctor: whatever is missing or broken is one line with what mends it, and never the end of the page."""

import errno
import io
import json
import re
import sys
import tomllib
from collections.abc import Callable, Iterable, Sequence
from importlib.metadata import PackageNotFoundError
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from fakes import ScriptedSource, plain
from installation.checks import around, dream, parts, picture
from installation.checks.apart import answer, apart
from installation.checks.check import Check, in_short, size_of
from installation.clock import HandClock
from installation.doctor import SECTIONS, Page, doctor
from installation.errors import SettingsError, SinkError, SourceError
from installation.frame import Frame
from installation.settings import Settings, load_settings
from installation.sinks.window import Display
from installation.sources.v4l2 import Mode, Node

ROOT = Path(__file__).parents[2]


def asked(**values: Any) -> Settings:
    return load_settings(None, values)


def states(checks: Iterable[Check]) -> list[tuple[str, str]]:
    return [(check.what, check.state) for check in checks]


def only(checks: Iterable[Check]) -> Check:
    (check,) = checks
    return check


def raiser(error: Exception) -> Callable[..., Any]:
    def call(*_: object, **__: object) -> Any:
        raise error

    return call


# -- run apart -------------------------------------------------------------------------------------------------------


def test_what_crashes_or_hangs_is_a_line() -> None:
    """A driver that takes its process along, ends it or hangs is one line; what comes after it is looked at."""
    names = ("healthy", "crashing", "hanging", "failing", "leaving", "hoarse")
    checks = apart([(name, f"ailing:{name}") for name in names], asked(source="clouds"), timeout=5.0)
    assert [(check.what, check.state, check.value) for check in checks] == [
        ("heart", "well", "beats for clouds"),
        ("crashing", "broken", "crashed (SIGSEGV)"),
        ("hanging", "broken", "no answer within 5 s"),
        ("first", "well", "was found"),
        ("failing", "broken", "RuntimeError: the second"),
        ("leaving", "broken", "ended with 3: the licence server is gone"),
        ("voice", "second-best", "hoarse → räuspern"),
    ]


def test_a_check_that_is_not_there_is_a_line() -> None:
    """Where part of Dreamwall itself is missing or does not load, the page says so and goes on."""
    checks = apart([("wheel", "installation.checks.wheel:turns"), ("heart", "ailing:healthy")], asked(), 20.0)
    assert states(checks) == [("wheel", "broken"), ("heart", "well")]
    assert "No module named" in checks[0].value


# -- the page --------------------------------------------------------------------------------------------------------

WARD = {"Ward": [("heart", "ailing:healthy"), ("voice", "ailing:hoarse")]}
SURGERY = {**WARD, "Surgery": [("leg", "ailing:lame")]}


class Paper(io.StringIO):
    """Something to print on: a terminal or not, in an encoding."""

    def __init__(self, tty: bool, encoding: str) -> None:
        super().__init__()
        self._tty, self._encoding = tty, encoding

    @property
    def encoding(self) -> str:  # type: ignore[override]
        return self._encoding

    def isatty(self) -> bool:
        return self._tty


def test_the_exit_code_is_for_scripts() -> None:
    """0 where it will play, if only second-best; 1 as soon as something will not work as asked."""
    out = io.StringIO()
    assert doctor(sections=WARD, out=out, timeout=20.0) == 0
    assert "It will play; 1 thing could be better." in out.getvalue()
    assert "drink tea" in out.getvalue()
    out = io.StringIO()
    assert doctor(sections=SURGERY, out=out, timeout=20.0) == 1
    assert out.getvalue().index("Ward") < out.getvalue().index("Surgery")
    assert "1 thing will not work as asked, 1 thing could be better" in out.getvalue()


def test_json_says_the_same() -> None:
    """--json has every line with its section, state, value and what mends it, and the exit code."""
    out = io.StringIO()
    assert doctor(json=True, sections=SURGERY, out=out, timeout=20.0, settings=asked(source="clouds")) == 1
    told = json.loads(out.getvalue())
    assert told["exit"] == 1
    assert told["checks"][0] == {
        "section": "Ward", "what": "heart", "state": "well", "value": "beats for clouds", "mend": "",
    }  # fmt: skip
    assert [check["mend"] for check in told["checks"]] == ["", "drink tea", "sudo plaster"]


CHECKS = [
    Check("one", "well", "wait …"),
    Check("two", "second-best", "hmm", "do this"),
    Check("three", "broken", "ü " * 60),
]


def printed(paper: Paper, environment: dict[str, str] | None = None) -> str:
    page = Page(paper, {} if environment is None else environment)
    page.section("Title", CHECKS)
    page.section("Empty", [])
    page.end(CHECKS)
    return paper.getvalue()


def test_colour_only_for_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    """Colours are for terminals; NO_COLOR, a dumb terminal and a file get none. Signs are ASCII where they must be."""
    monkeypatch.setenv("COLUMNS", "60")
    coloured = printed(Paper(tty=True, encoding="utf-8"))
    assert "\x1b[32m✓\x1b[0m" in coloured
    assert "\x1b[31;1m✗" in coloured
    for paper, environment in (
        (Paper(tty=False, encoding="utf-8"), {}),
        (Paper(tty=True, encoding="utf-8"), {"NO_COLOR": "1"}),
        (Paper(tty=True, encoding="utf-8"), {"TERM": "dumb"}),
    ):
        assert "\x1b" not in printed(paper, environment)
    assert re.sub(r"\x1b\[[\d;]*m", "", coloured) == printed(Paper(tty=True, encoding="utf-8"), {"NO_COLOR": "1"})
    ascii_only = printed(Paper(tty=False, encoding="ascii"))
    assert ascii_only.isascii()
    assert "wait ..." in ascii_only
    assert [word for word in ("ok  one", " !  two", " x  three", "-> do this") if word not in ascii_only] == []
    assert "Empty" not in coloured


def test_it_fits_the_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    """Long lines are broken where the terminal ends, and begin under one another; in a file they stay whole."""
    monkeypatch.setenv("COLUMNS", "60")
    lines = printed(Paper(tty=True, encoding="utf-8"), {"NO_COLOR": "1"}).splitlines()
    assert max(map(len, lines)) < 60
    beginnings = {line.index("ü") for line in lines if "ü" in line}
    assert beginnings == {20}
    assert max(map(len, printed(Paper(tty=False, encoding="utf-8")).splitlines())) > 100


def test_every_check_is_there() -> None:
    """Every line of the table names a function that is there."""
    modules = {"parts": parts, "dream": dream, "picture": picture, "around": around}
    for section in SECTIONS.values():
        for _, where in section:
            module, _, function = where.removeprefix("installation.checks.").partition(":")
            assert callable(getattr(modules[module], function))


def test_this_machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """On the machine that runs this test the whole page comes, with a line of every section and no check that fails."""
    monkeypatch.setenv("DREAMWALL_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("DREAMWALL_CONFIG", str(tmp_path))
    out = io.StringIO()
    doctor(json=True, settings=asked(source="clouds", keep=str(tmp_path), size="96x96"), out=out, timeout=60.0)
    told = json.loads(out.getvalue())["checks"]
    assert {check["section"] for check in told} >= set(SECTIONS) - {"Camera"}
    by_name = {check["what"]: check for check in told}
    for name in ("Python", "packages", "torch", "processor", "engine", "speed", "source", "programs", "pictures"):
        assert by_name[name]["state"] != "broken", by_name[name]
    assert "leap" in by_name["engine"]["value"]
    assert by_name["ImageNet"]["mend"] == "dreamwall fetch inception_v3"
    assert "clouds gives" in by_name["source"]["value"]
    assert not [check for check in told if "no answer" in check["value"] or "crashed" in check["value"]]


# -- what Dreamwall is made of ---------------------------------------------------------------------------------------


def test_a_python_that_is_not_supported() -> None:
    """An older or newer Python than the package is made for is broken, and the range is that of the package."""
    wanted = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["requires-python"]
    oldest, newest = parts.PYTHONS
    assert wanted == f">={oldest[0]}.{oldest[1]},<{newest[0]}.{newest[1] + 1}"
    assert only(parts.python(asked(), running=(3, 11))).state == "well"
    for running in ((3, 10), (3, newest[1] + 1)):
        check = only(parts.python(asked(), running=running, name="3.x"))
        assert check.state == "broken"
        assert "venv" in check.mend


def versions(*missing: str, extra: Sequence[str] = ()) -> Callable[[str], str]:
    def version_of(name: str) -> str:
        if name in missing or (name in parts.INSTEAD and name not in extra):
            raise PackageNotFoundError(name)
        return "1.0"

    return version_of


def packaged(**more: Any) -> dict[str, Check]:
    usual = {
        "needed": lambda _: ["opencv-python>=4", "tqdm>=4", 'pytest>=8; extra == "test"'],
        "version_of": versions(),
        "load": lambda name: name,
    }
    return {check.what: check for check in parts.packages(asked(), **{**usual, **more})}


def test_packages_that_are_missing_or_do_not_load() -> None:
    """A package that is not there, and OpenCV without the system's libGL, are named with the command that mends it."""
    assert [check.state for check in packaged().values()] == ["well", "well"]
    assert packaged()["packages"].value == "2 of 2 are there"
    gone = packaged(version_of=versions("tqdm"))
    assert (gone["tqdm"].state, gone["tqdm"].mend) == ("broken", "pip install 'tqdm>=4'")
    lib = ImportError("libGL.so.1: cannot open shared object file: No such file or directory")
    assert packaged(load=raiser(lib))["opencv-python"].mend == "sudo apt install libgl1"
    assert "pip install" in packaged(load=raiser(ImportError("odd")))["opencv-python"].mend
    double = packaged(version_of=versions(extra=["pygame"]))["pygame"]
    assert double.state == "second-best"
    assert "pip uninstall -y pygame pygame-ce" in double.mend
    bare = packaged(version_of=versions("dreamwall"))
    assert bare["Dreamwall"].state == "second-best"


# -- what dreams -----------------------------------------------------------------------------------------------------


def a_torch(cuda: bool = False, built: str | None = None, able: dict[str, bool] | None = None, **more: Any) -> Any:
    """A torch with or without a card."""
    ones = np.ones((8, 8))
    return SimpleNamespace(
        __version__="2.9",
        get_num_threads=lambda: 4,
        ones=more.get("ones", lambda *_, **__: ones),
        cuda=SimpleNamespace(is_available=lambda: cuda, get_device_name=lambda: "Card"),
        version=SimpleNamespace(cuda=built),
        backends=SimpleNamespace(mps=SimpleNamespace(is_available=lambda: more.get("mps", False))),
        cpu=SimpleNamespace(get_capabilities=lambda: able or {}),
    )


def test_a_torch_that_does_not_load() -> None:
    """A broken torch is one line, and the command that installs it again."""
    check = only(dream.torch(asked(), load=raiser(ImportError("libcudart.so.12: cannot open shared object file"))))
    assert check.state == "broken"
    assert "torch" in check.mend
    assert "libcudart" in check.value
    assert only(dream.torch(asked(), load=a_torch)).value == "2.9, 4 threads"


def test_the_processor(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its name, cores and what it multiplies with; without AVX2 it is second-best."""
    monkeypatch.setattr("platform.machine", lambda: "x86_64")
    told = tmp_path / "cpuinfo"
    told.write_text("processor : 0\nmodel name\t: Ryzen 7\n")
    able = {"avx2": True, "avx512_f": True, "avx512_bf16": True}
    check = only(dream.processor(asked(), load=lambda: a_torch(able=able), told=told))
    assert check.state == "well"
    assert re.fullmatch(r"Ryzen 7, \d+ cores, AVX-512, bfloat16", check.value)
    assert only(dream.processor(asked(), load=a_torch, told=told)).state == "second-best"
    assert only(dream.processor(asked(), load=a_torch, told=tmp_path / "none")).value


def test_graphics_cards(tmp_path: Path) -> None:
    """A card that works, one torch is not made for, one without its driver, a broken driver, and none at all."""
    pci = tmp_path / "0000:01:00.0"
    pci.mkdir()
    (pci / "vendor").write_text("0x10de\n")
    (pci / "class").write_text("0x030000\n")

    def looked(torch: Any, cards: str | None, bus: Path = tmp_path) -> Check:
        return only(dream.card(asked(), load=lambda: torch, smi=lambda: cards, bus=bus))

    name = "RTX 4070, driver 560, 12 GB"
    works = looked(a_torch(cuda=True, built="12.8"), name)
    assert (works.state, works.value) == ("well", f"{name}; CUDA 12.8")
    unfit = looked(a_torch(cuda=True, built="12.8", ones=raiser(RuntimeError("no kernel image is available"))), name)
    assert (unfit.state, "no kernel image" in unfit.value) == ("broken", True)
    without = looked(a_torch(), name)
    assert (without.state, without.mend) == ("second-best", "pip install --force-reinstall torch")
    assert "made without CUDA" in without.value
    assert "finds no CUDA device" in looked(a_torch(built="12.8"), name).value
    driverless = looked(a_torch(), None)
    assert "without its driver" in driverless.value
    assert "ubuntu-drivers" in driverless.mend
    assert looked(a_torch(mps=True), None, tmp_path / "none").state == "well"
    assert looked(a_torch(), None, tmp_path / "none").state == "second-best"
    mismatch = OSError("Failed to initialize NVML: Driver/library version mismatch")
    check = only(dream.card(asked(), load=a_torch, smi=raiser(mismatch), bus=tmp_path))
    assert (check.state, "mismatch" in check.value) == ("broken", True)


def test_what_nvidias_tool_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two cards are two cards, no card is none, and a driver that fails is told in its own words."""

    def tool(says: str, code: int) -> str | None:
        script = tmp_path / "nvidia-smi"
        script.write_text(f"#!/bin/sh\necho '{says}'\nexit {code}\n")
        script.chmod(0o755)
        monkeypatch.setenv("PATH", f"{tmp_path}:/bin:/usr/bin")
        return dream._smi()

    two = "NVIDIA H100, 560.35.03, 81559 MiB\nNVIDIA T4, 560.35.03, 15360 MiB"
    assert tool(two, 0) == "NVIDIA H100, driver 560.35.03, 81559 MiB; NVIDIA T4, driver 560.35.03, 15360 MiB"
    assert tool("No devices were found", 6) is None
    with pytest.raises(OSError, match="Driver/library version mismatch"):
        tool("Failed to initialize NVML: Driver/library version mismatch", 18)
    monkeypatch.setenv("PATH", str(tmp_path / "none"))
    assert dream._smi() is None


def test_networks_in_the_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """None fetched is second-best, a damaged one is broken, each with the command that fetches it."""
    monkeypatch.setenv("DREAMWALL_CACHE", str(tmp_path))
    checks = {check.what: check for check in dream.networks(asked())}
    assert (checks["leap"].state, checks["ImageNet"].state) == ("well", "second-best")
    assert checks["ImageNet"].mend == "dreamwall fetch inception_v3"
    (tmp_path / "googlenet-1378be20.pth").write_bytes(b"half of it")
    damaged = {check.what: check for check in dream.networks(asked())}["googlenet"]
    assert damaged.state == "broken"
    assert damaged.mend.endswith("dreamwall fetch googlenet")


def test_the_engine(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A network that was asked for and is not there is broken, with its command; leap for want of one second-best."""
    monkeypatch.setenv("DREAMWALL_CACHE", str(tmp_path))
    check = only(dream.engine(asked(network="inception_v3")))
    assert (check.state, check.mend) == ("broken", "dreamwall fetch inception_v3")
    best, speed = dream.engine(asked(size="96x96"))
    assert (best.state, best.mend) == ("second-best", "dreamwall fetch inception_v3")
    assert re.match(r"\d+\.\d dreams a second at 96x96", speed.value)
    assert next(iter(dream.engine(asked(network="leap", size="96x96")))).state == "well"
    broken = only(dream.engine(asked(), opened=raiser(SettingsError("the network that ships cannot be read"))))
    assert broken.state == "broken"


# -- cameras and displays --------------------------------------------------------------------------------------------


def a_node(*modes: Mode, path: str = "/dev/video0") -> Node:
    return Node(path, "C920", "/dev/v4l/by-id/usb-C920", modes)


def test_cameras_and_their_modes() -> None:
    """A camera says whether it has the mode that is asked for; none is second-best, unless one was named."""
    full, half = Mode("MJPG", (1280, 720), (30.0, 15.0)), Mode("YUYV", (1280, 720), (10.0,))
    check = only(picture.cameras(asked(), found=lambda: [a_node(half, full)]))
    assert check.state == "well"
    assert check.value == "/dev/video0 C920, stable as /dev/v4l/by-id/usb-C920: 1280x720 at 30, MJPG; 2 modes in all"
    slow = only(picture.cameras(asked(), found=lambda: [a_node(half)]))
    assert slow.state == "second-best"
    assert "not 1280x720 at 30; its largest is 1280x720 YUYV at 10 fps" in slow.value
    assert only(picture.cameras(asked(), found=list)).state == "second-best"
    assert only(picture.cameras(asked(source="camera:C920"), found=list)).state == "broken"
    assert only(picture.cameras(asked(source="walk.mp4"), found=list)).state == "second-best"
    shut = only(picture.cameras(asked(), found=lambda: [a_node(path="/dev/that is not there")]))
    assert (shut.state, shut.mend) == ("broken", "see permissions")


def test_the_source_is_tried() -> None:
    """The source is opened and its pictures are counted; one that gives none, or is not there, is told."""
    clock = HandClock()
    frames = [Frame(plain(size=(64, 48)), index, index / 10) for index in range(3)]

    def tried(made: ScriptedSource | Exception, **values: Any) -> Check:
        opened = raiser(made) if isinstance(made, Exception) else lambda *_, **__: made
        return only(picture.source(asked(**values), opened=opened, clock=clock))

    late = [0.5, frames[0], *[step for _ in range(40) for step in (0.1, frames[1])]]
    live = tried(ScriptedSource(late, clock))
    assert (live.state, live.value) == ("well", "scripted gives 64x48, 10 a second")
    assert tried(ScriptedSource(frames, clock, live=False)).value == "scripted gives 64x48"
    mute = tried(ScriptedSource([0.5], clock, again=True), source="rtsp://10.0.0.7/live")
    assert (mute.state, mute.value) == ("broken", "scripted gives no picture; clouds stand in")
    assert tried(ScriptedSource([], clock, refusals=1), source="0").state == "broken"
    none = SourceError("no camera: none is plugged in")
    assert list(picture.source(asked(), opened=raiser(none), clock=clock)) == []  # the line of the cameras says it
    assert tried(none, source="camera:C920").state == "broken"
    silent = SourceError("no camera: looked at /dev/video0, which gave no frames")
    assert tried(silent).state == "broken"
    assert answer(picture.source, "source", asked(source="nonsense"))[0].state == "broken"


def test_displays() -> None:
    """Every display is listed; none is second-best with the page instead, but broken where one was asked for."""
    two = [Display(0, "HDMI-1", (1920, 1080)), Display(1, "DP-2", (1280, 800))]
    assert states(picture.displays(asked(), found=lambda: two)) == [("display", "well")] * 2
    assert states(picture.displays(asked(display="hdmi"), found=lambda: two)) == [("display", "well")] * 2
    assert states(picture.displays(asked(display="1"), found=lambda: two)) == [("display", "well")] * 2
    assert states(picture.displays(asked(display="Epson"), found=lambda: two))[-1] == ("display", "broken")
    gone = raiser(SinkError("no display to open a window on"))
    none = only(picture.displays(asked(), found=gone, environment={}))
    assert (none.state, "http://127.0.0.1:8750/" in none.value, "DISPLAY=:0" in none.mend) == (
        "second-best",
        True,
        True,
    )
    assert only(picture.displays(asked(), found=gone, environment={"DISPLAY": ":9"})).mend == ""
    assert only(picture.displays(asked(display="HDMI"), found=gone)).state == "broken"


def test_what_draws() -> None:
    """A card draws, or the processor does as second-best; without a display there is nothing to say."""
    one = [Display(0, "HDMI-1", (1920, 1080))]
    card = only(picture.drawing(asked(), found=lambda: one, renderer=lambda: "NVIDIA GeForce RTX 4070/PCIe/SSE2"))
    assert (card.state, card.value) == ("well", "OpenGL on NVIDIA GeForce RTX 4070")
    soft = only(picture.drawing(asked(), found=lambda: one, renderer=lambda: "llvmpipe (LLVM 15.0.6, 256 bits)"))
    assert (soft.state, "llvmpipe" in soft.value) == ("second-best", True)
    no = raiser(SinkError("no usable OpenGL 3.3"))
    assert only(picture.drawing(asked(), found=lambda: one, renderer=no)).state == "second-best"
    insisted = only(picture.drawing(asked(renderer="opengl"), found=lambda: one, renderer=no))
    assert (insisted.state, "sudo apt install libgl1" in insisted.mend) == ("broken", True)
    assert list(picture.drawing(asked(), found=raiser(SinkError("none")), renderer=no)) == []


# -- around the show -------------------------------------------------------------------------------------------------


@pytest.mark.skipif(sys.platform != "linux", reason="groups of devices are Linux's")
def test_permissions(tmp_path: Path) -> None:
    """A device that may not be opened names its group and the command; whoever is in it already must log in again."""
    for name in ("video0", "video1", "snd/seq", "dri/renderD128"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("")

    def looked(*shut: str, soon: Sequence[str] = (), **values: Any) -> dict[str, Check]:
        found = around.permissions(
            asked(**values), dev=tmp_path, may=lambda path: path.name not in shut, groups=lambda: (set(), set(soon))
        )
        return {check.what: check for check in found}

    assert {check.state for check in looked().values()} == {"well"}
    assert set(looked()) == {"cameras", "MIDI", "graphics"}
    camera = looked("video1")["cameras"]
    assert camera.state == "broken"
    assert camera.value.startswith(f"{tmp_path}/video1 may not be opened")
    group = around._group_of(tmp_path / "video1") or "video"
    assert camera.mend == f"sudo usermod -aG {group} $USER, then log out and in again"
    assert looked("video1", soon=[group])["cameras"].mend == "log out and in again"
    assert looked("seq")["MIDI"].state == "broken"
    assert "MIDI" not in looked("seq", midi="off")
    assert looked("renderD128")["graphics"].state == "second-best"
    assert states(around.permissions(asked(), dev=tmp_path / "none", groups=lambda: (set(), set()))) == [
        ("devices", "well")
    ]


def a_driver(*names: str) -> Any:
    return SimpleNamespace(name="ALSA", inputs=lambda: list(names), close=lambda: None)


def test_midi() -> None:
    """Controllers are listed; no MIDI at all is second-best, one that was asked for and is not there broken."""

    def looked(driver: Any, maps: Any = list, **values: Any) -> list[Check]:
        make = raiser(driver) if isinstance(driver, Exception) else lambda: driver
        return list(around.midi(asked(**values), driver=make, maps=maps))

    there = a_driver("Midi Through:Midi Through Port-0 14:0", "nanoKONTROL2:nanoKONTROL2 _ CTRL 24:0")
    check = only(looked(there))
    assert (check.state, check.value) == ("well", "nanoKONTROL2:nanoKONTROL2 _ CTRL 24:0, through ALSA")
    assert "no controller plugged in" in only(looked(a_driver())).value
    assert only(looked(OSError("neither ALSA nor JACK"))).state == "second-best"
    assert only(looked(OSError("neither ALSA nor JACK"), midi="nano")).state == "broken"
    assert states(looked(there, midi="APC"))[-1] == ("MIDI", "broken")
    assert only(looked(OSError("none"), midi="off")).state == "well"
    wrong = raiser(SettingsError("own.toml, line 3: no knob is called 'speed'"))
    assert (looked(there, wrong)[0].state, "line 3" in looked(there, wrong)[0].value) == ("broken", True)


def test_programs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whose programs they are and how many; a mistake in the file is broken, with its line."""
    monkeypatch.setenv("DREAMWALL_CONFIG", str(tmp_path))
    assert "those that ship" in only(around.programs(asked())).value
    own = tmp_path / "programs.toml"
    own.write_text('[[program]]\nname = "One"\n')
    assert only(around.programs(asked())).value == f"1, of {own}"
    assert only(around.programs(asked(program="Two"))).state == "broken"
    own.write_text('[[program]]\nname = "One"\nfaed = 3\n')
    check = only(around.programs(asked()))
    assert (check.state, "line 3" in check.value) == ("broken", True)


def test_room_on_the_disk(tmp_path: Path) -> None:
    """Little room is second-best, none broken; so is a folder that cannot be made, or is a file."""

    def looked(free: int = 10**12, may: bool = True, folder: str = "not/yet") -> Check:
        keep = asked(keep=str(tmp_path / folder))
        return only(around.disk(keep, free=lambda _: free, may_write=lambda _: may))

    assert (looked().state, looked().value) == ("well", f"go in {tmp_path}/not/yet, 1.0 TB free")
    assert looked(2 * 10**9).state == "second-best"
    assert (looked(10**8).state, f"free some of {tmp_path}" in looked(10**8).mend) == ("broken", True)
    assert (looked(may=False).state, "may not be written" in looked(may=False).value) == ("broken", True)
    (tmp_path / "file").write_text("")
    assert "is not a folder" in looked(folder="file/below").value
    assert not (tmp_path / "not").exists()


def test_the_pages_port() -> None:
    """A port that is taken is second-best, since the next is; an address that is not this machine's is broken."""
    free = only(around.page(asked(), listen=lambda *_: None))
    assert (free.state, "127.0.0.1:8750" in free.value) == ("well", True)
    taken = only(around.page(asked(port=9000), listen=raiser(OSError(errno.EADDRINUSE, "in use"))))
    assert (taken.state, "9000" in taken.mend) == ("second-best", True)
    foreign = only(around.page(asked(page_host="10.9.8.7"), listen=raiser(OSError(errno.EADDRNOTAVAIL, "no such"))))
    assert foreign.state == "broken"
    assert only(around.page(asked(page=False), listen=raiser(OSError()))).value == "off, as asked"
    import socket

    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen(1)
        number = other.getsockname()[1]
        assert only(around.page(asked(port=number))).state == "second-best"
    assert only(around.page(asked(port=number))).state == "well"


def test_sizes_and_errors_as_a_person_reads_them() -> None:
    """Bytes in units, and an error's kind where its own words say little."""
    assert [size_of(n) for n in (12, 21_493_832, 108_949_747, 74e9, 1e15)] == [
        "12 bytes", "21 MB", "109 MB", "74 GB", "1000.0 TB",
    ]  # fmt: skip
    assert in_short(KeyError("x")) == "KeyError: 'x'"
    assert in_short(OSError("the disk is full\nand more")) == "the disk is full"
    assert in_short(ValueError()) == "ValueError"
