"""The camera's own judgement, with a scripted device in OpenCV's place.  No real camera is touched here."""

import errno
import struct
from pathlib import Path

import cv2
import numpy as np
import pytest

from fakes import FakeCapture, plain
from installation.clock import HandClock
from installation.errors import SourceError
from installation.sources import v4l2
from installation.sources.camera import Camera, FirstCamera
from installation.sources.v4l2 import Mode, Node, nodes


def read_until(camera: Camera, clock: HandClock, limit: float) -> str:
    """Read until the camera gives up; its message.  Fails after ``limit`` seconds of the clock."""
    begin = clock.now()
    while clock.now() - begin < limit:
        try:
            camera.read()
        except SourceError as error:
            return str(error)
    pytest.fail(f"still reading after {limit} s")


def test_it_asks_for_what_it_was_told() -> None:
    """Size, rate and MJPG are asked of the device, and no queue of old pictures."""
    device = FakeCapture(HandClock())
    with Camera(0, HandClock(), size=(800, 600), fps=25, capture=lambda _: device):
        assert device.asked[cv2.CAP_PROP_FRAME_WIDTH] == 800
        assert device.asked[cv2.CAP_PROP_FRAME_HEIGHT] == 600
        assert device.asked[cv2.CAP_PROP_FPS] == 25
        assert device.asked[cv2.CAP_PROP_FOURCC] == cv2.VideoWriter.fourcc(*"MJPG")
        assert device.asked[cv2.CAP_PROP_BUFFERSIZE] == 1
    assert device.released == 1


def test_a_frame_carries_the_moment_of_its_grab() -> None:
    """``frame.time`` is the clock when the picture came."""
    clock = HandClock(50.0)
    with Camera(0, clock, capture=lambda _: FakeCapture(clock)) as camera:
        frame = camera.read()
    assert frame is not None
    assert frame.time == pytest.approx(50 + 1 / 30)


def test_a_picture_that_repeats_is_no_frame_and_after_a_second_no_camera() -> None:
    """Byte-identical pictures are not given as frames; after one second of them the camera is gone, in one line."""
    clock = HandClock()
    device = FakeCapture(clock)
    with Camera("/dev/null", clock, capture=lambda _: device) as camera:
        assert camera.read() is not None
        device.frozen = True
        begin = clock.now()
        assert camera.read() is None
        said = read_until(camera, clock, 3.0)
        assert 0.9 < clock.now() - begin < 1.2
    assert "repeats one picture" in said
    assert "/dev/null" in said
    assert "\n" not in said


def test_a_dead_camera_that_opens_again_with_its_old_picture_is_still_dead() -> None:
    """Opened anew, a device that goes on repeating its last picture gives no frame at all."""
    clock = HandClock()
    device = FakeCapture(clock)
    camera = Camera(0, clock, capture=lambda _: device)
    with camera:
        camera.read()
    device.frozen = True
    with camera:
        assert camera.read() is None
        device.frozen = False
        assert camera.read() is not None


def test_one_changed_byte_is_a_new_picture() -> None:
    """A still room through a camera's noise is not taken for a dead camera."""
    clock = HandClock()

    class Quiet(FakeCapture):
        def retrieve(self) -> tuple[bool, np.ndarray | None]:
            picture = plain(80, 80, 80)
            picture[1 + self._count % 30, 5, 1] += 1
            return True, picture

    with Camera(0, clock, capture=lambda _: Quiet(clock)) as camera:
        assert all(camera.read() is not None for _ in range(60))


def test_failing_reads_are_a_camera_gone() -> None:
    """A device whose reads fail at once is given up after a second, without a busy loop."""
    clock = HandClock()
    device = FakeCapture(clock)
    with Camera(0, clock, capture=lambda _: device) as camera:
        camera.read()
        device.dead = True
        assert "gives no pictures" in read_until(camera, clock, 3.0)


def test_a_slow_start_is_allowed() -> None:
    """A sensor that takes nearly two seconds for its first picture is waited for."""
    clock = HandClock()
    device = FakeCapture(clock)
    device.dead = True
    with Camera(0, clock, capture=lambda _: device) as camera:
        while clock.now() < 1.5:
            assert camera.read() is None
        device.dead = False
        assert camera.read() is not None


def test_a_virtual_camera_may_stand_still() -> None:
    """With ``stale=None`` repeated pictures are frames."""
    clock = HandClock()
    device = FakeCapture(clock)
    device.frozen = True
    with Camera(0, clock, stale=None, capture=lambda _: device) as camera:
        assert all(camera.read() is not None for _ in range(60))


def test_an_index_is_a_number_a_path_is_followed_and_a_name_is_looked_up(tmp_path: Path) -> None:
    """0, a stable path that links to a device, and part of a name all find their camera, anew at each enter."""
    clock = HandClock()
    opened: list[int | str] = []

    def capture(device: int | str) -> FakeCapture:
        opened.append(device)
        return FakeCapture(clock)

    node, link = tmp_path / "video3", tmp_path / "usb-Logitech"
    node.touch()
    link.symlink_to(node)
    listed = [Node("/dev/video0", "Integrated IR", "/dev/video0"), Node("/dev/video2", "HD Pro Webcam C920", "x")]
    for device in (0, "1", str(link), "c920"):
        with Camera(device, clock, capture=capture, cameras=lambda: listed):
            pass
    assert opened == [0, 1, str(node), "/dev/video2"]


