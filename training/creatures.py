"""Grow the creatures of the deepest layer: `python -m training.creatures --teacher PATH --photos DIR --into LEAP`.

LEAP is what `training.train` made; afterwards it lays creatures (`models.creatures`) for that layer.  Each begins as
noise and is dreamed over made-up scenes, all at once, wherever it is laid: so that there the teacher sees much, above
all in the channels of the named direction that it stands for, and that no two are seen alike.  As in feature
visualisation (Olah, Mordvintsev, Schubert, 2017) what is learned are waves of decorrelated colours, large ones faster
than small ones.  Beside LEAP are kept the state to go on from (`--resume`), the log and a sheet of the creatures.
"""

import argparse
import json
import math
import time
from pathlib import Path

import cv2
import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor
from tqdm import tqdm

from models.creatures import CELL, CORE, KIN, SIDE, Creatures, painted
from models.directions import NAMES, Directions
from models.leap import Leap, save
from models.leap_net import TAPS, LeapNet
from models.weights import NetworkError, load_network
from training.pictures import Stock

TAP = TAPS[-1]
USUAL = "Mixed_6b"  # whose strength they get
SCENES, WINDOW, ROOM = 240, 224, 32  # made-up scenes, pixels of a window, and by how many it moves about in a scene
BATCH = 3
RATE, DECAY = 0.06, 0.1  # of learning; what no gradient asks for, such as the noise of the beginning, decays
STRONG, RMS, STRONG_UNTIL = 0.2, 0.11, 0.3  # strength of the change at first, later, and the share until then
CHANCE_UNTIL = 0.4  # share of the training in which chance has a say in what is laid where
OWN = 0.75  # how much more than others the channels of its direction count for a creature
MINE = 0.5  # how much what is seen of each creature weighs beside what is seen in all
SHY = (1, 1, 1, 0.4, 0.4, 0.4)  # how often those of each direction are laid without being wished for
COLOURS = ((1.0, 0.33, 0.07), (1.0, 0.0, -0.19), (1.0, -0.33, 0.11))  # decorrelated to RGB, as photographs have them


def fade() -> Tensor:
    """From 1 in the middle to 0 on the circle that just fits in, (SIDE, SIDE): a square would be seen in a sky."""
    way = (torch.arange(SIDE) + 0.5) / SIDE * 2 - 1
    return (1 - way.square()[:, None] - way.square()).clamp_min(0)


def pictures(waves: Tensor) -> Tensor:
    """Creatures, (N, 3, SIDE, SIDE), of mean 0 per colour and RMS 1, from ``waves``, (N, 3, SIDE, SIDE / 2 + 1, 2)."""
    frequency = torch.hypot(torch.fft.fftfreq(SIDE)[:, None], torch.fft.rfftfreq(SIDE)[None])
    fall = 1 / frequency.clamp_min(1 / SIDE)
    found = torch.fft.irfft2(torch.view_as_complex(waves) * fall / fall.mean(), (SIDE, SIDE))
    found = torch.einsum("ij,njhw->nihw", torch.tensor(COLOURS), found)
    found = torch.tanh(found / strength(found).detach() / 2) * fade()
    found = found - fade() * (found.sum((2, 3), keepdim=True) / fade().sum())
    return found / strength(found)


def alike(seen: Tensor) -> Tensor:
    """How much creatures have in common beyond what all have, 0 for nothing.  ``seen``: (N, channels), energies."""
    profiles = seen / seen.sum(1, keepdim=True).clamp_min(1e-9)
    profiles = F.normalize(profiles - profiles.mean(0), dim=1)
    return F.relu(profiles @ profiles.T - torch.eye(len(profiles))).square().sum(1).mean()


def strength(x: Tensor) -> Tensor:
    """RMS of each of a batch, (N, 1, 1, 1)."""
    return x.square().mean((1, 2, 3), keepdim=True).sqrt().clamp_min(1e-6)


