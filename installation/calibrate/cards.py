"""``dreamwall calibrate card``: a test card on the wall, and what a person should look for."""

from installation.calibrate.seam import Step, Steps, Wall
from installation.clock import Clock
from installation.frame import Pixels

LOOK_FOR = {
    "grid": "are lines straight, squares square, the frame whole on all four sides?",
    "circles": "are they round, and whole in the corners?",
    "grey": "can all steps be told apart, the darkest and the brightest too?",
    "colours": "does each bar have a colour of its own, and white and grey none?",
    "resolution": "focus until single pixels stand apart, in the middle and in the corners",
    "overlap": "is it one even grey where two projectors meet, the marked lines on the other's rim?",
}


def card_shown(wall: Wall, clock: Clock, picture: Pixels, name: str, seconds: float | None) -> Steps[None]:
    """Show a card for ``seconds``; None is until somebody ends it."""
    begin = clock.now()
    sentence = f"{name} on {wall.name}, {wall.size[0]}x{wall.size[1]}: {LOOK_FOR[name]}"
    while (passed := clock.now() - begin) < (seconds or float("inf")):
        wall.show(picture)
        yield Step(sentence, passed / seconds if seconds else 0.0, picture)
