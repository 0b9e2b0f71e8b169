"""Whether a network is right as often as its probabilities say.

Source: Guo, Pleiss, Sun, Weinberger 2017, "On calibration of modern neural networks", section 2: bins of
equal width, the expected calibration error. Brier 1950 and the negative log-likelihood score all the
probabilities, not those of the answers alone.
"""

from dataclasses import asdict, dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

BINS = 15
"""Of equal width from 0 to 1, as in most of the literature; a bin has its upper end and not its lower one."""


@dataclass(frozen=True)
class Bin:
    """The images whose answers have a probability above ``low``, up to ``high``.

    Attributes:
        n: How many there are.
        probability: The mean probability of their answers; None where there are no images.
        accuracy: Share of them that was answered right; None likewise.
    """

    low: float
    high: float
    n: int
    probability: float | None
    accuracy: float | None


@dataclass(frozen=True)
class Calibration:
    """How far probabilities can be believed: 0 is best of all three numbers.

    Attributes:
        ece: Expected calibration error: mean over images of how far their bin's accuracy is from its mean
            probability, 0 to 1.
        brier: Mean over images of the sum over classes of the squared difference between probability and
            truth, 0 to 2.
        nll: Mean negative natural logarithm of the true class's probability.
        reliability: The bins.
    """

    ece: float
    brier: float
    nll: float
    reliability: tuple[Bin, ...]

    def as_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return asdict(self) | {"reliability": [asdict(each) for each in self.reliability]}


def calibration(scores: Tensor, labels: Tensor) -> Calibration:
    """The calibration of scores (N, K), whose probabilities are their softmax, beside labels (N,)."""
    logs = F.log_softmax(scores.double(), dim=1)
    probabilities = logs.exp()
    truth = F.one_hot(labels, scores.shape[1])
    sure, answers = probabilities.max(1).values, scores.argmax(1)
    right = (answers == labels).double()
    edges = torch.arange(1, BINS, dtype=torch.float64) / BINS
    place = torch.bucketize(sure, edges)  # an end belongs to the bin below it
    bins = []
    for i in range(BINS):
        inside = place == i
        n = int(inside.sum())
        means = (float(sure[inside].mean()), float(right[inside].mean())) if n else (None, None)
        bins.append(Bin(i / BINS, (i + 1) / BINS, n, *means))
    gaps = [each.n * abs(each.accuracy - each.probability) for each in bins if each.accuracy is not None
            and each.probability is not None]  # fmt: skip
    return Calibration(
        ece=sum(gaps) / len(labels),
        brier=float((probabilities - truth).square().sum(1).mean()),
        nll=float(F.nll_loss(logs, labels)),
        reliability=tuple(bins),
    )
