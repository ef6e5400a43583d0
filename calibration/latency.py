"""Latency: how long it takes from a refresh of the screen until a camera's picture of it is in hand.

A small patch becomes bright and dark, at most once a second, and the camera's pictures of it say when.  One flip
tells the latency only to within a camera's interval: it lies between the last picture that does not show the flip and
the first that does.  Many flips at ever other phases of the camera narrow that down: what is asked is which median
and which spread make all those intervals likely together (interval-censored data), averaged over all of them by how
likely each is, so that an unlucky flip cannot tip the scales.  Dropped pictures merely make an interval wider.

A latency here is that of light: it ends with the instant at which half of the flip was seen.  Until a picture is in
hand, a visitor waits for up to one camera interval more.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Times = NDArray[np.float64]  # seconds

APART = 1.0  # seconds between two flips, at least
SPREAD = 0.25  # seconds over which their phases are strewn
GOLDEN = 0.6180339887498949  # its multiples fill an interval as evenly as any
FLIPS = 30
FEWEST = 12  # flips that must have been seen
LOST = 0.4  # share of the flips that may be lost
SETTLED = 0.3  # seconds before a flip in which the patch stands still
LONGEST = 0.95  # seconds: no latency above is looked for
CONTRAST = 4.0  # times the noise by which the patch must differ
FAINTEST = 3.0  # levels of 255
WRONG = 0.2  # share of a flip's pictures that may contradict it
STEP = 0.0005  # seconds to which medians are tried
SPREADS = np.geomspace(0.0004, 0.08, 24)  # seconds, of a logistic distribution: its deviation is 1.81 times that
BLUNDER = 0.02  # share of flips that may be anything
REFRESH = 0.05  # seconds: none takes longer
PART = 0.15  # share of a flip that a picture must have seen, and must not, to have been exposed during it
P95 = float(np.log(0.95 / 0.05))  # of a logistic distribution
DEVIATION = float(np.pi / np.sqrt(3))


@dataclass(frozen=True, slots=True)
class Latency:
    """All in seconds.

    ``median``, ``p95``: of the latency.  ``jitter``: its standard deviation.  ``unsure``: by how much the median may be
    wrong (standard deviation).  ``interval``: of the camera's pictures, at the median.  ``flips``: how many were seen;
    ``lost``: how many were not.
    """

    median: float
    p95: float
    jitter: float
    unsure: float
    interval: float
    flips: int
    lost: int

    def __str__(self) -> str:
        return (
            f"{1000 * self.median:.0f} ms from screen to camera, 95 % within {1000 * self.p95:.0f} ms, jitter "
            f"{1000 * self.jitter:.0f} ms (from {self.flips} flips; +-{1000 * self.unsure:.0f} ms)"
        )


def flip_times(flips: int = FLIPS) -> Times:
    """When to flip the patch, in seconds from the beginning: at least one apart, at ever other phases of any camera."""
    number = np.arange(flips)
    return np.asarray(number * (APART + SPREAD) + SPREAD * (number * GOLDEN % 1))


def measure(shown: Sequence[tuple[float, float]], seen: Sequence[tuple[float, float]], gamma: float = 2.2) -> Latency:
    """Latency from what was shown and what was seen.

    ``shown``: (time, light of the patch as it was sent, 0..1) of each refresh, or at least of those with a change; it
    stays as it is until the next.  ``seen``: (time, brightness 0..255 of the patch) of each camera picture, by the time
    the show had it; in any order.  Both on one clock, in seconds.  ``gamma``: the camera's.  Raises ValueError, with
    one line that says what to do, if the patch is not seen, flips too rarely, or does not do what was shown.
    """
    if not shown or not seen:
        raise ValueError("nothing was shown or nothing was seen: is the camera running?")
    flips, up = _flips(np.asarray(shown, np.float64))
    times, light = np.asarray(sorted(seen), np.float64).T
    if light.max() - light.min() < FAINTEST:
        raise ValueError(_unseen(light.max() - light.min()))
    light = (np.maximum(light, 0) / 255) ** gamma
    ends = np.append(flips[1:], max(flips[-1] + APART, min(times[-1], flips[-1] + 2 * APART)))
    early, late, parts, contrasts, noises, lost = [], [], [], [], [], 0
    for flip, end, rises in zip(flips, ends, up, strict=True):
        before = light[(times > flip - SETTLED) & (times <= flip)]
        after = light[(times > end - SETTLED) & (times <= end)]
        inside = (times > flip) & (times <= min(end, flip + LONGEST))
        if len(before) < 2 or len(after) < 2 or np.count_nonzero(inside) < 4:
            lost += 1
            continue
        low, high = float(np.median(before)), float(np.median(after))
        contrasts.append(high - low if rises else low - high)
        noises.append(max(np.median(np.abs(before - low)), np.median(np.abs(after - high))))
        share = (light[inside] - low) / (high - low or 1.0)
        between = _between(times[inside] - flip, share >= 0.5)
        if between is None or contrasts[-1] <= 0:
            lost += 1
            continue
        early.append(between[0])
        late.append(between[1])
        nearest = int(np.argmin(np.abs(share - 0.5)))
        parts.append((float(times[inside][nearest] - flip), float(share[nearest])))
    contrast, noise = (float(np.median(each)) if each else 0.0 for each in (contrasts, noises))
    noise *= 1.48  # from a median deviation to a normal one
    if contrasts and contrast <= CONTRAST * noise:
        raise ValueError(_unseen(255 * max(0.0, contrast) ** (1 / gamma)))
    if len(early) < FEWEST or lost > LOST * len(flips):
        raise ValueError(
            f"only {len(early)} of {len(flips)} flips of the patch were seen, of at least {FEWEST}: keep the "
            f"camera on the patch, the light steady, and the latency below {LONGEST:.1f} s"
        )
    interval = float(np.median(np.diff(times)))
    return _likeliest(
        *_narrowed(np.array(early), np.array(late), np.array(parts), max(PART, 4 * noise / contrast)), interval, lost
    )


def _flips(shown: NDArray[np.float64]) -> tuple[Times, NDArray[np.bool_]]:
    """When the patch that was shown crossed the middle of its light, and whether it rose."""
    shown = shown[np.argsort(shown[:, 0], kind="stable")]
    light = shown[:, 1]
    if np.ptp(light) <= 0:
        raise ValueError("the patch that was shown never changed")
    share = (light - light.min()) / np.ptp(light)
    bright = share >= 0.5
    at = np.nonzero(bright[1:] != bright[:-1])[0] + 1
    flips: Times = shown[at, 0].copy()
    # Where a guard lets it fade, the wall is a staircase: its middle lies between the middles of two steps.
    middle = shown[:, 0] + np.minimum(np.append(np.diff(shown[:, 0]), np.inf), REFRESH) / 2
    for n, now in enumerate(at):
        if not {share[now - 1], share[now]} <= {0.0, 1.0}:
            part = (0.5 - share[now - 1]) / (share[now] - share[now - 1])
            flips[n] = middle[now - 1] + part * (middle[now] - middle[now - 1])
    if len(flips) < FEWEST:
        raise ValueError(f"the patch flipped {len(flips)} times, and must at least {FEWEST} times")
    if np.diff(flips).min() < 0.9 * APART:
        raise ValueError(f"the patch flipped twice within {np.diff(flips).min():.2f} s: once a second is allowed")
    return flips, bright[at]


def _between(times: Times, flipped: NDArray[np.bool_]) -> tuple[float, float] | None:
    """Times of the last picture before and the first after the flip, so placed that fewest pictures contradict."""
    wrong = np.concatenate([[0], np.cumsum(flipped)]) + np.concatenate([np.cumsum(~flipped[::-1])[::-1], [0]])
    first = int(np.argmin(wrong))  # of the pictures that show it
    if wrong[first] > WRONG * len(times) or first == len(times):
        return None
    return (float(times[first - 1]) if first else 0.0), float(times[first])


def _narrowed(early: Times, late: Times, parts: NDArray[np.float64], least: float) -> tuple[Times, Times]:
    """The intervals, narrower where a picture was exposed during the flip: its brightness tells how much lay after.

    ``parts``: (n, 2), for each flip the time and the share of the picture that is nearest to half.  How long the camera
    exposes, or the flip takes, is the slope of all times over their shares; so it needs several that differ.  Shares
    below ``least`` may be noise.
    """
    at, share = parts.T
    part = (share > least) & (share < 1 - least)
    if np.count_nonzero(part) < 6 or np.ptp(share[part]) < 0.25:
        return early, late
    slope = float(np.polyfit(share[part] - 0.5, at[part], 1)[0])
    if slope <= 0:
        return early, late
    exact = at - slope * (share - 0.5)
    doubt = max(0.001, 0.1 * slope, float(np.std(exact[part])))
    low, high = np.maximum(early, exact - doubt), np.minimum(late, exact + doubt)
    narrowed = part & (low < high)
    return np.where(narrowed, low, early), np.where(narrowed, high, late)


def _likeliest(early: Times, late: Times, interval: float, lost: int) -> Latency:
    medians = np.arange(max(0.0, early.min()), late.max() + STEP, STEP)[:, None]
    likely = np.empty((len(medians), len(SPREADS)))
    for column, spread in enumerate(SPREADS):
        inside = _logistic((late - medians) / spread) - _logistic((early - medians) / spread)
        likely[:, column] = np.log((1 - BLUNDER) * inside + BLUNDER * (late - early) / LONGEST).sum(axis=1)
    weight = np.exp(likely - likely.max())
    weight /= weight.sum()
    median = float((weight * medians).sum())
    spread = float(np.exp((weight * np.log(SPREADS)).sum()))  # a plain mean is swollen by the least likely
    unsure = float(np.sqrt((weight * (medians - median) ** 2).sum()))
    return Latency(median, median + P95 * spread, DEVIATION * spread, unsure, interval, len(early), lost)


def _logistic(x: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray(0.5 * (1 + np.tanh(x / 2)))


def _unseen(levels: float) -> str:
    return (
        f"the camera does not see the patch (it changes by {levels:.0f} levels of 255): point the camera at the "
        "screen, hold its exposure, darken the room"
    )
