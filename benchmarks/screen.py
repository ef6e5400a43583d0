"""What a refresh costs: OpenGL against plain SDL, in milliseconds of processor.

    python -m benchmarks.screen                  both, on the display there is, else on an Xvfb of its own
    python -m benchmarks.screen --refreshes 60   and so on; see --help

A camera of 640x480 at 30 a second, two residuals of 320x240 (a new one at 8 a second, flow grids new for every frame),
shown at 1280x720, paced at 30 refreshes a second.  On a machine without a graphics card OpenGL runs on the same cores
as the dream, so what counts is processor time over all cores, the X server's included; the cheaper one is what `auto`
takes.
"""

import argparse
import os
import sys
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

import cv2
import numpy as np

from installation.compose import Composer
from installation.errors import SinkError
from installation.frame import Field, Frame
from installation.knobs import Look
from installation.sinks.plain import PlainScreen
from installation.sinks.screen import GLScreen
from installation.veil import Carried, Grid, Veil

if TYPE_CHECKING:
    from xvfb import Xvfb

CAMERA, DREAM, DISPLAY = (640, 480), (320, 240), (1280, 720)
REDREAM = 4  # refreshes between two residuals


def script(count: int) -> list[tuple[Frame, Veil]]:
    """``count`` refreshes of an invented show, made beforehand so that only showing is timed."""
    rng = np.random.default_rng(5)
    fields = [_field(rng, 0.7) for _ in range(2 + count // REDREAM)]
    pictures = [cv2.resize(rng.integers(0, 256, (30, 40, 3), np.uint8), CAMERA) for _ in range(8)]
    grids: list[Grid] = []
    for _ in range(8):
        grid = _field(rng, 0.02)
        grid[..., 2] = 0.9
        grids.append(grid)
    shows = []
    for at in range(count):
        older, newer = fields[at // REDREAM], fields[at // REDREAM + 1]
        veil = Veil((Carried(older, grids[at % 8], 0.5), Carried(newer, grids[(at + 3) % 8], 0.5)))
        shows.append((Frame(np.asarray(pictures[at % 8], np.uint8), at, at / 30), veil))
    return shows


def _field(rng: np.random.Generator, reach: float) -> Field:
    noise = cv2.GaussianBlur(rng.standard_normal((DREAM[1], DREAM[0], 3)).astype(np.float32), (0, 0), 4)
    return np.asarray(noise * (reach / np.abs(noise).max()), np.float32)


def measure(show: Callable[[Frame, Veil], None], refreshes: int, rate: float, server: "Xvfb | None") -> str:
    """Milliseconds of processor per refresh, of this process over all cores and of the X server; wall clock in show."""
    shows = script(refreshes + 20)
    for frame, veil in shows[:20]:
        show(frame, veil)
    waits = []
    began, ours, theirs = time.monotonic(), time.process_time(), server.processor_seconds() if server else 0.0
    for at, (frame, veil) in enumerate(shows[20:]):
        start = time.monotonic()
        show(frame, veil)
        waits.append(time.monotonic() - start)
        time.sleep(max(0.0, began + (at + 1) / rate - time.monotonic()))
    used = (time.process_time() - ours) / refreshes * 1e3
    served = (server.processor_seconds() - theirs) / refreshes * 1e3 if server else float("nan")
    held = refreshes / (time.monotonic() - began)
    median, late = np.percentile(waits, [50, 95]) * 1e3
    return (
        f"{used:6.2f} ms ours, {served:5.2f} ms X server; show() {median:5.2f} ms, p95 {late:5.2f}; {held:.1f} a second"
    )


def main() -> None:
    """Print one line per screen."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--refreshes", type=int, default=150)
    options.add_argument("--rate", type=float, default=30.0, help="refreshes a second")
    given = options.parse_args()
    cv2.setNumThreads(1)
    sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))
    from xvfb import a_display

    composer, sheet = Composer(), np.empty((DISPLAY[1], DISPLAY[0], 3), np.uint8)
    with ExitStack() as stack:
        server = None if os.environ.get("DISPLAY") else stack.enter_context(a_display(DISPLAY))

        def composed(frame: Frame, veil: Veil) -> None:
            composer(frame, veil, Look(), DISPLAY, out=sheet)

        print(f"compose alone   {measure(composed, given.refreshes, given.rate, server)}")
        for kind in (PlainScreen, GLScreen):
            try:
                with kind(windowed=True, size=DISPLAY) as screen:

                    def shown(frame: Frame, veil: Veil, screen: GLScreen | PlainScreen = screen) -> None:
                        screen.show(frame, veil, Look(), [])

                    figures = measure(shown, given.refreshes, given.rate, server)
                    print(f"{kind.__name__:15} {figures}  [{screen.status}]")
            except SinkError as error:
                print(f"{kind.__name__:15} {error}")


if __name__ == "__main__":
    main()
