"""What the show says of itself: once in the terminal, always in the vitals, on the HUD when asked."""

from collections.abc import Callable, Sequence

from installation.control.keys import Keys
from installation.control.overlays import help_lines, hint, learn_lines, program_line
from installation.desk import Desk
from installation.knobs import Look
from installation.parts import Screen
from installation.settings import Settings
from installation.sources.understudy import Front
from installation.stages.worker import Worker
from installation.vitals import Vitals

SETTLED = 60  # refreshes after which it is said who is on the wall

Lines = Callable[[], list[str]]


class Announce:
    """Says once what was taken and why, as it becomes known, and keeps the facts of the vitals.

    Call it after every refresh, as a witness: what fails in it must not end the picture.
    ``more``: further lines of the HUD: controllers, a recording.
    """

    def __init__(
        self,
        settings: Settings,
        *,
        desk: Desk,
        front: Front,
        worker: Worker,
        screen: Screen,
        vitals: Vitals,
        say: Callable[[str], None],
        more: Sequence[Lines] = (),
    ) -> None:
        self._desk, self._front, self._worker, self._screen = desk, front, worker, screen
        self._vitals, self._say, self._more = vitals, say, more
        self._asked = settings.source
        self._said: set[str] = set()
        vitals.facts = {
            "network": None,
            "layers": settings.layers,
            "size": list(settings.working_size),
            "steps": settings.steps,
            "engine": None,
            "screen": screen.status,
            "guard": screen.guard,
        }
        self.once("screen", screen.status)

    def __call__(self) -> None:
        ready = self._worker.ready
        if ready is not None and "network" not in self._said:
            self._vitals.facts |= {name: ready[name] for name in ("network", "layers", "steps")}
            self._desk.network_is(ready["available"], ready["stops"])
            self.once("network", f"{ready['choice']}; layers {ready['layers']}")
        if ready is not None and self._vitals.facts["engine"] != ready["engine"]:  # another is swapped in at times
            self._vitals.facts["engine"] = ready["engine"]
            self._say(f"engine: {ready['engine']}")
        if self._vitals.refreshes > SETTLED:
            waiting = self._front.on_air == "clouds" and self._asked != "clouds"
            self.once("source", self._front.on_air + (", until a picture comes" if waiting else ""))
        program = self._desk.programs.get(self._desk.program or 0)
        self._vitals.facts |= {
            "source": self._front.on_air,
            "screen": self._screen.status,
            "guard": self._screen.guard,
            "worker_pid": self._worker.pid,
            "worker_restarts": self._worker.restarts,
            "drops": {"camera": self._front.drops, **self._worker.dropped},
            "program": None if program is None else program.name,
        }

    def once(self, what: str, line: str) -> None:
        """Say it, unless something was said of this before."""
        if what not in self._said:
            self._said.add(what)
            self._say(f"{what}: {line}")

    def overlay(self, keys: Keys, look: Look) -> list[str]:
        """The lines over the picture, for what the keyboard has opened; on a page the figures stand beside it."""
        if keys.overlay == "help":
            return help_lines(keys, look)
        if keys.overlay == "learn":
            last = next((event["what"] for event in reversed(self._vitals.events())), "")
            return learn_lines(self._desk, [line for more in self._more for line in more()], last)
        if keys.overlay == "hud" or self._screen.name == "page":
            return [*self.lines(), hint(keys, look)]
        return []

    def status(self) -> str:
        """One line, as `systemctl status` shows it."""
        now = self._vitals.now()
        program = f", {now['program']}" if now["program"] else ""
        return f"{now['screen_fps']:g} pictures and {now['dream_fps']:g} dreams a second of {now['source']}{program}"

    def lines(self) -> list[str]:
        """The HUD: a title, then a line for each thing an operator asks about, label and value with a tab between."""
        now = self._vitals.now()
        rates = f"camera {now['camera_fps']:g}   dream {now['dream_fps']:g}   screen {now['screen_fps']:g} a second"
        last = now["events"][-1] if now["events"] else None
        return [
            "Dreamwall",
            f"rates\t{rates}",
            f"latency\t{now['latency_refreshes']} refreshes from camera to screen",
            f"source\t{now.get('source', '')}",
            f"network\t{now['network'] or 'loading'}, {now['size'][0]}x{now['size'][1]}, {now['steps'] or ''} steps",
            f"layers\t{now['layers'] or ''}",
            f"engine\t{now['engine'] or 'starting'}",
            f"screen\t{now['screen']}",
            f"flashing\t{now['guard']}",
            program_line(self._desk),
            *(line for more in self._more for line in more()),
            "last event\t" + (f"{last['what']} (at {last['time']:.0f} s)" if last else "none"),
        ]
