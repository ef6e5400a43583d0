"""The flash guard: nothing that flashes gets past it, and nothing calm is touched."""

import inspect
import os
from collections.abc import Callable, Iterable

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from calibration.flash_states import Red
from calibration.flashes import Analyser, Verdict
from calibration.guard import Guard
from calibration.guard_counts import Turns, signals
from calibration.guard_rules import LONGEST_STEP, TIERS, Tier
from calibration.limits import SLEW, levels, linear, luminance
from flash_material import (
    BLACK,
    WHITE,
    Reel,
    adversarial,
    grey,
    instants,
    noise,
    plain,
    random_program,
    square_wave,
    stripes,
)
from installation import guarded
from installation.frame import Pixels
from installation.guarded import PictureGuard
from installation.sinks.guarding import CardGuard
from pictures import texture
from shared_material import CLIPS, needs_clips

SMALL = (48, 27)
RATE = 24.0
ONLY_IN_THE_LONG_RUN = {
    "black and white, 2 a second",
    "black and white, 2.5 a second",
    "triangle of the least swing that counts",
}
SOAK = bool(os.environ.get("DREAMWALL_SOAK"))
ROUNDING = 0.005  # of white: half a level where levels are furthest apart


def passed(guard: Guard, reel: Reel) -> list[tuple[Pixels, Pixels, float]]:
    """What went in, what came out, and when."""
    shown, last = [], None
    for pixels, time in reel:
        shown.append((pixels, guard(pixels, 0.0 if last is None else time - last).copy(), time))
        last = time
    return shown


def judged(pictures: Iterable[tuple[Pixels, float]]) -> Verdict:
    analyser: Analyser | None = None
    for pixels, time in pictures:
        analyser = analyser or Analyser((pixels.shape[1], pixels.shape[0]), patterns=False)
        analyser.see(pixels, time)
    assert analyser is not None
    return analyser.verdict()


@pytest.mark.parametrize("tier", TIERS)
@pytest.mark.parametrize("name", adversarial(1, RATE, SMALL))
def test_nothing_that_flashes_gets_past_it(name: str, tier: Tier) -> None:
    """Every kind of flashing that is over the published limits is within them once it went through the guard."""
    seconds = 5.2 if name in ONLY_IN_THE_LONG_RUN or SOAK else 2.4
    reel = passed(Guard(tier), adversarial(seconds, RATE, SMALL)[name])
    assert judged((before, time) for before, _, time in reel).over, "this material does not try the guard"
    after = judged((shown, time) for _, shown, time in reel)
    assert not after.over, [finding.sentence for finding in after.findings if finding.state == "over"]


@settings(max_examples=200 if SOAK else 6, deadline=None)
@given(
    seed=st.integers(0, 10_000),
    rate=st.floats(24, 144),
    jitter=st.floats(0, 0.45),
    stall=st.floats(0, 3),
    tier=st.sampled_from(TIERS),
    size=st.sampled_from([(48, 27), (40, 30), (64, 20)]),
)
def test_no_program_at_any_rate_gets_past_it(
    seed: int, rate: float, jitter: float, stall: float, tier: Tier, size: tuple[int, int]
) -> None:
    """Strobes, cuts, noise and stripes laid over one another at random, on any display, with jitter and a stall."""
    times = instants(5, rate, jitter=jitter, seed=seed)
    times = [time + (stall if time > 2 else 0.0) for time in times]
    reel = passed(Guard(tier), random_program(times, seed, size=size))
    after = judged((shown, time) for _, shown, time in reel)
    assert not after.over, [finding.sentence for finding in after.findings if finding.state == "over"]


