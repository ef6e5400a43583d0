"""The benchmark: its figures are what they are called, and what cannot be measured is said."""

import io
import json
import os
import signal
import sys
from argparse import Namespace
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from rich.console import Console

from installation.bench import INTERRUPTED, NOTHING, bench, measure
from installation.bench.apart import Answer, asked
from installation.bench.measure import as_convolutions_multiply, best_matmul, interleaved
from installation.bench.memory import Peak
from installation.bench.networks import network_of
from installation.bench.paths import Engines, Nothing, check, open_path
from installation.bench.plain import Full, Plain
from installation.bench.plan import plan
from installation.bench.row import BASELINES, figures, measured
from installation.bench.table import markdown, show
from installation.bench.task import Footnote, Machine, Task
from installation.clock import HandClock
from installation.errors import SettingsError
from installation.options import parse
from models.ascent import Stepping
from models.ascent.compiled import BuildError
from models.ascent.eager import Eager, native_dtype
from models.googlenet import googlenet

CPU, OLD_CPU, CUDA = Machine("cpu", "bfloat16"), Machine("cpu", "float32"), Machine("cuda", "float16")
TASK = Task("googlenet", "random", "inception3a", 160, 120, 2, 2, "float32", "eager", 0.2, threads=1)
PROMISED = {
    *("network", "layer", "width", "height", "steps", "octaves", "precision", "path", "ms_step", "steps_per_s"),
    *("gflop_step", "matmul_gflops", "share", "ratio_truncated_fp32", "ratio_full_fp32", "peak_mb", "device"),
    *("ms_frame", "dream_fps", "threads", "torch"),
}


def options(**values):
    """What the command line gives when it is told nothing but ``values``."""
    return Namespace(**{**vars(parse(["bench"])), **values})


@pytest.fixture(autouse=True)
def _small_matrices(monkeypatch):
    monkeypatch.setattr(measure, "MATMULS", {"cpu": (64, 128), "cuda": (512, 1024)})


@pytest.fixture(autouse=True)
def _nothing_fetched(monkeypatch, tmp_path):
    monkeypatch.setenv("DREAMWALL_CACHE", str(tmp_path / "cache"))


# -- measuring in turn ---------------------------------------------------------------------------------------------


class Workshop:
    """Calls that take a known time on a clock of their own, and a diary of who was called."""

    def __init__(self, **costs):
        self.clock, self.diary, self.slower = HandClock(), [], 1.0
        self.calls = {name: self._call(name, cost) for name, cost in costs.items()}

    def _call(self, name, cost):
        def call():
            self.diary.append(name)
            self.clock.sleep(cost * self.slower)

        return call

    def measure(self, seconds, sync=lambda: None):
        return interleaved(self.calls, seconds, sync=sync, clock=self.clock.now)


def test_what_is_compared_takes_turns():
    """Never first all of one and then all of the other: a machine that grows warm would favour one of them."""
    shop = Workshop(a=0.2, b=0.5)
    found = shop.measure(7.1)
    assert found.rounds == 10
    assert shop.diary[-20:] == ["a", "b"] * 10
    assert found.seconds == {"a": pytest.approx(0.2), "b": pytest.approx(0.5)}


def test_a_machine_that_slows_down_changes_no_ratio():
    """Both are measured at the same moments, so both get slower alike."""
    shop = Workshop(a=0.2, b=0.6)
    once = shop.calls["b"]

    def slower():
        once()
        shop.slower *= 1.02

    shop.calls["b"] = slower
    found = shop.measure(30.0)
    assert found.seconds["a"] > 0.25
    assert found.seconds["b"] / found.seconds["a"] == pytest.approx(3.0, rel=0.05)


def test_quick_calls_are_taken_many_at_a_time():
    """A clock is read around a tenth of a second, however short one call is; the figure is still that of one."""
    shop = Workshop(quick=0.001, slow=0.3)
    found = shop.measure(1.0)
    assert shop.diary[-101:] == ["quick"] * 100 + ["slow"]
    assert found.seconds["quick"] == pytest.approx(0.001)


