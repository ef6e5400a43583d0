"""The still-room watch: what stands, what is black or white or no picture at all, and what is none of it."""

import itertools
from dataclasses import replace

import cv2
import numpy as np
import pytest

from fakes import plain
from installation.frame import Frame
from installation.knobs import Look
from installation.stages.standing import Standing
from installation.veil import Carried, Veil
from shared_material import CLIPS, PHOTOS, needs_clips, needs_photos

SIZE = 320, 240
OPEN = np.zeros((60, 80, 3), np.float32)  # carried from right here, trusted
OPEN[..., 2] = 1.0
rng = np.random.default_rng(4)
TEXTURES = [cv2.resize(rng.normal(0, 0.6, (30, 40, 3)).astype(np.float32), SIZE) for _ in range(8)]
NOISES = rng.standard_normal((9, 240, 320, 3)).astype(np.float32)


@pytest.fixture(autouse=True)
def the_same_chance():
    """Every test draws the same numbers, whatever ran before it."""
    rng.bit_generator.state = np.random.default_rng(7).bit_generator.state


def photograph():
    """A scene of many greys, and of the sizes of things that cameras see."""
    coarse = cv2.resize(rng.uniform(20, 235, (9, 12, 3)), SIZE, interpolation=cv2.INTER_CUBIC)
    return np.clip(coarse + cv2.resize(rng.normal(0, 20, (60, 80, 3)), SIZE), 0, 255).astype(np.float32)


def noisy(picture, level):
    return np.clip(picture + level * NOISES[rng.integers(9)], 0, 255).astype(np.uint8)


def converging(t):
    """A dream that grows for two minutes on end and trembles by some levels, as measured on the real one."""
    share = min(t / 120.0, 1.0)
    field = (1 - share) * TEXTURES[0] + share * TEXTURES[1]
    return field + 0.06 * TEXTURES[2 + int(7 * t) % 5]


def veil(field, weight=0.5):
    half = np.asarray(field, np.float32)
    return Veil((Carried(half, OPEN, weight), Carried(half, OPEN, 1.0 - weight)))


def watch(standing, seconds, picture, dream=lambda t: TEXTURES[0], look=None, begin=0.0, rate=2):
    """Show it so; what the watch says at every refresh."""
    said = []
    for n in range(round(seconds * rate)):
        t = begin + n / rate
        standing.see(Frame(picture(t), n, t), veil(dream(t)), look or Look(), t)
        said.append(standing.trouble(t))
    return said


@pytest.mark.parametrize("noise", [0, 6])
def test_a_photograph_and_a_dream_that_converges(noise):
    """While the dream grows all is well; once it only trembles, over a camera that only has noise, it stands."""
    scene = photograph()
    said = watch(Standing(), 260, lambda t: noisy(scene, noise), converging)
    grew, stood = said[: 100 * 2], said[-1]
    assert max((trouble[1] for trouble in grew if trouble), default=0.0) < 60
    assert stood[0] == "static" and 90 < stood[1] < 190


def test_a_hand_that_moves_far_away():
    """Somebody who takes a fiftieth of the picture and waves keeps it alive, over the most settled dream."""
    scene = photograph()

    def waving(t):
        picture = scene.copy()
        left = 250 + round(15 * np.sin(2.1 * t))
        picture[100:130, left : left + 30] = 240 - picture[100:130, left : left + 30] / 2
        return noisy(picture, 4)

    assert set(watch(Standing(), 60, waving)) == {None}


def test_a_cloud_before_the_sun_is_no_movement():
    """Light that changes for the whole picture alike leaves it standing."""
    scene = 0.7 * photograph() + 25  # clear of black, where light that goes changes nothing
    said = watch(Standing(), 80, lambda t: noisy(scene + 15 * np.sin(t / 9), 3))
    assert said[-1] is not None and said[-1][0] == "static" and said[-1][1] > 70


def test_a_dream_that_moves_over_a_still_room():
    """A dream that wanders on keeps the wall alive, also where the camera sees nothing but walls."""
    scene = photograph()

    def turning(t):
        turn = cv2.getRotationMatrix2D((160, 120), 4 * t, 1.0)
        return cv2.warpAffine(TEXTURES[0], turn, SIZE, borderMode=cv2.BORDER_REFLECT)

    assert set(watch(Standing(), 60, lambda t: noisy(scene, 3), turning)) == {None}


