"""Engines come while the dream goes on: loaded, or built by a process of their own; whatever fails is one line."""

import os
import subprocess
import sys
import threading
import time
from contextlib import suppress
from dataclasses import replace

import pytest
import torch
from safetensors.torch import save_file

from engines import LAYERS, SIZE, FakeCompiler, a_compiled, a_network, a_picture, eager32
from installation.clock import HandClock
from installation.stages import aside as module
from installation.stages.aside import LONGEST, Aside
from installation.stages.builder import Process
from models.ascent.compiled import BuildError, Compiled
from models.ascent.onnx_runtime import OnnxRuntime
from models.ascent.store import Key, Store
from models.weights import load_network
from torchvision_format import random_state

ONE, ALL = [1.0, 0.0, 0.0], [1.0, 1.0, 1.0]


class FakeBuilder:
    """Does what it is told when it is asked how it is doing."""

    def __init__(self, clock, does=lambda: 0, says=""):
        self._clock, self._does, self._says = clock, does, says
        self.ended = 0

    def poll(self):
        self._clock.sleep(20.5)
        return self._does()

    def last_line(self):
        return self._says

    def end(self):
        self.ended += 1


class Stage:
    """A dream with fake engines, an `Aside` over it that is looked through by hand, and what it told."""

    def __init__(self, folder, compiler=None, network=None):
        self.network = network or a_network()
        self.compiler = compiler or FakeCompiler(self.network)
        self.compiled = a_compiled(self.compiler, self.network)
        self.told, self.commands, self.builders = [], [], []
        self.store = Store(folder, event=self.told.append)
        self.clock = HandClock()
        self.aside = Aside(
            self.compiled, "net.pth", self.told.append, store=self.store, clock=self.clock, start_builder=self.start
        )
        self.does, self.says = self.keep, ""

    def start(self, command):
        self.commands.append(list(command))
        place = self.compiled.wanted()[0]
        self.builders.append(FakeBuilder(self.clock, lambda: self.does(place), self.says))
        return self.builders[-1]

    def keep(self, place):
        """What a builder does."""
        depth, size = place
        layers = LAYERS[:depth]
        self.store.keep(self.key(place), self.compiler.build(self.network, layers, size))
        return 0

    def key(self, place):
        return Key.of(self.compiler, self.network, LAYERS[: place[0]], place[1])

    def dream(self, weights=ONE, size=SIZE):
        return self.compiled.gradient(a_picture(size), weights)

    def look(self, times=1):
        for _ in range(times):
            self.aside.look()


@pytest.fixture
def stage(tmp_path):
    return Stage(tmp_path / "engines")


def test_a_missing_engine_is_built_checked_and_swapped_in(stage):
    """The operator reads that it is being built, what dreams until then, and when the engine took over."""
    stage.dream()
    stage.look()
    assert stage.compiled.ready == [] and len(stage.commands) == 1
    stage.look()
    assert stage.compiled.ready == [(1, SIZE)]
    began, came = stage.told
    assert began.startswith("building an engine for Conv2d_2b_3x3 at 88x80 aside; the show goes on with eager, float32")
    assert came.startswith("dreaming on onnx: Conv2d_2b_3x3 at 88x80, built in 20 s; its gradient's cosine with")
    stage.compiler.runs.clear()
    stage.dream()
    assert stage.compiler.runs == [1]
    stage.look(3)
    assert len(stage.commands) == 1 and len(stage.told) == 2 and stage.builders[0].ended == 1


def test_the_builder_is_told_the_engine_by_name(stage):
    """What it builds does not depend on programs, settings files or knobs, so it is exactly what is missing."""
    stage.dream([0, 0.5, 0.5])
    stage.look()
    (command,) = stage.commands
    assert command[:5] == [sys.executable, "-m", "installation", "prepare", "--aside"]
    assert command[5:] == [
        *("--network", "net.pth", "--engine", "onnx"),
        *("--layers", ",".join(LAYERS), "--at", "Mixed_5b:88x80"),
    ]


def test_engines_in_the_store_come_before_any_is_built(stage):
    """What was prepared is taken at once, one a look, also while another is being built."""
    stage.keep((1, SIZE))
    stage.does = lambda _place: None  # a build that goes on and on
    stage.dream()
    stage.dream(ALL)
    stage.look(2)
    assert stage.compiled.ready == [(1, SIZE)] and "from the cache" in stage.told[0]
    stage.look()
    assert len(stage.commands) == 1
    stage.keep((2, SIZE))
    stage.dream([0, 1, 0])
    stage.look()
    assert stage.compiled.ready == [(1, SIZE), (2, SIZE)]