def test_the_device_is_waited_for():
    """A card works on its own: the clock is read when it is done, before and after every turn."""
    shop = Workshop(step=0.0, wait=0.0)
    owed = []

    def step():
        owed.append(0.04)

    def sync():
        shop.clock.sleep(sum(owed))
        owed.clear()

    shop.calls = {"step": step}
    assert shop.measure(2.0, sync).seconds["step"] == pytest.approx(0.04)


def test_three_rounds_are_the_least_while_patience_lasts():
    """Medians of one are none; but a machine that is far too slow is not waited for all night."""
    assert Workshop(a=1.0).measure(1.0).rounds == 3
    assert Workshop(a=20.0).measure(1.0).rounds == 1


def test_the_best_size_of_matrix_is_taken(device):
    """A share is of the most that the machine does, so the matrices are those that it multiplies quickest."""
    clock = HandClock()
    best = best_matmul(torch.float32, device, sides=(32, 64, 16), sync=lambda: clock.sleep(0.05), clock=clock.now)
    assert best.side == 64  # each seems to take as long, so that the largest has the best rate
    assert best.flops == 2 * 64**3 and best.call().shape == (64, 64)


def test_a_processors_matrices_are_left_as_they_are():
    """TF32 is a matter of NVIDIA's cards alone."""
    before = torch.get_float32_matmul_precision()
    assert as_convolutions_multiply(torch.device("cpu")) is None
    assert torch.get_float32_matmul_precision() == before


# -- the figures of a row ------------------------------------------------------------------------------------------


def test_the_figures_follow_from_what_was_measured():
    """Every rate, share and ratio of a row is one division of what stands beside it."""
    seconds = {"step": 0.05, "frame": 0.18, "matmul": 0.01, "plain": 0.1, "full": 0.3}
    row = figures(TASK, seconds, 10e9, 4e9, calls=3)
    assert row["ms_step"] == 50 and row["steps_per_s"] == 20
    assert row["ms_frame"] == 60 and row["dream_fps"] == pytest.approx(1000 / 60, rel=1e-3)
    assert row["gflop_step"] == 10 and row["gflops"] == 200 and row["matmul_gflops"] == 400
    assert row["share"] == 0.5
    assert row["ratio_truncated_fp32"] == 2 and row["ratio_full_fp32"] == 6


def test_a_published_frame_is_every_octave():
    """Others dream all octaves in every frame, and their frames a second are counted like that."""
    seconds = {"step": 0.05, "frame": 0.2, "matmul": 0.01}
    row = figures(replace(TASK, whole=True), seconds, 10e9, 4e9, calls=2)
    assert row["ms_frame"] == 200 and row["dream_fps"] == 5 and row["frame"] == "all octaves"


def test_a_baseline_is_compared_with_itself():
    """The plain row's ratio to the plain step is one, not one and a little noise."""
    seconds = {"step": 0.1, "frame": 0.18, "matmul": 0.01, "full": 0.3}
    row = figures(replace(TASK, path="plain"), seconds, 10e9, 4e9, calls=3)
    assert row["ratio_truncated_fp32"] == 1 and row["ratio_full_fp32"] == 3


def test_what_was_not_measured_is_none():
    """The leap has no step of autograd to be compared with."""
    row = figures(TASK, {"step": 0.05, "frame": 0.18, "matmul": 0.01}, 10e9, 4e9, calls=3)
    assert row["ratio_truncated_fp32"] is None and row["ratio_full_fp32"] is None


# -- the ways that others run it -----------------------------------------------------------------------------------


def cosine(a, b):
    return float(torch.nn.functional.cosine_similarity(a.flatten(), b.flatten(), dim=0))


@pytest.mark.parametrize("way", [Plain, Full])
def test_the_baselines_climb_the_same_hill(way, device):
    """What the engine is compared with computes the same gradient; otherwise a ratio would say nothing."""
    network = googlenet()
    image = torch.rand(1, 3, 96, 128, device=device) * 2 - 1
    layers, weights = ["conv3", "inception3a"], [0.25, 1.0]
    ours = Eager(network_of("googlenet", "random"), layers, device=device, dtype=torch.float32)
    network.load_state_dict(ours._network.state_dict())
    theirs = way(network, layers, device)
    assert cosine(ours.gradient(image, weights), theirs.gradient(image, weights)) > 0.9999


