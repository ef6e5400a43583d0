"""The figures: how the show is doing, in words for a person.

Known vitals come first, in the order an operator asks for them; whatever else the vitals say follows under its own
name, so that a new figure needs nothing here.
"""

from collections.abc import Mapping, Sequence
from typing import Any

RATE = "_fps"  # vitals that end so are rates: camera, dream, screen
FIRST = ("source", "network", "layers", "engine", "screen", "guard", "program", "latency_refreshes", "ages", "drops")
ELSEWHERE = {"events", "size", "steps", "refreshes", "uptime_s", "events_total"}  # said otherwise, or not for people
NAMES = {"latency_refreshes": "latency", "drops": "dropped", "worker_restarts": "dream restarts"}
EVENTS = 8  # the last of them


def rates(vitals: Mapping[str, Any]) -> list[dict[str, Any]]:
    """What happens so many times a second."""
    return [
        {"name": name.removesuffix(RATE), "per_second": round(float(value), 1)}
        for name, value in vitals.items()
        if name.endswith(RATE) and isinstance(value, int | float)
    ]


def lines(vitals: Mapping[str, Any], temperatures: Mapping[str, float], more: Sequence[str]) -> list[list[str]]:
    """Label and value of everything an operator asks about.

    ``more``: lines of others, label and value with a tab between; ``temperatures``: degrees Celsius by sensor.
    """
    rows = [_row(name, vitals[name], vitals) for name in FIRST if name in vitals]
    rows += [line.split("\t", 1) if "\t" in line else ["", line] for line in more if line.strip()]
    if temperatures:
        rows.append(["temperature", ", ".join(f"{name} {degrees:.0f} °C" for name, degrees in temperatures.items())])
    rest = (name for name in vitals if name not in FIRST and name not in ELSEWHERE and not name.endswith(RATE))
    rows += [_row(name, vitals[name], vitals) for name in rest if name != "temperatures"]
    if isinstance(vitals.get("uptime_s"), int | float):
        rows.append(["running for", lasting(vitals["uptime_s"])])
    return [row for row in rows if row[1]]


def events(vitals: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The last events, newest first: how many seconds ago, what, and how often running."""
    now = vitals.get("uptime_s")
    told = [event for event in vitals.get("events") or [] if isinstance(event, Mapping)][-EVENTS:]

    def ago(event: Mapping[str, Any]) -> float | None:
        return round(max(0.0, now - event["time"]), 1) if isinstance(now, int | float) and "time" in event else None

    return [
        {"ago_s": ago(event), "what": str(event.get("what", "")), "count": event.get("count", 1)}
        for event in reversed(told)
    ]


def lasting(seconds: float) -> str:
    """A length of time as a person says it: 41 s, 12 min, 3 h 5 min, 9 d 4 h."""
    minutes, hours, days = int(seconds // 60), int(seconds // 3600), int(seconds // 86400)
    if minutes == 0:
        return f"{seconds:.0f} s"
    if hours == 0:
        return f"{minutes} min"
    return f"{hours} h {minutes % 60} min" if days == 0 else f"{days} d {hours % 24} h"


def _row(name: str, value: Any, vitals: Mapping[str, Any]) -> list[str]:
    label = NAMES.get(name, name.removesuffix("_s").replace("_", " "))
    if name == "network":
        return [label, _network(value, vitals)]
    if name == "latency_refreshes":
        return [label, "" if value is None else f"{value} refresh{'' if value == 1 else 'es'} from camera to screen"]
    if name in {"engine", "layers"} and value is None:
        return [label, "starting" if name == "engine" else ""]
    if name.endswith("_s") or name == "ages":
        return [label, _words(value, " s")]
    return [label, _words(value)]


def _network(value: Any, vitals: Mapping[str, Any]) -> str:
    """What dreams, how large, how often a frame: leap, 320x240, 2 steps."""
    size, steps = vitals.get("size"), vitals.get("steps")
    parts = [str(value) if value else "loading"]
    if isinstance(size, list | tuple) and len(size) == 2:
        parts.append(f"{size[0]}x{size[1]}")
    if steps:
        parts.append(f"{steps} step{'' if steps == 1 else 's'}")
    return ", ".join(parts)


def _words(value: Any, unit: str = "") -> str:
    if value is None:
        return ""
    if isinstance(value, Mapping):
        return ", ".join(f"{name} {words}" for name, inner in value.items() if (words := _words(inner, unit)))
    if isinstance(value, list | tuple):
        return ", ".join(words for inner in value if (words := _words(inner, unit)))
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:.1f}{unit}"
    return f"{value}{unit}"
