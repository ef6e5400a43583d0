"""What the live show and the rehearsal open alike: the desk with its programs, and what is reported of it."""

from collections.abc import Callable
from typing import Any

from installation.board import Board
from installation.desk import Desk
from installation.programs import Programs
from installation.settings import Settings


def open_desk(settings: Settings, event: Callable[[str], None]) -> Desk:
    """The board as the settings say, the programs, and the one to begin with already on.

    Raises SettingsError for a broken file of programs or a program that is not there.
    """
    programs = Programs.load(settings.programs)
    desk = Desk(Board(**settings.knobs), programs, settings.knobs, kiosk=settings.kiosk, event=event)
    if settings.program is not None:
        desk.recall(programs.find(settings.program), fade=0.0)
    return desk


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
