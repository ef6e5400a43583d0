"""The benchmark: how quickly each engine dreams on this machine, and how far that is from what the machine could do.

A row is measured in a process of its own, beside everything that it is compared with: the path, the two ways in which
others run the same step, and a matrix product, in turn, so that a machine that slows down slows all of them.
"""

import json
from argparse import Namespace
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

from installation.bench.apart import Answer, asked
from installation.bench.plan import plan
from installation.bench.task import Footnote, Machine, Task, this_machine
from installation.errors import SettingsError

INTERRUPTED = 130  # exit code
NOTHING = 1


def bench(
    options: Namespace,
    say: Callable[[str], None],
    *,
    ask: Callable[[Task], Answer] = asked,
    machine: Callable[[], Machine] = this_machine,
) -> int:
    """Measure what ``options`` ask for, print the tables, and return the exit code: 1 when nothing could be measured.

    ``options`` has ``networks``, ``taps``, ``sizes``, ``each_steps``, ``each_octaves``, ``precisions``, ``paths``
    (lists, or None for what is usual), ``threads``, ``seconds`` (or None), ``quick``, ``published``, and the paths
    ``json`` and ``markdown`` (or None).  After Ctrl+C what was measured until then is shown and written (130).
    Raises SettingsError, before anything is measured, for what cannot be had and for files that cannot be written.
    """
    for flag, path in (("--json", options.json), ("--markdown", options.markdown)):
        if path is not None:
            _writable(flag, path)
    todo = plan(options, machine())
    for line in todo.said:
        say(f"network: {line}")
    rows: list[dict[str, Any]] = []
    footnotes = list(todo.footnotes)
    code = 0
    try:
        for number, task in enumerate(todo.tasks, 1):
            say(f"{number} of {len(todo.tasks)}: {task}")
            answer = ask(task)
            footnotes += [Footnote("", "", note) for note in answer.notes]
            if answer.row is None:
                footnotes.append(Footnote(f"{task.path} {task.precision}", task.about, answer.why))
                say(f"not measured: {answer.why}")
                continue
            rows.append(answer.row)
            with suppress(SettingsError):  # a disk that is full now is told of at the end, under the table
                _keep(options, rows, footnotes)  # at once: what comes next may take the machine along
    except KeyboardInterrupt:
        say(f"ended after {len(rows)} of {len(todo.tasks)} rows")
        code = INTERRUPTED
    from installation.bench.table import show

    show(rows, footnotes)
    _keep(options, rows, footnotes)
    return code or (0 if rows else NOTHING)


def _writable(flag: str, path: Path) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.open("a").close()
    except OSError as error:
        raise SettingsError(f"{flag}: {path} cannot be written: {error.strerror}") from error


def _keep(options: Namespace, rows: list[dict[str, Any]], footnotes: list[Footnote]) -> None:
    from installation.bench.table import markdown

    try:
        if options.json is not None:
            options.json.write_text(json.dumps(rows, indent=2) + "\n", encoding="utf-8")
        if options.markdown is not None:
            options.markdown.write_text(markdown(rows, footnotes), encoding="utf-8")
    except OSError as error:
        raise SettingsError(f"{error.filename} cannot be written: {error.strerror}") from error
