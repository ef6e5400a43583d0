"""What each ``dreamwall calibrate …`` does: open what it needs, follow the steps, keep what was found, say so."""

import signal
from argparse import Namespace
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager, suppress
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

from calibration import shelf
from calibration.cards import card
from calibration.lens import Board
from calibration.profile import Profile, ProfileError
from installation.calibrate import camera_gamma, lens, photometry, profiles, room
from installation.calibrate.camera_eye import CameraEye
from installation.calibrate.cards import card_shown
from installation.calibrate.latency import Loopback, latency_seen
from installation.calibrate.lock import Lock, device_of
from installation.calibrate.screen_wall import ScreenWall
from installation.calibrate.seam import CalibrationError, Eye, Follow, Stopped, Wall, followed
from installation.calibrate.wall import base_of, told, wall_seen
from installation.clock import Clock, HandClock, WallClock
from installation.compose import Placing
from installation.errors import DreamwallError, SettingsError, SinkError
from installation.settings import Settings
from installation.sinks.projection import Projection
from installation.sources.camera import list_cameras
from installation.toml_file import user_folder

STOPPED = 130  # exit code, as of every command that Ctrl+C ends
Say = Callable[[str], None]


@dataclass(frozen=True)
class Tools:
    """What the commands take hold of; tests hand in a simulated wall and a clock that is moved by hand.

    ``follow``: drives a calibration, in the terminal or elsewhere; ``tell``: takes what a command was asked for, where
    ``say`` has the rest.  ``cards``: the wall of a test card, warped by the profile that is kept.
    """

    clock: Clock
    wall: Callable[[Settings, Clock], AbstractContextManager[Wall]] = ScreenWall
    eye: Callable[[Settings, Clock], AbstractContextManager[Eye]] = CameraEye
    lock: Callable[[str], Lock] = lambda name: Lock(device_of(name, list_cameras()))
    now: Callable[[], datetime] = datetime.now
    follow: Follow = followed
    tell: Say = print
    cards: Callable[[Settings, Clock, Projection], AbstractContextManager[Wall]] = lambda settings, clock, projection: (
        ScreenWall(settings, clock, projection, any_key=True)
    )


Do = Callable[[Namespace, Settings, Say, Tools], int]


def calibrate(options: Namespace, settings: Settings, say: Say, tools: Tools | None = None) -> int:
    """Do what ``options.what`` names; returns the exit code, 130 when a person ended it.

    Raises a DreamwallError, one line, for everything that is refused; nothing that was kept before is then touched.
    """
    try:
        with _ending_on_signals():
            return DO[options.what](options, settings, say, tools or Tools(WallClock()))
    except (Stopped, KeyboardInterrupt):
        say("stopped: nothing was kept")
        return STOPPED


def _wall(options: Namespace, settings: Settings, say: Say, tools: Tools) -> int:
    folder = profiles_folder()
    placing = Placing(mirror=settings.mirror, rotate=settings.rotate, cover=settings.fit == "cover")
    try:
        with ExitStack() as stack:
            eye = stack.enter_context(tools.eye(settings, tools.clock))  # a camera that is not there is told first
            lock = stack.enter_context(tools.lock(eye.name))
            wall = stack.enter_context(tools.wall(settings, tools.clock))
            steps = wall_seen(
                wall,
                eye,
                hold=lock.hold,
                base=base_of(folder, wall, say),
                placing=placing,
                asked=settings.camera_size,
                gamma=camera_gamma.gamma_of(eye.name, say) if options.camera_gamma is None else options.camera_gamma,
                rear=options.rear,
                lens_of=lambda size: lens.kept(size, say),
            )
            seen = tools.follow(steps, say)
    except DreamwallError as error:
        raise CalibrationError(f"{error}; no profile was changed") from error
    for line in told(seen):
        say(line)
    wide, high = seen.mapping.camera
    how = seen.laid.profile.seen_with
    origin = f"calibrate wall, {eye.name} {wide}x{high}, {how}, {seen.laid.missed[0]:.1f} px"
    saved = profiles.save(folder, seen.laid.profile, origin, tools.now(), say)
    path = shelf.path_of(folder, saved.display, saved.size)
    say(f"{path}: revision {saved.revision}; it holds for this camera's place and {how}")
    return 0


def _light(options: Namespace, settings: Settings, say: Say, tools: Tools) -> int:  # noqa: ARG001
    folder = profiles_folder()
    try:
        with ExitStack() as stack:
            eye = stack.enter_context(tools.eye(settings, tools.clock))
            lock = stack.enter_context(tools.lock(eye.name))
            wall = stack.enter_context(tools.wall(settings, tools.clock))
            base = photometry.profile_before(folder, wall)
            found = tools.follow(photometry.light_seen(wall, eye, hold=lock.hold), say)
    except DreamwallError as error:
        raise CalibrationError(f"{error}; no profile was changed") from error
    for note in found.notes:
        say(note)
    for line in photometry.told(found):
        tools.tell(line)
    wide, high = found.size
    origin = f"calibrate light, {eye.name} {wide}x{high}, gamma {found.gamma:.2f}"
    saved = profiles.save(folder, replace(base, gamma=found.gamma), origin, tools.now(), say)
    path = shelf.path_of(folder, saved.display, saved.size)
    say(f"{path}: revision {saved.revision}; soft edges and masks are made for gamma {saved.gamma:.2f}")
    path = camera_gamma.keep(found.camera, eye.name, tools.now().isoformat(timespec="seconds"))
    say(f"{path}: `dreamwall calibrate wall` takes the camera's gamma from it, unless --camera-gamma says another")
    return 0


