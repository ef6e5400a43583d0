"""MIDI: controllers as hands at the desk."""

from installation.control.midi.hand import Midi

__all__ = ["Midi"]
