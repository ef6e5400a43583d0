"""The governor and memory, with a worker in its own process: an ascent that is slow, or wants more than there is."""

import os
import signal
import time

import numpy as np
import pytest

import hungry
from installation.frame import Frame
from installation.knobs import Look
from installation.stages import worker as worker_module
from installation.stages.carrier import Carrier
from installation.stages.flow import grey_of
from installation.stages.governor import Governor
from installation.stages.rungs import ALL
from installation.stages.worker import Worker, WorkerSettings
from pictures import texture

SIZE = (320, 240)
PATIENCE = 60.0
PICTURE = texture(size=SIZE)


@pytest.fixture
def begin(monkeypatch):
    """A worker whose ascent is like ``wants``, not yet entered; what it tells is in ``worker.told``."""
    monkeypatch.setattr(worker_module, "_run", hungry.run)

    def made(wants, governor=None):
        told = []
        dream = Worker(WorkerSettings(wants, None, SIZE, None), told.append, governor)
        dream.told = told
        return dream

    return made


class Playing:
    """Offers thirty frames a second, as the show does, and keeps the newest residual."""

    def __init__(self, dream):
        self.dream, self.residual, self._index = dream, None, 0

    def until(self, what, patience=PATIENCE):
        end = time.monotonic() + patience
        while time.monotonic() < end:
            self._index += 1
            self.dream.offer(Frame(PICTURE, self._index, time.monotonic()), Look())
            self.residual = self.dream.newest() or self.residual
            if what():
                return
            time.sleep(1 / 30)
        raise AssertionError(f"not within {patience} s: {self.dream.told}")

    def rate(self, seconds):
        """Dreams a second over the next ``seconds``."""
        before, begun = self.dream.dreamed, time.monotonic()
        self.until(lambda: time.monotonic() - begun > seconds)
        return (self.dream.dreamed - before) / (time.monotonic() - begun)


def test_out_of_memory_goes_down_a_size_and_dreams_on(begin):
    """Two sizes are too large: it says so, one line each, and dreams at the third; governed or not.

    What comes back is laid over the picture like any other dream.
    """
    with begin("room=40000") as dream:
        play = Playing(dream)
        play.until(lambda: play.residual is not None and play.residual.field.shape == (154, 204, 3))
        sizes = [line for line in dream.told if "memory" in line]
        assert sizes == [
            "the dream ran out of memory at 320x240; it goes on at 256x192",
            "the dream ran out of memory at 256x192; it goes on at 204x154",
        ]
        assert not any("ended with code" in line for line in dream.told)
        play.until(lambda: dream.ready is not None)
        assert dream.governor.lines() == ["governor\tworking size 204x154 of 320x240, for want of memory"]
        assert [row["what"] for row in dream.governor.figures()["decisions"]] == sizes
        carrier = Carrier()
        carrier.follow(grey_of(PICTURE))
        carrier.receive(play.residual, 0.0)
        veil = carrier.veil(1.0, Look()).flat()
        assert veil is not None and np.abs(veil).mean() > 0.001


def test_memory_for_nothing_at_all_is_said_and_never_ends(begin):
    """Below the smallest size there is none: it says so, and tries again, never in a tight loop."""
    with begin("room=100") as dream:
        play = Playing(dream)
        play.until(lambda: any("even at 160x120" in line for line in dream.told))
        before = dream.restarts
        play.rate(3)
        assert dream.restarts <= before + 3 and dream.refused is None
        assert dream.governor.allow.scale == 0.5
        assert sum("even at" in row["what"] for row in dream.governor.figures()["decisions"]) == 1


def test_memory_for_the_network_is_another_matter(begin):
    """A network that does not fit is told as that; no size is taken from a dream that it would not help."""
    with begin("load") as dream:
        play = Playing(dream)
        play.until(lambda: any("not enough memory for the network" in line for line in dream.told))
        assert dream.governor.allow == ALL


def test_a_slow_dream_is_trimmed_and_stays_so_after_a_death(begin):
    """It makes half of what is wanted: a step is taken, which is told, and a new worker begins with that."""
    governor = Governor(6.0)
    seconds = 0.055 if (os.cpu_count() or 1) in {2, 3} else 0.036  # a hand more needs as much more to be as slow
    with begin(f"seconds={seconds}", governor) as dream:
        play = Playing(dream)
        play.until(lambda: governor.figures()["level"] > 0)
        assert "instead of 2" in dream.told[-1] and "of 6 wanted: 1 step" in dream.told[-1]
        play.until(lambda: governor.lines() and "could make" in governor.lines()[0])
        level, pid = governor.figures()["level"], dream.pid
        os.kill(pid, signal.SIGKILL)
        play.until(lambda: dream.pid not in {None, pid})
        before = dream.dreamed
        play.until(lambda: dream.dreamed > before + 2)
        assert governor.figures()["level"] >= level
        assert governor.figures()["decisions"][0]["what"] in dream.told


def test_an_engine_that_becomes_another_says_so(begin):
    """What runs is told anew when it changes, while the dream goes on; the show knows it without a restart."""
    with begin("status=8,seconds=0.01") as dream:
        play = Playing(dream)
        play.until(lambda: dream.ready is not None)
        assert dream.ready["engine"] == "hungry"
        assert (dream.ready["span"], dream.ready["steps"]) == (1, 2)
        play.until(lambda: dream.ready["engine"] == "hungry, fed")
        assert dream.restarts == 0
