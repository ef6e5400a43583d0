"""What runs in the dream worker's process.  The fork server imports it too, so torch is there before it is needed."""

import logging
import multiprocessing
import os
import signal
import time
from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from multiprocessing.connection import Connection
from threading import Lock
from typing import Any

import cv2
import numpy as np
import torch

from installation.errors import SettingsError
from installation.frame import Frame
from installation.heap import keep_pages
from installation.knobs import Look
from installation.stages.dreaming import Dreaming
from installation.stages.engine import Engine, open_engine
from installation.stages.shared import SharedLatest
from installation.stages.worker import IDLE, WorkerSettings, look_of, lower_priority

FEW_CORES = 3  # up to so many, two hands with a thread each dream faster than one with all threads
OUT_OF_MEMORY = 12  # exit codes
REFUSED = 2
FAILED = 3


def run(settings: WorkerSettings, frames: SharedLatest, residuals: SharedLatest, pulse: Any, pipe: Connection) -> None:
    """Dream on the newest frame, for ever.  Ends when its parent does, or when it cannot go on."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl+C is for the show, which then ends the worker
    keep_pages()
    try:
        engine = open_engine(settings.network, settings.layers, settings.mixed)
        hands = _share_processor(engine)
        steps = settings.steps or engine.steps
        dreaming = Dreaming(engine.ascent, engine.ladder, steps, hands)

        def ready() -> None:
            told = {"network": engine.network, "layers": str(engine.ladder), "engine": engine.ascent.status}
            order = {"available": engine.ascent.layers, "stops": len(engine.ladder.stops)}
            pipe.send(("ready", {**told, **order, "choice": engine.choice, "steps": steps}))

        _Bench(dreaming, frames, residuals, pulse, pipe, ready, settings.mixed).serve(hands)
        os._exit(0)  # the show is gone; threads in the middle of a step need not end it
    except SettingsError as error:
        pipe.send(("refused", str(error)))
        os._exit(REFUSED)
    except Exception as error:
        if isinstance(error, MemoryError) or "out of memory" in str(error).lower():
            width, height = settings.size
            pipe.send(("event", f"the dream ran out of memory at {width}x{height}; a smaller --size needs less"))
            os._exit(OUT_OF_MEMORY)
        logging.getLogger("dreamwall.dream").debug("the dream failed", exc_info=True)
        pipe.send(("event", f"the dream failed: {type(error).__name__}: {error}".split("\n", 1)[0]))
        os._exit(FAILED)


def _share_processor(engine: Engine) -> int:
    """Leave the screen its share of the processor; returns how many hands dream at once."""
    cores = os.cpu_count() or 1
    if engine.ascent.device.type != "cpu":
        return 1
    lower_priority(10)
    cv2.setNumThreads(1)
    # Threads that wait for one another at every layer lose most of their time once the screen takes some of a core.
    few = 1 < cores <= FEW_CORES
    torch.set_num_threads(1 if few else max(1, cores - 1))
    return 2 if few else 1


class _Bench:
    """Where the hands get frames and leave residuals."""

    def __init__(
        self,
        dreaming: Dreaming,
        frames: SharedLatest,
        residuals: SharedLatest,
        pulse: Any,
        pipe: Connection,
        ready: Callable[[], None],
        mixed: Sequence[str],
    ) -> None:
        self._dreaming, self._frames, self._residuals = dreaming, frames, residuals
        self._pulse, self._pipe, self._ready = pulse, pipe, ready
        self._mixed = mixed
        self._lock = Lock()
        self._newest: tuple[Frame, Look] | None = None
        self._said = False
        self._restarts = 0
        self._over = False

    def serve(self, hands: int) -> None:
        """Dream until the parent is gone.  Raises what a hand raises."""
        parent = multiprocessing.parent_process()
        with ThreadPoolExecutor(hands) as pool:
            working = [pool.submit(self._work, hand) for hand in range(hands)]
            while not wait(working, timeout=0.5, return_when=FIRST_EXCEPTION).done:
                if parent is not None and not parent.is_alive():
                    os._exit(0)
            self._over = True
            for done in working:
                if done.done():
                    done.result()

    def _work(self, hand: int) -> None:
        dreamt_on = -1
        while not self._over:
            with self._lock:
                found = self._look_in()
                if self._said:
                    self._pulse[0] = time.monotonic()
            if found is None or found[0].index == dreamt_on:
                time.sleep(IDLE)
                continue
            frame, look = found
            begun = time.monotonic()
            made = self._dreaming(frame, look, hand)
            dreamt_on = frame.index
            with self._lock:
                height, width = made.field.shape[:2]
                self._residuals.put([made.index, made.time, width, height], made.field.astype(np.float16), made.grey)
                self._beat(begun)

    def _look_in(self) -> tuple[Frame, Look] | None:
        taken = self._frames.take()
        if taken is not None:
            (index, when, width, height, *knobs), message = taken
            pixels = message.reshape(int(height), int(width), 3)
            self._newest = Frame(pixels, int(index), when), look_of(knobs, self._mixed)
        return self._newest

    def _beat(self, begun: float) -> None:
        now = time.monotonic()
        self._pulse[:] = [now, max(self._pulse[1] * 0.7, now - begun), time.process_time()]
        if self._dreaming.restarts > self._restarts:
            self._restarts = self._dreaming.restarts
            self._pipe.send(("event", "the dream was not a number and begins afresh"))
        if not self._said:
            self._said = True
            self._ready()
