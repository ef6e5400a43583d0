"""Engines built aside, while the show goes on: looked for, built in a process of their own, checked, and swapped in.

The dream worker dreams on whatever there is from its first frame on.  A thread beside it looks at which engines the
dream was in want of; those in the store it loads, holds to autograd and puts in, between two steps.  For the others it
begins a builder, one at a time, which runs at the lowest priority and leaves the engine in the store.  The builder is
no fork of the worker: a compiler may take all the memory there is, and be killed for it, without the dream noticing.
"""

import sys
import threading
from collections.abc import Callable, Sequence
from typing import Self

from installation.clock import Clock, WallClock
from installation.stages.builder import Builder, Process, step_back
from models.ascent.compiled import BuildError, Compiled, Place, called, one_line, out_of_memory
from models.ascent.parity import check
from models.ascent.store import Key, Store

EVERY = 0.5  # seconds between looks
LONGEST = 1800.0  # seconds that a build may take


class Aside:
    """Fills a `Compiled` with engines for as long as it is open."""

    def __init__(
        self,
        compiled: Compiled,
        network: str | None,
        event: Callable[[str], None],
        *,
        store: Store | None = None,
        clock: Clock | None = None,
        start_builder: Callable[[Sequence[str]], Builder] = Process,
    ) -> None:
        """``network``: as in the settings, for the builder.  ``event`` is told in one line what came, or why not; it is
        called from this thread.  ``start_builder`` begins a process with these arguments; it may raise OSError.
        """
        self._compiled, self._network, self._tell = compiled, network, event
        self._store = store or Store(event=event)
        self._clock = clock or WallClock()
        self._start_builder = start_builder
        self._builder: Builder | None = None
        self._building: tuple[Place, float] | None = None  # what the builder builds, and since when
        self._built: dict[Place, float] = {}  # builds that ended well and are not in use yet, and the seconds they took
        self._absent: set[Place] = set()  # looked for in the store, and not there
        self._agrees: dict[tuple[Place, int], float] = {}  # engines found right, by place and content
        self._told: set[str] = set()
        self._over = threading.Event()
        self._thread: threading.Thread | None = None

    def __enter__(self) -> Self:
        self._over.clear()
        self._thread = threading.Thread(target=self._work, name="engines", daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        thread, self._thread = self._thread, None
        if thread is not None:
            thread.join(1)  # a check may be under way, and nobody waits for that
        if self._builder is not None:
            self._builder.end()
            self._builder = self._building = None

    def _work(self) -> None:
        if sys.platform == "linux":  # elsewhere the number of a thread would be that of some process
            step_back(threading.get_native_id())  # loading and checking take seconds of the processor
        while not self._over.wait(EVERY):
            try:
                self.look()
            except Exception as error:
                self._once(f"engines are not built for now: {one_line(error)}")

    def look(self) -> None:
        """What the thread does twice a second: at most one engine is loaded, and at most one build begun."""
        self._hear()
        for place, why in list(self._compiled.refused.items()):
            self._once(f"the engine for {self._called(place)} is out: {why}; {self._goes_on}")
        wanted = self._compiled.wanted()
        for place in wanted:
            if self._over.is_set() or (place not in self._absent and self._fetch(place)):
                return
        if wanted and self._builder is None:
            self._begin(wanted[0])

    # -- from the store --------------------------------------------------------------------------------------------

    def _fetch(self, place: Place) -> bool:
        """Put in the engine of ``place`` if it is in the store; False when it has to be built first."""
        engine = self._store.find(self._key(place))
        if engine is not None:
            self._try(place, engine)
        elif place in self._built:
            self._refuse(place, f"it was built, and is not in {self._store.folder}")
        else:
            self._absent.add(place)
            return False
        return True

    def _try(self, place: Place, engine: bytes) -> None:
        compiled, (depth, size) = self._compiled, place
        compiler, layers = compiled.compiler, compiled.layers[:depth]
        try:
            runner = compiler.load(engine, layers, size)
        except Exception as error:
            if place in self._built or out_of_memory(error):
                self._refuse(place, one_line(error))
            else:  # from another driver's days, perhaps: a new one may do
                self._once(f"the kept engine for {self._called(place)} is built again: {one_line(error)}")
                self._store.forget(self._key(place))
                self._absent.add(place)
            return
        mark = place, hash(engine)
        try:
            if mark not in self._agrees:  # one that was let go and comes again has been found right before
                self._agrees[mark] = check(runner, compiled.network, layers, size, compiler.device, compiler.precision)
        except Exception as error:
            self._refuse(place, one_line(error))
            return
        compiled.put(depth, size, runner)
        took = self._built.pop(place, None)
        came = "from the cache" if took is None else f"built in {took:.0f} s"
        agrees = f"its gradient's cosine with autograd's is {self._agrees[mark]:.4f}"
        self._once(f"dreaming on {compiler.name}: {self._called(place)}, {came}; {agrees}")

    # -- the builder -----------------------------------------------------------------------------------------------

    def _begin(self, place: Place) -> None:
        try:
            self._store.check()
        except BuildError as error:
            self._once(f"{error}; {self._goes_on}")  # somebody may make room: it is looked at again
            return
        if (other := self._store.near(self._key(place))) is not None:
            self._once(other)
        try:
            self._builder = self._start_builder(self._command(place))
        except OSError as error:
            self._refuse(place, f"no builder can be started ({error.strerror})")
            return
        self._building = place, self._clock.now()
        self._tell(f"building an engine for {self._called(place)} aside; {self._goes_on}")

    def _hear(self) -> None:
        """Ask how the builder is doing."""
        if self._builder is None or self._building is None:
            return
        (place, since), code = self._building, self._builder.poll()
        took = self._clock.now() - since
        if code is None and took < LONGEST:
            return
        said = self._builder.last_line()
        self._builder.end()
        self._builder = self._building = None
        self._absent.discard(place)
        if code == 0:
            self._built[place] = took
        elif code is None:
            self._refuse(place, f"its build did not end within {LONGEST / 60:.0f} minutes")
        else:
            how = f"killed by signal {-code}" if code < 0 else f"exit code {code}"
            self._refuse(place, f"it could not be built ({how}): {said}" if said else f"it could not be built ({how})")

    def _command(self, place: Place) -> list[str]:
        """What builds the engine of ``place`` and no other: the layers by name, so that programs do not matter."""
        depth, (height, width) = place
        layers = self._compiled.layers[:depth]
        network = ["--network", self._network] if self._network is not None else []
        return [
            *(sys.executable, "-m", "installation", "prepare", "--aside", *network),
            *("--engine", self._compiled.compiler.name, "--layers", ",".join(layers)),
            *("--at", f"{layers[-1]}:{width}x{height}"),
        ]

    # -- words -----------------------------------------------------------------------------------------------------

    def _refuse(self, place: Place, why: str) -> None:
        self._built.pop(place, None)
        self._compiled.refuse(*place, why)

    def _once(self, line: str) -> None:
        if line not in self._told:
            self._told.add(line)
            self._tell(line)

    def _key(self, place: Place) -> Key:
        depth, size = place
        return Key.of(self._compiled.compiler, self._compiled.network, self._compiled.layers[:depth], size)

    def _called(self, place: Place) -> str:
        return called(self._compiled.layers, place)

    @property
    def _goes_on(self) -> str:
        return f"the show goes on with {self._compiled.fallback.status.partition(':')[0]}"
