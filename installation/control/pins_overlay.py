"""What pinning lays over the wall: handles, outlines, a magnifier and a few lines of help.

Drawn in pixels of the display, so it cannot be warped away; only the lines of help are turned as the picture is.
Everything is drawn on premultiplied alpha, where OpenCV's smooth lines need no care.
"""

import cv2
import numpy as np
from numpy.typing import NDArray

from calibration.corners import Points, carry
from calibration.geometry import Magnifier, Overlay
from calibration.light import SIDES
from calibration.profile import Profile
from installation.control.pins import handles, on_display, ramp_end

AMBER, WHITE, DIM, BLACK = (255, 190, 90, 255), (255, 255, 255, 255), (150, 150, 150, 255), (0, 0, 0, 255)
PANEL = (11, 12, 17, 236)
FONT = cv2.FONT_HERSHEY_SIMPLEX
ZOOM = 8
CURVE = 33  # points that a bent line is drawn with
NAMED = {"corners": "corner", "grid": "grid point", "mask": "mask point", "edges": "soft edge"}
KEYS = (
    "Tab next   arrows 1 px   Shift 10 px   or drag with the mouse",
    "G grid   X masks   E soft edges   R turn   M mirror   C next card",
    "Ctrl+Z undo   Ctrl+Y redo   Enter save   Esc leave without",
)
MASK_KEYS = "N new mask   Ins point   Del point   PgUp/PgDn feather   H hide/keep"

Sheet = NDArray[np.uint8]  # (H, W, 4)


def drawn(profile: Profile, mode: str, active: int, message: str) -> Overlay:
    """The overlay while handle number ``active`` of ``mode`` is in hand."""
    sheet = np.zeros((profile.size[1], profile.size[0], 4), np.uint8)
    there = handles(profile, mode)
    for line in _outlines(profile, mode):
        _path(sheet, line)
    here = there[active] if active < len(there) else np.array(profile.size) / 2
    _help(sheet, profile, _lines(profile, mode, active, there), message, here)
    for number, place in enumerate(there):
        if number != active:
            _handle(sheet, place, active=False)
    if not len(there):
        return Overlay(sheet)
    magnifier = magnifier_at(here, profile.size)
    if mode != "edges":
        _frame_magnifier(sheet, magnifier, here)
    _handle(sheet, here, active=True)
    return Overlay(sheet, magnifier if mode != "edges" else None)


