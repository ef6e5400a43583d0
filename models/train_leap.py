"""Train the leap: `python -m models.train_leap --teacher PATH --photos DIR --minutes M --out FILE [--resume]`.

No labels and no stored targets: the teacher itself says what is better. Two phases, faded into each other:

1. *Lean*: the direction is turned towards the teacher's true gradient (cosine at several blurs). That is the objective
   linearised where the picture stands, and it has no shortcut that fits all pictures.
2. *Leap*: the picture is changed as the dreamer would change it, and the teacher looks at the result. What counts is that each place
   has more of the activations it already had (dot product with its own centred activations, in the spirit of
   Lucid's caricatures: Olah et al., 2017). The plain L2 norm alone would be maximised by one weave painted over every picture.

The pictures come from a pool of carried states, as in cellular-automaton training (Mordvintsev et al., "Growing Neural
Cellular Automata", 2020): each keeps its residual from visit to visit, decays it, is resized and shifted, so the network
learns on what its own feedback leads to, and stays good after hundreds of frames.
"""

import argparse
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from models.leap import TAPS, LeapNet

SIZE, MARGIN = 128, 8  # pixels: side of a training picture, and what the teacher does not see of it on each side
DECAY = 0.95  # of the residual from visit to visit
HELD_OUT = ("07", "16", "20", "23")  # photographs for validation only
PEOPLE = ("04", "05", "10", "12", "14", "15", "18")  # photographs that show people are not used at all
STEP = 1.5 / 127.5
LEAN_BANDS = (0.1, 0.25, 0.3, 0.25, 0.1)
# What true dreams of 27 steps were measured to have in Conv2d_4a, Mixed_5b and deeper: share of energy by scale, and of colour.
DREAM_BANDS = ((0.06, 0.24, 0.41, 0.25, 0.04), (0.07, 0.30, 0.35, 0.22, 0.06), (0.07, 0.30, 0.35, 0.22, 0.06))
DREAM_COLOUR = (0.60, 0.43, 0.31)

Act = Callable[[Tensor, Sequence[str]], list[Tensor]]
Picture = np.ndarray[Any, np.dtype[np.float32]]


def photographs(folder: Path, names: Sequence[str] = ()) -> list[Picture]:
    """The photographs for training, or those named; (H, W, 3), RGB in [-1, 1]."""
    files = [f for f in sorted(folder.glob("*.png")) if (f.stem in names if names else f.stem not in HELD_OUT + PEOPLE)]
    if not files:
        raise SystemExit(f"{folder} has no photographs (*.png) to train on")
    return [cv2.cvtColor(cv2.imread(str(f)), cv2.COLOR_BGR2RGB).astype(np.float32) / 127.5 - 1 for f in files]


def crop(photos: list[Picture], rng: np.random.Generator) -> Picture:
    photo = photos[rng.integers(len(photos))]
    side = int(rng.uniform(0.35, 1) * min(photo.shape[:2]))
    y, x = (int(rng.integers(n - side + 1)) for n in photo.shape[:2])
    piece = cv2.resize(photo[y : y + side, x : x + side], (SIZE, SIZE), interpolation=cv2.INTER_AREA)
    piece = piece[:, :: rng.choice((1, -1)), :: rng.choice((1, 1, -1))]
    return np.clip(piece * rng.uniform(0.5, 1.2) + rng.uniform(-0.25, 0.25), -1, 1)


def spectrum(rng: np.random.Generator) -> Picture:
    """Noise whose amplitude falls with frequency by a random power, partly grey; with soft thresholds it makes clouds."""
    fy, fx = np.fft.fftfreq(SIZE)[:, None], np.fft.rfftfreq(SIZE)[None]
    fall = np.maximum(np.hypot(fy, fx), 1 / SIZE)[..., None] ** -rng.uniform(0.5, 2.2)
    noise = np.fft.irfft2(np.fft.rfft2(rng.standard_normal((SIZE, SIZE, 3)), axes=(0, 1)) * fall, (SIZE, SIZE), (0, 1))
    noise = noise / noise.std()
    if rng.random() < 0.5:  # a sky: white over a gradient of blues, or of any two colours
        cover = 1 / (1 + np.exp(-3 * (noise[..., :1] * 1.2 - rng.uniform(-1, 1))))
        sky, cloud = (
            rng.uniform(-0.6, 0.4, 3) + np.linspace(0, rng.uniform(0, 0.5), SIZE)[:, None, None],
            rng.uniform(0.2, 1, 3),
        )
        noise = sky + (cloud - sky) * cover
    else:
        noise = noise * rng.uniform(0.1, 0.5) + rng.uniform(-0.5, 0.5, 3)
    return np.clip(noise, -1, 1).astype(np.float32)


