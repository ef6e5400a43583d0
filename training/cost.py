"""What a leap weighs and how long a call takes."""

import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from torch.utils.flop_counter import FlopCounterMode

from models.ascent.eager import native_dtype
from models.leap import Leap

SIZES = ((240, 320), (360, 640))  # height, width
CALLS = 15  # timed at each size, after three that are not


def cost(
    file: Path, device: torch.device, sizes: Sequence[tuple[int, int]] = SIZES, threads: Sequence[int] = (1, 2)
) -> dict[str, Any]:
    """Parameters, bytes of the file, and for each size the GFLOP of a call and the median milliseconds it takes.

    On the CPU with each number of ``threads``, in float32 and in what the processor computes with natively; and on
    ``device`` where that is another.  What else runs on the machine shows in the times.
    """
    leap = Leap.load(file)
    report: dict[str, Any] = {
        "parameters": sum(p.numel() for p in leap.net.parameters()),
        "bytes": file.stat().st_size,
        "gflop": {named(size): _gflop(leap, size) for size in sizes},
        "ms": {},
    }
    cpu = torch.device("cpu")
    before = torch.get_num_threads()
    try:
        for dtype in sorted({torch.float32, native_dtype(cpu)}, key=str):
            leap = Leap.load(file, cpu, dtype)
            for count in threads:
                torch.set_num_threads(count)
                kind = f"{str(dtype).removeprefix('torch.')}, {count} thread{'s' if count > 1 else ''}"
                report["ms"][kind] = {named(size): milliseconds(leap, size) for size in sizes}
    finally:
        torch.set_num_threads(before)
    if device.type != "cpu":
        leap = Leap.load(file, device, native_dtype(device))
        report["ms"][leap.status] = {named(size): milliseconds(leap, size) for size in sizes}
    return report


def named(size: tuple[int, int]) -> str:
    return f"{size[1]}x{size[0]}"


def milliseconds(leap: Leap, size: tuple[int, int]) -> float:
    """The median time of a call, all layers in use."""
    picture, weights = torch.rand(1, 3, *size, device=leap.device) * 2 - 1, [1.0] * len(leap.layers)
    times = []
    for _ in range(3 + CALLS):
        start = time.perf_counter()
        float(leap.gradient(picture, weights).sum())  # waits for the device
        times.append(time.perf_counter() - start)
    return sorted(times[3:])[CALLS // 2] * 1e3


def _gflop(leap: Leap, size: tuple[int, int]) -> float:
    with FlopCounterMode(display=False) as counter:
        leap.gradient(torch.zeros(1, 3, *size), [1.0] * len(leap.layers))
    return float(counter.get_total_flops()) / 1e9
