"""How much memory a path needs at its peak, beyond what was there before it was opened."""

import contextlib
import ctypes
import gc
import re
import sys
from pathlib import Path
from types import TracebackType
from typing import Self

import torch

MIB = 2**20
_STATUS, _REFS = Path("/proc/self/status"), Path("/proc/self/clear_refs")
_RESET_PEAK = "5"  # what clear_refs takes for "begin the high-water mark anew"


class Peak:
    """``with Peak(device) as peak: ...`` and then ``peak.mib``; None where this machine does not tell.

    On a card it is what PyTorch allocated at most.  ``outside``: also what was taken without it, as TensorRT does;
    then other programs on the card should keep still.  On a processor it is the growth of the resident memory's
    high-water mark, which belongs to the whole process: so a row has a process of its own.
    """

    def __init__(self, device: torch.device, *, outside: bool = False) -> None:
        self._device, self._outside = device, outside
        self.mib: float | None = None

    def __enter__(self) -> Self:
        if self._device.type == "cuda":
            torch.cuda.init()  # type: ignore[no-untyped-call]
            torch.cuda.reset_peak_memory_stats(self._device)
            self._before = torch.cuda.memory_allocated(self._device)
            self._taken = _taken_outside(self._device)
        elif self._device.type == "cpu":
            _trim()
            self._before = _resident()[0]
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if kind is not None:
            return
        if self._device.type == "cuda":
            torch.cuda.synchronize(self._device)
            peak = torch.cuda.max_memory_allocated(self._device) - self._before
            more = max(0, _taken_outside(self._device) - self._taken) if self._outside else 0
            self.mib = (peak + more) / MIB
        elif self._device.type == "cpu" and (peak := _resident()[1]):
            self.mib = (peak - self._before) / MIB


def _taken_outside(device: torch.device) -> int:
    """Bytes of the card that are in use and not PyTorch's."""
    free, total = torch.cuda.mem_get_info(device)
    return total - free - torch.cuda.memory_reserved(device)


def _resident() -> tuple[int, int]:
    """Bytes resident now and at most.  Without /proc both are the most there ever was, and the growth is that."""
    try:
        told = _STATUS.read_text(encoding="ascii")
        now, most = (re.search(rf"^{name}:\s+(\d+) kB$", told, re.MULTILINE) for name in ("VmRSS", "VmHWM"))
        assert now is not None
        assert most is not None
        return int(now[1]) * 1024, int(most[1]) * 1024
    except (OSError, AssertionError):
        try:
            import resource
        except ImportError:  # Windows
            return 0, 0
        most_ever = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        bytes_ever = most_ever if sys.platform == "darwin" else most_ever * 1024
        return bytes_ever, bytes_ever


def _trim() -> None:
    """Hand back what loading left behind, and begin the high-water mark anew where the kernel lets us."""
    gc.collect()
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).malloc_trim(0)
    with contextlib.suppress(OSError):
        _REFS.write_text(_RESET_PEAK, encoding="ascii")