def test_the_baselines_keep_the_usual_layout():
    """Weights in channels_last, as ours are, would make half of our own speed theirs."""
    network = googlenet("inception3a").to(memory_format=torch.channels_last)
    plain = Plain(network, ["inception3a"], torch.device("cpu"))
    image = torch.rand(1, 3, 96, 128)
    (found,) = plain._network.activations(image, ["inception3a"])
    assert found.stride()[3] == 1
    for module in plain._network.modules():
        if isinstance(module, torch.nn.Conv2d):
            assert module.weight.stride()[3] == 1 and module.weight.stride()[1] == module.kernel_size[0] ** 2


def test_the_full_way_pays_for_everything():
    """The layers below are computed and thrown away, and every weight above the layer gets a gradient."""
    full = Full(googlenet("inception3a"), ["inception3a"], torch.device("cpu"))
    seen = []
    full._network.get_submodule("inception5b").register_forward_hook(lambda *_: seen.append("inception5b"))
    full.gradient(torch.rand(1, 3, 96, 128), [1.0])
    assert seen == ["inception5b"]
    given = [name for name, parameter in full._network.named_parameters() if parameter.grad is not None]
    assert "conv1.conv.weight" in given and any(name.startswith("inception3a.") for name in given)


# -- one row, measured ---------------------------------------------------------------------------------------------


class Counting(Stepping):
    """An ascent that writes down the sizes of what it is given."""

    layers, reach, device, status = ("one",), 1.0, torch.device("cpu"), "counting"

    def __init__(self, fails=None):
        self.sizes, self._fails = [], fails

    def gradient(self, image, weights, channels=None):
        self.sizes.append(tuple(image.shape[-2:]))
        if self._fails:
            raise self._fails
        return torch.ones_like(image)


def opener(**ascents):
    def opened(path, *_):
        return ascents.get(path) or Counting()

    return opened


def test_a_frame_takes_its_octaves_in_turn():
    """As the show does: after as many frames as there are octaves each has had its steps."""
    counting = Counting()
    clock = HandClock()
    measured(replace(TASK, octaves=2, steps=3, seconds=0.0), opener=opener(eager=counting), clock=clock.now)
    full, small = (120, 160), (86, 114)
    assert counting.sizes[:7] == [full] * 4 + [small] * 3  # one step to begin with, then a frame of each octave


def test_out_of_memory_is_an_answer():
    """A size that does not fit is a line under the table, whichever library runs out."""
    errors = [
        torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 9 GiB"),
        MemoryError(),
        RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 9 bytes"),
    ]
    for error in errors:
        answer = measured(TASK, opener=opener(eager=Counting(error)))
        assert answer.row is None and answer.why == "out of memory at 160x120"


@pytest.mark.parametrize("short", [("full",), ("plain", "full")])
def test_a_comparison_that_does_not_fit_costs_only_itself(short):
    """The whole network with all its gradients needs far more memory than the engine: then a ratio is missing."""
    error = torch.OutOfMemoryError("CUDA out of memory")
    answer = measured(TASK, opener=opener(**{path: Counting(error) for path in short}))
    assert answer.row is not None and answer.row["ms_step"] > 0
    assert answer.row["ratio_full_fp32"] is None
    assert (answer.row["ratio_truncated_fp32"] is None) == ("plain" in short)
    assert [note.split(":")[0] for note in answer.notes if "ratio" in note] == [
        f"no ratio to {path} at 160x120" for path in reversed(BASELINES) if path in short
    ]


def test_an_engine_that_cannot_be_had_is_an_answer():
    """Its own words, in one line."""

    def none(*_):
        raise BuildError("tensorrt_rtx does not know Hopper; the graph in eager is used")

    assert measured(TASK, opener=none).why == "tensorrt_rtx does not know Hopper; the graph in eager is used"
    too_small = replace(TASK, network="inception_v3", layer="Mixed_6b", width=60, height=40)
    assert "too few" in measured(too_small).why


