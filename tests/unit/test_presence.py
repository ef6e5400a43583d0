"""Presence: an empty room is empty, a person is a person."""

import itertools
import math

import cv2
import numpy as np
import pytest

from fakes import plain
from installation.frame import Frame
from installation.knobs import Look
from installation.stages.presence import Presence
from installation.veil import Veil
from shared_material import CLIPS, needs_clips

ROOM = "room_person.mp4"
# When somebody is in the room of that recording, in seconds: by hand, from its pictures.
SOMEBODY = ((5.8, 20.3), (22.6, 45.3), (49.9, 70.6), (74.3, 87.4), (91.9, 120.7), (123.3, 136.6))


def a_room(seed=1, size=(256, 144)):
    """A picture of a room: large and small shapes of many greys."""
    rng = np.random.default_rng(seed)
    coarse = cv2.resize(rng.uniform(30, 220, (6, 9, 3)), size, interpolation=cv2.INTER_CUBIC)
    return np.clip(coarse + cv2.resize(rng.normal(0, 25, (30, 50, 3)), size), 5, 250)


class Watching:
    """Shows pictures to a presence, twenty refreshes and ``fps`` frames a second, and keeps what it said."""

    def __init__(self, fps=10, **given):
        self.presence = Presence(**given)
        self.fps, self.now, self.index = fps, 100.0, 0
        self.noises = {}
        self.moved = []
        self.frame = None

    def play(self, seconds, picture, noise=3.0, look=None):
        """``picture(t)``: the scene at t seconds from here, float; returns how long nobody has been seen."""
        begun = self.now
        for n in range(round(seconds * 20)):
            if n % round(20 / self.fps) == 0:
                scene = picture(self.now - begun)
                noisy = scene + noise * self.noise(scene.shape[:2])
                self.index += 1
                self.frame = Frame(np.clip(noisy, 0, 255).astype(np.uint8), self.index, self.now)
            self.presence.see(self.frame, Veil(), look or Look(), self.now)
            self.moved.append(self.presence.moving)
            self.now += 1 / 20
        return self.presence.alone_for(self.now)

    def noise(self, shape):
        """One of nine fields in turn: drawing a new one for each picture takes longer than all the rest."""
        if shape not in self.noises:
            self.noises[shape] = np.random.default_rng(5).standard_normal((9, *shape, 1))
        return self.noises[shape][self.index * 4 % 9]


