"""The dream worker: the dreaming in a process of its own.

A CUDA fault, an out-of-memory or a hang poisons its process; it must not take the wall with it.  The show goes on
with the camera, the last residual fades away, and a new worker is begun.  Nothing here ever waits for the worker.
"""

import contextlib
import multiprocessing
import os
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from typing import Any, Self

import numpy as np

from installation.frame import Frame, Residual
from installation.knobs import KNOBS, SWITCHES, Look
from installation.stages.flow import FLOW_BOX
from installation.stages.governor import Governor, Work
from installation.stages.rungs import Allowance, Asked
from installation.stages.shared import SharedLatest

HANG = 1.5  # seconds without a heartbeat, beyond three times the usual time of a frame, after which a worker is hung
START = 90.0  # seconds a worker may take to load its network and dream its first frame
BACKOFF = (0.0, 0.5, 1.0, 2.0)  # seconds before the next try after workers that died young; the last one repeats
YOUNG = 10.0  # a worker that lived longer than this is begun again at once
IDLE = (
    0.002  # seconds between looks into an empty mailbox: a pipe to wake it by could be left locked by a killed process
)
HANDS = 2  # threads a worker dreams with, at most
_LOOK = len(KNOBS) + len(SWITCHES)


@dataclass(frozen=True, slots=True)
class WorkerSettings:
    """What a worker is told once."""

    network: str | None
    layers: str | None
    size: tuple[int, int]  # the largest (width, height) of a frame at working size
    steps: int | None  # None: what suits the network
    mixed: tuple[str, ...] = ()  # layers that programs mix in, by name
    engine: str = "auto"


