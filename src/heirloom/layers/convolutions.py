"""Convolutions: quick for kernels that cover the input, rounded up, by a table of connections."""

from collections.abc import Callable, Sequence
from typing import Self

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from heirloom.kernels import worthwhile

MOST_MAPS = 64
"""Of input or output of a convolution by native.c: with more, the lanes of PyTorch's own are full."""


class Conv2d(nn.Conv2d):
    """PyTorch's, with a fast path for a kernel that covers the whole input."""

    def forward(self, x: Tensor) -> Tensor:
        """Shape: input (B, C, H, W); output as `torch.nn.Conv2d`."""
        dense = self.groups == 1 and self.padding == (0, 0) and self.dilation == (1, 1)
        if not dense or x.ndim != 4 or not worthwhile(x):
            return super().forward(x)
        if tuple(x.shape[2:]) == self.kernel_size:
            return F.linear(x.flatten(1), self.weight.flatten(1), self.bias)[:, :, None, None]
        return super().forward(x)

    def plain(self) -> bool:
        """True for stride 1, no padding, no dilation and no groups."""
        return (self.stride, self.padding, self.dilation, self.groups) == ((1, 1), (0, 0), (1, 1), 1)

    def few_maps(self) -> bool:
        """True where native.c may be quicker than PyTorch."""
        return self.plain() and max(self.in_channels, self.out_channels) <= MOST_MAPS


class CeilConv2d(nn.Conv2d):
    """PyTorch's, with the number of outputs rounded up: zeros are added on the right and at the bottom.

    Args:
        in_channels: Number of input maps.
        out_channels: Number of output maps.
        kernel_size: Side of the square kernels, in pixels.
        stride: Step of the kernels, in pixels.
        padding: Zeros on each side, in pixels.
        groups: Columns of maps that do not see each other.

    Shape: input (B, in_channels, H, W); output (B, out_channels, H', W') with
    H' = 1 + ceil((H + 2 padding - kernel_size) / stride).

    Source: Krizhevsky 2012, cuda-convnet, layer.py, where all convolutions are counted so.
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: int,
        stride: int = 1,
        padding: int = 0,
        groups: int = 1,
    ) -> None:
        super().__init__(in_channels, out_channels, kernel_size, stride, padding, groups=groups)

    def forward(self, x: Tensor) -> Tensor:
        """Convolve; see the class for shapes."""
        kernel, stride, padding = self.kernel_size[0], self.stride[0], int(self.padding[0])
        height, width = (-(n + 2 * padding - kernel) % stride for n in x.shape[2:])
        return super().forward(F.pad(x, (0, width, 0, height)))


class TableConv2d(nn.Module):
    """A convolution in which each output map reads only the input maps that a table names.

    Only the kernels that exist are stored: for LeNet-5's C3 60 kernels and 16 biases, the 1,516
    parameters that the paper counts, in ``parameters()``, in weight decay and in the file.

    Args:
        table: For each output map, the input maps that it reads.
        in_maps: Number of input maps.
        kernel: Side of the square kernels, in pixels.
        stride: Step of the kernels, in pixels.
        padding: Pixels added on each side.
        padding_value: What the added pixels hold.
        bias_size: (H, W) of the output where each unit has a bias of its own (LeCun 1989); by
            default the units of a map share one.

    Shape: input (B, in_maps, H, W); output (B, len(table), H', W') with
    H' = (H + 2 padding - kernel) // stride + 1.
    """

    slot: Tensor

    def __init__(
        self,
        table: Sequence[Sequence[int]],
        in_maps: int,
        kernel: int,
        stride: int = 1,
        padding: int = 0,
        padding_value: float = 0.0,
        bias_size: tuple[int, int] | None = None,
    ) -> None:
        super().__init__()
        self.table = tuple(tuple(sorted(maps)) for maps in table)
        known = set(range(in_maps))
        if not self.table or any(
            not maps or len(set(maps)) < len(maps) or not known.issuperset(maps) for maps in self.table
        ):
            wanted = f"each row of the table names one or more of the maps 0 to {in_maps - 1}, each once"
            raise ValueError(f"{wanted}; got {table}")
        self.in_maps, self.out_maps, self.kernel = in_maps, len(self.table), kernel
        self.stride, self.padding, self.padding_value = stride, padding, padding_value
        self.weight = nn.Parameter(torch.empty(sum(map(len, self.table)), kernel, kernel))
        self.bias = nn.Parameter(torch.empty(self.out_maps, *(bias_size or (1, 1))))
        self.register_buffer("slot", self._slots(), persistent=False)

    def _slots(self) -> Tensor:
        """Where each stored kernel lies in the dense weight."""
        return torch.tensor(
            [out * self.in_maps + read for out, maps in enumerate(self.table) for read in maps]
        )

    def _apply(self, fn: Callable[[Tensor], Tensor], recurse: bool = True) -> Self:
        super()._apply(fn, recurse)  # type: ignore[no-untyped-call]
        # `to_empty` would leave it empty, and no file holds it.
        self.slot = self._slots().to(self.weight.device)
        return self

    def fan_in(self) -> Tensor:
        """For each stored kernel, how many inputs a unit of its output map reads. Shape (kernels, 1, 1)."""
        reads = [len(maps) * self.kernel**2 for maps in self.table for _ in maps]
        return torch.tensor(reads, dtype=torch.float32).view(-1, 1, 1)

    def dense_weight(self) -> Tensor:
        """The kernels in the shape that `conv2d` takes, zero where nothing is read."""
        k = self.kernel
        dense = self.weight.new_zeros(self.out_maps * self.in_maps, k, k)
        return dense.index_copy(0, self.slot, self.weight).view(self.out_maps, self.in_maps, k, k)

    def from_dense(self, dense: Tensor) -> Tensor:
        """The kernels that are stored, of as many numbers as `dense_weight` has."""
        return dense.view(-1, self.kernel, self.kernel)[self.slot]

    def plain(self) -> bool:
        """True for stride 1, no padding, and a bias for each map."""
        return self.stride == 1 and not self.padding and self.bias.numel() == self.out_maps

    def few_maps(self) -> bool:
        """True where native.c may be quicker than PyTorch."""
        return self.plain() and max(self.in_maps, self.out_maps) <= MOST_MAPS

    def forward(self, x: Tensor) -> Tensor:
        """Convolve; see the class for shapes."""
        if self.padding:
            x = F.pad(x, (self.padding,) * 4, value=self.padding_value)
        if self.bias.numel() == self.out_maps:
            return F.conv2d(x, self.dense_weight(), self.bias.flatten(), self.stride)
        return F.conv2d(x, self.dense_weight(), stride=self.stride) + self.bias
