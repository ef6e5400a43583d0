"""``dreamwall calibrate profiles``: which profiles are kept, and how to go back to one."""

import re
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from calibration import shelf
from calibration.profile import Profile, ProfileError
from installation.calibrate.history import BY_HAND, note, origins
from installation.errors import SettingsError

_NAME = re.compile(r"(?P<profile>.+-\d+x\d+)(?:\.r(?P<older>\d{1,9}))?\.toml")


@dataclass(frozen=True, slots=True)
class Kept:
    """One file of the shelf.  ``is_on``: it is the one that is used; ``profile``: None where it is refused, and why."""

    path: Path
    stem: str
    is_on: bool
    profile: Profile | None
    why: str
    revision: int
    when: str
    origin: str

    def __str__(self) -> str:
        if self.profile is None:
            return f"{'*' if self.is_on else ' '} {self.path.name}: {self.why}"
        width, height = self.profile.size
        return (
            f"{'*' if self.is_on else ' '} {self.profile.display}  {width}x{height}  revision {self.revision}  "
            f"{self.when}  {self.origin}"
        )


def kept(folder: Path) -> list[Kept]:
    """Every profile, those that are used first of each, then older ones, newest first."""
    known, found = origins(folder), []
    for path in folder.glob("*.toml"):
        match = _NAME.fullmatch(path.name)
        if match is None:
            continue
        profile, why = None, ""
        try:
            profile = shelf.read(path)
        except ProfileError as error:
            why = str(error).splitlines()[0].removeprefix(str(path)).strip(": ")
        revision = profile.revision if profile is not None else int(match["older"] or 0)
        when, origin = known.get((match["profile"], revision), (None, BY_HAND))
        when = when or datetime.fromtimestamp(path.stat().st_mtime).isoformat(timespec="seconds")
        is_on = match["older"] is None
        found.append(Kept(path, match["profile"], is_on, profile, why, revision, when.replace("T", " "), origin))
    return sorted(found, key=lambda each: (each.stem, not each.is_on, -each.revision))


def listing(folder: Path, display: str | None) -> list[str]:
    """A line for each, * before those that are used."""
    lines = [str(each) for each in _of(kept(folder), display)]
    return lines or [f"no profile is kept in {folder}; K in the show, or `dreamwall calibrate wall`, makes one"]


def restore(folder: Path, revision: int, display: str | None, now: datetime) -> str:
    """Save an older revision anew; returns a line that says so.  What was on stays, as an older one.

    Raises SettingsError when there is none, or more than one, of that number.
    """
    among = _of(kept(folder), display)
    chosen = [each for each in among if each.revision == revision and each.profile is not None]
    if len(chosen) != 1:
        there = ", ".join(
            f"{each.revision} of {each.profile.display} at {each.profile.size[0]}x{each.profile.size[1]}"
            for each in (chosen or among)
            if each.profile is not None
        )
        what = "there is no revision" if not chosen else "more than one display has a revision"
        raise SettingsError(f"--restore: {what} {revision}; there is {there or 'none'}")
    found = chosen[0].profile
    assert found is not None
    if chosen[0].is_on:
        return f"revision {revision} of {found.display} is the one that is used"
    saved = save(folder, found, f"revision {revision}", now, lambda _what: None)
    width, height = found.size
    return f"{found.display} at {width}x{height} is as in revision {revision} again, which is now {saved.revision}"


def save(folder: Path, profile: Profile, origin: str, now: datetime, say: Callable[[str], None]) -> Profile:
    """Put a profile on the shelf and note where it came from.  Raises SettingsError; the old one is then as it was."""
    try:
        saved = shelf.save(folder, profile)
    except ProfileError as error:
        raise SettingsError("; ".join(map(str.strip, str(error).splitlines()))) from error
    stem = shelf.path_of(folder, saved.display, saved.size).stem
    try:
        note(folder, stem, saved.revision, origin, now)
    except OSError as error:
        with suppress(Exception):
            say(f"where the profile came from could not be noted: {error.strerror}")
    return saved


def _of(found: list[Kept], display: str | None) -> list[Kept]:
    if display is None:
        return found
    return [each for each in found if each.profile is not None and display.lower() in each.profile.display.lower()]
