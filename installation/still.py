"""One photograph, dreamed on: as deep as the live show would go, or exactly as Google's notebook did in 2015."""

from collections.abc import Callable, Sequence
from pathlib import Path

import cv2
import numpy as np
import torch
from torch import Tensor
from tqdm import tqdm

from installation.board import Board
from installation.compose import compose
from installation.errors import SettingsError
from installation.frame import Frame, Pixels, fit
from installation.knobs import Look
from installation.settings import Settings
from installation.stages.dreaming import Dreaming
from installation.stages.engine import Engine, open_engine
from installation.stages.focus import Focus, channels_of, mask_of
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
    pixels = _read(picture)
    if cv2.haveImageWriter(str(out)) is False:
        raise SettingsError(f"{out}: pictures of this kind cannot be written; call it .png or .jpg")
    size = fit((pixels.shape[1], pixels.shape[0]), settings.size or USUAL_BOX)
    if settings.size is None and max(pixels.shape[:2]) <= max(USUAL_BOX):
        size = pixels.shape[1], pixels.shape[0]
    if size != (pixels.shape[1], pixels.shape[0]):
        pixels = np.asarray(cv2.resize(pixels, size, interpolation=cv2.INTER_AREA), np.uint8)
    # Eager, whatever there is: one photograph is not worth an engine of its size.
    engine = open_engine(settings.network, settings.layers, engine="eager")
    say(f"network: {engine.choice}")
    look = Board(**settings.knobs).look(0)
    dreamed = (
        _reference(engine, pixels, look)
        if reference
        else _live(engine, pixels, look, settings.steps or engine.steps, frames, _focus(engine, channels, mask, size))
    )
    if not cv2.imwrite(str(out), cv2.cvtColor(dreamed, cv2.COLOR_RGB2BGR)):
        raise SettingsError(f"{out}: cannot be written; is there such a folder, and room?")
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
        raise SettingsError("--channels needs a network trained on ImageNet: the leap was taught whole layers")
    rows = channels_of(channels, engine.judge, engine.ascent.layers)
    return Focus([row.to(device) for row in rows], laid if laid is None else laid.to(device))


def _live(engine: Engine, pixels: Pixels, look: Look, steps: int, frames: int, focus: Focus) -> Pixels:
    dreaming = Dreaming(engine.ascent, engine.ladder, steps, focus=focus)
    for index in tqdm(range(frames), desc="dreaming", unit="frame"):
        frame = Frame(pixels, index, index / RATE)
        residual = dreaming(frame, look)
    here = np.zeros((2, 2, 3), np.float32)
    here[..., 2] = 1
    return compose(frame, Veil((Carried(residual.field, here, 1.0),)), look)


def _pixels(image: Tensor) -> Pixels:
    levels = (image[0].permute(1, 2, 0) + 1) * LEVELS
    return levels.round().clamp(0, 255).byte().contiguous().numpy()


def _read(picture: Path) -> Pixels:
    if not picture.is_file():
        raise SettingsError(f"{picture}: there is no such picture")
    found = cv2.imread(str(picture), cv2.IMREAD_COLOR)
    if found is None:
        raise SettingsError(f"{picture}: not a picture that can be read (.png, .jpg, .webp …)")
    return np.asarray(cv2.cvtColor(found, cv2.COLOR_BGR2RGB), np.uint8)