def test_one_builder_at_a_time(stage):
    """However much is wanted, the show shares the machine with one build; what is dreamed now is built first."""
    for size in ((72, 72), (80, 80), SIZE):
        stage.dream(size=size)
    stage.does = lambda _place: None
    stage.look(4)
    assert len(stage.commands) == 1 and stage.commands[0][-1] == "Conv2d_2b_3x3:88x80"
    stage.does = stage.keep
    stage.look(8)
    assert len(stage.commands) == 3 and len(stage.compiled.ready) == 3


def test_a_build_that_fails_is_told_once_and_not_tried_again(stage):
    """The last thing the builder said is what the operator reads, and what goes on instead."""
    stage.does, stage.says = (lambda _place: 2), "no room in /cache for an engine of 22 MB"
    stage.dream()
    stage.look(5)
    stage.dream()
    stage.look(5)
    assert len(stage.commands) == 1
    (why,) = stage.told[1:]
    assert why.startswith(
        "the engine for Conv2d_2b_3x3 at 88x80 is out: it could not be built (exit code 2): no room in /cache for an"
        " engine of 22 MB; the show goes on with eager"
    )


def test_a_builder_that_is_killed_is_told_so(stage):
    """As by the system when a compiler took all the memory."""
    stage.does = lambda _place: -9
    stage.dream()
    stage.look(3)
    assert "killed by signal 9" in stage.told[-1]


def test_a_builder_that_never_ends_is_ended(stage):
    """After half an hour another engine gets its turn."""
    stage.does = lambda _place: None
    stage.dream()
    for _ in range(int(LONGEST / 20) + 2):
        stage.look()
    assert stage.builders[0].ended == 1 and "did not end within 30 minutes" in stage.told[-1]


def test_a_builder_that_cannot_be_started_is_told(stage):
    """No process, no memory: the dream goes on."""

    def start(_command):
        raise OSError(12, "Cannot allocate memory")

    stage.aside = Aside(stage.compiled, None, stage.told.append, store=stage.store, start_builder=start)
    stage.dream()
    stage.look(3)
    assert "no builder can be started (Cannot allocate memory)" in stage.told[-1] and len(stage.told) == 1


def test_a_build_that_leaves_nothing_is_not_tried_for_ever(stage):
    """A builder that says it is done and has kept nothing is not believed twice."""
    stage.does = lambda _place: 0
    stage.dream()
    stage.look(6)
    assert len(stage.commands) == 1 and "it was built, and is not in" in stage.told[-1]


def test_an_engine_with_a_wrong_gradient_is_refused(tmp_path):
    """A line says by how much it differs, and it never dreams a single step."""
    network = a_network()
    stage = Stage(tmp_path, FakeCompiler(network, lambda gradient: gradient.flip(3)), network)
    stage.dream()
    stage.look(3)
    assert stage.compiled.ready == []
    assert "is out: its gradient differs from autograd's" in stage.told[-1]
    stage.compiler.runs.clear()
    assert torch.equal(stage.dream(), eager32(network).gradient(a_picture(), ONE))
    assert stage.compiler.runs == []


def test_an_engine_that_fails_in_the_show_is_told(stage):
    """The swap back is told too, with the reason."""
    stage.keep((1, SIZE))
    stage.dream()
    stage.look()
    stage.compiled.put(1, SIZE, lambda *_: 1 / 0)
    stage.dream()
    stage.look(2)
    assert "is out: it failed while it ran: ZeroDivisionError" in stage.told[-1] and len(stage.told) == 2


def test_a_damaged_engine_is_built_again(stage):
    """A file that lost a byte is told by name, replaced, and used."""
    stage.keep((1, SIZE))
    path = stage.store.folder / stage.key((1, SIZE)).name
    path.write_bytes(path.read_bytes()[:-1])
    stage.dream()
    stage.look(4)
    assert stage.told[0] == f"{path} is damaged and will be built again"
    assert stage.compiled.ready == [(1, SIZE)] and len(stage.commands) == 1


def test_a_damaged_engine_is_read_once_while_it_waits_for_its_build(stage):
    """Engines are large: they are not read, and not told of, twice a second behind another build."""
    stage.does = lambda _place: None
    stage.dream()
    stage.look()
    stage.store.folder.mkdir(exist_ok=True)
    (stage.store.folder / stage.key((2, SIZE)).name).write_bytes(b"damaged")
    stage.dream([0, 1, 0])
    stage.look(5)
    assert sum("is damaged" in line for line in stage.told) == 1


