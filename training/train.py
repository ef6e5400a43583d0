"""Train the leap: `python -m training.train --teacher PATH --lessons DIR --out FILE [--resume]`.

The lessons come from `training.dreams`.  First the leap learns by regression to read from a picture what its dream will
show (`plans`) and to paint what it is told.  Then it is judged by what the teacher sees in its results (`judge`), on
fresh pictures, on half dreamed ones and on its own (`states`): one tap alone, and then all but the
deepest, which `training.creatures` sees to.  Every `--every` seconds it
writes FILE, ready for use, and beside it a preview (.png), the log (.jsonl), its curve (.curve.png) and the state to go
on from (.state.pt).  What ships is the running mean of the network over its last iterations; `training.measure` fills
in its card.
"""

import argparse
import copy
import json
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor
from tqdm import tqdm

from models.leap import save
from models.leap_net import TAPS, LeapNet
from models.weights import load_network
from training.dreams import RMS, lessons
from training.judge import Judge, apart
from training.plans import Plans, onto_cells
from training.preview import curve, sheet
from training.states import Batch, States, limited

RATE = 2e-3
REGRESSION_UNTIL = 0.12  # share of the training that is regression
FOCUSED_UNTIL = 0.38  # and in which it then learns one tap alone: taught all at once it never begins to paint
FOCUS = TAPS.index("Mixed_6b")
DRAWN = (0.04, 0.07, 0.15, 0.58, 0.16, 0)  # how often each tap leads from then on
TOLD = 0.5  # how often the leap paints a plan that is known to be good, and not its own
HELD_OUT = 8  # lessons, the first, for the preview
MEAN_OVER = 500  # iterations that what ships is a mean of
BEGINNING = {"fresh": 0.45, "half": 0.55}
KINDS = {"fresh": 0.4, "half": 0.15, "own": 0.45}
LATER = 0.12, 0.45  # of a dream's strength, a call on what is dreamed already; large ones would only paint it over
READING = 0.4  # how much it weighs, while the leap is judged, that its plan is the true one
ABOUT = {
    "teacher": "Inception-v3 (Google, 2015-12-05, ImageNet; Apache-2.0), its activations and gradients only",
    "data": "scenes composed of free photographs and cut-outs without people, procedural skies and noise, the "
    "network's own feedback",
    "licence": "MIT, like the project",
}


def unit(direction: Tensor) -> Tensor:
    return direction / direction.pow(2).mean((1, 2, 3), keepdim=True).sqrt().clamp_min(1e-8)


