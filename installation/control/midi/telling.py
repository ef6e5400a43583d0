"""Telling: a MIDI message and what it does, in words."""

from collections.abc import Sequence

import mido

from installation.control.midi.binding import ORDERS, Binding, position
from installation.control.midi.controller import ENDLESS, PRESSED
from installation.control.midi.inbox import Moved
from installation.control.midi.map import Map
from installation.knobs import KNOBS


def told(message: Sequence[int], plan: Map) -> str:
    """A message, given as its bytes, and what it does: "CC 21, channel 1, value 64: turns octaves to 3"."""
    try:
        came = mido.Message.from_bytes(message)
    except (ValueError, TypeError, LookupError):  # the last from mido itself, when a message is cut short
        return "no MIDI: " + " ".join(f"{byte:02X}" for byte in message)
    where = f", channel {came.channel + 1}" if hasattr(came, "channel") else ""
    number = value = 0
    match came.type:
        case "control_change":
            kind, number, value = "cc", came.control, came.value
            was = f"CC {number}{where}, value {value}"
        case "note_on" | "note_off":
            kind, number, value = "note", came.note, came.velocity if came.type == "note_on" else 0
            was = f"note {number}{where}, " + (f"velocity {value}" if value else "let go")
        case "program_change":
            kind, number, value = "program", came.program, came.program
            was = f"program change {number}{where}"
        case "pitchwheel":
            kind, value = "pitch", came.pitch + 8192
            was = f"bend wheel{where}, value {value}"
        case other:
            return f"{other.replace('_', ' ')}{where}: nothing listens to it"
    return f"{was}: {doing(plan.binding_of(kind, came.channel + 1, number), kind, number, value)}"


def doing(binding: Binding | None, kind: str, number: int, value: int) -> str:
    """What a control with this binding does when it sends ``value``: "turns linger to 15.1 s"."""
    match binding:
        case None:
            return "nothing is bound to it"
        case Binding(acts="nothing"):
            return "does nothing, as its map says"
        case Binding(acts="numbered"):
            return f"does {binding.does} {number + 1}"
        case Binding(acts="knob"):
            return _turning(binding, kind, value)
    pressed = value > 0 if kind == "note" else value >= PRESSED * (128 if kind == "pitch" else 1)
    return _pressing(binding, pressed=pressed or (kind == "cc" and number >= ORDERS))


def _turning(binding: Binding, kind: str, value: int) -> str:
    knob = KNOBS[binding.does]
    if binding.mode == "absolute":
        return f"turns {knob.name} to {binding.value(position(kind, value)):.3g} {knob.unit}".rstrip()
    moved = Moved(kind, 1, 0, value, value, value, value)
    moved.add(value)
    steps = moved.steps(binding.mode) * (-1 if binding.invert else 1)
    return f"turns {knob.name} by {steps * (binding.high - binding.low) * ENDLESS:+.3g} {knob.unit}".rstrip()


def _pressing(binding: Binding, *, pressed: bool) -> str:
    does = f"flip {binding.does}" if binding.mode == "toggle" else binding.does
    if binding.mode == "momentary":
        return f"puts {does} {'on' if pressed != binding.invert else 'off'}"
    if binding.hold is not None and pressed:
        return f"does {does} if it is let go within a second, otherwise {binding.hold}"
    if pressed == binding.invert:  # the half of a press that does nothing by itself
        return "pressed" if pressed else "let go"
    return f"does {does}"
