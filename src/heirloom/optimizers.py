"""Optimisers and schedules by the names that recipes use."""

import math
from collections.abc import Iterable

import torch
from torch import nn

from heirloom.recipes import Recipe


def make_optimizer(recipe: Recipe, parameters: Iterable[nn.Parameter]) -> torch.optim.Optimizer:
    """The optimiser of a recipe; its rate is set before each update by `learning_rate`."""
    if recipe.optimizer == "sgd":
        return torch.optim.SGD(
            parameters, lr=recipe.lr, momentum=recipe.momentum, weight_decay=recipe.weight_decay
        )
    return torch.optim.AdamW(
        parameters, lr=recipe.lr, betas=(recipe.momentum, 0.999), weight_decay=recipe.weight_decay, fused=True
    )


def learning_rate(recipe: Recipe, step: int, steps: int) -> float:
    """The rate of update ``step`` of ``steps``.

    ``cosine`` falls from lr to 0 by half a cosine; ``one_cycle`` rises in a straight line from lr/25
    over the first quarter and then falls likewise.
    """
    done = step / steps
    if recipe.schedule == "constant":
        return recipe.lr
    if recipe.schedule == "one_cycle":
        if done < 0.25:
            return recipe.lr * (1 + 24 * done / 0.25) / 25
        done = (done - 0.25) / 0.75
    return recipe.lr * (1 + math.cos(math.pi * done)) / 2
