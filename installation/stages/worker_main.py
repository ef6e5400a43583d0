"""What runs in the dream worker's process.  The fork server imports it too, so torch is there before it is needed."""

import logging
import multiprocessing
import signal
import time
from multiprocessing.connection import Connection
from typing import Any

import numpy as np

from installation.errors import SettingsError
from installation.frame import Frame
from installation.stages.dreaming import Dreaming
from installation.stages.engine import Engine, open_engine
from installation.stages.shared import SharedLatest
from installation.stages.worker import IDLE, WorkerSettings, look_of, lower_priority
from models.dreamer import Dreamer

OUT_OF_MEMORY = 12  # exit code
REFUSED = 2
FAILED = 3


def run(settings: WorkerSettings, frames: SharedLatest, residuals: SharedLatest, pulse: Any, pipe: Connection) -> None:
    """Dream on the newest frame, for ever.  Ends when its parent does, or when it cannot go on."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl+C is for the show, which then ends the worker
    try:
        engine = open_engine(settings.network, settings.layers)
        if engine.ascent.device.type == "cpu":
            lower_priority(5)
        _dream(engine, settings, frames, residuals, pulse, pipe)
    except SettingsError as error:
        pipe.send(("refused", str(error)))
        raise SystemExit(REFUSED) from None
    except Exception as error:
        if isinstance(error, MemoryError) or "out of memory" in str(error).lower():
            width, height = settings.size
            pipe.send(("event", f"the dream ran out of memory at {width}x{height}; a smaller --size needs less"))
            raise SystemExit(OUT_OF_MEMORY) from None
        logging.getLogger("dreamwall.dream").debug("the dream failed", exc_info=True)
        pipe.send(("event", f"the dream failed: {type(error).__name__}: {str(error).strip().splitlines()[0:1]}"))
        raise SystemExit(FAILED) from None


def _dream(
    engine: Engine,
    settings: WorkerSettings,
    frames: SharedLatest,
    residuals: SharedLatest,
    pulse: Any,
    pipe: Connection,
) -> None:
    steps = settings.steps or engine.steps
    dreaming = Dreaming(Dreamer(engine.ascent), engine.ladder, steps)
    parent = multiprocessing.parent_process()
    said, restarts = False, 0
    while parent is None or parent.is_alive():
        taken = frames.take()
        if taken is None:
            if said:
                pulse[0] = time.monotonic()
            time.sleep(IDLE)
            continue
        begun = time.monotonic()
        (index, when, width, height, *knobs), message = taken
        pixels = message.reshape(int(height), int(width), 3)
        made = dreaming(Frame(pixels, int(index), when), look_of(knobs))
        residuals.put([made.index, made.time, width, height], made.field.astype(np.float16), made.grey)
        now = time.monotonic()
        pulse[1] = max(pulse[1] * 0.7, now - begun)  # a slow machine is not a hung one
        pulse[0] = now
        pulse[2] = time.process_time()
        if dreaming.restarts > restarts:
            restarts = dreaming.restarts
            pipe.send(("event", "the dream was not a number and begins afresh"))
        if not said:
            said = True
            told = {
                "network": engine.network,
                "layers": str(engine.ladder),
                "engine": engine.ascent.status,
                "choice": engine.choice,
                "steps": steps,
            }
            pipe.send(("ready", told))