@pytest.mark.parametrize("tier", TIERS)
def test_many_places_in_turn_are_within_the_long_run(tier: Tier) -> None:
    """On a slow machine whose refreshes stumble, flashing that goes on all over the picture, now here and now there, is
    ended before the long run's limit; it must not be enough that every window rests by itself.
    """
    chance = np.random.default_rng(3)
    gaps = chance.choice([1 / 30, 1 / 20, 0.1, 0.25, 0.4], 2500 if SOAK else 500, p=[0.5, 0.3, 0.12, 0.06, 0.02])
    times = [float(time) for time in np.cumsum(gaps * chance.uniform(0.8, 1.2, len(gaps)))]
    hammered = (
        (picture if int(12 * time) % 2 else np.zeros_like(picture), time)
        for picture, time in random_program(times, 3, size=(64, 36))
    )
    reel = passed(Guard(tier), hammered)
    assert judged((before, time) for before, _, time in reel).over
    after = judged((shown, time) for _, shown, time in reel)
    assert not after.over, [finding.sentence for finding in after.findings if finding.state == "over"]


def transitions(light: NDArray[np.float64], times: list[float]) -> NDArray[np.int64]:
    """How many of 0.1 of white one place made in the second up to each time; apart from the guard and the analyser."""
    turns: list[float] = []
    extreme, way = light[0], 0
    for value, time in zip(light[1:], times[1:], strict=True):
        if way * (value - extreme) > 0 or (way == 0 and value == extreme):
            extreme = value
        elif abs(value - extreme) >= 0.1:
            way, extreme = (1 if value > extreme else -1), value
            turns.append(time)
    return np.array([sum(1 for turn in turns if now - 1.0 < turn <= now) for now in times])


FINE: dict[str, Callable[[list[float]], Reel]] = {
    "checkerboard": lambda times: reversing(times, 1),
    "checkerboard of a cell": lambda times: reversing(times, 2),
    "checkerboard across cells": lambda times: reversing(times, 3),
    "stripes": lambda times: stripes(times, (BLACK, WHITE), 5.0, 37.0, angle=0.3, size=(480, 48)),
    "noise": lambda times: noise(times, 5, size=(480, 48)),
}