def test_black_white_and_what_is_no_number():
    """Each is told after a few seconds, by its name, for as long as it lasts, and no longer."""
    scene, nothing = noisy(photograph(), 0), np.zeros_like(TEXTURES[0])
    broken = nothing.copy()
    broken[100, 100, 1] = np.nan
    cases = {
        "black": (plain(3, 3, 3, SIZE), nothing),
        "saturated": (plain(255, 255, 255, SIZE), nothing),
        "not a number": (scene, broken),
    }
    for name, (picture, field) in cases.items():
        standing = Standing()
        said = watch(standing, 31, lambda t, p=picture: p, lambda t, f=field: f)
        assert said[3] is None and said[-1] == (name, pytest.approx(30.0))
        assert watch(standing, 3, lambda t: scene, begin=31)[-1] is None


def test_every_knob_turned_up_is_no_trouble():
    """A dream as strong as it goes takes nearly half of the numbers to their ends; that is a look, not a fault."""
    scene = photograph()
    said = watch(Standing(), 20, lambda t: noisy(scene, 3), lambda t: 3 * TEXTURES[int(t) % 8], Look(intensity=2.0))
    assert set(said) == {None}


@pytest.mark.parametrize(
    "calm", [{"blackout": True}, {"freeze": True}, {"bypass": True}, {"brightness": 0.0}, {"intensity": 0.0}]
)
def test_where_the_picture_may_stand(calm):
    """What somebody made dark, held or took away is not looked at, and the time of it does not count afterwards."""
    scene, standing = noisy(photograph(), 0), Standing()
    assert watch(standing, 30, lambda t: scene)[-1][1] > 25
    assert set(watch(standing, 30, lambda t: scene, look=replace(Look(), **calm), begin=30)) == {None}
    assert watch(standing, 11, lambda t: scene, begin=60)[-1] == ("static", pytest.approx(10.0, abs=1.1))


def test_a_dimmed_wall_is_not_black():
    """The brightness belongs to the room: a wall that was dimmed for the night is looked at as if it were bright."""
    scene = photograph()
    said = watch(Standing(), 20, lambda t: noisy(scene, 2), lambda t: TEXTURES[int(t) % 8], Look(brightness=0.04))
    assert set(said) == {None}


def test_a_show_that_stands_is_not_a_picture_that_does():
    """When nobody shows pictures any more, nothing is said of them: that is the watchdog's to tell."""
    scene, standing = noisy(photograph(), 0), Standing()
    assert watch(standing, 30, lambda t: scene)[-1] is not None
    assert standing.trouble(36.0) is None


def test_a_picture_of_another_size():
    """Another camera, another shape: begun anew, and no error; nor is a show that has no dream yet."""
    standing = Standing()
    for n, size in enumerate([(1280, 720), (640, 480), (48, 36), (36, 480)]):
        standing.see(Frame(plain(90, 90, 90, size), n, n), Veil(), Look(), float(n))
    assert standing.trouble(3.0) is None


@needs_photos
def test_a_real_photograph():
    """A photograph under a dream that has settled stands from the second look on."""
    picture = cv2.cvtColor(cv2.imread(str(PHOTOS / "01.png")), cv2.COLOR_BGR2RGB)
    said = watch(Standing(), 70, lambda t: picture, lambda t: converging(500 + t))
    assert said[-1] == ("static", pytest.approx(69.0, abs=2.0))


@needs_clips
@pytest.mark.parametrize("name", ["asl_bird.mkv", "asl_book.mkv", "asl_sister.mkv"])
def test_a_real_person_gestures(name):
    """Somebody who signs at the camera, over a dream that has settled: never any trouble."""
    capture, frames = cv2.VideoCapture(str(CLIPS / name)), []
    while (read := capture.read())[0]:
        frames.append(np.ascontiguousarray(read[1][..., ::-1]))
    there_and_back = itertools.cycle(frames[::15] + frames[::-15])
    assert set(watch(Standing(), 30, lambda t: next(there_and_back))) == {None}
