"""What every test gets."""

import os
from collections.abc import Generator

import pytest
import torch
from hypothesis import settings

from turnstile import Turnstile

TIMED = {"real", "soak"}  # folders whose tests are of real time: each runs alone, but for those marked `beside`
# Tests that need a graphics card run on the processor alone where there is none; with FAIL_WITHOUT_GPU=1 they
# fail instead.
HAS_CUDA = torch.cuda.is_available()


TURNSTILE = pytest.StashKey[Turnstile]()


def pytest_configure(config: pytest.Config) -> None:
    """One thread a process: on a small machine threads mostly wait for one another (113 s against 26 s, measured).

    Laws are tried on fewer examples than is usual, since other ones are drawn in every run; on more in a soak.
    """
    torch.set_num_threads(1)
    settings.register_profile("short", max_examples=25, deadline=None)
    settings.register_profile("soak", max_examples=1000, deadline=None)
    settings.load_profile("soak" if os.environ.get("DREAMWALL_SOAK") else "short")
    config.stash[TURNSTILE] = turnstile = Turnstile()
    config.add_cleanup(turnstile.close)


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_protocol(item: pytest.Item) -> Generator[None, bool | None, bool | None]:
    """Before the timeout begins: waiting for one's turn is not slowness."""
    alone = item.path.parent.name in TIMED and item.get_closest_marker("beside") is None
    with item.config.stash[TURNSTILE].inside(alone=alone):
        return (yield)


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
