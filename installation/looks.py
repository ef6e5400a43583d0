"""The look sheet: every tap, program and direction over the same two pictures, by every engine, to be chosen by eye.

Each picture on it is the one that `dreamwall still` makes with that program or those knobs, at the show's working size.
"""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from tqdm import tqdm

from installation.board import Board
from installation.contact_sheet import Block, Cell, Colour, contact_sheet
from installation.desk import Desk
from installation.errors import SettingsError
from installation.frame import Pixels, fit
from installation.knobs import KNOBS, Look
from installation.programs import Program, Programs
from installation.settings import Settings
from installation.sources.clouds import Clouds
from installation.stages.engine import USUAL_STOPS, Engine, open_engine
from installation.stages.recipe import recipe
from installation.still import RATE, check_writable, dreamed_on, read_picture, resized, write_picture
from models.directions import NAMES

NOON, DUSK = 250.0, 420.0  # seconds into the clouds' day of two skies that look nothing like each other
LEAST_SHARE = 0.005  # of a layer that a label names
COLOURS: tuple[Colour, ...] = ((178, 72, 10), (14, 88, 160))  # of the leap's labels, and of true ascent's


@dataclass(frozen=True, slots=True)
class Wish:
    """A look: ``knobs`` turned from where they stand, or the ``number``-th program, which is ``program``.

    ``name``: what it is called; without one, after what the network then climbs.
    """

    name: str = ""
    knobs: Mapping[str, float] = field(default_factory=dict)
    number: int = 0
    program: Program | None = None


@dataclass(frozen=True, slots=True)
class Part:
    """A part of the sheet: its looks, and how many of the pictures each is dreamed on."""

    title: str
    wishes: Sequence[Wish]
    pictures: int = 2


def looks(picture: Path | None, out: Path, settings: Settings, *, frames: int, say: Callable[[str], None]) -> None:
    """Draw the look sheet to ``out``: over the photograph ``picture``, or else a second sky, and over the clouds.

    Raises SettingsError, one line, before anything is dreamed, when something of this cannot be used.
    """
    check_writable(out)
    programs = Programs.load(settings.programs)
    pictures = _pictures(picture, settings)
    engines = _engines(settings, programs, say)
    parts = list(_parts(engines, programs))
    count = len(engines) * sum(len(part.wishes) * part.pictures for part in parts)
    with tqdm(total=count * frames, desc="dreaming", unit="frame") as bar:

        def cell(engine: Engine, colour: Colour, wish: Wish, pixels: Pixels) -> Cell:
            look = look_of(wish, engine, settings, programs)
            steps = settings.steps or engine.steps
            dreamed = dreamed_on(engine, pixels, look, steps, frames, bar.update)
            name, note = labels(wish, look, engine)
            return Cell(dreamed, name, engine.network, note, colour)

        blocks = [
            Block(
                part.title,
                [
                    [cell(engine, colour, wish, shown.pixels) for wish in part.wishes]
                    for shown in pictures[: part.pictures]
                    for engine, colour in zip(engines, COLOURS, strict=False)
                ],
            )
            for part in parts
        ]
    sheet = contact_sheet("Dreamwall: looks", _head(engines, settings, frames), pictures, blocks)
    write_picture(out, sheet)
    say(f"{out}: {count} looks on {sheet.shape[1]}x{sheet.shape[0]}")


def look_of(wish: Wish, engine: Engine, settings: Settings, programs: Programs) -> Look:
    """What ``wish`` comes to where ``engine`` dreams, as a hand in the show would have it."""
    if wish.program is None:
        return Board(**{**settings.knobs, **wish.knobs}).look(0)
    desk = Desk(Board(**settings.knobs), programs, settings.knobs)
    desk.network_is(engine.ascent.layers, len(engine.ladder.stops))
    desk.recall(wish.number, fade=0.0)
    return desk.board.look(0)


