"""``dreamwall calibrate wall``: the camera looks at the projector's Gray code, and the picture is laid to match."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from calibration import shelf
from calibration.decode import decode
from calibration.graycode import gray_code, hold_for
from calibration.lens import Lens
from calibration.mapping import Mapping, correspondences, is_flat, missed, solve
from calibration.profile import Profile, ProfileError
from installation.calibrate.arguments import CAMERA_GAMMA
from installation.calibrate.capture import settled, taken
from installation.calibrate.laying import Laid, laid
from installation.calibrate.seam import Eye, Step, Steps, Wall
from installation.compose import Placing
from installation.sinks.projection import seen_with

ADAPTING = 2.5  # seconds in which a camera sets its exposure to a white wall, once that is white


@dataclass(frozen=True, slots=True)
class Seen:
    """What was found: ``laid``, ``mapping``, ``notes`` (a line each), and whether the wall is flat, in words."""

    laid: Laid
    mapping: Mapping
    notes: tuple[str, ...]
    surface: str


def wall_seen(
    wall: Wall,
    eye: Eye,
    *,
    hold: Callable[[], str],
    base: Profile,
    placing: Placing,
    asked: tuple[int, int],
    gamma: float = CAMERA_GAMMA,
    rear: bool = False,
    lens_of: Callable[[tuple[int, int]], Lens | None] = lambda _size: None,
) -> Steps[Seen]:
    """Show the Gray code, look at it, and find the profile.

    ``hold``: makes the camera hold its exposure and says what came of it.  ``base``: as for `laid`.  ``asked``:
    width and height that the camera was asked for, for `seen_with`.  ``lens_of``: the lens for a size of camera
    picture, if it was measured; it only tells a bent wall from a bent picture.  Raises ValueError, in one line, for all
    that cannot be measured.
    """
    white = np.full((wall.size[1], wall.size[0], 3), 255, np.uint8)
    adapting = Step("the wall becomes white, and the camera sets its exposure to it", 0.0, white)
    camera = yield from settled(hold_for(255, 0) + ADAPTING, white, wall, eye, adapting)
    notes = [hold()]
    code = gray_code(wall.size, camera)
    patterns = code.sequence()
    minutes = sum(pattern.hold for pattern in patterns) / 60
    sentence = f"stripes, from coarse to fine, for {minutes:.1f} min: keep out of the camera's view, Esc ends it"
    pictures = yield from taken(patterns, wall, eye, sentence, span=(0.05, 0.95))
    yield Step("working out where the camera sees the picture", 0.95)
    decoded = decode(pictures, code, gamma)
    pictures.clear()
    mapping = solve(decoded, rear)
    found = laid(mapping, decoded, placing, replace(base, seen_with=seen_with(asked, placing)))
    notes += decoded.notes
    lens = lens_of(camera)
    surface = "flat" if mapping.flat else f"not flat (a plane misses it by {mapping.missed[1]:.1f} px)"
    if not mapping.flat and lens is not None:
        points = correspondences(decoded)
        left = missed(replace(points, camera=lens.straight(points.camera)))
        if is_flat(left):
            surface = "flat; what bends is the camera's lens, which the picture is bent to match"
    elif not mapping.flat:
        surface += ", or the lens bends: `dreamwall calibrate lens` can tell"
    return Seen(found, mapping, tuple(filter(None, notes)), surface)


def base_of(folder: Path, wall: Wall, say: Callable[[str], None]) -> Profile:
    """The profile whose soft edges and masks are kept; a plain one where there is none, or it is damaged."""
    plain = Profile.plain(wall.name, wall.size)
    try:
        return shelf.load(folder, wall.name, wall.size) or plain
    except ProfileError as error:
        say(f"{'; '.join(map(str.strip, str(error).splitlines()))}; soft edges and masks begin anew")
        return plain


def told(seen: Seen) -> list[str]:
    """What was measured, for the person: a line each."""
    profile, (median, most) = seen.laid.profile, seen.laid.missed
    columns, rows = profile.grid.size if profile.grid is not None else (0, 0)
    by = f"a grid of {columns}x{rows}" if columns else "its four corners"
    turned = [f"turned by {profile.rotate} degrees"] if profile.rotate else []
    turned += ["mirrored"] if profile.mirror else []
    pillar = f"; {seen.laid.before:.0%} of it falls on something before the wall" if seen.laid.before > 0.02 else ""
    missed_by = f"{median:.1f} px off at the median, {most:.1f} px at 95 %"
    return [
        *seen.notes,
        f"the camera saw {seen.mapping.seen:.0%} of the projector's picture; the wall is {seen.surface}",
        f"the picture is laid by {', '.join([by, *turned])}: {missed_by}{pillar}",
    ]
