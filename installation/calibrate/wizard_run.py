"""``dreamwall calibrate wizard``: every calibration in its order, guided on the wall and on a page.

A stage is the very command of its name: it gets this wall instead of one of its own, and is followed here instead of
in the terminal.  The wall stays open throughout; the camera is opened anew for each stage, so that one that was lost
can come back.  All of this is the main thread's; the page has its own and only presses and looks.
"""

import logging
import threading
from argparse import ArgumentParser, Namespace
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Literal, Protocol

import numpy as np

from calibration.geometry import Geometry
from installation.calibrate.arguments import declare
from installation.calibrate.screen_wall import ScreenWall
from installation.calibrate.seam import CalibrationError, Eye, Found, Step, Steps, Stopped, Wall, driven
from installation.calibrate.wizard import Stage, View, Wizard, stages_of, summary
from installation.calibrate.wizard_board import Place, board
from installation.calibrate.wizard_page import WizardPage
from installation.calibrate.wizard_pictures import DARK, Seen, explained
from installation.clock import Clock
from installation.errors import DreamwallError, SinkError
from installation.frame import Frame, Pixels
from installation.settings import Settings
from installation.sinks.projection import Projection

if TYPE_CHECKING:
    from installation.calibrate.commands import Do, Say, Tools

log = logging.getLogger("dreamwall")

STOPPED = 130  # exit code, as of every command that Ctrl+C ends
FAREWELL = 0.7  # seconds in which whoever looks at the page hears that it is over


class Stand(Wall, Protocol):
    """A wall whose display may become larger or smaller between two stages."""

    def resize(self) -> None: ...


OpenWall = Callable[[Settings, Clock, Projection, Callable[[str], None]], AbstractContextManager[Stand]]


def _screen(
    settings: Settings, clock: Clock, projection: Projection, pressed: Callable[[str], None]
) -> AbstractContextManager[Stand]:
    return ScreenWall(settings, clock, projection, pressed=pressed)


def guided(
    options: Namespace,
    settings: Settings,
    say: "Say",
    tools: "Tools",
    do: "Mapping[str, Do]",
    open_wall: OpenWall = _screen,
) -> int:
    """Open the wall and the page, and go through all stages that there are in ``do``; returns the exit code.

    Raises SinkError, one line, without a display or when it is lost.
    """
    wizard, seen, warp = Wizard(stages_of(do)), Seen(tools.clock.now), Warp()
    code = 0
    with ExitStack() as stack:
        wall = stack.enter_context(
            open_wall(settings, tools.clock, warp, lambda name: wizard.key(name, tools.clock.now()))
        )
        place = _page(stack, settings, wizard, seen, tools.clock, say)
        guide = Guide(wizard, wall, warp, seen, place, options, settings, say, tools, do)
        try:
            guide.run()
        except KeyboardInterrupt:
            code = STOPPED
        finally:
            say("the wizard ends")
            for line in summary(wizard.view()):
                say(line)
        if place is not None and code == 0:
            tools.clock.sleep(FAREWELL)
    return code


def _page(stack: ExitStack, settings: Settings, wizard: Wizard, seen: Seen, clock: Clock, say: "Say") -> Place | None:
    """The page, where it is wanted and can be had; keys at the wall do without."""
    if not settings.page:
        return None
    try:
        page = stack.enter_context(WizardPage(wizard, seen, settings, clock))
    except SinkError as error:
        say(f"{error}; the keyboard at the wall does as well")
        return None
    say(f"page: {page.url}")
    if page.is_local:
        return Place(f"page, on this machine: {page.address} (for a telephone: --page-host 0.0.0.0)")
    return Place(f"page: {page.address}", page.url)


class Warp(Projection):
    """The profile's warp where a test card is shown, and none otherwise: what is measured is the display as it is."""

    def __init__(self) -> None:
        self.on: Projection | None = None

    def geometry(self, display: str, size: tuple[int, int], *, dark: bool = False) -> Geometry | None:
        return None if self.on is None else self.on.geometry(display, size, dark=dark)


