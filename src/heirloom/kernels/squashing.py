"""The scaled hyperbolic tangent by way of the sigmoid: tanh(z) = 2 sigmoid(2z) - 1."""

from typing import Any, cast

import torch
from torch import Tensor


def scaled_tanh(x: Tensor, amplitude: float, slope: float) -> Tensor:
    """``amplitude tanh(slope x)``, elementwise, any shape."""
    return cast(Tensor, _ScaledTanh.apply(x, amplitude, slope))  # type: ignore[no-untyped-call]


class _ScaledTanh(torch.autograd.Function):
    generate_vmap_rule = True

    @staticmethod
    def forward(x: Tensor, amplitude: float, slope: float) -> Tensor:
        """Elementwise."""
        return (x * (2 * slope)).sigmoid_().mul_(2 * amplitude).sub_(amplitude)

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Tensor, float, float], output: Tensor) -> None:
        """The derivative is a function of the result."""
        _, ctx.amplitude, ctx.slope = inputs
        ctx.save_for_backward(output)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, None, None]:
        """``slope (amplitude - y^2 / amplitude)``."""
        (y,) = ctx.saved_tensors
        factor = (y * y).mul_(-ctx.slope / ctx.amplitude).add_(ctx.slope * ctx.amplitude)
        return factor * grad, None, None
