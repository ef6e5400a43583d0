"""The guided calibration as it stands: which stages there are, which one waits or is at work, what came of each.

One small object between the wall's thread, which does the work, and the page's, which asks and presses.  It knows no
window and no web, and is told the time.
"""

import threading
from collections.abc import Collection
from dataclasses import dataclass
from typing import Literal

from installation.calibrate.seam import Stopped

State = Literal["ahead", "waiting", "running", "done", "skipped", "refused", "stopped"]
Phase = Literal["waiting", "running", "finished", "over"]
BUTTONS = ("begin", "again", "skip", "next", "stop", "end")
LATE = 1.0  # seconds after a stage's end in which a key was still meant for that stage, and does nothing


@dataclass(frozen=True, slots=True)
class Stage:
    """One calibration.  ``name``: its command.  ``purpose``: what it is for.  ``prepare``: what a person does before.

    ``parts``: what its command is run with, one after the other; none is once, as it comes.
    """

    name: str
    title: str
    purpose: str
    prepare: str
    optional: bool = False
    parts: tuple[str, ...] = ()


STAGES = (
    Stage(
        "card",
        "Test cards",
        "Shows whether the picture is sharp, straight and whole, as the saved profile lays it.",
        "Let the projector warm up for ten minutes, then focus it. Nothing is measured here.",
        parts=("grid", "resolution", "grey"),
    ),
    Stage(
        "light",
        "Light",
        "Measures the projector's black, contrast, gamma and white, and the camera's gamma.",
        "Fasten the camera so that it sees the whole picture, darken the room, keep people out of the view.",
    ),
    Stage(
        "lens",
        "Lens",
        "Measures how the camera's lens bends. It only tells a bent wall from a bent lens; most walls do without.",
        "Print the board at 100 % and glue it to something flat. Then hold it before the camera: about ten views do.",
        optional=True,
    ),
    Stage(
        "wall",
        "Wall",
        "Lays the picture where the camera sees the projector's light, so that a dream lies on what it dreams of.",
        "Fasten the camera where it will stay, let it see the whole picture, darken the room, keep people out of the "
        "view. It takes two minutes.",
    ),
    Stage(
        "latency",
        "Latency",
        "Measures how late the camera's picture is.",
        "Leave the camera on the middle of the picture, and keep still before it for a minute.",
    ),
    Stage(
        "room",
        "Empty room",
        "Learns from the empty room from where on something moves.",
        "Make the light as it will be in the show, and shut the doors. Then begin, and let everybody leave for a "
        "minute.",
    ),
)


class NotNow(Exception):  # noqa: N818 (a press that came too late is no error)
    """What was pressed does nothing now; one line that says why."""


@dataclass(frozen=True, slots=True)
class Row:
    """One stage as it stands.  ``lines``: what came of it when it was last done.  ``trouble``: why it then was not."""

    stage: Stage
    state: State
    lines: tuple[str, ...]
    trouble: str
    buttons: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class View:
    """All of it at one moment.  ``at``: which row waits or is at work, None once finished.  ``done``: 0..1."""

    phase: Phase
    at: int | None
    sentence: str
    done: float
    rows: tuple[Row, ...]

    @property
    def row(self) -> Row | None:
        return None if self.at is None else self.rows[self.at]


@dataclass(slots=True)
class _Standing:
    stage: Stage
    state: State = "ahead"
    lines: tuple[str, ...] = ()
    trouble: str = ""


