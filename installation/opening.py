"""What the live show and the rehearsal open alike: the desk with its programs, and who turns them by themselves."""

from collections.abc import Callable
from typing import Any

from calibration.thresholds import USUAL, Thresholds
from installation.board import Board
from installation.clock import Clock
from installation.control.director import Director
from installation.desk import Desk
from installation.knobs import KNOBS, SWITCHES
from installation.programs import Programs
from installation.settings import Settings
from installation.show import Witness
from installation.stages.presence import Presence
from installation.stages.standing import Standing
from installation.vitals import Vitals


def open_desk(settings: Settings, event: Callable[[str], None]) -> Desk:
    """The board as the settings say, the programs, and the one to begin with already on.

    Raises SettingsError for a broken file of programs or a program that is not there.
    """
    programs = Programs.load(settings.programs)
    begin = (settings.knobs, settings.mix)
    desk = Desk(Board(**settings.knobs), programs, *begin, kiosk=settings.kiosk, event=event)
    if settings.program is not None:
        desk.recall(programs.find(settings.program), fade=0.0)
    return desk


def open_director(
    settings: Settings,
    clock: Clock,
    event: Callable[[str], None],
    camera_there: Callable[[], bool] = lambda: True,
    thresholds: Thresholds = USUAL,
) -> tuple[Director, list[Witness]]:
    """Who lets programs take turns, and what it watches the room and the picture with: in kiosk mode only.

    ``thresholds``: learned of this room, where they were.
    """
    presence = Presence(camera_there, thresholds) if settings.kiosk else None
    standing = Standing() if settings.kiosk else None
    director = Director(
        clock,
        hold=settings.hold,
        fade=settings.fade,
        shuffle=settings.shuffle,
        seed=settings.seed,
        alone=settings.alone,
        presence=presence,
        standing=standing,
        event=event,
        still=settings.still,
    )
    return director, [watcher.see for watcher in (presence, standing) if watcher is not None]


def desk_figures(desk: Desk) -> dict[str, Any]:
    """For the report: which programs came when, and the most that a knob moved between two refreshes.

    ``largest_step``: of each knob that moved as a share of its range, of each layer that programs mix in as a weight.
    """
    return {
        "programs": [
            {"time": round(r.time, 3), "number": r.number, "name": r.name, "fade": r.fade} for r in desk.recalls
        ],
        "largest_step": {name: round(step, 4) for name, step in sorted(desk.board.largest_step.items())},
    }


def state_of(settings: Settings, desk: Desk, vitals: Vitals) -> dict[str, Any]:
    """Everything that makes the picture what it is, for a snapshot of it."""
    look, program = desk.board.last, desk.programs.get(desk.program or 0)
    return {
        "settings": settings.model_dump(mode="json"),
        "look": {name: getattr(look, name) for name in (*KNOBS, *SWITCHES)},
        "heading": {name: desk.board.standing(name) for name in KNOBS},
        "layers": dict(look.mixture),
        "program": None if program is None else {"number": desk.program, "name": program.name},
        "taken": dict(vitals.facts),
        "refreshes": vitals.refreshes,
    }
