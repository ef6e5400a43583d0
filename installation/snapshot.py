"""Snapshots: the picture as a PNG, with everything inside that makes it come back.

What is inside is one text chunk, ``dreamwall``, in JSON: the settings that make the picture, every knob as it stood and
where it was heading, the layers, the program.  Which settings go in is a list of those that do: what is added to the
settings later stays out until somebody puts it here, since a snapshot is handed round.
"""

import io
import json
import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any

import numpy as np
from PIL import Image
from PIL.PngImagePlugin import PngInfo
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from installation.desk import Desk
from installation.errors import SettingsError
from installation.frame import Pixels
from installation.knobs import KNOBS, SWITCHES
from installation.programs import OF_THE_ROOM
from installation.settings import Settings, load_settings

KEY = "dreamwall"
VERSION = 1
KEPT = (
    "source", "network", "layers", "size", "steps", "mirror", "rotate", "fit", "camera_size", "camera_fps", "seed",
)  # fmt: skip
TAKEN = ("network", "layers", "steps", "engine")
LARGEST_TEXT = 256 << 10  # bytes of JSON; ours has some 2000
LARGEST_FILE = 512 << 20  # bytes
MOST_PIXELS = 80_000_000  # more than two 8K displays side by side
COMPRESSION = 3  # of 9: beyond it zlib takes twice as long for a tenth

Finite = Annotated[float, Field(allow_inf_nan=False)]
Weight = Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)]


