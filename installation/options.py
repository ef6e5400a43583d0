"""The command line: options are made from the settings' own declarations, so help, file and checks never differ."""

import argparse
from pathlib import Path
from types import UnionType
from typing import Any, Literal, get_args, get_origin

from annotated_types import Ge, Le
from pydantic.fields import FieldInfo

from installation.calibrate.arguments import declare as _calibrate
from installation.check_film import declare as _check_film
from installation.errors import SettingsError
from installation.knobs import KNOBS
from installation.settings import TABLES, Settings

COMMANDS = (
    "run", "rehearse", "still", "looks", "fetch", "prepare", "bench", "check-film", "calibrate", "devices", "midi",
    "doctor",
)  # fmt: skip
PATHS = ("plain", "full", "eager", "graphed", "tensorrt", "onnx", "leap")  # of the benchmark
PRECISIONS = ("float32", "bfloat16", "float16")
TURNS = ("kiosk", "hold", "fade", "shuffle", "alone", "still")  # settings of who turns the programs

EPILOG = """examples:
  dreamwall                                     the best there is, on the whole display
  dreamwall --source rtsp://10.0.0.7/live       dream on a network camera
  dreamwall --windowed --network inception_v3 --layers Mixed_5b,Mixed_6b
  dreamwall rehearse --source walk.mp4 --out dream.mp4 --report dream.json
  dreamwall still portrait.jpg dream.png --reference
  dreamwall fetch inception_v3                  download a network trained on ImageNet

Keys while it runs: F1 shows them all, Tab how it is doing, Ctrl+Q ends it.
"""


