"""What a dream shows, cell by cell, in the numbers that the leap plans in: principal components of a teacher's layer.

The leap reads a picture into a plan and paints it (`models.leap_net`).  Told the plan of a true dream it can learn to
paint before it has learned what to wish for.
"""

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from models.leap_net import GRAIN
from models.network import Network
from training.dreams import Lesson

TAP = "Mixed_6b"  # where creatures begin; its cells are as far apart as the leap's
CENTRE = 21.0  # pixel that the tap's first cell looks at; each next one looks 16 further
ENOUGH = 120  # dreams that tell the components


class Plans:
    """The components of one teacher's dreams.  Plans have a mean square of about 1 over these.

    ``state``: of each channel ``mean`` and ``spread``, the ``basis``, (plan, channels), and the ``strength`` of the
    activations, their root mean square.
    """

    def __init__(self, teacher: Network, state: dict[str, Tensor]) -> None:
        self.teacher, self.state = teacher, state
        self._known: dict[tuple[int, bool], Tensor] = {}

    @classmethod
    @torch.no_grad()
    def of_dreams(cls, teacher: Network, lessons: Sequence[Lesson], count: int) -> "Plans":
        """The first ``count`` components, over the dreams of some of the lessons."""
        some = [lessons[k * len(lessons) // ENOUGH] for k in range(ENOUGH)]
        seen = torch.cat([_seen(teacher, _pixels(lesson)) for lesson in some])
        mean, spread = seen.mean((0, 2, 3)), seen.std((0, 2, 3))
        spread = spread + 0.3 * spread.mean()  # a channel that hardly ever stirs counts for little
        rows = ((seen - mean[:, None, None]) / spread[:, None, None]).permute(0, 2, 3, 1).flatten(0, 2)
        found, basis = torch.linalg.eigh(rows.T @ rows / len(rows))
        basis = basis[:, -count:].T / found[-count:].mean().sqrt()
        return cls(teacher, {"mean": mean, "spread": spread, "basis": basis, "strength": seen.pow(2).mean().sqrt()})

    @torch.no_grad()
    def of(self, picture: Tensor) -> Tensor:
        """The plan seen in ``picture`` (N, 3, H, W), (N, plan, h, w) on the teacher's own cells."""
        return self._of(_seen(self.teacher, picture))

    @torch.no_grad()
    def of_more(self, picture: Tensor) -> Tensor:
        """As `of`, if what is there had grown to a dream's strength."""
        seen = _seen(self.teacher, picture)
        strength = seen.pow(2).mean((1, 2, 3), keepdim=True).sqrt().clamp_min(1e-6)
        return self._of(seen * (self.state["strength"] / strength))

    def of_dream(self, lesson: Lesson, mirrored: bool) -> Tensor:
        """The plan of a lesson's whole dream, (1, plan, h, w); looked for once, and kept."""
        key = id(lesson), mirrored
        if key not in self._known:
            pixels = _pixels(lesson)
            self._known[key] = self.of(pixels.flip(3) if mirrored else pixels).half()
        return self._known[key].float()

    def _of(self, seen: Tensor) -> Tensor:
        mean, spread = self.state["mean"][:, None, None], self.state["spread"][:, None, None]
        return torch.einsum("nchw,pc->nphw", (seen - mean) / spread, self.state["basis"])


def onto_cells(plan: Tensor, top: int, left: int, side: int) -> Tensor:
    """A picture's plan (1 or N, plan, h, w) as the leap's cells see it in the window of ``side`` pixels at that place.

    The teacher's cells lie elsewhere than the leap's; between them it goes straight.
    """
    cells = -(-side // GRAIN)
    ways = []
    for start, size in ((top, plan.shape[2]), (left, plan.shape[3])):
        middle = start + GRAIN * torch.arange(cells) + (GRAIN - 1) / 2
        ways.append((middle - CENTRE) / GRAIN * 2 / (size - 1) - 1)
    rows, columns = torch.meshgrid(*ways, indexing="ij")
    grid = torch.stack((columns, rows), 2).expand(len(plan), -1, -1, -1)
    return F.grid_sample(plan, grid, padding_mode="border", align_corners=True)


def _seen(teacher: Network, picture: Tensor) -> Tensor:
    return teacher.activations(picture.contiguous(memory_format=torch.channels_last), (TAP,))[0].float()


def _pixels(lesson: Lesson) -> Tensor:
    return torch.from_numpy(lesson.dream)[None].float() / 127.5 - 1
