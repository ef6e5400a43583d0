"""A profile as TOML: written with every digit, read with every mistake listed instead of the first one raised."""

import json
import math
import tomllib
from typing import Any

from calibration.corners import NAMES, Size
from calibration.grid import Grid
from calibration.light import SIDES, Mask, SoftEdges
from calibration.profile import Profile, ProfileError

FORMAT = 1  # of the file; one with a higher number was written by a newer Dreamwall
Pair = tuple[float, float]


def to_text(profile: Profile) -> str:
    """The TOML.  Raises ProfileError when the profile makes no sense.

    The tables that every profile has come last, corners at the very end: a file that was cut short anywhere lacks one.
    Numbers are written with all their digits, so that reading gives the same profile.
    """
    found = profile.problems()
    if found:
        raise ProfileError(_listed("the profile", found))
    lines = [
        "# Dreamwall: how one projector meets its wall.  All in pixels, from the top left corner of the display.",
        f"format = {FORMAT}",
        f"revision = {profile.revision}",
        f"display = {_quoted(profile.display)}",
        f"size = [{profile.size[0]}, {profile.size[1]}]",
        f"rotate = {profile.rotate}",
        f"mirror = {str(profile.mirror).lower()}",
        f"gamma = {float(profile.gamma)!r}",
    ]
    if profile.seen_with:  # younger than format 1, so it may be missing
        lines += [f"seen_with = {_quoted(profile.seen_with)}"]
    for mask in profile.masks:
        points = ", ".join(map(_point, mask.points))
        lines += ["", "[[mask]]", f"keep = {str(mask.keep).lower()}", f"feather = {float(mask.feather)!r}"]
        lines += [f"points = [{points}]"]
    if profile.grid is not None:
        rows = (f"    [{', '.join(map(_point, row))}]," for row in profile.grid.rows)
        lines += ["", "[grid]", "displaced = [  # by (x, y), row by row from the top", *rows, "]"]
    lines += ["", "[edges]", *(f"{name} = {float(getattr(profile.edges, name))!r}" for name in (*SIDES, "curve"))]
    corners = zip(NAMES, profile.corners, strict=True)
    lines += ["", "[corners]", *(f"{name.replace(' ', '_')} = {_point(point)}" for name, point in corners)]
    return "\n".join(lines) + "\n"


def from_text(text: str, name: str) -> Profile:
    """The profile that TOML ``text`` holds; ``name`` begins every message.  Raises ProfileError with every problem."""
    try:
        root = Table(tomllib.loads(text))
    except (ValueError, RecursionError) as error:  # a number with thousands of digits is a plain ValueError
        raise ProfileError(f"{name} is damaged, not TOML: {error or 'nested too deeply'}") from error
    written = root.number("format", whole=True)
    if written > FORMAT:
        raise ProfileError(f"{name} was written by a newer Dreamwall: format {written:g}, and this one reads {FORMAT}")
    if written < FORMAT:
        raise ProfileError(_listed(name, [*root.wrong, f"format is {FORMAT}"]))
    profile = root.profile()
    found = root.finish() or profile.problems()
    if found:
        raise ProfileError(_listed(name, found))
    return profile


