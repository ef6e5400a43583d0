"""Dreams to compare a leap with: true ascent of the teacher, at equal strength, and kept, since each takes seconds."""

import hashlib
import json
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from models.ascent import Ascent
from models.ascent.eager import Eager
from models.dreamer import Dreamer, Recipe
from models.network import Network
from models.octaves import octave_sizes, resize
from models.weights import checksum

RMS = 0.10  # of the [-1, 1] range: dreams are compared at equal strength
LEVELS = 127.5  # display levels in one unit of that range
STEPS = (1, 2, 4, 8, 16, 24, 40)  # the last is the reference: Google's 10 steps at each of 4 octaves


@dataclass(frozen=True, slots=True)
class Schedule:
    """How a number of calls is spread over octaves.

    ``octaves``: how many sizes are dreamed at.  ``rising``: one size after another from the smallest to the largest, as
    Google's notebook has it; otherwise in turn, as the show has it.  ``levels``: the mean change a call makes, in
    display levels of 255.
    """

    octaves: int
    rising: bool
    levels: float

    def __str__(self) -> str:
        order = "full size" if self.octaves == 1 else f"{self.octaves} octaves {'rising' if self.rising else 'in turn'}"
        return f"{order}, {self.levels:g} levels a call"


TRUE = Schedule(octaves=4, rising=True, levels=1.5)


def rms(x: Tensor) -> float:
    return float(x.pow(2).mean().sqrt())


@torch.no_grad()
def seen(network: Network, picture: Tensor, layers: Sequence[str]) -> dict[str, float]:
    """What ``network`` sees at each of ``layers``, as `models.objective.score` has it, all in one pass."""
    found = network.activations(picture, layers)
    return {layer: float(a.float().pow(2).mean()) for layer, a in zip(layers, found, strict=True)}


def at_strength(base: Tensor, residual: Tensor, strength: float = RMS) -> Tensor:
    """``residual`` scaled so that what is left of it after clipping has this root mean square.

    ``base + residual`` of the result stays in [-1, 1].  A residual of nothing stays nothing.
    """
    scale = 1.0
    for _ in range(20):
        scale *= strength / max(rms((base + residual * scale).clamp(-1, 1) - base), 1e-9)
        scale = min(scale, 1e6)
    return (base + residual * scale).clamp(-1, 1) - base


def dreamt(ascent: Ascent, base: Tensor, weights: list[float], calls: int, schedule: Schedule = TRUE) -> Tensor:
    """The residual after ``calls`` calls through the product's own dreamer, of the strength it has come to.

    ``base``: (1, 3, H, W), RGB in [-1, 1].  With fewer calls than octaves a rising schedule leaves out the smaller.
    """
    step = schedule.levels / LEVELS / ascent.reach
    dreamer, residual = Dreamer(ascent), torch.zeros_like(base)
    if not schedule.rising:
        recipe = Recipe(weights, step, steps=1, octaves=schedule.octaves + ascent.viewing(weights).span - 1)
        for _ in range(calls):
            residual = dreamer.dream(base, residual, recipe)
        return residual
    sizes = octave_sizes(base.shape[2], base.shape[3], schedule.octaves)[::-1]
    for k, size in enumerate(sizes):
        small, carried = resize(base, size), resize(residual, size)
        for _ in range(calls * (k + 1) // len(sizes) - calls * k // len(sizes)):
            carried = dreamer.dream(small, carried, Recipe(weights, step, steps=1, octaves=1))
        residual = resize(carried, (base.shape[2], base.shape[3]))
    return residual


class References:
    """True dreams of one teacher, and what it sees in them, made once and kept in ``folder``.

    Keyed by the teacher's file, the picture and the tap, so that no other file, size or crop is ever mistaken for them.
    """

    def __init__(
        self,
        teacher: Network,
        file: Path,
        folder: Path,
        device: torch.device | None = None,
        steps: Sequence[int] = STEPS,
    ) -> None:
        """``teacher``: float32, as read from ``file``, moved to ``device``.  ``steps``: the last is the reference."""
        self.device, self.steps = device or torch.device("cpu"), tuple(steps)
        self.teacher = teacher.to(self.device)
        self.folder = folder / f"{file.stem}-{checksum(file)[:12]}"

    def dream(self, picture: Tensor, tap: str) -> Tensor:
        """The residual of the reference, after the most steps, at equal strength."""
        path = self._path(picture, tap, f"-{self.steps[-1]}.safetensors")
        try:
            with safe_open(path, framework="pt") as kept:
                residual = kept.get_tensor("residual").float().to(self.device)
        except (OSError, SafetensorError):
            residual = self._dreamt(picture, tap, self.steps[-1])
            save_file({"residual": residual.half().cpu().contiguous()}, _beside(path))
            _beside(path).replace(path)
        return at_strength(picture, residual)

    def curve(self, picture: Tensor, tap: str) -> dict[int, float]:
        """What the teacher sees at ``tap`` after no step and after each number of steps, at equal strength."""
        path = self._path(picture, tap, ".json")
        try:
            kept = {int(steps): float(found) for steps, found in json.loads(path.read_text()).items()}
        except (OSError, ValueError):
            kept = {}
        if tuple(kept) == (0, *self.steps):
            return kept
        dreams = {0: torch.zeros_like(picture), self.steps[-1]: self.dream(picture, tap)}
        dreams |= {n: at_strength(picture, self._dreamt(picture, tap, n)) for n in self.steps[:-1]}
        curve = {n: seen(self.teacher, picture + dreams[n], [tap])[tap] for n in sorted(dreams)}
        _beside(path).write_text(json.dumps(curve))
        _beside(path).replace(path)
        return curve

    def _dreamt(self, picture: Tensor, tap: str, steps: int) -> Tensor:
        ascent = Eager(self.teacher, [tap], device=self.device, dtype=torch.float32)
        return dreamt(ascent, picture, [1.0], steps)

    def _path(self, picture: Tensor, tap: str, ending: str) -> Path:
        self.folder.mkdir(parents=True, exist_ok=True)
        return self.folder / f"{tap}-{content(picture)}{ending}"


def content(picture: Tensor) -> str:
    """Short for what is in ``picture``: another picture has another."""
    return hashlib.sha256(picture.cpu().numpy().tobytes()).hexdigest()[:12]


def _beside(path: Path) -> Path:
    """Where a file is written before it takes its place at once, since two measurements may share the folder."""
    return path.with_name(f".{path.name}.{os.getpid()}")
