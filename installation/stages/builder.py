"""The process that builds an engine beside a show."""

import contextlib
import os
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

import installation

_LAST = 4096  # bytes at the end of what a builder said, in which its last line is


LOWEST = 19  # how nice whatever works beside a show is


def step_back(task: int) -> None:
    """Let a process, on Linux also a thread by its native number, go last wherever others want the processor."""
    with contextlib.suppress(OSError, AttributeError):
        os.setpriority(os.PRIO_PROCESS, task, LOWEST)


class Builder(Protocol):
    """A process that builds one engine into the store."""

    def poll(self) -> int | None:
        """Its exit code; None while it runs."""
        ...

    def last_line(self) -> str:
        """The last thing it said."""
        ...

    def end(self) -> None:
        """End it, if it has not ended.  Harmless twice."""
        ...


class Process:
    """A builder in a process of its own.  It ends when whoever began it does: its standard input is closed then."""

    def __init__(self, command: Sequence[str]) -> None:
        """Raises OSError when it cannot be started."""
        root = str(Path(installation.__file__).parents[1])  # the worker may have been started from anywhere
        path = os.pathsep.join(filter(None, (root, os.environ.get("PYTHONPATH"))))
        # Into a file, and not a pipe: nobody has to read it for the builder to go on.
        self._said = tempfile.TemporaryFile()  # noqa: SIM115 (closed by `end`)
        try:
            self._process = subprocess.Popen(
                command,
                stdin=subprocess.PIPE,
                stdout=self._said,
                stderr=subprocess.STDOUT,
                env={**os.environ, "PYTHONPATH": path},
                creationflags=getattr(subprocess, "IDLE_PRIORITY_CLASS", 0),  # Windows
            )
        except BaseException:
            self._said.close()
            raise
        step_back(self._process.pid)

    @property
    def pid(self) -> int:
        return self._process.pid

    def poll(self) -> int | None:
        return self._process.poll()

    def last_line(self) -> str:
        if self._said.closed:
            return ""
        self._said.seek(0, os.SEEK_END)
        self._said.seek(max(0, self._said.tell() - _LAST))
        lines = self._said.read().decode(errors="replace").split("\n")
        return next((line.strip().removeprefix("dreamwall: ") for line in reversed(lines) if line.strip()), "")

    def end(self) -> None:
        self._process.kill()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(5)
        if self._process.stdin is not None:
            self._process.stdin.close()
        self._said.close()