@dataclass(frozen=True, slots=True)
class Snapshot:
    """What a snapshot tells.

    ``name``: of the file, for messages.  ``knobs``, ``switches``: as they stood; ``heading``: where the knobs were
    going.  ``layers``: weights of layers of the network's own.  ``settings``: of `KEPT`, as they were asked for;
    ``taken``: of `TAKEN`, what was taken.  ``program``: its number and name, or None.
    ``source_hidden``: the source's address has a password or the like, which is not in the picture.  ``time``: ISO
    8601.  ``notes``: what was passed over.  ``picture``: (H, W, 3) uint8 RGB where it was asked for.
    """

    name: str
    made_by: str
    settings: dict[str, Any]
    knobs: dict[str, float]
    switches: dict[str, bool]
    heading: dict[str, float]
    layers: dict[str, float]
    program: tuple[int, str] | None
    taken: dict[str, Any]
    frame: int
    refreshes: int
    time: str
    source_hidden: bool = False
    notes: tuple[str, ...] = ()
    picture: Pixels | None = field(default=None, compare=False, repr=False)

    def settings_given(self, over: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """The settings that make this picture, as `load_settings` takes them, to be laid under the command line's.

        What was not asked for then is not asked for now either, whatever a file of settings says; the knobs and
        layers stand as they stood, so no program begins.  ``over``: what the command line names, for what does not go
        with it: another network has other layers, and a program has a look of its own.
        """
        over = over or {}
        mix = {name: weight for name, weight in self.layers.items() if weight > 0}
        given: dict[str, Any] = {"program": None, **self.settings, "knobs": dict(self.knobs), "mix": mix}
        if given.get("network") is None and self.taken.get("network") == "leap":
            given["network"] = "leap"  # the same wherever Dreamwall is; of others the best that is there is taken
        if self.source_hidden:
            given.pop("source", None)
        if over.get("network", given.get("network")) != given.get("network"):
            without = {"layers", "steps", "mix"}
        else:
            without = set()
        if over.get("program") is not None:
            without |= {"knobs", "mix"}
        return {name: value for name, value in given.items() if name not in without}


def recall(snapshot: Snapshot, desk: Desk, seconds: float = 2.0, mixable: Sequence[str] | None = None) -> None:
    """Take the look of ``snapshot`` back on, live.  Switches and what belongs to the room stay as they are.

    ``mixable``: the layers that the dream can mix in now; others are left to the layer knob.
    """
    knobs = {name: value for name, value in snapshot.knobs.items() if name not in OF_THE_ROOM}
    layers = {name: weight for name, weight in snapshot.layers.items() if mixable is None or name in mixable}
    desk.board.fade(knobs, seconds, layers)


def write_snapshot(path: Path, picture: Pixels, told: Mapping[str, Any]) -> None:
    """Write ``picture``, (H, W, 3) uint8 RGB, with what is ``told`` inside; whole or not at all, exact to the bit.

    ``told``: ``settings`` (all of them; what may be shown is picked here), ``look`` (knobs and switches by name),
    ``heading``, ``layers``, ``program`` (None, or ``number`` and ``name``), ``taken`` (the facts of the vitals),
    ``frame``, ``refreshes``, ``time``; what is left out is left out.  Raises OSError when it cannot be written.
    """
    inside = PngInfo()
    inside.add_text(KEY, json.dumps(_shown(told), allow_nan=False))
    part = path.with_name(path.name + ".part")
    try:
        with part.open("wb") as file:
            Image.fromarray(picture).save(file, "PNG", pnginfo=inside, compress_level=COMPRESSION)
            file.flush()
            os.fsync(file.fileno())
        part.replace(path)
    except OSError:
        part.unlink(missing_ok=True)
        raise


def read_snapshot(where: Path | bytes, *, name: str = "", picture: bool = False) -> Snapshot:
    """The snapshot in a file or in its bytes; pixels are decoded only where ``picture`` asks for them.

    ``name`` stands in messages, by default the path.  Raises SettingsError, each line naming the file.
    """
    name = name or (str(where) if isinstance(where, Path) else "the picture")
    text, pixels = _opened(where, name, picture)
    if text is None:
        raise SettingsError(f"{name}: a PNG without Dreamwall's settings inside")
    try:
        if len(text) > LARGEST_TEXT:
            raise ValueError("they are too long")
        told = json.loads(text, parse_constant=_no_number)
        version = told["version"]
        if not isinstance(version, int) or version < 1:
            raise ValueError(f"their version is {version!r}")
    except Exception as error:  # JSON of any shape: ValueError, KeyError, TypeError, RecursionError
        raise SettingsError(f"{name}: Dreamwall's settings inside cannot be read") from error
    if version > VERSION:
        by = repr(told.get("dreamwall"))[:40].strip("'")
        raise SettingsError(f"{name}: made by a newer Dreamwall ({by}) than this one, {_own_version()}")
    return _checked(told, name, pixels)


# -- what the text says ----------------------------------------------------------------------------------------------


class _Named(BaseModel):
    number: int = Field(ge=1)
    name: str


class _File(BaseModel):
    model_config = ConfigDict(extra="ignore")  # what a later 0.x adds is not needed to bring a look back

    dreamwall: str
    settings: dict[str, Any]
    source_hidden: bool = False
    taken: dict[str, Any] = Field(default_factory=dict)
    look: dict[str, bool | Finite]
    heading: dict[str, Finite] = Field(default_factory=dict)
    layers: dict[str, Weight] = Field(default_factory=dict)
    program: _Named | None = None
    frame: int = 0
    refreshes: int = 0
    time: str = ""


def _checked(told: dict[str, Any], name: str, picture: Pixels | None) -> Snapshot:
    try:
        file = _File.model_validate(told)
    except ValidationError as problems:
        first = problems.errors()[0]
        where = ".".join(str(step) for step in first["loc"][:2])
        raise SettingsError(f"{name}: {where}: {str(first['msg']).lower()}") from problems
    strange = [f"settings: {key!r:.80}" for key in file.settings if key not in KEPT]
    strange += [f"look: {key!r:.80}" for key in file.look if key not in KNOBS and key not in SWITCHES]
    found = Snapshot(
        name=name,
        made_by=file.dreamwall,
        settings={key: value for key, value in file.settings.items() if key in KEPT},
        knobs={key: float(value) for key, value in file.look.items() if key in KNOBS},
        switches={key: bool(value) for key, value in file.look.items() if key in SWITCHES},
        heading={key: value for key, value in file.heading.items() if key in KNOBS},
        layers=file.layers,
        program=None if file.program is None else (file.program.number, file.program.name),
        taken=file.taken,
        frame=file.frame,
        refreshes=file.refreshes,
        time=file.time,
        source_hidden=file.source_hidden,
        notes=tuple(_notes(file, strange)),
        picture=picture,
    )
    try:
        load_settings(None, found.settings_given())
    except SettingsError as problems:
        raise SettingsError("\n".join(_of_file(line, name) for line in str(problems).splitlines())) from problems
    return found


def _notes(file: _File, strange: list[str]) -> list[str]:
    notes = [f"passed over, since this Dreamwall ({_own_version()}) does not know it: {one}" for one in strange]
    if file.source_hidden:
        notes.append("its source has a password or the like, which is never in a picture; give --source")
    taken = file.taken.get("network")
    if file.settings.get("network") is None and taken not in {None, "leap"}:
        notes.append(f"made with {taken!s:.80}, which was the best network there; the best here is taken")
    return notes


def _of_file(line: str, name: str) -> str:
    """A problem as `load_settings` tells it, "--steps: …", as one of this file's."""
    option, _, rest = line.partition(": ")
    return f"{name}: {option.removeprefix('--').replace('-', '_')}: {rest}"


def _no_number(text: str) -> float:
    raise ValueError(f"{text} is no number")


# -- the PNG around it -----------------------------------------------------------------------------------------------


def _opened(where: Path | bytes, name: str, picture: bool) -> tuple[str | None, Pixels | None]:
    """The text chunk (None where there is none) and, if asked for, the pixels."""
    try:
        size = where.stat().st_size if isinstance(where, Path) else len(where)
        with Image.open(where if isinstance(where, Path) else io.BytesIO(where), formats=["PNG"]) as image:
            if size > LARGEST_FILE or image.width * image.height > MOST_PIXELS:
                raise SettingsError(f"{name}: too large for a snapshot, {image.width}x{image.height} pixels")
            text = image.info.get(KEY)
            pixels = np.asarray(image.convert("RGB"), np.uint8) if picture else None
        return (text if isinstance(text, str) else None), pixels
    except OSError as error:
        if isinstance(error, FileNotFoundError | PermissionError | IsADirectoryError):
            raise SettingsError(f"{name}: cannot be read: {error.strerror}") from error
        raise SettingsError(f"{name}: not a PNG, or a damaged one") from error
    except SettingsError:
        raise
    except Exception as error:  # a PNG made to harm: SyntaxError, ValueError, DecompressionBombError, zlib.error ...
        raise SettingsError(f"{name}: not a PNG, or a damaged one") from error


# -- what stays out --------------------------------------------------------------------------------------------------


def _shown(told: Mapping[str, Any]) -> dict[str, Any]:
    """What is told, as it may be handed round, with what every snapshot says of itself."""
    settings = {name: value for name, value in told.get("settings", {}).items() if name in KEPT}
    source, hidden = _shown_source(settings.get("source") or Settings.model_fields["source"].default)
    settings["source"] = source
    settings["size"] = settings.get("size") or list(load_settings(None, {}).working_size)  # otherwise the machine says
    if settings.get("network") is not None:
        settings["network"] = _without_home(settings["network"])
    now = datetime.now().astimezone().isoformat(timespec="seconds")
    taken = {name: value for name, value in told.get("taken", {}).items() if name in TAKEN}
    about = {"version": VERSION, "dreamwall": _own_version(), "settings": settings, "source_hidden": hidden}
    return {"time": now, **{name: told[name] for name in _File.model_fields if name in told}, "taken": taken, **about}


def _shown_source(source: str) -> tuple[str, bool]:
    """A source as it may be shown, and whether something of it was left out.

    Cameras on the network take names and passwords in every part of their address: before an @, after a ?, and some
    as ``user=…`` in the path.  Such an address goes in as its host alone.
    """
    scheme, found, rest = source.strip().partition("://")
    if not found:
        return _without_home(source), False
    if not re.search(r"[@?#=;&]", rest):
        return source, False
    host = re.match(r"[\w.:\[\]-]*", rest.rpartition("@")[2])
    return f"{scheme}://{host[0] if host else ''}", True


def _without_home(path: str) -> str:
    """``path`` with ~ for the home folder, whose name is mostly a person's."""
    home = str(Path.home())
    return "~" + path[len(home) :] if len(home) > 1 and (path == home or path.startswith(home + os.sep)) else path


def _own_version() -> str:
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version("dreamwall")
    except PackageNotFoundError:
        return "not installed"
