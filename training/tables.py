"""A measurement as tables for a terminal."""

from typing import Any

from rich.console import Console
from rich.table import Table

from training.reference import LEVELS
from training.transfer import MOST

ENOUGH = 0.6  # of what 40 true steps reach: the least a leap that ships should come to


def show(console: Console, measured: dict[str, Any]) -> None:
    """Print every part that ``measured`` has."""
    for part, table in (
        ("search", _search), ("transfer", _transfer), ("judge", _judge), ("own", _own), ("stamina", _stamina),
        ("cost", _cost),
    ):  # fmt: skip
        found = measured.get(part)
        if isinstance(found, str):
            console.print(f"{part}: {found}")
        elif found:
            console.print(table(found))


def _table(title: str, *columns: str) -> Table:
    table = Table(title=title, title_justify="left")
    for k, column in enumerate(columns):
        table.add_column(column, justify="right" if k else "left")
    return table


def _search(found: list[dict[str, Any]]) -> Table:
    table = _table(f"Schedules for {MOST} calls, on 4 photographs at 2 taps", "schedule", "share of the rise")
    for row in found:
        table.add_row(row["schedule"], f"{row['rise']:.0%}")
    return table


def _transfer(found: dict[str, Any]) -> Table:
    table = _table(
        f"Transfer: what the teacher sees at equal strength, within {MOST} calls and after 40 true steps",
        "tap", "undreamed", "leap", "calls", "40 steps", "of the value", "of the rise", "",
    )  # fmt: skip
    for tap, row in found.items():
        reached, seen = row["reached"], row["leap"]["objective"]
        table.add_row(
            tap,
            f"{seen[0]:.3g}",
            f"{seen[reached['calls']]:.3g}",
            str(reached["calls"]),
            f"{max(row['true']['objective'].items())[1]:.3g}",
            f"{reached['value']:.0%}",
            f"{reached['rise']:.0%}",
            "" if reached["value"] >= ENOUGH else f"below {ENOUGH:.0%}",
        )
    return table


def _judge(found: dict[str, Any]) -> Table:
    layers = list(next(iter(found.values())))
    table = _table("Second judge: what it sees, 1 for undreamed (leap / true)", "tap", *layers)
    for tap, row in found.items():
        table.add_row(tap, *(f"{row[layer]['leap']:.2f} / {row[layer]['true']:.2f}" for layer in layers))
    return table


def _own(found: dict[str, Any]) -> Table:
    measures = {
        "alike": "alike in place",
        "alike_shifted": "alike where it fits",
        "alike_by_chance": "alike by chance",
        "goes_along": "goes along, 16 px",
        "own_channels": "own channels rise",
    }
    table = _table("Own dream (leap / true)", "tap", *measures.values())
    for tap, row in found.items():
        # A card of before has not all of them.
        cells = [[row[kind].get(name) for kind in ("leap", "true")] for name in measures]
        table.add_row(tap, *(" / ".join("-" if x is None else f"{x:.3f}" for x in cell) for cell in cells))
    return table


def _stamina(found: dict[str, Any]) -> Table:
    table = _table(
        "Stamina: the farthest from the mean after the first hundred frames",
        "scene", "mixture", "RMS", "objective", "colour", "change, levels", "renewed", "",
    )  # fmt: skip
    for scene, mixtures in found.items():
        for mixture, row in mixtures.items():
            v = row["verdict"]
            numbers = [f"{v[name]:.0%}" for name in ("rms", "objective", "colour")]
            change = f"{v['change'] * LEVELS:.2f}"
            table.add_row(scene, mixture, *numbers, change, f"{v['renewed']:.0%}", "; ".join(v["fails"]) or "holds")
    return table


def _cost(found: dict[str, Any]) -> Table:
    sizes = list(found["gflop"])
    title = f"Cost: {found['parameters'] / 1e6:.2f} M parameters, {found['bytes'] / 1e6:.2f} MB"
    table = _table(title, "a call", *sizes)
    table.add_row("GFLOP", *(f"{found['gflop'][size]:.2f}" for size in sizes))
    for kind, row in found["ms"].items():
        table.add_row(f"ms, {kind}", *(f"{row[size]:.1f}" for size in sizes))
    return table
