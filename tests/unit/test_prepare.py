"""`dreamwall prepare` builds what a show will want, says what it did, and stops at nothing but what nobody can have."""

from argparse import Namespace

import pytest
from safetensors.torch import save_file

from installation import prepare as module
from installation.errors import SettingsError
from installation.prepare import prepare
from installation.settings import Settings
from models.ascent.compiled import BuildError
from models.ascent.onnx_runtime import OnnxRuntime
from models.ascent.store import Key, Store
from models.ascent.tensorrt import TensorRT
from models.weights import load_network
from torchvision_format import random_state

STOPS = "Conv2d_2b_3x3,Conv2d_4a_3x3"
PROGRAMS = """
[[program]]
name = "Deep"
[program.knobs]
octaves = 4
[program.layers]
Mixed_5b = 1
"""


@pytest.fixture(scope="module")
def network_file(tmp_path_factory):
    path = tmp_path_factory.mktemp("network") / "random.safetensors"
    kept = ("Conv2d_", "Mixed_5b.")
    save_file({name: tensor for name, tensor in random_state("inception_v3").items() if name.startswith(kept)}, path)
    return path


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.setenv("DREAMWALL_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache" / "engines"


@pytest.fixture
def call(network_file, tmp_path):
    """Calls the command as the command line does; gives back how many failed and what was said."""
    (tmp_path / "programs.toml").write_text(PROGRAMS)

    def run(at=(), targets=(), aside=False, **settings):
        said = []
        usual = {
            "network": str(network_file),
            "layers": STOPS,
            "size": (160, 120),
            "engine": "onnx",
            "programs": tmp_path / "programs.toml",
        }
        options = Namespace(at=list(at) or None, targets=list(targets) or None, aside=aside)
        return prepare(Settings(**{**usual, **settings}), options, said.append), said

    return run


class Quick(OnnxRuntime):
    """ONNX Runtime that builds nothing, so that what is asked of it is seen."""

    asked: list[tuple[tuple[str, ...], tuple[int, int]]]
    failing: set[int]

    def build(self, network, layers, size):
        type(self).asked.append((tuple(layers), size))
        if len(layers) in self.failing:
            raise BuildError(f"no kernel for {layers[-1]}")
        return b"engine"


@pytest.fixture
def quick(monkeypatch):
    Quick.asked, Quick.failing = [], set()
    monkeypatch.setattr("models.ascent.onnx_runtime.OnnxRuntime", Quick)
    monkeypatch.setattr(Quick, "load", lambda *_: None)
    monkeypatch.setattr(module, "check", lambda *_: 1.0)
    return Quick


def test_engines_are_really_built_checked_and_kept(call, network_file, folder):
    """What the command built is what a show looks for, and it runs."""
    failed, said = call(at=["Conv2d_2b_3x3:96x80"])
    assert failed == 0
    assert said[1] == f"1 engine in {folder}"
    assert said[-1].startswith("1/1 Conv2d_2b_3x3 at 96x80 for cpu: ") and said[-1].endswith(" MB")
    layers, compiler = ("Conv2d_2b_3x3",), OnnxRuntime()
    engine = Store().find(Key.of(compiler, load_network(network_file), layers, (80, 96)))
    assert engine is not None
    module.check(compiler.load(engine, layers, (80, 96)), load_network(network_file), layers, (80, 96),
                 compiler.device, compiler.precision)  # fmt: skip
    failed, said = call(at=["Conv2d_2b_3x3:96x80"])
    assert failed == 0 and said[-1].endswith("for cpu: there already")


def test_everything_that_settings_and_programs_may_want(call, quick):
    """Every depth at every octave of the camera's shape in the working size, what the show begins with first."""
    failed, said = call(size=(320, 320), knobs={"layer": 0.0, "octaves": 2})
    one, two, three = (("Conv2d_2b_3x3",), tuple(STOPS.split(",")), (*STOPS.split(","), "Mixed_5b"))
    sizes = [(180, 320), (129, 229), (92, 163)]  # the program wants four octaves; the fourth would be too small
    assert failed == 0
    assert quick.asked == [(layers, size) for layers in (one, three, two) for size in sizes]
    assert len(said) == 11 and said[2].startswith("1/9 Conv2d_2b_3x3 at 320x180 for cpu: ")


def test_mixed_layers_are_wanted_too(call, quick, tmp_path):
    """`--mix` on the command line asks for a layer as a program does."""
    (tmp_path / "programs.toml").write_text('[[program]]\nname = "Plain"\n')
    call(mix={"Conv2d_3b_1x1": 0.5, "inception4a": 0.5}, at=["Conv2d_3b_1x1:96x80", "Conv2d_4a_3x3:96x80"])
    assert quick.asked[0][0] == ("Conv2d_2b_3x3", "Conv2d_3b_1x1") and len(quick.asked[1][0]) == 3


def test_a_damaged_engine_is_built_again(call, quick, folder):
    """It is named, and the rest is left alone."""
    call()
    path = next(folder.glob("*Conv2d_4a*"))
    path.write_bytes(path.read_bytes()[:-1])
    built = len(quick.asked)
    _, said = call()
    assert len(quick.asked) == built + 1
    assert any(line == f"{path} is damaged and will be built again" for line in said)


def test_one_that_fails_does_not_stop_the_others(call, quick):
    """Each failure is said where it happens, and the number of them is what comes back, for the exit code."""
    quick.failing = {2}
    failed, said = call(size=(240, 180))
    assert failed == 2 and len(quick.asked) == 6
    assert sum("FAILED, no kernel for Conv2d_4a_3x3" in line for line in said) == 2
    assert said[-1] == "2 of 6 engines for cpu could not be built; a show dreams without"


def test_an_engine_that_is_wrong_is_not_kept(call, quick, monkeypatch, folder):
    """It is held to autograd on this machine before it is kept."""

    def refuse(*_):
        raise BuildError("its gradient differs")

    monkeypatch.setattr(module, "check", refuse)
    failed, said = call(at=["Mixed_5b:96x80"])
    assert failed == 1 and "FAILED, its gradient differs" in said[2] and not list(folder.glob("*.engine"))


def test_beside_a_show_one_engine_is_built_and_nothing_said(call, quick, monkeypatch):
    """Programs do not matter then: the layers are exactly those that the show named."""
    stepped = []
    monkeypatch.setattr(module, "_step_back", lambda: stepped.append(1))
    assert call(at=["Conv2d_4a_3x3:96x80"], aside=True, mix={"Conv2d_3b_1x1": 0.5}) == (0, [])
    assert quick.asked == [(tuple(STOPS.split(",")), (80, 96))] and stepped == [1]
    quick.failing = {1}
    with pytest.raises(SettingsError, match="no kernel for Conv2d_2b_3x3"):
        call(at=["Conv2d_2b_3x3:96x80"], aside=True)


@pytest.mark.parametrize(
    ("settings", "why"),
    [
        ({"at": ["Mixed_6b:96x80"]}, "no program or stop of --layers has Mixed_6b"),
        ({"at": ["Mixed_5b at 96x80"]}, "not LAYER:WIDTHxHEIGHT"),
        ({"targets": ["sm_89"]}, "onnx has none such"),
        ({"targets": ["Ada"], "engine": "tensorrt"}, "'Ada' is not a card's compute capability"),
        ({"network": "nowhere.pth"}, "nowhere.pth does not exist"),
    ],
    ids=str,
)
def test_what_nobody_can_have_is_refused_in_one_line(call, quick, settings, why):
    """Before anything is built."""
    with pytest.raises(SettingsError, match=why) as caught:
        call(**settings)
    assert "\n" not in str(caught.value) and quick.asked == []


@pytest.mark.parametrize("engine", ["eager", "graphed"])
def test_what_needs_no_engines_says_so(call, engine):
    """Nothing is to be done, which is no failure."""
    failed, (line,) = call(engine=engine)
    assert failed == 0 and line == f"nothing to prepare, since no engines are built for {engine}"


def test_leap_needs_no_engines(call, quick):
    """The network that ships is learned, not climbed; the person is pointed to one that is."""
    failed, said = call(network="leap", layers=None)
    assert failed == 0 and "no engines are built for leap, as asked for" in said[0] and "dreamwall fetch" in said[1]


def test_without_a_card_it_says_what_can_be_done(call, monkeypatch):
    """Nothing to prepare for this machine is no failure; for another's card or its processor it can be."""

    def refuse():
        raise BuildError("no CUDA device")

    monkeypatch.setattr(TensorRT, "here", refuse)
    failed, said = call(engine="auto")
    assert failed == 0
    assert said[0] == "nothing to prepare for this machine: no CUDA device"
    assert "--for sm_89" in said[1] and "--engine onnx" in said[1]
    with pytest.raises(SettingsError, match="no CUDA device"):
        call(engine="tensorrt")


def test_ahead_of_time_for_several_cards(call, quick, monkeypatch, folder):
    """Each card has its own engines; none is tried here, where that card is not."""

    def card(target):
        made = Quick()
        made.name, made.target, made.precision = "tensorrt", target, "float16"
        made.load = None  # calling it would fail
        return made

    monkeypatch.setattr(TensorRT, "for_target", card)
    failed, said = call(engine="auto", at=["Mixed_5b:96x80"], targets=["sm_89", "8.6", "120"])
    assert failed == 0 and len(quick.asked) == 3 and said[1].startswith("3 engines")
    names = sorted(path.name.rsplit("-", 1)[0] for path in folder.iterdir())
    assert names == [f"inception_v3-Mixed_5b-96x80-float16-sm_{card}" for card in (120, 86, 89)]


def test_a_folder_that_cannot_be_written_is_refused_before_anything_is_built(call, quick, tmp_path):
    """Minutes of building are not thrown away."""
    (tmp_path / "cache").write_text("in the way")
    with pytest.raises(SettingsError, match="engines cannot be written"):
        call()
    assert quick.asked == []
