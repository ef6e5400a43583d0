"""The flash analyser: measures moving pictures against the published limits of `calibration.limits`.

It is fed with pictures one by one, as they were or will be shown, with their times, and may watch a show for days:
what it keeps is bounded.  In every cell of the picture (`flash_cells`) it follows luminance and saturated red
(`flash_states`), counts their transitions in a sliding second (`flash_counts`) and asks each area rule whether enough
cells of one window are over the limit at once.

Counted is per cell, not per change of the whole picture: means over the picture hide a flash that covers a quarter of
it, and places that flash in turn would be taken for one that flashes twice as often.  Cells need not change in step to
be added up, so waves and noise count as flashing too, which is stricter than the standards ask.  What none of this sees
is one flash after the other, each in another place.
"""

from typing import Any

from numpy.typing import NDArray

from calibration.flash_cells import Cells, Geometry, luminance
from calibration.flash_counts import Count
from calibration.flash_patterns import Patterns
from calibration.flash_plot import plot
from calibration.flash_states import Luminance, Red
from calibration.flash_verdict import Finding, State, Verdict, findings, stripes
from calibration.limits import Light

__all__ = ["Analyser", "Finding", "Geometry", "State", "Verdict"]


class Analyser:
    """Watches pictures of one ``size`` (width, height).

    ``geometry``: how far away the nearest viewer is and how wide the picture; with it the rule of the 10 degree field
    is asked too.  ``patterns``: look for regular stripes as well.
    """

    def __init__(self, size: tuple[int, int], geometry: Geometry | None = None, *, patterns: bool = True) -> None:
        self.size, self.geometry = size, geometry
        self.pictures = 0
        self._cells = Cells(size)
        windows = self._cells.windows(geometry)
        self._luminance, self._red = Luminance(), Red()
        self._counts = {"luminance": Count(self._cells, windows), "red": Count(self._cells, windows)}
        self._patterns = Patterns(self._cells)
        self._looks = patterns
        self._start = self._time = 0.0

    def see(self, pixels: NDArray[Any], time: float) -> None:
        """The next picture, (H, W, 3) uint8 RGB, shown from ``time`` (seconds, on any clock).

        Raises ValueError for a picture of another size or type, and for a time before the last one.
        """
        if self.pictures and time < self._time:
            raise ValueError(f"pictures come in order of time: {time:.3f} s after {self._time:.3f} s")
        light = self._cells.linear(pixels)
        if not self.pictures:
            self._start = self._time = time
        elapsed, self._time = time - self._time, time
        self.pictures += 1
        if self._looks:
            self._patterns.see(light, time)
        cells: Light = self._cells.averaged(light)
        self._counts["luminance"].see(self._luminance.see(luminance(cells)), time, elapsed)
        self._counts["red"].see(self._red.see(cells), time, elapsed)

    @property
    def levels(self) -> dict[str, tuple[int, ...]]:
        """Transitions in the last second as they stand, by kind, over each area rule."""
        return {kind: tuple(count.levels) for kind, count in self._counts.items()}

    def verdict(self) -> Verdict:
        """What was found so far; watching may go on."""
        found = [finding for kind, count in self._counts.items() for finding in findings(kind, count, self._start)]
        if self._looks:
            found.append(stripes(self._patterns, self._start))
        return Verdict(self.size, self.pictures, self._time - self._start, self.geometry, tuple(found))

    def plot(self) -> NDArray[Any]:
        """Transitions a second over time with their limits, and where they were, as (H, W, 3) uint8 RGB."""
        return plot(self.verdict(), self._counts)
