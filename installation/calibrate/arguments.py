"""The command line of ``dreamwall calibrate``.  It imports nothing heavy, because every command's help needs it."""

from argparse import ArgumentParser, ArgumentTypeError
from collections.abc import Callable
from math import inf
from pathlib import Path
from typing import Any

SCREEN = ("display", "windowed", "renderer")
CAMERA = ("source", "camera_size", "camera_fps")
PLACING = ("mirror", "rotate", "fit")
PAGE = ("page", "page_host", "port", "page_token")
CAMERA_GAMMA = 2.2  # where nobody measured it
CAMERA_GAMMAS = 0.5, 4.0
ROOM_SECONDS, LEAVING = 60.0, 10.0
DELAY = 150.0  # ms, of the loopback


def declare(to: ArgumentParser, settings: Callable[[ArgumentParser, tuple[str, ...]], None]) -> None:
    """Everything below ``calibrate``.  ``settings`` adds the options of the show's own settings by their names."""
    whats = to.add_subparsers(dest="what", metavar="WHAT", required=True)

    def command(name: str, about: str, *names: str) -> ArgumentParser:
        made: Any = whats.add_parser(
            name, help=about, description=about[0].upper() + about[1:] + ".", allow_abbrev=False
        )
        if names:
            made.add_argument("--config", type=Path, metavar="FILE", help="the show's settings; options go before it")
            settings(made, names)
        parser: ArgumentParser = made
        return parser

    wall = command("wall", "lay the picture where the camera sees the projector's light", *SCREEN, *CAMERA, *PLACING)
    _looking(wall)

    command("light", "measure the projector's black, contrast, gamma, white, and the camera's gamma", *SCREEN, *CAMERA)

    lens = command("lens", "measure how the camera's lens bends, with a printed board", *SCREEN, *CAMERA)
    lens.add_argument("--board", type=Path, metavar="FILE.png", help="only write the board, to be printed")
    lens.add_argument(
        "--pictures", type=Path, metavar="FOLDER", help="look at these pictures of the board, not through the camera"
    )

    latency = command("latency", "measure how late the camera's picture is", *SCREEN, *CAMERA)
    latency.add_argument(
        "--loopback",
        action="store_true",
        help="no screen and no camera: measure a delay that is known, to try the measuring itself",
    )
    latency.add_argument(
        "--delay", type=number(1, 900), default=DELAY, metavar="MS", help=f"of the loopback ({DELAY:g})"
    )

    room = command("room", "learn from the empty room from where on something moves", *CAMERA)
    room.add_argument(
        "--seconds", type=number(35, 600), default=ROOM_SECONDS, metavar="N", help=f"how long ({ROOM_SECONDS:g})"
    )
    _leaving(room)

    card = command("card", "show a test card, as the saved profile lays it, until a key is pressed", *SCREEN)
    card.add_argument("name", metavar="NAME", help="grid, circles, grey, colours, resolution or overlap")
    card.add_argument("--seconds", type=number(0.01, inf), metavar="N", help="end after this long")

    profiles = command("profiles", "list the projectors' profiles that are kept, or go back to one")
    profiles.add_argument("--display", metavar="TEXT", help="only of displays with this in their name")
    profiles.add_argument("--restore", type=int, metavar="N", help="go back to revision N")

    wizard = command(
        "wizard", "go through all of it, guided on the wall and on a page", *SCREEN, *CAMERA, *PLACING, *PAGE
    )
    _looking(wizard)
    _leaving(wizard)


def _looking(to: ArgumentParser) -> None:
    to.add_argument(
        "--camera-gamma",
        type=number(*CAMERA_GAMMAS),
        metavar="G",
        help=f"the camera's gamma; 1 for one whose levels are light (as `light` found it, else {CAMERA_GAMMA:g})",
    )
    to.add_argument("--rear", action="store_true", help="the camera looks at the screen from behind")


def _leaving(to: ArgumentParser) -> None:
    to.add_argument(
        "--leave", type=number(0, 600), default=LEAVING, metavar="N", help=f"seconds to leave the room ({LEAVING:g})"
    )


def number(low: float, high: float) -> Callable[[str], float]:
    """What turns an option's text into a number from ``low`` to ``high``."""

    def parsed(text: str) -> float:
        try:
            value = float(text)
        except ValueError:
            value = -inf
        if not low <= value <= high or value == inf:
            raise ArgumentTypeError(f"{text!r} is not a number from {low:g}" + (f" to {high:g}" if high < inf else ""))
        return value

    return parsed
