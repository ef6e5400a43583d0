"""The flash analyser against pictures whose flashing is known."""

import json
import pickle
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from calibration.flash_counts import BUCKET, BUCKETS, History, Sliding, Span
from calibration.flash_states import Luminance
from calibration.flash_verdict import NOTE
from calibration.flashes import Analyser, Finding, Geometry, Verdict
from calibration.limits import AREAS, EXTENDED_WINDOW, MOST, linear
from flash_material import (
    BLACK,
    RED,
    RED_AS_GREY,
    SMALL,
    WHITE,
    Reel,
    a_box,
    adversarial,
    after,
    fade,
    grey,
    instants,
    noise,
    plain,
    random_program,
    square_wave,
    still,
    stripes,
)

RATES = st.sampled_from([24.0, 25.0, 29.97, 30.0, 50.0, 60.0, 90.0, 144.0])
TINY = 32, 18
SHORT = 1.4  # seconds: enough for seven transitions at the rates that are over


def judged(reel: Reel, *, patterns: bool = False, geometry: Geometry | None = None) -> Verdict:
    analyser = None
    for pixels, time in reel:
        if analyser is None:
            analyser = Analyser((pixels.shape[1], pixels.shape[0]), geometry, patterns=patterns)
        analyser.see(pixels, time)
    assert analyser is not None
    return analyser.verdict()


def found(verdict: Verdict, kind: str = "luminance", rule: str = "a second", area: str = AREAS[0][0]) -> Finding:
    return next(f for f in verdict.findings if (f.kind, f.rule, f.area) == (kind, rule, area))


def states(verdict: Verdict, kind: str) -> set[str]:
    return {finding.state for finding in verdict.findings if finding.kind == kind}


@settings(deadline=None)  # the machine may be held up
@given(
    lacking=st.sampled_from(["nothing", "rate", "difference", "area"]),
    area=st.sampled_from(AREAS),
    rate=RATES,
    jitter=st.floats(0, 0.3),
    at=st.tuples(st.floats(0, 1), st.floats(0, 1)),
    phase=st.floats(0, 1),
    unit=st.tuples(*[st.floats(0, 1)] * 4),
    start=st.floats(-1e5, 1e5),
)
def test_a_flash_is_over_exactly_when_rate_difference_and_area_are(lacking, area, rate, jitter, at, phase, unit, start):
    """Too often, too much and too large at once is over the limit of each area rule; all but one of these never is."""
    name, window = area
    fastest = min(12.0, rate / (2 + 4 * jitter) * 0.99)  # each half of a flash is in one picture at least
    flashes = 0.2 + unit[0] * 2.5 if lacking == "rate" else 3.9 + unit[0] * (fastest - 3.9)
    dark = unit[1] * 0.6
    light = dark + (unit[2] * 0.085 if lacking == "difference" else 0.115 + unit[2] * (0.885 - dark))
    share = 0.02 + unit[3] * 0.16 if lacking == "area" else 0.35 + unit[3] * 0.65
    wide, tall = window or (1.0, 1.0)
    side = share**0.5
    box = at[0] * (1 - wide * side), at[1] * (1 - tall * side), wide * side, tall * side
    times = instants(SHORT, rate, jitter=jitter, seed=int(phase * 1e6), start=start)
    verdict = judged(square_wave(times, (grey(dark), grey(light)), flashes, phase=phase, box=box, ground=grey(dark)))
    finding = found(verdict, area=name)
    assert (finding.state == "over") == (lacking == "nothing"), finding
    assert states(verdict, "red") == {"within"}


@settings(deadline=None)
@given(
    saturated=st.booleans(),
    unit=st.tuples(*[st.floats(0, 1)] * 3),
    rate=RATES,
    phase=st.floats(0, 1),
)
def test_red_flashes_are_over_by_their_colour_alone(saturated, unit, rate, phase):
    """Saturated red and grey of the same luminance in turn are over as red and as nothing else; a duller red is not."""
    ratio = 0.95 + unit[0] * 0.05 if saturated else 0.34 + unit[0] * 0.41
    red = 0.1 + unit[1] * 0.9
    rest = red * (1 - ratio) / ratio / 2
    colour = grey(red)[0], grey(rest)[0], grey(rest)[0]
    same = grey(0.2126 * red + 0.7874 * rest)
    flashes = 3.9 + unit[2] * (min(12.0, rate / 2.1) - 3.9)
    verdict = judged(square_wave(instants(SHORT, rate), (colour, same), flashes, phase=phase, size=TINY))
    assert states(verdict, "red") == ({"over", "within"} if saturated else {"within"})
    assert (found(verdict, "red").state == "over") == saturated
    assert states(verdict, "luminance") == {"within"}


