"""Moving pictures that flash, in every way that a guard and an analyser have to see.

Everything here is a `Reel`: it gives (pixels, seconds) one by one, pixels being (H, W, 3) uint8 RGB, and is the same
for the same arguments.  Light is relative and linear, 0 is black and 1 white; colours are display levels.
"""

from collections.abc import Callable, Iterable, Iterator
from itertools import chain

import numpy as np
from numpy.typing import NDArray

from calibration.limits import levels

Pixels = NDArray[np.uint8]
Reel = Iterator[tuple[Pixels, float]]
Colour = tuple[int, int, int]
Size = tuple[int, int]  # width, height
Box = tuple[float, float, float, float]  # left, top, width, height, as shares of the picture

SMALL = 96, 54
EVERYWHERE = 0.0, 0.0, 1.0, 1.0
BLACK, WHITE = (0, 0, 0), (255, 255, 255)
RED, BLUE, GREEN = (255, 0, 0), (0, 0, 255), (0, 255, 0)


def grey(light: float) -> Colour:
    """The grey of this much linear light, 0..1, rounded to a display level."""
    level = round(float(levels(np.float32(light))))
    return level, level, level


RED_AS_GREY = grey(0.2126)  # what pure red becomes in grey: the same luminance within a level


def instants(
    seconds: float, rate: float = 60.0, *, jitter: float = 0.0, seed: int = 0, start: float = 0.0
) -> list[float]:
    """Times of pictures, ``rate`` a second, each moved by up to ``jitter`` (0..0.49) of an interval; always rising."""
    count = round(seconds * rate)
    moved = np.random.default_rng(seed).uniform(-jitter, jitter, count) if jitter else np.zeros(count)
    return [float(time) for time in start + (np.arange(count) + moved + jitter) / rate]


def plain(colour: Colour, size: Size = SMALL) -> Pixels:
    return np.broadcast_to(np.array(colour, np.uint8), (size[1], size[0], 3)).copy()


def boxed(colour: Colour, box: Box, ground: Pixels) -> Pixels:
    """``ground`` with a box of one colour; its edges lie on whole pixels, at least one each way."""
    height, width = ground.shape[:2]
    left, top = round(box[0] * width), round(box[1] * height)
    wide, tall = max(1, round(box[2] * width)), max(1, round(box[3] * height))
    picture = ground.copy()
    picture[top : top + tall, left : left + wide] = colour
    return picture


def a_box(share: float, at: tuple[float, float] = (0.5, 0.5)) -> Box:
    """A box of the picture's shape with ``share`` of its area; ``at``: where in the room left, 0..1 each way."""
    side = share**0.5
    return at[0] * (1 - side), at[1] * (1 - side), side, side


def still(times: Iterable[float], picture: Pixels) -> Reel:
    return ((picture, time) for time in times)


def square_wave(
    times: Iterable[float],
    pair: tuple[Colour, Colour],
    flashes: float,
    *,
    phase: float = 0.0,
    box: Box = EVERYWHERE,
    ground: Colour | Pixels = (60, 60, 60),
    size: Size = SMALL,
) -> Reel:
    """A box that changes between two colours, ``flashes`` periods a second (two changes each), half of each a colour.

    ``phase``: 0..1 of a period.  Red alternations are square waves between `RED` and another colour.
    """
    behind = plain(ground, size) if isinstance(ground, tuple) else ground
    both = [boxed(colour, box, behind) for colour in pair]
    for time in times:
        yield both[int(2 * (time * flashes + phase)) % 2], time


def wave(
    times: Iterable[float],
    low: float,
    high: float,
    flashes: float,
    *,
    shape: Callable[[float], float] = lambda turn: 0.5 - 0.5 * np.cos(2 * np.pi * turn),
    box: Box = EVERYWHERE,
    size: Size = SMALL,
) -> Reel:
    """A grey box that swings between two lights, usually as a sine; ``shape``: 0..1 of a period to 0..1 of the way."""
    behind = plain((60, 60, 60), size)
    for time in times:
        yield boxed(grey(low + (high - low) * shape(time * flashes % 1)), box, behind), time


def triangle(turn: float) -> float:
    """A shape for `wave`: as steep everywhere."""
    return 1 - abs(2 * turn - 1)


def fade(times: Iterable[float], start: Colour, end: Colour, seconds: float, size: Size = SMALL) -> Reel:
    """From one colour to another once, in linear steps of display levels, then still."""
    for time in times:
        way = min(1.0, time / seconds)
        mixed = np.array(start) + (np.array(end, np.float64) - start) * way
        yield np.broadcast_to(mixed.round().astype(np.uint8), (size[1], size[0], 3)).copy(), time


def stripes(
    times: Iterable[float],
    pair: tuple[Colour, Colour],
    period: float,
    speed: float = 0.0,
    *,
    angle: float = 0.0,
    reversals: float = 0.0,
    box: Box = EVERYWHERE,
    size: Size = SMALL,
) -> Reel:
    """Stripes of two colours, ``period`` pixels a pair, moving ``speed`` pixels a second across themselves.

    ``angle``: radians; 0 is upright stripes that move to the right.  ``reversals``: times a second that the two colours
    change places.
    """
    y, x = np.mgrid[: size[1], : size[0]]
    along = x * np.cos(angle) + y * np.sin(angle)
    colours = np.array(pair, np.uint8)
    inside = boxed((1, 1, 1), box, plain(BLACK, size))[..., :1] > 0
    for time in times:
        where = np.floor(2 * (along - speed * time) / period).astype(int) + int(reversals * time)
        yield np.where(inside, colours[where % 2], np.uint8(60)).astype(np.uint8), time


