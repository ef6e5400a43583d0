"""Which profile is on: looked for when a display is first drawn on, and whenever the display or its size changes."""

from collections.abc import Callable
from pathlib import Path
from typing import Protocol

from calibration import shelf
from calibration.corners import Size
from calibration.geometry import Geometry
from calibration.profile import Profile, ProfileError
from installation.compose import Placing


def seen_with(camera: Size, placing: Placing) -> str:
    """How a camera's picture becomes the show's: what a profile that was measured through that camera holds for.

    ``camera``: width and height that it is asked for.  What it then gives is known only once frames come, long after
    the profile is put on, and a stream gives what it likes; the same camera asked for the same gives the same.  So a
    camera that never gives what it is asked for is no false alarm, and one that changed by itself is not noticed.
    """
    mirror = "--mirror" if placing.mirror else "--no-mirror"
    fit = "cover" if placing.cover else "contain"
    return f"{mirror} --rotate {placing.rotate} --fit {fit} --camera-size {camera[0]}x{camera[1]}"


class Pins(Protocol):
    """Somebody who is at work on the corners; `installation.control.pinning.Pinning` fills it."""

    @property
    def is_open(self) -> bool: ...

    @property
    def profile(self) -> Profile: ...

    def geometry(self) -> Geometry: ...

    def close(self) -> None: ...


class Projection:
    """Asked by the screen at each refresh.  For the main thread.

    ``folder``: where the profiles are.  ``event``: told in one line what the operator should know.  ``seen_with``: how
    the show runs now, as `seen_with` says it; empty where no camera's picture is shown.  ``pins``: set by the rig where
    there is a hand that pins.
    """

    def __init__(self, folder: Path, event: Callable[[str], None] = lambda _what: None, seen_with: str = "") -> None:
        self.pins: Pins | None = None
        self.status = "no projector profile"
        self._folder, self._event, self._seen_with = folder, event, seen_with
        self._told: set[str] = set()  # how profiles were measured, where that was told: a projector may come and go
        self._at: tuple[str, Size] | None = None
        self._profile: Profile | None = None

    def lines(self) -> list[str]:
        """For the HUD and the page, where there is anything to say."""
        return [] if self._profile is None and "refused" not in self.status else [f"projector\t{self.status}"]

    def geometry(self, display: str, size: Size, *, dark: bool = False) -> Geometry | None:
        """What to do with a picture for ``display``, drawn at ``size``; None for nothing: leave the warp out.

        ``dark``: a blackout, which no card and no handle may break.
        """
        if self._at != (display, size):
            self._look_for(display, size)
        if self.pins is not None and self.pins.is_open:
            worked_on = self.pins.profile
            if (worked_on.display, worked_on.size) != (display, size):
                self.pins.close()
                self._event(f"the display is {size[0]}x{size[1]} now: pinning ends, and what was not saved is gone")
            else:
                return Geometry(worked_on) if dark else self.pins.geometry()
        if self._profile is None or self._profile.changes_nothing:
            return None
        return Geometry(self._profile)

    def present(self) -> Profile | None:
        """The profile to begin pinning with: the one that is on, or a plain one; None before the first refresh."""
        if self._at is None:
            return None
        return self._profile or Profile.plain(*self._at)

    def keep(self, profile: Profile) -> Profile:
        """Save it and put it on; returns it with its revision.  Raises ProfileError; the old one is then still on."""
        saved = shelf.save(self._folder, profile)
        if self._at == (saved.display, saved.size):
            self._put_on(saved)
        path = shelf.path_of(self._folder, saved.display, saved.size)
        self._event(f"the projector's profile is saved in {path} (revision {saved.revision})")
        return saved

    def _look_for(self, display: str, size: Size) -> None:
        self._at, self._profile = (display, size), None
        self.status = "no projector profile"
        try:
            found = shelf.load(self._folder, display, size)
        except ProfileError as error:
            self.status = "projector profile refused"
            self._event(f"the picture is shown as it is: {'; '.join(map(str.strip, str(error).splitlines()))}")
            return
        if found is not None:
            self._put_on(found)

    def _put_on(self, profile: Profile) -> None:
        self._profile = profile
        self.status = f"projector profile, revision {profile.revision}"
        if profile.seen_with and self._seen_with and profile.seen_with != self._seen_with:
            self.status += ", measured otherwise"
            if profile.seen_with not in self._told:
                self._told.add(profile.seen_with)
                self._event(
                    f"the projector's profile was measured with {profile.seen_with}, and the show runs with "
                    f"{self._seen_with}: measure again with `dreamwall calibrate wall`, or start it as it was"
                )
