"""Whether a dream is the picture's own: each of three measures, to be set beside that of true ascent."""

from collections.abc import Sequence
from itertools import combinations

import torch
import torch.nn.functional as F
from torch import Tensor

from models.network import Network
from training.photographs import Photograph
from training.transfer import Dreams


def likeness(residuals: Sequence[Tensor]) -> tuple[float, float, float]:
    """How much the residuals of different pictures correlate: in place, where they fit best if one is shifted, and by
    chance, which is over all shifts.

    ``residuals``: two or more of (1, 3, H, W).  All are means over all pairs of the correlation's size, 0 to 1: one
    pattern laid over every picture gives 1 in place, and laid anew elsewhere on each it gives 1 where it fits.
    The coarser a residual's strokes, the fewer of them there are and the more any two correlate by chance, so what is
    in place says how much is the same only beside that.  Shifts go round the edges.
    """
    flat = [F.normalize((r - r.mean()).flatten(), dim=0).view_as(r) for r in residuals]
    spectra = [torch.fft.rfft2(r) for r in flat]
    size = residuals[0].shape[-2:]
    here, anywhere, chance = [], [], []
    for one, other in combinations(spectra, 2):
        by_shift = torch.fft.irfft2(one * other.conj(), s=size).sum(1).abs()
        here.append(float(by_shift[0, 0, 0]))
        anywhere.append(float(by_shift.max()))
        chance.append(float(by_shift.mean()))
    return sum(here) / len(here), sum(anywhere) / len(anywhere), sum(chance) / len(chance)


def goes_along(dreams: Dreams, photographs: Sequence[Photograph], tap: str) -> float:
    """Mean correlation between the residuals of a picture and of its `further` window, where the two overlap.

    Both are dreamed as in the show, with the same rolls, so that a pattern that sticks to the window and not to what
    is in it counts against the dreamer.  Raises ValueError where no photograph has a further window.
    """
    found = []
    for photo in photographs:
        if photo.further is None:
            continue
        (down, right), (height, width) = photo.along, photo.picture.shape[-2:]
        here = dreams.dream(photo.picture, tap)[:, :, down:, right:]
        there = dreams.dream(photo.further, tap)[:, :, : height - down, : width - right]
        found.append(correlation(here, there))
    if not found:
        raise ValueError("no photograph is wider or higher than 4:3, so none can be shifted")
    return sum(found) / len(found)


def correlation(a: Tensor, b: Tensor) -> float:
    return float(F.cosine_similarity((a - a.mean()).flatten(), (b - b.mean()).flatten(), dim=0))


@torch.no_grad()
def own_channels(teacher: Network, pictures: Sequence[Tensor], residuals: Sequence[Tensor], tap: str) -> float:
    """Whether at each place those channels rise most that were already high: Spearman's rank correlation, -1 to 1.

    Over the channels of ``tap`` at each place, between their activations in the picture and their rise in the dream;
    the mean over all places of all pictures where anything differs.
    """
    means = []
    for picture, residual in zip(pictures, residuals, strict=True):
        before, after = (teacher.activations(x, [tap])[0][0].flatten(1).T for x in (picture, picture + residual))
        found = rank_correlation(before, after - before)
        means.append(float(found[found.isfinite()].mean()))
    return sum(means) / len(means)


def rank_correlation(a: Tensor, b: Tensor) -> Tensor:
    """Spearman's correlation of the rows of ``a`` and ``b``, (n, channels) each: (n,), NaN for a row that is even."""
    x, y = (ranks - ranks.mean(1, keepdim=True) for ranks in (_ranks(a), _ranks(b)))
    return (x * y).sum(1) / (x.pow(2).sum(1) * y.pow(2).sum(1)).sqrt()


def _ranks(rows: Tensor) -> Tensor:
    """Rank of each value within its row.  Equal values share the mean of theirs: many channels are 0 at a place."""
    rows = rows.contiguous()
    ordered = rows.sort(1).values
    below = torch.searchsorted(ordered, rows)
    return (below + torch.searchsorted(ordered, rows, right=True)).float() / 2
