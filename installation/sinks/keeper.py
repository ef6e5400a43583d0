"""The keeper: snapshots and recordings of what is on the wall, without ever slowing it.

On the show's thread it only takes references; composing, encoding and everything that touches the disk are done in
threads of its own.  The operator's overlay is on neither.
"""

import shutil
import threading
import time
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from installation.clock import Clock
from installation.compose import AS_IT_COMES, Placing, compose
from installation.frame import Frame
from installation.knobs import Look
from installation.sinks.recorder import Recorder, Seen, after_the_screen, minutes
from installation.snapshot import write_snapshot
from installation.veil import Veil

LEAST = 500_000_000  # bytes that are left free: a full disk stops more than a recording
PATIENCE = 10.0  # seconds that leaving waits for what is still being written
Size = tuple[int, int]


def keep_folder(keep: Path | None) -> Path:
    """Where snapshots and recordings go: ``keep``, else Dreamwall in the person's pictures."""
    import platformdirs

    return keep.expanduser() if keep is not None else platformdirs.user_pictures_path() / "Dreamwall"


def free_space(folder: Path) -> int:
    """Bytes free where ``folder`` is, or will be.  Raises OSError."""
    there = next((path for path in (folder, *folder.parents) if path.exists()), folder)
    return shutil.disk_usage(there).free


class Keeper:
    """Keeps what it sees.  A part and a witness.

    ``folder``: made when it is first needed.  ``told``: what a snapshot says besides the picture (see
    `write_snapshot`); asked on the show's thread.  ``size``: (width, height) of what is kept, or who knows it, asked on
    the show's thread as well; None is the frame's own.  ``rate``: frames a second of a recording.  ``event``: told in
    one line what was kept, and what could not be.  ``free``: bytes free where a folder is.
    """

    def __init__(
        self,
        folder: Path,
        told: Callable[[], dict[str, Any]],
        placing: Placing = AS_IT_COMES,
        size: Callable[[], Size | None] | Size | None = None,
        *,
        event: Callable[[str], None],
        clock: Clock,
        rate: float = 30.0,
        free: Callable[[Path], int] = free_space,
        calendar: Callable[[], datetime] = datetime.now,
    ) -> None:
        self.folder = folder
        self._told, self._placing, self._size = told, placing, size
        self._event, self._clock, self._rate = event, clock, rate
        self._free, self._calendar = free, calendar
        self._seen: Seen | None = None
        self._recorder: Recorder | None = None
        self._ending: list[Recorder] = []
        self._writing: threading.Thread | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None = None,
        error: BaseException | None = None,
        trace: TracebackType | None = None,
    ) -> None:
        """Finish the film and the snapshot; what a disk does not take within ten seconds is left as a .part."""
        self.record(on=False)
        until = time.monotonic() + PATIENCE
        for recorder in [*self._ending, *filter(None, [self._recorder])]:
            if not recorder.finished(max(0.0, until - time.monotonic())):
                self._event(f"{recorder.name or 'the recording'} is not finished: the disk takes too long")
        self._ending.clear()
        if self._writing is not None:
            self._writing.join(max(0.0, until - time.monotonic()))
            if self._writing.is_alive():
                self._event("the last snapshot is not finished: the disk takes too long")
        self._seen = None

    def see(self, frame: Frame, veil: Veil, look: Look, now: float) -> None:  # noqa: ARG002
        """A refresh was shown.  Keeps references; nothing is copied or waited for."""
        self._seen = frame, veil, look
        if self._recorder is not None and self._recorder.going:
            self._recorder.box.put(self._seen)

    def snapshot(self) -> None:
        """Keep the picture that is on the wall; one at a time, so of a burst the first."""
        if self._seen is None:
            self._event("there is no picture to keep yet")
            return
        if self._writing is not None and self._writing.is_alive():
            self._event("no snapshot: the one before is still being written")
            return
        told = {**self._told(), "frame": self._seen[0].index}
        arguments = (*self._seen, told, self._size_now())
        self._writing = threading.Thread(target=self._write, args=arguments, name="snapshot", daemon=True)
        self._writing.start()

    def record(self, on: bool = True) -> None:
        """Begin a film, or finish the one that is being made."""
        if on == self.recording:
            return
        if self._recorder is not None:
            self._recorder.stop()
            if not on:
                return
            self._ending = [film for film in [*self._ending, self._recorder] if not film.finished(0.0)]
        self._recorder = Recorder(
            lambda: self._place(".mp4"),
            self._room,
            size=self._size_now(),
            placing=self._placing,
            event=self._event,
            clock=self._clock,
            rate=self._rate,
        )
        if self._seen is not None:
            self._recorder.box.put(self._seen)
        self._recorder.start()

    @property
    def recording(self) -> bool:
        """Whether a film is being made; False too once the disk has ended it."""
        return self._recorder is not None and self._recorder.going

    @property
    def frames(self) -> int:
        """Of the film that is being made, or of the last one."""
        return self._recorder.frames if self._recorder is not None else 0

    @property
    def dropped(self) -> int:
        """Of these, how many came too late and were filled with the picture before."""
        return self._recorder.dropped if self._recorder is not None else 0

    def lines(self) -> list[str]:
        """For the HUD: how long the film is by now, and its name."""
        film = self._recorder
        if film is None or not film.going:
            return []
        late = f", {film.dropped} frames late" if film.dropped else ""
        return [f"recording\t{minutes(film.seconds)}, {film.name or 'about to begin'}{late}"]

    # -- in threads of their own ------------------------------------------------------------------------------------

    def _write(self, frame: Frame, veil: Veil, look: Look, told: dict[str, Any], size: Size | None) -> None:
        after_the_screen()
        try:
            path = self._place(".png")
            trouble = self._room(path.parent)
            if trouble:
                self._event(f"no snapshot: {trouble}")
                return
            write_snapshot(path, compose(frame, veil, look, size, self._placing), told)
            self._event(f"kept {path}")
        except Exception as error:
            why = getattr(error, "strerror", None) or f"{type(error).__name__}: {error}".split("\n", 1)[0]
            self._event(f"no snapshot in {self.folder}: {why}")

    def _place(self, suffix: str) -> Path:
        """A name that nothing has yet, in the folder, which is made where it is missing.  Raises OSError."""
        self.folder.mkdir(parents=True, exist_ok=True)
        stem = f"dreamwall-{self._calendar():%Y-%m-%d-%H-%M-%S}"
        names = (f"{stem}{'' if number == 1 else f'-{number}'}{suffix}" for number in range(1, 1000))
        for name in names:
            path = self.folder / name
            # In this order: a film that is finished between the two questions has its name by the second.
            if not path.with_name(f"{name}.part").exists() and not path.exists():
                return path
        raise FileExistsError(f"{self.folder} is full of pictures of this second")

    def _room(self, folder: Path) -> str:
        free = self._free(folder)
        return f"only {free // 1_000_000} MB are free in {folder}" if free < LEAST else ""

    def _size_now(self) -> Size | None:
        return self._size() if callable(self._size) else self._size
