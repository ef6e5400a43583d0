"""A backend for mido that is all invented: `MIDO_BACKEND=midi_backend` plays controllers where there is no MIDI at all.

`plug` puts a controller in, `unplug` takes it out, `play` moves something on it; `sent` is what came to its lights.
"""

import threading

import mido
from mido.ports import BaseInput, BaseOutput

_lock = threading.Lock()
_plugged: dict[str, bool] = {}
_open: dict[str, list] = {}
sent: dict[str, list] = {}
refuse: set[str] = set()  # names of ports that cannot be opened


def reset():
    """No controller is plugged in."""
    for kept in (_plugged, _open, sent, refuse):
        kept.clear()


def plug(name, lights=False):
    with _lock:
        _plugged[name] = lights


def unplug(name):
    """As with real drivers nobody is told: whoever has it open just hears no more."""
    with _lock:
        _plugged.pop(name)
        _open.pop(name, None)


def play(name, *messages):
    """The messages come out of the controller, for everybody who has it open."""
    for message in messages:
        for port in list(_open.get(name, [])):
            port.callback(message if isinstance(message, mido.Message) else mido.Message.from_bytes(message))


def get_devices(**_):
    with _lock:
        return [
            {"name": name, "is_input": way == "in", "is_output": way == "out"}
            for name, lights in _plugged.items()
            for way in (("in", "out") if lights else ("in",))
        ]


class Input(BaseInput):
    def _open(self, callback=None, **_):
        if self.name not in _plugged or self.name in refuse:
            raise OSError("somebody else has it")
        self.callback = callback
        _open.setdefault(self.name, []).append(self)

    def _close(self):
        if self in _open.get(self.name, []):
            _open[self.name].remove(self)


class Output(BaseOutput):
    def _open(self, **_):
        sent.setdefault(self.name, [])

    def _send(self, message):
        sent[self.name].append(message)
