"""Rehearsals and stills: the same show offline, the same every time, with honest figures."""

import hashlib
import json

import cv2
import numpy as np
import pytest

from installation.__main__ import main
from installation.snapshot import read_snapshot
from pictures import texture
from shared_material import CLIPS, PHOTOS, WEIGHTS, needs_clips, needs_photos, needs_weights

SMALL = ["--network", "leap", "--size", "160x120", "--steps", "1"]


def run(*argv):
    assert main([str(a) for a in argv]) == 0


def report_of(path):
    return json.loads(path.read_text(encoding="utf-8"))


@pytest.fixture
def photo(tmp_path):
    path = tmp_path / "photo.png"
    cv2.imwrite(str(path), texture(size=(320, 240)))
    return path


def test_twice_the_same_bytes(tmp_path):
    """Two rehearsals with the same settings write the same film and the same sum, to the byte."""
    films = []
    for name in ("one", "two"):
        film, report = tmp_path / f"{name}.mkv", tmp_path / f"{name}.json"
        run("rehearse", *SMALL, "--source", "clouds", "--frames", 12, "--out", film, "--report", report)
        films.append((hashlib.sha256(film.read_bytes()).hexdigest(), report_of(report)["sha256"]))
    assert films[0] == films[1]


def test_zero_intensity_is_the_source_to_the_bit(tmp_path, photo):
    """With the intensity at zero every picture of a rehearsal is the photograph itself."""
    out = tmp_path / "pictures"
    argv = ("--source", photo, "--frames", 6, "--knob", "intensity=0", "--no-mirror", "--out", f"{out}/")
    run("rehearse", *SMALL, *argv)
    pictures = sorted(out.glob("*.png"))
    assert len(pictures) == 6
    for picture in pictures:
        assert np.array_equal(cv2.imread(str(picture)), cv2.imread(str(photo)))


def test_the_dream_is_seen(tmp_path, photo):
    """With the intensity up, pictures differ from the photograph, more and more."""
    out = tmp_path / "pictures"
    run("rehearse", *SMALL, "--source", photo, "--frames", 10, "--no-mirror", "--out", f"{out}/")
    camera = cv2.imread(str(photo)).astype(float)
    far = [np.abs(cv2.imread(str(p)) - camera).mean() for p in sorted(out.glob("*.png"))]
    assert far[-1] > far[2] > 0 and far[-1] > 1


def test_a_report_has_every_figure(tmp_path, photo):
    """All names are there; what was not measured is null."""
    report = tmp_path / "report.json"
    run("rehearse", *SMALL, "--source", photo, "--frames", 4, "--report", report)
    figures = report_of(report)
    names = {"network", "layers", "size", "steps", "engine", "camera_fps", "dream_fps", "screen_fps",
             "screen_interval_ms", "latency_refreshes", "depth", "cling", "drops", "events", "sha256"}  # fmt: skip
    assert names <= set(figures)
    assert figures["screen_fps"] is None and figures["depth"] is None
    assert figures["cling"] == {"with_flow": None, "without_flow": None}
    assert figures["network"] == "leap" and figures["dream_fps"] > 0


@pytest.mark.parametrize(
    ("argv", "told"),
    [
        (["rehearse", "--source", "rtsp://127.0.0.1:1/x", "--network", "leap"], "cannot be rehearsed"),
        (["rehearse", "--source", "clouds", "--network", "leap", "--depth"], "--depth"),
        (["rehearse", "--source", "clouds", "--network", "leap", "--out", "film.avi"], "film.avi"),
        (["rehearse", "--source", "clouds", "--network", "leap", "--layers", "Mixed_9z"], "Mixed_9z"),
    ],
)
def test_what_cannot_be_rehearsed_is_told(capsys, argv, told):
    """A wrong source, film, layer or measurement is one line."""
    assert main(argv) == 2
    assert told in capsys.readouterr().err.splitlines()[-1]


def test_a_still_is_dreamed_on(tmp_path, photo):
    """`still` writes the photograph with a dream on it, at the same size."""
    out = tmp_path / "dream.png"
    run("still", photo, out, "--network", "leap", "--frames", 4)
    dreamed = cv2.imread(str(out)).astype(float)
    assert dreamed.shape == (240, 320, 3)
    assert 0.5 < np.abs(dreamed - cv2.imread(str(photo))).mean() < 80


def test_the_reference_needs_imagenet(capsys, tmp_path, photo):
    """The network that ships has no objective of Google's; that is said, and what to fetch."""
    assert main(["still", str(photo), str(tmp_path / "x.png"), "--network", "leap", "--reference"]) == 2
    assert "dreamwall fetch" in capsys.readouterr().err


@needs_weights
@needs_photos
def test_deep_live_passes_the_reference(tmp_path):
    """On a photograph the live dream passes Google's full reference dream within 48 dreamed frames of two steps."""
    report = tmp_path / "report.json"
    argv = ("--network", WEIGHTS, "--layers", "Mixed_6b", "--size", "192x144", "--depth", "--frames", 36)
    run("rehearse", "--source", PHOTOS / "23.png", *argv, "--report", report)
    depth = report_of(report)["depth"]
    assert depth["undreamed"] < depth["reference"] <= depth["live"]
    assert depth["frames"] <= 48


@needs_weights
@needs_clips
def test_the_dream_clings(tmp_path):
    """On a person gesturing, the dream follows: correlation 0.92 and more with flow, far less without."""
    report = tmp_path / "report.json"
    argv = ("--network", WEIGHTS, "--layers", "Mixed_6b", "--size", "320x240", "--frames", 45, "--dream-fps", 8)
    run("rehearse", "--source", CLIPS / "asl_bird.mkv", *argv, "--report", report)
    cling = report_of(report)["cling"]
    assert cling["with_flow"] >= 0.92
    assert cling["without_flow"] < cling["with_flow"] - 0.2


@pytest.mark.parametrize("how", [["--knob", "hue=33.3", "--knob", "linger=0.7"], ["--program", "Rabbit Hole"]])
def test_a_snapshot_recalled_gives_the_same_picture(tmp_path, photo, how):
    """What a snapshot has inside is everything: rehearsed from it, every picture is the same to the bit."""
    taken, again = tmp_path / "taken.png", tmp_path / "again.png"
    first, second = tmp_path / "taken.json", tmp_path / "again.json"
    asked = ("--source", photo, "--frames", 8, "--rotate", 90, *how)
    run("rehearse", *SMALL, *asked, "--snapshot", taken, "--report", first)
    run("rehearse", "--from", taken, "--frames", 8, "--snapshot", again, "--report", second)
    assert report_of(first)["sha256"] == report_of(second)["sha256"]
    assert np.array_equal(cv2.imread(str(taken)), cv2.imread(str(again)))
    run("rehearse", "--from", taken, "--frames", 8, "--knob", "hue=-90", "--report", second)
    assert report_of(first)["sha256"] != report_of(second)["sha256"]


def test_options_go_before_a_snapshot(tmp_path, photo):
    """A knob named beside --from is turned; the others stay as they were."""
    taken, again = tmp_path / "taken.png", tmp_path / "again.png"
    run("rehearse", *SMALL, "--source", photo, "--frames", 2, "--knob", "hue=33", "--snapshot", taken)
    over = ("--knob", "intensity=0", "--no-mirror")
    run("rehearse", "--from", taken, *over, "--frames", 2, "--snapshot", again)
    assert np.array_equal(cv2.imread(str(again)), cv2.imread(str(photo)))
    assert read_snapshot(again).knobs["hue"] == 33
