"""What every test gets."""

import os

import pytest
import torch
from hypothesis import settings

# Tests that need a graphics card run on the processor alone where there is none; with FAIL_WITHOUT_GPU=1 they
# fail instead.
HAS_CUDA = torch.cuda.is_available()


def pytest_configure() -> None:
    """One thread a process: on a small machine threads mostly wait for one another (113 s against 26 s, measured).

    Laws are tried on fewer examples than is usual, since other ones are drawn in every run; on more in a soak.
    """
    torch.set_num_threads(1)
    settings.register_profile("short", max_examples=25)
    settings.register_profile("soak", max_examples=1000)
    settings.load_profile("soak" if os.environ.get("DREAMWALL_SOAK") else "short")


@pytest.fixture(autouse=True)
def _same_chance() -> None:
    """Networks with random weights are the same ones whatever ran before: tests come in another order every time."""
    torch.manual_seed(0)


@pytest.fixture(params=["cpu", "cuda"])
def device(request: pytest.FixtureRequest) -> torch.device:
    """Every device there is.  The GPU twin of a test is skipped, loudly, where there is no GPU."""
    if request.param == "cuda" and not HAS_CUDA:
        if os.environ.get("FAIL_WITHOUT_GPU") == "1":
            pytest.fail("FAIL_WITHOUT_GPU=1 and there is no CUDA device")
        pytest.skip("NOT TESTED on a GPU: no CUDA device here")
    return torch.device(request.param)