class Wizard:
    """Safe from any thread; `take`, `attend`, `step`, `told` and `finish` are for the one that does the work."""

    def __init__(self, stages: tuple[Stage, ...] = STAGES) -> None:
        self._lock = threading.Lock()
        self._all = [_Standing(stage) for stage in stages]
        self._at: int | None = 0
        self._wish: int | None = None  # what is to be begun
        self._running = self._over = self._stop = self._next = False
        self._sentence, self._done = "", 0.0
        self._new: list[str] = []
        self._quiet = float("-inf")

    # -- for whoever watches and presses -----------------------------------------------------------------------------

    def view(self) -> View:
        with self._lock:
            rows = tuple(
                Row(each.stage, self._state(at), each.lines, each.trouble, self._buttons(at))
                for at, each in enumerate(self._all)
            )
            return View(self._phase, self._at, self._sentence, self._done, rows)

    def press(self, button: str, stage: str | None = None) -> None:
        """Press one of BUTTONS; all but ``end`` are of a stage.

        Raises LookupError for a button or a stage there is not, NotNow when it does nothing now; each one line.
        """
        names = [each.stage.name for each in self._all]
        if button not in BUTTONS:
            raise LookupError(f"there is no button {button!r}; there are {', '.join(BUTTONS)}")
        if (stage is not None or button != "end") and stage not in names:
            raise LookupError(f"there is no stage {stage!r}; there are {', '.join(names)}")
        with self._lock:
            if button == "end":
                self._end()
                return
            at = names.index(str(stage))
            if button not in self._buttons(at):
                title = self._all[at].stage.title
                raise NotNow(f"{title}: {button} does nothing while it is {self._state(at)}")
            if button in {"begin", "again"}:
                self._at = self._wish = at
            elif button == "skip":
                self._all[at].state = "done" if self._all[at].lines else "skipped"
                self._all[at].trouble = ""
                self._go_on()
            elif button == "next":
                self._next = True
            else:
                self._stop = True

    def key(self, name: str, now: float) -> None:
        """A key was pressed at the wall, ``name`` as SDL has it; "closed" is the window.  ``now``: seconds."""
        with self._lock:
            if name == "closed":
                self._stop = self._over = True
                return
            if now < self._quiet:
                return
            running, at = self._running, self._at
            stage = None if at is None else self._all[at].stage.name
            buttons = () if at is None else self._buttons(at)
        wanted: str | None = None
        if name in {"return", "enter", "[enter]", "keypad enter"}:
            wanted = next((each for each in ("begin", "again", "next") if each in buttons), None)
            wanted = "end" if stage is None else wanted
        elif name == "s" and "skip" in buttons:
            wanted = "skip"
        elif name == "escape":
            wanted = "stop" if running else "end"
        if wanted is not None:
            try:
                self.press(wanted, None if wanted == "end" else stage)
            except NotNow:
                pass  # the page was quicker

    @property
    def over(self) -> bool:
        return self._over

    # -- for whoever does the work -----------------------------------------------------------------------------------

    def take(self) -> Stage | None:
        """The stage that is to be begun now, which is then at work; None while there is none."""
        with self._lock:
            if self._wish is None or self._over:
                return None
            standing = self._all[self._wish]
            self._wish = None
            self._running, self._stop, self._next = True, False, False
            self._sentence, self._done, self._new = "opening the camera", 0.0, []
            if standing.stage.parts:
                self._sentence = "opening the wall"
            standing.state, standing.trouble = "running", ""
            return standing.stage

    def attend(self) -> None:
        """Raises Stopped when somebody pressed Stop, or Next in a stage of several parts."""
        with self._lock:
            if self._stop or self._next:
                self._next = False
                raise Stopped

    def step(self, sentence: str, done: float) -> None:
        """What happens now, and the share of the stage, 0..1, that is done."""
        with self._lock:
            self._sentence, self._done = sentence, min(1.0, max(0.0, done))

    def told(self, line: str) -> None:
        """One line of what came of it."""
        with self._lock:
            self._new.append(line)

    def finish(self, outcome: Literal["done", "refused", "stopped"], trouble: str, now: float) -> None:
        """The stage at work ended, at ``now`` seconds.  ``trouble``: why it is not done, one line.

        What came of it before stays, since nothing that was kept is touched by a stage that was not done.
        """
        with self._lock:
            standing = self._all[self._at or 0]
            standing.state, standing.trouble = outcome, trouble
            self._running = self._stop = self._next = False
            self._sentence, self._done, self._quiet = "", 0.0, now + LATE
            if outcome == "done":
                standing.lines = tuple(self._new)
                self._go_on()

    # ----------------------------------------------------------------------------------------------------------------

    @property
    def _phase(self) -> Phase:
        if self._over:
            return "over"
        return "running" if self._running else "waiting" if self._at is not None else "finished"

    def _state(self, at: int) -> State:
        state = self._all[at].state
        return "waiting" if state == "ahead" and at == self._at else state

    def _buttons(self, at: int) -> tuple[str, ...]:
        standing = self._all[at]
        if self._over or self._wish is not None:
            return ()
        if self._running:
            if standing.state != "running":
                return ()
            return ("next", "stop") if standing.stage.parts else ("stop",)
        again = "begin" if standing.state in {"ahead", "skipped"} else "again"
        if at == self._at:
            return (again, "skip")
        return (again,) if standing.state != "ahead" else ()

    def _go_on(self) -> None:
        """To the first stage that is neither done nor skipped."""
        rest = [at for at, each in enumerate(self._all) if each.state not in {"done", "skipped"}]
        self._at = rest[0] if rest else None

    def _end(self) -> None:
        if self._running or self._wish is not None:
            raise NotNow("a stage is at work: stop it first")
        self._over = True


def stages_of(commands: Collection[str]) -> tuple[Stage, ...]:
    """The stages of those commands that there are."""
    return tuple(stage for stage in STAGES if stage.name in commands)


def summary(view: View) -> list[str]:
    """What came of each stage, a line each."""
    lines = []
    for row in view.rows:
        came = "; ".join(row.lines) if row.lines else ""
        said = {"ahead": "not begun", "waiting": "not begun", "skipped": "skipped", "done": came or "done"}
        line = said.get(row.state, row.trouble or row.state)
        lines.append(f"{row.stage.title}: {line}{f'; before: {came}' if came and row.state != 'done' else ''}")
    return lines
