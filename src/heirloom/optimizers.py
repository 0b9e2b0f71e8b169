"""Optimisers and schedules by the names that recipes use."""

import math
from collections import defaultdict

import torch
from torch import Tensor, nn

from heirloom.recipes import Recipe

DAMPING = 0.04
"""The constant mu that keeps the steps of `DiagonalLevenbergMarquardt` finite.

It is 0.02 in the paper, for a criterion with half the squared distances, as the same group's EBLearn has it.
The losses `map` and `mean_squared` follow equations 7 to 9, which have no half: gradients and second
derivatives are twice as large, and so is mu for the same step. With 0.02 LeNet-5 diverged at once.
"""

CURVATURE_SAMPLES = 500
"""Images on which its second derivatives are estimated before each pass."""

INVERSE_GAMMA, INVERSE_POWER = 1e-4, 0.75
"""Of Caffe's schedule "inv", as in its solver for MNIST, the only one published with it."""

LARGE = 1_000_000
"""Numbers from which a parameter is moved in one pass through memory. Four passes through AlexNet's fc6 take
as long as a convolution; a small parameter stays in the processor's cache between them."""


class Optimizer:
    """What moves the parameters. The arithmetic is PyTorch's, bit by bit; its classes are not used.

    At their first call they import PyTorch's compiler, to tell it that they are none of its business: more
    than a second of every start, a tenth of a short training.

    Attributes:
        groups: Parameters that share a rate, as ``(parameters, factor of the rate)``.
        lr: Learning rate of the next step, set by `set_rates`.
        momentum: Of the next step, likewise.
        state: Tensors of each parameter by name, which a checkpoint keeps.
    """

    def __init__(self, recipe: Recipe, model: nn.Module) -> None:
        named: list[tuple[str, Tensor]] = list(model.named_parameters())
        biases = [p for name, p in named if name.rpartition(".")[2] == "bias"]
        others = [p for name, p in named if name.rpartition(".")[2] != "bias"]
        apart = [(others, 1.0), (biases, recipe.bias_lr)]
        together = [([p for _, p in named], 1.0)]
        self.groups: list[tuple[list[Tensor], float]] = apart if recipe.bias_lr != 1 else together
        self.lr, self.momentum = recipe.lr, recipe.momentum
        self.weight_decay, self.nesterov = recipe.weight_decay, recipe.optimizer == "nesterov"
        self.state: defaultdict[Tensor, dict[str, Tensor]] = defaultdict(dict)

    def zero_grad(self) -> None:
        """Forget the gradients."""
        for parameters, _ in self.groups:
            for parameter in parameters:
                parameter.grad = None

    @torch.no_grad()
    def step(self) -> None:
        """One update of every parameter that has a gradient."""
        for parameters, factor in self.groups:
            moved = [p for p in parameters if p.grad is not None]
            if moved:
                self.move(moved, [p.grad for p in moved if p.grad is not None], self.lr * factor)

    def move(self, parameters: list[Tensor], gradients: list[Tensor], lr: float) -> None:
        """Update the parameters of one group."""
        raise NotImplementedError


class Sgd(Optimizer):
    """Gradient descent with momentum, Nesterov's too, as `torch.optim.SGD`."""

    def move(self, parameters: list[Tensor], gradients: list[Tensor], lr: float) -> None:
        """``b = m b + g; w -= lr b``, or ``w -= lr (g + m b)``; weight decay is part of g."""
        for parameter, gradient in zip(parameters, gradients, strict=True):
            if self.momentum and parameter.numel() >= LARGE and _in_order(parameter, gradient):
                self._move_at_once(parameter, gradient, lr)
                continue
            if self.weight_decay:
                gradient = gradient.add(parameter, alpha=self.weight_decay)
            if self.momentum:
                state = self.state[parameter]
                if "momentum_buffer" in state:
                    state["momentum_buffer"].mul_(self.momentum).add_(gradient)
                else:
                    state["momentum_buffer"] = gradient.clone()
                buffer = state["momentum_buffer"]
                gradient = gradient.add(buffer, alpha=self.momentum) if self.nesterov else buffer
            parameter.add_(gradient, alpha=-lr)

    def _move_at_once(self, parameter: Tensor, gradient: Tensor, lr: float) -> None:
        """The same by one operation of PyTorch's; the very last numbers may be rounded otherwise."""
        state = self.state[parameter]
        first = "momentum_buffer" not in state
        if first:
            state["momentum_buffer"] = torch.empty_like(parameter)
        torch._fused_sgd_(
            [parameter], [gradient], [state["momentum_buffer"]], lr=lr, momentum=self.momentum, dampening=0.0,
            weight_decay=self.weight_decay, nesterov=self.nesterov, maximize=False, is_first_step=first,
        )  # fmt: skip