def labels(wish: Wish, look: Look, engine: Engine) -> tuple[str, str]:
    """What stands under a picture: the wish and the layers that ``engine`` then climbs, or a tap and its knob.

    What the network is told is read from the recipe itself, so that no label says what was not done.
    """
    order = engine.ascent.layers
    weights = dict(zip(order, recipe(look, engine.ladder, order, 1).weights, strict=True))
    used = {layer: weight for layer, weight in weights.items() if weight >= LEAST_SHARE}
    climbed = " + ".join(layer if len(used) == 1 else f"{layer} {weight:.2g}" for layer, weight in used.items())
    if not wish.name:
        return climbed, f"layer {look.layer:.2g}"
    layers = wish.program.layers if wish.program is not None else {}
    if layers and not any(layer in order for layer in layers):
        return wish.name, f"{climbed}; none of its layers"
    lacking = [layer for layer in layers if layer not in order and not _of_another_kind(layer, order)]
    return wish.name, f"{climbed}; no {', '.join(lacking)}" if lacking else climbed


def _of_another_kind(layer: str, order: Sequence[str]) -> bool:
    """Programs name layers of every kind of network; that one has none of another's goes without saying."""
    kinds = [{_stem(stop) for stop in stops.split(",")} for stops in USUAL_STOPS.values()]
    own = {_stem(name) for name in order}
    return any(_stem(layer) in kind for kind in kinds if not kind & own)


def _stem(layer: str) -> str:
    return re.split(r"[\d_]", layer, maxsplit=1)[0]


def _pictures(picture: Path | None, settings: Settings) -> list[Cell]:
    """The picture asked for, or a second sky, and the clouds, at the size in which the show would dream them."""
    if picture is not None:
        first = read_picture(picture), picture.name, "the photograph"
    else:
        first = _sky(settings.seed + 1, DUSK), "clouds at dusk", "no photograph was named"
    box = settings.working_size
    return [
        Cell(resized(pixels, fit((pixels.shape[1], pixels.shape[0]), box)), name, "undreamed", note)
        for pixels, name, note in (first, (_sky(settings.seed, NOON), "clouds at noon", "the understudy's sky"))
    ]


def _sky(seed: int, time: float) -> Pixels:
    with Clouds(seed) as clouds:
        return clouds.frame_at(time)


def _engines(settings: Settings, programs: Programs, say: Callable[[str], None]) -> list[Engine]:
    """The leap, and the network of true ascent that the settings find, where they find one.  One line says which."""
    # Eager, whatever there is: nobody waits for an engine of each depth and size to be built for two dozen frames.
    found = open_engine(settings.network, settings.layers, programs.layers, "eager")
    if found.network == "leap":
        say(f"network: {found.choice}; true ascent needs one trained on ImageNet, so the leap is alone on the sheet")
        return [found]
    say(f"network: {found.choice}; beside the leap")
    try:
        return [open_engine("leap", settings.layers), found]
    except SettingsError as error:
        leap = open_engine("leap", None)
        say(f"the leap climbs its own layers: {error}")
        return [leap, found]


def _parts(engines: Sequence[Engine], programs: Programs) -> Iterator[Part]:
    ends = [len(engine.ladder.stops) - 1 for engine in engines]
    # By the place on the knob and not by the layer's name: that is what a hand can turn, and kinds of network differ.
    places = sorted({stop / max(1, end) for end in ends for stop in range(end + 1)})
    yield Part("The layer knob, from brush strokes to creatures", [Wish(knobs={"layer": place}) for place in places])
    rows = [Wish(f"{number} {row.name}", number=number, program=row) for number, row in enumerate(programs.rows, 1)]
    yield Part("Programs", rows)
    directions = [Wish(name, {name: KNOBS[name].high}) for name in NAMES]
    if directions:
        yield Part("Directions, each all the way up", directions, pictures=1)


def _head(engines: Sequence[Engine], settings: Settings, frames: int) -> list[str]:
    """The lines at the top: who dreamed, how, and for how long."""
    lines = []
    for engine in engines:
        steps = _count(settings.steps or engine.steps, "step")
        what = "the network that ships" if engine.network == "leap" else "true ascent"
        lines.append(f"{engine.network}: {what}, {steps} a frame, {engine.ascent.status}")
    lines.append(f"network: {engines[-1].choice}")
    width, height = settings.working_size
    pace = f"{_count(frames, 'dreamed frame')} of a picture that stands still, {RATE:g} a second"
    lines.append(f"{pace}, at most {width}x{height}")
    if settings.knobs:
        lines.append("knobs: " + ", ".join(f"{name} {value:g}" for name, value in settings.knobs.items()))
    return lines


def _count(number: int, what: str) -> str:
    return f"{number} {what}" + ("" if number == 1 else "s")
