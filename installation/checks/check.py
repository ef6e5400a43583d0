"""A check: one line of the doctor's page."""

from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass
from typing import Literal

from installation.settings import Settings

State = Literal["well", "second-best", "broken"]


@dataclass(frozen=True, slots=True)
class Check:
    """What was looked at, how it is, and what mends it.

    ``state``: ``well``; ``second-best``, so the show goes on with less than there could be; ``broken``, so part of the
    show will not work as asked.  ``value``: what was found, in a line.  ``mend``: a command, or what to do.
    """

    what: str
    state: State
    value: str
    mend: str = ""

    def as_dict(self) -> dict[str, str]:
        return asdict(self)


Probe = Callable[[Settings], Iterable[Check]]


def well(what: str, value: str) -> Check:
    return Check(what, "well", value)


def second(what: str, value: str, mend: str = "") -> Check:
    return Check(what, "second-best", value, mend)


def broken(what: str, value: str, mend: str = "") -> Check:
    return Check(what, "broken", value, mend)


def in_short(error: BaseException) -> str:
    """An error as one line; its kind where its own words say little."""
    line = str(error).strip().split("\n", 1)[0]
    return line if len(line.split()) > 2 else f"{type(error).__name__}: {line}".rstrip(": ")


def size_of(count: float) -> str:
    """Bytes as a person reads them: 105 MB, 74 GB."""
    for unit in ("bytes", "kB", "MB", "GB"):
        if count < 999.5:
            return f"{count:.0f} {unit}"
        count /= 1000
    return f"{count:.1f} TB"
