"""A measurement drawn: transitions a second over time with their limits, and how many there were where."""

from collections.abc import Mapping, Sequence
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from calibration.flash_counts import Count, History
from calibration.flash_verdict import NOTE, Verdict, clock
from calibration.limits import MOST, WARN

Drawing = NDArray[np.uint8]  # (H, W, 3) RGB
Colour = tuple[int, int, int]

WIDTH, CURVES, MARGIN, TEXT = 1200, 220, 60, 22  # pixels
PAPER, INK, GREY, OVER, NEAR = (250, 250, 248), (30, 30, 34), (160, 160, 164), (200, 30, 30), (220, 150, 20)
TOP = 20  # transitions: what is over it is drawn at it, so that the limits stay apart
RULES: tuple[Colour, ...] = ((30, 90, 170), (20, 140, 110), (140, 70, 160), (110, 80, 40))  # one for each area


def plot(verdict: Verdict, counts: Mapping[str, Count]) -> Drawing:
    """``counts``: by what they are called; each gets its curves and its map."""
    pieces = [_heading(verdict, next(iter(counts.values())))]
    pieces += [_curves(kind, count.history, verdict.seconds) for kind, count in counts.items()]
    pieces.append(_maps(verdict, counts))
    return np.concatenate(pieces)


def _heading(verdict: Verdict, count: Count) -> Drawing:
    sheet = _sheet(TEXT * 5)
    _write(sheet, verdict.sentence, (MARGIN, TEXT * 2), OVER if verdict.over else INK, 0.55)
    _write(sheet, NOTE, (MARGIN, TEXT * 3), GREY)
    left = MARGIN
    for window, colour in zip(count.windows, RULES, strict=False):
        cv2.line(sheet, (left, TEXT * 4 - 5), (left + 24, TEXT * 4 - 5), colour, 2)
        left += 34 + _write(sheet, window.name, (left + 30, TEXT * 4), INK) + 24
    return sheet


def _curves(kind: str, history: History, seconds: float) -> Drawing:
    sheet = _sheet(CURVES)
    levels = history.levels
    highest = min(max(10, int(levels.max(initial=0))), TOP)
    floor, room = CURVES - 30, CURVES - 60
    span = max(seconds, history.bucket)

    def height(level: float) -> int:
        return floor - round(min(level, highest) / highest * room)

    _write(sheet, f"{kind}: transitions a second", (MARGIN, 20), INK, 0.5)
    for level, colour in ((0, INK), (WARN, NEAR), (MOST, OVER), (highest, GREY)):
        cv2.line(sheet, (MARGIN, height(level)), (WIDTH - MARGIN, height(level)), colour, 1)
        _write(sheet, f"{level}+" if level == TOP else str(level), (MARGIN - 26, height(level) + 5), colour)
    for tick in range(7):
        at = MARGIN + round((WIDTH - 2 * MARGIN) * tick / 6)
        cv2.line(sheet, (at, floor), (at, floor + 5), INK, 1)
        _write(sheet, clock(span * tick / 6), (at - 18, floor + 22), INK)
    right = MARGIN + np.minimum(np.arange(levels.shape[1] + 1) * history.bucket / span, 1) * (WIDTH - 2 * MARGIN)
    for rule, colour, thick in zip(levels, RULES, (6, 4, 2, 1), strict=False):  # so that none hides another
        across = np.repeat(right, 2)[1:-1]
        down = floor - np.repeat(np.minimum(rule, highest), 2) / highest * room
        if len(across):
            points = np.stack([across, down], 1).round().astype(np.int32)
            cv2.polylines(sheet, [points], False, colour, thick, cv2.LINE_AA)
    return sheet


def _maps(verdict: Verdict, counts: Mapping[str, Count]) -> Drawing:
    """Most transitions in any one second, cell by cell: grey to WARN, yellow from there, red over MOST."""
    wide = (WIDTH - MARGIN * (len(counts) + 1)) // len(counts)
    tall = max(1, round(wide * verdict.size[1] / verdict.size[0]))
    sheet = _sheet(tall + TEXT * 2 + 20)
    for at, (kind, count) in enumerate(counts.items()):
        left = MARGIN + at * (wide + MARGIN)
        most = int(count.peaks.max())
        _write(sheet, f"{kind}: at most {most} transitions in a second, by place", (left, 20), INK)
        drawn = cv2.resize(_coloured(count.peaks), (wide, tall), interpolation=cv2.INTER_NEAREST)
        sheet[TEXT + 10 : TEXT + 10 + tall, left : left + wide] = drawn
        _frames(sheet, verdict, kind, (left, TEXT + 10, wide, tall))
        cv2.rectangle(sheet, (left, TEXT + 10), (left + wide - 1, TEXT + 9 + tall), INK, 1)
    return sheet


def _coloured(peaks: NDArray[np.uint16]) -> Drawing:
    calm = np.minimum(255 - peaks[..., None].astype(np.int32) * 20, 255).clip(140).repeat(3, 2)
    calm[(peaks >= WARN) & (peaks <= MOST)] = NEAR
    calm[peaks > MOST] = OVER
    return calm.astype(np.uint8)


def _frames(sheet: Drawing, verdict: Verdict, kind: str, box: tuple[int, int, int, int]) -> None:
    """Round the window in which each rule found its worst second, in the rule's colour."""
    found = [f for f in verdict.findings if f.kind == kind and f.rule == "a second"]
    for finding, colour in zip(found, RULES, strict=False):
        if finding.window is not None and finding.state != "within":
            left, top, wide, tall = (share * box[2 + at % 2] for at, share in enumerate(finding.window))
            first = round(box[0] + left), round(box[1] + top)
            last = round(box[0] + left + wide) - 1, round(box[1] + top + tall) - 1
            cv2.rectangle(sheet, first, last, colour, 2)


def _sheet(height: int) -> Drawing:
    return np.full((height, WIDTH, 3), PAPER, np.uint8)


def _write(sheet: Drawing, text: str, at: Sequence[int], colour: Colour, scale: float = 0.42) -> int:
    """Write from ``at`` (x, y of the base line), smaller where it would not fit; returns the width."""
    font: Any = cv2.FONT_HERSHEY_SIMPLEX
    width = int(cv2.getTextSize(text, font, scale, 1)[0][0])
    if (room := WIDTH - 10 - at[0]) < width:
        scale, width = scale * room / width, room
    cv2.putText(sheet, text, (int(at[0]), int(at[1])), font, scale, colour, 1, cv2.LINE_AA)
    return width
