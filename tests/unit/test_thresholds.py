"""Motion thresholds: above all that an empty room does, below what a person does, or a reason why not."""

import cv2
import numpy as np
import pytest

from calibration.thresholds import APART, FAINTEST, STILL, Thresholds, learn
from installation.stages import flow, presence
from shared_material import CLIPS, needs_clips

SHAPE = (36, 64)


def a_minute(noise=0.004, restless=(), seed=1, looks=600, tremble=0.08, grey=2.0):
    """What the show measures of an empty room: changes, differences from its beginning, flow, noise."""
    rng = np.random.default_rng(seed)
    moved = np.abs(rng.normal(0, noise, (looks, *SHAPE)))
    differs = np.abs(rng.normal(0, 2 * noise, (looks, *SHAPE)))
    for row, column in restless:
        moved[:, row, column] += rng.uniform(0, 0.2, looks)
    return {
        "moved": moved,
        "differs": differs,
        "flow": np.abs(rng.normal(0, tremble, (60, 60, 80))),
        "noise": np.abs(rng.normal(0, grey * np.sqrt(2), (60, 60, 80))),
    }


def test_a_quiet_room_is_watched_more_closely_than_a_noisy_one():
    """What is learned rises with what the room does, and lies above all of it."""
    found = []
    for noise, tremble, grey in ((0.002, 0.02, 1.0), (0.008, 0.1, 3.0), (0.012, 0.2, 6.0)):
        minute = a_minute(noise, tremble=tremble, grey=grey)
        got = learn(**minute).thresholds
        nth = np.sort(minute["moved"].reshape(600, -1), axis=1)[:, -got.moved]
        assert got.faintest > nth.max() and got.still[0] >= np.percentile(minute["flow"], 98)
        assert np.sort(minute["differs"].reshape(600, -1), axis=1)[:, -got.stands].max() < got.apart
        found.append(got)
    assert found[0].faintest < found[1].faintest < found[2].faintest
    assert found[0].still < found[1].still < found[2].still and found[0].doubt < found[1].doubt < found[2].doubt


@pytest.mark.parametrize(("noise", "tremble", "grey"), [(0.0, 0.0, 0.0), (1e-6, 1e-3, 0.1), (0.012, 0.5, 20.0)])
def test_never_so_low_or_so_high_as_to_be_useless(noise, tremble, grey):
    """A perfect room does not make ghosts of the next evening's noise, a bad one does not make people vanish."""
    got = learn(**a_minute(noise, tremble=tremble, grey=grey)).thresholds
    assert FAINTEST[0] <= got.faintest <= FAINTEST[1] and APART[0] <= got.apart <= APART[1]
    assert STILL[0] <= got.still[0] <= STILL[1] < got.still[0] + 1 and 8 <= got.doubt <= 30


def test_somebody_in_the_room_is_told():
    """When and where it moved, so that the minute can be had again without."""
    minute = a_minute()
    for look in range(300, 340):
        minute["moved"][look, 20:34, 4 + (look - 300) // 4 : 10 + (look - 300) // 4] = 0.5
    with pytest.raises(ValueError, match=r"moved 3[0-4] s after the beginning, in the lower left"):
        learn(**minute)


def test_a_clock_on_the_wall_is_left_out():
    """Few places that never rest are not counted, and named; a screen that fills the picture is refused."""
    clock = [(3, 60), (3, 61), (4, 60), (4, 61), (5, 60)]
    got = learn(**a_minute(restless=clock))
    assert got.restless.sum() == 5 and got.restless[3, 60]
    assert "upper right" in got.notes[0]
    assert got.thresholds.faintest == pytest.approx(learn(**a_minute()).thresholds.faintest, rel=0.2)
    screen = [(row, column) for row in range(20) for column in range(24, 40)]
    with pytest.raises(ValueError, match="never rests, mostly in the upper middle"):
        learn(**a_minute(restless=screen))


def test_light_that_changes_is_told():
    """A cloud or a lamp within the minute would be learned as noise."""
    minute = a_minute()
    minute["differs"][400:, 10:, 40:] += 0.4
    with pytest.raises(ValueError, match="light is steady"):
        learn(**minute)


@pytest.mark.parametrize(
    ("change", "what"),
    [
        ({"moved": np.zeros((10, *SHAPE)), "differs": np.zeros((10, *SHAPE))}, "10 looks .* too few"),
        ({"moved": np.zeros((600, 5, 5))}, "of one shape"),
        ({"flow": np.zeros((0, 2))}, "of one shape|looks are"),
        ({"noise": np.array([np.nan])}, "not all numbers"),
    ],
)
def test_a_bad_series_is_refused(change, what):
    """Too short, of different shapes, empty, not numbers."""
    with pytest.raises(ValueError, match=what):
        learn(**{**a_minute(), **change})


@pytest.mark.parametrize("wrong", [{"faintest": 0.0}, {"still": (0.5, 0.5)}, {"doubt": float("nan")}, {"apart": -1.0}])
def test_thresholds_that_make_no_sense(wrong):
    """What was read from a file by mistake does not blind the show."""
    with pytest.raises(ValueError, match="above nought"):
        Thresholds(**wrong)


def measured(path, seconds):
    """The show's own measures of the first ``seconds`` of a recording, as often as it takes them."""
    capture = cv2.VideoCapture(str(path))
    every = round(capture.get(cv2.CAP_PROP_FPS) / 10)
    dis = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_ULTRAFAST)
    places, greys = [], []
    for n in range(round(seconds * 10 * every)):
        picture = np.ascontiguousarray(capture.read()[1][..., ::-1])
        if n % every == 0:
            places.append(presence.places_of(picture))
            greys.append(flow.grey_of(picture))
    means = [np.mean(places[n - 3 : n], axis=0) for n in range(20, len(places))]
    moved = [presence.apart(mean, np.mean(places[n : n + 10], axis=0)) for n, mean in enumerate(means)]
    differs = [presence.apart(mean, means[0]) for mean in means]
    pairs = list(zip(greys[1::4], greys[::4], strict=False))
    lengths = [np.hypot(*np.moveaxis(dis.calc(new, old, None), -1, 0)) for new, old in pairs]
    noise = [np.abs(new.astype(float) - old) for new, old in pairs]
    return [np.array(each) for each in (moved, differs, lengths, noise)]


@needs_clips
def test_a_real_room():
    """From the seconds of a recording before anybody comes, played over and over, it learns thresholds near the show's
    own; with the people in it, it refuses.
    """
    moved, differs, lengths, noise = measured(CLIPS / "room_person.mp4", 5.2)
    again = -(-300 // len(moved))
    got = learn(np.tile(moved, (again, 1, 1)), np.tile(differs, (again, 1, 1)), lengths, noise).thresholds
    assert 0.012 <= got.faintest <= 0.035 and got.apart <= 0.12 and got.still[0] <= 0.6
    moved, differs, lengths, noise = measured(CLIPS / "room_person.mp4", 30)
    with pytest.raises(ValueError, match=r"empty|steady|rests"):
        learn(moved, differs, lengths, noise)
