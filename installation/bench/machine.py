"""The machine and the versions that belong to every figure."""

import platform
import re
import shutil
import subprocess
from pathlib import Path

import torch

SMI = ("nvidia-smi", "--query-gpu=driver_version", "--format=csv,noheader")


def described(device: torch.device) -> dict[str, str | int | None]:
    """``device`` by its name, and what it was measured with."""
    about: dict[str, str | int | None] = {
        "device": _processor() if device.type == "cpu" else _card(device),
        "device_type": device.type,
        "system": f"{platform.system()} {platform.release()} {platform.machine()}",
        "python": platform.python_version(),
        "torch": torch.__version__,
    }
    if device.type == "cuda":
        major, minor = torch.cuda.get_device_capability(device)
        about |= {
            "capability": f"sm_{major}{minor}",
            "cuda": torch.version.cuda,
            "cudnn": torch.backends.cudnn.version(),  # type: ignore[no-untyped-call]
            "driver": _driver(),
        }
    return about


def _processor() -> str:
    told = Path("/proc/cpuinfo")
    named = re.search(r"^model name\s*:\s*(.+)$", told.read_text(), re.MULTILINE) if told.is_file() else None
    return named[1].strip() if named else platform.processor() or platform.machine()


def _card(device: torch.device) -> str:
    return torch.cuda.get_device_name(device) if device.type == "cuda" else f"Apple Metal, {_processor()}"


def _driver() -> str | None:
    if shutil.which(SMI[0]) is None:
        return None
    try:
        done = subprocess.run(SMI, capture_output=True, text=True, timeout=8, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return None
    lines = done.stdout.strip().splitlines()
    return lines[0].strip() if done.returncode == 0 and lines else None
