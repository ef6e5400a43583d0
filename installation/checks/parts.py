"""What Dreamwall is made of: Python, itself, and the packages it needs."""

import platform
import re
import sys
from collections.abc import Callable, Iterable
from importlib import import_module
from importlib.metadata import PackageNotFoundError, requires, version
from pathlib import Path
from typing import Any

from installation.checks.check import Check, broken, in_short, second, well
from installation.settings import Settings

PYTHONS = ((3, 11), (3, 12))  # the oldest and the newest that it is tested with; pyproject.toml says the same
NATIVE = {"av": "av", "moderngl": "moderngl", "numpy": "numpy", "opencv-python": "cv2", "pygame-ce": "pygame",
          "python-rtmidi": "rtmidi"}  # fmt: skip  # what may be there and yet not load, and its module
LIBRARIES = {  # of the system, by a part of what is said to be missing, and where Debian and Ubuntu have it
    "libGL.so": "libgl1", "libEGL": "libegl1", "libgthread": "libglib2.0-0", "libglib": "libglib2.0-0",
    "libasound": "libasound2", "libjack": "libjack-jackd2-0", "libX11": "libx11-6", "libxcb": "libxcb1",
}  # fmt: skip
INSTEAD = {"pygame": "pygame-ce", "opencv-python-headless": "opencv-python"}  # two of which only one may be there


def python(
    _: Settings, *, running: tuple[int, int] = sys.version_info[:2], name: str = platform.python_version()
) -> Iterable[Check]:
    """Whether this Python is one that Dreamwall is made for."""
    if PYTHONS[0] <= running <= PYTHONS[1]:
        yield well("Python", f"{name} in {sys.prefix}")
    else:
        oldest, newest = (".".join(map(str, one)) for one in PYTHONS)
        yield broken(
            "Python",
            f"{name}; Dreamwall needs {oldest} to {newest}",
            f"python{newest} -m venv ~/dreamwall, and install it there",
        )


def packages(
    _: Settings,
    *,
    needed: Callable[[str], list[str] | None] = requires,
    version_of: Callable[[str], str] = version,
    load: Callable[[str], Any] = import_module,
) -> Iterable[Check]:
    """Whether every package is there, and whether those with native code load."""
    try:
        yield well("Dreamwall", f"{version_of('dreamwall')} in {Path(__file__).parents[2]}")
        wanted = [row for row in needed("dreamwall") or [] if "extra ==" not in row]
    except PackageNotFoundError:
        yield second("Dreamwall", f"not installed, run from {Path(__file__).parents[2]}", "pip install .")
        wanted = list(NATIVE)
    there = 0
    for row in wanted:
        name = re.match(r"[\w.-]+", row)
        assert name is not None
        try:
            version_of(name[0])
        except PackageNotFoundError:
            yield broken(name[0], "not installed", f"pip install '{row}'")
            continue
        trouble = _loads(name[0], load)
        there += trouble is None
        if trouble is not None:
            yield trouble
    yield from _doubles(version_of)
    if there:
        yield well("packages", f"{there} of {len(wanted)} are there")


def _loads(name: str, load: Callable[[str], Any]) -> Check | None:
    if name not in NATIVE:
        return None
    try:
        # SDL reads its environment when it is loaded, so it is loaded as the show loads it.
        load("installation.sdl" if NATIVE[name] == "pygame" else NATIVE[name])
    except Exception as error:  # a native library may raise anything
        package = next((package for part, package in LIBRARIES.items() if part in str(error)), None)
        mend = f"sudo apt install {package}" if package else f"pip install --force-reinstall '{name}'"
        return broken(name, f"does not load: {in_short(error)}", mend)
    return None


def _doubles(version_of: Callable[[str], str]) -> Iterable[Check]:
    for wrong, right in INSTEAD.items():
        try:
            version_of(wrong)
        except PackageNotFoundError:
            continue
        mend = f"pip uninstall -y {wrong} {right} && pip install {right}"
        yield second(wrong, f"in the way of {right}: both bring the same module", mend)
