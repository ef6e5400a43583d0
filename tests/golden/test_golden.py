"""The picture is the one that was looked at."""

import runpy
from pathlib import Path

import cv2
import numpy as np
import pytest

HERE = Path(__file__).parent
CLOSE = 1.5  # levels on average: other processors round otherwise, and the dream feeds on itself


@pytest.fixture(scope="module")
def made():
    return runpy.run_path(str(HERE / "make.py"))["pictures"]()


@pytest.mark.parametrize("name", ["clouds", "dream", "knobs"])
def test_it_still_looks_like_that(made, name, tmp_path):
    """Clouds, dream and knobs give the golden pictures; a failure leaves both and eight times their difference."""
    golden = cv2.cvtColor(cv2.imread(str(HERE / f"{name}.png")), cv2.COLOR_BGR2RGB)
    got = made[name]
    assert got.shape == golden.shape
    difference = cv2.absdiff(got, golden)
    beside = np.hstack([golden, got, cv2.convertScaleAbs(difference, alpha=8)])
    cv2.imwrite(str(tmp_path / f"{name}.png"), cv2.cvtColor(beside, cv2.COLOR_RGB2BGR))
    assert difference.mean() < CLOSE, f"see {tmp_path / name}.png: golden, got, difference x 8"