def test_an_engine_that_its_library_cannot_read_is_built_again_once(stage):
    """After a driver's update an old engine may be whole and yet of no use; if the new one is too, that is the end."""
    stage.store.keep(stage.key((1, SIZE)), b'["of another driver", 0]')
    stage.dream()
    stage.look()
    assert "built again: this engine is of another kind" in stage.told[0]
    assert not (stage.store.folder / stage.key((1, SIZE)).name).exists()  # or its builder would find it there
    stage.look(2)
    assert stage.compiled.ready == [(1, SIZE)]
    stage.store.keep(stage.key((2, SIZE)), b'["of another driver", 0]')

    def again(place):
        stage.store.keep(stage.key(place), b'["just as bad", 0]')
        return 0

    stage.does = again
    stage.dream([0, 1, 0])
    stage.look(6)
    assert len(stage.commands) == 2 and "is out: this engine is of another kind" in stage.told[-1]


def test_an_engine_that_does_not_fit_into_memory_is_not_built_again(stage):
    """Another build of it would not fit either."""

    def load(*_):
        raise BuildError("out of memory: the engine wants 3 GB")

    stage.compiler.load = load
    stage.keep((1, SIZE))
    stage.dream()
    stage.look(4)
    assert stage.commands == [] and "out of memory" in stage.told[-1]


def test_an_engine_for_another_card_is_pointed_out(stage):
    """Whoever copied the folder from another machine learns why engines are built all the same."""
    stage.store.keep(replace(stage.key((1, SIZE)), target="sm_86"), b"theirs")
    stage.dream()
    stage.look(3)
    assert "cannot be used here: its target is sm_86, not cpu" in stage.told[0]
    assert stage.compiled.ready == [(1, SIZE)]


def test_without_room_nothing_is_built_until_there_is(stage, monkeypatch):
    """A full disk is told once; no minutes go into engines that could not be kept, and room is noticed."""
    stage.dream()
    with monkeypatch.context() as patched:
        patched.setattr("models.ascent.store.shutil.disk_usage", lambda _: type("Usage", (), {"free": 1000}))
        stage.look(4)
        assert stage.commands == [] and len(stage.told) == 1
        assert f"no room in {stage.store.folder}" in stage.told[0] and "the show goes on with eager" in stage.told[0]
    stage.look(2)
    assert stage.compiled.ready == [(1, SIZE)]


def test_an_engine_that_was_let_go_comes_back_quietly(stage):
    """Programs that take turns do not fill the operator's log, and what was found right is not checked again."""
    stage.compiled = Compiled(stage.compiler, eager32(stage.network), stage.network, most=1)
    stage.aside = Aside(stage.compiled, None, stage.told.append, store=stage.store)
    for depth in (1, 2):
        stage.keep((depth, SIZE))
    for weights in (ONE, [0, 1, 0], ONE, [0, 1, 0]):
        stage.dream(weights)
        stage.look()
    assert len(stage.told) == 2
    stage.compiler.runs.clear()
    stage.dream(ONE)
    stage.look()
    assert stage.compiled.ready == [(1, SIZE)] and set(stage.compiler.runs) == {2}


def test_its_thread_works_by_itself_and_ends(stage, monkeypatch):
    """Opened, it fills the dream with engines; closed, twice, it ends its thread and the builder."""
    monkeypatch.setattr(module, "EVERY", 0.01)
    before = threading.active_count()
    with stage.aside:
        stage.dream()
        until(lambda: stage.compiled.ready)
        stage.does = lambda _place: None
        stage.dream(ALL)
        until(lambda: len(stage.builders) == 2)
    stage.aside.__exit__()
    assert stage.builders[1].ended == 1 and threading.active_count() == before


def test_whatever_goes_wrong_is_one_line_and_the_thread_goes_on(stage, monkeypatch):
    """A fault of its own never reaches the dream and is not told twice a second."""
    monkeypatch.setattr(module, "EVERY", 0.01)
    real, calls = stage.store.find, []

    def find(key):
        calls.append(key)
        if len(calls) < 5:
            raise RuntimeError("something nobody thought of\nin two lines")
        return real(key)

    monkeypatch.setattr(stage.store, "find", find)
    with stage.aside:
        stage.dream()
        until(lambda: stage.compiled.ready)
    assert stage.told[0] == "engines are not built for now: RuntimeError: something nobody thought of"
    assert sum("nobody thought of" in line for line in stage.told) == 1


def until(what, seconds=60.0):
    end = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < end, "it never came"
        time.sleep(0.01)


