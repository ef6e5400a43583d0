"""The kiosk, played through at many times its speed: the short form here, twenty minutes with DREAMWALL_SOAK set."""

import json
import os
import time
from itertools import pairwise

import cv2
import pytest

from installation.__main__ import main
from installation.programs import Programs
from pictures import texture

pytestmark = pytest.mark.beside

LONG = bool(os.environ.get("DREAMWALL_SOAK"))
FPS = 5


def kiosk(report, *argv, seconds, hold, fade):
    """Rehearse a kiosk and return its report and how many times faster than its clock it went."""
    settings = ["--network", "leap", "--size", "96x96", "--kiosk", "--hold", hold, "--fade", fade]
    length = ["--seconds", seconds, "--fps", FPS, "--dream-fps", 1, "--report", report]
    begun = time.monotonic()
    assert main(["rehearse", *map(str, [*settings, *length, *argv])]) == 0
    return json.loads(report.read_text(encoding="utf-8")), seconds / (time.monotonic() - begun)


@pytest.mark.parametrize("shuffle", [False, True], ids=["in order", "shuffled"])
@pytest.mark.timeout(900)
def test_programs_take_turns(tmp_path, monkeypatch, shuffle):
    """Every program is shown, in order or shuffled with none twice running, with the holds and fades as set."""
    monkeypatch.setenv("DREAMWALL_CONFIG", str(tmp_path))
    shipped = tmp_path / "mine.toml"
    rows = [f'[[program]]\nname = "No {n}"\n[program.knobs]\nhue = {10 * n}\n' for n in range(1, 9)]
    shipped.write_text("\n".join(rows), encoding="utf-8")
    hold, fade, seconds = (30, 6, 1200) if LONG else (3, 1, 75)
    photo = tmp_path / "photo.png"
    cv2.imwrite(str(photo), texture(size=(160, 120)))
    never = ["--still", 86400, "--alone", 86400]  # nothing moves on a photograph
    more = ["--source", photo, *never, "--programs", shipped, *(["--shuffle"] if shuffle else [])]
    report, speed = kiosk(tmp_path / "kiosk.json", *more, seconds=seconds, hold=hold, fade=fade)
    turns = report["programs"]
    numbers = [turn["number"] for turn in turns]
    there = set(range(1, len(Programs.load(shipped)) + 1))
    assert set(numbers) == there and len(numbers) == report["kiosk"]["turns"]
    if shuffle:
        assert all(first != second for first, second in pairwise(numbers)) and numbers != sorted(numbers)
    else:
        assert numbers == [1 + n % len(there) for n in range(len(numbers))]
    assert {turn["fade"] for turn in turns} == {fade}
    for first, second in pairwise(turns):
        assert second["time"] - first["time"] == pytest.approx(hold + fade, abs=1.5 / FPS)
    assert report["largest_step"]["hue"] <= 1.5 / FPS / fade + 1e-3
    print(f"\n{len(turns)} turns, {speed:.1f} times as fast as its clock")


@pytest.mark.timeout(300)
def test_a_still_room_begins_afresh(tmp_path, monkeypatch):
    """A frozen picture is noticed, the dream breathes out and begins afresh; the report says so."""
    monkeypatch.setenv("DREAMWALL_CONFIG", str(tmp_path))
    photo = tmp_path / "photo.png"
    cv2.imwrite(str(photo), texture(size=(160, 120)))
    more = ["--source", photo, "--still", 10, "--alone", 600]
    report, _ = kiosk(tmp_path / "still.json", *more, seconds=90, hold=600, fade=2)
    told = [event["what"] for event in report["events"]]
    assert report["kiosk"]["restarts"] >= 1
    assert any("begins afresh" in what and "still" in what for what in told)
    times = [event["time"] for event in report["events"] if "begins afresh" in event["what"]]
    assert times[0] >= 10
