"""The shelf: where profiles are kept, one file for each display and resolution, and the ones that it replaced.

    projector-1920x1080.toml          the profile that is used
    projector-1920x1080.r7.toml       what it was before: the newest KEPT of them stay

To go back to an older one, copy it over the first.
"""

import errno
import os
import re
import shutil
import zlib
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from calibration.corners import Size
from calibration.profile import Profile, ProfileError, fits
from calibration.profile_toml import from_text, to_text

KEPT = 10  # older versions of each profile
LARGEST = 1 << 20  # bytes: a file of more is no profile of ours, whatever it is called


def path_of(folder: Path, display: str, size: Size) -> Path:
    """The file for this display at this size.

    What a file system might not take becomes a dash; a sum of the whole name then keeps two displays apart.
    """
    plain = re.sub(r"[^a-z0-9_-]+", "-", display.lower()).strip("-")[:60]
    if plain != display:
        plain = f"{plain or 'display'}-{zlib.crc32(display.encode('utf-8', 'replace')):08x}"
    return folder / f"{plain}-{size[0]}x{size[1]}.toml"


def read(path: Path) -> Profile:
    """The profile in the file at ``path``.  Raises ProfileError, naming the file, with every problem."""
    try:
        with path.open("rb") as file:
            raw = file.read(LARGEST + 1)
    except OSError as error:
        raise ProfileError(f"{path} cannot be read: {error.strerror or error}") from error
    if len(raw) > LARGEST:
        raise ProfileError(f"{path} is damaged: larger than {LARGEST // 1024} KiB")
    try:
        return from_text(raw.decode("utf-8"), str(path))
    except UnicodeDecodeError as error:
        raise ProfileError(f"{path} is damaged: not text in UTF-8") from error


def load(folder: Path, display: str, size: Size) -> Profile | None:
    """The profile kept for this display at this size; None where there is none.  Raises ProfileError if refused."""
    path = path_of(folder, display, size)
    if not path.exists():
        return None
    profile = read(path)
    try:
        fits(profile, display, size)
    except ProfileError as error:
        raise ProfileError(f"{path}: {error}") from error
    return profile


def older(folder: Path, display: str, size: Size) -> list[Path]:
    """The versions that were replaced, newest first."""
    path = path_of(folder, display, size)
    return [there for _, there in sorted(_numbered(path), reverse=True)]


def save(folder: Path, profile: Profile) -> Profile:
    """Keep ``profile`` in its place, and what was there as an older version; returns it with its new revision.

    Whole or not at all: whatever goes wrong, the file that was there stays as it was, to the byte.
    Raises ProfileError when the profile makes no sense or the disk does not take it.
    """
    path = path_of(folder, profile.display, profile.size)
    part = path.with_name(path.name + ".part")
    last = _last_revision(path)
    saved = replace(profile, revision=last + 1)
    text = to_text(saved)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with part.open("w", encoding="utf-8", newline="\n") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        if path.exists():
            _keep(path, _kept_as(path, last))
        part.replace(path)
    except OSError as error:
        with suppress(OSError):
            part.unlink(missing_ok=True)
        full = " (the disk is full)" if error.errno in {errno.ENOSPC, errno.EDQUOT} else ""
        raise ProfileError(
            f"{path} cannot be written{full}: {error.strerror or error}; the old profile is as it was"
        ) from error
    for _, there in sorted(_numbered(path), reverse=True)[KEPT:]:
        with suppress(OSError):  # one too many is no reason to frighten anybody
            there.unlink()
    return saved


def _keep(path: Path, kept: Path) -> None:
    """Give the file a second name, which takes no room; where the file system has only one a file, copy it."""
    kept.unlink(missing_ok=True)
    try:
        os.link(path, kept)
    except OSError:
        copy = kept.with_name(kept.name + ".part")
        try:
            shutil.copyfile(path, copy)
            copy.replace(kept)
        except OSError:
            copy.unlink(missing_ok=True)
            raise


def _kept_as(path: Path, revision: int) -> Path:
    return path.with_name(f"{path.stem}.r{revision}.toml")


def _numbered(path: Path) -> list[tuple[int, Path]]:
    ours = re.compile(re.escape(path.stem) + r"\.r(\d{1,9})\.toml")
    matches = [(ours.fullmatch(there.name), there) for there in path.parent.glob("*.toml")]
    return [(int(match[1]), there) for match, there in matches if match is not None]


def _last_revision(path: Path) -> int:
    """The highest there was, so that no older version is ever overwritten; the file itself may be damaged."""
    highest = max((number for number, _ in _numbered(path)), default=0)
    if not path.exists():
        return highest
    try:
        return max(highest + 1, read(path).revision)
    except ProfileError:
        return highest + 1
