"""Published limits for flashing pictures, in numbers, for the guard and the analyser alike.

From ITU-R BT.1702-3 (annex 1), the Ofcom guidance note on flashing images, WCAG 2.2 (success criterion 2.3.1) and ISO
9241-391, the strictest of each where they differ.  What keeps to them *reduces flashing to published limits*; it is not
thereby safe for everybody.
Luminance here is relative: 0 is black and 1 the display's white, linear in light.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

Light = NDArray[np.float32]

LUMA = (0.2126, 0.7152, 0.0722)  # of linear red, green and blue (Rec. 709)
TRANSITION = 0.10  # change of luminance that counts, while the darker state is below DARK
DARK = 0.80
MICHELSON = 1 / 17  # contrast that counts above DARK
WINDOW = 1.0  # seconds over which transitions are counted
MOST = 6  # transitions in it: three flashes; luminance and red are counted apart
WARN = 4
RED_RATIO = 0.80  # linear R / (R + G + B) from which a colour is saturated red
RED_DISTANCE = 0.2  # in CIE 1976 u'v', between two states of which one is saturated red
SLEW = 0.5  # of white per second: what the guard lets the luminance of a pixel change by in its strict tier
EXTENDED_FROM, EXTENDED_SECONDS, EXTENDED_WINDOW = 4, 4.0, 5.0  # so many transitions a second in so many of so many
AREAS = (
    ("25 % of the screen", None),
    ("25 % of 416x416 in 1920x1080", (416 / 1920, 416 / 1080)),
    ("25 % of 341x256 in 1024x768", (341 / 1024, 256 / 768)),
)  # (name, the window as shares of width and height; None: all)
SHARE = 0.25  # of such a window that may flash at once
RED_LEAST = 1 / 16  # linear red below which a colour is too dark to be saturated red: 20 of 320 in WCAG's older measure
SYNCHRONY = 0.020  # seconds within which places count as flashing at once (ISO 9241-391)
FIELD = 10.0  # degrees of view across which, where the viewer's distance is known, ...
SOLID_ANGLE = 0.006  # ... so many steradians may flash: 25 % of them (WCAG 2.2)
REPEATED = 3  # transitions a second from which flashing goes on: more than one flash a second
LONG_RUN = 5.0  # seconds after which flashing is a risk whatever its rate (BT.1702)
STRIPES = 5  # light-dark pairs from which a pattern counts (BT.1702)
STRIPES_LIGHT = 0.25  # of white: what bright stripes have to exceed, 50 of 200 cd/m2 (Wilkins, Emmett, Harding 2005)
STRIPES_SECONDS = 0.5  # how long they have to stand
STRIPES_STILL, STRIPES_MOVING = 0.40, 0.25  # shares of the screen that they may cover


def linear(levels: NDArray[Any]) -> Light:
    """Display levels 0..255 (any shape, integer or float) as linear light 0..1, by the sRGB curve (IEC 61966-2-1)."""
    value = np.asarray(levels, np.float32) / np.float32(255)
    curved = ((value + np.float32(0.055)) / np.float32(1.055)) ** np.float32(2.4)
    return np.where(value <= 0.04045, value / np.float32(12.92), curved)


def levels(light: Light) -> Light:
    """Inverse of `linear`: light 0..1 as display levels 0..255, float32, not rounded."""
    light = np.asarray(light, np.float32)
    curved = np.float32(1.055) * np.maximum(light, 0) ** np.float32(1 / 2.4) - np.float32(0.055)
    return np.float32(255) * np.where(light <= 0.0031308, np.float32(12.92) * light, curved)


def luminance(light: Light) -> Light:
    """Of linear RGB (..., 3), 0..1."""
    return light @ np.array(LUMA, np.float32)
