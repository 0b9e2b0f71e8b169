"""Pooling and subsampling: what becomes of a window."""

from typing import cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from heirloom.kernels import worthwhile
from heirloom.kernels.pooling import max_of_2x2, sum_of_2x2


class MaxPool2d(nn.MaxPool2d):
    """PyTorch's, with a fast path for windows of 2 x 2 with stride 2."""

    def forward(self, x: Tensor) -> Tensor:
        """Shape: input (B, C, H, W); output as `torch.nn.MaxPool2d`."""
        plain = (self.kernel_size, self.stride, self.padding, self.dilation) == (2, 2, 0, 1)
        if plain and _halves(x) and not self.return_indices:
            return max_of_2x2(x)
        return cast(Tensor, super().forward(x))


class AvgPool2d(nn.AvgPool2d):
    """PyTorch's, with a fast path for windows of 2 x 2 with stride 2."""

    def forward(self, x: Tensor) -> Tensor:
        """Shape: input (B, C, H, W); output as `torch.nn.AvgPool2d`."""
        if (self.kernel_size, self.stride, self.padding) == (2, 2, 0) and _halves(x):
            return sum_of_2x2(x) * (1 / (self.divisor_override or 4))
        return super().forward(x)


class MinPool2d(nn.Module):
    """The minimum of each window.

    Args:
        kernel_size: Side of the square windows, in pixels.
        stride: Step of the windows, in pixels; by default ``kernel_size``.

    Shape: as `torch.nn.MaxPool2d`.
    """

    def __init__(self, kernel_size: int, stride: int | None = None) -> None:
        super().__init__()
        self.kernel_size, self.stride = kernel_size, stride or kernel_size

    def forward(self, x: Tensor) -> Tensor:
        """Pool; see the class for shapes."""
        return -F.max_pool2d(-x, self.kernel_size, self.stride)


class L2Pool2d(nn.Module):
    """The root of the sum of the squares of each window; its gradient is 0 where the window is 0.

    Args:
        kernel_size: Side of the square windows, in pixels.
        stride: Step of the windows, in pixels; by default ``kernel_size``.

    Shape: as `torch.nn.MaxPool2d`.
    """

    def __init__(self, kernel_size: int, stride: int | None = None) -> None:
        super().__init__()
        self.kernel_size, self.stride = kernel_size, stride or kernel_size

    def forward(self, x: Tensor) -> Tensor:
        """Pool; see the class for shapes."""
        total = F.avg_pool2d(x.square(), self.kernel_size, self.stride, divisor_override=1)
        # A root has no derivative at 0; `masked_fill` keeps it from being asked.
        empty = total == 0
        return total.masked_fill(empty, 1.0).sqrt().masked_fill(empty, 0.0)


class Subsampling(nn.Module):
    """Sum of 2 x 2 inputs, times a trainable coefficient, plus a trainable bias, one of each per map.

    Args:
        maps: Number of output maps.
        in_maps: Number of input maps where it is smaller: then ``maps / in_maps`` consecutive
            output maps read each input map (LeNet-4's "pairs").

    Shape: input (B, in_maps, H, W), H and W even; output (B, maps, H / 2, W / 2).

    Source: LeCun, Bottou, Bengio, Haffner 1998, section II.B. The squashing is a layer of its own.
    """

    window = 2

    def __init__(self, maps: int, in_maps: int | None = None) -> None:
        super().__init__()
        self.maps, self.in_maps = maps, in_maps or maps
        if maps % self.in_maps:
            raise ValueError(f"{maps} maps cannot read {self.in_maps} maps evenly")
        self.coefficient = nn.Parameter(torch.empty(maps, 1, 1))
        self.bias = nn.Parameter(torch.empty(maps, 1, 1))

    def forward(self, x: Tensor) -> Tensor:
        """Subsample; see the class for shapes."""
        total = sum_of_2x2(x) if _halves(x) else F.avg_pool2d(x, self.window, divisor_override=1)
        if self.maps != self.in_maps:
            total = total.repeat_interleave(self.maps // self.in_maps, dim=1)
        return self.coefficient * total + self.bias


def _halves(x: Tensor) -> bool:
    if x.ndim != 4 or x.shape[2] % 2 or x.shape[3] % 2 or not worthwhile(x):
        return False
    return x.is_contiguous()
