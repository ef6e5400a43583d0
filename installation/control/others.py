"""What the other hands do: notices whatever changes at the desk that this hand did not ask for itself."""

from collections.abc import Mapping

from installation.desk import Desk, Recall
from installation.knobs import KNOBS


class Others:
    """Compares where the knobs stand and which program came last with what was expected.

    For a hand that works by itself, such as the director, and must give way to people.  A turn of another hand in the
    very refresh in which this one turns the same knob is not noticed; the next one is.
    """

    def __init__(self) -> None:
        self.asked: dict[str, float] = {}  # the values that this hand asked for last, by knob
        self._waiting: dict[str, float] = {}  # those of them that the board has not read yet
        self._stood: dict[str, float] | None = None
        self._recall: Recall | None = None
        self._program: int | None = None

    def turned(self, knobs: Mapping[str, float]) -> None:
        """Note that this hand has sent ``knobs`` to these values."""
        values = {name: KNOBS[name].clamp(value) for name, value in knobs.items()}
        self.asked |= values
        self._waiting |= values

    def recalled(self, desk: Desk, knobs: Mapping[str, float]) -> None:
        """Note that this hand has recalled a program, which turns ``knobs``."""
        self.turned(knobs)
        self._recall, self._program = _newest(desk), desk.program

    def kept(self, desk: Desk, knobs: Mapping[str, float]) -> set[str]:
        """Those of ``knobs`` that still stand where this hand has sent them."""
        return {name for name in knobs if desk.board.standing(name) == self.asked.get(name)}

    def look(self, desk: Desk) -> tuple[bool, bool]:
        """Whether another hand was at a knob, and whether one brought on a program, since the last look."""
        stands = {name: desk.board.standing(name) for name in KNOBS}
        first, before = self._stood is None, self._stood or stands
        turned = stands not in (before, before | self._waiting)
        if stands == before | self._waiting or turned:
            self._waiting = {}
        brought = (_newest(desk), desk.program) != (self._recall, self._program)
        self._stood, self._recall, self._program = stands, _newest(desk), desk.program
        return turned and not first, brought and not first


def _newest(desk: Desk) -> Recall | None:
    return desk.recalls[-1] if desk.recalls else None
