"""Maps: which control does what on one port.  In layers: what was learned, the person's own files, the profile that
ships, and beneath them all a generic map, made from the declarations of knobs, that any keyboard or fader box fits.
"""

import re
import threading
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cache
from importlib.resources import files
from pathlib import Path

from installation.control.midi.binding import Binding, Profile, bind, profile_of
from installation.control.midi.lights import Light
from installation.knobs import KNOBS
from installation.toml_file import TomlText, user_folder

Layer = dict[tuple[str, int | None, int], Binding]


@cache
def generic() -> Layer:
    """What every controller does that nothing else is known of; on any channel."""
    rows = [bind("cc", knob.cc, None, name) for name, knob in KNOBS.items() if knob.cc is not None]
    rows += [bind("pitch", 0, None, "zoom"), bind("program", 0, None, "program")]
    rows += [bind("cc", 64, None, "freeze", "momentary")]  # the pedal
    rows += [bind("note", 35 + stop, None, f"layer {stop}") for stop in range(1, 17)]
    rows += [bind("note", 51 + n, None, f"program {n}", hold=f"store {n}") for n in range(1, 9)]
    rows += [bind("cc", number, None, "panic") for number in (120, 123)]  # all sound off, all notes off
    return {row.address: row for row in rows}


@dataclass(frozen=True)
class Map:
    """One port's bindings and lights; the first layer that knows a control says."""

    layers: tuple[Layer, ...]
    lights: tuple[Light, ...] = ()
    matches: tuple[re.Pattern[str], ...] = ()

    def of(self, kind: str, channel: int, number: int) -> Binding | None:
        """What this control does; None when nothing is bound to it."""
        for layer in self.layers:
            for key in ((kind, channel, number), (kind, None, number)):
                if key in layer:
                    return layer[key]
        return None

    def binding_of(self, kind: str, channel: int, number: int) -> Binding | None:
        """As `of`; a program change and a bend wheel have their number in the message."""
        return self.of(kind, channel, number if kind in {"cc", "note"} else 0)


class Maps:
    """The maps of every controller: those that ship and the person's own."""

    def __init__(self, shipped: Sequence[Profile], own: Sequence[Profile], folder: Path) -> None:
        self._shipped, self._own, self.folder = tuple(shipped), tuple(own), folder
        self._learned: dict[str, Layer] = {}  # by slug, as long as the show lasts
        self._lock = threading.Lock()

    @classmethod
    def load(cls) -> "Maps":
        """Raises SettingsError, naming file and line, when something in a person's own map is wrong."""
        folder = user_folder() / "midi"
        own = [profile_of(TomlText.read(path), path.stem) for path in sorted(folder.glob("*.toml"))]
        return cls(shipped_profiles(), own, folder)

    def of(self, port: str, label: str) -> Map:
        """The map of the port that the system calls ``port`` and people call ``label``."""
        own = [profile for profile in self._own if profile.fits(port)]
        own.sort(key=lambda profile: profile.stem == slug(label))  # what was learned on this one is on top
        ships = [profile for profile in self._shipped if profile.fits(port)][:1]
        profiles = [*reversed(own), *ships]
        with self._lock:
            learned = dict(self._learned.get(slug(label), {}))
        lights: dict[tuple[str, int, int], Light] = {}
        for profile in reversed(profiles):
            lights |= {(light.kind, light.channel, light.number): light for light in profile.lights}
        rows = [{row.address: row for row in profile.controls} for profile in profiles]
        return Map((learned, *rows, generic()), tuple(lights.values()), tuple(profile.match for profile in profiles))

    def learned(self, label: str) -> tuple[Path, list[Binding]]:
        """What was learned on controllers called ``label``, and the file that keeps it."""
        with self._lock:
            return self.folder / f"{slug(label)}.toml", list(self._learned.get(slug(label), {}).values())

    def learn(self, label: str, binding: Binding, at: Map) -> Map:
        """``at`` with this binding on top; the same port gets it again when it was away."""
        with self._lock:
            learned = self._learned.setdefault(slug(label), {})
            learned[binding.address] = binding
            return replace(at, layers=(dict(learned), *at.layers[1:]))


@cache
def shipped_profiles() -> tuple[Profile, ...]:
    """The profiles that ship, by name."""
    found = []
    for file in files("installation.control.midi").joinpath("profiles").iterdir():
        if file.name.endswith(".toml"):
            toml = TomlText(file.read_text(encoding="utf-8"), f"{file.name} (shipped)")
            found.append(profile_of(toml, file.name.removesuffix(".toml")))
    return tuple(sorted(found, key=lambda profile: profile.name))


def slug(label: str) -> str:
    """A controller's name as a file's: "APC mini mk2" is apc-mini-mk2."""
    return re.sub(r"[^a-z0-9]+", "-", label.lower()).strip("-") or "controller"
