"""Train the leap: `python -m models.train_leap --teacher PATH --photos DIR --minutes M --out FILE [--resume]`.

First the network leans towards the teacher's gradient, then it is also judged by the result (`leap_judge`), all on
states that its own feedback leads to (`leap_pool`). Every `--every` seconds it writes FILE itself, ready for use, a
preview beside it (.png) and the state to resume from (.state.pt); `measure_leap` then fills in the model card.
"""

import argparse
import copy
import time
from pathlib import Path

import cv2
import numpy as np
import torch
import torch.nn.functional as F
from tqdm import tqdm

from models.leap import TAPS, LeapNet, save
from models.leap_judge import Act, Judge, bands, cast, lean, normalised, sameness, tone
from models.leap_pool import DECAY, HELD_OUT, Picture, Pool, photographs
from models.weights import load_network

STEP = 1.5 / 127.5  # mean change of one plain ascent step, in [-1, 1]
RATE = 2e-3
LEAN_UNTIL, FADE = 0.3, 0.1  # shares of the training
DEPTHS = (0.3, 0.4, 0.3)  # how often each tap leads
REACH = (1.5, 5.0)  # plain steps one call is trained to stand for
ABOUT = {
    "teacher": "Inception-v3 (Google, 2015-12-05, ImageNet; Apache-2.0), its activations and gradients only",
    "data": "13 Kodak photographs without people (free use), procedural skies and noise, the network's own feedback",
    "licence": "MIT, like the project",
}


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


class Trainer:
    """The network in training and what it is trained by. `spent` counts minutes of training, `count` iterations."""

    def __init__(self, args: argparse.Namespace, act: Act) -> None:
        self.args, self.spent, self.count = args, 0.0, 0
        torch.manual_seed(args.seed)
        self.net = LeapNet().to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.optimiser = torch.optim.AdamW(self.net.parameters(), RATE, weight_decay=1e-5)
        self.state = args.out.with_suffix(".state.pt")
        if args.resume:
            saved = torch.load(self.state, weights_only=True)
            self.net.load_state_dict(saved["net"])
            self.optimiser.load_state_dict(saved["optimiser"])
            self.spent, self.count = saved["spent"], saved["count"]
        self.rng = np.random.default_rng([args.seed, self.count])
        self.pool, self.judge = Pool(photographs(args.photos), self.rng, len(TAPS)), Judge(act, TAPS)
        self.show = photographs(args.photos, HELD_OUT)

    def iterate(self) -> tuple[int, dict[str, float]]:
        """One step of training. Returns the index of the layer it was led by, and what it measured."""
        done = self.spent / self.args.minutes
        for group in self.optimiser.param_groups:
            group["lr"] = float(RATE * min(1, (self.count + 1) / 100) * max(0.02, (1 + np.cos(np.pi * done)) / 2))
        gain_share = float(np.clip((done - LEAN_UNTIL) / FADE, 0, 1))
        depth = int(self.rng.choice(len(TAPS), p=DEPTHS))
        picks = self.pool.draw(depth, self.args.batch, 0.08)
        base, weights = self.pool.base[depth][picks], self.pool.weights[depth][picks]
        picture = (base + self.pool.residual[depth][picks]).contiguous(memory_format=torch.channels_last)
        gradient, before = self.judge.gradient(picture, weights, depth)
        with torch.no_grad():
            undreamed = self.judge.see(base, depth)
        self.judge.learn(undreamed)

        direction = self.net(picture, weights)
        change = normalised(direction) * STEP * float(np.exp(self.rng.uniform(*np.log(REACH))))
        split = bands(direction)
        toned, tint, leaning = tone(direction, split, weights), cast(direction), lean(split, gradient)
        loss = 0.1 * toned.mean() + 3 * F.relu(tint - 0.02).mean() + 0.3 * sameness(split, self.rng)
        loss = loss - (3 - 1.3 * gain_share) * leaning.mean()
        own = plain = torch.zeros(1)
        if gain_share > 0:
            target = [a.lerp(b, 0.2) for a, b in zip(before, undreamed, strict=True)]
            after = self.judge.see((picture + change).clamp(-1.05, 1.05), depth)
            own, kind, plain = self.judge.gain(target, after, weights)
            loss = loss - 0.6 * gain_share * (own + 0.2 * kind + plain).mean()
        self.optimiser.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(self.net.parameters(), 1.0)
        self.optimiser.step()
        self.pool.carry(depth, picks, change.detach())
        self.count += 1
        terms = {"lean": leaning, "own": own, "plain": plain, "tone": toned, "cast": tint}
        measured = {name: float(value.detach().mean()) for name, value in terms.items()}
        return depth, {**measured, "rms": float(self.pool.residual[depth][picks].std())}

    def keep(self) -> None:
        """Write the state to resume from, the network as it would be shipped, and a preview."""
        state = {"net": self.net.state_dict(), "optimiser": self.optimiser.state_dict()}
        torch.save({**state, "spent": self.spent, "count": self.count}, self.state)
        ready = copy.deepcopy(self.net).fold()
        save(ready, self.args.out, {**ABOUT, "iterations": self.count, "minutes": round(self.spent)})
        preview(ready, self.show, self.args.out.with_suffix(".png"))

    def run(self) -> None:
        records: list[tuple[int, dict[str, float]]] = []
        saved_at = time.monotonic()
        with tqdm(total=round(self.args.minutes * 60), initial=round(self.spent * 60), unit="s") as bar:
            while self.spent < self.args.minutes:
                start = time.monotonic()
                records.append(self.iterate())
                took = min(time.monotonic() - start, 10.0)  # a process held still for a while has not trained meanwhile
                self.spent += took / 60
                bar.update(round(self.spent * 60) - bar.n)
                if time.monotonic() - saved_at > self.args.every or self.spent >= self.args.minutes:
                    for k, tap in enumerate(TAPS):
                        rows = [row for depth, row in records if depth == k]
                        means = {name: sum(r[name] for r in rows) / len(rows) for name in (rows[0] if rows else ())}
                        tqdm.write(f"{self.count:6} {tap:14} " + " ".join(f"{n} {v:.3f}" for n, v in means.items()))
                    self.keep()
                    records, saved_at = [], time.monotonic()


def main() -> None:
    parser = argparse.ArgumentParser(description="Train the leap, Dreamwall's own small network.")
    parser.add_argument("--teacher", type=Path, required=True, help="Inception-v3 weights (.pth or .safetensors)")
    parser.add_argument("--photos", type=Path, required=True, help="folder of the Kodak photographs (01.png to 24.png)")
    parser.add_argument("--minutes", type=float, required=True, help="of training; the phases are shares of it")
    parser.add_argument("--out", type=Path, required=True, help="where the network goes (.safetensors)")
    parser.add_argument("--resume", action="store_true", help="go on from the state beside --out")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--batch", type=int, default=4)
    parser.add_argument("--every", type=float, default=120, help="seconds between saved states (default: 120)")
    args = parser.parse_args()
    Trainer(args, load_network(args.teacher).activations).run()


if __name__ == "__main__":
    main()