class Table:
    """One table of the file.  ``wrong`` lists what is, a line each; something harmless is given for what is missing."""

    def __init__(self, values: dict[str, Any], where: str = "", wrong: list[str] | None = None) -> None:
        self._values, self._where = dict(values), where
        self.wrong: list[str] = [] if wrong is None else wrong

    def number(self, key: str, *, whole: bool = False) -> float:
        """A finite number; ``whole``: without a fraction, and not below zero."""
        value = self._take(key)
        good = isinstance(value, int if whole else int | float) and not isinstance(value, bool)
        if good and abs(value) < 1e9 and math.isfinite(value) and not (whole and value < 0):
            return float(value)
        self._bad(key, value, "a whole number" if whole else "a number")
        return 0.0

    def boolean(self, key: str) -> bool:
        value = self._take(key)
        if not isinstance(value, bool):
            self._bad(key, value, "true or false")
        return value is True

    def text(self, key: str) -> str:
        value = self._take(key)
        if not isinstance(value, str):
            self._bad(key, value, "a text")
        return value if isinstance(value, str) else "?"

    def point(self, key: str) -> Pair:
        value = self._take(key)
        pair = _pair(value)
        if pair is None:
            self._bad(key, value, "two numbers, [x, y]")
        return pair or (0.0, 0.0)

    def points(self, key: str) -> tuple[Pair, ...]:
        value = self._take(key)
        pairs = _pairs(value)
        if pairs is None:
            self._bad(key, value, "a list of points, [[x, y], ...]")
        return pairs or ()

    def grid(self, key: str) -> Grid | None:
        value = self._take(key)
        rows = [_pairs(row) for row in value] if isinstance(value, list) else [None]
        if None in rows:
            self._bad(key, value, "rows of points")
            return None
        try:
            return Grid(tuple(row for row in rows if row is not None))
        except ValueError as error:
            self.wrong.append(f"{self._where}{key}: {error}")
            return None

    def table(self, key: str) -> "Table":
        value = self._take(key)
        if not isinstance(value, dict):
            self._bad(f"[{key}]", value, "a table")
            return Table({}, f"{key}.", [])  # its keys are not worth a line each
        return Table(value, f"{key}.", self.wrong)

    def tables(self, key: str) -> list["Table"]:
        if key not in self._values:
            return []
        value = self._take(key)
        if not isinstance(value, list) or not all(isinstance(one, dict) for one in value):
            self._bad(f"[[{key}]]", value, "a list of tables")
            return []
        return [Table(one, f"{key} {number}: ", self.wrong) for number, one in enumerate(value, 1)]

    def finish(self) -> list[str]:
        """What is wrong, once everything was asked for: keys that nobody knows are mistakes in writing."""
        self.wrong += [f"{self._where}{key} is not known" for key in self._values]
        return self.wrong

    def profile(self) -> Profile:
        """The profile that this table and those in it make; only to be used when nothing is wrong."""
        size = self._size("size")
        masks = []
        for mask in self.tables("mask"):
            masks.append(Mask(mask.points("points"), mask.number("feather"), mask.boolean("keep")))
            mask.finish()
        grid = None
        if "grid" in self._values:
            grid_table = self.table("grid")
            grid = grid_table.grid("displaced")
            grid_table.finish()
        edges_table, corners_table = self.table("edges"), self.table("corners")
        edges = SoftEdges(*(edges_table.number(name) for name in (*SIDES, "curve")))
        edges_table.finish()
        corners = tuple(corners_table.point(name.replace(" ", "_")) for name in NAMES)
        corners_table.finish()
        return Profile(
            display=self.text("display"),
            size=size,
            corners=corners,
            grid=grid,
            edges=edges,
            masks=tuple(masks),
            rotate=int(self.number("rotate", whole=True)),
            mirror=self.boolean("mirror"),
            gamma=self.number("gamma"),
            seen_with=self.text("seen_with") if "seen_with" in self._values else "",
            revision=int(self.number("revision", whole=True)),
        )

    def _size(self, key: str) -> Size:
        value = self._take(key)
        pair = _pair(value)
        if pair is None or any(side != int(side) for side in pair):
            self._bad(key, value, "two whole numbers, [width, height]")
            return 16, 16
        return int(pair[0]), int(pair[1])

    def _take(self, key: str) -> Any:
        return self._values.pop(key, None)

    def _bad(self, key: str, value: Any, wanted: str) -> None:
        shown = repr(value)
        is_so = "is missing" if value is None else f"is not {shown if len(shown) < 40 else shown[:36] + ' ...'}"
        self.wrong.append(f"{self._where}{key} {is_so}: it takes {wanted}")


def _pair(value: Any) -> Pair | None:
    if not isinstance(value, list) or len(value) != 2:
        return None
    if not all(isinstance(one, int | float) and not isinstance(one, bool) and abs(one) < 1e9 for one in value):
        return None
    return float(value[0]), float(value[1])


def _pairs(value: Any) -> tuple[Pair, ...] | None:
    pairs = [_pair(one) for one in value] if isinstance(value, list) else [None]
    return None if None in pairs else tuple(pair for pair in pairs if pair is not None)


def _listed(name: str, found: list[str]) -> str:
    if len(found) == 1:
        return f"{name}: {found[0]}"
    return f"{name} has {len(found)} problems:" + "".join(f"\n  {problem}" for problem in found)


def _point(point: tuple[float, float]) -> str:
    return f"[{float(point[0])!r}, {float(point[1])!r}]"


def _quoted(text: str) -> str:
    """A basic string: JSON's, but for DEL, which TOML wants escaped, and half characters, which it does not know."""
    known = text.encode("utf-8", "replace").decode("utf-8")
    return json.dumps(known, ensure_ascii=False).replace("\x7f", "\\u007f")
