"""The light of a painted day: dawn, noon, dusk and a violet night that is never dark, in twelve minutes."""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from installation.frame import Pixels

Colour = NDArray[np.float32]  # (3,), RGB, 0..255

DAY = 720.0  # seconds
_BEGIN = 0.13  # share of the day at time 0: morning, gold still in the blue


@dataclass(frozen=True, slots=True)
class Light:
    """The light of one moment.

    ``sun``: where it stands, as shares of the picture from the left and the top.  ``glow``: how strong it is, 0..1.
    ``toward``: unit vector (right, down) that points to where the light comes from.
    ``lit``, ``shade``: colours of the sunny and the shady side of a cloud.
    """

    time: float
    sun: tuple[float, float]
    glow: float
    toward: tuple[float, float]
    zenith: Colour
    middle: Colour
    horizon: Colour
    lit: Colour
    shade: Colour
    sunlit: Colour

    def ramp(self, haze: float) -> Pixels:
        """The colour of a cloud by how much light falls on it, (256, 1, 3) uint8, seen through ``haze`` (0..1)."""
        level = np.linspace(0.0, 1.0, 256, dtype=np.float32)[:, None]
        dark, mid = self.shade * 0.86, self.shade * 1.12
        colour = np.where(level < 0.5, dark + (mid - dark) * (level * 2), mid + (self.lit - mid) * (level * 2 - 1))
        veil = self.horizon * 0.92 + self.middle * 0.08
        return np.clip(colour + (veil - colour) * haze, 0, 255).astype(np.uint8)[:, None, :]


# share of the day, sun, glow, then the colours of zenith, middle, horizon, lit, shade, sunlit
_KEYS = (
    (0.00, (0.20, 0.60), 0.95, "3a568e 9696af ffc48c ffd6a0 7e708c ffd28c"),  # dawn
    (0.20, (0.30, 0.26), 0.90, "2a5fb2 6e9fd0 e6dcc8 fff4dc 8c98b4 fff0c8"),  # morning
    (0.42, (0.56, 0.12), 0.90, "225cb2 5898d8 bad8ec fffcf4 8ca0bc fffae6"),  # noon
    (0.62, (0.74, 0.26), 0.90, "2e5aa8 7a98c8 ecd2b4 fff0d2 8a90ae ffeec0"),  # afternoon
    (0.78, (0.82, 0.60), 0.95, "3c3a7a 9c6a9c fa8e74 ffb296 6a5688 ffa070"),  # dusk
    (0.84, (0.88, 0.80), 0.40, "2e2e68 74589a d8748c f09cae 584c80 ff8c78"),  # afterglow
    (0.90, (0.55, 0.05), 0.00, "262a60 4a4a90 8a70ac b4a8dc 484678 c8b4e6"),  # night
    (0.96, (0.12, 0.80), 0.40, "2c3a74 6a6ca2 dc96a0 f0bcb4 5c5886 ffb48c"),  # first light
    (1.00, (0.20, 0.60), 0.95, "3a568e 9696af ffc48c ffd6a0 7e708c ffd28c"),  # dawn again
)


def _colour(text: str) -> Colour:
    return np.array([int(text[i : i + 2], 16) for i in (0, 2, 4)], np.float32)


def light_at(time: float) -> Light:
    """The light at ``time`` seconds.  Moves without a jump, over midnight too."""
    phase = (time / DAY + _BEGIN) % 1.0
    after = next(i for i, key in enumerate(_KEYS) if key[0] > phase)
    (begin, sun_a, glow_a, tones_a), (end, sun_b, glow_b, tones_b) = _KEYS[after - 1], _KEYS[after]
    share = (phase - begin) / (end - begin)
    share = share * share * (3.0 - 2.0 * share)
    sun = sun_a[0] + (sun_b[0] - sun_a[0]) * share, sun_a[1] + (sun_b[1] - sun_a[1]) * share
    right, down = sun[0] - 0.5, min(-0.12, sun[1] - 0.80)  # clouds are lit from above, however low it stands
    length = math.hypot(right, down)
    tones = [
        _colour(a) + (_colour(b) - _colour(a)) * np.float32(share)
        for a, b in zip(tones_a.split(), tones_b.split(), strict=True)
    ]
    glow = glow_a + (glow_b - glow_a) * share
    return Light(time, sun, glow, (right / length, down / length), *tones)