def _lens(options: Namespace, settings: Settings, say: Say, tools: Tools) -> int:
    board = Board()
    if options.board is not None:
        say(lens.write_board(options.board, board))
        return 0
    if options.pictures is not None:
        camera, found = str(options.pictures), tools.follow(lens.lens_of_pictures(options.pictures, board), say)
    else:
        with ExitStack() as stack:
            eye = stack.enter_context(tools.eye(settings, tools.clock))
            wall: Wall | None = None
            try:
                wall = stack.enter_context(tools.wall(settings, tools.clock))
            except SinkError as error:
                say(f"what the camera sees is not shown: {error}")
            camera, found = eye.name, tools.follow(lens.lens_seen(eye, tools.clock, board, wall), say)
    path = lens.keep(found, camera, tools.now().isoformat(timespec="seconds"))
    across = found.matrix[0, 0] / found.size[0]
    say(
        f"{path}: from {found.views} views, {found.error:.2f} px off; the focal length is {across:.2f} of the "
        f"picture's width, {found.size[0]}x{found.size[1]}"
    )
    return 0


def _latency(options: Namespace, settings: Settings, say: Say, tools: Tools) -> int:
    if options.loopback:
        loopback = Loopback(options.delay / 1000, HandClock())
        found = tools.follow(latency_seen(loopback, loopback), say)
        off = 1000 * found.median - options.delay
        tools.tell(f"{found}; put in were {options.delay:g} ms, so it is {abs(off):.1f} ms off")
        return 0
    with ExitStack() as stack:
        eye = stack.enter_context(tools.eye(settings, tools.clock))
        lock = stack.enter_context(tools.lock(eye.name))
        wall = stack.enter_context(tools.wall(settings, tools.clock))
        note = lock.hold()
        if note:
            say(note)
        found = tools.follow(latency_seen(wall, eye), say)
    tools.tell(f"{found}; a picture every {1000 * found.interval:.0f} ms, so a visitor waits up to that much more")
    return 0


def _room(options: Namespace, settings: Settings, say: Say, tools: Tools) -> int:
    with tools.eye(settings, tools.clock) as eye:
        camera = eye.name
        learned = tools.follow(room.room_seen(eye, tools.clock, options.seconds, options.leave), say)
    path = room.keep(learned, camera, tools.now().isoformat(timespec="seconds"))
    for note in learned.notes:
        say(note)
    found = learned.thresholds
    say(
        f"{path}: movement from a change of {found.faintest:.1%}, somebody standing there from {found.apart:.0%}, flow "
        f"from {found.still[0]:.2f} px; the next show takes it"
    )
    return 0


def _card(options: Namespace, settings: Settings, say: Say, tools: Tools) -> int:
    folder = profiles_folder()
    with tools.cards(settings, tools.clock, Projection(folder, say)) as wall:
        profile = Profile.plain(wall.name, wall.size)
        try:
            profile = shelf.load(folder, wall.name, wall.size) or profile
        except ProfileError:
            pass  # the projection says so
        try:
            picture = card(options.name, profile.picture_size, wall.name, profile.edges)
        except ValueError as error:
            raise SettingsError(str(error)) from error
        with suppress(Stopped):  # that is how it ends
            tools.follow(card_shown(wall, tools.clock, picture, options.name, options.seconds), say)
    return 0


def _profiles(options: Namespace, settings: Settings, say: Say, tools: Tools) -> int:  # noqa: ARG001
    if options.restore is not None:
        say(profiles.restore(profiles_folder(), options.restore, options.display, tools.now()))
    else:
        print("\n".join(profiles.listing(profiles_folder(), options.display)))
    return 0


def _wizard(options: Namespace, settings: Settings, say: Say, tools: Tools) -> int:
    from installation.calibrate.wizard_run import guided  # it needs a web server, which no other command does

    return guided(options, settings, say, tools, DO)


DO: dict[str, Do] = {
    "wall": _wall,
    "light": _light,
    "lens": _lens,
    "latency": _latency,
    "room": _room,
    "card": _card,
    "profiles": _profiles,
    "wizard": _wizard,
}


def profiles_folder() -> Path:
    """Where the show looks for the projectors' profiles."""
    return user_folder() / "profiles"


@contextmanager
def _ending_on_signals() -> Iterator[None]:
    """A polite kill ends it as Ctrl+C does: the camera's controls are given back."""
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