def fresh(photos: list[Picture], rng: np.random.Generator) -> Tensor:
    picture = spectrum(rng) if rng.random() < 0.2 else crop(photos, rng)
    return torch.from_numpy(np.ascontiguousarray(picture.transpose(2, 0, 1), dtype=np.float32))


def normalised(direction: Tensor) -> Tensor:
    """The direction over its mean absolute value, picture by picture, as the dreamer applies it."""
    return direction / direction.abs().mean((1, 2, 3), keepdim=True).clamp_min(1e-8)


def bands(x: Tensor) -> list[Tensor]:
    """The picture split by scale: details of about 2, 4, 8, 16 and 32 pixels (a Laplacian pyramid)."""
    levels = [x]
    for _ in range(5):
        levels.append(F.avg_pool2d(levels[-1], 2))
    return [a - F.interpolate(b, a.shape[2:], mode="bilinear") for a, b in zip(levels, levels[1:], strict=False)]


def lean(direction: list[Tensor], gradient: Tensor) -> Tensor:
    """Mean cosine between a direction, given in bands, and a gradient, grey and colour apart. (N,)

    The gradient's strong places are toned down first, so that the dream spreads over the picture.
    """
    local = F.avg_pool2d(gradient.pow(2).mean(1, keepdim=True), 16, 8, count_include_pad=False).sqrt()
    local = F.interpolate(local, gradient.shape[2:], mode="bilinear")
    tame = gradient / (local + 0.3 * local.mean((1, 2, 3), keepdim=True) + 1e-12)
    total = torch.zeros(len(gradient))
    for share, p, q in zip(LEAN_BANDS, direction, bands(tame), strict=True):
        grey_p, grey_q = p.mean(1, keepdim=True), q.mean(1, keepdim=True)
        grey = F.cosine_similarity(grey_p.flatten(1), grey_q.flatten(1))
        colour = F.cosine_similarity((p - grey_p).flatten(1), (q - grey_q).flatten(1))
        total = total + share * (0.6 * grey + 0.4 * colour)
    return total


def tone(direction: Tensor, split: list[Tensor], weights: Tensor) -> Tensor:
    """How unlike a true dream's the direction's shares of energy are, by scale, by colour and by place. (N,)"""
    kind = torch.tensor([0, 1, 2] + [2] * (weights.shape[1] - 3))
    energy = torch.stack([b.pow(2).mean((1, 2, 3)) for b in split], 1)
    shares = energy / energy.sum(1, keepdim=True) + 1e-3
    scale = (shares.log() - (weights @ torch.tensor(DREAM_BANDS)[kind]).log()).pow(2).sum(1)
    colour = direction - direction.mean(1, keepdim=True)
    share = colour.pow(2).mean((1, 2, 3)) / direction.pow(2).mean((1, 2, 3)) + 1e-3
    hue = (share.log() - (weights @ torch.tensor(DREAM_COLOUR)[kind]).log()).pow(2)
    local = F.avg_pool2d(direction.pow(2).mean(1, keepdim=True), 16, 8)
    crowding = F.relu(local.var((1, 2, 3)) / local.mean((1, 2, 3)).pow(2) - 0.4)
    return scale + 2 * hue + 2 * crowding


