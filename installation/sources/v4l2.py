"""What Linux knows about its cameras: names, stable paths, modes.  Three questions to the kernel, no library."""

import errno
import fcntl
import os
import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

_QUERYCAP = 0x80685600  # _IOR('V', 0, struct v4l2_capability), 104 bytes
_ENUM_FMT = 0xC0405602  # _IOWR('V', 2, struct v4l2_fmtdesc), 64 bytes
_ENUM_SIZES = 0xC02C564A  # _IOWR('V', 74, struct v4l2_frmsizeenum), 44 bytes
_ENUM_RATES = 0xC034564B  # _IOWR('V', 75, struct v4l2_frmivalenum), 52 bytes
_CAPTURE = 0x1  # V4L2_CAP_VIDEO_CAPTURE, and the buffer type of the same name
_HAS_DEVICE_CAPS = 0x80000000
_DISCRETE = 1
_MOST = 256  # answers asked for in one list, in case a driver never says that it is done

Ioctl = Callable[[int, int, bytearray], int]


@dataclass(frozen=True, slots=True)
class Mode:
    """One way a camera can send pictures: ``format`` is a four-letter code, ``rates`` frames a second, high first."""

    format: str
    size: tuple[int, int]
    rates: tuple[float, ...]

    def __str__(self) -> str:
        rates = ", ".join(f"{rate:g}" for rate in self.rates)
        return f"{self.size[0]}x{self.size[1]} {self.format}" + (f" at {rates} fps" if rates else "")


@dataclass(frozen=True, slots=True)
class Node:
    """A camera: ``path`` /dev/videoN, ``stable`` a path under /dev/v4l that survives replugging (or ``path``)."""

    path: str
    name: str
    stable: str
    modes: tuple[Mode, ...] = ()


def nodes(
    dev: Path = Path("/dev"), sysfs: Path = Path("/sys/class/video4linux"), ioctl: Ioctl | None = None
) -> list[Node]:
    """The cameras of a Linux machine in order of their numbers, those that give no pictures (metadata) left out.

    A camera that may not be opened (another user's, permissions) is listed without modes, so that `devices` shows it.
    """
    found = []
    paths = [path for path in dev.glob("video*") if path.name[5:].isdigit()]
    for path in sorted(paths, key=lambda path: int(path.name[5:])):
        label = sysfs / path.name / "name"
        name = label.read_text(errors="replace").strip() if label.is_file() else path.name
        try:
            handle = os.open(path, os.O_RDWR | os.O_NONBLOCK)
        except OSError:
            found.append(Node(str(path), name, _stable(path, dev)))
            continue
        try:
            if _captures(handle, ioctl or _ioctl):
                found.append(Node(str(path), name, _stable(path, dev), tuple(_modes(handle, ioctl or _ioctl))))
        finally:
            os.close(handle)
    return found


def _ioctl(handle: int, request: int, block: bytearray) -> int:
    return int(fcntl.ioctl(handle, request, block))


def _stable(path: Path, dev: Path) -> str:
    for folder in ("by-id", "by-path"):
        for link in sorted((dev / "v4l" / folder).glob("*")):
            if link.resolve() == path.resolve():
                return str(link)
    return str(path)


def _captures(handle: int, ioctl: Ioctl) -> bool:
    block = bytearray(104)
    try:
        ioctl(handle, _QUERYCAP, block)
    except OSError:
        return False
    everything, this_node = struct.unpack_from("=II", block, 84)
    return bool((this_node if everything & _HAS_DEVICE_CAPS else everything) & _CAPTURE)


def _answers(handle: int, request: int, length: int, head: Callable[[int], bytes], ioctl: Ioctl) -> Iterator[bytearray]:
    for number in range(_MOST):
        block = bytearray(head(number).ljust(length, b"\0"))
        try:
            ioctl(handle, request, block)
        except OSError as error:
            if error.errno not in (errno.EINVAL, errno.ENOTTY):
                raise
            return
        yield block


def _modes(handle: int, ioctl: Ioctl) -> Iterator[Mode]:
    try:
        for block in _answers(handle, _ENUM_FMT, 64, lambda i: struct.pack("=II", i, _CAPTURE), ioctl):
            code = bytes(block[44:48])
            for size in _sizes(handle, code, ioctl):
                yield Mode(code.decode("ascii", "replace").strip(), size, _rates(handle, code, size, ioctl))
    except OSError:
        return  # unplugged while being asked


def _sizes(handle: int, code: bytes, ioctl: Ioctl) -> Iterator[tuple[int, int]]:
    for block in _answers(handle, _ENUM_SIZES, 44, lambda i: struct.pack("=I4s", i, code), ioctl):
        kind, *numbers = struct.unpack_from("=I6I", block, 8)
        if kind == _DISCRETE:
            yield numbers[0], numbers[1]
        else:  # any size between two: the largest stands for all
            yield numbers[1], numbers[4]
            return


def _rates(handle: int, code: bytes, size: tuple[int, int], ioctl: Ioctl) -> tuple[float, ...]:
    rates = []
    for block in _answers(handle, _ENUM_RATES, 52, lambda i: struct.pack("=I4sII", i, code, *size), ioctl):
        kind, above, below = struct.unpack_from("=III", block, 16)
        if above:
            rates.append(round(below / above, 2))
        if kind != _DISCRETE:  # any rate up to this one
            break
    return tuple(sorted(set(rates), reverse=True))
