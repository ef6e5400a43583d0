"""A real X display for tests, of their own: Xvfb on a free number."""

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Self

import cv2
import numpy as np

from installation.frame import Pixels


class Xvfb:
    """An X server with a screen of ``size``; started on entering, ended on leaving.

    It picks its own free display number, so that several may run side by side.
    """

    def __init__(self, size: tuple[int, int] = (1280, 720)) -> None:
        self.size = size
        self.name = ""
        self._server: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        read_end, write_end = os.pipe()
        width, height = self.size
        self._server = subprocess.Popen(
            [
                "Xvfb",
                "-displayfd",
                str(write_end),
                "-screen",
                "0",
                f"{width}x{height}x24",
                "-nolisten",
                "tcp",
                "-noreset",
            ],
            pass_fds=[write_end],
            stderr=subprocess.DEVNULL,
        )
        os.close(write_end)
        with os.fdopen(read_end) as number:
            self.name = f":{number.readline().strip()}"
        if self.name == ":":
            raise RuntimeError("Xvfb ended before it had a display")
        return self

    def __exit__(self, *_: object) -> None:
        if self._server is not None:
            self._server.terminate()
            self._server.wait(10)
            self._server = None

    def processor_seconds(self) -> float:
        """Processor time the server has used so far; 0 where the system does not say."""
        try:
            fields = Path(f"/proc/{self._server.pid}/stat").read_text().rpartition(")")[2].split()  # type: ignore[union-attr]
        except OSError:
            return 0.0
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def screenshot(self) -> Pixels:
        """What is on the display now, (H, W, 3) uint8 RGB, read back through X."""
        shot = subprocess.run(
            ["import", "-display", self.name, "-window", "root", "png:-"], check=True, capture_output=True, timeout=30
        )
        decoded = cv2.imdecode(np.frombuffer(shot.stdout, np.uint8), cv2.IMREAD_COLOR)
        return np.asarray(cv2.cvtColor(decoded, cv2.COLOR_BGR2RGB), np.uint8)


@contextmanager
def a_display(size: tuple[int, int] = (1280, 720)) -> Iterator[Xvfb]:
    """An Xvfb with DISPLAY set to it, and every other way to a display shut, for as long as this lasts."""
    shut = ("DISPLAY", "WAYLAND_DISPLAY", "SDL_VIDEODRIVER")
    before = {name: os.environ.get(name) for name in shut}
    with Xvfb(size) as server:
        for name in shut:
            os.environ.pop(name, None)
        os.environ["DISPLAY"] = server.name
        os.environ.setdefault("XDG_RUNTIME_DIR", "/tmp")  # else Mesa complains at every window
        try:
            yield server
        finally:
            for name, value in before.items():
                os.environ.pop(name, None)
                if value is not None:
                    os.environ[name] = value


def there_is_xvfb() -> bool:
    """Whether Xvfb and the screenshot tool are installed."""
    return all(shutil.which(tool) for tool in ("Xvfb", "import"))
