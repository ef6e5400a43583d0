"""Measure a leap: `python -m training.measure --leap FILE --teacher PATH --photos DIR` (see --help).

Prints what the model card claims, writes it as `measured.json` with two plots, and with `--write` puts it into the
card in the file's metadata.  Whatever is claimed of a leap anywhere was measured by this.
"""

import argparse
import json
import sys
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from rich.console import Console
from rich.progress import track

from models.ascent.eager import best_device, native_dtype
from models.leap import Leap, save
from models.network import Network
from models.weights import NetworkError, cache_dir, load_network
from training import plots, tables
from training.cost import cost
from training.own import goes_along, likeness, own_channels
from training.photographs import Photograph, photographs
from training.reference import References
from training.stamina import FRAMES, Mark, clip, endure, how_many, least, loops, verdict
from training.transfer import BEST, Leapt, search, second_judge, transfer

PARTS = ("transfer", "judge", "own", "stamina", "cost")


def arguments(given: Sequence[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m training.measure", description="Measure a leap.")
    parser.add_argument("--leap", type=Path, required=True, help="the leap's file")
    parser.add_argument("--teacher", type=Path, required=True, help="Inception-v3 weights, those it was taught by")
    parser.add_argument("--photos", type=Path, required=True, help="folder of photographs it was never trained on")
    parser.add_argument("--judge", type=Path, help="weights of a network it was not taught by: GoogLeNet")
    parser.add_argument("--clip", type=Path, help="film for the long run, beside the still")
    parser.add_argument("--out", type=Path, help="folder for measured.json and the plots (default: beside the leap)")
    parser.add_argument("--cache", type=Path, help="where true dreams are kept (default: in Dreamwall's cache folder)")
    parser.add_argument("--write", action="store_true", help="put the figures into the file's model card")
    parser.add_argument("--search", action="store_true", help="first find the schedule that serves this leap best")
    parser.add_argument("--only", help="taps to measure again, but for the long run; the card keeps the others")
    parser.add_argument("--taps", help="mixtures for the long run: Mixed_5b,Conv2d_4a_3x3+Mixed_6b (default: four)")
    parser.add_argument("--frames", type=int, default=FRAMES, help=f"of the long run (default: {FRAMES})")
    parser.add_argument("--most", type=int, help="photographs, for a quick look")
    parser.add_argument("--parts", default=",".join(PARTS), help=f"for a quick look, some of {','.join(PARTS)}")
    args = parser.parse_args(given)
    args.parts = args.parts.split(",")
    args.only = args.only.split(",") if args.only else []
    if unknown := set(args.parts) - set(PARTS):
        parser.error(f"--parts: there is no {', '.join(sorted(unknown))}; there are {', '.join(PARTS)}")
    if args.write and (args.most or set(args.parts) != set(PARTS)):
        parser.error("--write needs every part on all photographs: leave out --most and --parts")
    return args


def own(leapt: Leapt, references: References, photos: Sequence[Photograph]) -> dict[str, Any]:
    """For each tap, the measures of `training.own`, for the leap and for true ascent; None: no telling."""
    report: dict[str, Any] = {}
    pictures = [photo.picture for photo in photos]
    for tap in track(leapt.leap.layers, "own dream"):
        report[tap] = {}
        for kind, dreams in (("leap", leapt), ("true", references)):
            residuals = [dreams.dream(picture, tap) for picture in pictures]
            here, fitting, chance = likeness(residuals) if len(residuals) > 1 else (None, None, None)
            shiftable = any(photo.further is not None for photo in photos)
            report[tap][kind] = {
                "alike": here,
                "alike_shifted": fitting,
                "alike_by_chance": chance,
                "goes_along": goes_along(dreams, photos, tap) if shiftable else None,
                "own_channels": own_channels(references.teacher, pictures, residuals, tap),
            }
    return report


def mixtures(text: str | None, layers: Sequence[str]) -> dict[str, dict[str, float]]:
    """Mixtures for the long run by their names; without any, the shallowest tap, a middle one, the deepest, and both.

    Raises SystemExit for a tap that the leap does not have.
    """
    ends = layers[0], layers[-1]
    usual = ",".join([layers[0], layers[len(layers) // 2], layers[-1], "+".join(ends)])
    found = {name: {tap.strip(): 1.0 for tap in name.split("+")} for name in (text or usual).split(",")}
    if unknown := {tap for mixture in found.values() for tap in mixture} - set(layers):
        raise SystemExit(f"--taps: this leap has no {', '.join(sorted(unknown))}; it has {', '.join(layers)}")
    return found


def stamina(
    leap: Leap, teacher: Network, scenes: dict[str, list[torch.Tensor]], mixed: dict[str, dict[str, float]], frames: int
) -> tuple[dict[str, Any], dict[str, dict[str, list[Mark]]]]:
    """Verdicts and marks for the report, and the loops for the plot: by scene and mixture."""
    report: dict[str, Any] = {}
    drawn: dict[str, dict[str, list[Mark]]] = {}
    for scene, pictures in scenes.items():
        report[scene], drawn[scene] = {}, {}
        for name, weights in mixed.items():
            marks: list[Mark] = []
            run = endure(leap, teacher, pictures, weights, frames)
            marks.extend(track(run, f"stamina, {scene}, {name}", total=how_many(frames, len(pictures))))
            found = asdict(verdict(marks, len(pictures)))
            report[scene][name] = {"verdict": found, "marks": [asdict(mark) for mark in marks]}
            drawn[scene][name] = loops(marks, len(pictures))
    return report, drawn


def known(leap: Leap, part: str, only: Sequence[str]) -> dict[str, Any]:
    """What the card says of ``part`` at the taps that are not to be measured again; nothing where all are."""
    said = leap.card.get("measured", {}).get(part) if only else None
    if not isinstance(said, dict):  # not measured, or in words why not
        return {}
    return {tap: numbered(row) for tap, row in said.items() if tap not in only}


def numbered(value: Any) -> Any:
    """With numbers for keys again, where JSON has made them into text."""
    if not isinstance(value, dict):
        return value
    return {int(key) if str(key).isdigit() else key: numbered(v) for key, v in value.items()}


def rounded(value: Any) -> Any:
    """Three digits of every number; more would only look exact."""
    if isinstance(value, dict):
        return {key: rounded(v) for key, v in value.items()}
    if isinstance(value, Iterable) and not isinstance(value, str):
        return [rounded(v) for v in value]
    return float(f"{value:.3g}") if isinstance(value, float) else value


def for_the_card(measured: dict[str, Any]) -> dict[str, Any]:
    """The figures without the long run's marks, which are in the plot."""
    scenes = measured["stamina"].items()
    short = {scene: {name: row["verdict"] for name, row in found.items()} for scene, found in scenes}
    return {**measured, "stamina": short}


def measure(args: argparse.Namespace, console: Console) -> dict[str, Any]:
    """All that was asked for; the plots are written on the way.  Raises SystemExit, in one line, for a bad file."""
    device = best_device()
    try:
        leap = Leap.load(args.leap, device, native_dtype(device))
        references = References(load_network(args.teacher), args.teacher, args.cache or cache_dir() / "dreams", device)
        judge = load_network(args.judge).to(device) if args.judge else None
    except (NetworkError, ValueError) as error:
        raise SystemExit(str(error)) from error
    if missing := set(leap.layers) - set(references.teacher.layers):
        raise SystemExit(f"{args.teacher} is not this leap's teacher: it has no {', '.join(sorted(missing))}")
    if unknown := set(args.only) - set(leap.layers):
        raise SystemExit(f"--only: this leap has no {', '.join(sorted(unknown))}; it has {', '.join(leap.layers)}")
    photos, mixed = photographs(args.photos, args.most, device), mixtures(args.taps, leap.layers)
    scenes = {"still": [photos[0].picture]}
    if args.clip:
        scenes[args.clip.stem] = clip(args.clip, device)
    enough = max(least(len(pictures)) for pictures in scenes.values())
    if "stamina" in args.parts and args.frames < enough:
        raise SystemExit(f"--frames {args.frames} are too few to judge the long run; it takes {enough}")
    schedule = BEST
    measured: dict[str, Any] = {"leap": args.leap.name, "runs as": leap.status, "teacher": args.teacher.name}
    measured |= {"photographs": len(photos)}
    if args.search:
        ranked = search(leap, references, photos, track)
        schedule = ranked[0][0]
        measured["search"] = [{"schedule": str(tried), "rise": rise} for tried, rise in ranked]
    measured["schedule"] = str(schedule)
    leapt = Leapt(leap.only(args.only) if args.only else leap, schedule)
    if "transfer" in args.parts:
        found = known(leap, "transfer", args.only) | transfer(leapt, references, photos, track)
        measured["transfer"] = {tap: found[tap] for tap in leap.layers if tap in found}
        plots.plot_transfer(measured["transfer"], args.out / "leap-transfer.png")
    if "judge" in args.parts:
        judged = known(leap, "judge", args.only)
        if judge:
            judged |= second_judge(judge, leapt, references, photos, track)
        measured["judge"] = judged or "not judged: no --judge"
    if "own" in args.parts:
        measured["own"] = known(leap, "own", args.only) | own(leapt, references, photos)
    if "stamina" in args.parts:
        measured["stamina"], drawn = stamina(leap, references.teacher, scenes, mixed, args.frames)
        plots.plot_stamina(drawn, args.out / "leap-stamina.png")
    if "cost" in args.parts:
        measured["cost"] = cost(args.leap, device)
    tables.show(console, measured)
    return measured


def main(given: Sequence[str] | None = None) -> None:
    args = arguments(given)
    console = Console(width=None if sys.stdout.isatty() else 140)  # in a log nothing need be squeezed
    args.out = args.out or args.leap.with_name(f"{args.leap.stem}-measured")
    args.out.mkdir(parents=True, exist_ok=True)
    measured = rounded(measure(args, console))
    (args.out / "measured.json").write_text(json.dumps(measured, indent=1) + "\n", encoding="utf-8")
    console.print(f"written to {args.out}")
    if args.write:  # read once more, so that what is written is float32 rounded to half only once
        leap = Leap.load(args.leap)
        save(leap.net, args.leap, {**leap.card, "measured": for_the_card(measured)})
        console.print(f"put into the card of {args.leap}")


if __name__ == "__main__":
    main()
