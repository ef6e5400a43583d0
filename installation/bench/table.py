"""What was measured, as a person reads it: on the screen, and as Markdown for a document."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from rich import box
from rich.console import Console
from rich.table import Table

from installation.bench.plan import PUBLISHED
from installation.bench.task import Footnote

Row = Mapping[str, Any]

WIDEST = 132  # letters, where the output is no terminal that could tell
COLUMNS: dict[str, Callable[[Row], str]] = {
    "path": lambda row: str(row["path"]),
    "precision": lambda row: str(row["precision"]),
    "ms/step": lambda row: _number(row["ms_step"]),
    "steps/s": lambda row: _number(row["steps_per_s"]),
    "ms/frame": lambda row: _number(row["ms_frame"]),
    "dream fps": lambda row: _number(row["dream_fps"]),
    "GFLOP/step": lambda row: _number(row["gflop_step"]),
    "matmul GFLOP/s": lambda row: _number(row["matmul_gflops"]),
    "share": lambda row: f"{100 * row['share']:.0f} %",
    "x truncated": lambda row: _number(row["ratio_truncated_fp32"]),
    "x full": lambda row: _number(row["ratio_full_fp32"]),
    "peak MiB": lambda row: _number(row["peak_mb"]),
}
LEGEND = (
    "share: of the rate at which this machine multiplies matrices in the same precision, counting convolutions alone",
    "x truncated: how many times quicker a step is than autograd in float32 NCHW down to the layer, in the same run",
    "x full: the same, beside autograd through the whole network with its parameters' gradients",
)


def show(rows: Sequence[Row], footnotes: Sequence[Footnote], console: Console | None = None) -> None:
    """Print the tables, one a workload, what belongs to all of them, and the footnotes."""
    console = console or Console(highlight=False)
    if not console.is_terminal:
        console = Console(file=console.file, highlight=False, width=WIDEST)
    for about, some in _by_workload(rows).items():
        table = Table(title=about, title_justify="left", box=box.ASCII2 if _plain(console) else box.SIMPLE_HEAD)
        for name in COLUMNS:
            table.add_column(name, justify="left" if name in {"path", "precision"} else "right")
        for row in some:
            table.add_row(*(cell(row) for cell in COLUMNS.values()))
        console.print(table)
    for line in (*_machines(rows), *(LEGEND if rows else ()), *_published(rows), *_grouped(footnotes)):
        console.print(line, markup=False, soft_wrap=not console.is_terminal)


def markdown(rows: Sequence[Row], footnotes: Sequence[Footnote]) -> str:
    """The same for a document."""
    lines = []
    for about, some in _by_workload(rows).items():
        lines += [f"### {about}", "", "| " + " | ".join(COLUMNS) + " |"]
        lines.append("|" + "|".join(" --- " if name in {"path", "precision"} else " ---: " for name in COLUMNS) + "|")
        lines += ["| " + " | ".join(cell(row) for cell in COLUMNS.values()) + " |" for row in some]
        lines.append("")
    told = (*_machines(rows), *(LEGEND if rows else ()), *_published(rows), *_grouped(footnotes))
    return "\n".join([*lines, *(f"- {line}" for line in told)]) + "\n"


def _by_workload(rows: Sequence[Row]) -> Mapping[str, Sequence[Row]]:
    found: dict[str, list[Row]] = {}
    for row in rows:
        found.setdefault(row["workload"], []).append(row)
    return found


def _machines(rows: Sequence[Row]) -> list[str]:
    """Each device with its versions, once."""
    told = []
    for row in rows:
        parts = [str(row["device"])]
        if row["device_type"] == "cpu":
            parts.append(f"{row['threads']} thread{'s' * (row['threads'] != 1)}")
        if row.get("driver"):
            parts.append(f"driver {row['driver']}, CUDA {row['cuda']}, {row['capability']}")
        told.append(", ".join([*parts, f"torch {row['torch']}", f"Python {row['python']}", str(row["system"])]))
    engines = [f"{row['path']}: {row['library']}" for row in rows if row.get("library")]
    builds = [
        f"{row['path']} at {row['width']}x{row['height']}: building its engines took {row['build_s']:.0f} s"
        for row in rows
        if row.get("build_s") is not None
    ]
    return list(dict.fromkeys([*told, *engines, *builds]))


def _published(rows: Sequence[Row]) -> list[str]:
    if not any(row["frame"] == "all octaves" for row in rows):
        return []
    fps = ", ".join(f"{fps:g} fps at {layer}" for layer, fps in PUBLISHED.items())
    return [
        f"published elsewhere (DeepDreamDiffusion, RTX 5070 Ti laptop GPU, 800 px wide, 4 x 2): {fps}",
        "those are of a running program and its height is not stated; these here are of the dream alone",
    ]


def _grouped(footnotes: Sequence[Footnote]) -> list[str]:
    """A line for each reason, with all that it holds for."""
    found: dict[tuple[str, str], list[str]] = {}
    for note in footnotes:
        found.setdefault((note.what, note.why), []).append(note.where)
    lines = []
    for (what, why), places in found.items():
        many = dict.fromkeys(place for place in places if place)
        where = "" if not many else f" ({'; '.join(many)})" if len(many) < 3 else f" ({len(many)} workloads)"
        lines.append(f"not measured: {what}{where}: {why}" if what else f"{why}{where}")
    return lines


def _number(value: float | None) -> str:
    if value is None:
        return "-"
    return f"{value:.3g}" if value < 1000 else f"{value:.0f}"


def _plain(console: Console) -> bool:
    return not console.encoding.lower().startswith("utf")
