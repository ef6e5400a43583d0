"""Recording work on the device into CUDA graphs that share their memory.

Written by PyTorch's documentation and tested without a card; on one it has never been run by its authors.
"""

from collections.abc import Callable
from typing import Protocol
from weakref import WeakSet

import torch

from models.ascent.compiled import BuildError

WARM_UP = 3  # runs before recording, as the documentation has it: libraries set themselves up in them


class Capture(Protocol):
    """Records ``work``, which takes and returns nothing; what comes back does the same to the same tensors.

    Raises anything where it cannot.
    """

    def __call__(self, work: Callable[[], None]) -> Callable[[], None]: ...


class CudaGraphs:
    """Records into CUDA graphs.  Fills `Capture`.

    All share one pool of memory, which is as large as the largest graph needs, not as all need together.  They may,
    because nothing is left in the pool between two replays: what goes in and comes out lies elsewhere.
    """

    def __init__(self, device: torch.device) -> None:
        self._device = device
        self._stream: torch.cuda.Stream | None = None  # all on one, as the pool asks for
        self._alive: WeakSet[torch.cuda.CUDAGraph] = WeakSet()

    def __call__(self, work: Callable[[], None]) -> Callable[[], None]:
        """See `Capture`.  Raises BuildError where there is no CUDA device."""
        if self._device.type != "cuda":
            raise BuildError(f"CUDA graphs need an NVIDIA card, and this computes on {self._device.type}")
        with torch.cuda.device(self._device):
            here = torch.cuda.current_stream()
            aside = self._stream = self._stream or torch.cuda.Stream()  # type: ignore[no-untyped-call]
            aside.wait_stream(here)
            with torch.cuda.stream(aside):
                for _ in range(WARM_UP):
                    work()
            here.wait_stream(aside)
            sharing = next(iter(self._alive), None)  # a pool is gone with its last graph
            pool = torch.cuda.graph_pool_handle() if sharing is None else sharing.pool()
            graph = torch.cuda.CUDAGraph()
            try:
                # Other threads may ask for memory meanwhile, autograd's own too: in "global" mode that would fail.
                with torch.cuda.graph(graph, pool=pool, stream=aside, capture_error_mode="thread_local"):
                    work()
            finally:
                torch.cuda.set_stream(here)  # a recording that fails to end leaves its own stream behind
        self._alive.add(graph)
        return graph.replay
