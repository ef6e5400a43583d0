"""Camera lock: exposure, white balance and focus held as they are, for as long as pictures are compared.

Asked of the driver by Video4Linux's controls (linux/v4l2-controls.h).  OpenCV's properties for the same would do, but
they say neither whether a driver has a control nor what became of it.  A camera elsewhere, or one whose driver does
not let it be held, is a note and no refusal: a camera that changes on the way is told by its pictures.
"""

import errno
import fcntl
import os
import platform
import struct
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from types import TracebackType
from typing import Self

from installation.sources.v4l2 import Ioctl, Node

_GET = 0xC008561B  # _IOWR('V', 27, struct v4l2_control), 8 bytes
_SET = 0xC008561C  # _IOWR('V', 28, struct v4l2_control)
_ABSENT = {errno.EINVAL, errno.ENOTTY}


@dataclass(frozen=True, slots=True)
class Control:
    """What a camera does by itself: the switch for it, the switch's value when it does not, and what it then holds."""

    what: str
    switch: int
    by_hand: int
    value: int


CONTROLS = (
    Control("exposure", 0x009A0901, 1, 0x009A0902),  # V4L2_CID_EXPOSURE_AUTO: V4L2_EXPOSURE_MANUAL
    Control("gain", 0x00980912, 0, 0x00980913),
    Control("white balance", 0x0098090C, 0, 0x0098091A),
    Control("focus", 0x009A090C, 0, 0x009A090A),
)
OFTEN_ABSENT = {"gain", "focus"}  # no switch for it mostly means that there is nothing to hold


def device_of(name: str, cameras: Sequence[Node]) -> str | None:
    """The path of the camera that a source called ``name`` reads; None for a stream, or where it cannot be told."""
    word = name.removeprefix("camera ")
    if word == name or platform.system() != "Linux":
        return None
    for node in cameras:
        if word in {node.path, node.stable, node.path.removeprefix("/dev/video")} or f"({node.stable})" in word:
            return node.path
    if word.startswith("/dev/"):
        return os.path.realpath(word)
    return next((node.path for node in cameras if word.casefold() in node.name.casefold()), None)


class Lock:
    """Holds a camera still from `hold` until it is left; then everything is as it was.

    ``device``: the path of a camera, or None where there is none that could be held.
    """

    def __init__(self, device: str | None, ioctl: Ioctl | None = None) -> None:
        self._device, self._ioctl = device, ioctl or _ioctl
        self._handle: int | None = None
        self._undo: list[tuple[int, int]] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None = None,
        error: BaseException | None = None,
        trace: TracebackType | None = None,
    ) -> None:
        handle, self._handle = self._handle, None
        if handle is None:
            return
        for control, was in reversed(self._undo):
            with suppress(OSError):  # the camera is gone
                self._set(handle, control, was)
        self._undo.clear()
        os.close(handle)

    def hold(self) -> str:
        """Hold what the camera now does by itself; returns a line for the person, what is held and what is not."""
        if self._device is None:
            return "the exposure of this camera cannot be held from here: hold it in its own menu"
        if self._handle is None:
            try:
                self._handle = os.open(self._device, os.O_RDWR | os.O_NONBLOCK)
            except OSError as error:
                return f"{self._device} cannot be asked to hold its exposure: {error.strerror}"
        held = {control.what: self._held(self._handle, control) for control in CONTROLS}
        still = [what for what, is_held in held.items() if is_held]
        loose = [what for what, is_held in held.items() if is_held is False]
        lines = [f"the camera holds its {', '.join(still)}"] if still else []
        lines += [f"its driver does not let it hold its {', '.join(loose)}"] if loose else []
        return "; ".join(lines)

    def _held(self, handle: int, control: Control) -> bool | None:
        """Whether it is held now; None where there is nothing to hold."""
        try:
            was = self._get(handle, control.switch)
        except OSError as error:
            return None if control.what in OFTEN_ABSENT and error.errno in _ABSENT else False
        if was == control.by_hand:
            return True
        value: int | None = None
        with suppress(OSError):
            value = self._get(handle, control.value)
        try:
            self._set(handle, control.switch, control.by_hand)
        except OSError:
            return False
        self._undo.append((control.switch, was))
        if value is not None:
            with suppress(OSError):  # it was set by hand once, and goes back to that: what it did just now is wanted
                self._set(handle, control.value, value)
        return True

    def _get(self, handle: int, control: int) -> int:
        block = bytearray(struct.pack("=Ii", control, 0))
        self._ioctl(handle, _GET, block)
        return int(struct.unpack("=Ii", block)[1])

    def _set(self, handle: int, control: int, value: int) -> None:
        self._ioctl(handle, _SET, bytearray(struct.pack("=Ii", control, value)))


def _ioctl(handle: int, request: int, block: bytearray) -> int:
    return int(fcntl.ioctl(handle, request, block))
