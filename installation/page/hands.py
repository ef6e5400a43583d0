"""What a hand can do through the page: which controls there are, how they stand, and whether something asked for fits.

Everything is read from the declarations (`installation.knobs`, `installation.actions`) and from the desk; the browser
knows no knob by name.
"""

import math
import zlib
from typing import Any

from installation.actions import ACTIONS, NUMBERED, action_of
from installation.desk import Desk
from installation.errors import SettingsError
from installation.knobs import KNOBS
from installation.page.wire import Refusal
from installation.programs import MOST

GROUPS = (
    ("", ("intensity", "layer")),  # first, and large
    ("dream", ("octaves", "step", "linger")),
    ("of what", ("eyes", "fur", "feathers", "wheels", "arches", "scripts")),
    ("movement", ("zoom", "rotation")),
    ("picture", ("camera", "hue", "saturation", "brightness")),
)
REST = "more"  # a knob that no group names stands there, so none can be forgotten
ON_OFF = (0, 1)  # the values of everything but a knob


def groups() -> list[dict[str, Any]]:
    """The knobs by what they turn, every knob once."""
    named = {name for _, names in GROUPS for name in names}
    rows = [(title, [name for name in names if name in KNOBS]) for title, names in GROUPS]
    rows.append((REST, [name for name in KNOBS if name not in named]))
    return [{"name": title, "knobs": names} for title, names in rows if names]


def digits(low: float, high: float) -> int:
    """Decimals that a person reads of a knob with this range."""
    return 0 if high - low >= 50 else 2 if high - low <= 2 else 1


def numbers(desk: Desk, name: str) -> int:
    """How far a numbered action counts, from 1."""
    programs = min(MOST, len(desk.programs))
    return {"program": programs, "store": min(MOST, programs + 1), "layer": desk.stops}.get(name, MOST)


def controls(desk: Desk | None) -> dict[str, Any]:
    """Every control that works here, as the page builds itself from it."""
    if desk is None:
        return {"kiosk": False, "revision": "", "groups": [], "knobs": [], "actions": [], "programs": []}
    return {
        "kiosk": desk.kiosk,
        "revision": revision(desk),
        "groups": groups(),
        "knobs": [
            {
                "name": name,
                "low": knob.low,
                "high": knob.high,
                "begin": desk.begin.get(name, knob.default),
                "unit": knob.unit,
                "digits": digits(knob.low, knob.high),
                "cc": knob.cc,
                "help": knob.help,
            }
            for name, knob in KNOBS.items()
        ],
        "actions": [
            {"name": action.name, "kind": action.kind, "help": action.help}
            | ({"numbers": numbers(desk, action.name)} if action.kind == "numbered" else {})
            for action in (*ACTIONS.values(), *NUMBERED.values())
            if action.kind != "knob" and (action.kiosk or not desk.kiosk)
        ],
        "programs": [{"number": n, "name": row.name} for n, row in enumerate(list(desk.programs.rows), 1)],
    }


def state(desk: Desk | None) -> dict[str, Any]:
    """How the controls stand at this moment.

    ``knobs``: for each where it is heading and where it is, in its unit.  ``revision`` changes when `controls` does.
    """
    if desk is None:
        return {"knobs": {}, "switches": {}, "program": None, "learning": None, "revision": ""}
    look = desk.board.last
    return {
        "knobs": {name: [round(desk.board.standing(name), 4), round(getattr(look, name), 4)] for name in KNOBS},
        "switches": {name: desk.is_on(name) for name, action in ACTIONS.items() if action.kind == "switch"},
        "program": desk.program,
        "learning": desk.learning,
        "revision": revision(desk),
    }


def revision(desk: Desk) -> str:
    """A word that changes when there are other controls: a program was stored, the network is known."""
    rows = [row.name for row in list(desk.programs.rows)]
    return f"{zlib.crc32(repr((desk.kiosk, desk.stops, desk.begin, rows)).encode()):08x}"


def possible(desk: Desk) -> dict[str, str]:
    """Every action as it may be asked for here, and its kind."""
    there = {action.name: action.kind for action in ACTIONS.values() if action.kiosk or not desk.kiosk}
    there |= {f"flip {name}": "trigger" for name, kind in list(there.items()) if kind == "switch"}
    for name, action in NUMBERED.items():
        if action.kiosk or not desk.kiosk:
            there |= {f"{name} {number}": "trigger" for number in range(1, numbers(desk, name) + 1)}
    return there


def asked(desk: Desk, body: Any) -> tuple[str, float]:
    """The action and the value in ``body``, both as they may be.  Raises Refusal: 403 in kiosk mode, 422."""
    if not isinstance(body, dict) or not set(body) <= {"action", "value"} or not isinstance(body.get("action"), str):
        raise Refusal(422, 'send {"action": NAME, "value": NUMBER}; a trigger needs no value')
    action, value = body["action"], body.get("value", 1)
    kind = possible(desk).get(action)
    if kind is None:
        raise _refused(desk, action)
    if isinstance(value, bool) or not isinstance(value, int | float) or not _finite(value):
        raise Refusal(422, f"the value of {action} is a number")
    if kind == "knob":
        knob = KNOBS[action]
        if "value" not in body:
            raise Refusal(422, f"{action} needs a value from {knob.low:g} to {knob.high:g} {knob.unit}".rstrip())
        if not knob.low <= value <= knob.high:
            raise Refusal(422, f"{action} goes from {knob.low:g} to {knob.high:g} {knob.unit}".rstrip())
    elif value not in ON_OFF:
        raise Refusal(422, f"the value of {action} is 1 or 0")
    return action, float(value)


def _finite(value: float) -> bool:
    try:
        return math.isfinite(value)
    except OverflowError:  # a whole number of hundreds of digits
        return False


def _refused(desk: Desk, text: str) -> Refusal:
    short = text if len(text) <= 40 else text[:39] + "…"
    try:
        action, number = action_of(text)
    except SettingsError:
        return Refusal(422, f"there is no action {short!r}; /controls.json has them all")
    if desk.kiosk and not action.kiosk:
        return Refusal(403, f"{action.name} is not done in kiosk mode: nothing is kept there")
    if number is not None:
        return Refusal(422, f"there is no {action.name} {number}; there are {numbers(desk, action.name)}")
    return Refusal(422, f"there is no action {short!r}, but {' '.join(text.split())!r}")
