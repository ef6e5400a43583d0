"""Settings: what is fixed once the doors open.  From a TOML file and the command line; all problems told at once."""

import re
import tomllib
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, ValidationInfo, field_validator

from installation.errors import SettingsError
from installation.knobs import KNOBS

TABLES = {"knobs": "knob", "mix": "mix"}  # settings that are tables, and the option that gives a row
SMALLEST, LARGEST = 96, 4096  # pixels a side of the working size


def _size(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    match = re.fullmatch(r"\s*(\d+)\s*[x×]\s*(\d+)\s*", value)
    if match is None:
        raise ValueError(f"{value!r} is not WIDTHxHEIGHT, like 320x240")
    return int(match[1]), int(match[2])


def _whole(value: Any) -> Any:
    return int(value) if isinstance(value, str) and value.isdecimal() else value


Side = Annotated[int, Field(ge=SMALLEST, le=LARGEST)]
Size = Annotated[tuple[Side, Side], BeforeValidator(_size)]


class Settings(BaseModel):
    """Names, defaults, ranges and help of every setting; the command line's options are made from these."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    source: str = Field(
        "camera",
        description="a camera: its number, /dev path or camera:NAME; an rtsp:// or http:// stream; a video file; a "
        "picture or a folder of them; clouds; camera alone is the first that gives frames, with clouds until there is "
        "one",
    )
    network: str | None = Field(
        None,
        description="a network fetched by name (see fetch), a .pth or .safetensors file, or leap; "
        "otherwise the best one there is",
    )
    layers: str | None = Field(
        None,
        description="stops of the layer knob, shallow to deep, with commas between; a stop "
        "may be a mixture: Mixed_5b*0.5+Mixed_6b",
    )
    size: Size | None = Field(
        None,
        description="working size of the dream, WIDTHxHEIGHT; the picture keeps its shape inside; "
        "320x240 unless there is an NVIDIA card",
    )
    steps: int | None = Field(
        None,
        ge=1,
        le=50,
        description="ascent steps a dreamed frame; usually 2, and 1 for leap, whose step is a long one",
    )
    engine: Literal["auto", "eager", "graphed", "tensorrt", "onnx"] = Field(
        "auto",
        description="what computes the dream: auto is TensorRT on an NVIDIA card, where it is installed, else a CUDA "
        "graph, and PyTorch as it comes (eager) on processors; onnx is ONNX Runtime on the processor",
    )
    governor: bool = Field(
        True,
        description="trim steps, then octaves, then working size while the dream is slower than --dream-target",
    )
    dream_target: float = Field(
        5, ge=0.5, le=240, description="dreamed frames a second that the governor holds, where the machine can"
    )
    display: str | None = Field(None, description="display to fill: a number or part of a name (see devices)")
    windowed: bool = Field(False, description="a window instead of the whole display")
    renderer: Literal["auto", "opengl", "plain"] = Field(
        "auto", description="OpenGL or plain SDL; auto takes the quicker"
    )
    guard: Literal["strict", "performance"] = Field(
        "strict",
        description="flash guard, which is always on: strict makes fades of everything that would flash, performance "
        "lets a stage flash within the published limits; a kiosk is strict",
    )
    refresh: float | None = Field(
        None,
        ge=1,
        le=360,
        description="refreshes a second at most; otherwise the display's own rate, or 30 where no graphics card draws",
    )
    mirror: bool = Field(True, description="show people as in a mirror")
    rotate: Annotated[Literal[0, 90, 180, 270], BeforeValidator(_whole)] = Field(
        0, description="turn the picture, degrees clockwise"
    )
    fit: Literal["cover", "contain"] = Field("cover", description="fill the display and cut, or show all with bars")
    camera_size: Size = Field((1280, 720), description="what a camera is asked for, WIDTHxHEIGHT")
    camera_fps: float = Field(30, ge=1, le=240, description="frames a second a camera is asked for")
    page: bool = Field(True, description="the operator's page; where there is no screen it is there all the same")
    port: int = Field(8750, ge=1024, le=65535, description="port of the page")
    page_host: str = Field(
        "127.0.0.1",
        description="address the page answers on; 0.0.0.0 is the whole network, and everybody there needs the token",
    )
    page_token: str | None = Field(
        None,
        min_length=12,
        description="the token that the page asks for, at least 12 letters; best in the file given with --config; "
        "without one it is made anew at every start where one is needed",
    )
    page_picture: bool = Field(False, description="let the page show the picture in kiosk mode too")
    midi: str = Field("all", description="MIDI controllers: all, off, or part of a port's name")
    takeover: Literal["pickup", "jump"] = Field(
        "pickup", description="whether a MIDI knob takes hold when it crosses where the knob stands, or at once"
    )
    programs: Path | None = Field(
        None, description="a file of programs; otherwise your own, if there is one, or those that ship"
    )
    program: str | None = Field(None, description="the program to begin with, by name or number")
    kiosk: bool = Field(
        False, description="it plays by itself: programs take turns, nothing is kept, only a long chord ends it"
    )
    hold: float | None = Field(
        None, ge=0.5, le=86400, description="seconds a program stays while they take turns; else its own, or 45"
    )
    fade: float | None = Field(
        None, ge=0, le=600, description="seconds from one program to the next while they take turns; else its own"
    )
    shuffle: bool = Field(False, description="programs take turns in an order drawn by chance, none twice running")
    alone: float = Field(
        40, ge=1, le=86400, description="kiosk: seconds with nobody in front until the dream goes its own way"
    )
    still: float = Field(
        60, ge=2, le=86400, description="kiosk: seconds of a standing picture after which the dream begins afresh"
    )
    keep: Path | None = Field(
        None, description="folder for snapshots and recordings; otherwise Dreamwall in your pictures"
    )
    seed: int = Field(0, ge=0, description="of everything that is drawn by chance: the clouds, the order of programs")
    knobs: dict[str, float] = Field(default_factory=dict, description="where knobs stand at first, as NAME=VALUE")
    mix: dict[str, Annotated[float, Field(gt=0)]] = Field(
        default_factory=dict,
        description="layers to dream beside what the layer knob says, as LAYER=SHARE, shares of one; a program ends it",
    )

    @field_validator("knobs")
    @classmethod
    def _knobs_exist(cls, knobs: dict[str, float]) -> dict[str, float]:
        for name, value in knobs.items():
            row = KNOBS.get(name)
            if row is None:
                raise ValueError(f"no knob is called {name!r}; there are {', '.join(KNOBS)}")
            if not row.low <= value <= row.high:
                raise ValueError(f"{name} is {value:g}; it goes from {row.low:g} to {row.high:g} {row.unit}".rstrip())
        return knobs

    @field_validator("kiosk")
    @classmethod
    def _kiosk_is_strict(cls, kiosk: bool, known: ValidationInfo) -> bool:
        if kiosk and known.data.get("guard") == "performance":
            raise ValueError("whoever passes by sees it, so that its flash guard is strict; leave out guard")
        return kiosk

    @property
    def working_size(self) -> tuple[int, int]:
        """The box (width, height) in which the dream works."""
        if self.size is not None:
            return self.size
        return (640, 480) if Path("/dev/nvidia0").exists() else (320, 240)


def load_settings(config: Path | None, given: dict[str, Any]) -> Settings:
    """Settings from ``config`` (TOML), overridden by what was ``given`` by name.

    Raises SettingsError with a line for every problem, each saying where the value came from and what is allowed.
    """
    values: dict[str, Any] = {}
    if config is not None:
        try:
            values = tomllib.loads(config.read_text(encoding="utf-8"))
        except OSError as error:
            raise SettingsError(f"{config}: cannot be read: {error.strerror}") from error
        except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
            raise SettingsError(f"{config}: not TOML: {error}") from error
    try:
        return Settings(**laid_over(values, given))
    except ValidationError as problems:
        lines = [_line(problem, config, given) for problem in problems.errors()]
        raise SettingsError("\n".join(dict.fromkeys(lines))) from problems


def laid_over(under: dict[str, Any], over: dict[str, Any]) -> dict[str, Any]:
    """Settings by name, where ``over`` wins; of tables (knobs) row by row."""
    tables = {
        name: {**under[name], **over[name]}
        for name in TABLES
        if name in over and isinstance(under.get(name), dict) and isinstance(over[name], dict)
    }
    return {**under, **over, **tables}


def _line(problem: Any, config: Path | None, given: dict[str, Any]) -> str:
    name = str(problem["loc"][0]) if problem["loc"] else "settings"
    option = "--" + TABLES.get(name, name.replace("_", "-"))
    where = option if name in given else f"{config}: {name}"
    if problem["type"] == "extra_forbidden":
        return f"{where}: there is no such setting; there are {', '.join(Settings.model_fields)}"
    if problem["type"] == "value_error":
        return f"{where}: {str(problem['msg']).removeprefix('Value error, ')}"
    value = problem["input"]
    if name in {"size", "camera_size"}:
        return f"{where}: each side goes from {SMALLEST} to {LARGEST} pixels, like 320x240"
    limits = (
        {type(m).__name__: m for m in Settings.model_fields[name].metadata} if name in Settings.model_fields else {}
    )
    if "Ge" in limits:
        least, most = limits["Ge"].ge, limits["Le"].le if "Le" in limits else None
        return f"{where}: a number from {least:g}" + (f" to {most:g}" if most is not None else "") + f", not {value!r}"
    return f"{where}: {str(problem['msg'])[0].lower()}{str(problem['msg'])[1:]}, not {value!r}"