def test_a_wrong_gradient_is_no_row():
    """Whatever computes something else may well be quick."""

    class Wrong(Counting):
        def gradient(self, image, weights, channels=None):
            return -super().gradient(image, weights, channels)

    answer = measured(TASK, opener=opener(eager=Wrong()))
    assert answer.row is None and "its gradient is not autograd's: their cosine is -1.000" in answer.why


def test_engines_are_built_before_their_memory_is_counted():
    """What building takes is gone when they run; how long it took stands in the row."""
    order = []

    def builder(path, precision, network, layer, sizes):
        order.append(("built", tuple(sizes)))
        return Engines(Namespace(version="forge 1.0"), {}, 12.34)

    def opened(path, precision, network, layer, device, engines=None):
        order.append((path, engines is not None))
        return Counting()

    answer = measured(replace(TASK, path="onnx"), opener=opened, builder=builder)
    assert order[:2] == [("built", ((120, 160), (86, 114))), ("onnx", True)]
    assert answer.row["build_s"] == 12.3 and answer.row["library"] == "forge 1.0"


def test_a_stand_in_is_never_measured_under_the_engines_name():
    """Engines fall back in a show; in a benchmark the fallback's speed would be told as theirs."""
    nothing = Nothing(("one",), torch.device("cpu"))
    nothing.compiled = Namespace(refused={(1, (96, 96)): "it failed while it ran: no kernel"})
    with pytest.raises(BuildError, match="no kernel"):
        nothing.gradient(torch.zeros(1, 3, 96, 96), [1.0])
    graphed = open_path("graphed", "float32", googlenet("conv3"), "conv3", torch.device("cpu"))
    graphed.step(torch.zeros(1, 3, 96, 96), [1.0], 0.01, (1, 1))
    with pytest.raises(BuildError, match="NVIDIA"):
        check("graphed", graphed)


def test_every_path_that_runs_here_gives_a_row(device, monkeypatch):
    """Measured for real, small: a row with everything in it."""
    monkeypatch.setattr("models.ascent.eager.best_device", lambda: device)
    precision = str(native_dtype(device)).removeprefix("torch.")
    tasks = [replace(TASK, path="full"), replace(TASK, precision=precision)]
    tasks += [replace(TASK, network="leap", layer="any", steps=1, precision=precision, path="leap")]
    tasks += [replace(TASK, path="graphed", precision=precision)] if device.type == "cuda" else []
    for task in tasks:
        answer = measured(task)
        assert answer.row is not None, answer.why
        assert set(answer.row) >= PROMISED
        assert answer.row["ms_step"] > 0 and answer.row["ms_frame"] > 0 and answer.row["peak_mb"] > 0
        assert (answer.row["ratio_full_fp32"] is None) == (task.path == "leap")
        assert answer.row["cosine"] is None if task.path == "leap" else answer.row["cosine"] > 0.97


def test_peak_memory_is_what_is_taken_meanwhile(device):
    """Also what is given back before the end; and nothing of what was there before."""
    kept = torch.ones(8, 2**20, device=device)  # 32 MiB
    with Peak(device) as peak:
        passing = torch.ones(16, 2**20, device=device)  # 64 MiB
        assert float((passing[0] + kept[0]).sum()) > 0
        del passing
    assert peak.mib is not None
    assert 60 < peak.mib < 120


# -- which rows ----------------------------------------------------------------------------------------------------


def rows(found):
    return [(task.path, task.precision, task.width, task.height) for task in found.tasks]


