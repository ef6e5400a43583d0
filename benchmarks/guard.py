"""What the flash guard costs a refresh: on one core, and in shaders on whatever draws OpenGL here.

    python -m benchmarks.guard                   on the display there is, else on an Xvfb of its own
    python -m benchmarks.guard --refreshes 60

Calm is a picture that drifts with a camera's noise on it; a strobe is black and white at every refresh, so that all of
it is held.  Shaders are timed from the first call until OpenGL has finished, by the clock; the pictures are there
already.
"""

import argparse
import os
import sys
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

import cv2
import moderngl
import numpy as np

from calibration.guard import Guard
from installation.frame import Pixels
from installation.sinks.guarding import CardGuard
from installation.sinks.window import Window

SIZES = ((640, 360), (1280, 720), (1920, 1080))


def calm(size: tuple[int, int]) -> list[Pixels]:
    """Sixteen pictures that drift by a pixel each."""
    chance = np.random.default_rng(1)
    sheet = cv2.resize(chance.integers(0, 256, (18, 32, 3), np.uint8), (size[0] + 16, size[1])).astype(np.int16)
    noise = chance.integers(-2, 3, (size[1], size[0], 3))
    return [(sheet[:, at : at + size[0]] + noise).clip(0, 255).astype(np.uint8) for at in range(16)]


def strobe(size: tuple[int, int]) -> list[Pixels]:
    return [np.full((size[1], size[0], 3), level, np.uint8) for level in (0, 255)]


def milliseconds(refresh: Callable[[int], None], count: int) -> str:
    """Median and 95 % of the time that ``refresh`` takes; it is called with the refresh's number."""
    for at in range(8):
        refresh(at)
    spent = []
    for at in range(count):
        begun = time.perf_counter()
        refresh(at)
        spent.append(1000 * (time.perf_counter() - begun))
    median, late = np.percentile(spent, (50, 95))
    return f"{median:8.2f} ms, p95 {late:8.2f}"


def on_a_core(pictures: list[Pixels], count: int) -> str:
    guard = Guard()

    def refresh(at: int) -> None:
        guard(pictures[at % len(pictures)], 1 / 60)

    return milliseconds(refresh, count)


def in_shaders(context: moderngl.Context, pictures: list[Pixels], count: int) -> str:
    height, width = pictures[0].shape[:2]
    sheets = [context.texture((width, height), 3, picture.tobytes(), alignment=1) for picture in pictures]
    target = context.simple_framebuffer((width, height), 4, dtype="f1")
    guard = CardGuard(context)

    def refresh(at: int) -> None:
        guard.draw(sheets[at % len(sheets)], 1 / 60, target)
        context.finish()

    try:
        return milliseconds(refresh, count)
    finally:
        guard.release()
        for held in (*sheets, target):
            held.release()


def main() -> None:
    """Print one line per size, picture and guard."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--refreshes", type=int, default=60)
    count = options.parse_args().refreshes
    cv2.setNumThreads(1)
    sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))
    from xvfb import a_display

    with ExitStack() as stack:
        if not os.environ.get("DISPLAY"):
            stack.enter_context(a_display((640, 360)))
        window = Window(None, windowed=True, size=(64, 36))
        window.open(gl=True, hidden=True)
        stack.callback(window.close)
        context = moderngl.create_context(require=330)
        print(f"OpenGL: {context.info['GL_RENDERER']}")
        for size in SIZES:
            for name, made in (("calm", calm), ("strobe", strobe)):
                where = f"{size[0]}x{size[1]} {name:6}"
                print(f"{where:18} on a core  {on_a_core(made(size), count)}")
                print(f"{where:18} in shaders {in_shaders(context, made(size), count)}")


if __name__ == "__main__":
    main()