@dataclass
class Pool:
    """Carried states, some for each layer led by: bases and residuals (P, 3, SIZE, SIZE), layer weights (P, taps)."""

    photos: list[Picture]
    rng: np.random.Generator
    taps: int
    each: int = 12
    base: list[Tensor] = field(default_factory=list)
    residual: list[Tensor] = field(default_factory=list)
    weights: list[Tensor] = field(default_factory=list)

    def __post_init__(self) -> None:
        for lead in range(self.taps):
            self.base.append(torch.stack([fresh(self.photos, self.rng) for _ in range(self.each)]))
            self.residual.append(torch.zeros(self.each, 3, SIZE, SIZE))
            self.weights.append(torch.stack([self.mix(lead) for _ in range(self.each)]))

    def mix(self, lead: int) -> Tensor:
        """Layer weights led by one layer; the deepest in use, so that the teacher runs no deeper than needed."""
        weights = torch.zeros(self.taps)
        weights[lead] = 1
        if lead and self.rng.random() < 0.25:
            weights[int(self.rng.integers(lead))] = float(self.rng.uniform(0, 1.5))
        return weights / weights.sum()

    def draw(self, lead: int, count: int, fresh_share: float) -> list[int]:
        """Which states come next; now and then one of them begins anew."""
        picks = [int(i) for i in self.rng.choice(self.each, count, replace=False)]
        for i in picks:
            if self.rng.random() < fresh_share:
                self.base[lead][i] = fresh(self.photos, self.rng)
                self.residual[lead][i] = 0
                self.weights[lead][i] = self.mix(lead)
        return picks

    def carry(self, lead: int, picks: list[int], change: Tensor) -> None:
        """Give the states what the dreamer gives them: change, decay, another octave, a drift, the clip."""
        base, residual = self.base[lead][picks], (self.residual[lead][picks] + change) * DECAY
        if self.rng.random() < 0.3:
            small = int(SIZE / self.rng.choice((1.4, 1.96)))
            residual = F.interpolate(residual, (small, small), mode="bilinear", antialias=True)
            residual = F.interpolate(residual, (SIZE, SIZE), mode="bicubic")
        if self.rng.random() < 0.3:
            shift = (int(self.rng.integers(-16, 17)), int(self.rng.integers(-16, 17)))
            base, residual = base.roll(shift, (2, 3)), residual.roll(shift, (2, 3))
        self.base[lead][picks] = base
        self.residual[lead][picks] = (base + residual).clamp(-1, 1) - base


