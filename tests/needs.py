"""What a test needs of the machine it runs on.

A test that cannot run says so loudly.  With FAIL_WITHOUT_TOOLS=1 it fails instead: continuous integration sets this,
so that nothing is left out there in silence.
"""

import os
import shutil
import socket

import pytest


def needs_tool(*names: str) -> None:
    """Skip, or with FAIL_WITHOUT_TOOLS=1 fail, unless every program is on the PATH."""
    missing = [name for name in names if shutil.which(name) is None]
    if missing:
        lacking(f"not installed: {', '.join(missing)}")


def lacking(what: str) -> None:
    """Skip, or with FAIL_WITHOUT_TOOLS=1 fail, saying what is not there."""
    if os.environ.get("FAIL_WITHOUT_TOOLS") == "1":
        pytest.fail(what)
    pytest.skip(what)


def free_port() -> int:
    """A port of the loopback that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