def test_a_processor_is_measured_within_minutes():
    """Every path at the show's size, the quickest at the next, and what others publish; the rest is in footnotes."""
    found = plan(options(), CPU)
    small = [(task.path, task.precision) for task in found.tasks if task.width == 320 and task.network != "leap"]
    assert small == [
        ("plain", "float32"),
        ("full", "float32"),
        ("eager", "float32"),
        ("eager", "bfloat16"),
        ("onnx", "float32"),
    ]
    assert ("eager", "bfloat16", 640, 480) in rows(found)
    assert ("leap", "bfloat16", 320, 240) in rows(found)
    assert {(t.layer, t.width, t.steps, t.octaves) for t in found.tasks if t.whole} == {
        ("inception3b", 800, 4, 2),
        ("inception4e", 800, 4, 2),
    }
    assert {note.what for note in found.footnotes} == {"graphed float16", "tensorrt float16"}
    assert all("NVIDIA" in note.why for note in found.footnotes)
    assert sum(task.seconds for task in found.tasks) < 60
    assert any("random weights" in line for line in found.said)


def test_a_card_is_measured_at_the_sizes_of_walls():
    """1280x720, 1920x1080 and 3840x2160 with 4 steps, on every path."""
    found = plan(options(), CUDA)
    ours = [task for task in found.tasks if not task.whole and task.network != "leap"]
    assert {(task.width, task.height) for task in ours} == {(1280, 720), (1920, 1080), (3840, 2160)}
    assert {task.steps for task in ours} == {4}
    assert {(task.path, task.precision) for task in ours} == {
        ("plain", "float32"),
        ("full", "float32"),
        ("eager", "float32"),
        ("eager", "float16"),
        ("graphed", "float16"),
        ("tensorrt", "float16"),
    }
    assert not found.footnotes


def test_emulated_bfloat16_is_a_footnote():
    """Where the processor does not multiply it natively it would take half the night and say nothing."""
    found = plan(options(), OLD_CPU)
    assert all(task.precision == "float32" for task in found.tasks)
    assert any(note.what == "eager bfloat16" and "emulated" in note.why for note in found.footnotes)


def test_every_combination_that_was_asked_for_is_a_row():
    """Networks, layers, sizes, steps, octaves, precisions and paths, each with each."""
    wanted = options(
        networks=["googlenet"],
        taps=["inception3b", "inception4c"],
        sizes=[(160, 120), (320, 240)],
        each_steps=[1, 2],
        each_octaves=[1, 3],
        precisions=["float32"],
        paths=["eager", "plain"],
        threads=2,
        seconds=1.5,
    )
    found = plan(wanted, CPU)
    assert len(found.tasks) == 2**5 and len(set(found.tasks)) == 2**5
    assert all(task.threads == 2 and task.seconds == 1.5 and not task.whole for task in found.tasks)


def test_quick_is_quick():
    """One size, and little time for each row."""
    found = plan(options(quick=True), CPU)
    assert {(task.width, task.height) for task in found.tasks} == {(320, 240)}
    assert {task.path for task in found.tasks} == {"plain", "full", "eager"}
    assert sum(task.seconds for task in found.tasks) <= 10


def test_the_published_workload_alone():
    """`--published` measures what others have published and nothing else; it cannot be given another size."""
    found = plan(options(published=True, paths=["eager", "plain"]), CUDA)
    assert all(task.whole and task.network == "googlenet" for task in found.tasks)
    assert {(task.width, task.height) for task in found.tasks} == {(800, 450), (800, 600)}
    with pytest.raises(SettingsError, match=r"--published .* leave out --size"):
        plan(options(published=True, sizes=[(320, 240)]), CPU)


def test_what_cannot_be_had_is_refused_beforehand(tmp_path):
    """A layer that no network has, a file that is none, and a wish of which nothing is left."""
    with pytest.raises(SettingsError, match="no layer 'Mixed_9z'; inception_v3 has Conv2d_1a_3x3"):
        plan(options(taps=["Mixed_9z"]), CPU)
    with pytest.raises(SettingsError, match=r"--network: .*nowhere\.pth does not exist"):
        plan(options(networks=[str(tmp_path / "nowhere.pth")]), CPU)
    with pytest.raises(SettingsError, match="graphed float16: it needs an NVIDIA card"):
        plan(options(paths=["graphed"]), CPU)
    with pytest.raises(SettingsError, match="onnx float16: it computes in float32"):
        plan(options(paths=["onnx"], precisions=["float16"]), CUDA)


