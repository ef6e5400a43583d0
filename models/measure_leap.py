"""Measure a leap against its teacher: `python -m models.measure_leap --leap FILE --teacher PATH --photos DIR`.

Prints what the model card claims, as JSON; `--write` also puts it into the file's card. All on the photographs
that training holds out.
"""

import argparse
import json
import time
from pathlib import Path

import cv2
import torch
import torch.nn.functional as F
from torch import Tensor
from torch.utils.flop_counter import FlopCounterMode

from models.ascent import Ascent
from models.ascent.eager import Eager
from models.dreamer import Dreamer, Recipe
from models.leap import Leap, save
from models.leap_pool import HELD_OUT, photographs
from models.network import Network
from models.objective import score
from models.octaves import resize
from models.weights import load_network

RMS = 0.10  # of the [-1, 1] range: dreams are compared at equal strength
FRAMES = 300
LONG = 2.0  # plain steps a call goes where only eight are made from an undreamed picture


def pictures(folder: Path) -> list[Tensor]:
    """The held-out photographs at 320 x 240, cropped to fit: (1, 3, 240, 320) each, RGB in [-1, 1]."""
    found = []
    for photo in photographs(folder, HELD_OUT):
        high, wide = photo.shape[:2]
        cut_h, cut_w = min(high, wide * 3 // 4), min(wide, high * 4 // 3)
        y, x = (high - cut_h) // 2, (wide - cut_w) // 2
        small = cv2.resize(photo[y : y + cut_h, x : x + cut_w], (320, 240), interpolation=cv2.INTER_AREA)
        found.append(torch.from_numpy(small.transpose(2, 0, 1).copy())[None])
    return found


def at_strength(base: Tensor, residual: Tensor, rms: float = RMS) -> Tensor:
    """The residual scaled so that what is left of it after clipping has this root mean square."""
    scale = 1.0
    for _ in range(20):
        got = ((base + residual * scale).clamp(-1, 1) - base).pow(2).mean().sqrt().item()
        scale *= rms / max(got, 1e-9)
    return (base + residual * scale).clamp(-1, 1) - base


def dreamt(ascent: Ascent, base: Tensor, weights: list[float], calls: int, octaves: int, reach: float = 1.0) -> Tensor:
    """The residual after `calls` calls, the octaves one after another from the smallest, as in Google's notebook."""
    recipe = Recipe(weights, step=reach / ascent.reach * 1.5 / 127.5, steps=1, octaves=1)
    dreamer, residual = Dreamer(ascent), torch.zeros_like(base)
    for k in range(octaves):
        size = [round(n / 1.4 ** (octaves - 1 - k)) for n in base.shape[2:]]
        small, carried = resize(base, (size[0], size[1])), resize(residual, (size[0], size[1]))
        for _ in range(calls * (k + 1) // octaves - calls * k // octaves):
            carried = dreamer.dream(small, carried, recipe)
        residual = F.interpolate(carried, base.shape[2:], mode="bilinear")
    return residual


def likeness(residuals: list[Tensor]) -> float:
    """Mean absolute correlation between the residuals of different photographs."""
    flat = torch.stack([r.flatten() - r.mean() for r in residuals])
    matrix = F.normalize(flat) @ F.normalize(flat).T
    return float(matrix[~torch.eye(len(flat), dtype=torch.bool)].abs().mean())


def against_teacher(leap: Leap, teacher: Network, bases: list[Tensor]) -> dict[str, dict[str, float]]:
    """Per tap: the teacher's objective undreamed, after 8 calls and after the 40-step reference, at equal strength."""
    report = {}
    for k, tap in enumerate(leap.layers):
        weights = [float(j == k) for j in range(len(leap.layers))]
        true = Eager(teacher, leap.layers)
        leapt = [at_strength(b, dreamt(leap, b, weights, 8, 3, LONG)) for b in bases]
        stepped = [at_strength(b, dreamt(true, b, weights, 40, 4)) for b in bases]

        def mean(residuals: list[Tensor], tap: str = tap) -> float:
            return sum(score(teacher, b + r, {tap: 1.0}) for b, r in zip(bases, residuals, strict=True)) / len(bases)

        report[tap] = {
            "undreamed": mean([torch.zeros_like(b) for b in bases]),
            "leap_8_calls": mean(leapt),
            "reference_40_steps": mean(stepped),
            "likeness_leap": likeness(leapt),
            "likeness_reference": likeness(stepped),
        }
    return report


def stamina(leap: Leap, teacher: Network, base: Tensor) -> dict[str, list[dict[str, float]]]:
    """Feedback on a still, decay 0.95 a frame, one call a frame, octaves in turn: what it has come to along the way."""
    report = {}
    for k, tap in enumerate(leap.layers):
        dreamer, residual, line = Dreamer(leap), torch.zeros_like(base), []
        weights = [float(j == k) for j in range(len(leap.layers))]
        recipe = Recipe(weights, step=1.5 / 127.5 / leap.reach, steps=1, octaves=2 + leap.span)  # reach 1, 3 octaves
        for frame in range(1, FRAMES + 1):
            before, residual = residual, dreamer.dream(base, residual * 0.95, recipe)
            if frame in (1, 24, 100, 200, FRAMES):
                tint = residual.mean((2, 3))[0]
                line.append(
                    {
                        "frame": frame,
                        "rms": float(residual.pow(2).mean().sqrt()),
                        "tint": float(tint.abs().max()),
                        "objective": score(teacher, base + residual, {tap: 1.0}),
                        "change": float((residual - before).pow(2).mean().sqrt()),
                    }
                )
        report[tap] = line
    return report


def cost(leap: Leap) -> dict[str, float]:
    """Milliseconds and floating-point operations of one call at 320 x 240."""
    picture, weights = torch.rand(1, 3, 240, 320) * 2 - 1, [1.0] * len(leap.layers)
    with FlopCounterMode(display=False) as counter:
        leap.gradient(picture, weights)
    for _ in range(3):
        leap.gradient(picture, weights)
    times = []
    for _ in range(20):
        start = time.perf_counter()
        leap.gradient(picture, weights)
        times.append(time.perf_counter() - start)
    return {
        "gflop": counter.get_total_flops() / 1e9,
        "ms_320x240": sorted(times)[10] * 1e3,
        "parameters": sum(p.numel() for p in leap.net.parameters()),
    }


def rounded(value: object) -> object:
    if isinstance(value, dict):
        return {k: rounded(v) for k, v in value.items()}
    if isinstance(value, list):
        return [rounded(v) for v in value]
    return float(f"{value:.3g}") if isinstance(value, float) else value


def main() -> None:
    parser = argparse.ArgumentParser(description="Measure a leap against its teacher, on held-out photographs.")
    parser.add_argument("--leap", type=Path, required=True)
    parser.add_argument("--teacher", type=Path, required=True, help="Inception-v3 weights")
    parser.add_argument("--photos", type=Path, required=True, help="folder of the Kodak photographs (01.png to 24.png)")
    parser.add_argument("--write", action="store_true", help="put the figures into the file's model card")
    args = parser.parse_args()
    leap, teacher, bases = Leap.load(args.leap), load_network(args.teacher), pictures(args.photos)
    figures = rounded(
        {
            "cost": cost(leap),
            "against_teacher": against_teacher(leap, teacher, bases),
            "stamina": stamina(leap, teacher, bases[0]),
        }
    )
    print(json.dumps(figures, indent=1))
    if args.write:
        save(leap.net, args.leap, {**leap.card, "measured": figures})


if __name__ == "__main__":
    main()
