"""How much of what true ascent reaches a leap reaches in a few calls, by its teacher's judgement and by another's."""

from collections.abc import Callable, Iterable, Sequence
from typing import Any, Protocol

from torch import Tensor, zeros_like

from models.ascent import Ascent
from models.network import Network
from training.photographs import Photograph
from training.reference import References, Schedule, at_strength, content, dreamt, seen

CALLS = (0, 1, 2, 3, 4, 6, 8, 12, 16)
MOST = 8  # calls that count; the curve goes on to show where it leads
# Found by `search` on the first leap that shipped: at full size 8 calls reach 0.70 of the rise at 3 or 6 levels a call,
# over two octaves 0.50 to 0.58, over three 0.41 to 0.50; in turn or rising makes less of a difference.
BEST = Schedule(octaves=1, rising=True, levels=3.0)
# A second judge's layers that see things of the sizes that the leap's taps see.
JUDGED = {"googlenet": ("inception3a", "inception3b", "inception4c", "inception4d")}

Progress = Callable[[Iterable[Any], str], Iterable[Any]]
"""Goes through what it is given and shows how far it is: `rich.progress.track`."""


class Dreams(Protocol):
    """Gives dreams of pictures at one tap, all of one strength: `Leapt` and `References`."""

    def dream(self, picture: Tensor, tap: str) -> Tensor: ...


class Leapt:
    """Dreams of a leap at equal strength, through the product's own dreamer.

    Those of `MOST` calls are made once and remembered, since several measures are about them.
    """

    def __init__(self, leap: Ascent, schedule: Schedule = BEST) -> None:
        self.leap, self.schedule = leap, schedule
        self._kept: dict[tuple[str, str], Tensor] = {}

    def dream(self, picture: Tensor, tap: str, calls: int = MOST) -> Tensor:
        """The residual after ``calls`` calls.  Raises ValueError for a tap that the leap does not have."""
        if calls == MOST and (kept := self._kept.get((content(picture), tap))) is not None:
            return kept
        weights = [0.0] * len(self.leap.layers)
        weights[self.leap.layers.index(tap)] = 1.0
        residual = at_strength(picture, dreamt(self.leap, picture, weights, calls, self.schedule))
        if calls == MOST:
            self._kept[content(picture), tap] = residual
        return residual


def transfer(
    leapt: Leapt, references: References, photographs: Sequence[Photograph], progress: Progress
) -> dict[str, dict[str, Any]]:
    """For each tap of the leap, means over the photographs, by the number of calls (``leap``) or steps (``true``).

    ``objective``: what the teacher sees.  ``value``: that as a share of what it sees after 40 true steps.  ``rise``:
    the share of the way there from the undreamed picture.  ``reached``: the best value and its rise and calls, within
    the calls that count.
    """
    report: dict[str, dict[str, Any]] = {}
    for tap in leapt.leap.layers:
        curves: dict[str, list[dict[int, float]]] = {"leap": [], "true": []}
        for photo in progress(photographs, f"transfer at {tap}"):
            curves["true"].append(references.curve(photo.picture, tap))
            curves["leap"].append({n: _reached(leapt, references.teacher, photo.picture, tap, n) for n in CALLS})
        undreamed, best = ([curve[n] for curve in curves["true"]] for n in (0, references.steps[-1]))
        report[tap] = {kind: _shares(curves[kind], undreamed, best) for kind in curves}
        shares = report[tap]["leap"]
        value, calls = max((shares["value"][n], n) for n in CALLS if n <= MOST)
        report[tap]["reached"] = {"value": value, "rise": shares["rise"][calls], "calls": calls}
    return report


def _reached(leapt: Leapt, teacher: Network, picture: Tensor, tap: str, calls: int) -> float:
    residual = leapt.dream(picture, tap, calls) if calls else zeros_like(picture)
    return seen(teacher, picture + residual, [tap])[tap]


def _shares(curves: list[dict[int, float]], undreamed: list[float], best: list[float]) -> dict[str, dict[int, float]]:
    """Means of curves, and of their shares of ``best``, which begin at ``undreamed``; one of each a photograph."""
    result: dict[str, dict[int, float]] = {"objective": {}, "value": {}, "rise": {}}
    for n in curves[0]:
        there = [curve[n] for curve in curves]
        result["objective"][n] = _mean(there)
        result["value"][n] = _mean(x / b for x, b in zip(there, best, strict=True))
        result["rise"][n] = _mean((x - u) / (b - u) for x, u, b in zip(there, undreamed, best, strict=True))
    return result


def second_judge(
    judge: Network, leapt: Leapt, references: Dreams, photographs: Sequence[Photograph], progress: Progress
) -> dict[str, dict[str, dict[str, float]]]:
    """What a network that the leap was not trained on sees: for each tap and layer of ``judge``, relative to undreamed.

    A leap that dreams makes others see more too, as true ascent does; one that only knows how to please its teacher
    does not.  A judge of the teacher's own kind is asked at the leap's taps.
    """
    layers = [layer for layer in JUDGED.get(judge.name, leapt.leap.layers) if layer in judge.layers]
    report: dict[str, dict[str, dict[str, float]]] = {}
    for tap in leapt.leap.layers:
        rises: dict[str, list[dict[str, float]]] = {"leap": [], "true": []}
        for photo in progress(photographs, f"second judge at {tap}"):
            undreamed = seen(judge, photo.picture, layers)
            for kind, dreams in (("leap", leapt), ("true", references)):
                now = seen(judge, photo.picture + dreams.dream(photo.picture, tap), layers)
                rises[kind].append({layer: now[layer] / undreamed[layer] for layer in layers})
        report[tap] = {layer: {kind: _mean(row[layer] for row in rises[kind]) for kind in rises} for layer in layers}
    return report


def search(
    leap: Ascent, references: References, photographs: Sequence[Photograph], progress: Progress
) -> list[tuple[Schedule, float]]:
    """Schedules by the share of the rise that `MOST` calls reach, best first: on 4 photographs, at 2 taps."""
    some = list(photographs)[:: max(1, len(photographs) // 4)][:4]
    taps = sorted({leap.layers[len(leap.layers) // 4], leap.layers[len(leap.layers) * 3 // 4]})
    shapes = [(1, True), (2, True), (3, True), (2, False), (3, False)]
    tried = [Schedule(octaves, rising, levels) for octaves, rising in shapes for levels in (1.5, 3.0, 6.0, 12.0)]
    found = []
    for schedule in progress(tried, "schedules"):
        leapt, rises = Leapt(leap, schedule), []
        for tap in taps:
            for photo in some:
                true = references.curve(photo.picture, tap)
                there = _reached(leapt, references.teacher, photo.picture, tap, MOST)
                rises.append((there - true[0]) / (true[references.steps[-1]] - true[0]))
        found.append((schedule, _mean(rises)))
    return sorted(found, key=lambda pair: -pair[1])


def quietly(items: Iterable[Any], _: str) -> Iterable[Any]:
    """Progress that nobody watches."""
    return items


def _mean(values: Iterable[float]) -> float:
    listed = list(values)
    return sum(listed) / len(listed)
