"""What dreams: torch, the processor, a graphics card, the networks, and the engine that the show would take."""

import os
import platform
import re
import shutil
import subprocess
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from installation.checks.check import Check, broken, in_short, second, size_of, well
from installation.errors import SettingsError
from installation.settings import Settings

if TYPE_CHECKING:
    from installation.stages.engine import Engine

NVIDIA, DISPLAY_CLASS = "0x10de", "0x03"  # in the words of the PCI bus
SMI = ("nvidia-smi", "--query-gpu=name,driver_version,memory.total", "--format=csv,noheader")
PICTURES = 3  # dreamed to see how long one takes; the first warms up
FETCH = "dreamwall fetch inception_v3"


def _torch() -> Any:
    import torch

    return torch


def torch(_: Settings, *, load: Callable[[], Any] = _torch) -> Iterable[Check]:
    """Whether torch loads, and with how many threads it works."""
    try:
        found = load()
    except ImportError as error:
        yield broken("torch", f"does not load: {in_short(error)}", "pip install --force-reinstall torch")
        return
    yield well("torch", f"{found.__version__}, {found.get_num_threads()} threads")


def processor(_: Settings, *, load: Callable[[], Any] = _torch, told: Path = Path("/proc/cpuinfo")) -> Iterable[Check]:
    """The processor's name, and how it can multiply."""
    named = re.search(r"^model name\s*:\s*(.+)$", told.read_text(), re.MULTILINE) if told.is_file() else None
    name = named[1] if named else platform.processor() or platform.machine()
    able = load().cpu.get_capabilities()
    widest = next((label for key, label in (("avx512_f", "AVX-512"), ("avx2", "AVX2")) if able.get(key)), None)
    low = able.get("avx512_bf16") or able.get("amx_bf16")
    parts = [f"{os.cpu_count()} cores", widest or platform.machine(), "bfloat16" if low else "no native bfloat16"]
    intel_like = platform.machine().lower() in {"x86_64", "amd64"}
    yield (second if intel_like and widest is None else well)("processor", f"{name}, {', '.join(parts)}")


def card(
    _: Settings,
    *,
    load: Callable[[], Any] = _torch,
    smi: Callable[[], str | None] | None = None,
    bus: Path = Path("/sys/bus/pci/devices"),
) -> Iterable[Check]:
    """The graphics card, its driver, and whether torch can use it."""
    try:
        cards = (smi or _smi)()
    except OSError as error:
        yield broken("graphics card", f"its driver does not answer: {error}", "restart the machine, then nvidia-smi")
        return
    found = load()
    if found.cuda.is_available():
        try:
            one = found.ones(8, 8, device="cuda")
            works = bool((one @ one).sum().item() == 512)
        except Exception as error:  # CUDA raises RuntimeError, and others
            yield broken("graphics card", f"torch cannot use it: {in_short(error)}", "pip install --upgrade torch")
            return
        state = well if works else broken
        yield state("graphics card", f"{cards or found.cuda.get_device_name()}; CUDA {found.version.cuda}")
    elif cards:
        why = "this torch is made without CUDA" if found.version.cuda is None else "torch finds no CUDA device"
        yield second(
            "graphics card", f"{cards}, and {why}: the processor dreams", "pip install --force-reinstall torch"
        )
    elif _has_nvidia(bus):
        yield second("graphics card", "an NVIDIA card without its driver", "sudo ubuntu-drivers install, then restart")
    elif found.backends.mps.is_available():
        yield well("graphics card", "Apple's, through Metal")
    else:
        yield second("graphics card", "none that dreams: the processor does, a few times a second")


def _smi() -> str | None:
    """The cards as NVIDIA's own tool lists them; None without the tool.  Raises OSError where it fails."""
    if shutil.which(SMI[0]) is None:
        return None
    try:
        done = subprocess.run(SMI, capture_output=True, text=True, timeout=8, check=False)
    except subprocess.TimeoutExpired as error:
        raise OSError("nvidia-smi hangs") from error
    lines = (done.stdout.strip() or done.stderr.strip()).splitlines()
    if done.returncode == 9 or not lines or "No devices" in lines[0]:  # the tool without a card
        return None
    if done.returncode != 0:
        raise OSError(lines[0])
    return "; ".join("{}, driver {}, {}".format(*(word.strip() for word in line.split(",")[:3])) for line in lines)


def _has_nvidia(bus: Path) -> bool:
    for device in bus.glob("*"):
        try:
            vendor, kind = ((device / name).read_text().strip() for name in ("vendor", "class"))
        except OSError:
            continue
        if vendor == NVIDIA and kind.startswith(DISPLAY_CLASS):
            return True
    return False


def networks(_: Settings) -> Iterable[Check]:
    """Which trained networks are there, and whether they are whole."""
    from installation.sinks.keeper import free_space
    from models.leap import SHIPPED
    from models.weights import NetworkError, cache_dir, identify, known_networks

    if SHIPPED.is_file():
        yield well("leap", f"ships with Dreamwall, {size_of(SHIPPED.stat().st_size)}")
    else:
        yield broken("leap", f"{SHIPPED} is missing", "pip install --force-reinstall dreamwall")
    whole = 0
    for name, known in known_networks().items():
        path = cache_dir() / known.file
        if not path.is_file():
            continue
        try:
            identify(path)
            whole += 1
            yield well(name, f"{path}, {size_of(path.stat().st_size)}")
        except (NetworkError, OSError) as error:
            yield broken(name, str(error), f"rm '{path}'" + (f" && dreamwall fetch {name}" if known.url else ""))
    if not whole:
        room = f"{cache_dir()}, where {size_of(free_space(cache_dir()))} are free"
        yield second("ImageNet", f"no network trained on photographs in {room}: leap dreams alone", FETCH)


def engine(
    settings: Settings, *, opened: Callable[[str | None, str | None, str], "Engine"] | None = None
) -> Iterable[Check]:
    """What would dream, and how long it takes for a picture of the working size while nothing else runs."""
    try:
        found = (opened or _engine)(settings.network, settings.layers, settings.engine)
    except SettingsError as error:
        command = re.search(r"`(dreamwall [^`]+)`", str(error))
        yield broken("engine", str(error), command[1] if command else "")
        return
    best = settings.network is not None or found.network != "leap"
    said = f"{found.ascent.status}; {found.choice}"
    yield well("engine", said) if best else second("engine", said, FETCH)
    width, height = settings.working_size
    seconds = _one_dream(found, settings)
    yield well("speed", f"{1 / seconds:.1f} dreams a second at {width}x{height}, just now")


def _engine(network: str | None, layers: str | None, engine: str) -> "Engine":
    from installation.stages.engine import open_engine

    return open_engine(network, layers, engine=engine)


def _one_dream(found: "Engine", settings: Settings) -> float:
    import numpy as np

    from installation.frame import Frame
    from installation.knobs import Look
    from installation.stages.dreaming import Dreaming

    width, height = settings.working_size
    pixels = np.random.default_rng(0).integers(0, 256, (height, width, 3), np.uint8)
    dreaming = Dreaming(found.ascent, found.ladder, settings.steps or found.steps)
    took = []
    for index in range(PICTURES):
        begun = time.perf_counter()
        dreaming(Frame(pixels, index, index / 30), Look())
        took.append(time.perf_counter() - begun)
    return min(took)
