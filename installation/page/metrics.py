"""The figures for machines: Prometheus's text format, written by hand, since it is three rules.

A name once with HELP and TYPE before its samples; backslash and line end escaped in help texts, and quotes too in label
values; numbers as Go reads them.  https://prometheus.io/docs/instrumenting/exposition_formats/
"""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from installation.actions import ACTIONS
from installation.desk import Desk
from installation.knobs import KNOBS

MEDIA = "text/plain; version=0.0.4; charset=utf-8"


@dataclass(slots=True)
class Metric:
    """One name; ``kind`` is counter or gauge; ``samples``: value by its labels."""

    name: str
    kind: str
    help: str
    samples: list[tuple[dict[str, str], float]] = field(default_factory=list)

    def add(self, value: Any, **labels: str) -> "Metric":
        """A sample, unless ``value`` is no number."""
        if isinstance(value, int | float):
            self.samples.append((labels, float(value)))
        return self


def exposition(metrics: Iterable[Metric]) -> str:
    """All of them as text; a metric without a sample is left out."""
    out: list[str] = []
    for metric in metrics:
        if metric.samples:
            out.append(f"# HELP {metric.name} {_escaped(metric.help)}")
            out.append(f"# TYPE {metric.name} {metric.kind}")
            out += [f"{metric.name}{_labels(labels)} {_number(value)}" for labels, value in metric.samples]
    return "\n".join(out) + "\n"


def metrics(
    vitals: Mapping[str, Any],
    desk: Desk | None,
    *,
    refreshes: int,
    age: float | None,
    watchers: int,
    temperatures: Mapping[str, float],
) -> list[Metric]:
    """What is known now.  ``age``: seconds since the last refresh; ``refreshes``: of this page."""
    shown = vitals.get("refreshes", refreshes)
    rate = Metric("dreamwall_rate", "gauge", "Times a second over the last few seconds.")
    drops = Metric("dreamwall_drops_total", "counter", "Pictures that a newer one replaced before they were taken.")
    for name, value in vitals.items():
        if name.endswith("_fps"):
            rate.add(value, of=name.removesuffix("_fps"))
    counted = vitals.get("drops")
    for name, value in counted.items() if isinstance(counted, Mapping) else [("all", counted)]:
        drops.add(value, of=str(name))
    ages = Metric("dreamwall_age_seconds", "gauge", "Seconds since the last one.").add(age, of="refresh")
    more = vitals.get("ages")
    for name, value in more.items() if isinstance(more, Mapping) else ():
        if name != "refresh":
            ages.add(value, of=str(name))
    heat = Metric("dreamwall_temperature_celsius", "gauge", "Temperature of a sensor.")
    for name, value in temperatures.items():
        heat.add(value, sensor=name)
    return [
        Metric("dreamwall_refreshes_total", "counter", "Pictures shown on the wall.").add(shown),
        rate,
        ages,
        drops,
        Metric("dreamwall_uptime_seconds", "gauge", "Seconds since the show began.").add(vitals.get("uptime_s")),
        Metric("dreamwall_events_total", "counter", "Events that the operator was told of.").add(
            vitals.get("events_total")
        ),
        Metric("dreamwall_worker_restarts_total", "counter", "Times the dream's process was started anew.").add(
            vitals.get("worker_restarts")
        ),
        Metric("dreamwall_watchers", "gauge", "Browsers that watch the picture on the page.").add(watchers),
        heat,
        *(_of_the_desk(desk) if desk is not None else ()),
    ]


def _of_the_desk(desk: Desk) -> list[Metric]:
    knobs = Metric("dreamwall_knob", "gauge", "Where a knob stands, in its unit.")
    switches = Metric("dreamwall_switch", "gauge", "1 while a switch is on.")
    for name in KNOBS:
        knobs.add(getattr(desk.board.last, name), name=name)
    for name, action in ACTIONS.items():
        if action.kind == "switch":
            switches.add(float(desk.is_on(name)), name=name)
    program = Metric("dreamwall_program", "gauge", "Number of the program, 0 before the first.").add(desk.program or 0)
    return [program, knobs, switches]


def _labels(labels: Mapping[str, str]) -> str:
    inside = ",".join(f'{name}="{_escaped(value, quotes=True)}"' for name, value in labels.items())
    return f"{{{inside}}}" if inside else ""


def _escaped(text: str, *, quotes: bool = False) -> str:
    text = text.replace("\\", "\\\\").replace("\n", "\\n")
    return text.replace('"', '\\"') if quotes else text


def _number(value: float) -> str:
    if math.isnan(value):
        return "NaN"
    if math.isinf(value):
        return "+Inf" if value > 0 else "-Inf"
    return repr(int(value)) if value == int(value) and abs(value) < 1e15 else repr(value)
