"""The scaled hyperbolic tangent by way of the sigmoid: tanh(z) = 2 sigmoid(2z) - 1; or by ``native.c``."""

from typing import Any, cast

import torch
from torch import Tensor

from heirloom.kernels.native import Library, Squashing, images_last, library_for


def scaled_tanh(x: Tensor, amplitude: float, slope: float) -> Tensor:
    """``amplitude tanh(slope x)``, elementwise, any shape."""
    library = library_for(x)
    if library and (x.is_contiguous() or images_last(x)):
        return cast(Tensor, _Native.apply(x, amplitude, slope, library))  # type: ignore[no-untyped-call]
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
        return _back(grad, ctx.saved_tensors[0], ctx.amplitude, ctx.slope), None, None


def _back(grad: Tensor, y: Tensor, amplitude: float, slope: float) -> Tensor:
    return (y * y).mul_(-slope / amplitude).add_(slope * amplitude) * grad


class _Native(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, amplitude: float, slope: float, library: Library) -> Tensor:
        """One pass, in the order of memory."""
        out = torch.empty_like(x)
        layer = Squashing(x.numel(), x.data_ptr(), None, out.data_ptr(), amplitude, slope)
        library("squash", layer)
        ctx.amplitude, ctx.slope, ctx.library = amplitude, slope, library
        ctx.save_for_backward(out)
        return out

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, None, None, None]:
        """By the plain formula where it is differentiated again."""
        (y,) = ctx.saved_tensors
        if torch.is_grad_enabled():
            return _back(grad, y, ctx.amplitude, ctx.slope), None, None, None
        if grad.stride() != y.stride():
            grad = torch.empty_like(y).copy_(grad)
        out = torch.empty_like(y)
        pointers = (y.data_ptr(), grad.data_ptr(), out.data_ptr())
        ctx.library("squash_back", Squashing(y.numel(), *pointers, ctx.amplitude, ctx.slope))
        return out, None, None, None