# -- a process for each row ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("way", "why"),
    [
        ("crash", "it crashed (SIGSEGV)"),
        ("memory", "the system ended it, as it does when memory runs out"),
        ("fail", "it ended with 1: the card is on fire"),
    ],
)
def test_a_row_that_dies_is_a_footnote(way, why):
    """A driver that takes its process along takes nothing else."""
    assert asked(replace(TASK, layer=way), module="poor_row") == Answer(why=why)


def test_a_row_that_hangs_is_ended():
    """The rows after it are measured."""
    assert asked(replace(TASK, layer="hang"), module="poor_row", timeout=1.0).why.startswith("no answer within")


def test_ctrl_c_ends_the_rows_process_too(request):
    """Nothing goes on computing behind one's back."""
    # Begun in the background, a shell leaves Ctrl+C ignored.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    request.addfinalizer(lambda: signal.signal(signal.SIGINT, before))
    with pytest.raises(KeyboardInterrupt):
        asked(replace(TASK, layer="interrupted"), module="poor_row", timeout=20.0)
    tasks = Path(f"/proc/{os.getpid()}/task")
    left = [pid for task in tasks.iterdir() for pid in (task / "children").read_text().split()]
    assert not any("poor_row" in Path(f"/proc/{pid}/cmdline").read_text() for pid in left)


# -- the command ---------------------------------------------------------------------------------------------------


def made(task, **values):
    seconds = {"step": 0.05, "frame": 0.18, "matmul": 0.01, "plain": 0.1, "full": 0.3}
    about = {
        "device": "a processor",
        "device_type": "cpu",
        "threads": 2,
        "torch": "2",
        "python": "3",
        "system": "Linux",
    }
    return {**figures(task, seconds, 10e9, 4e9, 3), "peak_mb": 99.5, "rounds": 9, **about, **values}


def test_a_small_run_from_end_to_end(tmp_path, capsys):
    """A row in a process of its own; JSON with every promised field, and figures that agree with one another."""
    wanted = options(
        networks=["googlenet"],
        taps=["inception3a"],
        sizes=[(112, 96)],
        each_steps=[1],
        each_octaves=[1],
        precisions=["float32"],
        paths=["eager", "graphed"],
        threads=1,
        seconds=0.1,
        json=tmp_path / "figures" / "rows.json",
        markdown=tmp_path / "rows.md",
    )
    said = []
    assert bench(wanted, said.append, machine=lambda: OLD_CPU) == 0
    found = json.loads(wanted.json.read_text())
    assert [row["path"] for row in found] == ["eager"]
    for row in found:
        assert all(row[key] is not None for key in PROMISED)
        assert row["network"] == "googlenet" and row["weights"] == "random" and row["rounds"] >= 1
        assert row["steps_per_s"] == pytest.approx(1000 / row["ms_step"], rel=2e-3)
        assert row["dream_fps"] == pytest.approx(1000 / row["ms_frame"], rel=2e-3)
        assert row["share"] == pytest.approx(row["gflop_step"] / row["ms_step"] * 1e3 / row["matmul_gflops"], rel=5e-3)
        assert row["ratio_truncated_fp32"] == pytest.approx(row["ms_truncated_fp32"] / row["ms_step"], rel=5e-3)
        assert row["ratio_full_fp32"] > 0 and row["peak_mb"] > 1
    shown = capsys.readouterr().out
    assert "eager" in shown and "ms/step" in shown and "graphed float32" in shown and "NVIDIA" in shown
    assert "| eager | float32 |" in wanted.markdown.read_text()
    assert any("googlenet with random weights" in line for line in said)


def test_a_file_that_cannot_be_written_is_refused_beforehand(tmp_path):
    """Not after minutes of measuring."""
    (tmp_path / "file").touch()

    def never(_):
        pytest.fail("measured before the file was tried")

    for flag in ("json", "markdown"):
        with pytest.raises(SettingsError, match=rf"--{flag}: .*rows cannot be written"):
            bench(options(**{flag: tmp_path / "file" / "rows"}), print, ask=never, machine=lambda: CPU)