def with_person(room, x, sway=0.0):
    """Somebody dark, a tenth of the picture wide, at ``x`` from left 0 to right 1."""
    picture = room.copy()
    height, width = picture.shape[:2]
    left = round((x + sway) * width)
    picture[height // 3 :, max(0, left - width // 20) : max(1, left + width // 20)] = 25
    return picture


def test_an_empty_room_is_empty():
    """Noise, daylight that comes and goes, and an exposure that hunts are nobody."""
    room, watching = a_room(), Watching()
    assert watching.play(8, lambda t: room, noise=8) > 7.9
    assert watching.play(10, lambda t: room * (1 - 0.03 * t)) > 17.9
    assert watching.play(6, lambda t: room * (0.7 + (0.06 if int(2 * t) % 2 else -0.06))) > 23.9
    window = np.linspace(0.75, 1.0, room.shape[1])[None, :, None]
    assert watching.play(40, lambda t: 0.7 * room * (1 - (1 - window) * t / 40)) > 63.9
    assert not any(watching.moved)


def test_somebody_comes_stands_and_goes():
    """Who comes is noticed within half a second and is not lost while standing; then the room is empty again."""
    room, watching = a_room(), Watching()
    assert watching.play(10, lambda t: room) > 9.9
    assert watching.play(0.5, lambda t: with_person(room, 0.3 * t)) < 0.5
    assert watching.play(3, lambda t: with_person(room, 0.15 + 0.1 * t)) < 0.2
    for _ in range(10):  # breathes, and moves by a pixel now and then
        assert watching.play(4, lambda t: with_person(room, 0.45, 0.004 * math.sin(t))) < 0.2
    watching.play(3, lambda t: with_person(room, 0.45 + 0.25 * t))
    assert 7.0 < watching.play(10, lambda t: room) < 9.9


def test_somebody_who_stands_like_a_statue():
    """Thirty seconds without the least movement are not yet an empty room; and who then leaves leaves no ghost."""
    room, watching = a_room(), Watching()
    watching.play(10, lambda t: room)
    watching.play(3, lambda t: with_person(room, 0.2 * t))
    assert watching.play(30, lambda t: with_person(room, 0.6)) < 0.2
    watching.play(2, lambda t: with_person(room, 0.6 + 0.3 * t))
    assert 7.0 < watching.play(10, lambda t: room) < 9.9


def test_a_chair_that_was_left_is_nobody_before_long():
    """What was moved and then stands becomes part of the room, in a minute and a half at most."""
    room, watching = a_room(), Watching(fps=5)
    watching.play(10, lambda t: room)
    watching.play(2, lambda t: with_person(room, 0.3 * t))
    assert watching.play(110, lambda t: with_person(room, 0.6)) > 20


def test_the_light_is_switched():
    """A lamp that goes on and changes half of the room is somebody's doing, once, and then the room."""
    room, watching = a_room(), Watching()
    watching.play(10, lambda t: 0.5 * room)
    lit = room * np.linspace(0.4, 1.0, room.shape[1])[None, :, None]
    assert watching.play(0.6, lambda t: lit) < 0.5
    assert watching.play(90, lambda t: lit) > 10


def test_the_same_frame_says_nothing_new():
    """A camera that is slower than the screen is looked at once a picture; one that hangs does not move."""
    watching = Watching(fps=2)
    room = a_room()
    assert watching.play(15, lambda t: room) > 14.9


def test_while_the_picture_is_held():
    """Nothing is known of who comes and goes during a freeze, so nobody is missed for its length."""
    room, watching = a_room(), Watching()
    watching.play(5, lambda t: room)
    assert watching.play(60, lambda t: room, look=Look(freeze=True)) == pytest.approx(5.0, abs=0.1)


def test_clouds_are_nobody():
    """While the understudy plays nobody is in front, however it moves; when the camera is back people are seen."""
    there = [True]
    room, watching = a_room(), Watching(camera_there=lambda: there[0])
    watching.play(6, lambda t: room)
    there[0] = False
    assert watching.play(20, lambda t: a_room(int(10 * t))) > 25.9
    there[0] = True
    assert watching.play(4, lambda t: room if t > 0.4 else a_room(99)) > 29.9
    assert watching.play(2, lambda t: with_person(room, 0.4 * t)) < 0.2


def test_another_camera():
    """A picture of another shape, or a small one, or a dark one, is begun with anew and is nobody."""
    watching = Watching()
    for room in (a_room(), a_room(2, (640, 480)), a_room(3, (48, 30)), np.zeros((90, 160, 3)), plain(255, 255, 255)):
        watching.play(4, lambda t, room=room: room.astype(float), noise=1.0)
    assert watching.presence.alone_for(watching.now) > 19.9


def through(presence, path, start):
    """Plays a recording to it; (seconds, moving, alone for) at every frame."""
    capture = cv2.VideoCapture(str(path))
    fps, said = capture.get(cv2.CAP_PROP_FPS), []
    while True:
        there, picture = capture.read()
        if not there:
            return said
        at = len(said) / fps
        presence.see(Frame(np.ascontiguousarray(picture[..., ::-1]), len(said), start + at), Veil(), Look(), start + at)
        said.append((at, presence.moving, presence.alone_for(start + at)))


@needs_clips
def test_a_real_room():
    """Six people come to a table one after the other and leave: each is seen when entering, none is lost while
    standing there, and the room is called empty within two and a half seconds after they have left.
    """
    said = through(Presence(), CLIPS / ROOM, 1000.0)
    assert not any(moving for at, moving, _ in said if at < 5.4)
    assert max(alone for at, _, alone in said if at < 5.4) > 5.0
    for number, (comes, goes) in enumerate(SOMEBODY):
        seen = next(at for at, _, alone in said if at > comes - 0.5 and alone < 0.1)
        assert seen < comes + 0.4, number
        assert max(alone for at, _, alone in said if comes + 0.5 < at < goes) < 1.0, number
    for (_, goes), (comes, _) in itertools.pairwise(SOMEBODY):
        if comes - goes > 3.5:
            quiet = [at for at, moving, _ in said if goes < at < comes - 0.6 and not moving]
            assert quiet and quiet[0] < goes + 2.5


@needs_clips
@pytest.mark.parametrize("name", ["asl_bird.mkv", "asl_book.mkv", "asl_sister.mkv"])
def test_a_real_person_gestures(name):
    """Somebody who signs at a webcam moves, all the time from the first verdict on."""
    said = through(Presence(), CLIPS / name, 0.0)
    assert max(alone for at, _, alone in said if at > 1.95) < 0.5
