"""A row in a process of its own, from outside: a driver that crashes, hangs or eats all memory is a footnote."""

import json
import os
import signal
import subprocess
import sys
import tempfile
from dataclasses import asdict, dataclass, field
from typing import IO, Any

from installation.bench.task import Task

TIMEOUT = 1800.0  # seconds; building TensorRT's engines for three sizes of 4K may take many minutes
ROW = "installation.bench.row"


@dataclass(frozen=True, slots=True)
class Answer:
    """A row, or why there is none; and what has to be said beside it."""

    row: dict[str, Any] | None = None
    why: str = ""
    notes: list[str] = field(default_factory=list)


def asked(task: Task, *, module: str = ROW, timeout: float = TIMEOUT) -> Answer:
    """Measure ``task`` in a new process and wait for it.  Whatever ends that process is an answer.

    ``module``: what is run there.  The process is gone when this returns or raises.
    """
    with tempfile.TemporaryFile() as said:
        child = subprocess.Popen(
            [sys.executable, "-m", module],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=said,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
            start_new_session=True,  # Ctrl+C is for us, who then end it
        )
        try:
            answer, _ = child.communicate(json.dumps(asdict(task)).encode(), timeout)
        except subprocess.TimeoutExpired:
            return Answer(why=f"no answer within {timeout / 60:.3g} minutes")
        finally:
            child.kill()
            child.wait()
        if not answer:
            return Answer(why=_ended(child.returncode, said))
    return Answer(**json.loads(answer))


def _ended(code: int, said: IO[bytes]) -> str:
    said.seek(0)
    words = [line.strip() for line in said.read()[-4000:].decode(errors="replace").splitlines() if line.strip()]
    if code == -signal.SIGKILL:
        return "the system ended it, as it does when memory runs out"
    if code < 0:
        return f"it crashed ({signal.Signals(-code).name})"
    return f"it ended with {code}" + (f": {words[-1]}" if words else "")
