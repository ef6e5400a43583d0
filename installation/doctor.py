"""The doctor: one page that says what a show on this machine would have, what not, and what mends it."""

import json as json_module
import os
import shutil
import sys
import textwrap
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TextIO

from installation.checks.apart import TIMEOUT, apart
from installation.checks.check import Check, State
from installation.settings import Settings, load_settings

Section = Sequence[tuple[str, str]]  # a probe's name and its function, as `apart` takes them

SECTIONS: dict[str, Section] = {
    title: [(name, f"installation.checks.{where}") for name, where in rows.items()]
    for title, rows in {
        "Installed": {"Python": "parts:python", "packages": "parts:packages"},
        "Dream": {
            "torch": "dream:torch",
            "processor": "dream:processor",
            "graphics card": "dream:card",
            "networks": "dream:networks",
            "engine": "dream:engine",
        },
        "Camera": {"camera": "picture:cameras", "source": "picture:source"},
        "Picture": {"display": "picture:displays", "drawing": "picture:drawing"},
        "Hands": {"MIDI": "around:midi", "programs": "around:programs", "page": "around:page"},
        "Machine": {"permissions": "around:permissions", "disk": "around:disk"},
    }.items()
}
LONGER = {"Dream": 20.0}  # seconds for one probe: torch comes from a slow disk
AT_ONCE = 3  # sections looked at side by side
MARKS: dict[State, tuple[str, str, str]] = {  # a sign, the same in ASCII, its colour
    "well": ("✓", "ok", "32"),
    "second-best": ("!", "!", "33"),
    "broken": ("✗", "x", "31;1"),
}
IN_ASCII = str.maketrans({"…": "...", "→": "->", "×": "x"})
WIDTH = 15  # letters for what was looked at


def doctor(
    *,
    json: bool = False,
    settings: Settings | None = None,
    sections: Mapping[str, Section] = SECTIONS,
    out: TextIO | None = None,
    timeout: float | None = None,
) -> int:
    """Look at everything, print the page (or JSON), and return the exit code: 1 when something is broken, else 0.

    ``settings``: what the show would be asked for; what it names and is not there is broken.
    """
    out = out or sys.stdout
    found: dict[str, list[Check]] = {}
    page = Page(out)
    for title, checks in examined(sections, settings or load_settings(None, {}), timeout):
        found[title] = checks
        if not json:
            page.section(title, checks)
    every = [check for checks in found.values() for check in checks]
    code = int(any(check.state == "broken" for check in every))
    if json:
        rows = [{"section": title} | check.as_dict() for title, checks in found.items() for check in checks]
        out.write(json_module.dumps({"exit": code, "checks": rows}, indent=2) + "\n")
    else:
        page.end(every)
    return code


def examined(
    sections: Mapping[str, Section], settings: Settings, timeout: float | None = None
) -> Iterator[tuple[str, list[Check]]]:
    """The sections in their order, each as soon as it and those before it are done."""
    with ThreadPoolExecutor(AT_ONCE) as pool:
        asked = {
            title: pool.submit(apart, probes, settings, timeout or LONGER.get(title, TIMEOUT))
            for title, probes in sections.items()
        }
        for title, checks in asked.items():
            yield title, checks.result()


class Page:
    """The page, written a section at a time; in colour and with signs where ``out`` can show them."""

    def __init__(self, out: TextIO, environment: Mapping[str, str] = os.environ) -> None:
        self._out = out
        self._columns = shutil.get_terminal_size().columns if out.isatty() else 10_000
        self._colour = out.isatty() and not environment.get("NO_COLOR") and environment.get("TERM") != "dumb"
        self._encoding = getattr(out, "encoding", None) or "ascii"
        self._signs = self._encoding.lower().replace("-", "").startswith("utf")

    def section(self, title: str, checks: Sequence[Check]) -> None:
        """A heading and a line for each check, with what mends it under it."""
        if not checks:
            return
        self._line(self._in("1", title))
        for check in checks:
            sign, ascii_sign, colour = MARKS[check.state]
            mark = self._in(colour, sign) if self._signs else self._in(colour, f"{ascii_sign:>2}")
            blank = " " * (5 + WIDTH + (0 if self._signs else 1))
            for number, line in enumerate(self._wrapped(check.value, len(blank))):
                self._line((f"  {mark}  {check.what:<{WIDTH}}" if number == 0 else blank) + line)
            if check.mend:
                arrow = "→ " if self._signs else "-> "
                for number, line in enumerate(self._wrapped(check.mend, len(blank) + len(arrow))):
                    self._line(blank + self._in("36", (arrow if number == 0 else " " * len(arrow)) + line))
        self._line("")

    def end(self, checks: Sequence[Check]) -> None:
        """How it is, all in all."""
        broken = sum(check.state == "broken" for check in checks)
        second = sum(check.state == "second-best" for check in checks)
        less = f"{second} thing{'s' * (second != 1)} could be better" if second else ""
        if broken:
            said = f"{broken} thing{'s' * (broken != 1)} will not work as asked" + (f", {less}" if less else "")
        else:
            said = f"It will play; {less}." if less else "All is well."
        self._line(self._in("1", said))

    def _wrapped(self, text: str, indent: int) -> list[str]:
        return textwrap.wrap(text, max(20, self._columns - indent - 1), break_on_hyphens=False) or [""]

    def _in(self, colour: str, text: str) -> str:
        return f"\x1b[{colour}m{text}\x1b[0m" if self._colour else text

    def _line(self, text: str) -> None:
        if not self._signs:
            text = text.translate(IN_ASCII)
        plain = text.encode(self._encoding, "replace").decode(self._encoding)
        self._out.write(plain.rstrip() + "\n")
        self._out.flush()