class Judge:
    """The teacher's view: activations centred and scaled per channel by running statistics over undreamed pictures."""

    def __init__(self, act: Act, taps: Sequence[str]) -> None:
        self.act, self.taps = act, tuple(taps)
        self.stats: dict[str, tuple[Tensor, Tensor]] = {}

    def see(self, picture: Tensor, depth: int) -> list[Tensor]:
        """Activations of the taps down to `depth`, without the margin where the teacher's own padding shows."""
        inner = picture[:, :, MARGIN : SIZE - MARGIN, MARGIN : SIZE - MARGIN]
        return self.act(inner.contiguous(memory_format=torch.channels_last), self.taps[: depth + 1])

    def learn(self, seen: list[Tensor]) -> None:
        for tap, a in zip(self.taps, seen, strict=False):
            mean, var = a.mean((0, 2, 3)), a.var((0, 2, 3))
            old = self.stats.get(tap)
            self.stats[tap] = (mean, var) if old is None else (old[0].lerp(mean, 0.02), old[1].lerp(var, 0.02))

    def centred(self, tap: str, a: Tensor) -> Tensor:
        mean, var = (s[None, :, None, None] for s in self.stats[tap])
        spread = var.sqrt()
        return (a - mean) / (spread + spread.mean())

    def gradient(self, picture: Tensor, weights: Tensor, depth: int) -> tuple[Tensor, list[Tensor]]:
        """The true direction at `picture`, each layer's share as strong as its weight; and the activations there."""
        x = picture.detach().requires_grad_()
        seen = self.see(x, depth)
        total = torch.zeros_like(x)
        for k, a in enumerate(seen):
            if weights[:, k].sum() > 0:
                (g,) = torch.autograd.grad(a.pow(2).mean((1, 2, 3)).sum(), x, retain_graph=True)
                total += weights[:, k, None, None, None] * normalised(g)
        return total, [a.detach() for a in seen]

    def gain(self, before: list[Tensor], after: list[Tensor], weights: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """How much more of its own each place has, how far it kept its kind, the plain objective's growth. (N,) each."""
        own, kind, plain = (torch.zeros(len(weights)) for _ in range(3))
        for k, (b, a) in enumerate(zip(before, after, strict=True)):
            w = weights[:, k]
            if w.sum() == 0:
                continue
            zb, za = self.centred(self.taps[k], b), self.centred(self.taps[k], a)
            nb, na = zb.pow(2).sum(1), za.pow(2).sum(1)
            ratio = (zb * za).sum(1) / (nb + 0.1 * nb.mean((1, 2), keepdim=True) + 1e-6)
            own = own + w * torch.where(ratio > 1, ratio.clamp_min(1).log(), ratio - 1).mean((1, 2))
            kind = kind + w * ((zb * za).sum(1) / (nb * na + 1e-6).sqrt()).mean((1, 2))
            plain = plain + w * (a.pow(2).mean((1, 2, 3)) / b.pow(2).mean((1, 2, 3))).log()
        return own, kind, plain


def cast(direction: Tensor) -> Tensor:
    """Share of the direction's energy that tints whole regions. (N,)"""
    return F.avg_pool2d(direction, 40, 20).pow(2).mean((1, 2, 3)) / direction.pow(2).mean((1, 2, 3))


def sameness(split: list[Tensor], rng: np.random.Generator) -> Tensor:
    """Correlation of each direction, given in bands, with its neighbour's in the batch, in place or shifted. Scalar."""
    there = rng.random(2) * (rng.random() < 0.5)
    total = torch.zeros(())
    for band in split[1:]:
        other = band.roll(1, 0).roll([int(t * band.shape[2]) for t in there], (2, 3))
        total = total + F.cosine_similarity(band.flatten(1), other.flatten(1)).pow(2).mean() / (len(split) - 1)
    return total


@torch.no_grad()
def preview(net: LeapNet, photos: list[Picture], path: Path, calls: int = 12, reach: float = 2.0) -> None:
    """One row a photograph, one column a tap: dreamed at 240 x 160 for a few calls over three octaves."""
    rows = []
    for photo in photos:
        base = torch.from_numpy(cv2.resize(photo, (240, 160), interpolation=cv2.INTER_AREA).transpose(2, 0, 1).copy())[
            None
        ]
        columns = [base]
        for k in range(len(net.taps)):
            weights = torch.eye(len(net.taps))[k : k + 1]
            residual = torch.zeros_like(base)
            for call in range(calls):
                size = [int(n / 1.4 ** (2 - call % 3)) for n in base.shape[2:]]
                roll = (call * 7 % 17 - 8, call * 5 % 17 - 8)
                x = F.interpolate(base + residual, size, mode="bilinear", antialias=True)
                d = normalised(net(x.roll(roll, (2, 3)), weights)).roll((-roll[0], -roll[1]), (2, 3)) * STEP * reach
                residual = residual * DECAY + F.interpolate(d, base.shape[2:], mode="bilinear")
                residual = (base + residual).clamp(-1, 1) - base
            columns.append(base + residual)
        rows.append(torch.cat(columns, 3))
    sheet = torch.cat(rows, 2)[0].permute(1, 2, 0).numpy()
    cv2.imwrite(str(path), cv2.cvtColor(((sheet + 1) * 127.5).round().astype(np.uint8), cv2.COLOR_RGB2BGR))


def train(args: argparse.Namespace, act: Act) -> None:
    torch.manual_seed(args.seed)
    rng = np.random.default_rng(args.seed)
    net = LeapNet().to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    optimiser = torch.optim.AdamW(net.parameters(), args.rate, weight_decay=1e-5)
    pool, judge = Pool(photographs(args.photos), rng, len(TAPS)), Judge(act, TAPS)
    show = photographs(args.photos, HELD_OUT)[1:3]
    spent, count = 0.0, 0
    state = args.out.with_suffix(".state.pt")
    if args.resume:
        saved = torch.load(state, weights_only=True)
        net.load_state_dict(saved["net"])
        optimiser.load_state_dict(saved["optimiser"])
        spent, count = saved["spent"], saved["count"]
    records: list[list[float]] = []
    last = saved_at = time.monotonic()
    while spent < args.minutes:
        t = spent / args.minutes
        for group in optimiser.param_groups:
            group["lr"] = float(args.rate * min(1, (count + 1) / 100) * max(0.02, (1 + np.cos(np.pi * t)) / 2))
        leap_share = float(np.clip((spent - args.lean) / max(args.fade, 1e-3), 0, args.most))
        depth = int(rng.choice(len(TAPS), p=args.depths))
        picks = pool.draw(depth, args.batch, 0.08)
        base, weights = pool.base[depth][picks], pool.weights[depth][picks]
        picture = (base + pool.residual[depth][picks]).contiguous(memory_format=torch.channels_last)
        if leap_share < 1:
            gradient, before = judge.gradient(picture, weights, depth)
        else:
            with torch.no_grad():
                before = judge.see(picture, depth)
        if leap_share > 0 or count % 4 == 0:
            with torch.no_grad():
                undreamed = judge.see(base, depth)
            judge.learn(undreamed)
        direction = net(picture, weights)
        change = normalised(direction) * STEP * float(np.exp(rng.uniform(np.log(1.5), np.log(5))))
        split = bands(direction)
        toned, tint = tone(direction, split, weights), cast(direction)
        loss = 0.1 * toned.mean() + 3 * F.relu(tint - 0.02).mean() + 0.3 * sameness(split, rng)
        leaning = own = kind = plain = torch.zeros(1)
        if leap_share < 1:
            leaning = lean(split, gradient)
            loss = loss - 3 * (1 - 0.7 * leap_share) * leaning.mean()
        if leap_share > 0:
            target = [a.lerp(b, args.anchor) for a, b in zip(before, undreamed, strict=True)]
            after = judge.see((picture + change).clamp(-1.05, 1.05), depth)
            own, kind, plain = judge.gain(target, after, weights)
            loss = loss - leap_share * (own + args.kind * kind + args.plain * plain).mean()
        optimiser.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(net.parameters(), 1.0)
        optimiser.step()
        pool.carry(depth, picks, change.detach())
        count += 1
        records.append(
            [
                depth,
                *(float(v.detach().mean()) for v in (leaning, own, kind, plain, toned, tint)),
                float(pool.residual[depth][picks].std()),
            ]
        )
        now = time.monotonic()
        spent, last = (
            spent + min(now - last, 10.0) / 60,
            now,
        )  # a process held still for a while has not trained meanwhile
        if now - saved_at > args.every or spent >= args.minutes:
            saved_at = now
            table = np.array(records)
            records = []
            print(f"{count} {spent:.1f} min leap {leap_share:.2f}", flush=True)
            for k, tap in enumerate(TAPS):
                if (table[:, 0] == k).any():
                    print(
                        "   %-14s lean %.3f own %.3f kind %.3f plain %.3f tone %.2f cast %.3f rms %.3f"
                        % (tap, *table[table[:, 0] == k, 1:].mean(0)),
                        flush=True,
                    )
            torch.save(
                {"net": net.state_dict(), "optimiser": optimiser.state_dict(), "spent": spent, "count": count}, state
            )
            net.eval()
            preview(net, show, args.out.with_suffix(".png"))
            net.train()
            last = time.monotonic()


def main(act: Act | None = None) -> None:
    parser = argparse.ArgumentParser(description="Train the leap, Dreamwall's own small network.")
    parser.add_argument("--teacher", type=Path, required=True)
    parser.add_argument("--photos", type=Path, required=True)
    parser.add_argument("--minutes", type=float, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--resume", action="store_true")
    parser.add_argument("--lean", type=float, default=8)
    parser.add_argument("--fade", type=float, default=4)
    parser.add_argument("--rate", type=float, default=2e-3)
    parser.add_argument("--batch", type=int, default=4)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--every", type=float, default=60)
    parser.add_argument("--anchor", type=float, default=0.2)
    parser.add_argument("--kind", type=float, default=0.2)
    parser.add_argument("--plain", type=float, default=1.0)
    parser.add_argument("--most", type=float, default=0.6)
    parser.add_argument("--depths", type=float, nargs=len(TAPS), default=[0.3, 0.25, 0.25, 0.2])
    args = parser.parse_args()
    if act is None:
        from models.weights import load_network

        network = load_network(args.teacher)
        act = network.activations
    train(args, act)


if __name__ == "__main__":
    main()