def _in_order(*tensors: Tensor) -> bool:
    """True where their numbers lie one after another in the order of their indices."""
    return all(tensor.is_contiguous() for tensor in tensors)


class AdamW(Optimizer):
    """Adam with decoupled weight decay, as `torch.optim.AdamW` with ``fused=True``; beta2 is 0.999."""

    def move(self, parameters: list[Tensor], gradients: list[Tensor], lr: float) -> None:
        """One call for all parameters of the group."""
        for parameter in parameters:
            if parameter not in self.state:
                self.state[parameter] = {
                    "step": torch.zeros((), device=parameter.device),
                    "exp_avg": torch.zeros_like(parameter),
                    "exp_avg_sq": torch.zeros_like(parameter),
                }
        states = [self.state[p] for p in parameters]
        steps, first, second = ([s[key] for s in states] for key in ("step", "exp_avg", "exp_avg_sq"))
        torch._foreach_add_(steps, 1)
        torch._fused_adamw_(
            parameters, gradients, first, second, [], steps, lr=lr, beta1=self.momentum, beta2=0.999,
            weight_decay=self.weight_decay, eps=1e-8, amsgrad=False, maximize=False,
        )  # fmt: skip


class DiagonalLevenbergMarquardt(Optimizer):
    """Stochastic gradient descent with a rate of its own for each parameter.

    ``w -= lr / (mu + h) * gradient``, where h is the second derivative of the loss by that weight, as
    `heirloom.curvature` estimates it before each pass.

    Source: LeCun, Bottou, Bengio, Haffner 1998, appendix C, equation 18; for mu see `DAMPING`.
    """

    def set_curvature(self, curvature: dict[Tensor, Tensor]) -> None:
        """Take up second derivatives, a tensor of its size for each parameter."""
        for parameter, h in curvature.items():
            self.state[parameter]["scale"] = 1 / (DAMPING + h)

    def move(self, parameters: list[Tensor], gradients: list[Tensor], lr: float) -> None:
        """`set_curvature` comes first."""
        scales = [self.state[parameter]["scale"] for parameter in parameters]
        torch._foreach_addcmul_(parameters, gradients, scales, value=-lr)


OPTIMIZERS: dict[str, type[Optimizer]] = {
    "sgd": Sgd,
    "nesterov": Sgd,
    "adam": AdamW,
    "sdlm": DiagonalLevenbergMarquardt,
}


def set_rates(optimizer: Optimizer, recipe: Recipe, step: int, steps: int, steps_per_epoch: int) -> float:
    """Give the optimiser the rate of update ``step`` of ``steps``, and return it.

    Source: in ``sgd`` the rate is part of the velocity, ``v = momentum v - lr gradient; w += v``, as in
    Krizhevsky et al. 2012 and in Caffe. PyTorch multiplies by the rate afterwards, which differs where
    the rate changes: there the momentum is adjusted by the ratio of the two rates.
    """
    lr = learning_rate(recipe, step, steps, steps_per_epoch)
    before = learning_rate(recipe, step - 1, steps, steps_per_epoch) if step else lr
    optimizer.lr = lr
    if recipe.optimizer == "sgd":
        optimizer.momentum = recipe.momentum * before / lr
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
