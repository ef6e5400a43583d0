"""What can be taken from a dream to make it quicker, rung by rung, and what each rung costs.

Steps go first, then octaves, then working size: in this order the wall shows the least of it.

Octaves are taken in turn over frames (`models.dreamer`), so a frame costs what its own octave is large: the next one is
half as dear.  Having fewer small ones would therefore make the dream *slower*: of three in turn a frame costs 0.59 of
the largest, of one alone all of it.  So here an octave less is the **largest** left out: 0.38 with two left, 0.26 with
one.  The finest grain goes, the shapes that carry across a room stay, and so does the size of the residual: grain that
is already there fades as everything does.  Taking the largest less often was the other road: however seldom, it never
comes below those same 0.38, and it makes grain that pulses.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace

SCALES = (1.0, 0.8, 0.64, 0.5)  # of the sides of the working size
OCTAVE, SMALLEST = 1.4, 72  # as `models.octaves` has them; here without importing torch into the show
LESS = 0.95  # a rung that costs more than this share of the one above is left out
MORE_STEPS_THAN_ANY = 1000


@dataclass(frozen=True, slots=True)
class Allowance:
    """What a dreamed frame may spend, at most.  The knobs stay where they stand; this only caps them.

    ``steps``: ascent steps, >= 1.  ``leave_out``: how many of the largest octaves are left out; the smallest always
    stays.  ``scale``: of the working size's sides, 0..1.
    """

    steps: int = MORE_STEPS_THAN_ANY
    leave_out: int = 0
    scale: float = 1.0


ALL = Allowance()


@dataclass(frozen=True, slots=True)
class Asked:
    """What would be dreamed if nothing were trimmed.

    ``size``: (width, height) of the frames at working size.  ``span``: octaves that one call of the ascent covers.
    ``hands``: 1, or 2 that share the octaves: the largest, and the others.
    """

    steps: int
    octaves: int
    size: tuple[int, int]
    span: int = 1
    hands: int = 1


@dataclass(frozen=True, slots=True)
class Rung:
    """An allowance, and the pixels times steps of a dreamed frame under it, on average."""

    allow: Allowance
    cost: float


def scaled(size: tuple[int, int], scale: float) -> tuple[int, int]:
    """(width, height) of ``size`` made smaller: both even, and no side so small that a network sees nothing in it."""
    scale = max(scale, min(1.0, SMALLEST / min(size)))
    if scale >= 1.0:
        return size
    width, height = (round(side * scale / 2) * 2 for side in size)
    return width, height


def shares(asked: Asked, allow: Allowance) -> list[list[int]]:
    """For each hand the pixels of the octaves that it takes in turn."""
    width, height = scaled(asked.size, allow.scale)
    areas = list(_areas(width, height, max(1, asked.octaves + 1 - asked.span)))
    areas = areas[min(allow.leave_out, len(areas) - 1) :]
    return [areas] if asked.hands == 1 else [areas[:1], areas[1:] or areas]


def cost(asked: Asked, allow: Allowance) -> float:
    """Pixels times steps of a dreamed frame; hands work side by side, each at its own pace."""
    means = [sum(areas) / len(areas) for areas in shares(asked, allow)]
    return min(asked.steps, allow.steps) * len(means) / sum(1 / mean for mean in means)


def rungs(asked: Asked, ceiling: float = 1.0) -> list[Rung]:
    """From everything down to the least, each rung cheaper than the one above.  ``ceiling``: the largest scale."""
    whole = Allowance(asked.steps, 0, ceiling)
    kept = [Rung(whole, cost(asked, whole))]
    for allow in _allowances(asked, ceiling):
        rung = Rung(allow, cost(asked, allow))
        if rung.cost < LESS * kept[-1].cost:
            kept.append(rung)
    return kept


def plain(asked: Asked, allow: Allowance) -> dict[str, str]:
    """What ``allow`` leaves of what is asked, by what can be trimmed, in the order of trimming."""
    width, height = scaled(asked.size, allow.scale)
    octaves = sum(map(len, shares(replace(asked, hands=1), allow)))
    return {"step": str(min(asked.steps, allow.steps)), "octave": str(octaves), "working size": f"{width}x{height}"}


def named(what: str, value: str) -> str:
    """A row of `plain` as a person says it: 2 steps, working size 320x240."""
    if what == "working size":
        return f"{what} {value}"
    return f"{value} {what}" + ("" if value == "1" else "s")


def left_of(what: str, value: str, whole: str) -> str:
    """A row of `plain` beside what it was: 1 of 2 steps, working size 256x192 of 320x240."""
    return f"{named(what, value)} of {whole}" if what == "working size" else f"{value} of {named(what, whole)}"


def _allowances(asked: Asked, ceiling: float) -> Iterator[Allowance]:
    steps = asked.steps
    while steps > 1:
        steps = min(steps - 1, round(0.7 * steps))  # one by one where there are few
        yield Allowance(steps, 0, ceiling)
    octaves = sum(map(len, shares(replace(asked, hands=1), Allowance(scale=ceiling))))
    for leave_out in range(1, octaves):
        yield Allowance(1, leave_out, ceiling)
    for scale in SCALES:
        if scale < ceiling:
            yield Allowance(1, octaves - 1, scale)


def _areas(width: int, height: int, octaves: int) -> Iterator[int]:
    yield width * height
    for k in range(1, octaves):
        sides = round(height / OCTAVE**k), round(width / OCTAVE**k)
        if min(sides) < SMALLEST:
            return
        yield sides[0] * sides[1]
