"""Temperatures, where the machine knows them: the kernel's thermal zones and hardware monitors.

Graphics cards of NVIDIA do not stand there; what reads them can put ``temperatures`` into the vitals.
"""

import threading
from collections.abc import Callable
from pathlib import Path

AGAIN = 5.0  # seconds a reading is good for: some monitors take milliseconds, and heat is slow
MOST = 24  # sensors shown


class Temperatures:
    """Degrees Celsius by name, read at most every five seconds and only when somebody asks.  Safe from any thread.

    ``now``: asked for the time in seconds.  ``root``: where the kernel shows them.
    """

    def __init__(self, now: Callable[[], float], root: Path = Path("/sys/class")) -> None:
        self._now, self._root = now, root
        self._lock = threading.Lock()
        self._read: float | None = None
        self._last: dict[str, float] = {}

    def __call__(self) -> dict[str, float]:
        with self._lock:
            now = self._now()
            if self._read is None or now - self._read >= AGAIN:
                self._read, self._last = now, _temperatures(self._root)
            return dict(self._last)


def _temperatures(root: Path) -> dict[str, float]:
    found: dict[str, float] = {}
    for zone in sorted(root.glob("thermal/thermal_zone*")):
        _keep(found, _text(zone / "type") or zone.name, zone / "temp")
    for monitor in sorted(root.glob("hwmon/hwmon*")):
        name = _text(monitor / "name") or monitor.name
        for sensor in sorted(monitor.glob("temp*_input")):
            label = _text(sensor.with_name(sensor.name.replace("_input", "_label")))
            _keep(found, f"{name} {label}".strip(), sensor)
    return dict(list(found.items())[:MOST])


def _keep(found: dict[str, float], name: str, path: Path) -> None:
    """Two of one name are told apart by a number; what reads -274 or 1,000 is a sensor that is not there."""
    try:
        degrees = int(_text(path)) / 1000
    except ValueError:
        return
    if not -40 <= degrees <= 200:
        return
    unique, number = name, 2
    while unique in found:
        unique, number = f"{name} {number}", number + 1
    found[unique] = round(degrees, 1)


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace").strip()[:60]
    except OSError:
        return ""