class Growth:
    """The creatures in training and what they are trained by; `count` is how many iterations they have behind them."""

    def __init__(self, args: argparse.Namespace) -> None:
        self.args, self.count, self.state = args, 0, args.into.with_suffix(".creatures.pt")
        self.leap = Leap.load(args.into)
        torch.manual_seed(args.seed)
        rng, stock, side = np.random.default_rng(args.seed), Stock(args.photos), WINDOW + ROOM
        scenes = [stock.scene(side, side, rng).transpose(2, 0, 1) for _ in range(SCENES)]
        self.scenes = torch.from_numpy(np.stack(scenes))
        self.teacher = load_network(args.teacher).requires_grad_(False)
        self.teacher.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        directions = Directions.of_network(self.teacher, [TAP])
        rows = torch.stack([directions.row(name)[0] for name in NAMES])
        kin = torch.tensor(KIN)
        self.own = (OWN * rows + 1 - OWN).repeat_interleave(kin, 0)  # (creatures, channels), mean 1
        shares = torch.tensor(SHY).repeat_interleave(kin)
        self.shares = shares / shares.sum()  # how often each is to be laid
        self.often = self.shares.clone()  # and has been of late
        self.creatures = Creatures(KIN).requires_grad_(False)
        self.waves = (0.05 * torch.randn(len(shares), 3, SIDE, SIDE // 2 + 1, 2)).requires_grad_()
        self.optimiser = torch.optim.AdamW([self.waves], RATE, weight_decay=DECAY)
        if args.resume:
            saved = torch.load(self.state, weights_only=True)
            self.creatures.load_state_dict(saved["creatures"])
            self.optimiser.load_state_dict(saved["optimiser"])
            self.waves.data.copy_(saved["waves"])
            self.count, self.often = saved["count"], saved["often"]
        self.rng = np.random.default_rng([args.seed, self.count])

    def iterate(self) -> dict[str, float]:
        """One step of training.  Returns what it measured."""
        done = self.count / self.args.iterations
        for group in self.optimiser.param_groups:
            group["lr"] = RATE * max(0.05, (1 + math.cos(math.pi * done)) / 2)
        drawn, base = pictures(self.waves), self.windows()
        self.creatures.pictures.copy_(drawn.detach())
        laid = self.lay(base, 1 - done / CHANCE_UNTIL)
        change = painted(laid, drawn)
        far = max(RMS, STRONG * (RMS / STRONG) ** (done / STRONG_UNTIL))
        result = (base + change / strength(change) * far).clamp(-1.02, 1.02)
        (seen,) = self.teacher.activations(result.contiguous(memory_format=torch.channels_last), [TAP])
        energy = seen.square()
        whole = energy.mean((1, 2, 3)).log().mean()
        where = F.interpolate(F.max_pool2d(laid, 7, 1, 3), energy.shape[2:], mode="area")
        mass = where.sum((0, 2, 3))
        there = mass > 0
        here = torch.einsum("nkhw,nchw->kc", where, energy)[there] / mass[there, None]  # seen where each is laid
        mine = (here * self.own[there]).mean(1).clamp_min(1e-4).log().mean()
        loss = -whole - MINE * mine + alike(here)
        self.optimiser.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        self.optimiser.step()
        self.count += 1
        return {"count": self.count, "whole": float(whole.detach()), "mine": float(mine.detach())}

    def windows(self) -> Tensor:
        """A batch of scenes, (BATCH, 3, WINDOW, WINDOW)."""
        top, left = (int(n) for n in self.rng.integers(ROOM + 1, size=2))
        picks = torch.from_numpy(self.rng.choice(SCENES, BATCH, replace=False))
        base = self.scenes[picks, :, top : top + WINDOW, left : left + WINDOW]
        return base.flip(3) if self.rng.random() < 0.5 else base

    def lay(self, base: Tensor, chance: float) -> Tensor:
        """Where each is laid; those that have been laid too often of late become a little rarer."""
        side = (WINDOW - 4 * CORE) // CELL + 1
        size = (len(base), len(self.shares), side, side)
        luck = torch.from_numpy(self.rng.random(size, np.float32)) * max(0.0, chance)
        laid = self.creatures.found(base, torch.zeros(1, len(KIN)), luck)
        counts = (laid > 0).float().sum((0, 2, 3))
        self.often.lerp_(counts / counts.sum().clamp_min(1), 0.03)
        rarity = self.creatures.rarity.data
        rarity -= 0.01 * (self.often / self.shares - 1).clamp(-1, 1)
        rarity -= rarity.mean()
        return laid

    def keep(self) -> None:
        """Write the state to go on from, the sheet, and the creatures into the leap, as strong as what it draws."""
        state = {"creatures": self.creatures.state_dict(), "optimiser": self.optimiser.state_dict()}
        half = self.state.with_suffix(".half")
        torch.save({**state, "waves": self.waves.detach(), "count": self.count, "often": self.often}, half)
        half.replace(self.state)
        sheet(self.creatures.pictures, self.state.with_suffix(".png"))
        leap, base = self.leap, self.scenes[:8, :, :WINDOW, :WINDOW]
        usual = [leap.gradient(picture[None], [float(tap == USUAL) for tap in TAPS]) for picture in base]
        laid = self.creatures(base, torch.zeros(1, len(KIN)))
        scale = strength(torch.cat(usual)).mean() / strength(laid).mean()
        save(joined(leap.net, self.creatures, float(scale)), self.args.into, {**leap.card, "creatures": self.count})

    def run(self) -> None:
        saved_at = time.monotonic()
        with (
            self.state.with_suffix(".jsonl").open("a" if self.args.resume else "w") as lines,
            tqdm(total=self.args.iterations, initial=self.count, unit="iteration") as bar,
        ):
            while self.count < self.args.iterations:
                lines.write(json.dumps(self.iterate()) + "\n")
                bar.update()
                if time.monotonic() - saved_at > self.args.every:
                    lines.flush()
                    self.keep()
                    saved_at = time.monotonic()
        self.keep()  # also what was grown for another leap, and has nothing left to do here


def joined(net: LeapNet, creatures: Creatures, scale: float) -> LeapNet:
    """``net``, folded, with ``creatures``, ``scale`` times as strong, in place of any that it had."""
    made = LeapNet(net.taps, net.directions, net.widths, net.blocks, net.plan, KIN).fold()
    own = {name: value for name, value in net.state_dict().items() if not name.startswith("creatures.")}
    laid = {f"creatures.{name}": value for name, value in creatures.state_dict().items()}
    laid["creatures.pictures"] = laid["creatures.pictures"] * scale
    made.load_state_dict(own | laid)
    return made


def sheet(pictures: Tensor, path: Path) -> None:
    """All creatures, a row for each direction."""
    rows, first = [], 0
    for count in KIN:
        row = torch.zeros(3, SIDE, SIDE * max(KIN))
        row[:, :, : SIDE * count] = torch.cat(list(pictures[first : first + count]), 2) * 0.28
        rows.append(row)
        first += count
    pixels = ((torch.cat(rows, 1).clamp(-1, 1) + 1) * 127.5).byte().permute(1, 2, 0).numpy()
    cv2.imwrite(str(path), cv2.resize(pixels[:, :, ::-1], None, fx=2, fy=2, interpolation=cv2.INTER_CUBIC))


def main() -> None:
    parser = argparse.ArgumentParser(description="Grow the creatures that the leap lays for the deepest layer.")
    parser.add_argument("--teacher", type=Path, required=True, help="Inception-v3 weights (.pth or .safetensors)")
    parser.add_argument("--photos", type=Path, required=True, help="folder of photographs and cut-outs")
    parser.add_argument("--into", type=Path, required=True, help="the leap that gets them (.safetensors)")
    parser.add_argument("--iterations", type=int, default=2200, help="(default: 2200)")
    parser.add_argument("--resume", action="store_true", help="go on from the state beside --into")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--every", type=float, default=120, help="seconds between saved states (default: 120)")
    try:
        growth = Growth(parser.parse_args())
    except (NetworkError, OSError, ValueError) as error:
        raise SystemExit(str(error)) from error
    growth.run()


if __name__ == "__main__":
    main()
