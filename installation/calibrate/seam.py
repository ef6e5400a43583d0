"""What every calibration is made of: a wall that shows, an eye that sees, and steps that a person can follow.

A calibration is a generator.  It shows one refresh, yields a `Step`, and returns what it found; whoever drives it has
the rest: a command prints the sentences, a page may show them with the picture.  It holds no device and no thread, and
its time is handed in, so that the whole of it runs against a simulated wall without waiting.
"""

from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass
from typing import Protocol, TypeVar

from tqdm import tqdm

from installation.errors import DreamwallError
from installation.frame import Frame, Pixels

Found = TypeVar("Found")


class CalibrationError(DreamwallError):
    """A calibration was refused: what could not be measured and what to do.  Nothing was kept."""


class Stopped(Exception):  # noqa: N818 (a person's wish is no error)
    """Somebody at the wall has had enough: Esc, or the window was closed."""


class Wall(Protocol):
    """The display as it is, without a profile's warp.

    ``name``: as the system calls it.  ``size``: width and height of what is drawn on it, in pixels.
    """

    @property
    def name(self) -> str: ...

    @property
    def size(self) -> tuple[int, int]: ...

    def show(self, picture: Pixels, words: Sequence[str] = ()) -> float:
        """One refresh with ``picture``, (H, W, 3) uint8 RGB, and ``words`` laid over it.

        One of the display's size fills it; others are fitted into it.

        Returns the time at which it was handed to the display.  Raises Stopped when a person ended it.
        """
        ...


class Eye(Protocol):
    """A camera.  ``name``: what it is called, for a person."""

    @property
    def name(self) -> str: ...

    def newest(self, after: float = float("-inf")) -> Frame | None:
        """The newest frame that was not given yet, if it was taken after ``after``; never blocks.

        Raises SourceError once the camera was lost, also when it has come back: it may stand elsewhere then.
        """
        ...


@dataclass(frozen=True, slots=True)
class Step:
    """Where a calibration has got to.

    ``sentence``: what happens now, or what the person should do.  ``done``: share of the whole, 0..1.  ``picture``:
    what there is to be seen of it, (h, w, 3) uint8 RGB, or None.
    """

    sentence: str
    done: float
    picture: Pixels | None = None


Steps = Generator[Step, None, Found]


class Follow(Protocol):
    """Whoever drives a calibration: runs it to its end, tells the person where it has got to, returns what it found."""

    def __call__(self, steps: Steps[Found], say: Callable[[str], None]) -> Found: ...


def followed(steps: Steps[Found], say: Callable[[str], None]) -> Found:
    """Run a calibration to its end in the terminal, telling each new sentence once; returns what it found.

    Raises as `driven`.
    """
    told = ""
    # The bar is drawn once something is done: a test card that stays until a key is pressed has none.
    with tqdm(
        total=1.0, bar_format="{percentage:3.0f}% |{bar}| {remaining}", disable=None, leave=False, delay=0.1
    ) as bar:

        def at(step: Step) -> None:
            nonlocal told
            if step.done > bar.n:
                bar.update(step.done - bar.n)
            if step.sentence != told:
                told = step.sentence
                bar.clear()
                say(told)

        return driven(steps, at)


def driven(steps: Steps[Found], at: Callable[[Step], None]) -> Found:
    """Run a calibration to its end, handing over each step; returns what it found.

    What `calibration` refuses (a ValueError with one line) becomes a CalibrationError.  What ``at`` raises ends it.
    """
    try:
        while True:
            at(next(steps))
    except StopIteration as end:
        found: Found = end.value
        return found
    except ValueError as error:
        raise CalibrationError("; ".join(line.strip() for line in str(error).splitlines())) from error
    finally:
        steps.close()
