"""Takeover: when a fader takes hold of a knob that stands elsewhere.

A program, a key or the page moves knobs, and faders stay where they are.  With pickup a fader takes hold when it passes
where the knob stands, so that nothing jumps; with jump at its first movement.
"""

from dataclasses import dataclass

from installation.control.midi.binding import Binding

NEAR = 0.5 / 126  # of the control's way: half of the widest step that seven bits make


@dataclass(slots=True)
class Grip:
    """One control's hold on one knob.

    ``at``: where the control stands, 0 to 1; None when it has not moved yet.  ``sent``: the value that it last set;
    None without hold.  ``waits``: it was moved in vain since it last had hold.
    """

    at: float | None = None
    sent: float | None = None
    waits: bool = False

    def move(self, binding: Binding, low: float, high: float, last: float, standing: float, *, jump: bool) -> bool:
        """The control went to ``last``, and on its way was between ``low`` and ``high``; all 0 to 1.

        ``standing``: where the knob stands.  Returns whether the knob goes along; ``sent`` is then its new value.  What
        decides is the way that was gone and not where it ended: a fast turn is never just where the knob stands.
        """
        if self.at is not None:
            low, high = min(low, self.at), max(high, self.at)
        self.at = last
        if jump or self.holds(binding, standing) or self._passes(binding, low, high, standing):
            self.sent, self.waits = binding.value(last), False
            return True
        self.sent, self.waits = None, True
        return False

    def holds(self, binding: Binding, standing: float) -> bool:
        """Whether nobody else has moved the knob since this control did."""
        return self.sent is not None and abs(self.sent - standing) <= NEAR * (binding.high - binding.low)

    def is_below(self, binding: Binding, standing: float) -> bool | None:
        """Whether the control waits below where the knob stands (or above); None when it does not wait."""
        if not self.waits or self.at is None or self.holds(binding, standing):
            return None
        return binding.value(self.at) < standing

    @staticmethod
    def _passes(binding: Binding, low: float, high: float, standing: float) -> bool:
        ends = sorted((binding.value(low), binding.value(high)))
        margin = NEAR * (binding.high - binding.low)
        # A knob that stands outside of what the control reaches is picked up at that end: else it never would be.
        reachable = min(binding.high, max(binding.low, standing))
        return ends[0] - margin <= reachable <= ends[1] + margin
