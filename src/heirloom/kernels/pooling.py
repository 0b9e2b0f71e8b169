"""Windows of 2 x 2 with stride 2, by halves: first the two columns, then the two rows."""

from typing import Any, cast

import torch
from torch import Tensor


def max_of_2x2(x: Tensor) -> Tensor:
    """What `torch.nn.functional.max_pool2d(x, 2)` gives, ties included: the first in reading order wins.

    Shape: input (B, C, H, W), H and W even; output (B, C, H / 2, W / 2).
    """
    out, _ = _Max.apply(x)  # type: ignore[no-untyped-call]
    return cast(Tensor, out)


def sum_of_2x2(x: Tensor) -> Tensor:
    """What `torch.nn.functional.avg_pool2d(x, 2, divisor_override=1)` gives.

    Shape: as `max_of_2x2`.
    """
    return cast(Tensor, _Sum.apply(x))  # type: ignore[no-untyped-call]


class _Max(torch.autograd.Function):
    generate_vmap_rule = True

    @staticmethod
    def forward(x: Tensor) -> tuple[Tensor, Tensor]:
        """The result, and the larger of each two columns, which the way back needs."""
        columns = torch.maximum(x[..., 0::2], x[..., 1::2])
        return torch.maximum(columns[..., 0::2, :], columns[..., 1::2, :]), columns

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Tensor], output: tuple[Tensor, Tensor]) -> None:
        """Keep what `backward` reads."""
        ctx.mark_non_differentiable(output[1])
        ctx.save_for_backward(inputs[0], output[1])

    @staticmethod
    def backward(ctx: Any, grad: Tensor, _: Tensor) -> Tensor:
        """Hand the gradient to the largest."""
        x, columns = ctx.saved_tensors
        rows = torch.empty_like(columns)
        upper = columns[..., 0::2, :] >= columns[..., 1::2, :]
        rows[..., 0::2, :] = grad * upper
        rows[..., 1::2, :] = grad * ~upper
        out = torch.empty_like(x)
        left = x[..., 0::2] >= x[..., 1::2]
        out[..., 0::2] = rows * left
        out[..., 1::2] = rows * ~left
        return out


class _Sum(torch.autograd.Function):
    generate_vmap_rule = True

    @staticmethod
    def forward(x: Tensor) -> Tensor:
        """Add rows, which lie together in memory, then columns."""
        rows = x[..., 0::2, :] + x[..., 1::2, :]
        return rows[..., 0::2] + rows[..., 1::2]

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Tensor], output: Tensor) -> None:
        """Nothing need be kept."""

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> Tensor:
        """Every one of the four gets the gradient."""
        b, c, h, w = grad.shape
        out = grad.new_empty(b, c, h, 2, w, 2)
        out[:, :, :, 0] = grad.unsqueeze(-1)
        out[:, :, :, 1] = grad.unsqueeze(-1)
        return out.view(b, c, 2 * h, 2 * w)
