"""What was measured, in words for the person on the ladder.

Nothing here says that a picture is safe: it is within published limits, or over them.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

from calibration.flash_cells import Geometry, Place
from calibration.flash_counts import Count, Worst
from calibration.flash_patterns import Patterns
from calibration.limits import (
    EXTENDED_FROM,
    EXTENDED_SECONDS,
    EXTENDED_WINDOW,
    LONG_RUN,
    MOST,
    REPEATED,
    STRIPES,
    STRIPES_STILL,
    WARN,
)

State = Literal["within", "warning", "over"]
STATES: tuple[State, ...] = ("within", "warning", "over")  # each worse than the one before
NOTE = "Measured against published limits; no measurement can promise that a picture harms nobody."


@dataclass(frozen=True, slots=True)
class Finding:
    """One rule over one area.

    ``kind``: "luminance", "red" or "stripes"; ``rule``: "a second" or "the long run" for the first two.
    ``worst`` and ``limit``: in ``unit``.  ``time``: seconds from the first picture to the end of the worst stretch,
    None where there was nothing.  ``window``, ``cell``: left, top, width, height as shares of the picture: where the
    rule's window lay then, and the cell in it that changed most often.
    """

    kind: str
    rule: str
    area: str
    state: State
    worst: float
    limit: float
    unit: str
    time: float | None
    window: Place | None
    cell: Place | None
    sentence: str


@dataclass(frozen=True, slots=True)
class Verdict:
    """Every finding over what was seen: ``pictures`` of ``size`` (width, height) in ``seconds``."""

    size: tuple[int, int]
    pictures: int
    seconds: float
    geometry: Geometry | None
    findings: tuple[Finding, ...]

    @property
    def state(self) -> State:
        """The worst of all findings."""
        return max((finding.state for finding in self.findings), key=STATES.index, default="within")

    @property
    def over(self) -> bool:
        return self.state == "over"

    @property
    def worst(self) -> Finding | None:
        """The finding that is furthest over its limit, of the worst state; None when all is within."""
        found = [finding for finding in self.findings if finding.state == self.state != "within"]
        return max(found, key=lambda finding: finding.worst / finding.limit, default=None)

    @property
    def sentence(self) -> str:
        """The verdict in one line."""
        worst = self.worst
        if worst is None:
            return "within the published limits"
        return (
            f"{'over' if self.over else 'within'} the published limits{'' if self.over else ', but'}: {worst.sentence}"
        )

    def as_dict(self) -> dict[str, Any]:
        """As `json.dumps` takes it."""
        return {"state": self.state, "sentence": self.sentence, "note": NOTE} | asdict(self)


def findings(kind: str, count: Count, start: float) -> list[Finding]:
    """Both rules of one ``kind`` over each area.  ``start``: time of the first picture."""
    found = []
    for window, worst in zip(count.windows, count.worst, strict=True):
        found.append(_second(kind, window.name, worst, start))
        found.append(_long(kind, window.name, worst, start))
    return found


def _second(kind: str, area: str, worst: Worst, start: float) -> Finding:
    state: State = "over" if worst.level > MOST else "warning" if worst.level >= WARN else "within"
    time = None if worst.time is None else worst.time - start
    sentence = f"{kind}: no transition over {area}"
    if time is not None:
        sentence = (
            f"{kind}: {worst.level} transitions in the second up to {clock(time)} over {area} ({MOST} are the limit), "
            f"most often {where(worst.cell)}"
        )
    return Finding(
        kind, "a second", area, state, worst.level, MOST, "transitions", time, worst.place, worst.cell, sentence
    )


def _long(kind: str, area: str, worst: Worst, start: float) -> Finding:
    state: State = "within"
    time, seconds, limit = worst.extended_at, worst.extended, EXTENDED_SECONDS
    sentence = (
        f"{kind}: {EXTENDED_FROM} transitions a second or more for {worst.extended:.1f} of {EXTENDED_WINDOW:g} s over "
        f"{area} ({EXTENDED_SECONDS:g} are the limit)"
    )
    # What is measured between pictures is known to a hair's breadth only.
    if worst.extended >= EXTENDED_SECONDS - 1e-6:
        state = "over"
    elif worst.run > LONG_RUN:
        state, time, seconds, limit = "warning", worst.run_at, worst.run, LONG_RUN
        sentence = (
            f"{kind}: {REPEATED} transitions a second or more for {worst.run:.1f} s on end over {area}; more than "
            f"{LONG_RUN:g} s may be a risk"
        )
    when = None if time is None else time - start
    if when is not None:
        sentence += f", up to {clock(when)}"
    return Finding(
        kind, "the long run", area, state, seconds, limit, "seconds", when, worst.place, worst.cell, sentence
    )


def stripes(patterns: Patterns, start: float) -> Finding:
    """The finding about regular stripes, which is a warning at most."""
    worst = patterns.worst
    if worst is None or patterns.worst_at is None:
        sentence = f"stripes: no regular pattern of more than {STRIPES} pairs stood too long over too much"
        return Finding(
            "stripes", "stripes", "the screen", "within", 0.0, STRIPES_STILL, "share", None, None, None, sentence
        )
    when = patterns.worst_at - start
    sentence = (
        f"stripes: about {worst.pairs:.0f} light and dark pairs{' that move' if worst.moving else ''} over "
        f"{worst.share:.0%} of the screen at {clock(when)} ({worst.limit:.0%} are the limit)"
    )
    return Finding(
        "stripes", "stripes", "the screen", "warning", worst.share, worst.limit, "share", when, None, None, sentence
    )


def clock(seconds: float) -> str:
    """Minutes and seconds, like 1:07.3."""
    tenths = round(seconds * 10)
    return f"{tenths // 600}:{tenths % 600 / 10:04.1f}"


def where(cell: Place | None) -> str:
    """Where a cell lies, for somebody who looks at the picture."""
    if cell is None:
        return "nowhere"
    across, down = cell[0] + cell[2] / 2, cell[1] + cell[3] / 2
    return f"{across:.0%} from the left and {down:.0%} from the top"


def lines(verdict: Verdict) -> Sequence[str]:
    """What is not within the limits, a line each, the worst first."""
    found = [finding for finding in verdict.findings if finding.state != "within"]
    ordered = sorted(found, key=lambda finding: (-STATES.index(finding.state), -finding.worst / finding.limit))
    return [f"{finding.state}: {finding.sentence}" for finding in ordered]
