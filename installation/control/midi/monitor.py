"""The monitor: what MIDI controllers are there, what answers each, what they send and what that does.

Only to look at: nothing is done, and no show has to run.  So it says where a fader would take its knob, and knows
nothing of what waits to be picked up.
"""

from collections import deque
from collections.abc import Callable, Sequence
from pathlib import Path

from installation.clock import Clock, WallClock
from installation.control.midi.binding import Profile, profile_of
from installation.control.midi.drivers import Driver, find_driver
from installation.control.midi.map import Maps, shipped_profiles, slug
from installation.control.midi.ports import Ports
from installation.control.midi.telling import told
from installation.errors import SettingsError
from installation.toml_file import TomlText, user_folder

LINES = 20  # a second at most: a fader sends some hundred messages a second, and nobody reads them
PAUSE = 0.03  # seconds between looks


def listing(find: Callable[[], Driver] = find_driver) -> list[str]:
    """A line for the driver, for every port and what answers it, and for each of the person's own maps.

    Where there is no driver, why not; a mistake in a map is a line too.
    """
    own, mistakes = _own_profiles()
    maps = [f"  map  {path}: for ports with {profile.match.pattern!r} in their name" for path, profile in own]
    maps += [f"  map  {mistake}" for mistake in mistakes]
    try:
        driver = find()
    except OSError as error:
        return [f"no MIDI: {error}", *maps]
    happened: list[str] = []
    plans = Maps(shipped_profiles(), [profile for _, profile in own], user_folder() / "midi")
    ports = Ports("all", plans.of, happened.append, lambda: driver)
    try:
        ports.look()
        names, outputs = driver.inputs(), driver.outputs()
        heard = {port.name: port.family for port in ports.open}
        problems = [what for what in happened if not what.endswith("is connected")]
    except OSError as error:
        return [f"MIDI through {driver.name}: {error}", *maps]
    finally:
        ports.__exit__()
    lines = [f"MIDI through {driver.name}" + ("" if heard else "; no controller is plugged in")]
    answers = {name: _answered(name, family, own) for name, family in heard.items()}
    lines += [f"  in   {name}: {answers.get(name, 'not listened to')}" for name in names]
    lines += [f"  out  {name}: {_lit(name, own)}" for name in outputs]
    return lines + [f"  {problem}" for problem in problems] + maps


def monitor(
    say: Callable[[str], None],
    seconds: float | None = None,
    *,
    find: Callable[[], Driver] = find_driver,
    clock: Clock | None = None,
) -> None:
    """Say a line for each message of every controller, until Ctrl+C or for ``seconds``.

    Controllers, and the driver itself, may come and go.  Raises SettingsError when one of the person's own maps is
    wrong.
    """
    clock = clock or WallClock()
    news: deque[str] = deque(maxlen=100)  # told by the thread that watches the ports
    slowly = Slowly(say)
    with Ports("all", Maps.load().of, news.append, find) as ports:
        say("what is moved is shown here; Ctrl+C ends it")
        begun = clock.now()
        try:
            while seconds is None or clock.now() - begun < seconds:
                while news:
                    say(news.popleft())
                for port in ports.open:
                    for message in port.read():
                        slowly.say(f"{port.label}: {told(message, port.plan)}", clock.now())
                slowly.rest(clock.now())
                clock.sleep(PAUSE)
        except KeyboardInterrupt:
            pass
        slowly.rest(float("inf"))


class Slowly:
    """Says `LINES` lines a second at most, and after each second how many there were more."""

    def __init__(self, say: Callable[[str], None]) -> None:
        self._say = say
        self._since = float("-inf")
        self._said = self._more = 0

    def say(self, line: str, now: float) -> None:
        """Say it, or count it."""
        self.rest(now)
        if self._said < LINES:
            self._said += 1
            self._say(line)
        else:
            self._more += 1

    def rest(self, now: float) -> None:
        """When the second is over, say how many there were more."""
        if now - self._since >= 1.0:
            if self._more:
                self._say(f"… and {self._more} more")
            self._since, self._said, self._more = now, 0, 0


def _own_profiles() -> tuple[list[tuple[Path, Profile]], list[str]]:
    """The person's own maps, and a line for each that is wrong."""
    own, mistakes = [], []
    for path in sorted((user_folder() / "midi").glob("*.toml")):
        try:
            own.append((path, profile_of(TomlText.read(path), path.stem)))
        except SettingsError as error:
            mistakes.append(str(error))
    return own, mistakes


def _answered(port: str, family: str, own: Sequence[tuple[Path, Profile]]) -> str:
    """What answers a port, as `Maps.of` lays one over the other."""
    mine = [(path.name, profile) for path, profile in own if profile.fits(port)]
    mine.sort(key=lambda row: row[1].stem == slug(family))
    ships = [f"the profile {profile.name}" for profile in shipped_profiles() if profile.fits(port)][:1]
    return ", over ".join([*(name for name, _ in reversed(mine)), *ships, "the general map"])


def _lit(port: str, own: Sequence[tuple[Path, Profile]]) -> str:
    fitting = [profile for _, profile in own if profile.fits(port)]
    fitting += [profile for profile in shipped_profiles() if profile.fits(port)][:1]
    lights = {(light.kind, light.channel, light.number) for profile in fitting for light in profile.lights}
    return f"{len(lights)} lights" if lights else "nothing is sent there"
