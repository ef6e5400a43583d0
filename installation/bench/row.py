"""One row, measured in a process of its own: what a path does with memory, or to a card, ends with it.

Run as a program this is that process: it is told its task on stdin and answers with one line of JSON.
"""

import contextlib
import json
import os
import sys
from collections.abc import Callable, Mapping
from dataclasses import asdict
from itertools import cycle
from pathlib import Path
from time import perf_counter
from typing import Any

import torch
from torch import Tensor

from installation.bench.apart import Answer
from installation.bench.machine import described
from installation.bench.measure import (
    LEAST_ROUNDS,
    Call,
    Clock,
    Measured,
    as_convolutions_multiply,
    best_matmul,
    interleaved,
)
from installation.bench.memory import Peak
from installation.bench.networks import network_of
from installation.bench.paths import Engines, built, check, libraries, open_path
from installation.bench.task import LEAP, Task
from installation.heap import keep_pages
from models.arithmetic import ascent_flops, forward_flops
from models.ascent import Ascent
from models.ascent.compiled import BuildError, one_line, out_of_memory
from models.dreamer import Dreamer, Recipe
from models.network import Network
from models.octaves import octave_sizes

BASELINES = ("plain", "full")  # what the ratios are to
SHIFTS = ((5, -3), (-16, 11), (0, 7), (13, 2), (-4, -9))  # pixels; a step rolls the picture by another one each time
STEP = 1.5 / 127.5
# Beside autograd in float32 on trained weights, Mixed_6b: float16 0.993, bfloat16 0.94.  Less has other reasons.
LEAST_COSINE = {"float32": 0.98, "float16": 0.98, "bfloat16": 0.8}  # float32 may be TF32

Builder = Callable[..., Engines | None]
Opener = Callable[..., Ascent]
Row = dict[str, Any]


def measured(
    task: Task, *, opener: Opener = open_path, builder: Builder = built, clock: Clock = perf_counter
) -> Answer:
    """Measure ``task``.  What cannot be opened, or does not fit into memory, is an answer too."""
    if task.threads is not None:
        torch.set_num_threads(task.threads)
    try:
        return _measured(task, opener, builder, clock)
    except Exception as error:
        if out_of_memory(error):
            return Answer(why=f"out of memory at {task.width}x{task.height}")
        return Answer(why=one_line(error))


def _measured(task: Task, opener: Opener, builder: Builder, clock: Clock) -> Answer:
    network = None if task.network == LEAP else network_of(task.network, task.weights)
    size = task.height, task.width
    sizes = octave_sizes(*size, task.octaves)
    flops = None if network is None else ascent_flops(network, task.layer, size)
    device = torch.device("cpu") if task.path == "onnx" else _best()
    engines = builder(task.path, task.precision, network, task.layer, sizes)
    with Peak(device, outside=task.path == "tensorrt") as peak:
        ascent = opener(task.path, task.precision, network, task.layer, device, engines)
        step, frame, calls = _step(ascent, task), *_frame(ascent, task)
        step()
        frame()
    check(task.path, ascent)
    if flops is None:
        wishes = [(1, len(names)) for names in (ascent.layers, ascent.directions) if names]  # type: ignore[attr-defined]
        flops = forward_flops(ascent.net, (1, 3, *size), *wishes)  # type: ignore[attr-defined]
    keep_pages()  # as the show does; from here on memory is no longer measured
    notes = []
    tf32 = as_convolutions_multiply(device)
    if tf32:
        notes.append(tf32)
    if task.octaves > len(sizes):
        notes.append(f"{len(sizes)} octaves at {task.width}x{task.height}: more would be too small")
    sync = _sync(device)
    matmul = best_matmul(getattr(torch, task.precision), device, sync=sync, clock=clock)
    timed: dict[str, Call] = {"step": step, "frame": frame, "matmul": matmul.call}
    beside = _beside(task, network, opener, device)
    cosine = _cosine(task, ascent, beside.get("plain"))
    timed |= {name: _step(baseline, task) for name, baseline in beside.items()}
    found, left_out = _in_turn(timed, task, sync, clock)
    notes += [f"no ratio to {name} at {task.width}x{task.height}: it runs out of memory" for name in left_out]
    if found.rounds < LEAST_ROUNDS:
        notes.append(f"{task}: {found.rounds} rounds in the time there was; --seconds gives it more")
    row = {
        **figures(task, found.seconds, flops, matmul.flops, calls),
        "peak_mb": None if peak.mib is None else round(peak.mib, 1),
        "device": described(device)["device"],
        "status": ascent.status,
        "rounds": found.rounds,
        "matmul_side": matmul.side,
        "cosine": cosine,
        "build_s": None if engines is None else round(engines.seconds, 1),
        "library": None if engines is None else getattr(engines.compiler, "status", engines.compiler.version),
        "tf32": bool(tf32) and task.precision == "float32",
        "threads": torch.get_num_threads(),
        **{key: value for key, value in described(device).items() if key != "device"},
        **libraries(),
    }
    return Answer(row, notes=notes)


def _in_turn(timed: dict[str, Call], task: Task, sync: Call, clock: Clock) -> tuple[Measured, list[str]]:
    """``timed`` measured, as far as memory goes, and the baselines that had to be left out."""
    left_out: list[str] = []
    while True:
        try:
            return interleaved(timed, task.seconds, sync=sync, clock=clock), left_out
        except Exception as error:
            # The whole network with all its gradients needs the most memory: it is the first to go, then the other.
            heaviest = next((name for name in reversed(BASELINES) if name in timed), None)
            if not out_of_memory(error) or heaviest is None:
                raise
        timed = {name: call for name, call in timed.items() if name != heaviest}
        left_out.append(heaviest)
        torch.cuda.empty_cache()  # does nothing where there is no card