@settings(deadline=None)
@given(st.lists(st.integers(0, 255), min_size=1, max_size=40))
def test_transitions_are_as_many_as_can_be_found(values):
    """A cell has as many transitions as the best choice of its peaks and valleys, whatever ripples lie between."""
    light = [float(level) for level in linear(np.array(values))]
    follower = Luminance()
    counted = sum(int(follower.see(np.full((1, 1), level, np.float32))[0, 0]) for level in light)
    rising, falling = [0] * len(light), [0] * len(light)  # the longest chain of opposing changes that ends here
    for later, level in enumerate(light):
        for earlier, other in enumerate(light[:later]):
            low, high = sorted((np.float32(level), np.float32(other)))
            if high - low >= max(np.float32(0.1), low * np.float32(0.125)):
                if level > other:
                    rising[later] = max(rising[later], falling[earlier] + 1)
                else:
                    falling[later] = max(falling[later], rising[earlier] + 1)
    assert counted == max(rising + falling)


@settings(deadline=None)
@given(
    first=st.tuples(*[st.integers(0, 255)] * 3),
    second=st.tuples(*[st.integers(0, 255)] * 3),
    seconds=st.floats(0.5, 3),
    rate=st.sampled_from([24.0, 60.0]),
)
def test_fades_and_cuts_are_within(first, second, seconds, rate):
    """A fade between any two colours, however far apart, and a cut back are no flashing."""
    there = list(fade(instants(seconds, rate), first, second, seconds, TINY))
    back = still(instants(0.5, rate, start=seconds + 0.1), plain(first, TINY))
    assert judged(after(iter(there), back)).state == "within"


def test_a_still_is_within():
    """A picture that stands, whatever is on it, has no transition, and the verdict says so without promising more."""
    picture = next(noise([0.0]))[0]
    verdict = judged(still(instants(2), picture))
    assert verdict.state == "within"
    assert verdict.sentence == "within the published limits"
    assert all(finding.worst == 0 and finding.time is None for finding in verdict.findings)


@pytest.mark.parametrize("name", adversarial(0.1, 30))
def test_the_adversarial_suite_is_over(name):
    """Everything that a guard is tried with is over the limits while nothing guards it."""
    verdict = judged(adversarial(5.5, 30, (48, 27))[name])
    assert verdict.over, verdict.sentence


def test_random_programs_are_over():
    """A careless minute at the knobs is over the limits: the suite has something to tame."""
    assert all(judged(random_program(instants(5, 30), seed, size=(48, 27))).over for seed in range(4))


def test_fine_stripes_average_out_and_wide_ones_flash():
    """Stripes finer than a cell that scroll are grey for the eye; wide ones flash in every place they pass."""
    times = instants(SHORT, 60)
    assert states(judged(stripes(times, (BLACK, WHITE), 2, 15, size=(480, 270))), "luminance") == {"within"}
    assert found(judged(stripes(times, (BLACK, WHITE), 24, 24 * 5))).state == "over"


@pytest.mark.parametrize(("kind", "pair"), [("luminance", (BLACK, WHITE)), ("red", (RED, RED_AS_GREY))])
def test_what_is_allowed_for_a_moment_is_too_much_for_long(kind, pair):
    """Two to three flashes a second warn at first, and are over once they went on for four of five seconds."""

    def flashing(seconds: float) -> Finding:
        return found(judged(square_wave(instants(seconds, 30), pair, 2.5)), kind, "the long run")

    short, long = flashing(3.0), flashing(6.0)
    assert short.state == "within"
    assert 2.0 < short.worst < 3.2
    assert long.state == "over"
    assert found(judged(square_wave(instants(3, 30), pair, 2.5)), kind).state == "warning"
    between = after(
        square_wave(instants(3.2, 30), pair, 2.5), still(instants(4, 30, start=3.2), plain(pair[0])),
        square_wave(instants(3.2, 30, start=7.2), pair, 2.5),
    )  # fmt: skip
    assert found(judged(between), kind, "the long run").state == "within"


def test_flashing_that_goes_on_warns():
    """Three transitions a second are within every limit, and still a warning after more than five seconds."""
    shorter, longer = (judged(square_wave(instants(seconds, 30), (BLACK, WHITE), 1.5)) for seconds in (4.0, 7.0))
    assert shorter.state == "within"
    assert found(longer).state == "within"
    assert found(longer, rule="the long run").state == "warning"


def test_three_flashes_a_second_are_within_and_four_are_not():
    """The limit is where it is published: six transitions in any second pass with a warning, seven do not."""
    for flashes, state in ((3.0, "warning"), (4.0, "over")):
        for digits in (3, 9):  # Matroska's stamps are whole milliseconds
            times = [round(time, digits) for time in instants(1.5, 60)]
            finding = found(judged(square_wave(times, (BLACK, WHITE), flashes)))
            assert finding.state == state
            assert finding.worst == 2 * flashes
            assert finding.limit == MOST