class Guide:
    """Shows what is next, runs what is begun.  ``place``: where the page is, None where there is none."""

    def __init__(
        self,
        wizard: Wizard,
        wall: Stand,
        warp: Warp,
        seen: Seen,
        place: Place | None,
        options: Namespace,
        settings: Settings,
        say: "Say",
        tools: "Tools",
        do: "Mapping[str, Do]",
    ) -> None:
        self._wizard, self._wall, self._warp, self._seen, self._place = wizard, wall, warp, seen, place
        self._options, self._settings, self._say, self._do = options, settings, say, do
        self._clock = tools.clock
        self._tools = replace(
            tools,
            clock=Attentive(tools.clock, self._refresh),
            wall=self._lent,
            eye=self._watched(tools.eye),
            cards=self._warped,
            follow=self._follow,
            tell=self._told,
        )
        self._stage: Stage | None = None
        self._sentence = ""
        self._showing: Pixels | None = None  # what a stage that has the wall shows on it
        self._ground: Pixels = np.zeros((1, 1, 3), np.uint8)  # what the wall shows where no stage has it
        self._drawn: tuple[View, tuple[int, int]] | None = None

    def run(self) -> None:
        """Until somebody ends it."""
        while not self._wizard.over:
            stage = self._wizard.take()
            if stage is None:
                self._wait()
            else:
                self._work(stage)

    # -- between the stages ------------------------------------------------------------------------------------------

    def _wait(self) -> None:
        view = self._wizard.view()
        self._seen.put("picture", None if view.row is None else explained(view.row.stage.name))
        self._draw(view)
        try:
            self._wall.show(self._ground)
        except CalibrationError:
            self._wall.resize()

    def _draw(self, view: View) -> None:
        wanted = view, self._wall.size
        if wanted != self._drawn:
            self._drawn, self._ground = wanted, board(view, self._wall.size, self._place)

    # -- a stage -----------------------------------------------------------------------------------------------------

    def _work(self, stage: Stage) -> None:
        self._stage, self._sentence, self._showing = stage, "", None
        self._seen.put("picture", explained(stage.name))
        self._draw(self._wizard.view())
        try:
            for part in stage.parts or ("",):
                options = _options_of([stage.name, *filter(None, [part])], self._options)
                self._do[stage.name](options, self._settings, self._told, self._tools)
                self._wizard.attend()  # a command may take Stop for its own good end
            if stage.parts:
                width, height = self._wall.size
                self._told(f"looked at {', '.join(stage.parts)} on {self._wall.name}, {width}x{height}")
            self._wizard.finish("done", "", self._clock.now())
        except Stopped:
            self._end("stopped", "stopped: nothing was kept")
        except KeyboardInterrupt:
            self._end("stopped", "stopped: nothing was kept")
            raise
        except DreamwallError as error:
            self._end("refused", "; ".join(map(str.strip, str(error).splitlines())))
        except Exception as error:  # a fault of ours in one stage does not take the others
            log.debug("a stage of the wizard failed", exc_info=True)
            self._end("refused", f"it failed: {type(error).__name__}: {' '.join(str(error).split())}")
        finally:
            self._warp.on = None
            self._stage = self._showing = None
            self._seen.put("eye", None)

    def _end(self, outcome: Literal["refused", "stopped"], trouble: str) -> None:
        self._say(f"{self._title}: {trouble}")
        self._wizard.finish(outcome, trouble, self._clock.now())

    @property
    def _title(self) -> str:
        return "" if self._stage is None else self._stage.title

    def _told(self, line: str) -> None:
        self._say(f"{self._title}: {line}")
        self._wizard.told(line)

    def _follow(self, steps: Steps[Found], say: "Say") -> Found:  # noqa: ARG002 (sentences are no results here)
        """The driver of every calibration."""
        width, height = self._wall.size
        dark = np.full((height, width, 3), DARK, np.uint8)

        def at(step: Step) -> None:
            self._ground = dark  # nothing but what is measured, from here on
            self._drawn = None
            self._wizard.step(step.sentence, step.done)
            if step.sentence != self._sentence:
                self._sentence = step.sentence
                self._say(f"{self._title}: {step.sentence}")
            self._seen.put("picture", step.picture if step.picture is not None else self._showing)
            self._wizard.attend()

        return driven(steps, at)

    # -- what a stage gets instead of its own ------------------------------------------------------------------------

    @contextmanager
    def _lent(self, _settings: Settings, _clock: Clock) -> Iterator[Wall]:
        yield Lent(self._wall, self._shown)
        self._showing = None

    @contextmanager
    def _warped(self, _settings: Settings, _clock: Clock, projection: Projection) -> Iterator[Wall]:
        self._warp.on = projection
        yield Lent(self._wall, self._shown)
        self._warp.on = self._showing = None

    def _watched(
        self, open_eye: Callable[[Settings, Clock], AbstractContextManager[Eye]]
    ) -> Callable[[Settings, Clock], AbstractContextManager[Eye]]:
        @contextmanager
        def opened(settings: Settings, clock: Clock) -> Iterator[Eye]:
            with open_eye(settings, clock) as eye:
                yield Watched(eye, self._seen)

        return opened

    def _shown(self, picture: Pixels) -> None:
        self._wizard.attend()
        self._showing = picture

    def _refresh(self) -> None:
        """Where a stage waits without having the wall: the window lives, keys are heard."""
        if self._showing is None:
            self._wall.show(self._ground)
        self._wizard.attend()


class Lent:
    """The wizard's wall, as a stage has it.  ``shown``: told each picture before it is."""

    def __init__(self, wall: Wall, shown: Callable[[Pixels], None]) -> None:
        self._wall, self._tell = wall, shown
        self.name, self.size = wall.name, wall.size

    def show(self, picture: Pixels, words: Sequence[str] = ()) -> float:
        self._tell(picture)
        return self._wall.show(picture, words)


class Watched:
    """The camera of a stage, whose pictures the page may show."""

    def __init__(self, eye: Eye, seen: Seen) -> None:
        self._eye, self._seen = eye, seen

    @property
    def name(self) -> str:
        return self._eye.name

    def newest(self, after: float = float("-inf")) -> Frame | None:
        frame = self._eye.newest(after)
        if frame is not None:
            self._seen.put("eye", frame.pixels)
        return frame


class Attentive:
    """A clock that lets its owner refresh the wall while he sleeps; other threads, such as a camera's, just sleep."""

    def __init__(self, clock: Clock, refresh: Callable[[], None]) -> None:
        self._clock, self._refresh, self._owner = clock, refresh, threading.get_ident()

    def now(self) -> float:
        return self._clock.now()

    def sleep(self, seconds: float) -> None:
        end = self._clock.now() + seconds
        if threading.get_ident() == self._owner:
            self._refresh()
        self._clock.sleep(end - self._clock.now())


def _options_of(argv: list[str], given: Namespace) -> Namespace:
    """The options of a command as they are by themselves, but for those that the wizard was given."""
    parser = ArgumentParser()
    declare(parser, lambda _made, _names: None)
    own = vars(parser.parse_args(argv))
    return Namespace(**{name: value if name == "what" else getattr(given, name, value) for name, value in own.items()})
