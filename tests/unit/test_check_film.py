"""``dreamwall check-film``, with real films."""

import json
from argparse import ArgumentParser, Namespace
from pathlib import Path

import av
import cv2
import numpy as np
import pytest

from flash_material import BLACK, WHITE, Reel, instants, plain, square_wave, still
from installation.check_film import check_film, declare
from installation.errors import DreamwallError
from installation.sinks.film import Film

RATE = 30.0
SIZE = 160, 90


def options(*argv: str | Path) -> Namespace:
    parser = ArgumentParser()
    declare(parser)
    return parser.parse_args([str(arg) for arg in argv])


def filmed(path: Path, reel: Reel) -> Path:
    with Film(path, SIZE, rate=RATE) as film:
        for pixels, _ in reel:
            film.add(pixels)
    return path


@pytest.fixture
def flashing(tmp_path: Path) -> Path:
    return filmed(tmp_path / "strobe.mp4", square_wave(instants(2, RATE), (BLACK, WHITE), 5, size=SIZE))


@pytest.fixture
def calm(tmp_path: Path) -> Path:
    return filmed(tmp_path / "calm.mkv", still(instants(1, RATE), plain((90, 120, 140), SIZE)))


def test_a_film_that_flashes_is_over(flashing: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Exit code 1, and for the person: which rule, how many, when and where, in the words of published limits."""
    assert check_film(options(flashing), print) == 1
    said = capsys.readouterr().out
    assert "over the published limits" in said
    assert "10 transitions in the second up to 0:0" in said
    assert "25 % of the screen" in said
    assert "safe" not in said


def test_a_calm_film_is_within(calm: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Exit code 0, and no promise beyond the limits."""
    assert check_film(options(calm), print) == 0
    said = capsys.readouterr().out
    assert "within the published limits" in said
    assert "30 pictures of 160x90" in said
    assert "safe" not in said


def test_the_verdict_as_json(flashing: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A script gets every finding, and the same exit code; the viewer's place adds its rule."""
    assert check_film(options(flashing, "--json", "--geometry", "3", "4"), print) == 1
    verdict = json.loads(capsys.readouterr().out)
    assert verdict["state"] == "over"
    assert verdict["film"] == str(flashing)
    assert (verdict["size"], verdict["pictures"]) == ([160, 90], 60)
    assert verdict["geometry"] == {"distance": 3.0, "width": 4.0}
    areas = {finding["area"] for finding in verdict["findings"] if finding["state"] == "over"}
    assert "0.006 sr seen from 3 m" in areas
    assert len(areas) == 4


def test_the_plot_is_a_picture(flashing: Path, tmp_path: Path) -> None:
    """--plot draws a PNG, and says where it is."""
    said: list[str] = []
    plot = tmp_path / "strobe.png"
    assert check_film(options(flashing, "--plot", plot), said.append) == 1
    drawn = cv2.imread(str(plot))
    assert drawn is not None
    assert drawn.shape[1] == 1200
    assert any(str(plot) in line for line in said)


def test_a_plot_that_cannot_be_written_is_refused_first(tmp_path: Path) -> None:
    """Before the film is read, in one line; nothing is left behind, and what was there stays."""
    for name in ("nowhere/plot.png", "plot.jpg"):
        with pytest.raises(DreamwallError, match=name) as failure:
            check_film(options(tmp_path / "not-read.mp4", "--plot", tmp_path / name), print)
        assert "\n" not in str(failure.value)
    kept = tmp_path / "kept.png"
    kept.write_bytes(b"older")
    for plot in (kept, tmp_path / "new.png"):
        with pytest.raises(DreamwallError, match="not-read"):
            check_film(options(tmp_path / "not-read.mp4", "--plot", plot), print)
    assert kept.read_bytes() == b"older"
    assert not (tmp_path / "new.png").exists()


def test_what_is_no_film_is_told_in_one_line(tmp_path: Path) -> None:
    """Nothing there, a folder, an empty file, text, sound alone: one line that names the file."""
    (tmp_path / "empty.mp4").touch()
    (tmp_path / "text.mp4").write_text("not a film " * 100)
    with av.open(str(tmp_path / "sound.wav"), "w") as container:
        stream = container.add_stream("pcm_s16le", rate=8000, layout="mono")
        sound = av.AudioFrame.from_ndarray(np.zeros((1, 800), np.int16), format="s16", layout="mono")
        sound.rate = 8000
        container.mux(stream.encode(sound))
    (tmp_path / "folder").mkdir()
    for name in ("missing.mp4", "folder", "empty.mp4", "text.mp4", "sound.wav"):
        with pytest.raises(DreamwallError, match=name) as failure:
            check_film(options(tmp_path / name), print)
        assert "\n" not in str(failure.value)


def test_wrong_distances_are_refused() -> None:
    """Metres are numbers above 0."""
    for pair in (("0", "4"), ("3", "-1"), ("three", "4"), ("3", "inf")):
        with pytest.raises(SystemExit):
            options("film.mp4", "--geometry", *pair)
