"""Optimisers and schedules by the names that recipes use."""

import math
from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor, nn

from heirloom.recipes import Recipe

DAMPING = 0.04
"""The constant mu that keeps the steps of `DiagonalLevenbergMarquardt` finite.

It is 0.02 in the paper, for a criterion with half the squared distances, as the same group's EBLearn has it.
Our losses follow equations 7 to 9, which have no half: gradients and second derivatives are twice as large,
and so is mu for the same step. With 0.02 the first two passes of LeNet-5 diverged.
"""

CURVATURE_SAMPLES = 500
"""Images on which its second derivatives are estimated before each pass."""

INVERSE_GAMMA, INVERSE_POWER = 1e-4, 0.75
"""Of Caffe's schedule "inv", as in its solver for MNIST, the only one published with it."""


class DiagonalLevenbergMarquardt(torch.optim.Optimizer):
    """Stochastic gradient descent with a rate of its own for each parameter.

    ``w -= lr / (mu + h) * gradient``, where h is the second derivative of the loss by that weight, as
    `heirloom.curvature` estimates it before each pass.

    Source: LeCun, Bottou, Bengio, Haffner 1998, appendix C, equation 18; for mu see `DAMPING`.
    """

    def __init__(self, parameters: Iterable[Any], lr: float) -> None:
        super().__init__(parameters, {"lr": lr})

    def set_curvature(self, curvature: dict[Tensor, Tensor]) -> None:
        """Take up second derivatives, a tensor of its size for each parameter."""
        for parameter, h in curvature.items():
            self.state[parameter]["scale"] = 1 / (DAMPING + h)

    @torch.no_grad()
    def step(self, closure: None = None) -> None:  # type: ignore[override]
        """One update."""
        for group in self.param_groups:
            moved = [p for p in group["params"] if p.grad is not None]
            scales = [self.state[p].get("scale") for p in moved]
            if any(scale is None for scale in scales):
                raise RuntimeError("set_curvature comes first")
            torch._foreach_addcmul_(moved, [p.grad for p in moved], scales, value=-group["lr"])


def make_optimizer(recipe: Recipe, model: nn.Module) -> torch.optim.Optimizer:
    """The optimiser of a recipe; its rates are set before each update by `set_rates`."""
    named = list(model.named_parameters())
    biases = [p for name, p in named if name.rpartition(".")[2] == "bias"]
    others = [p for name, p in named if name.rpartition(".")[2] != "bias"]
    groups: list[Any] = [{"params": [p for _, p in named], "factor": 1.0}]
    if recipe.bias_lr != 1:
        groups = [{"params": others, "factor": 1.0}, {"params": biases, "factor": recipe.bias_lr}]
        groups = [group for group in groups if group["params"]]
    if recipe.optimizer == "sdlm":
        return DiagonalLevenbergMarquardt(groups, lr=recipe.lr)
    if recipe.optimizer == "adam":
        return torch.optim.AdamW(
            groups, lr=recipe.lr, betas=(recipe.momentum, 0.999), weight_decay=recipe.weight_decay, fused=True
        )
    return torch.optim.SGD(
        groups,
        lr=recipe.lr,
        momentum=recipe.momentum,
        weight_decay=recipe.weight_decay,
        nesterov=recipe.optimizer == "nesterov",
    )


def set_rates(
    optimizer: torch.optim.Optimizer, recipe: Recipe, step: int, steps: int, steps_per_epoch: int
) -> float:
    """Give the optimiser the rate of update ``step`` of ``steps``, and return it.

    Source: in ``sgd`` the rate is part of the velocity, ``v = momentum v - lr gradient; w += v``, as in
    Krizhevsky et al. 2012 and in Caffe. PyTorch multiplies by the rate afterwards, which differs where
    the rate changes: there the momentum is adjusted by the ratio of the two rates.
    """
    lr = learning_rate(recipe, step, steps, steps_per_epoch)
    before = learning_rate(recipe, step - 1, steps, steps_per_epoch) if step else lr
    for group in optimizer.param_groups:
        group["lr"] = lr * group["factor"]
        if recipe.optimizer == "sgd":
            group["momentum"] = recipe.momentum * before / lr
    return lr


def learning_rate(recipe: Recipe, step: int, steps: int, steps_per_epoch: int) -> float:
    """The rate of update ``step`` of ``steps``, counted from 0.

    ``cosine`` falls from lr to 0 by half a cosine; ``one_cycle`` rises in a straight line from lr/25
    over the first quarter and then falls likewise; ``inverse`` is lr (1 + 0.0001 step)^-0.75, Caffe's
    "inv"; ``steps`` multiplies lr by the factor of ``lr_steps`` for the epoch.
    """
    done = step / steps
    if recipe.schedule == "constant":
        return recipe.lr
    if recipe.schedule == "inverse":
        return float(recipe.lr * (1 + INVERSE_GAMMA * step) ** -INVERSE_POWER)
    if recipe.schedule == "steps":
        return recipe.lr * recipe.lr_factor(step // steps_per_epoch)
    if recipe.schedule == "one_cycle":
        if done < 0.25:
            return recipe.lr * (1 + 24 * done / 0.25) / 25
        done = (done - 0.25) / 0.75
    return recipe.lr * (1 + math.cos(math.pi * done)) / 2