def test_ctrl_c_shows_what_there_is(tmp_path, capsys):
    """Minutes of measuring are not lost because somebody has seen enough."""

    def ask(task):
        if task.path == "full":
            raise KeyboardInterrupt
        return Answer(made(task))

    wanted, said = options(json=tmp_path / "rows.json"), []
    assert bench(wanted, said.append, ask=ask, machine=lambda: CPU) == INTERRUPTED
    assert [row["path"] for row in json.loads(wanted.json.read_text())] == ["plain"]
    assert "plain" in capsys.readouterr().out
    assert said[-1].startswith("ended after 1 of")


def test_what_was_measured_is_kept_at_once(tmp_path):
    """A row after which the machine falls over has not taken the others along."""
    wanted, before = options(json=tmp_path / "rows.json", quick=True), []

    def ask(task):
        before.append(len(json.loads(wanted.json.read_text() or "[]")))
        return Answer(made(task))

    bench(wanted, lambda _: None, ask=ask, machine=lambda: CPU)
    assert before == list(range(len(before)))


def test_nothing_measured_is_said_by_the_exit_code(capsys):
    """For scripts; and for people there is the reason."""
    code = bench(options(quick=True), lambda _: None, ask=lambda _: Answer(why="no"), machine=lambda: CPU)
    assert code == NOTHING
    assert "not measured: plain float32" in capsys.readouterr().out


def test_a_full_disk_loses_no_table(tmp_path, capsys):
    """The table is on the screen even where the file could not be written in the end."""
    wanted = options(quick=True, json=tmp_path / "rows.json")

    def ask(task):
        if wanted.json.is_file():
            wanted.json.unlink()
        wanted.json.mkdir(exist_ok=True)
        return Answer(made(task))

    with pytest.raises(SettingsError, match=r"rows\.json cannot be written"):
        bench(wanted, lambda _: None, ask=ask, machine=lambda: CPU)
    assert "ms/step" in capsys.readouterr().out


# -- the table -----------------------------------------------------------------------------------------------------


def shown(*args, encoding="utf-8"):
    raw = io.BytesIO()
    file = io.TextIOWrapper(raw, encoding=encoding)
    show(*args, Console(file=file, width=132, highlight=False))
    file.flush()
    return raw.getvalue().decode(encoding)


def test_the_table_says_what_and_where():
    """A table a workload, the machine once, and each reason once with all that it holds for."""
    larger = replace(TASK, width=640, height=480)
    footnotes = [Footnote("tensorrt float16", task.about, "no card") for task in (TASK, larger)]
    text = shown([made(TASK), made(larger), made(replace(TASK, path="plain"))], footnotes)
    assert text.count("ms/step") == 2
    assert text.index("plain") < text.index("640x480")
    assert text.count("a processor, 2 threads") == 1
    (line,) = [line for line in text.splitlines() if "no card" in line]
    assert "160x120" in line and "640x480" in line


def test_what_others_publish_stands_beside_it():
    """Only under the workload that it is about."""
    assert "27 fps at inception3b" in shown([made(replace(TASK, whole=True))], [])
    assert "27 fps" not in shown([made(TASK)], [])


def test_a_terminal_without_signs_gets_the_table_too():
    """An old console or a log in ASCII is no reason to end with a traceback."""
    assert "ms/step" in shown([made(TASK)], [], encoding="ascii")


def test_a_missing_figure_is_a_dash():
    """The leap has no ratio."""
    text = markdown([made(TASK, ratio_full_fp32=None, peak_mb=None)], [Footnote("", "", "said once")] * 2)
    row = next(line for line in text.splitlines() if line.startswith("| eager"))
    assert row.endswith("| 2 | - | - |")
    assert text.count("said once") == 1


def test_importing_it_starts_nothing():
    """`dreamwall --help` stays quick: torch is loaded when there is something to measure."""
    import subprocess

    code = "import sys, installation.bench; sys.exit('torch' in sys.modules or 'rich' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