def test_the_finding_says_where_and_when():
    """The worst second, the window and the cell are those of the flash; the time counts from the first picture."""
    box = 0.6, 0.1, 0.3, 0.4
    calm = still(instants(2, 30, start=100), plain((60, 60, 60)))
    reel = after(calm, square_wave(instants(2, 30, start=102), (BLACK, WHITE), 5, box=box))
    finding = found(judged(reel), area=AREAS[1][0])
    assert finding.time == pytest.approx(3.0, abs=0.15)
    for place in (finding.cell, finding.window):
        assert place is not None
        across, down = place[0] + place[2] / 2, place[1] + place[3] / 2
        assert box[0] < across < box[0] + box[2]
        assert box[1] < down < box[1] + box[3]
    assert "% from the left and" in finding.sentence
    assert "0:03" in finding.sentence


def test_a_near_viewer_makes_small_flashes_count():
    """On a picture 4 m wide seen from 3 m, 0.006 sr are 0.6 % of it: over this limit, and within all others."""
    near = Geometry(distance=3.0, width=4.0)
    reel = list(square_wave(instants(SHORT, 30), (BLACK, WHITE), 5, box=a_box(0.012, (0.3, 0.7)), size=(192, 108)))
    verdict = judged(iter(reel), geometry=near)
    over = [finding.area for finding in verdict.findings if finding.state == "over"]
    assert over == ["0.006 sr seen from 3 m"]
    assert judged(iter(reel), geometry=Geometry(12.0, 4.0)).state == "within"
    with pytest.raises(ValueError, match="above 0"):
        Geometry(0, 4)


def test_places_barely_over_one_after_the_other_are_over_at_once():
    """Cells that go over the limit for three milliseconds each, ten apart, add up to one area."""
    sliding = Sliding((1, 2))
    most = np.zeros(0)
    for edge in range(7):
        for cell, late in enumerate((0.0, 0.010)):
            turned = np.zeros((1, 2), bool)
            turned[0, cell] = True
            most = sliding.see(turned, edge * 0.995 / 6 + late)
    assert most.tolist() == [[7, 7]]
    assert sliding.counts.tolist() == [[6, 7]]


@settings(deadline=None)
@given(st.lists(st.tuples(st.floats(0.01, 2), st.booleans()), max_size=60))
def test_seconds_of_the_last_five_are_added_up(steps):
    """However often it stops in between, flashing is added up over the last five seconds and no others."""
    span, time, total, run = Span(), 0.0, 0.0, 0.0
    history: list[tuple[float, float, bool]] = []
    for elapsed, so in steps:
        time += elapsed
        history.append((time - elapsed, time, so))
        total, run = span.see(so, time, elapsed)
    expected = sum(max(0.0, end - max(begin, time - EXTENDED_WINDOW)) for begin, end, so in history if so)
    assert total == pytest.approx(expected)
    on_end = 0.0
    for begin, end, so in reversed(history):
        if not so:
            break
        on_end += end - begin
    assert run == pytest.approx(on_end)


@settings(deadline=None)
@given(st.lists(st.tuples(st.floats(0, 60), st.integers(0, 40)), min_size=1, max_size=60))
def test_no_peak_is_lost_from_the_history(steps):
    """The curve of a show of any length keeps its highest points, in their order, in a bounded number of buckets."""
    history, time = History(1), 5.0
    for elapsed, level in steps:
        time += elapsed
        history.add(time, [level])
    assert history.levels.shape[1] <= BUCKETS
    assert history.levels.max() == max(level for _, level in steps)
    assert history.bucket == BUCKET or (time - 5.0) / history.bucket > BUCKETS / 2 - 1
    times = np.cumsum([elapsed for elapsed, _ in steps])
    times -= times[0]
    for at, (_, level) in zip(times, steps, strict=True):
        near = int(at / history.bucket)
        assert history.levels[0, max(0, near - 1) : near + 2].max() >= level


