"""Actions: everything a hand can do, by name.  Keys, MIDI maps and the page are only bindings to these.

Every knob and every switch is an action by its own name; the others stand in `OTHERS`.  An action is written as it
is bound: ``intensity``, ``blackout``, ``flip blackout``, ``program 3``, ``layer 2``.
"""

import re
from dataclasses import dataclass

from installation.errors import SettingsError
from installation.knobs import KNOBS, SWITCHES


@dataclass(frozen=True, slots=True)
class Action:
    """One thing a hand can do.

    ``kind``: ``knob`` takes a value in its unit, ``switch`` 1 or 0, ``trigger`` acts when pressed, ``numbered`` is a
    trigger that needs a number after its name.  ``kiosk``: allowed where nobody is in charge.
    """

    name: str
    kind: str
    help: str
    kiosk: bool = True


OTHERS = (
    Action("program", "numbered", "recall a program, with its own fade"),
    Action("store", "numbered", "store the look as it stands as this program", kiosk=False),
    Action("next program", "trigger", "the next program"),
    Action("previous program", "trigger", "the program before"),
    Action("layer", "numbered", "go to this stop of the layer knob, counted from 1, brush strokes first"),
    Action("cycle", "switch", "programs take turns by themselves"),
    Action("panic", "trigger", "every knob back to where the show began, every switch off, the turns ended"),
    Action("snapshot", "trigger", "keep the picture as a PNG with every setting inside", kiosk=False),
    Action("record", "switch", "record what is shown to a film", kiosk=False),
)


ACTIONS: dict[str, Action] = {
    **{name: Action(name, "knob", knob.help) for name, knob in KNOBS.items()},
    **{name: Action(name, "switch", text) for name, text in SWITCHES.items()},
    **{action.name: action for action in OTHERS if action.kind != "numbered"},
}
NUMBERED: dict[str, Action] = {action.name: action for action in OTHERS if action.kind == "numbered"}


def action_of(text: str) -> tuple[Action, int | None]:
    """The action that is written as ``text``, and its number where it has one.  ``flip X`` is action X.

    Raises SettingsError, saying what there is.
    """
    words = " ".join(text.split())
    found = ACTIONS.get(words) or ACTIONS.get(words.removeprefix("flip "))
    if found is not None and (words == found.name or found.kind == "switch"):
        return found, None
    match = re.fullmatch(r"(\w+) (\d{1,3})", words)
    if match is not None and match[1] in NUMBERED and int(match[2]) >= 1:
        return NUMBERED[match[1]], int(match[2])
    there = ", ".join([*ACTIONS, *(f"{name} NUMBER" for name in NUMBERED), "flip SWITCH"])
    raise SettingsError(f"there is no action {text!r}; there are {there}")
