"""Losses, of a network's scores (larger wins) and the true classes; and what a network adds to its loss.

Shape: scores (B, K), labels (B,) int64; the result is one number, a mean over the batch. The loss of a
network that gives its input back is in `heirloom.tasks`.
"""

import functools
from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from heirloom.errors import HeirloomError
from heirloom.recipes import Recipe

RUBBISH = 0.1
"""The constant j of equation 9."""


def cross_entropy(scores: Tensor, labels: Tensor, smoothing: float = 0.0) -> Tensor:
    """Negative logarithm of the softmax of the true class.

    Args:
        scores: As above.
        labels: As above.
        smoothing: Share s of the target that is spread over all classes, the true one keeping the rest.

    Source: smoothing, Szegedy, Vanhoucke, Ioffe, Shlens, Wojna 2016, "Rethinking the Inception
    architecture for computer vision", section 7.
    """
    return F.cross_entropy(scores, labels, label_smoothing=smoothing)


def mean_squared(scores: Tensor, labels: Tensor) -> Tensor:
    """Penalty of the true class, for networks whose scores are negated penalties.

    Source: LeCun, Bottou, Bengio, Haffner 1998, equation 8.
    """
    return -scores.gather(1, labels.unsqueeze(1)).mean()


def discriminative_map(scores: Tensor, labels: Tensor) -> Tensor:
    """Maximum a posteriori: pulls the right penalty down, pushes wrong ones up that are not large already.

    ``y_D + log(exp(-j) + sum_i exp(-y_i))`` for penalties ``y = -scores``: the cross entropy with one
    more class, for rubbish, whose penalty is the constant j.

    Source: LeCun, Bottou, Bengio, Haffner 1998, equation 9.
    Departs: the value of j was not at hand; here 0.1.
    """
    rubbish = scores.new_full((len(scores), 1), -RUBBISH)
    return F.cross_entropy(torch.cat([scores, rubbish], dim=1), labels)


def squared_error(scores: Tensor, labels: Tensor) -> Tensor:
    """Half the squared distance of the output units from targets of +1 (true class) and -1 (others).

    Source: the squared error of LeCun et al. 1989.
    Departs: targets of +-1 are those of the reproduction karpathy/lecun1989-repro.
    """
    targets = torch.full_like(scores, -1.0).scatter_(1, labels.unsqueeze(1), 1.0)
    return (scores - targets).square().sum(dim=1).mean() / 2


Loss = Callable[[Tensor, Tensor], Tensor]

AUX_WEIGHT = 0.3
"""Weight of an auxiliary head's loss.

Source: Szegedy et al. 2014, "Going deeper with convolutions", section 5.
"""


def with_heads(loss: Loss, output: Any, labels: Tensor) -> tuple[Tensor, Tensor]:
    """The loss of all that a network returns in training, and its scores.

    Args:
        loss: One of the above.
        output: Scores (B, K), or what else the loss compares; or a pair of them and those of auxiliary heads,
            such as `layers.WithAux`; or a pair of them and one number that the loss is increased by, such as
            `layers.WithPenalty`.
        labels: (B,), or what else the loss compares with.

    Raises:
        HeirloomError: (``E-argument``) It is neither.
    """
    if isinstance(output, Tensor):
        return loss(output, labels), output
    match output:
        case (Tensor() as scores, (*heads,)) if all(isinstance(head, Tensor) for head in heads):
            total = loss(scores, labels)
            for head in heads:
                total = total + AUX_WEIGHT * loss(head, labels)
            return total, scores
        case (Tensor() as scores, Tensor() as penalty) if penalty.ndim == 0:
            return loss(scores, labels) + penalty, scores
    raise HeirloomError(
        "E-argument",
        f"the network returns a {type(output).__name__} in training",
        remedy="return scores (B, K), or (scores, aux) with a tuple of the auxiliary heads' scores, "
        "or (output, penalty) with a penalty that is one number",
    )


LOSSES: dict[str, Loss] = {
    "cross_entropy": cross_entropy,
    "mean_squared": mean_squared,
    "map": discriminative_map,
    "squared_error": squared_error,
}


def loss_of(recipe: Recipe) -> Loss:
    """The loss of a recipe, with its smoothing and its temperature.

    Source: temperature, Hinton, Vinyals, Dean 2015, "Distilling the knowledge in a neural network": the
    scores are divided by it. LeNet-5's penalties differ by about a hundred, where a softmax is saturated.
    """
    loss = LOSSES[recipe.loss]
    if recipe.smoothing:
        loss = functools.partial(cross_entropy, smoothing=recipe.smoothing)
    if recipe.temperature == 1:
        return loss
    return lambda scores, labels: loss(scores / recipe.temperature, labels)
