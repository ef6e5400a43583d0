"""What is laid over the picture for the operator: help, the chosen knob, learning.  Lines as the HUD draws them."""

from installation.control.keys import DIGITS, KEYS, Keys, learnable
from installation.desk import Desk
from installation.knobs import KNOBS, Look


def help_lines(keys: Keys, look: Look | None = None) -> list[str]:
    """What F1 shows: a title, every key, every knob; with ``look`` where a knob stands, else how far it goes."""
    numbered = {f"do {verb} {number}" for number, _ in DIGITS for verb in ("program", "store")}
    lines = ["Dreamwall"] + [f"{key.label}\t{key.help}" for key in KEYS if key.action not in numbered]
    lines += ["1 to 9\tthat program", "Shift+1 to 9\tstore the look as that program"]
    lines += ["Shift\twith a turn: ten times as far", ""]
    for name, knob in KNOBS.items():
        mark = "> " if name == keys.chosen else ""
        stands = f"{knob.low:g} to {knob.high:g} {knob.unit}" if look is None else reading(name, look)
        lines.append(f"{mark}{name}\t{stands.rstrip()}\t{knob.help}")
    return lines


def hint(keys: Keys, look: Look) -> str:
    """One line for the HUD: the chosen knob and where it stands."""
    return f"{keys.chosen}\t{reading(keys.chosen, look)}"


def program_line(desk: Desk) -> str:
    """One line for the HUD: the program that is on, and whether they take turns."""
    program = desk.programs.get(desk.program or 0)
    name = "none" if program is None else f"{desk.program} {program.name}"
    return f"program\t{name}" + (", taking turns" if desk.cycling else "")


def learn_lines(desk: Desk, controllers: list[str], last: str) -> list[str]:
    """What L shows.  ``controllers``: a line each; ``last``: what was learned last, as an event says it."""
    there = learnable(desk)
    lines = ["Learn"]
    if desk.learning is None:
        lines += [f"done\t{last}", "I\tthe other way round", "T\thold or switch over"]
    else:
        at = there.index(desk.learning)
        near = [(at + step) % len(there) for step in range(-3, 4)]
        lines += [f"{'> ' if index == at else ''}{there[index]}" for index in near]
        lines += ["", "now\tmove the knob, fader or pad that shall do it"]
    return [*lines, ",  and  .\tchoose another", "L or Esc\tenough", "", *controllers]


def reading(name: str, look: Look) -> str:
    """A knob's value as a person reads it: "2.5 s"."""
    knob = KNOBS[name]
    value = getattr(look, name)
    digits = 0 if knob.high - knob.low >= 50 else 2 if knob.high - knob.low <= 2 else 1
    return f"{value:.{digits}f} {knob.unit}".rstrip()