# -- real processes ----------------------------------------------------------------------------------------------------


def gone(pid):
    with suppress(FileNotFoundError):
        return open(f"/proc/{pid}/stat").read().rsplit(")", 1)[1].split()[0] == "Z"  # noqa: PTH123
    return True


def test_what_a_process_said_last_is_known():
    """Its errors too, and without the program's name before them; a long story does not block it."""
    story = "print('x' * 200000); import sys; sys.stderr.write('dreamwall: it was the disk\\n\\n'); sys.exit(3)"
    process = Process([sys.executable, "-c", story])
    until(lambda: process.poll() is not None)
    assert process.poll() == 3 and process.last_line() == "it was the disk"
    process.end()
    process.end()
    assert process.last_line() == ""


def test_a_process_is_ended():
    """Even one that does not listen."""
    process = Process([sys.executable, "-c", "import signal, time; signal.signal(15, signal.SIG_IGN); time.sleep(600)"])
    process.end()
    assert process.poll() is not None and gone(process.pid)


def test_a_program_that_is_not_there_is_an_oserror():
    """Which `Aside` tells."""
    with pytest.raises(OSError):
        Process(["/no/such/python"])


@pytest.fixture(scope="module")
def network_file(tmp_path_factory):
    """A network's file with random weights: Inception-v3 to Mixed_5b."""
    path = tmp_path_factory.mktemp("network") / "random.safetensors"
    kept = ("Conv2d_", "Mixed_5b.")
    save_file({name: tensor for name, tensor in random_state("inception_v3").items() if name.startswith(kept)}, path)
    return path


def test_a_real_builder_builds_a_real_engine_for_the_dream(network_file, tmp_path, monkeypatch):
    """From the first frame on eager, to ONNX Runtime's engine from a process of its own; the next start finds it."""
    monkeypatch.setenv("DREAMWALL_CACHE", str(tmp_path))
    monkeypatch.chdir(tmp_path)  # a show may be started from anywhere
    network = load_network(network_file)
    told = []
    for came in ("built in", "from the cache"):
        compiled = Compiled(OnnxRuntime(), eager32(network), network)
        image = a_picture()
        before = compiled.gradient(image, [0, 1, 0])
        with Aside(compiled, str(network_file), told.append):
            until(lambda compiled=compiled: compiled.ready or compiled.refused)
        assert compiled.ready == [(2, SIZE)], (told, compiled.refused)
        after = compiled.gradient(image, [0, 1, 0])
        assert torch.nn.functional.cosine_similarity(before.flatten(), after.flatten(), dim=0) > 0.99999
        assert not torch.equal(before, after) and came in told[-1]
    assert len(told) == 3
    (path,) = (tmp_path / "engines").iterdir()
    # The very same engine where another network dreams: found out, whatever its file is called.
    other = a_network()
    compiled = Compiled(OnnxRuntime(), eager32(other), other)
    key, mine = (Key.of(compiled.compiler, of, LAYERS[:2], SIZE) for of in (other, network))
    Store().keep(key, Store().find(mine))
    compiled.gradient(image, [0, 1, 0])
    Aside(compiled, None, told.append).look()
    assert path.exists() and "differs from autograd" in compiled.refused[2, SIZE]


def test_a_builder_ends_when_the_show_does(network_file, tmp_path):
    """A worker that was killed leaves no builder behind: its standard input is closed then, which is all it takes."""
    show = (
        "import sys, time; from installation.stages.builder import Process;"
        "print(Process(sys.argv[1:]).pid, flush=True); time.sleep(600)"
    )
    command = [sys.executable, "-m", "installation", "prepare", "--aside", "--network", str(network_file)]
    command += ["--engine", "onnx", "--layers", "Mixed_5b", "--at", "Mixed_5b:400x304"]
    worker = subprocess.Popen(
        [sys.executable, "-c", show, *command],
        stdout=subprocess.PIPE,
        env={**os.environ, "DREAMWALL_CACHE": str(tmp_path)},
    )
    try:
        pid = int(worker.stdout.readline())
        until(lambda: nice_of(pid) == 19 or gone(pid))  # it has begun, and is out of the show's way
        assert not gone(pid)
    finally:
        worker.kill()
        worker.wait()
        worker.stdout.close()
    until(lambda: gone(pid), 10)
    assert not list(tmp_path.rglob("*.engine"))


def nice_of(pid):
    with suppress(FileNotFoundError, ProcessLookupError):
        return os.getpriority(os.PRIO_PROCESS, pid)
