"""Which tests run side by side: most of them do, in two processes; what is measured in real time runs alone."""

import fcntl
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO


class Turnstile:
    """One for all processes of a run: many may be inside together, or one alone.

    Everybody passes the gate first.  Who wants to be alone keeps it while he waits for the others to leave, since
    otherwise there would always be somebody inside.
    """

    def __init__(self) -> None:
        run = os.environ.get("PYTEST_XDIST_TESTRUNUID", str(os.getpid()))
        self._paths = [Path(tempfile.gettempdir()) / f"dreamwall-tests-{run}-{name}" for name in ("gate", "room")]
        self._gate: IO[str]
        self._room: IO[str]
        self._gate, self._room = (path.open("w") for path in self._paths)

    @contextmanager
    def inside(self, *, alone: bool) -> Iterator[None]:
        fcntl.flock(self._gate, fcntl.LOCK_EX)
        fcntl.flock(self._room, fcntl.LOCK_EX if alone else fcntl.LOCK_SH)
        fcntl.flock(self._gate, fcntl.LOCK_UN)
        try:
            yield
        finally:
            fcntl.flock(self._room, fcntl.LOCK_UN)

    def close(self) -> None:
        """The last process takes the files away; one that is still at work keeps what it has open."""
        for file, path in zip((self._gate, self._room), self._paths, strict=True):
            file.close()
            path.unlink(missing_ok=True)