def test_memory_does_not_grow_with_time():
    """A show may be watched for days: what is kept after a minute is all that will ever be kept."""
    size = 24, 14
    both = plain(BLACK, size), next(noise([0.0], 3, size=size))[0]
    analyser = Analyser(size)
    sizes = []
    for number in range(2200):
        if number in {700, 1450, 2199}:
            sizes.append(len(pickle.dumps(analyser)))
        analyser.see(both[number // 2 % 2], number / 10)
    assert analyser.verdict().over
    assert all(later - earlier < 2_000 for earlier, later in pairwise(sizes)), sizes


@pytest.mark.parametrize(
    ("changes", "warned"),
    [
        ({}, True),
        ({"angle": 0.8}, True),
        ({"angle": 1.57}, True),
        ({"period": 4}, True),
        ({"box": (0.2, 0.1, 0.5, 0.6)}, False),  # 30 % of the screen, and still
        ({"box": (0.2, 0.1, 0.5, 0.6), "speed": 8}, True),
        ({"box": (0.2, 0.1, 0.5, 0.6), "reversals": 2.9}, True),
        ({"period": 40}, False),  # four pairs
        ({"pair": (BLACK, grey(0.2))}, False),  # dark
        ({"pair": (grey(0.5), grey(0.55))}, False),  # faint
        ({"seconds": 0.4}, False),
    ],
)
def test_regular_stripes_are_warned_of(changes, warned):
    """More than five bright pairs over too much of the screen for half a second; less area is enough if they move."""
    how = {"pair": (BLACK, WHITE), "period": 12.0, "seconds": 1.2} | changes
    times = instants(how.pop("seconds"), 20)
    verdict = judged(stripes(times, how.pop("pair"), how.pop("period"), size=(160, 90), **how), patterns=True)
    assert verdict.findings[-1].kind == "stripes"
    assert verdict.findings[-1].state == ("warning" if warned else "within"), verdict.findings[-1]


@pytest.mark.parametrize("grain", [1, 4, 9, 20])
def test_what_is_not_regular_is_no_pattern(grain):
    """Texture of any grain that stands still is no pattern of stripes."""
    reel = still(instants(1, 20), next(noise([0.0], grain, size=(160, 90)))[0])
    assert judged(reel, patterns=True).state == "within"


def test_the_verdict_is_json_and_never_promises():
    """A verdict can be kept and read by machines; it speaks of published limits, never of safety or a certificate."""
    reels = [square_wave(instants(SHORT), (BLACK, WHITE), 5), still(instants(1), plain(WHITE))]
    for verdict in (judged(reel, patterns=True) for reel in reels):
        kept = json.loads(json.dumps(verdict.as_dict()))
        assert kept["state"] == verdict.state
        assert len(kept["findings"]) == len(verdict.findings)
        assert kept["note"] == NOTE
        words = json.dumps(kept).lower()
        assert "published limits" in words
        assert not any(word in words for word in ("safe", "certif", "harding", "compliant"))
        assert "\n" not in verdict.sentence


def test_the_plot_shows_the_flash_where_it_was():
    """The drawing is an ordinary picture; places over the limit are red on its map, and there is no red without."""

    def reds(box_share: float) -> int:
        analyser = Analyser(SMALL)
        for pixels, time in square_wave(instants(SHORT), (BLACK, WHITE), 5, box=a_box(box_share)):
            analyser.see(pixels, time)
        drawing = analyser.plot()
        assert drawing.dtype == np.uint8
        assert drawing.shape[2] == 3
        return int((drawing == (200, 30, 30)).all(axis=2).sum())

    assert reds(0.8) > 2 * reds(0.3) > 4 * reds(0.02) > 0


def test_wrong_pictures_are_refused_in_one_line():
    """Another size, another type, or time that goes back: a clear line, and what was seen stays."""
    analyser = Analyser(SMALL)
    analyser.see(plain(BLACK), 5.0)
    wrong = [(plain(BLACK, (10, 10)), 6.0), (plain(BLACK).astype(np.float32), 6.0), (plain(BLACK), 4.0)]
    for pixels, time in wrong:
        with pytest.raises(ValueError) as failure:
            analyser.see(pixels, time)
        assert "\n" not in str(failure.value)
    assert analyser.pictures == 1
    assert analyser.verdict().state == "within"
    with pytest.raises(ValueError, match="no pixels"):
        Analyser((0, 10))


@pytest.mark.parametrize("size", [(1, 1), (3, 2), (2000, 1), (1, 500), (241, 137)])
def test_pictures_of_any_shape_are_measured(size):
    """However small or narrow a picture is, black and white five times a second is over."""
    assert judged(square_wave(instants(SHORT, 20), (BLACK, WHITE), 5, size=size), patterns=True).over
    assert not judged(still(instants(SHORT, 20), next(noise([0.0], size=size))[0]), patterns=True).over


def test_a_gap_in_time_is_no_flashing():
    """While a show was asleep nothing flashed: counts are forgotten, and the gap adds nothing to the long run."""
    reel = after(
        square_wave(instants(2, 30), (BLACK, WHITE), 2.5), square_wave(instants(2, 30, start=60), (BLACK, WHITE), 2.5)
    )
    assert found(judged(reel), rule="the long run").worst < 3.0
