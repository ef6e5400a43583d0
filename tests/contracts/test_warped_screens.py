"""A screen that knows its projector: without a profile to the bit what it was, with one the reference."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from calibration.geometry import Geometry, laid
from calibration.grid import Grid
from calibration.light import SoftEdges
from calibration.profile import Profile
from fakes import Leaps, a_desk
from installation.compose import compose
from installation.control.keys import Keys
from installation.control.pinning import Pinning
from installation.knobs import Look
from installation.sdl import pygame
from installation.sinks.plain import PlainScreen
from installation.sinks.projection import Projection
from installation.sinks.screen import GLScreen
from installation.sinks.window import list_displays
from installation.veil import Veil
from invented import smooth_frame, soft_veil
from needs import needs_tool
from xvfb import a_display

SIZE = (160, 120)
FIGURES = ["Dreamwall", "camera\t30 a second"]


@pytest.fixture(scope="module", autouse=True)
def display() -> Iterator[None]:
    needs_tool("Xvfb")
    with a_display((640, 480)):
        yield


def far(one: np.ndarray, other: np.ndarray) -> int:
    assert one.shape == other.shape
    return int(np.abs(one.astype(int) - other).max())


@pytest.mark.parametrize("kind", [GLScreen, PlainScreen])
def test_the_chain_with_a_projector(kind: type[GLScreen | PlainScreen], tmp_path: Path) -> None:
    """No profile changes no bit, figures included; a profile shows the reference; K shows card and handles on it; a
    blackout is black whatever is being pinned; Esc brings the show back.
    """
    on = Projection(tmp_path)
    on.pins = pinning = Pinning(on.keep)
    begin: list[Profile] = []
    stage: dict[str, Any] = {"windowed": True, "size": SIZE, "clock": Leaps(), "guard": "performance"}
    keys, desk = Keys(pinning=pinning, pin=lambda: pinning.open(begin[0])), a_desk()
    frame, veil, look = smooth_frame(3, SIZE), soft_veil(3), Look()

    def press(key: int) -> None:
        pygame.event.post(pygame.event.Event(pygame.KEYDOWN, key=key, mod=0))
        keys.reach(desk)

    with kind(projection=on, **stage) as screen, kind(**stage) as bare:
        for figures in (FIGURES, []):
            for one in (screen, bare):
                one.show(frame, veil, look, figures)
            np.testing.assert_array_equal(screen.picture(), bare.picture())
        profile = replace(
            Profile.plain(list_displays()[0].name, SIZE),
            corners=((10.0, 5.0), (150.0, 0.0), (155.0, 110.0), (0.0, 118.0)),
            grid=Grid.flat().moved(2, 2, (4.0, 3.0)),
            edges=SoftEdges(left=30.0),
            rotate=90,
        )
        begin.append(on.keep(profile))
        screen.show(frame, veil, look, [])
        wanted = laid(compose(frame, veil, look, profile.picture_size), Geometry(profile))
        assert far(screen.picture(), wanted) <= 3
        press(pygame.K_k)
        assert pinning.is_open
        screen.show(frame, veil, look, [])
        assert far(screen.picture(), laid(frame.pixels, pinning.geometry())) <= 3
        screen.show(frame, veil, Look(blackout=True), FIGURES)
        assert not screen.picture().any()
        press(pygame.K_ESCAPE)
        assert not pinning.is_open
        screen.show(frame, veil, look, [])
        assert far(screen.picture(), wanted) <= 3
        screen.show(frame, Veil(), Look(blackout=True), [])
        assert not screen.picture().any()