def reversing(times: list[float], grain: int) -> Reel:
    """A checkerboard in squares of ``grain`` pixels, changing places at every picture, over a strobe."""
    y, x = np.mgrid[:48, :480] // grain
    board = ((x + y) % 2).astype(bool)
    for at, time in enumerate(times):
        picture = np.where(board ^ (at % 2 == 1), 255, 0) if time > 0.5 else np.full(board.shape, 255 * (at // 3 % 2))
        yield picture.astype(np.uint8)[..., None].repeat(3, 2), time


@pytest.mark.parametrize("tier", TIERS)
@pytest.mark.parametrize("name", FINE)
def test_grids_that_lie_otherwise_are_within_the_limits(name: str, tier: Tier) -> None:
    """Over blocks of other sizes and places than the guard's cells, less than a quarter flash too often at once.

    That is measured, not proved.  In the strict tier it is none at all; in the other, stripes come near a quarter.
    """
    reel = passed(Guard(tier), FINE[name](instants(2.2, 24)))
    times = [time for _, _, time in reel]
    after = np.stack([luminance(linear(shown)) for _, shown, _ in reel]).astype(np.float64)
    before = np.stack([luminance(linear(bare)) for bare, _, _ in reel]).astype(np.float64)
    tried = []
    for size, left, top in ((3, 0, 0), (3, 1, 1), (4, 1, 1), (5, 2, 1), (7, 3, 2)):
        blocks = [
            np.s_[:, row : row + size, column : column + size]
            for row in (top + 14, top + 27)
            for column in range(left, 480 - size, 31)
        ]
        for light in (before, after):
            counts = np.array([transitions(light[block].mean(axis=(1, 2)), times) for block in blocks])
            share = float((counts > 6).mean(axis=0).max())
            if light is before:
                tried.append(share)
            else:
                assert share < 0.25 if tier == "performance" else share == 0, size
    assert max(tried) > 0.5


@pytest.mark.parametrize("tier", TIERS)
def test_what_is_calm_passes_to_the_bit(tier: Tier) -> None:
    """A still picture, and one that drifts with a camera's noise on it, come out as they went in."""
    sheet = texture(1, (200, 120))
    sheet[20:60, 30:90] = 230, 8, 8  # somebody in red
    chance, guard = np.random.default_rng(1), Guard(tier)
    for at in range(60):
        moved = sheet[:, at // 2 : at // 2 + 160].astype(np.int16)
        if at > 20:
            moved = moved + chance.integers(-2, 3, moved.shape)
        picture = np.clip(moved, 0, 255).astype(np.uint8)
        np.testing.assert_array_equal(guard(picture, 1 / 60), picture)
    assert guard.state.held == 0


@needs_clips
@pytest.mark.parametrize("tier", TIERS)
def test_real_people_pass(tier: Tier) -> None:
    """A person who signs close to the camera comes out to the bit."""
    clip, guard = cv2.VideoCapture(str(CLIPS / "asl_sister.mkv")), Guard(tier)
    pictures = 0
    while (got := clip.read())[0]:
        picture = cv2.resize(got[1], (320, 240), interpolation=cv2.INTER_AREA)[..., ::-1].copy()
        np.testing.assert_array_equal(guard(picture, 1 / 30), picture)
        pictures += 1
    assert pictures > 60


def test_a_cut_is_a_fade_in_the_strict_tier() -> None:
    """From black to white every channel moves by at most half of white a second, and arrives in about two seconds."""
    guard, last = Guard(), np.zeros((27, 48, 3), np.float32)
    guard(plain(BLACK, SMALL), 0.0)
    arrived = None
    for at in range(1, 180):
        light = linear(guard(plain(WHITE, SMALL), 1 / 60))
        assert float(np.abs(light - last).max()) <= SLEW / 60 + 2 * ROUNDING
        last = light
        if arrived is None and float(light.min()) == 1.0:
            arrived = at / 60
    assert arrived is not None
    assert 1.9 <= arrived <= 2.2


def test_what_moves_after_a_cut_is_let_go() -> None:
    """Once a fade had its time, nobody who moves in the new picture is held back, however restless."""
    guard = Guard()
    guard(plain(BLACK, SMALL), 0.0)
    for at in range(72):
        picture = plain(grey(0.6), SMALL)
        picture[:6] = grey(0.55 + 0.08 * (at % 2))
        shown = guard(picture, 1 / 24)
    np.testing.assert_array_equal(shown, picture)
    assert guard.state.held == 0


@pytest.mark.parametrize("stall", [0.5, 30.0])
def test_a_stall_saves_nothing_up(stall: float) -> None:
    """A show that stood still may not jump afterwards further than a tenth of a second allows."""
    guard = Guard()
    guard(plain(BLACK, SMALL), 0.0)
    light = linear(guard(plain(WHITE, SMALL), stall))
    assert 0 < float(light.max()) <= SLEW * LONGEST_STEP + ROUNDING


def test_times_that_are_none_give_no_room() -> None:
    """A clock that goes wrong does not open the guard."""
    guard = Guard()
    guard(plain(BLACK, SMALL), 0.0)
    for elapsed in (0.0, -1.0, float("nan"), float("inf"), -float("inf")):
        assert not guard(plain(WHITE, SMALL), elapsed).any()


def test_a_small_thing_may_move_as_it_likes() -> None:
    """What covers little of the picture is not slewed in either tier: somebody in white crosses a dark room."""
    for tier in TIERS:
        guard = Guard(tier)
        for at in range(60):
            picture = np.full((54, 96, 3), 20, np.uint8)
            picture[10:50, at : at + 14] = 240
            np.testing.assert_array_equal(guard(picture, 1 / 30), picture)


def test_red_as_bright_as_grey_is_slowed_too() -> None:
    """Red and a grey of one luminance in turn: the strict tier lets red move no quicker than half of white a second."""
    guard, reds = Guard(), []
    for pixels, _ in square_wave(instants(2, 60), ((230, 0, 0), grey(0.17)), 6, size=SMALL):
        reds.append(float(linear(guard(pixels, 1 / 60))[..., 0].mean()))
    assert float(np.abs(np.diff(reds[1:])).max()) <= SLEW / 60 + 2 * ROUNDING


def test_after_another_size_it_goes_on_from_what_was_shown() -> None:
    """Resizing the window amid a strobe is no way around the guard, and no flash of its own."""
    guard, shown, last = Guard("performance"), [], None
    for at, time in enumerate(instants(5, RATE)):
        size = ((48, 27), (64, 36), (40, 40))[at // 5 % 3]
        out = guard(plain((BLACK, WHITE)[at // 3 % 2], size), 0.0 if last is None else time - last)
        last = time
        shown.append((cv2.resize(out, SMALL, interpolation=cv2.INTER_NEAREST), time))
    assert not judged(shown).over


@given(st.lists(st.tuples(*[st.floats(0, 1)] * 3), min_size=2, max_size=40), st.floats(0.02, 1))
def test_it_misses_no_transition_to_or_from_red(colours: list[tuple[float, float, float]], strength: float) -> None:
    """Whatever colours follow one another, the guard counts at least as many transitions of red as the analyser."""
    reddish = [(max(r, 0.75 * (at % 2)), g * 0.3, b * 0.3) for at, (r, g, b) in enumerate(colours)]
    for sequence in (colours, reddish):
        cells = [np.full((1, 1, 3), colour, np.float32) * np.float32(strength) for colour in sequence]
        analyser, turns, judged_so, counted = Red(), Turns(signals(cells[0])), 0, 0
        for cell in cells:
            judged_so += int(analyser.see(cell)[0, 0])
            turns.see(signals(cell), np.zeros((1, 1), np.float32))
            counted += int(turns.ages[0, 1, 0, 0] == 0)
            turns.grow(1.0)
        assert counted >= judged_so


def test_there_is_no_switch() -> None:
    """Two tiers, no third; nothing else about it can be set, on the card or off it; a wrong tier is refused."""
    for kind in (Guard, PictureGuard, CardGuard):
        assert set(inspect.signature(kind).parameters) <= {"tier", "context"}
    for wrong in ("off", "", "none", "STRICT"):
        with pytest.raises(ValueError, match="strict or performance"):
            Guard(wrong)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="uint8"):
        Guard()(np.zeros((4, 4, 3), np.float32), 0.0)  # type: ignore[arg-type]


def test_it_says_what_it_does() -> None:
    """One line names the tier, how much is held back for how long while it is, and how much it was in all."""
    guard = Guard()
    guard(plain(BLACK, SMALL), 0.0)
    assert guard.state.status == "flash guard strict"
    for _ in range(15):
        guard(plain(WHITE, SMALL), 1 / 30)
    assert guard.state.held == 1
    assert guard.state.status == "flash guard strict: holds 100 % back for 0.5 s"
    for _ in range(90):
        guard(plain(WHITE, SMALL), 1 / 30)
    assert guard.state.status == "flash guard strict, held back 2.0 s in all, 100 % at most"


def test_when_it_fails_itself_the_picture_rests(monkeypatch: pytest.MonkeyPatch) -> None:
    """A failing guard holds its last output, fades to a dim grey no quicker than the limit, then begins anew."""
    guard, room = PictureGuard(), texture(2, SMALL)
    first = guard(room, 0.0).copy()
    with monkeypatch.context() as broken:
        broken.setattr(guarded.Guard, "__call__", lambda *_: 1 / 0)
        np.testing.assert_array_equal(guard(plain(WHITE, SMALL), 0.1), first)
        assert "ZeroDivisionError" in guard.status
    last, rested = linear(first), 0
    for at in range(2, 200):
        light = linear(guard(plain(WHITE, SMALL), at / 30))
        rested += "rests" in guard.status
        assert float(np.abs(light - last).max()) <= SLEW / 30 + 2 * ROUNDING
        last = light
    assert rested > 30
    assert guard.status.startswith("flash guard strict")
    assert float(last.min()) > float(linear(levels(np.full(1, guarded.DIM, np.float32)))[0]) + 0.1
