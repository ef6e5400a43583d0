"""What the true dreams that a leap is compared with promise."""

from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from dreamers import CPU, TAPS, Fake, a_teacher, noise, scene, true_ascent
from models.objective import score
from training.photographs import APART, photographs
from training.reference import RMS, TRUE, References, Schedule, at_strength, dreamt, rms


@settings(max_examples=15)
@given(st.integers(0, 5), st.floats(1e-4, 3.0))
def test_equal_strength_is_equal(seed: int, size: float) -> None:
    """However strong a dream came out, what is compared has one RMS, after clipping, and stays in range."""
    base = scene(seed, 48, 64)
    residual = at_strength(base, noise(seed, base) * size)
    assert rms(residual) == pytest.approx(RMS, rel=1e-3)
    assert (base + residual).abs().max() <= 1 + 1e-6


def test_nothing_stays_nothing() -> None:
    """A dream of nothing is not blown up to a strength it does not have."""
    base = scene(1, 48, 64)
    assert not at_strength(base, torch.zeros_like(base)).any()


def test_the_reference_is_a_dream() -> None:
    """After the reference's steps the teacher sees clearly more than undreamed, and than in grain of the same RMS."""
    teacher, base = a_teacher(), scene(2)
    dream = dreamt(true_ascent(teacher), base, [0.0, 1.0], 16)
    undreamed, grainy, dreamed = (
        score(teacher, base + at_strength(base, residual), {"three": 1.0})
        for residual in (torch.zeros_like(base), noise(1, base), dream)
    )
    assert dreamed > 1.5 * max(undreamed, grainy)


@pytest.mark.parametrize("schedule", [TRUE, Schedule(1, True, 2.0), Schedule(2, False, 2.0)])
@pytest.mark.parametrize("calls", [1, 2, 5])
def test_calls_are_counted(schedule: Schedule, calls: int) -> None:
    """As many calls are made as are said to be made, whatever the schedule, and each changes as much as it says."""
    made: list[int] = []

    def paint(image):
        made.append(image.shape[-1])
        return torch.ones_like(image)

    residual = dreamt(Fake(paint), torch.zeros(1, 3, 112, 144), [1.0, 0.0], calls, schedule)
    assert len(made) == calls
    assert residual.mean().item() == pytest.approx(calls * schedule.levels / 127.5, rel=1e-3)


def test_octaves_rise() -> None:
    """The small sizes come first, as in Google's notebook; with few calls the largest are kept."""
    seen: list[int] = []

    def paint(image):
        seen.append(image.shape[-2])
        return torch.ones_like(image)

    dreamt(Fake(paint), scene(1, 240, 320), [1.0, 0.0], 8, TRUE)
    assert seen == [87, 87, 122, 122, 171, 171, 240, 240]
    seen.clear()
    dreamt(Fake(paint), scene(1, 240, 320), [1.0, 0.0], 2, TRUE)
    assert seen == [122, 240]


def test_kept_dreams_are_not_dreamed_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A second measurement finds the references where the first left them, to half precision, without one step."""
    file = tmp_path / "teacher.safetensors"
    file.write_bytes(b"one")
    made = [References(a_teacher(), file, tmp_path, CPU, (1, 2)) for _ in range(2)]
    residual, curve = made[0].dream(scene(1), "two"), made[0].curve(scene(1), "two")
    monkeypatch.setattr(References, "_dreamt", lambda *_: pytest.fail("dreamed again"))
    assert made[1].curve(scene(1), "two") == curve
    assert list(curve) == [0, 1, 2]
    torch.testing.assert_close(made[1].dream(scene(1), "two"), residual, atol=1e-3, rtol=1e-2)
    assert not [f for f in tmp_path.rglob("*") if f.name.startswith(".")]  # nothing half written stays


def test_another_teacher_picture_or_tap_is_another_dream(tmp_path: Path) -> None:
    """Nothing is taken for the dream of another teacher, picture or tap; a damaged file is made anew."""
    (tmp_path / "t").write_bytes(b"one")
    first = References(a_teacher(), tmp_path / "t", tmp_path, CPU, (1, 2))
    residual = first.dream(scene(1), TAPS[0])
    for other in (first.dream(scene(2), TAPS[0]), first.dream(scene(1), TAPS[1])):
        assert not torch.equal(other, residual)
    (tmp_path / "t").write_bytes(b"two")
    second = References(a_teacher(), tmp_path / "t", tmp_path, CPU, (1, 2))
    assert second.folder != first.folder
    for kept in first.folder.iterdir():
        kept.write_bytes(b"damaged")
    torch.testing.assert_close(first.dream(scene(1), TAPS[0]), residual, atol=1e-3, rtol=1e-2)


@pytest.mark.parametrize("size", [(480, 720), (720, 480), (300, 300), (90, 200)])
def test_windows_show_the_same_photograph(tmp_path: Path, size: tuple[int, int]) -> None:
    """The second window begins 16 pixels further: where the two overlap they are the same, pixel for pixel."""
    pixels = np.random.default_rng(1).integers(0, 256, (*size, 3), np.uint8)
    cv2.imwrite(str(tmp_path / "a.png"), pixels)
    (found,) = photographs(tmp_path)
    assert found.name == "a"
    assert found.picture.shape == (1, 3, 240, 320)
    assert found.further is not None
    (down, right), further = found.along, found.further
    assert sorted(found.along) == [0, APART]
    assert torch.equal(found.picture[:, :, down:, right:], further[:, :, : 240 - down, : 320 - right])


def test_photographs_of_the_pictures_own_shape(tmp_path: Path) -> None:
    """A photograph of 4:3 has nothing further and is used whole.  Colours are RGB; the first few can be asked for."""
    blue = np.zeros((480, 640, 3), np.uint8)
    blue[..., 0] = 255
    for name in ("b.png", "a.jpg"):
        cv2.imwrite(str(tmp_path / name), blue)
    first, second = photographs(tmp_path)
    assert (first.name, second.name) == ("a", "b")
    assert second.further is None
    assert second.picture[0, :, 7, 9].tolist() == [-1, -1, 1]
    assert [photo.name for photo in photographs(tmp_path, most=1)] == ["a"]


def test_folders_without_pictures_are_refused(tmp_path: Path) -> None:
    """An empty folder and a file that is no picture are each refused in one line that names them."""
    with pytest.raises(SystemExit, match="no photographs"):
        photographs(tmp_path)
    (tmp_path / "bad.png").write_text("text")
    with pytest.raises(SystemExit, match=r"bad\.png"):
        photographs(tmp_path)
