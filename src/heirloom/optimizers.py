"""Optimisers by the names that recipes use."""

from collections import defaultdict
from dataclasses import dataclass
from fnmatch import fnmatchcase

import torch
from torch import Tensor, nn

from heirloom.errors import HeirloomError, nearest
from heirloom.recipes import Recipe

DAMPING = 0.04
"""The constant mu that keeps the steps of `DiagonalLevenbergMarquardt` finite.

It is 0.02 in the paper, for a criterion with half the squared distances, as the same group's EBLearn has it.
The losses `map` and `mean_squared` follow equations 7 to 9, which have no half: gradients and second
derivatives are twice as large, and so is mu for the same step. With 0.02 LeNet-5 diverged at once.
"""

CURVATURE_SAMPLES = 500
"""Images on which its second derivatives are estimated before each pass."""


@dataclass
class Group:
    """Parameters that share a rate and a decay.

    Attributes:
        parameters: These.
        factor: Of the rate.
        decay: Of the weights, in each update.
        stages: ``(epoch, factor)``: from each of these epochs on a further factor of the rate.
        lr: Rate of the next step, set by `heirloom.schedules.set_rates`; with 0 the group rests.
        momentum: Of the next step, likewise.
    """

    parameters: list[Tensor]
    factor: float
    decay: float
    stages: list[tuple[int, float]]
    lr: float
    momentum: float

    def factor_at(self, epoch: int) -> float:
        """The further factor in an epoch, counted from 0."""
        return next((factor for first, factor in reversed(self.stages) if first <= epoch), 1.0)


LARGE = 1_000_000
"""Numbers from which a parameter is moved in one pass through memory. Four passes through AlexNet's fc6 take
as long as a convolution; a small parameter stays in the processor's cache between them."""


class Optimizer:
    """What moves the parameters. The arithmetic is PyTorch's, bit by bit; its classes are not used.

    At their first call they import PyTorch's compiler, to tell it that they are none of its business: more
    than a second of every start, a tenth of a short training.

    Attributes:
        groups: All parameters, by rate and decay.
        state: Tensors of each parameter by name, which a checkpoint keeps.

    Raises:
        HeirloomError: (``E-recipe``) A pattern of ``layer_lr`` is no parameter's.
    """

    def __init__(self, recipe: Recipe, model: nn.Module) -> None:
        self.groups = _groups(recipe, dict(model.named_parameters()))
        self.nesterov = recipe.optimizer == "nesterov"
        self.state: defaultdict[Tensor, dict[str, Tensor]] = defaultdict(dict)

    def zero_grad(self) -> None:
        """Forget the gradients."""
        for group in self.groups:
            for parameter in group.parameters:
                parameter.grad = None

    @torch.no_grad()
    def step(self) -> None:
        """One update of every parameter that has a gradient."""
        for group in self.groups:
            moved = [p for p in group.parameters if p.grad is not None]
            if moved and group.lr:
                self.move(moved, [p.grad for p in moved if p.grad is not None], group)

    def move(self, parameters: list[Tensor], gradients: list[Tensor], group: Group) -> None:
        """Update parameters of one group."""
        raise NotImplementedError


def _groups(recipe: Recipe, named: dict[str, Tensor]) -> list[Group]:
    """Parameters by what the recipe says of their names; the biases behind the others."""
    stages = recipe.layer_factors()
    for pattern, _, _ in stages:
        if not any(fnmatchcase(name, pattern) for name in named):
            raise HeirloomError(
                "E-recipe", f"layer_lr: no parameter is called {pattern!r}", why=nearest(pattern, list(named))
            )
    apart = recipe.bias_lr != 1 or recipe.bias_decay != 1
    groups: dict[tuple[bool, tuple[tuple[int, float], ...]], Group] = {}
    for name, parameter in named.items():
        bias = apart and name.rpartition(".")[2] == "bias"
        own = tuple((epoch, factor) for pattern, epoch, factor in stages if fnmatchcase(name, pattern))
        if (bias, own) not in groups:
            decay = recipe.weight_decay * (recipe.bias_decay if bias else 1)
            factor = recipe.bias_lr if bias else 1.0
            groups[bias, own] = Group([], factor, decay, list(own), recipe.lr * factor, recipe.momentum)
        groups[bias, own].parameters.append(parameter)
    return [groups[key] for key in sorted(groups, key=lambda key: key[0])]


class Sgd(Optimizer):
    """Gradient descent with momentum, Nesterov's too, as `torch.optim.SGD`."""

    def move(self, parameters: list[Tensor], gradients: list[Tensor], group: Group) -> None:
        """``b = m b + g; w -= lr b``, or ``w -= lr (g + m b)``; weight decay is part of g."""
        for parameter, gradient in zip(parameters, gradients, strict=True):
            if group.momentum and parameter.numel() >= LARGE and _in_order(parameter, gradient):
                self._move_at_once(parameter, gradient, group)
                continue
            if group.decay:
                gradient = gradient.add(parameter, alpha=group.decay)
            if group.momentum:
                state = self.state[parameter]
                if "momentum_buffer" in state:
                    state["momentum_buffer"].mul_(group.momentum).add_(gradient)
                else:
                    state["momentum_buffer"] = gradient.clone()
                buffer = state["momentum_buffer"]
                gradient = gradient.add(buffer, alpha=group.momentum) if self.nesterov else buffer
            parameter.add_(gradient, alpha=-group.lr)

    def _move_at_once(self, parameter: Tensor, gradient: Tensor, group: Group) -> None:
        """The same by one operation of PyTorch's; the very last numbers may be rounded otherwise."""
        state = self.state[parameter]
        first = "momentum_buffer" not in state
        if first:
            state["momentum_buffer"] = torch.empty_like(parameter)
        torch._fused_sgd_(
            [parameter], [gradient], [state["momentum_buffer"]], lr=group.lr, momentum=group.momentum,
            dampening=0.0, weight_decay=group.decay, nesterov=self.nesterov, maximize=False,
            is_first_step=first,
        )  # fmt: skip


def _in_order(*tensors: Tensor) -> bool:
    """True where their numbers lie one after another in the order of their indices."""
    return all(tensor.is_contiguous() for tensor in tensors)


class AdamW(Optimizer):
    """Adam with decoupled weight decay, as `torch.optim.AdamW` with ``fused=True``; beta2 is 0.999."""

    def move(self, parameters: list[Tensor], gradients: list[Tensor], group: Group) -> None:
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
            parameters, gradients, first, second, [], steps, lr=group.lr, beta1=group.momentum, beta2=0.999,
            weight_decay=group.decay, eps=1e-8, amsgrad=False, maximize=False,
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

    def move(self, parameters: list[Tensor], gradients: list[Tensor], group: Group) -> None:
        """`set_curvature` comes first."""
        scales = [self.state[parameter]["scale"] for parameter in parameters]
        torch._foreach_addcmul_(parameters, gradients, scales, value=-group.lr)


OPTIMIZERS: dict[str, type[Optimizer]] = {
    "sgd": Sgd,
    "nesterov": Sgd,
    "adam": AdamW,
    "sdlm": DiagonalLevenbergMarquardt,
}
