"""A long show with faults: what people see is never black, never torn, never stuck.

The short form runs with every other test.  DREAMWALL_SOAK=60 runs it for an hour.
"""

import os
import resource
import signal
import threading
import time

import numpy as np
import pytest

from installation.rig import build
from installation.settings import Settings
from loopback_mjpeg import MjpegServer
from needs import free_port, needs_tool
from xvfb import a_display

MINUTES = float(os.environ.get("DREAMWALL_SOAK", "0"))
LONGEST = 0.1  # seconds a refresh may take, whatever dies
ROUND = 15.0  # seconds for one round of faults, at least


class Faults(threading.Thread):
    """Kills and stops the worker, kills and restarts the stream server, over and over."""

    def __init__(self, rig, port):
        super().__init__(daemon=True)
        self._rig, self._port = rig, port
        self._over = threading.Event()
        self.log: list[str] = []

    def run(self):
        while not self._over.is_set():
            with MjpegServer(self._port, (200, 120, 60)):
                self._until_dreaming()
                self._worker(signal.SIGKILL, "killed")
                self._until_dreaming()
                self._worker(signal.SIGSTOP, "stopped")
                self._until_dreaming()
            self._over.wait(3)
            self.log.append("stream ended")

    def _until_dreaming(self):
        before = self._rig.worker.dreamed
        while self._rig.worker.dreamed < before + 10 and not self._over.wait(0.1):
            pass

    def _worker(self, how, told):
        pid = self._rig.worker.pid
        if pid is not None and not self._over.is_set():
            os.kill(pid, how)
            self.log.append(told)

    def end(self):
        self._over.set()
        self.join(10)


@pytest.mark.soak
@pytest.mark.timeout(max(180, MINUTES * 60 + 120))
def test_nothing_that_dies_takes_the_picture():
    """Worker killed, worker hung, stream gone and back, in a real window: no black refresh, none over 100 ms."""
    needs_tool("Xvfb", "import")
    port = free_port()
    settings = Settings(source=f"http://127.0.0.1:{port}/cam", network="leap", size=(160, 120), steps=1)
    with a_display():
        rig = build(settings, None, None, lambda line: None)
        faults = Faults(rig, port)
        length = max(ROUND, MINUTES * 60)
        begun = time.monotonic()
        darkest, memory = 255.0, []

        def over():
            if rig.vitals.refreshes == 30:
                faults.start()
            if rig.vitals.refreshes % 300 == 299:
                memory.append(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)
            enough = {"killed", "stopped", "stream ended"} <= set(faults.log) and time.monotonic() - begun > length
            return enough or time.monotonic() - begun > length + 90

        rig.show.over = lambda was=rig.show.over: was() or over()
        shown, show = [], rig.show.screen.show

        def watched(*args):
            nonlocal darkest
            show(*args)
            darkest = min(darkest, float(np.mean(rig.show.screen.picture()[::8, ::8])))
            shown.append(time.monotonic())

        rig.show.screen.show = watched
        rig.show.run()
        faults.end()
    report = rig.report()
    told = " / ".join(event["what"] for event in report["events"])
    assert {"killed", "stopped", "stream ended"} <= set(faults.log), (faults.log, told)
    assert "killed by signal 9" in told and "has not moved" in told and "clouds step in" in told
    assert darkest > 20
    late = np.diff(shown)[30:]  # the window itself opens in the first second
    assert late.max() < LONGEST, (late.max(), np.sort(late)[-5:], told)
    assert len(memory) < 3 or memory[-1] - memory[1] < 150
