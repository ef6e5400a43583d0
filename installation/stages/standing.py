"""The still-room watch: says when the wall has come to a stand.

A camera that looks into a still room gives the dream nothing to chew on: within minutes it has converged, and what
hangs on the wall is a photograph that trembles.  Once a second this looks at the picture as it is shown, very small,
and measures how far it has come from where it was first called still.  The change from one look to the next was tried
first and says nothing: a dream trembles for ever, by the same six levels whether it is still on its way or has arrived.
"""

import math
from dataclasses import dataclass, replace

import cv2
import numpy as np
from numpy.typing import NDArray

from installation.compose import Composer
from installation.frame import Frame, Pixels, fit
from installation.knobs import Look
from installation.veil import Carried, Veil

SIZE = 80, 60  # the box in which it looks, pixels
SAMPLES = 4  # camera pixels a side that make one of these: sensor noise is a quarter of what it was
PATCH = 9  # pixels a side; every patch must stand, so that one hand that moves far away is a picture that moves
# Levels by which a patch may differ, on the average, and be called still.  Measured once a second at the usual knobs: a
# dream of Inception on a still photograph moves up to 22 within a minute while it grows, up to 12 once it has
# converged, after some two minutes; one of somebody who gestures 19 to 70.
STILL = 14.0
CAMERA_STILL = 4.0  # the same for the camera alone, where only noise trembles
DARK = 16  # levels; a picture of which hardly anything is lighter is black
BLACK = 0.98  # share of its numbers
SATURATED = 0.8  # share of its numbers that are at their ends; every knob turned up came to 0.43
PATIENCE = 2.0  # seconds for which a thing must last to be told

Small = NDArray[np.float32]  # (h, w, 3) levels


@dataclass(slots=True)
class _Since:
    """Something that has been so from ``begun`` until the last look at ``seen`` seconds."""

    begun: float
    seen: float


class Standing:
    """A witness of every refresh, which looks once a second.  For the show's thread.

    While nothing is to be expected of the picture (blackout, freeze, bypass, brightness or intensity 0) it does not
    look, and what it had seen is forgotten.  The brightness belongs to the room and is left out of the sum: a dimmed
    wall is not black.
    """

    def __init__(self, every: float = 1.0) -> None:
        """``every``: seconds between two looks."""
        self._every = every
        self._due = -math.inf
        self._composer = Composer()
        self._still: tuple[Small, Small] | None = None  # camera and picture as they stand
        self._since: dict[str, _Since] = {}

    def see(self, frame: Frame, veil: Veil, look: Look, now: float) -> None:
        """Look at what is shown, when it is time again; a look takes under 2 ms."""
        if not watched(look):
            self._still = None
            self._since.clear()
            self._due = -math.inf
            return
        if now < self._due:
            return
        self._due = now + self._every
        camera = _small(frame)
        shown = self._composer(camera, _thin(veil), replace(look, brightness=1.0))
        self._note("not a number", not _finite(veil), now)
        self._note("black", float(np.mean(shown < DARK)) >= BLACK, now)
        self._note("saturated", float(np.mean((shown <= 1) | (shown >= 254))) >= SATURATED, now)
        self._note("static", self._stands(camera.pixels.astype(np.float32), shown.astype(np.float32)), now)

    def trouble(self, now: float) -> tuple[str, float] | None:
        """What has gone on longest and for how many seconds; None when all is well, or when nobody looks any more.

        It is "static", "saturated" (white, or all at its ends), "black" or "not a number".
        """
        lasting = [
            (since.seen - since.begun, what)
            for what, since in self._since.items()
            if since.seen - since.begun >= PATIENCE and now - since.seen <= 3 * self._every
        ]
        seconds, what = max(lasting, key=lambda row: row[0], default=(0.0, ""))
        return (what, seconds) if what else None

    def _note(self, what: str, so: bool, now: float) -> None:
        if not so:
            self._since.pop(what, None)
        elif what in self._since:
            self._since[what].seen = now
        else:
            self._since[what] = _Since(now, now)

    def _stands(self, camera: Small, shown: Small) -> bool:
        """Whether it is still the picture that was kept; otherwise this one is kept."""
        if self._still is not None and self._still[0].shape == camera.shape:
            apart = far(camera, self._still[0]), far(shown, self._still[1])
            if apart[0] <= CAMERA_STILL and apart[1] <= STILL:
                return True
        self._still = camera, shown
        return False


def watched(look: Look) -> bool:
    """Whether something is to be expected of the picture."""
    return not (look.blackout or look.freeze or look.bypass or look.brightness <= 0.01 or look.intensity <= 0.01)


def far(one: Small, other: Small) -> float:
    """How far the most changed patch is from the other's, in levels; a change that all pixels share is the light."""
    apart = one - other
    apart -= np.array(cv2.mean(apart)[:3], np.float32)
    grey = cv2.transform(np.abs(apart), np.full((1, 3), 1 / 3))  # numpy's mean over three takes five times as long
    return float(cv2.blur(grey, (PATCH, PATCH), borderType=cv2.BORDER_REPLICATE).max())


def _small(frame: Frame) -> Frame:
    """The frame in the box, from sixteen pixels each: averaging all of a camera's costs 3 ms."""
    width, height = fit(frame.size, SIZE)
    sampled = cv2.resize(frame.pixels, (width * SAMPLES, height * SAMPLES), interpolation=cv2.INTER_NEAREST)
    pixels: Pixels = np.asarray(cv2.resize(sampled, (width, height), interpolation=cv2.INTER_AREA), np.uint8)
    return Frame(pixels, frame.index, frame.time)


def _thin(veil: Veil) -> Veil:
    """The veil in the box, from single pixels of its fields; its grids as they are, since they are shares."""
    layers = []
    for layer in veil.layers:
        size = fit((layer.field.shape[1], layer.field.shape[0]), SIZE)
        field = np.asarray(cv2.resize(layer.field, size, interpolation=cv2.INTER_NEAREST), np.float32)
        layers.append(Carried(field, layer.grid, layer.weight))
    return Veil(tuple(layers))


def _finite(veil: Veil) -> bool:
    return all(bool(np.isfinite(layer.field).all()) for layer in veil.layers)
