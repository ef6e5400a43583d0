"""What made each revision of a profile, and when: one line of JSON each, in a file beside the profiles.

A profile itself says how the picture lies and nothing else, so that the same picture is the same file.
"""

import json
from datetime import datetime
from pathlib import Path

FILE = "history.jsonl"
BY_HAND = "by hand"


def note(folder: Path, profile: str, revision: int, origin: str, when: datetime) -> None:
    """Write down where a revision came from.  Raises OSError."""
    line = {"profile": profile, "revision": revision, "when": when.isoformat(timespec="seconds"), "from": origin}
    with (folder / FILE).open("a", encoding="utf-8") as file:
        file.write(json.dumps(line, ensure_ascii=False) + "\n")


def origins(folder: Path) -> dict[tuple[str, int], tuple[str, str]]:
    """By (profile, revision): when, and where from.  Lines that nobody can read are left out."""
    found = {}
    try:
        lines = (folder / FILE).read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return {}
    for text in lines:
        try:
            line = json.loads(text)
            found[str(line["profile"]), int(line["revision"])] = str(line["when"]), str(line["from"])
        except (ValueError, KeyError, TypeError):
            continue
    return found
