"""What runs in the dream worker's process.  The fork server imports it too, so torch is there before it is needed."""

import logging
import multiprocessing
import os
import signal
import time
from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from contextlib import AbstractContextManager, nullcontext
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
from installation.stages.aside import Aside
from installation.stages.dreaming import Dreaming
from installation.stages.engine import Engine, open_engine
from installation.stages.rungs import Allowance
from installation.stages.shared import SharedLatest
from installation.stages.worker import HANDS, IDLE, WorkerSettings, look_of, lower_priority
from models.ascent.compiled import Compiled, out_of_memory

FEW_CORES = 3  # up to so many, two hands with a thread each dream faster than one with all threads
OUT_OF_MEMORY = 12  # exit codes
REFUSED = 2
FAILED = 3
TELL = 1.0  # seconds at least between two words about the engine's status, which may change with every frame


def run(settings: WorkerSettings, frames: SharedLatest, residuals: SharedLatest, pulse: Any, pipe: Connection) -> None:
    """Dream on the newest frame, for ever.  Ends when its parent does, or when it cannot go on."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl+C is for the show, which then ends the worker
    keep_pages()
    bench: _Bench | None = None
    try:
        engine = open_engine(settings.network, settings.layers, settings.mixed, settings.engine)
        hands = _share_processor(engine)
        steps = settings.steps or engine.steps
        dreaming = Dreaming(engine.ascent, engine.ladder, steps, hands, directions=engine.directions)

        def ready() -> dict[str, Any]:
            told = {"network": engine.network, "layers": str(engine.ladder), "engine": engine.ascent.status}
            order = {"available": engine.ascent.layers, "stops": len(engine.ladder.stops)}
            # Said once, though it goes by the weights: where they ask for more, the governor only reckons too much.
            span = engine.ascent.viewing([1.0] * len(engine.ascent.layers)).span
            work = {"steps": steps, "span": span, "hands": hands}
            return {**told, **order, **work, "choice": engine.choice}

        bench = _Bench(dreaming, frames, residuals, pulse, pipe, ready, settings.mixed)
        with _builders(engine, settings.network, bench.tell):
            bench.serve(hands)
        os._exit(0)  # the show is gone; threads in the middle of a step need not end it
    except SettingsError as error:
        pipe.send(("refused", str(error)))
        os._exit(REFUSED)
    except Exception as error:
        logging.getLogger("dreamwall.dream").debug("the dream failed", exc_info=True)
        why = f"{type(error).__name__}: {error}".split("\n", 1)[0]
        if not out_of_memory(error):
            pipe.send(("event", f"the dream failed: {why}"))
            os._exit(FAILED)
        if bench is None or bench.frame is None:  # no frame was too large: a smaller one would help nobody
            pipe.send(("event", f"there is not enough memory for the network: {why}"))
            os._exit(FAILED)
        pipe.send(("memory", (bench.frame.size, bench.allow.scale)))
        os._exit(OUT_OF_MEMORY)


def _builders(engine: Engine, network: str | None, event: Callable[[str], None]) -> AbstractContextManager[object]:
    """What builds engines beside the dream, for an ascent that has any."""
    return Aside(engine.ascent, network, event) if isinstance(engine.ascent, Compiled) else nullcontext()


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
        ready: Callable[[], dict[str, Any]],
        mixed: Sequence[str],
    ) -> None:
        self._dreaming, self._frames, self._residuals = dreaming, frames, residuals
        self._pulse, self._pipe, self._ready = pulse, pipe, ready
        self._mixed = mixed
        self._lock = Lock()
        self.frame: Frame | None = None  # the newest, its look, and what may be spent on it
        self._look, self.allow, self._turn = Look(), Allowance(), 0
        self._counted = -1, [0.0] * (2 * HANDS)  # a turn; frames and busy seconds of each hand under it
        self._said = False
        self._told, self._told_at = "", 0.0
        self._restarts = 0
        self._over = False

    def tell(self, line: str) -> None:
        """Tell the operator; from any thread."""
        with self._lock:
            self._pipe.send(("event", line))

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
                self._look_in()
                frame, look, allow, turn = self.frame, self._look, self.allow, self._turn
                if self._said:
                    self._pulse[0] = time.monotonic()
            if frame is None or frame.index == dreamt_on:
                time.sleep(IDLE)
                continue
            begun = time.monotonic()
            made = self._dreaming(frame, look, hand, allow)
            dreamt_on = frame.index
            with self._lock:
                (height, width), grey = made.field.shape[:2], made.grey
                numbers = [made.index, made.time, width, height, grey.shape[1], grey.shape[0]]
                self._residuals.put(numbers, made.field.astype(np.float16), grey)
                self._beat(begun, hand, turn)

    def _look_in(self) -> None:
        taken = self._frames.take()
        if taken is None:
            return
        (index, when, width, height, turn, steps, leave_out, scale, *knobs), message = taken
        self.frame = Frame(message.reshape(int(height), int(width), 3), int(index), when)
        self._look, self._turn = look_of(knobs, self._mixed), int(turn)
        self.allow = Allowance(int(steps), int(leave_out), scale)

    def _beat(self, begun: float, hand: int, turn: int) -> None:
        now = time.monotonic()
        counted, work = self._counted
        if turn > counted:
            counted, work = self._counted = turn, [0.0] * (2 * HANDS)
        if turn == counted:  # and not under what was allowed before, which the other hand has already left behind
            work[2 * hand] += 1
            work[2 * hand + 1] += now - begun
        self._pulse[:] = [now, max(self._pulse[1] * 0.7, now - begun), time.process_time(), counted, *work]
        if self._dreaming.restarts > self._restarts:
            self._restarts = self._dreaming.restarts
            self._pipe.send(("event", "the dream was not a number and begins afresh"))
        self._tell(now)

    def _tell(self, now: float) -> None:
        """What dreams, once it does; and again whenever the engine says something else of itself."""
        if self._said and (now < self._told_at + TELL or self._dreaming.ascent.status == self._told):
            return
        about = self._ready()
        self._pipe.send(("status", about["engine"]) if self._said else ("ready", about))
        self._said, self._told, self._told_at = True, about["engine"], now
