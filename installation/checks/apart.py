"""Checks run apart, in a process of their own: a driver that crashes or hangs is then a line and not the end.

A first version used threads, as less; but SDL wants the main thread, a broken OpenGL driver takes its whole process
along, and a thread that hangs in a driver cannot be ended.

Run as a program this is that process: it is told on stdin what to look at and answers with a line of JSON for each.
"""

import json
import os
import queue
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Sequence
from importlib import import_module
from typing import IO, Any

from installation.checks.check import Check, Probe, broken, in_short
from installation.settings import Settings

TIMEOUT = 10.0  # seconds for one probe


def apart(probes: Sequence[tuple[str, str]], settings: Settings, timeout: float = TIMEOUT) -> list[Check]:
    """What ``probes`` find, each a name and its function as "module:function", one after another in one process.

    One that raises, crashes or does not answer within ``timeout`` seconds is a broken line under its name, and the
    others go on in a new process.
    """
    found: list[Check] = []
    left = list(probes)
    while left:
        answers, trouble = _asked(left, settings, timeout)
        found += [check for answer in answers for check in answer]
        left = left[len(answers) :]
        if trouble and left:
            found.append(broken(left[0][0], trouble))
            left = left[1:]
    return found


def _asked(probes: Sequence[tuple[str, str]], settings: Settings, timeout: float) -> tuple[list[list[Check]], str]:
    """The answers until the process ended or hung, in order, and why it did not answer all."""
    answers: list[list[Check]] = []
    with tempfile.TemporaryFile() as said:
        child = subprocess.Popen(
            [sys.executable, "-m", __name__],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=said,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
        )
        assert child.stdin is not None
        assert child.stdout is not None
        try:
            child.stdin.write(json.dumps([settings.model_dump(mode="json"), list(probes)]).encode())
            child.stdin.close()
        except BrokenPipeError:
            pass  # it has ended, and is asked why below
        lines: queue.SimpleQueue[bytes] = queue.SimpleQueue()
        threading.Thread(target=_read, args=(child.stdout, lines), daemon=True).start()
        try:
            while len(answers) < len(probes):
                line = lines.get(timeout=timeout)
                if not line:
                    child.wait(timeout)
                    return answers, _ended(child.returncode, said)
                answers.append([Check(**check) for check in json.loads(line)])
        except (queue.Empty, subprocess.TimeoutExpired):
            return answers, f"no answer within {timeout:g} s"
        finally:
            child.kill()
            child.wait()
    return answers, ""


def _read(pipe: IO[bytes], lines: "queue.SimpleQueue[bytes]") -> None:
    with pipe:
        for line in pipe:
            lines.put(line)
    lines.put(b"")


def _ended(code: int, said: IO[bytes]) -> str:
    said.seek(0)
    words = [line.strip() for line in said.read()[-4000:].decode(errors="replace").splitlines() if line.strip()]
    if code < 0:
        return f"crashed ({signal.Signals(-code).name})"
    return f"ended with {code}" + (f": {words[-1]}" if words else "")


def answer(probe: Probe, name: str, settings: Settings) -> list[Check]:
    """What a probe finds; one that raises is a broken line."""
    found: list[Check] = []
    try:
        for check in probe(settings):
            found.append(check)  # noqa: PERF402 (what was found before it raised counts)
    except Exception as error:
        found.append(broken(name, in_short(error)))
    return found


def main() -> None:
    """Answer what is asked on stdin."""
    values, probes = json.loads(sys.stdin.buffer.read())
    settings = Settings.model_validate(values)
    # Libraries print what they like; the answers go where only answers go.
    with os.fdopen(os.dup(1), "w", encoding="utf-8") as out:
        os.dup2(2, 1)
        for name, where in probes:
            found = answer(_probe(where), name, settings)
            out.write(json.dumps([check.as_dict() for check in found]) + "\n")
            out.flush()
    os._exit(0)  # a driver's own clean-up may hang, and what it has to say is said


def _probe(where: str) -> Probe:
    def look(settings: Settings) -> Any:
        module, _, function = where.partition(":")
        return getattr(import_module(module), function)(settings)

    return look


if __name__ == "__main__":
    main()