def noise(times: Iterable[float], grain: int = 1, *, seed: int = 0, size: Size = SMALL) -> Reel:
    """Fresh noise of all colours in every picture, in squares of ``grain`` pixels."""
    chance = np.random.default_rng(seed)
    for time in times:
        small = chance.integers(0, 256, (-(-size[1] // grain), -(-size[0] // grain), 3), np.uint8)
        yield small.repeat(grain, 0).repeat(grain, 1)[: size[1], : size[0]].copy(), time


def apart(times: Iterable[float], flashes: float, late: float, *, size: Size = SMALL) -> Reel:
    """Black and white in both halves of the picture, the right half ``late`` seconds after the left."""
    middle = size[0] // 2
    for time in times:
        picture = plain(BLACK, size)
        picture[:, :middle] = 255 * (int(2 * time * flashes) % 2)
        picture[:, middle:] = 255 * (int(2 * max(0.0, time - late) * flashes) % 2)
        yield picture, time


def random_program(times: Iterable[float], seed: int, *, size: Size = SMALL) -> Reel:
    """What a careless hand makes: cuts, strobes, fades, moving stripes, red, blackouts and noise, a short while each.

    Several may lie over one another in boxes of any size and place.
    """
    chance = np.random.default_rng(seed)
    picture = plain(BLACK, size)
    layers: list[Callable[[float, Pixels], Pixels]] = []
    until = float("-inf")
    for time in times:
        if time >= until:
            until = time + chance.uniform(0.2, 1.5)
            layers = [_layer(chance, size, time) for _ in range(chance.integers(1, 4))]
        for layer in layers:
            picture = layer(time, picture)
        yield picture, time


def _layer(chance: np.random.Generator, size: Size, start: float) -> Callable[[float, Pixels], Pixels]:
    kind = chance.choice(["strobe", "fade", "stripes", "noise", "cut", "picture"])
    box = a_box(chance.uniform(0.01, 1.0), (chance.uniform(), chance.uniform()))
    colours = np.array(
        [BLACK, WHITE, RED, BLUE, GREEN, RED_AS_GREY, chance.integers(0, 256, 3), chance.integers(0, 256, 3)]
    )
    first, second = (tuple(int(level) for level in colours[at]) for at in chance.choice(len(colours), 2, replace=False))
    rate, period, angle = chance.uniform(0.5, 30), chance.uniform(2, 60), chance.uniform(0, 2 * np.pi)
    seed = int(chance.integers(1 << 30))

    def laid(time: float, ground: Pixels) -> Pixels:
        if kind == "strobe":
            return boxed((first, second)[int(2 * rate * (time - start)) % 2], box, ground)
        if kind == "fade":
            way = min(1.0, (time - start) * 2)
            mixed = tuple(round(a + (b - a) * way) for a, b in zip(first, second, strict=True))
            return boxed(mixed, box, ground)  # type: ignore[arg-type]
        if kind == "stripes":
            return next(stripes([time], (first, second), period, rate * period, angle=angle, box=box, size=size))[0]
        if kind == "noise":
            return next(noise([time], max(1, round(period / 4)), seed=seed + round(time * 1e4), size=size))[0]
        if kind == "picture":
            return next(noise([time], max(1, round(period / 2)), seed=seed, size=size))[0]
        return boxed(first, box, ground)

    return laid


def after(*reels: Reel) -> Reel:
    """One reel after the other; their times have to rise by themselves."""
    return chain(*reels)


def adversarial(seconds: float = 6.0, rate: float = 60.0, size: Size = SMALL) -> dict[str, Reel]:
    """What fails when nothing guards it, by name; long enough for what counts only in the long run."""

    def times() -> list[float]:
        return instants(seconds, rate)

    reels: dict[str, Reel] = {}
    for flashes in (2.0, 2.5, 3.7, 5.0, 10.0, 15.0, rate / 2):  # the slowest are too many only in the long run
        reels[f"black and white, {flashes:g} a second"] = square_wave(times(), (BLACK, WHITE), flashes, size=size)
    reels["small steps"] = square_wave(times(), (grey(0.3), grey(0.42)), 5, size=size)
    reels["bright steps"] = square_wave(times(), (grey(0.82), grey(0.95)), 5, size=size)
    reels["a third of the picture, in a corner"] = square_wave(
        times(), (BLACK, WHITE), 6, box=(0.0, 0.0, 0.58, 0.58), size=size
    )
    reels["a small box, over the limit only in a window"] = square_wave(
        times(), (BLACK, WHITE), 6, box=(0.6, 0.3, 0.2, 0.3), size=size
    )
    reels["red and grey of one luminance"] = square_wave(times(), (RED, RED_AS_GREY), 5, size=size)
    reels["red and blue"] = square_wave(times(), (RED, BLUE), 5, size=size)
    reels["red and black"] = square_wave(times(), (RED, BLACK), 5, size=size)
    reels["dark red and dark grey"] = square_wave(times(), ((110, 0, 0), (50, 50, 50)), 5, size=size)
    reels["sine"] = wave(times(), 0.0, 1.0, 5, size=size)
    reels["triangle of the least swing that counts"] = wave(times(), 0.3, 0.42, 2.2, shape=triangle, size=size)
    reels["wide stripes that move"] = stripes(times(), (BLACK, WHITE), size[0] / 4, size[0] * 1.3, size=size)
    reels["slanted stripes that reverse"] = stripes(
        times(), (BLACK, WHITE), size[0] / 8, angle=0.6, reversals=12, size=size
    )
    reels["coarse noise"] = noise(times(), max(2, size[0] // 12), size=size)
    reels["two halves, one late"] = apart(times(), 5, 0.05, size=size)
    return reels