class Trainer:
    """The network in training and what it is trained by.  `count`: iterations behind it; `spent`: their minutes."""

    def __init__(self, args: argparse.Namespace) -> None:
        self.args, self.spent, self.count = args, 0.0, 0
        torch.manual_seed(args.seed)
        self.net = LeapNet().to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.mean = copy.deepcopy(self.net).requires_grad_(False)
        self.optimiser = torch.optim.AdamW(self.net.parameters(), RATE, weight_decay=1e-5)
        teacher, known = load_network(args.teacher), lessons(args.lessons)
        self.judge = Judge(teacher)
        self.state = args.out.with_suffix(".state.pt")
        if args.resume:
            saved = torch.load(self.state, weights_only=True)
            self.net.load_state_dict(saved["net"])
            self.mean.load_state_dict(saved["mean"])
            self.optimiser.load_state_dict(saved["optimiser"])
            self.spent, self.count, self.judge.spread = saved["spent"], saved["count"], saved["spread"]
            self.plans = Plans(teacher, saved["plans"])
        else:
            self.plans = Plans.of_dreams(teacher, known, self.net.plan)
        self.rng = np.random.default_rng([args.seed, self.count])
        self.shown = known[:HELD_OUT]
        self.states = States(known[HELD_OUT:], self.rng, args.side)

    def iterate(self) -> dict[str, Any]:
        """One step of training.  Returns what it measured."""
        done = self.count / self.args.iterations
        for group in self.optimiser.param_groups:
            group["lr"] = float(RATE * min(1, (self.count + 1) / 100) * max(0.02, (1 + np.cos(np.pi * done)) / 2))
        regression, focused = done < REGRESSION_UNTIL, done < FOCUSED_UNTIL
        # From there on batches differ by tap, and a batch's own statistics are not those that the network will be used
        # with: batch norm keeps what it has, so that what is trained is what is used.
        self.net.train(focused)
        if regression:
            batch = self.states.draw(self.args.batch, BEGINNING, None)
            loss, found = self.regress(batch)
        else:
            lead = FOCUS if focused else int(self.rng.choice(len(TAPS), p=DRAWN))
            batch = self.states.draw(self.args.batch, KINDS, lead)
            loss, found = self.dream(batch)
        self.optimiser.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(self.net.parameters(), 1.0)
        self.optimiser.step()
        self.count += 1
        share = max(1 / MEAN_OVER, 1 / (self.count + 1))
        with torch.no_grad():
            for kept, new in zip(self.mean.state_dict().values(), self.net.state_dict().values(), strict=True):
                kept.lerp_(new, share) if kept.is_floating_point() else kept.copy_(new)
        return {"count": self.count, "lead": batch.lead, "kind": batch.kind, **found}

    def direction(self, batch: Batch, plan: Tensor) -> tuple[Tensor, Tensor, dict[str, float]]:
        """What the leap paints, sometimes told the ``plan``; how far its own plan is from that."""
        state = (batch.base + batch.residual).contiguous(memory_format=torch.channels_last)
        state = state + 0.02 * float(self.rng.random()) * torch.randn_like(state)  # the camera's noise
        told = self.rng.random() < TOLD
        direction, own = self.net.planned(state, batch.weights, batch.emphasis, plan if told else None)
        known = ~plan.isnan()
        error = (own - plan)[known].pow(2).mean() / plan[known].pow(2).mean()
        return direction, error, {"told": float(told), "read": 1 - float(error.detach())}

    def regress(self, batch: Batch) -> tuple[Tensor, dict[str, float]]:
        direction, error, found = self.direction(batch, self.dreamed(batch))
        residual = batch.dream - batch.base
        likeness = torch.cosine_similarity(direction.flatten(1), residual.flatten(1)).mean()
        return error + apart(direction, residual), {**found, "likeness": float(likeness.detach())}

    def dream(self, batch: Batch) -> tuple[Tensor, dict[str, float]]:
        """From nothing one call goes the whole way to the true dream; later ones a part of it, on the leap's own way.

        What it has painted itself it shall make more of, as ascent does, not turn into the true dream of the picture,
        which is only one of many; unless a direction is wished for, which the true dream has more of.
        """
        plan, aim = self.dreamed(batch), batch.dream
        if batch.kind == "own":
            directed = batch.emphasis.any(1)[:, None, None, None]
            state = (batch.base + batch.residual).clamp(-1, 1)
            aim, plan = torch.where(directed, aim, state), torch.where(directed, plan, self.seen(state))
        direction, error, found = self.direction(batch, plan)
        far = RMS * (0.95 if batch.kind == "fresh" else float(self.rng.uniform(*LATER)))
        result = limited(batch.base, batch.residual + unit(direction) * far)
        verdict = self.judge.judge(result, batch.dream, batch.weights, batch.lead, self.rng, aim)
        if batch.kind == "own":
            self.states.keep(batch, (result - batch.base).detach())
        loss = 0.5 * verdict.recognised + 1.5 * verdict.fallen_short + 0.3 * verdict.unlike + READING * error
        found |= {"found": verdict.found, "gain": verdict.gain, "unlike": float(verdict.unlike.detach())}
        return loss, found

    def dreamed(self, batch: Batch) -> Tensor:
        """The plans of the true dreams."""
        side, rows = batch.base.shape[2], []
        for state, top, left in batch.places:
            plan = self.plans.of_dream(state.lesson, state.mirrored)
            rows.append(onto_cells(plan, state.top + top, state.left + left, side))
        return torch.cat(rows)

    def seen(self, state: Tensor) -> Tensor:
        """The plans that would make more of what is there; none (NaN) along the border, where the teacher sees less."""
        plan = onto_cells(self.plans.of_more(state), 0, 0, state.shape[2])
        known = torch.full_like(plan, torch.nan)
        inner = (..., slice(1, -1), slice(1, -1))
        known[inner] = plan[inner]
        return known

    def keep(self) -> None:
        """Write the state to go on from, the network as it would be shipped, and a preview."""
        state = {"net": self.net.state_dict(), "mean": self.mean.state_dict(), "optimiser": self.optimiser.state_dict()}
        half = self.state.with_suffix(".half")
        state |= {"plans": self.plans.state}
        torch.save({**state, "spent": self.spent, "count": self.count, "spread": self.judge.spread}, half)
        half.replace(self.state)
        ready = copy.deepcopy(self.mean).fold()
        save(ready, self.args.out, {**ABOUT, "iterations": self.count, "minutes": round(self.spent)})
        sheet(ready, self.shown, self.args.out.with_suffix(".png"))
        curve(self.args.out.with_suffix(".jsonl"), self.args.out.with_suffix(".curve.png"))

    def run(self) -> None:
        saved_at = time.monotonic()
        log = self.args.out.with_suffix(".jsonl")
        with (
            log.open("a" if self.args.resume else "w") as lines,
            tqdm(total=self.args.iterations, initial=self.count, unit="iteration") as bar,
        ):
            while self.count < self.args.iterations:
                start = time.monotonic()
                found = self.iterate()
                took = min(time.monotonic() - start, 10.0)  # a process held still for a while has not trained meanwhile
                self.spent += took / 60
                lines.write(json.dumps(found) + "\n")
                bar.update()
                if time.monotonic() - saved_at > self.args.every or self.count >= self.args.iterations:
                    lines.flush()
                    self.keep()
                    saved_at = time.monotonic()


def main() -> None:
    parser = argparse.ArgumentParser(description="Train the leap, Dreamwall's own small network.")
    parser.add_argument("--teacher", type=Path, required=True, help="Inception-v3 weights (.pth or .safetensors)")
    parser.add_argument("--lessons", type=Path, required=True, help="folder that training.dreams filled")
    parser.add_argument("--iterations", type=int, default=12_000, help="the stages are shares of them (default: 12000)")
    parser.add_argument("--out", type=Path, required=True, help="where the network goes (.safetensors)")
    parser.add_argument("--resume", action="store_true", help="go on from the state beside --out")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--batch", type=int, default=4)
    parser.add_argument("--side", type=int, default=144, help="pixels of a training window (default: 144)")
    parser.add_argument("--every", type=float, default=180, help="seconds between saved states (default: 180)")
    Trainer(parser.parse_args()).run()


if __name__ == "__main__":
    main()
