"""``dreamwall calibrate room``: motion thresholds, learned from a minute in which nobody is there.

What is measured is what `installation.stages.presence` and `installation.stages.flow` look at, ten times a second.
"""

from collections import deque
from dataclasses import asdict
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import tomlkit
from numpy.typing import NDArray

from calibration.thresholds import Learned, Thresholds, learn
from installation.calibrate.arguments import LEAVING, ROOM_SECONDS
from installation.calibrate.seam import CalibrationError, Eye, Step, Steps
from installation.clock import Clock
from installation.errors import SettingsError
from installation.stages import presence
from installation.stages.flow import grey_of
from installation.toml_file import TomlText, user_folder, write_toml

FILE = "room.toml"
NAP = 0.01
PATIENCE = 3.0  # seconds without a picture after which a camera is given up
FLOW_EVERY = 5  # looks: two optical flows a second are enough, and all of them would not fit in memory
THINNED = 4  # each so many pixels of a flow


def room_seen(eye: Eye, clock: Clock, seconds: float = ROOM_SECONDS, leaving: float = LEAVING) -> Steps[Learned]:
    """Look at the empty room for ``seconds``, 35 at least, and learn from it.

    Raises ValueError, in one line, when it was not empty or its light not steady.
    """
    dis: Any = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_ULTRAFAST)
    looks: deque[NDArray[np.float32]] = deque(maxlen=presence.OLDEST)
    moved, differs, flows, noise = [], [], [], []  # as `learn` takes them
    first: NDArray[np.float32] | None = None
    before: NDArray[np.uint8] | None = None
    begin = came = clock.now()
    looked, count = float("-inf"), 0
    while (now := clock.now()) < begin + leaving + seconds:
        frame = eye.newest()
        came = now if frame is not None else came
        if now - came > PATIENCE:
            raise CalibrationError(f"{eye.name} gave no picture for {PATIENCE:g} s; check its cable")
        if frame is None or frame.time - looked < presence.EVERY - 1e-6 or now < begin + leaving:
            yield _step(now - begin, seconds, leaving)
            clock.sleep(NAP)
            continue
        looked, count = frame.time, count + 1
        places, grey = presence.places_of(frame.pixels), grey_of(frame.pixels)
        if looks and looks[0].shape != places.shape:
            raise CalibrationError(f"the camera changed its picture to {frame.size[0]}x{frame.size[1]}: begin again")
        looks.appendleft(places)
        if len(looks) == presence.OLDEST:
            newest = presence.mean_of(list(looks)[: presence.NEWEST])
            first = newest if first is None else first
            moved.append(presence.apart(newest, presence.mean_of(list(looks)[presence.MIDDLE :])))
            differs.append(presence.apart(newest, first))
        if before is not None and count % FLOW_EVERY == 0:
            found = np.asarray(dis.calc(grey, before, None), np.float32)[::THINNED, ::THINNED]
            flows.append(np.hypot(found[..., 0], found[..., 1]))
            noise.append(np.abs(grey[::THINNED, ::THINNED].astype(np.float32) - before[::THINNED, ::THINNED]))
        before = grey
        yield _step(now - begin, seconds, leaving)
    shape = presence.WIDTH, presence.WIDTH
    return learn(
        np.array(moved) if moved else np.zeros((0, *shape)),
        np.array(differs) if differs else np.zeros((0, *shape)),
        np.array(flows) if flows else np.zeros(1),
        np.array(noise) if noise else np.zeros(1),
        seconds,
    )


def keep(learned: Learned, camera: str, when: str) -> Path:
    """Write what was learned for the show to find; returns where.  Raises SettingsError when it cannot be written."""
    path = user_folder() / FILE
    document = tomlkit.document()
    document.add(tomlkit.comment("Dreamwall: from where on something moves in this room; `dreamwall calibrate room`."))
    document["camera"], document["learned"] = camera, when
    table = {name: list(value) if isinstance(value, tuple) else value for name, value in _rounded(learned).items()}
    document["thresholds"] = table
    try:
        write_toml(path, document)
    except OSError as error:
        raise SettingsError(f"{path} cannot be written: {error.strerror}") from error
    return path


def thresholds_kept() -> Thresholds | None:
    """What was learned of the room, or None if nothing was.  Raises SettingsError, naming the line, when refused."""
    path = user_folder() / FILE
    if not path.exists():
        return None
    text = TomlText.read(path)
    table = text.tables.get("thresholds")
    wanted = asdict(Thresholds())
    if not isinstance(table, dict):
        raise text.wrong("there is no [thresholds]; run `dreamwall calibrate room` again")
    for name in (*wanted, *table):
        if name not in wanted or name not in table:
            raise text.wrong(f"{name} is {'not known' if name in table else 'missing'}", "thresholds", key=name)
        if not _alike(table[name], wanted[name]):
            raise text.wrong(f"{name} cannot be {table[name]!r}", "thresholds", key=name)
    given: dict[str, Any] = {name: tuple(v) if isinstance(v, list) else v for name, v in table.items()}
    try:
        return Thresholds(**given)
    except ValueError as error:
        raise text.wrong(str(error), "thresholds") from error


def _step(passed: float, seconds: float, leaving: float) -> Step:
    if passed < leaving:
        return Step(f"leave the room, and keep the light as it will be: it begins in {leaving:.0f} s", 0.0)
    return Step(f"looking at the empty room for {seconds:.0f} s", min(1.0, (passed - leaving) / seconds))


def _rounded(learned: Learned) -> dict[str, Any]:
    found = asdict(learned.thresholds)
    still = tuple(round(value, 4) for value in learned.thresholds.still)
    return {name: round(value, 4) if isinstance(value, float) else value for name, value in found.items()} | {
        "still": still
    }


def _alike(value: Any, example: Any) -> bool:
    if isinstance(example, tuple):
        return isinstance(value, list) and len(value) == len(example) and all(_alike(each, 0.0) for each in value)
    numbers = int if isinstance(example, int) else int | float
    return isinstance(value, numbers) and not isinstance(value, bool)
