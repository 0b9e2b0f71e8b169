"""The rate of each update, by the names that recipes use.

``constant``: lr. ``cosine``: falls from lr to 0 by half a cosine. ``one_cycle``: rises in a straight line
from lr/25 over the first quarter and then falls likewise. ``linear``: falls from lr to 0 in a straight line,
Caffe's "poly" with power 1. ``inverse``: lr (1 + 0.0001 step)^-0.75, Caffe's "inv". ``steps``: lr times the
factor of ``lr_steps`` for the epoch; ``update_steps``: the same with updates in the place of epochs.
``every``: with ``8:0.96`` lr is multiplied by 0.96 after each 8 epochs. ``plateau``: lr is divided by ten
when validation has not become better for ``lr_patience`` epochs.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

from heirloom.optimizers import Optimizer
from heirloom.recipes import Recipe

INVERSE_GAMMA, INVERSE_POWER = 1e-4, 0.75
"""Of Caffe's schedule "inv", as in its solver for MNIST, the only one published with it."""


@dataclass
class Plateau:
    """How validation went so far: plain numbers, which a checkpoint keeps.

    Source: "divide the learning rate by 10 when the validation error rate stopped improving with the current
    learning rate", Krizhevsky et al. 2012, section 5; likewise Simonyan and Zisserman 2014, section 3.1, and
    He et al. 2015, section 3.4.
    Departs: none of them says how long to wait, which is ``lr_patience`` of a recipe.

    Attributes:
        divided: How often the rate was divided by ten.
        since: Updates done when it was divided last.
        best: The best validation so far.
        waited: Epochs since then, or since the rate was divided.
    """

    divided: int = 0
    since: int = 0
    best: float | None = None
    waited: int = 0

    def see(
        self, value: float | None, better: Callable[[float, float], bool], patience: int, step: int
    ) -> None:
        """Take up the validation after an epoch that ended with update number ``step``."""
        if value is not None and (self.best is None or better(value, self.best)):
            self.best, self.waited = value, 0
            return
        self.waited += 1
        if self.waited >= patience:
            self.divided, self.since, self.waited = self.divided + 1, step, 0

    def factor(self, step: int) -> float:
        """What the rate of update ``step`` is divided by: that of the next one, or of the one before."""
        return float(10 ** (self.divided - (step < self.since)))


def set_rates(
    optimizer: Optimizer,
    recipe: Recipe,
    step: int,
    steps: int,
    steps_per_epoch: int,
    plateau: Plateau | None = None,
) -> float:
    """Give the optimiser the rate of update ``step`` of ``steps``, and return it.

    Source: in ``sgd`` the rate is part of the velocity, ``v = momentum v - lr gradient; w += v``, as in
    Krizhevsky et al. 2012 and in Caffe. PyTorch multiplies by the rate afterwards, which differs where
    the rate changes: there the momentum is adjusted by the ratio of the two rates.
    Departs: parameters whose rate becomes 0 rest at once, without what their velocity would still move them.
    """
    lr = learning_rate(recipe, step, steps, steps_per_epoch, plateau)
    before = learning_rate(recipe, step - 1, steps, steps_per_epoch, plateau) if step else lr
    for group in optimizer.groups:
        now = group.factor_at(step // steps_per_epoch)
        group.lr, group.momentum = lr * group.factor * now, recipe.momentum
        if recipe.optimizer == "sgd":
            group.momentum = recipe.momentum * before / lr
            was = group.factor_at(max(step - 1, 0) // steps_per_epoch)
            if now and not was:  # it rested, and begins with a velocity of 0
                for parameter in group.parameters:
                    optimizer.state.pop(parameter, None)
            elif now:
                group.momentum *= was / now
    return lr


def learning_rate(
    recipe: Recipe, step: int, steps: int, steps_per_epoch: int, plateau: Plateau | None = None
) -> float:
    """The rate of update ``step`` of ``steps``, counted from 0; see the file for the schedules."""
    done = step / steps
    match recipe.schedule:
        case "constant":
            return recipe.lr
        case "linear":
            return recipe.lr * (1 - done)
        case "inverse":
            return float(recipe.lr * (1 + INVERSE_GAMMA * step) ** -INVERSE_POWER)
        case "steps" | "every":
            return recipe.lr * recipe.lr_factor(step // steps_per_epoch)
        case "update_steps":
            return recipe.lr * recipe.lr_factor(step)
        case "plateau":
            return recipe.lr / (plateau or Plateau()).factor(step)
        case "one_cycle":
            if done < 0.25:
                return recipe.lr * (1 + 24 * done / 0.25) / 25
            done = (done - 0.25) / 0.75
    return recipe.lr * (1 + math.cos(math.pi * done)) / 2
