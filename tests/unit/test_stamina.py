"""What lasts and what does not: the verdict over a long run of feedback."""

import cv2
import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from dreamers import Fake, a_teacher, noise, scene, true_ascent
from models.ascent import Viewing
from training.reference import LEVELS
from training.stamina import Mark, clip, endure, how_many, least, loops, verdict

FRAMES = 300
BASE = scene(1, 48, 64)


def lively() -> Fake:
    """Paints something of the picture and something new every time, without a tint."""
    seed = iter(range(10_000))

    def paint(image: Tensor) -> Tensor:
        edges = image - F.avg_pool2d(image, 5, 1, 2, count_include_pad=False)
        grain = noise(next(seed), image)
        return edges / edges.std() + grain - grain.mean((2, 3), keepdim=True)

    return Fake(paint)


def of(leap: Fake, pictures: list[Tensor] | None = None, frames: int = FRAMES) -> list[Mark]:
    return list(endure(leap, a_teacher(), pictures or [BASE], {"two": 1.0}, frames))


def test_a_steady_dream_lasts() -> None:
    """A dream that settles and stays lively passes, and so does true ascent."""
    for leap in (lively(), true_ascent(a_teacher())):
        marks = of(leap)
        assert [mark.frame for mark in marks] == list(range(25, FRAMES + 1, 25))
        found = verdict(marks, 1)
        assert found.fails == ()
        assert found.rms < 0.15
        assert found.change * LEVELS > 0.25


def test_a_fading_dream_does_not_last() -> None:
    """A dream that gets weaker and weaker fails by its RMS."""
    fading = lively()
    fading._size = lambda calls: 0.994**calls
    assert any("rms" in line for line in verdict(of(fading), 1).fails)


def test_an_exploding_dream_does_not_last() -> None:
    """A dream that gets stronger and stronger fails by its RMS."""
    exploding = lively()
    exploding._size = lambda calls: 1.004**calls
    assert any("rms" in line for line in verdict(of(exploding), 1).fails)


def test_a_drifting_dream_does_not_last() -> None:
    """A dream whose colour creeps from blue to red fails by its colour, though nothing else moves."""
    drifting, calls = lively(), iter(range(10_000))
    plain = drifting._paint

    def paint(image: Tensor) -> Tensor:
        tint = torch.tensor([1.0, 0.0, -1.0]).view(1, 3, 1, 1) * (next(calls) / FRAMES - 0.5)
        return plain(image) + 1.5 * tint

    drifting._paint = paint
    assert [line for line in verdict(of(drifting), 1).fails if "colour" in line]


def test_a_frozen_dream_does_not_last() -> None:
    """A dream that paints the same thing for ever stops changing, and fails by that alone."""
    frozen = Fake(lambda image: F.interpolate(noise(3, BASE), image.shape[2:]))
    still = Fake(frozen._paint)
    still.viewing = lambda weights: Viewing(span=3)  # type: ignore[method-assign]  # one size, so that no other moves it
    still.step = lambda image, weights, size, shift, channels=None, mask=None: image + size * noise(3, BASE)  # type: ignore[method-assign]
    found = verdict(of(still), 1)
    assert [line.split()[-1] for line in found.fails] == ["frozen"]
    assert found.renewed < 0.01


def test_a_clip_is_compared_loop_with_loop() -> None:
    """Pictures of different brightness in a clip are no drift: every loop is marked at the same ones."""
    pictures = [(BASE * (0.3 + 0.7 * (k % 60) / 60)) for k in range(60)]
    marks = of(lively(), pictures, 480)
    assert len({(mark.frame - 1) % 60 for mark in marks}) == 2
    assert len(marks) == how_many(480, 60) == 16
    assert len(loops(marks, 60)) == 8
    found = verdict(marks, 60)
    assert found.fails == ()
    apart = {place: [m.objective for m in marks[4:] if (m.frame - 1) % 60 == place] for place in (29, 59)}
    assert min(apart[59]) > 1.15 * max(apart[29])  # within a loop it does move


def test_too_short_to_tell() -> None:
    """Fewer frames than two whole loops after the first hundred are no proof, and it says how many it takes."""
    assert (least(1), least(60), least(100), least(250)) == (150, 240, 300, 750)
    marks = [Mark(frame, 0.1, (0.0, 0.0, 0.0), 1.0, 0.01, 1.0) for frame in range(25, 126, 25)]
    with pytest.raises(ValueError, match="150"):
        verdict(marks, 1)
    assert verdict([*marks, marks[-1].__class__(150, 0.1, (0.0, 0.0, 0.0), 1.0, 0.01, 1.0)], 1).fails == ()


def test_clips_are_read(tmp_path) -> None:
    """A film comes in as pictures of 320 x 240 in order, at most ten seconds of it; no film is refused in a line."""
    film = cv2.VideoWriter(str(tmp_path / "a.avi"), cv2.VideoWriter.fourcc(*"MJPG"), 30, (64, 48))
    for k in range(310):
        film.write(np.full((48, 64, 3), k * 255 // 310, np.uint8))
    film.release()
    found = clip(tmp_path / "a.avi")
    assert len(found) == 300
    assert found[0].shape == (1, 3, 240, 320)
    assert found[0].mean() < -0.9 < 0.8 < found[-1].mean()
    (tmp_path / "b.avi").write_text("no film")
    with pytest.raises(SystemExit, match=r"b\.avi"):
        clip(tmp_path / "b.avi")