def test_what_is_not_there_is_said_in_one_line() -> None:
    """An absent path, an unknown name and a device that does not open: what, and what to do."""
    clock = HandClock()
    listed = [Node("/dev/video0", "Integrated IR", "/dev/video0")]
    absent = FakeCapture(clock, there=False)
    for device, said in (("/dev/v4l/by-id/none", "plug it in"), ("C920", "'Integrated IR'"), (3, "another program")):
        with pytest.raises(SourceError, match=said) as failure:
            Camera(device, clock, capture=lambda _: absent, cameras=lambda: listed).__enter__()
        assert "\n" not in str(failure.value)
    assert absent.released == 1


def test_the_first_camera_is_the_first_that_gives_frames() -> None:
    """One that does not open and one that opens and gives nothing are passed over; none that works is an error."""
    clock = HandClock()
    listed = [Node(str(i), f"Cam {i}", str(i)) for i in range(3)]
    devices = [FakeCapture(clock, there=False), FakeCapture(clock), FakeCapture(clock)]
    devices[1].dead = True
    found = FirstCamera(clock, capture=lambda i: devices[int(i)], cameras=lambda: listed)
    with found:
        assert "Cam 2" in found.name
        assert found.read() is not None
    assert [device.released for device in devices] == [1, 1, 1]
    with pytest.raises(SourceError):
        FirstCamera(clock, capture=lambda i: devices[int(i)], cameras=lambda: listed[:2]).__enter__()


def test_a_camera_plugged_in_later_is_found() -> None:
    """A wall that opened without a camera takes the first one that is put in."""
    clock = HandClock()
    listed: list[Node] = []
    source = FirstCamera(clock, capture=lambda _: FakeCapture(clock), cameras=lambda: listed)
    with pytest.raises(SourceError, match="none is plugged in"):
        source.__enter__()
    listed.append(Node("0", "Late Cam", "0"))
    with source:
        assert source.read() is not None
    assert "Late Cam" in source.name


def test_grey_pictures_become_rgb() -> None:
    """An infrared or industrial camera's grey pictures are shown grey."""
    clock = HandClock()

    class Grey(FakeCapture):
        def retrieve(self) -> tuple[bool, np.ndarray | None]:
            return True, np.full((48, 64), 77, np.uint8)

    with Camera(0, clock, capture=lambda _: Grey(clock)) as camera:
        frame = camera.read()
    assert frame is not None
    assert (frame.pixels == 77).all()


class Kernel:
    """Answers the four questions of `v4l2` as the kernel does, for one camera and one metadata node."""

    sizes = ((1280, 720), (640, 480))
    rates = ((1, 30), (1, 15))

    def __init__(self, dev: Path) -> None:
        self.dev = dev

    def __call__(self, handle: int, request: int, block: bytearray) -> int:
        path = Path(f"/proc/self/fd/{handle}").resolve()
        if request == v4l2._QUERYCAP:  # struct v4l2_capability: capabilities at 84, device_caps at 88
            struct.pack_into("=II", block, 84, 0x84A00001, 0x04200001 if path.name == "video0" else 0x04A00000)
            return 0
        index = struct.unpack_from("=I", block)[0]
        if request == v4l2._ENUM_FMT:
            self._end(index, 1)
            block[44:48] = b"MJPG"
        elif request == v4l2._ENUM_SIZES:
            self._end(index, len(self.sizes))
            assert block[4:8] == b"MJPG"
            struct.pack_into("=III", block, 8, 1, *self.sizes[index])
        else:
            self._end(index, len(self.rates))
            assert struct.unpack_from("=II", block, 8) in self.sizes
            struct.pack_into("=III", block, 16, 1, *self.rates[index])
        return 0

    def _end(self, index: int, count: int) -> None:
        if index >= count:
            raise OSError(errno.EINVAL, "no more")


def test_cameras_are_listed_with_name_stable_path_and_modes(tmp_path: Path) -> None:
    """`devices` shows each camera's name, the path that survives replugging and its modes, and no metadata node."""
    dev, sysfs = tmp_path / "dev", tmp_path / "sys"
    (dev / "v4l/by-id").mkdir(parents=True)
    for name, label in (("video0", "HD Webcam C920\n"), ("video1", "HD Webcam C920\n")):
        (dev / name).touch()
        (sysfs / name).mkdir(parents=True)
        (sysfs / name / "name").write_text(label)
    stable = dev / "v4l/by-id/usb-C920-index0"
    stable.symlink_to(dev / "video0")
    found = nodes(dev, sysfs, Kernel(dev))
    assert [(node.path, node.name, node.stable) for node in found] == [
        (str(dev / "video0"), "HD Webcam C920", str(stable))
    ]
    assert found[0].modes == (Mode("MJPG", (1280, 720), (30.0, 15.0)), Mode("MJPG", (640, 480), (30.0, 15.0)))
    assert str(found[0].modes[0]) == "1280x720 MJPG at 30, 15 fps"
    assert nodes(tmp_path / "none", sysfs) == []