def magnifier_at(place: Points, size: tuple[int, int]) -> Magnifier:
    """A magnifier for ``place``, beside it, towards the middle of the display and wholly on it."""
    count = max(3, min(size) // 4 // ZOOM) | 1  # pixels seen: an odd number has a middle
    side = count * ZOOM
    away = np.where(place < np.array(size) / 2, 1, -1) * (side / 2 + max(24, min(size) / 20))
    corner = np.clip(np.round(place + away - side / 2), 0, np.maximum(0, np.array(size) - side))
    middle = np.floor(place)
    return Magnifier((int(corner[0]), int(corner[1]), side), (int(middle[0]), int(middle[1])), ZOOM)


def _lines(profile: Profile, mode: str, active: int, there: Points) -> list[str]:
    if not len(there):
        return ["masks", MASK_KEYS, *KEYS]
    x, y = there[active]
    title = f"{NAMED[mode]} {active + 1} of {len(there)}   x {x:.1f}   y {y:.1f}"
    if mode == "edges":
        title = f"soft edge {SIDES[active]}   {getattr(profile.edges, SIDES[active]):.0f} px"
    return [title, *([MASK_KEYS] if mode == "mask" else []), *KEYS]


def _outlines(profile: Profile, mode: str) -> list[Points]:
    """Lines to be drawn, each (n, 2) display pixels: the picture's rim, the grid, the masks, the ends of soft edges."""
    along = np.linspace(0, 1, CURVE)
    shares: list[tuple[int, float]] = [(0, 0.0), (0, 1.0), (1, 0.0), (1, 1.0)]
    if mode == "grid":
        columns, rows = profile.grid.size if profile.grid is not None else (5, 5)
        shares = [*((0, at) for at in np.linspace(0, 1, columns)), *((1, at) for at in np.linspace(0, 1, rows))]
    lines = []
    for axis, share in shares:
        still = np.full(CURVE, share)
        lines.append(on_display(profile, np.stack([still, along] if axis == 0 else [along, still], axis=1)))
    if mode == "mask":
        lines += [np.array([*mask.points, mask.points[0]]) for mask in profile.masks]
    if mode == "edges":
        lines += [on_display(profile, np.array([ramp_end(profile, side, at) for at in along])) for side in SIDES]
    return lines


def _path(sheet: Sheet, line: Points) -> None:
    """A thin light line on a darker, wider one, to be seen on any card."""
    points = [np.round(np.clip(line - 0.5, -9999, 9999) * 16).astype(np.int32)]
    cv2.polylines(sheet, points, False, BLACK, 3, cv2.LINE_AA, shift=4)
    cv2.polylines(sheet, points, False, DIM, 1, cv2.LINE_AA, shift=4)


def _handle(sheet: Sheet, place: Points, *, active: bool) -> None:
    """A ring at ``place``; at the rim of the display for one that lies beyond."""
    height, width = sheet.shape[:2]
    radius = max(5, min(width, height) // (60 if active else 110))
    inside = np.clip(place - 0.5, 0, [width - 1, height - 1])
    middle = round(float(inside[0]) * 16), round(float(inside[1]) * 16)
    cv2.circle(sheet, middle, radius * 16, BLACK, 5, cv2.LINE_AA, shift=4)
    cv2.circle(sheet, middle, radius * 16, AMBER if active else WHITE, 2, cv2.LINE_AA, shift=4)


def _frame_magnifier(sheet: Sheet, magnifier: Magnifier, place: Points) -> None:
    """Clear the magnifier, but for a frame and a fine cross at the very place, with its middle left open."""
    left, top, side = magnifier.box
    sheet[top : top + side, left : left + side] = 0
    x, y = (
        (np.array([left, top]) + side / 2 + (place - np.array(magnifier.centre) - 0.5) * magnifier.zoom)
        .round()
        .astype(int)
    )
    gap = magnifier.zoom
    for colour, thick in ((BLACK, 3), (AMBER, 1)):
        for one, other in (
            ((left, y), (x - gap, y)), ((x + gap, y), (left + side - 1, y)),
            ((x, top), (x, y - gap)), ((x, y + gap), (x, top + side - 1)),
        ):  # fmt: skip
            cv2.line(sheet, one, other, colour, thick)
        cv2.rectangle(sheet, (left, top), (left + side - 1, top + side - 1), colour, thick)


def _help(sheet: Sheet, profile: Profile, lines: list[str], message: str, here: Points) -> None:
    """The lines on a dark panel, turned and mirrored as the picture is, in the half where the hand is not at work."""
    height, width = sheet.shape[:2]
    room = profile.picture_size
    scale = min(room[1] / 1000, room[0] / 1300)
    texts = [(text, AMBER if number == 0 else WHITE) for number, text in enumerate(lines)]
    texts += [(text[:120], AMBER) for text in message.splitlines()]
    sizes = [cv2.getTextSize(text, FONT, scale, 1)[0] for text, _ in texts]
    leading = max(4, round(max(high for _, high in sizes) * 1.9))
    wide, high = max(wide for wide, _ in sizes) + 2 * leading, leading * (len(texts) + 1)
    panel = np.empty((high, wide, 4), np.uint8)
    panel[:] = PANEL
    for row, (text, colour) in enumerate(texts):
        plain = text.encode("ascii", "replace").decode()
        # Letters as a mask of their own: on four channels OpenCV would punch holes into the panel's alpha.
        ink = np.zeros((high, wide), np.uint8)
        cv2.putText(ink, plain, (leading, round(leading * (row + 1.2))), FONT, scale, 255, 1, cv2.LINE_AA)
        cover = ink[..., None] / np.float32(255)
        panel = np.rint(panel * (1 - cover) + np.array(colour, np.float32) * cover).astype(np.uint8)
    panel = np.rot90(panel, -(profile.rotate // 90))
    panel = panel[:, ::-1] if profile.mirror else panel
    panel = panel[:height, :width]
    high, wide = panel.shape[:2]
    on_wall = carry(np.asarray(np.linalg.inv(profile.turn()), np.float64), here / profile.size)
    middle = carry(profile.turn(), [0.5, 0.27 if on_wall[1] > 0.5 else 0.73]) * profile.size
    left, top = (np.clip(np.round(middle - [wide / 2, high / 2]), 0, [width - wide, height - high])).astype(int)
    sheet[top : top + high, left : left + wide] = panel