def parser() -> argparse.ArgumentParser:
    """The whole command line."""
    top = argparse.ArgumentParser(
        prog="dreamwall",
        description="A wall that dreams what its camera sees.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    top.add_argument("--version", action="version", version=_version())
    commands = top.add_subparsers(dest="command", metavar="COMMAND")
    run = _command(commands, "run", "the live show (what happens when no command is given)")
    _settings(run, tuple(Settings.model_fields))
    _length(run)
    rehearse = _command(commands, "rehearse", "the same show offline, the same every time; writes a film and a report")
    seen = ("source", "network", "layers", "size", "steps", "mirror", "rotate", "seed", "knobs", "mix")
    _settings(rehearse, (*seen, "programs", "program", *TURNS))
    _length(rehearse)
    rehearse.add_argument("--out", metavar="FILE", help="a film (.mp4, .mkv), or a folder/ for PNG pictures")
    rehearse.add_argument(
        "--snapshot", type=Path, metavar="FILE", help="keep the last picture as a PNG with every setting inside"
    )
    rehearse.add_argument("--fps", type=_positive, default=30.0, help="refreshes a second of the show's clock (30)")
    rehearse.add_argument(
        "--dream-fps", type=_positive, help="dreamed frames a second, as on a slower machine (every frame)"
    )
    rehearse.add_argument(
        "--depth",
        action="store_true",
        help="measure the dream against the reference dream; the source is one photograph",
    )
    still = _command(commands, "still", "dream on one photograph")
    still.add_argument("picture", type=Path, metavar="IN", help="the photograph")
    still.add_argument("out", type=Path, metavar="OUT", help="where the dream goes: .png, .jpg …")
    _from(still)
    _settings(still, ("network", "layers", "size", "steps", "knobs", "mix", "programs", "program"))
    still.add_argument("--frames", type=_count, default=48, help="how long to dream, in frames of the live show (48)")
    still.add_argument(
        "--channels",
        action="append",
        metavar="LAYER:N,…",
        help="only these channels of a layer, LAYER:CHANNEL or LAYER:CHANNEL*WEIGHT, with commas between",
    )
    still.add_argument("--mask", type=Path, metavar="FILE", help="a grey picture: white dreams, black stays as it is")
    still.add_argument(
        "--reference",
        action="store_true",
        help="Google's 2015 notebook, exactly: one layer, 10 iterations at 4 octaves of 1.4, step 1.5, jitter 32",
    )
    _looks(_command(commands, "looks", "draw one sheet of every tap, program and direction, to choose from by eye"))
    fetch = _command(commands, "fetch", "download a network; shows its licence, resumes, checks the sum")
    fetch.add_argument("name", nargs="?", help="which one; without a name they are listed")
    _prepare(_command(commands, "prepare", "build engines before the show, for this machine's card or another's"))
    _bench(_command(commands, "bench", "measure how quickly each engine dreams, and what share of the machine that is"))
    _check_film(_command(commands, "check-film", "measure a film against the published limits for flashing pictures"))
    _calibrate(
        _command(commands, "calibrate", "measure projector, wall, camera and room; each of its own has a --help"),
        _settings,
    )
    _command(commands, "devices", "list cameras with their modes, and displays")
    midi = _command(commands, "midi", "show what MIDI controllers send, and what it does")
    midi.add_argument("--list", action="store_true", help="only list the controllers, and which profile answers each")
    midi.add_argument("--seconds", type=_positive, help="end after this long")
    doctor = _command(commands, "doctor", "look at everything a show needs; says what is missing and what mends it")
    doctor.add_argument("--config", type=Path, metavar="FILE", help="look for what this file asks for")
    _settings(doctor, tuple(Settings.model_fields))
    doctor.add_argument("--json", action="store_true", help="for scripts; the exit code is 1 when something is broken")
    return top


def parse(argv: list[str]) -> argparse.Namespace:
    """Parse ``argv``; without a command it is ``run``."""
    if not argv or (argv[0] not in COMMANDS and argv[0] not in {"-h", "--help", "--version"}):
        argv = ["run", *argv]
    return parser().parse_args(argv)


def given(options: argparse.Namespace) -> dict[str, Any]:
    """The settings that were named on the command line, as `load_settings` takes them."""
    values = {n: v for n, v in vars(options).items() if n in Settings.model_fields and v is not None}
    for table in TABLES:
        if table in values:
            values[table] = dict(_pair(text, TABLES[table]) for text in values[table])
    return values


def _command(commands: Any, name: str, about: str) -> argparse.ArgumentParser:
    made: argparse.ArgumentParser = commands.add_parser(
        name, help=about, description=about[0].upper() + about[1:] + ".", allow_abbrev=False
    )
    return made


def _looks(to: argparse.ArgumentParser) -> None:
    to.add_argument("--picture", type=Path, metavar="FILE", help="the photograph to dream on (otherwise a second sky)")
    to.add_argument(
        "--out", type=Path, default=Path("looks.png"), metavar="FILE", help="the sheet: .png, .jpg … (looks.png)"
    )
    to.add_argument("--frames", type=_count, default=24, help="how long each dreams, in frames of the live show (24)")
    _settings(to, ("network", "layers", "size", "steps", "seed", "knobs", "programs"))


def _prepare(to: argparse.ArgumentParser) -> None:
    to.add_argument(
        "--for",
        dest="targets",
        action="append",
        metavar="sm_89",
        help="another machine's card, by its compute capability; built ahead of time, without a card; again for more",
    )
    to.add_argument(
        "--at", action="append", metavar="LAYER:WxH", help="only the engine for this depth and size; again for more"
    )
    to.add_argument("--aside", action="store_true", help=argparse.SUPPRESS)  # begun by a show, and ends with it
    to.add_argument("--config", type=Path, metavar="FILE", help="build what the show of this file wants")
    _settings(to, ("network", "layers", "size", "camera_size", "engine", "knobs", "mix", "programs"))


def _bench(to: argparse.ArgumentParser) -> None:
    to.add_argument(
        "--network",
        dest="networks",
        action="append",
        metavar="TEXT",
        help="a known name, a file or leap; again for more (the best there is; without one random weights, as quick)",
    )
    to.add_argument("--layers", dest="taps", type=_names, metavar="TEXT", help="with commas between; each is a row")
    to.add_argument(
        "--size",
        dest="sizes",
        action="append",
        type=_width_height,
        metavar="WxH",
        help="again for more",
    )
    to.add_argument(
        "--steps", dest="each_steps", type=_count, action="append", metavar="N", help="a frame; again for more"
    )
    to.add_argument(
        "--octaves", dest="each_octaves", type=_count, action="append", metavar="N", help="again for more (3)"
    )
    to.add_argument("--precision", dest="precisions", action="append", choices=PRECISIONS, help="again for more")
    to.add_argument("--path", dest="paths", action="append", choices=PATHS, help="again for more (all that run here)")
    to.add_argument("--threads", type=_count, metavar="N", help="of the processor")
    to.add_argument("--seconds", type=_positive, metavar="N", help="for each row (5; on an NVIDIA card 3)")
    to.add_argument("--quick", action="store_true", help="one size, in about a minute")
    to.add_argument("--published", action="store_true", help="the workload that others publish: 800 px wide, 4 x 2")
    to.add_argument("--json", type=Path, metavar="FILE", help="the rows, as a list")
    to.add_argument("--markdown", type=Path, metavar="FILE", help="the tables, for a document")


def _length(to: argparse.ArgumentParser) -> None:
    _from(to)
    to.add_argument("--config", type=Path, metavar="FILE", help="settings from a TOML file; options go before it")
    to.add_argument("--seconds", type=_positive, help="end after this long")
    to.add_argument("--frames", type=_count, help="end after this many refreshes")
    to.add_argument("--report", type=Path, metavar="FILE", help="write what was measured, as JSON")


def _from(to: argparse.ArgumentParser) -> None:
    to.add_argument(
        "--from",
        dest="recalled",
        type=Path,
        metavar="SNAPSHOT.png",
        help="every setting of a snapshot; options go before",
    )


def _settings(to: argparse.ArgumentParser, names: tuple[str, ...]) -> None:
    for name in names:
        info = Settings.model_fields[name]
        flag = "--" + name.replace("_", "-")
        if name in TABLES:
            about = f"{info.description}; {', '.join(KNOBS)}" if name == "knobs" else info.description
            to.add_argument("--" + TABLES[name], dest=name, action="append", metavar="NAME=VALUE", help=about)
        elif info.annotation is bool:
            to.add_argument(flag, default=None, action=argparse.BooleanOptionalAction, help=_help(info))
        else:
            to.add_argument(flag, metavar=_metavar(info), help=_help(info))


def _help(info: FieldInfo) -> str:
    allowed = []
    for limit in info.metadata:
        if isinstance(limit, Ge):
            allowed.append(f"from {limit.ge:g}")
        elif isinstance(limit, Le):
            allowed.append(f"to {limit.le:g}")
    if get_origin(info.annotation) is Literal:
        allowed.append(", ".join(map(str, get_args(info.annotation))))
    shown = "" if info.default is None or isinstance(info.default, bool) else _shown(info.default)
    notes = "; ".join(filter(None, (" ".join(allowed), shown and f"usually {shown}")))
    return f"{info.description}" + (f" ({notes})" if notes else "")


def _shown(value: Any) -> str:
    return f"{value[0]}x{value[1]}" if isinstance(value, tuple) else str(value)


def _metavar(info: FieldInfo) -> str:
    kinds = get_args(info.annotation) if isinstance(info.annotation, UnionType) else (info.annotation,)
    if any(kind in {int, float} for kind in kinds):
        return "N"
    return "WxH" if "WIDTHxHEIGHT" in (info.description or "") else "TEXT"


def _pair(text: str, option: str) -> tuple[str, float]:
    name, equals, value = text.partition("=")
    try:
        return name.strip(), float(value)
    except ValueError:
        raise SettingsError(f"--{option}: {text!r} is not NAME=VALUE{'' if equals else ' (there is no =)'}") from None


def _positive(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not 0 < value < float("inf"):
        raise argparse.ArgumentTypeError(f"{text!r} is not a number above 0")
    return value


def _count(text: str) -> int:
    value = int(text) if text.isdecimal() else 0
    if value < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number from 1")
    return value


def _names(text: str) -> list[str]:
    return [name.strip() for name in text.split(",") if name.strip()]


def _width_height(text: str) -> tuple[int, int]:
    width, _, height = text.lower().replace("×", "x").partition("x")
    if not (width.isdecimal() and height.isdecimal() and int(width) and int(height)):
        raise argparse.ArgumentTypeError(f"{text!r} is not WIDTHxHEIGHT, like 320x240")
    return int(width), int(height)


def _version() -> str:
    from importlib.metadata import PackageNotFoundError, version

    try:
        return f"dreamwall {version('dreamwall')}"
    except PackageNotFoundError:
        return "dreamwall (not installed)"
