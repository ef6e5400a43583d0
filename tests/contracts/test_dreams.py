"""Every `Dream` keeps the same promises: the worker in its own process, and the one inline for rehearsals."""

import os
import signal
import time

import numpy as np
import pytest

from installation.frame import Frame
from installation.knobs import Look
from installation.stages.dreaming import Dreaming, Inline
from installation.stages.engine import open_engine
from installation.stages.worker import Worker, WorkerSettings
from pictures import texture

SIZE = (160, 120)
PATIENCE = 90.0  # seconds a loaded machine may take to import torch and dream its first frame


def inline(events):
    engine = open_engine("leap", None)
    return Inline(Dreaming(engine.ascent, engine.ladder, 1))


def worker(events):
    return Worker(WorkerSettings("leap", None, SIZE, 1), events.append)


def frame(index):
    return Frame(texture(size=SIZE), index, time.monotonic())


def until_dreamed(dream, index=0, patience=PATIENCE):
    """Offer frames until a residual comes back; returns it and the last index offered."""
    end = time.monotonic() + patience
    while time.monotonic() < end:
        index += 1
        dream.offer(frame(index), Look())
        time.sleep(0.02)
        residual = dream.newest()
        if residual is not None:
            return residual, index
    raise AssertionError(f"nothing was dreamed within {patience} s")


@pytest.fixture(params=[inline, worker], ids=["inline", "worker"])
def dream(request):
    return request.param([])


def test_a_frame_comes_back_as_its_residual(dream):
    """What is offered is dreamed: of the frame's size, in range, with its index, its time and its grey picture."""
    with dream:
        residual, last = until_dreamed(dream)
    assert residual.field.shape == (SIZE[1], SIZE[0], 3) and residual.field.dtype == np.float32
    assert 0 < np.abs(residual.field).mean() < 1
    assert 1 <= residual.index <= last
    assert residual.grey.shape == (SIZE[1], SIZE[0])


def test_a_residual_is_given_once(dream):
    """`newest` gives each residual one time and otherwise None, at once."""
    with dream:
        until_dreamed(dream)
        time.sleep(0.5)
        dream.newest()
        begun = time.monotonic()
        assert dream.newest() is None
        assert time.monotonic() - begun < 0.05


def test_the_dream_deepens(dream):
    """On a still picture the residual grows from frame to frame."""
    with dream:
        first, index = until_dreamed(dream)
        last = first
        while last.index < first.index + 8:
            last, index = until_dreamed(dream, index)
    assert np.square(last.field).mean() > 1.5 * np.square(first.field).mean()


def test_closing_twice_is_harmless(dream):
    """Also when it was closed before it had begun."""
    with dream:
        pass
    dream.__exit__(None, None, None)


def test_a_killed_or_stopped_worker_is_replaced():
    """After kill -9, and after a hang, the dream is back within seconds; meanwhile nobody waits for it."""
    events: list[str] = []
    with worker(events) as dream:
        _, index = until_dreamed(dream)
        for _ in range(20):  # the time of a usual frame is known after some of them
            _, index = until_dreamed(dream, index)
        for how, told in ((signal.SIGKILL, "killed by signal 9"), (signal.SIGSTOP, "has not moved")):
            before = dream.pid
            os.kill(before, how)
            begun, slowest = time.monotonic(), 0.0
            while dream.pid in {before, None} or dream.newest() is None:
                index += 1
                asked = time.monotonic()
                dream.offer(frame(index), Look())
                dream.newest()
                slowest = max(slowest, time.monotonic() - asked)
                time.sleep(0.01)
                assert time.monotonic() - begun < 30, events
            assert any(told in event for event in events), events
            assert slowest < 0.5
            until_dreamed(dream, index)
        assert dream.restarts >= 2


def test_a_network_that_cannot_be_had_is_refused():
    """A wrong name or file is told in one line, and the worker is not begun over and over."""
    events: list[str] = []
    with Worker(WorkerSettings("no/such.pth", None, SIZE, 1), events.append) as dream:
        end = time.monotonic() + PATIENCE
        while dream.refused is None and time.monotonic() < end:
            dream.newest()
            time.sleep(0.02)
        assert dream.refused is not None and "no/such.pth" in dream.refused and "\n" not in dream.refused
        restarts = dream.restarts
        for _ in range(50):
            dream.newest()
            time.sleep(0.02)
        assert dream.restarts == restarts
