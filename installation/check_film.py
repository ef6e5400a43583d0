"""``dreamwall check-film``: a film measured against the published limits for flashing pictures."""

import json
from argparse import ArgumentParser, ArgumentTypeError, Namespace
from collections.abc import Callable
from math import inf
from pathlib import Path
from typing import TYPE_CHECKING

from installation.errors import SettingsError

if TYPE_CHECKING:
    from calibration.flashes import Analyser, Verdict

WITHIN, OVER = 0, 1  # exit codes; 2, as of every command, is for what cannot be read
WIDEST = 132  # letters, where the output is no terminal that could tell
COLOURS = {"within": "green", "warning": "yellow", "over": "bold red"}


def declare(to: ArgumentParser) -> None:
    """The command's arguments."""
    to.add_argument("film", type=Path, metavar="FILE", help="the film: .mp4, .mkv, .mov …")
    to.add_argument(
        "--geometry",
        nargs=2,
        type=_metres,
        metavar=("METRES", "WIDTH"),
        help="how far the nearest viewer stands and how wide the picture is, in metres: adds the rule of the 10 degree "
        "field, which is much stricter for large pictures seen from nearby",
    )
    to.add_argument("--plot", type=Path, metavar="PNG", help="draw flashes over time, and where they were")
    to.add_argument("--json", action="store_true", help="for scripts, every finding; the exit code stays the same")


def check_film(options: Namespace, say: Callable[[str], None]) -> int:
    """Measure the film and print the verdict; returns the exit code, 0 within the limits and 1 over them.

    ``options``: as `declare` has them.  Raises a DreamwallError, one line, when the film cannot be read or the plot not
    be written, which is asked before the film is read.
    """
    if options.plot is not None:
        _check_writable(options.plot)
    analyser = measured(options.film, options.geometry)
    verdict = analyser.verdict()
    if options.json:
        print(json.dumps({"film": str(options.film)} | verdict.as_dict(), indent=2))
    else:
        _show(options.film, verdict)
    if options.plot is not None:
        _write(options.plot, analyser)
        say(f"{options.plot}: transitions a second over time, and where they were")
    return OVER if verdict.over else WITHIN


def measured(film: Path, geometry: "tuple[float, float] | list[float] | None" = None) -> "Analyser":
    """Everything in ``film`` seen by an analyser; ``geometry``: (metres to the viewer, metres of width)."""
    import cv2
    import numpy as np
    from tqdm import tqdm

    from calibration.flashes import Analyser, Geometry
    from installation.sources.clip import Clip

    seen = None if geometry is None else Geometry(*geometry)
    with Clip(film, loop=False) as clip, tqdm(desc="measuring", unit=" pictures", disable=None, leave=False) as bar:
        analyser: Analyser | None = None
        while (frame := clip.read()) is not None:
            analyser = analyser or Analyser(frame.size, seen)
            pixels = frame.pixels
            if frame.size != analyser.size:  # a film may change its size on the way; its player stretches it too
                pixels = np.asarray(cv2.resize(pixels, analyser.size, interpolation=cv2.INTER_AREA), np.uint8)
            analyser.see(pixels, frame.time)
            bar.update()
    if analyser is None:  # a clip that ends had a picture, but who reads this need not know
        raise SettingsError(f"{film} holds no picture")
    return analyser


def _show(film: Path, verdict: "Verdict") -> None:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    from calibration.flash_verdict import NOTE, clock, lines

    console = Console(highlight=False)
    if not console.is_terminal:
        console = Console(highlight=False, width=WIDEST)
    table = Table(box=None, header_style="bold", pad_edge=False)
    for name in ("", "rule", "over", "worst", "limit", "up to"):
        table.add_column(name, justify="right" if name in {"worst", "limit", "up to"} else "left")
    for finding in verdict.findings:
        if finding.state == "within" and finding.time is None:
            continue  # nothing of the kind
        share = finding.unit == "share"
        table.add_row(
            Text(finding.state, COLOURS[finding.state]),
            finding.kind if share else f"{finding.kind}, {finding.unit} in {finding.rule}",
            finding.area,
            f"{finding.worst:.0%}" if share else f"{finding.worst:.3g}",
            f"{finding.limit:.0%}" if share else f"{finding.limit:g}",
            "" if finding.time is None else clock(finding.time),
        )
    width, height = verdict.size
    console.print(f"{film}: {verdict.pictures} pictures of {width}x{height}, {clock(verdict.seconds)}", markup=False)
    if table.row_count:
        console.print(table)
    for line in lines(verdict):
        console.print(line, style=COLOURS[line.partition(":")[0]], markup=False, soft_wrap=True)
    headline = "over" if verdict.over else "within"
    console.print(f"{headline} the published limits", style=COLOURS[verdict.state])
    console.print(NOTE, style="dim")


def _check_writable(plot: Path) -> None:
    """Before minutes of measuring: a file that could not be written is refused."""
    if plot.suffix.lower() != ".png":
        raise SettingsError(f"--plot: {plot} is written as a PNG; give it a name that ends in .png")
    try:
        there = plot.exists()
        plot.open("ab").close()
        if not there:
            plot.unlink()
    except OSError as error:
        raise SettingsError(f"--plot: {plot} cannot be written: {error.strerror}") from error


def _write(plot: Path, analyser: "Analyser") -> None:
    import cv2

    _, encoded = cv2.imencode(".png", cv2.cvtColor(analyser.plot(), cv2.COLOR_RGB2BGR))
    try:
        plot.write_bytes(encoded.tobytes())
    except OSError as error:
        raise SettingsError(f"--plot: {plot} cannot be written: {error.strerror}") from error


def _metres(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not 0 < value < inf:
        raise ArgumentTypeError(f"{text!r} is not a number of metres above 0")
    return value
