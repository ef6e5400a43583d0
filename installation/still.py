"""One photograph, dreamed on: as deep as the live show would go, or exactly as Google's notebook did in 2015."""

import os
from collections.abc import Callable, Sequence
from pathlib import Path

import cv2
import numpy as np
import torch
from torch import Tensor
from tqdm import tqdm

from installation.compose import compose
from installation.errors import SettingsError
from installation.frame import Frame, Pixels, fit
from installation.knobs import Look
from installation.opening import open_desk
from installation.settings import Settings
from installation.stages.dreaming import Dreaming
from installation.stages.engine import Engine, open_engine
from installation.stages.focus import EVERYWHERE, Focus, channels_of, mask_of
from installation.stages.recipe import LEVELS
from installation.veil import Carried, Veil
from models.reference import reference_dream

RATE = 8.0  # dreamed frames a second that `--frames` stands for: fading is in seconds
USUAL_BOX = (1024, 1024)  # a photograph is dreamed on at this size at most, unless --size says another


def still(
    picture: Path,
    out: Path,
    settings: Settings,
    *,
    frames: int,
    reference: bool,
    say: Callable[[str], None],
    channels: Sequence[str] = (),
    mask: Path | None = None,
) -> None:
    """Dream on ``picture`` and write ``out``.  ``channels``, ``mask``: see `installation.stages.focus`.

    Raises SettingsError, one line, when something of this cannot be used.
    """
    if reference and (channels or mask is not None):
        raise SettingsError("--reference is Google's notebook exactly: leave out --channels and --mask")
    pixels = read_picture(picture)
    check_writable(out)
    size = fit((pixels.shape[1], pixels.shape[0]), settings.size or USUAL_BOX)
    if settings.size is None and max(pixels.shape[:2]) <= max(USUAL_BOX):
        size = pixels.shape[1], pixels.shape[0]
    pixels = resized(pixels, size)
    desk = open_desk(settings, say)
    program = desk.programs.get(desk.program or 0)
    also = (*(program.layers if program is not None else ()), *settings.mix)
    # Eager, whatever there is: one photograph is not worth an engine of its size.
    engine = open_engine(settings.network, settings.layers, also, "eager")
    desk.network_is(engine.ascent.layers, len(engine.ladder.stops))
    say(f"network: {engine.choice}")
    look = desk.board.look(0)
    if reference:
        dreamed = _reference(engine, pixels, look)
    else:
        focus, steps = _focus(engine, channels, mask, size), settings.steps or engine.steps
        with tqdm(total=frames, desc="dreaming", unit="frame") as bar:
            dreamed = dreamed_on(engine, pixels, look, steps, frames, bar.update, focus)
    write_picture(out, dreamed)
    say(f"{out}: {size[0]}x{size[1]}")


def _reference(engine: Engine, pixels: Pixels, look: Look) -> Pixels:
    if engine.judge is None:
        raise SettingsError(
            "--reference needs a network trained on ImageNet: name one with --network (dreamwall fetch lists them)"
        )
    weights = engine.ladder.weights(look.layer)
    layer = max(weights, key=lambda name: weights[name])
    base = torch.from_numpy(pixels).permute(2, 0, 1)[None].float() / LEVELS - 1
    with tqdm(total=40, desc=f"dreaming at {layer}", unit="step") as bar:
        return _pixels(reference_dream(engine.judge, base, layer, progress=lambda *_: bar.update()))


def _focus(engine: Engine, channels: Sequence[str], mask: Path | None, size: tuple[int, int]) -> Focus:
    device, laid = engine.ascent.device, None if mask is None else mask_of(mask, size)
    if not channels:
        return Focus(mask=laid if laid is None else laid.to(device))
    if engine.judge is None:
        raise SettingsError("--channels needs a network trained on ImageNet; the leap has directions: --knob eyes=1")
    rows = channels_of(channels, engine.judge, engine.ascent.layers)
    return Focus([row.to(device) for row in rows], laid if laid is None else laid.to(device))


def dreamed_on(
    engine: Engine,
    pixels: Pixels,
    look: Look,
    steps: int,
    frames: int,
    progress: Callable[[], object],
    focus: Focus = EVERYWHERE,
) -> Pixels:
    """``pixels`` as the wall shows them at ``look`` after ``frames`` still frames, `RATE` a second.

    ``pixels``: at the size of the dream; what comes back has that size too.  ``progress``: called after each frame.
    """
    dreaming = Dreaming(engine.ascent, engine.ladder, steps, focus=focus, directions=engine.directions)
    for index in range(frames):
        frame = Frame(pixels, index, index / RATE)
        residual = dreaming(frame, look)
        progress()
    here = np.zeros((2, 2, 3), np.float32)
    here[..., 2] = 1
    return compose(frame, Veil((Carried(residual.field, here, 1.0),)), look)


def _pixels(image: Tensor) -> Pixels:
    levels = (image[0].permute(1, 2, 0) + 1) * LEVELS
    return levels.round().clamp(0, 255).byte().contiguous().numpy()


def read_picture(path: Path) -> Pixels:
    """The picture in a file.  Raises SettingsError, one line, where there is none that can be read."""
    if not path.is_file():
        raise SettingsError(f"{path}: there is no such picture")
    found = cv2.imread(str(path), cv2.IMREAD_COLOR)
    if found is None:
        raise SettingsError(f"{path}: not a picture that can be read (.png, .jpg, .webp …)")
    return np.asarray(cv2.cvtColor(found, cv2.COLOR_BGR2RGB), np.uint8)


def resized(pixels: Pixels, size: tuple[int, int]) -> Pixels:
    """A picture at ``size`` (width, height); the same object where it has it already."""
    if size == (pixels.shape[1], pixels.shape[0]):
        return pixels
    return np.asarray(cv2.resize(pixels, size, interpolation=cv2.INTER_AREA), np.uint8)


def check_writable(out: Path) -> None:
    """Raise SettingsError, one line, where no picture could be written to ``out``: before minutes of dreaming."""
    if cv2.haveImageWriter(str(out)) is False:
        raise SettingsError(f"{out}: pictures of this kind cannot be written; call it .png or .jpg")
    if out.is_dir() or not out.parent.is_dir() or not os.access(out if out.exists() else out.parent, os.W_OK):
        raise SettingsError(f"{out}: cannot be written; is there such a folder, and may you write there?")


def write_picture(out: Path, pixels: Pixels) -> None:
    """Write RGB ``pixels``.  Raises SettingsError, one line, where that fails."""
    try:
        written = cv2.imwrite(str(out), cv2.cvtColor(pixels, cv2.COLOR_RGB2BGR))
    except cv2.error:  # a side too long for this kind of file
        written = False
    if not written:
        raise SettingsError(f"{out}: cannot be written; is there room, and may this kind of picture be so large?")