class Worker:
    """A `Dream` in another process, kept alive."""

    def __init__(
        self, settings: WorkerSettings, event: Callable[[str], None], governor: Governor | None = None
    ) -> None:
        """``event`` is told, in one line, whatever the operator should know.  ``governor``: None is one locked off."""
        self._settings, self._event = settings, event
        self.governor = governor or Governor(None)
        # A server that has imported torch already forks a worker in a tenth of a second, where importing takes seconds:
        # that is the difference between a dream that stumbles and one that is gone.  The server itself never computes.
        kind = "forkserver" if "forkserver" in multiprocessing.get_all_start_methods() else "spawn"
        self._context: Any = multiprocessing.get_context(kind)
        if kind == "forkserver":
            self._context.set_forkserver_preload(["installation.stages.worker_main"])
        width, height = settings.size
        self._frames = SharedLatest(self._context, 8 + _LOOK + len(settings.mixed), width * height * 3)
        self._residuals = SharedLatest(self._context, 6, width * height * 3 * 2 + FLOW_BOX[0] * FLOW_BOX[1])
        # The last heartbeat, the usual time between two, processor seconds; the turn of the governor that is worked
        # under, and frames and busy seconds of each hand under it.
        self._pulse = self._context.RawArray("d", 4 + 2 * HANDS)
        self._process: BaseProcess | None = None
        self._aside: threading.Thread | None = None
        self._pipe: Connection | None = None
        self._begun = self._next_try = 0.0
        self._deaths_young = 0
        self._spent_before = 0.0
        self._closed = False
        self._too_large: tuple[tuple[int, int], float] | None = None  # frames and scale that there was no memory for
        self.ready: dict[str, Any] | None = (
            None  # network, layers, engine, choice, steps …: known once a worker has loaded
        )
        self.refused: str | None = None  # why the very first worker could not begin, when settings are to blame
        self.restarts = 0

    def __enter__(self) -> Self:
        self._closed = False
        self._start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._closed:
            return
        self._closed = True
        if self._aside is not None:
            self._aside.join(5)
        self._kill()
        if self._aside is not None:
            self._aside.join(5)

    def offer(self, small: Frame, look: Look) -> None:
        width, height = small.size
        allow = self._allowed(small, look)
        spend = (self.governor.turn, allow.steps, allow.leave_out, allow.scale)
        told = numbers_of(look, self._settings.mixed)
        self._frames.put([float(small.index), small.time, width, height, *spend, *told], small.pixels)

    def newest(self) -> Residual | None:
        self._tend()
        taken = self._residuals.take()
        if taken is None:
            return None
        (index, when, *sides), message = taken
        w, h, gw, gh = map(int, sides)
        cut = w * h * 3 * 2
        if message.size != cut + gw * gh:
            return None
        field = message[:cut].view(np.float16).reshape(h, w, 3).astype(np.float32)
        return Residual(field, message[cut:].reshape(gh, gw), int(index), when)

    @property
    def dreamed(self) -> int:
        """Residuals made so far, by all workers."""
        return self._residuals.published

    @property
    def dropped(self) -> dict[str, int]:
        """Frames and residuals replaced before they were taken."""
        return {"to_dream": self._frames.dropped, "from_dream": self._residuals.dropped}

    @property
    def processor_seconds(self) -> float:
        """Processor time used so far, by all workers and all cores."""
        return float(self._spent_before + self._pulse[2])

    @property
    def pid(self) -> int | None:
        """The present worker's process id, if there is one."""
        return self._process.pid if self._process is not None else None

    # -- keeping it alive -------------------------------------------------------------------------------------------

    def _start(self) -> None:
        """Begin a worker, in a thread: the first start waits for the fork server to import torch."""
        self._begun = time.monotonic()
        self._spent_before += self._pulse[2]
        self._pulse[:] = [0.0] * len(self._pulse)
        mine, theirs = self._context.Pipe(duplex=False)
        process = self._context.Process(
            target=_run,
            args=(self._settings, self._frames, self._residuals, self._pulse, theirs),
            daemon=True,
            name="dream",
        )

        def begin() -> None:
            try:
                process.start()
            except OSError as error:
                self._event(f"the dream worker cannot be started: {error}")
                self._next_try = time.monotonic() + BACKOFF[-1]
                return
            finally:
                theirs.close()
            self._pipe, self._process = mine, process

        self._process = self._pipe = None
        self._aside = threading.Thread(target=begin, name="start-dream", daemon=True)
        self._aside.start()

    def _tend(self) -> None:
        """Hear what the worker has to say; begin a new one when it died or hangs.  Costs next to nothing."""
        if self._closed or (self._aside is not None and self._aside.is_alive()):
            return
        self._listen()
        now = time.monotonic()
        if self._process is None:
            if now >= self._next_try:
                self.restarts += 1
                self._start()
            return
        problem = self._problem(now)
        if problem is None:
            self._govern(now)
            return
        self._kill()
        if self.refused is not None:
            self._next_try = float("inf")
            return
        told = self._too_large is not None
        if told and self._smaller(now):
            return
        self._deaths_young = self._deaths_young + 1 if now - self._begun < YOUNG else 0
        wait = BACKOFF[min(self._deaths_young, len(BACKOFF) - 1)]
        self._next_try = now + wait
        if not told:
            self._event(f"the dream worker {problem}; a new one begins, the camera goes on")

    def _allowed(self, small: Frame, look: Look) -> Allowance:
        """What the governor lets a frame spend; before a worker has said what it would take, all but memory's limit."""
        if self.ready is None:
            return self.governor.allow
        about = self.ready
        return self.governor.ask(
            Asked(about["steps"], round(look.octaves), small.size, span=about["span"], hands=about["hands"])
        )

    def _govern(self, now: float) -> None:
        _, _, _, turn, *work = self._pulse
        frames, busy = tuple(map(int, work[::2])), tuple(work[1::2])
        decided = self.governor.see(now, self._frames.published, Work(int(turn), frames, busy))
        if decided is not None:
            self._event(decided)

    def _smaller(self, now: float) -> bool:
        """After a worker ran out of memory: whether there is a smaller size to begin the next one with, at once."""
        assert self._too_large is not None
        size, scale = self._too_large
        self._too_large = None
        before = self.governor.turn
        self._event(self.governor.out_of_memory(now, size, scale))
        self._next_try = now
        return self.governor.turn != before

    def _problem(self, now: float) -> str | None:
        assert self._process is not None
        if not self._process.is_alive():
            code = self._process.exitcode
            return f"was killed by signal {-code}" if code is not None and code < 0 else f"ended with code {code}"
        beat, usual = self._pulse[:2]
        if beat and now - beat > HANG + 3 * usual:
            return f"has not moved for {now - beat:.1f} s"
        if not beat and now - self._begun > START:
            return f"did not begin within {START:.0f} s"
        return None

    def _listen(self) -> None:
        with contextlib.suppress(EOFError, OSError):
            while self._pipe is not None and self._pipe.poll():
                kind, what = self._pipe.recv()
                if kind == "ready":
                    first, self.ready = self.ready is None, what
                    if not first:
                        self._event(f"dreaming again: {what['engine']}")
                elif kind == "status" and self.ready is not None:
                    self.ready = {**self.ready, "engine": what}
                    self.governor.pardon()
                elif kind == "memory":
                    self._too_large = what
                elif kind == "refused" and self.ready is None:
                    self.refused = what
                else:
                    self._event(what)

    def _kill(self) -> None:
        process, self._process = self._process, None
        if process is not None:
            process.kill()  # SIGKILL also ends a stopped one
            # Giving its memory back takes a dead process tens of milliseconds: nothing the screen should wait for.
            self._aside = threading.Thread(target=process.join, args=(5,), name="end-dream", daemon=True)
            self._aside.start()
        if self._pipe is not None:
            self._listen()
            self._pipe.close()
            self._pipe = None


def _run(*told: Any) -> None:
    """What the new process begins with.  Imports torch there, and never in the show."""
    from installation.stages.worker_main import run

    run(*told)


def lower_priority(by: int) -> None:
    """Let the screen go first where both want the processor."""
    with contextlib.suppress(OSError, AttributeError):
        os.nice(by)


def numbers_of(look: Look, mixed: Sequence[str]) -> list[float]:
    """A look as a row of numbers: knobs, switches, and the weights of the layers that are ``mixed`` in."""
    weights = dict(look.mixture)
    return [*(float(getattr(look, name)) for name in (*KNOBS, *SWITCHES)), *(weights.get(name, 0.0) for name in mixed)]


def look_of(numbers: Sequence[float], mixed: Sequence[str]) -> Look:
    """The look that was sent as numbers."""
    values: dict[str, Any] = dict(zip(KNOBS, numbers, strict=False))
    values |= {name: bool(on) for name, on in zip(SWITCHES, numbers[len(KNOBS) :], strict=False)}
    weights = zip(mixed, numbers[_LOOK:], strict=True)
    return Look(**values, mixture=tuple((name, weight) for name, weight in weights if weight > 0))
