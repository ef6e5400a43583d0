"""The real show in careless hands, judged by the flash analyser: ten minutes with DREAMWALL_SOAK set."""

import os
import random
import time
from pathlib import Path

import numpy as np
import pytest

from calibration.flashes import Analyser
from calibration.guard import Guard
from calibration.guard_rules import TIERS, Tier
from installation.__main__ import main
from installation.guarded import PictureGuard
from installation.knobs import KNOBS
from installation.rig import build
from installation.settings import Settings
from installation.sources.clip import Clip
from needs import needs_tool
from shared_material import CLIPS, needs_clips
from xvfb import a_display

LONG = bool(os.environ.get("DREAMWALL_SOAK"))
LENGTH = 600.0 if LONG else 7.0
SIZE = (640, 360)
SCENES = ["asl_bird.mkv", "asl_book.mkv", "asl_sister.mkv", "room_person.mp4"]


@pytest.mark.soak
@needs_clips
@pytest.mark.parametrize(
    "name", ["asl_bird.mkv", "asl_book.mkv", "asl_sister.mkv", "room_person.mp4"][: 4 if LONG else 1]
)
@pytest.mark.timeout(600)
def test_real_people_dreamed_on_are_not_touched(name: str, tmp_path: Path) -> None:
    """A filmed scene, dreamed on at the usual settings, goes through either tier to the bit."""
    film = tmp_path / "dream.mkv"
    how = ["--network", "leap", "--size", "320x240" if LONG else "160x120", "--fps", "24", "--dream-fps", "8"]
    assert main(["rehearse", "--source", str(CLIPS / name), *how, "--out", str(film)]) == 0
    guards, pictures = [Guard(tier) for tier in TIERS], 0
    with Clip(film, loop=False) as clip:
        while (frame := clip.read()) is not None:
            for guard in guards:
                np.testing.assert_array_equal(guard(frame.pixels, 1 / 24), frame.pixels)
            pictures += 1
    assert pictures > 40


@pytest.mark.soak
@pytest.mark.parametrize("tier", TIERS)
@pytest.mark.timeout(LENGTH + 120)
def test_the_show_keeps_the_limits_whatever_hands_do(tier: Tier, tmp_path: Path, monkeypatch, record_property) -> None:
    """Programs cut every second, all knobs thrown, blackout and bypass hammered: over the limits before the guard, and
    within all of them, over all three areas, on the wall.
    """
    needs_tool("Xvfb")
    monkeypatch.setenv("DREAMWALL_CONFIG", str(tmp_path))
    clip = CLIPS / "asl_bird.mkv"
    source = str(clip) if clip.exists() else "clouds"
    bare, shown = Analyser(SIZE, patterns=False), Analyser(SIZE, patterns=False)
    chance, begun, programmed, every, held = random.Random(5), time.monotonic(), 0, 1, 0.0
    guarded = PictureGuard.__call__

    def judged(guard, picture, now):
        nonlocal held
        out = guarded(guard, picture, now)
        if picture.shape[1::-1] == SIZE:  # a page has a guard of its own
            bare.see(picture, now)
            shown.see(out, now)
            held = max(held, guard.state.held)
        return out

    monkeypatch.setattr(PictureGuard, "__call__", judged)
    settings = Settings(
        source=source, network="leap", size=(160, 120), steps=1, guard=tier, renderer="plain", page=False
    )
    with a_display(SIZE):
        rig = build(settings, LENGTH, None, lambda line: None)

        def throw(*_refresh: object) -> None:
            nonlocal programmed, every
            if time.monotonic() - begun > programmed:
                programmed += 1
                rig.desk.recall(chance.randrange(1, len(rig.desk.programs) + 1), fade=0.0)
                rig.desk.board.turn("brightness", 1.0)
                rig.desk.board.flip("freeze", on=False)
                every = chance.randrange(1, 9)  # refreshes from one blow on the blackout to the next
            name = chance.choice([name for name in KNOBS if name != "brightness" or programmed % 4 == 0])
            rig.desk.board.turn(name, chance.choice((KNOBS[name].low, KNOBS[name].high)))
            if rig.vitals.refreshes % every == 0:
                rig.desk.board.flip("blackout")
            if chance.random() < 0.1:
                rig.desk.board.flip(chance.choice(("bypass", "freeze")))

        rig.show.witnesses = [*rig.show.witnesses, throw]
        rig.show.run()
    verdict = shown.verdict()
    record_property("guarded show", f"{tier}: {verdict.pictures} pictures in {verdict.seconds:.0f} s, {held:.0%} held")
    for before, after in zip(bare.verdict().findings, verdict.findings, strict=True):
        record_property(f"{after.kind}, {after.rule}, {after.area}", f"{before.worst:.3g} guarded {after.worst:.3g}")
    assert verdict.pictures > 5 * LENGTH
    assert bare.verdict().over, "these hands do not try the guard"
    assert not verdict.over, [finding.sentence for finding in verdict.findings if finding.state == "over"]
