"""What is around the show: permissions, controllers, the files of programs, room on the disk, the page's port."""

import errno
import os
import socket
import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from installation.checks.check import Check, broken, second, size_of, well
from installation.errors import SettingsError
from installation.settings import Settings

DEVICES = {  # what of /dev the show opens, the group that usually has it, what is lost without it
    "cameras": ("video*", "video", "no camera"),
    "MIDI": ("snd/seq", "audio", "no controller through ALSA"),
    "graphics": ("dri/renderD*", "render", "the processor draws"),
    "NVIDIA": ("nvidia[0-9]*", "video", "the processor dreams"),
}
PLENTY = 5_000_000_000  # bytes; with less a person is told


def permissions(
    settings: Settings,
    *,
    dev: Path = Path("/dev"),
    may: Callable[[Path], bool] = lambda path: os.access(path, os.R_OK | os.W_OK),
    groups: Callable[[], tuple[set[str], set[str]]] | None = None,
) -> Iterable[Check]:
    """Whether this person may open the devices that are there.

    ``groups``: those this process has, and those the person has been put in, which hold from the next login on.
    """
    if sys.platform != "linux":
        return
    now, soon = (groups or _groups)()
    seen = 0
    for what, (pattern, usual, lost) in DEVICES.items():
        if what == "MIDI" and settings.midi == "off":
            continue
        paths = sorted(dev.glob(pattern))
        shut = [path for path in paths if not may(path)]
        seen += bool(paths)
        if shut:
            group = _group_of(shut[0]) or usual
            again = group in soon - now
            mend = "log out and in again" if again else f"sudo usermod -aG {group} $USER, then log out and in again"
            said = f"{' '.join(map(str, shut))} may not be opened: {lost}"
            yield (second if what == "graphics" else broken)(what, said, mend)
        elif paths:
            yield well(what, f"{len(paths)} device{'s' * (len(paths) > 1)} may be opened")
    if not seen:
        yield well("devices", "none there that needs a permission")


def _groups() -> tuple[set[str], set[str]]:
    import grp
    import pwd

    def name(number: int) -> str:
        try:
            return grp.getgrgid(number).gr_name
        except KeyError:
            return str(number)

    try:
        user = pwd.getpwuid(os.getuid()).pw_name
    except KeyError:
        user = ""
    now = {name(number) for number in os.getgroups()}
    return now, now | {row.gr_name for row in grp.getgrall() if user in row.gr_mem}


def _group_of(path: Path) -> str | None:
    try:
        group = path.group()
    except (KeyError, OSError):
        return None
    return group if group != "root" else None


def midi(
    settings: Settings,
    *,
    driver: Callable[[], Any] | None = None,
    maps: Callable[[], object] | None = None,
) -> Iterable[Check]:
    """How MIDI is reached, which controllers are there, and whether the person's own maps can be read."""
    if settings.midi == "off":
        yield well("MIDI", "off, as asked")
        return
    try:
        (maps or _maps)()
    except SettingsError as error:
        yield broken("maps", str(error))
    asked = settings.midi.strip().lower()
    try:
        found = (driver or _driver)()
        try:
            ports = [name for name in found.inputs() if "Midi Through" not in name and "RtMidi" not in name]
        finally:
            found.close()
    except OSError as error:
        mend = "sudo modprobe snd-seq" if sys.platform == "linux" else ""
        yield (second if asked == "all" else broken)("MIDI", f"{error}; the keyboard turns every knob", mend)
        return
    for name in ports:
        yield well("MIDI", f"{name}, through {found.name}")
    if asked != "all" and not any(asked in name.lower() for name in ports):
        yield broken("MIDI", f"no controller with {settings.midi!r} in its name", "dreamwall midi lists them")
    elif not ports:
        yield well("MIDI", f"{found.name}, no controller plugged in; one may be plugged in at any time")


def _driver() -> Any:
    from installation.control.midi.drivers import find_driver

    return find_driver()


def _maps() -> object:
    from installation.control.midi.map import Maps

    return Maps.load()


def programs(settings: Settings) -> Iterable[Check]:
    """Whether the programs can be read, and whether the one to begin with is among them."""
    from installation.programs import Programs
    from installation.toml_file import user_folder

    own = settings.programs or user_folder() / "programs.toml"
    try:
        there = Programs.load(settings.programs)
        if settings.program is not None:
            there.find(settings.program)
    except SettingsError as error:
        yield broken("programs", str(error))
        return
    shipped = settings.programs is None and not own.exists()
    yield well("programs", f"{len(there)}, " + (f"those that ship; yours go in {own}" if shipped else f"of {own}"))


def disk(
    settings: Settings,
    *,
    free: Callable[[Path], int] | None = None,
    may_write: Callable[[Path], bool] = lambda path: os.access(path, os.W_OK | os.X_OK),
) -> Iterable[Check]:
    """Whether there is room where snapshots and recordings are kept."""
    from installation.sinks.keeper import LEAST, free_space, keep_folder

    folder = keep_folder(settings.keep)
    there = next((path for path in (folder, *folder.parents) if path.exists()), folder)
    if not there.is_dir() or not may_write(there):
        why = "may not be written to" if there.is_dir() else "is not a folder"
        yield broken("pictures", f"{folder}: {there} {why}", "dreamwall --keep FOLDER")
        return
    room = (free or free_space)(folder)
    said = f"go in {folder}, {size_of(room)} free"
    if room >= PLENTY:
        yield well("pictures", said)
    else:
        yield (broken if room < LEAST else second)(
            "pictures", said, f"free some of {there}, or dreamwall --keep FOLDER"
        )


def page(settings: Settings, *, listen: Callable[[str, int], None] | None = None) -> Iterable[Check]:
    """Whether the operator's page can answer where it is asked to."""
    if not settings.page:
        yield well("page", "off, as asked")
        return
    where = f"{settings.page_host}:{settings.port}"
    try:
        (listen or _listen)(settings.page_host, settings.port)
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            what = f"port {settings.port} is taken, perhaps by a show that runs; the page takes the next free one"
            yield second("page", what, f"ss -ltnp 'sport = :{settings.port}' says by what")
        else:
            yield broken("page", f"cannot answer on {where}: {error.strerror or error}", "ip address lists what can be")
        return
    yield well("page", f"http://{where}/ is free")


def _listen(host: str, port: int) -> None:
    family, _, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        probe.bind(address)
        probe.listen(1)
