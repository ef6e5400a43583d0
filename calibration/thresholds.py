"""Motion thresholds: what an empty room does by itself, and so from where on something is somebody.

Cameras tremble, streams are compressed, curtains move and projectors flicker, in every room by other amounts.  From a
minute in which nobody is there, each threshold is set above all that was seen, with a margin; never so low that the
next darker evening makes a ghost, never so high that a person is missed: then it is said what disturbs, and where.

The names and their meaning are those of the show's witness of presence and of its optical flow; the defaults are the
numbers that were found with recorded rooms.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Maps = NDArray[Any]  # (n, h, w), of n looks

MARGIN = 1.3  # times the most that was seen
FEWEST = 200  # looks: twenty seconds of ten a second
FAINTEST = (0.012, 0.08)  # bounds of each threshold
APART = (0.08, 0.25)
STILL = (0.05, 0.6)
DOUBT = (8.0, 30.0)
RISE = 0.35  # pixels from standing still to moving
NOISES = 4.0  # deviations of a pixel's noise that doubt leaves alone
RESTLESS = 0.15  # share of the looks in which a place that never rests is above what the others do
PLACES = 0.12  # share of the places that may be so
BURST = 3.0  # times what is usual in this room: somebody, not the room


@dataclass(frozen=True, slots=True)
class Thresholds:
    """From where on something moves or stands there.  By itself, what was found with recorded rooms: empty, filmed and
    compressed, no place changed by more than 0.02, and flow trembled by 0.15 pixels.

    ``faintest``: share by which a place of the picture must change to be movement.  ``moved``: places that must.
    ``apart``: share by which a place differs from the empty room when somebody stands there.  ``stands``: places that
    must. ``still``: pixels of optical flow below which a place stands still, and from which it moves.  ``doubt``:
    grey levels by which a carried picture may differ before its trust has fallen to 1/e.
    """

    faintest: float = 0.025
    moved: int = 3
    apart: float = 0.12
    stands: int = 8
    still: tuple[float, float] = (0.15, 0.5)
    doubt: float = 14.0

    def __post_init__(self) -> None:
        numbers = (self.faintest, self.moved, self.apart, self.stands, self.doubt, *self.still)
        if not all(np.isfinite(numbers)) or min(numbers) <= 0 or self.still[0] >= self.still[1]:
            raise ValueError(
                f"motion thresholds are numbers above nought, and the second of still above the first: {self}"
            )


USUAL = Thresholds()


@dataclass(frozen=True, slots=True)
class Learned:
    """``thresholds``; ``restless``: (h, w) bool, places that never rest and were not counted; ``notes``: a line for
    each thing that a person should know.
    """

    thresholds: Thresholds
    restless: NDArray[np.bool_]
    notes: tuple[str, ...]


def learn(
    moved: Maps, differs: Maps, flow: Maps, noise: Maps, seconds: float = 60.0, start: Thresholds = USUAL
) -> Learned:
    """Thresholds from an empty room.

    Each argument is what the show measures, of n looks, evenly over ``seconds``.  ``moved``: (n, h, w), share by
    which each place changed since the second before.  ``differs``: (n, h, w), share by which it differs from the room
    at the beginning. ``flow``: (m, ...), lengths of the optical flow in pixels between one grey picture and the next,
    before anything is taken for still.  ``noise``: (m, ...), absolute differences in grey levels between these.
    ``start``: gives the number of places, which is not learned.  Raises ValueError, with one line, for too short a
    series, one that is not finite, or a room that was not empty: when and where it moved.
    """
    moved, differs, flow, noise = (np.asarray(each, np.float64) for each in (moved, differs, flow, noise))
    if moved.ndim != 3 or moved.shape != differs.shape or not flow.size or not noise.size:
        raise ValueError(f"looks are (n, h, w) of one shape, not {moved.shape} and {differs.shape}")
    if len(moved) < FEWEST:
        raise ValueError(
            f"{len(moved)} looks at the empty room are too few: {FEWEST} at least, better a minute of ten a second"
        )
    if not all(np.isfinite(each).all() for each in (moved, differs, flow, noise)):
        raise ValueError("the looks at the empty room are not all numbers: take them again")

    usual = float(np.percentile(moved, 90))
    restless = np.mean(moved > max(FAINTEST[0], 2 * usual), axis=0) > RESTLESS
    if restless.mean() > PLACES:
        raise ValueError(
            f"{restless.mean():.0%} of the picture never rests, mostly {_where(restless)}: cover or leave out "
            "what moves there (a screen, a curtain, the projection itself), and learn again"
        )
    rest = ~restless
    # As many places must move at once: so the least of the most restless few is what counts.
    most = _nth(moved[:, rest], start.moved)
    low = max(FAINTEST[0], float(np.percentile(most, 75)))
    when = int(np.argmax(most))
    if most[when] > max(BURST * low, start.faintest) or most[when] * MARGIN > FAINTEST[1]:
        place = _where((moved[when] >= most[when]) & rest)
        raise ValueError(
            f"somebody or something moved {seconds * when / len(moved):.0f} s after the beginning, {place}: let "
            "the room be empty and learn again"
        )
    faintest = _bounded(MARGIN * float(most[when]), FAINTEST)

    stood = _nth(differs[:, rest], start.stands)
    when = int(np.argmax(stood))
    if stood[when] * MARGIN > APART[1]:
        place = _where((differs[when] >= stood[when]) & rest)
        raise ValueError(
            f"the room changed by {stood[when]:.0%} within {seconds:.0f} s, most {place}: wait until the light is "
            "steady, and learn again"
        )
    # Ten evenings differ by more than one minute: what is found empty may raise this, never lower it by more than a
    # third.
    apart = _bounded(max(MARGIN * float(stood[when]), start.apart * 2 / 3), APART)

    trembles = float(np.percentile(flow, 99))
    notes = []
    if trembles * MARGIN > STILL[1]:
        notes.append(
            f"optical flow trembles by {trembles:.1f} px: give the camera more light and less gain, or fasten it"
        )
    still = _bounded(MARGIN * trembles, STILL)
    # The mean of absolute differences of two pictures with normal noise is 1.13 deviations of one.
    doubt = _bounded(NOISES * np.sqrt(2) * float(noise.mean()) / 1.13, DOUBT)
    if restless.any():
        notes.append(f"{np.count_nonzero(restless)} places never rest, {_where(restless)}: they were not counted")
    found = Thresholds(faintest, start.moved, apart, start.stands, (still, still + RISE), doubt)
    return Learned(found, restless, tuple(notes))


def _nth(places: NDArray[np.float64], count: int) -> NDArray[np.float64]:
    """(n,): of each look the value of the ``count``-th highest place."""
    count = min(count, places.shape[1])
    return np.asarray(np.partition(places, -count, axis=1)[:, -count])


def _bounded(value: float, bounds: tuple[float, float]) -> float:
    return float(np.clip(value, *bounds))


def _where(places: NDArray[np.bool_]) -> str:
    """In words, where in the picture most of ``places`` are."""
    rows, columns = np.nonzero(places)
    if not rows.size:
        return "all over it"
    y, x = np.median(rows) / max(1, places.shape[0] - 1), np.median(columns) / max(1, places.shape[1] - 1)
    down = "upper " if y < 1 / 3 else "lower " if y > 2 / 3 else ""
    across = "left" if x < 1 / 3 else "right" if x > 2 / 3 else "middle"
    return f"in the {down}{across} of the picture"