def figures(task: Task, seconds: Mapping[str, float], flops: float, matmul_flops: float, calls: int) -> Row:
    """The figures of a row from median ``seconds`` of its "step", "frame" and "matmul", and of "plain" and "full".

    ``flops``: of one step; ``matmul_flops``: of one matmul; ``calls``: of the dreamer in one "frame", which is each
    octave once.  Rates are GFLOP a second, times milliseconds; what was not measured is None.
    """
    step = seconds["step"]
    frame = seconds["frame"] if task.whole else seconds["frame"] / calls
    rate, most = flops / step / 1e9, matmul_flops / seconds["matmul"] / 1e9
    base = {name: step if task.path == name else seconds.get(name) for name in BASELINES}
    row: Row = {
        "workload": task.about,
        "network": task.network,
        "weights": task.weights,
        "layer": task.layer,
        "width": task.width,
        "height": task.height,
        "steps": task.steps,
        "octaves": task.octaves,
        "precision": task.precision,
        "path": task.path,
        "ms_step": step * 1e3,
        "steps_per_s": 1 / step,
        "frame": "all octaves" if task.whole else "octaves in turn",
        "ms_frame": frame * 1e3,
        "dream_fps": 1 / frame,
        "gflop_step": flops / 1e9,
        "gflops": rate,
        "matmul_gflops": most,
        "share": rate / most,
        "ms_truncated_fp32": base["plain"] and base["plain"] * 1e3,
        "ms_full_fp32": base["full"] and base["full"] * 1e3,
        "ratio_truncated_fp32": base["plain"] and base["plain"] / step,
        "ratio_full_fp32": base["full"] and base["full"] / step,
    }
    return {key: float(f"{value:.4g}") if isinstance(value, float) else value for key, value in row.items()}


def _beside(task: Task, network: Network | None, opener: Opener, device: torch.device) -> dict[str, Ascent]:
    """The baselines on the row's own device, for the ratios; the leap's step is none of theirs, and has none."""
    others = [name for name in BASELINES if network is not None and name != task.path]
    return {name: opener(name, "float32", network, task.layer, device) for name in others}


def _cosine(task: Task, ascent: Ascent, plain: Ascent | None) -> float | None:
    """How far the row's gradient points where autograd's in float32 does: what is wrong can be quick.

    None where there is nothing to compare, or no memory for it.  Raises BuildError where no rounding explains it.
    """
    if plain is None:
        return None
    picture = _picture(task, ascent.device)
    try:
        ours, theirs = (a.gradient(picture, [1.0]).double().flatten() for a in (ascent, plain))
    except Exception as error:
        if out_of_memory(error):
            return None
        raise
    cosine = float(ours @ theirs / (ours.norm() * theirs.norm()))
    if not cosine >= LEAST_COSINE[task.precision]:
        raise BuildError(f"its gradient is not autograd's: their cosine is {cosine:.3f}")
    return round(cosine, 6)


def _step(ascent: Ascent, task: Task) -> Call:
    picture, shifts, weights = _picture(task, ascent.device), cycle(SHIFTS), [1.0] + [0.0] * (len(ascent.layers) - 1)
    return lambda: ascent.step(picture, weights, STEP, next(shifts))


def _frame(ascent: Ascent, task: Task) -> tuple[Call, int]:
    """Each octave once, on a picture that stands still, and how many calls of the dreamer that is."""
    dreamer, base = Dreamer(ascent), _picture(task, ascent.device)
    weights = [1.0] + [0.0] * (len(ascent.layers) - 1)
    recipe = Recipe(weights, STEP, task.steps, task.octaves)
    calls = len(octave_sizes(task.height, task.width, max(1, task.octaves + 1 - ascent.viewing(weights).span)))
    residual = torch.zeros_like(base)

    def frame() -> None:
        nonlocal residual
        for _ in range(calls):
            residual = dreamer.dream(base, residual, recipe)

    return frame, calls


def _picture(task: Task, device: torch.device) -> Tensor:
    """Soft blotches: noise alone would be no picture, and zeros are quick on some machines."""
    chance = torch.Generator().manual_seed(4)
    coarse = torch.rand(1, 3, task.height // 8 + 1, task.width // 8 + 1, generator=chance) * 2 - 1
    return torch.nn.functional.interpolate(coarse, (task.height, task.width), mode="bilinear").to(device)


def _best() -> torch.device:
    from models.ascent.eager import best_device

    return best_device()


def _sync(device: torch.device) -> Call:
    if device.type == "cuda":
        return torch.cuda.synchronize
    return torch.mps.synchronize if device.type == "mps" else lambda: None


def main() -> None:
    """Answer the task on stdin."""
    with contextlib.suppress(OSError):  # if memory runs out, this process goes and not the show's or the desktop
        Path("/proc/self/oom_score_adj").write_text("1000", encoding="ascii")
    task = Task(**json.loads(sys.stdin.buffer.read()))
    # Libraries print what they like; the answer goes where only the answer goes.
    with os.fdopen(os.dup(1), "w", encoding="utf-8") as out:
        os.dup2(2, 1)
        answer = measured(task)
        out.write(json.dumps(asdict(answer)))
        out.flush()
    os._exit(0)  # a driver's own clean-up may hang, and all is said


if __name__ == "__main__":
    main()
