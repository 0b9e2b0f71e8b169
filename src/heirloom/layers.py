"""What PyTorch lacks: the layers that the papers describe and no library has.

All image tensors are (B, C, H, W), batch, maps, rows, columns.
"""

from collections import OrderedDict
from collections.abc import Callable, Sequence
from typing import Literal, NamedTuple, Self, cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from heirloom.errors import HeirloomError, nearest
from heirloom.kernels import worthwhile
from heirloom.kernels.convolution import MOST_MAPS, convolution
from heirloom.kernels.normalising import fast_lrn, plain_lrn
from heirloom.kernels.pooling import max_of_2x2, native_windows, sum_of_2x2
from heirloom.kernels.squashing import scaled_tanh


class WithAux(NamedTuple):
    """What a network with auxiliary heads returns in training; in evaluation it returns its scores alone."""

    scores: Tensor
    """(B, K), the network's own."""
    aux: tuple[Tensor, ...]
    """(B, K) each, those of the auxiliary heads."""


def check_input(network: nn.Module, x: Tensor) -> None:
    """Refuse images of another size than the network's ``input_size``, (C, H, W).

    A network with an attribute ``takes_larger`` that is true takes larger images as well.

    Raises:
        HeirloomError: (``E-input-size``) The input is not (B, *input_size).
    """
    size, given = cast(tuple[int, int, int], network.input_size), tuple(x.shape[1:])
    larger = bool(getattr(network, "takes_larger", False))
    at_least = len(given) == 3 and given[0] == size[0] and given[1] >= size[1] and given[2] >= size[2]
    if given != size and not (larger and at_least):
        raise HeirloomError(
            "E-input-size",
            f"{type(network).__name__} takes (B, {', '.join(map(str, size))}){' or larger' * larger}",
            why=f"got {tuple(x.shape)}",
            remedy="resize or pad the images to the published size",
        )


class Chain(nn.Sequential):
    """A network that is a chain of named layers and takes images of one size only.

    A slice of it is a plain `nn.Sequential`.

    Raises:
        HeirloomError: (``E-input-size``, in ``forward``) The input is not (B, *input_size).
    """

    def __init__(self, input_size: tuple[int, int, int], **layers: nn.Module) -> None:
        super().__init__(OrderedDict(layers))
        self.input_size = tuple(input_size)

    def __getitem__(self, index: slice | int) -> nn.Module:
        if isinstance(index, slice):
            return nn.Sequential(OrderedDict(list(self.named_children())[index]))
        return super().__getitem__(index)

    def forward(self, x: Tensor) -> Tensor:
        """Apply the layers in order."""
        check_input(self, x)
        for layer in self:
            x = layer(x)
        return x


class ScaledTanh(nn.Module):
    """1.7159 tanh(2a/3): 1 at 1 and -1 at -1, so that targets of +-1 lie where the curvature is largest.

    Source: LeCun, Bottou, Bengio, Haffner 1998, appendix A.
    """

    amplitude, slope = 1.7159, 2 / 3

    def forward(self, x: Tensor) -> Tensor:
        """Elementwise, any shape."""
        if worthwhile(x):
            return scaled_tanh(x, self.amplitude, self.slope)
        return self.amplitude * torch.tanh(self.slope * x)


class Conv2d(nn.Conv2d):
    """PyTorch's, with fast paths for few maps and for a kernel that covers the whole input."""

    def forward(self, x: Tensor) -> Tensor:
        """Shape: input (B, C, H, W); output as `torch.nn.Conv2d`."""
        dense = self.groups == 1 and self.padding == (0, 0) and self.dilation == (1, 1)
        if not dense or x.ndim != 4 or not worthwhile(x):
            return super().forward(x)
        if tuple(x.shape[2:]) == self.kernel_size:
            return F.linear(x.flatten(1), self.weight.flatten(1), self.bias)[:, :, None, None]
        if self.stride == (1, 1):
            return convolution(x, self.weight, self.bias)
        return super().forward(x)

    def few_maps(self) -> bool:
        """True where `heirloom.kernels.convolution` may be quicker than PyTorch's."""
        plain = (self.stride, self.padding, self.dilation, self.groups) == ((1, 1), (0, 0), (1, 1), 1)
        return plain and max(self.in_channels, self.out_channels) <= MOST_MAPS


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


def _halves(x: Tensor) -> bool:
    if x.ndim != 4 or x.shape[2] % 2 or x.shape[3] % 2 or not worthwhile(x):
        return False
    return x.is_contiguous() or native_windows(x)


class LRN(nn.Module):
    """Local response normalisation across neighbouring maps: ``x_i / (k + scale * sum of x_j^2)^beta``.

    The sum runs over ``size`` maps around i, i itself among them, fewer at the first and last maps.
    What ``alpha`` means differs, and so does the strength of the layer, up to five times:

    ==============  =====================  =====
    convention      scale                  k
    ==============  =====================  =====
    ``"paper"``     alpha                  2
    ``"source"``    alpha / size           2
    ``"caffe"``     alpha / size           1
    ``"torch"``     alpha / size           1
    ==============  =====================  =====

    Args:
        convention: See above.
        size: Number of maps in a sum.
        alpha: See above.
        beta: See above.
        k: By default that of the convention.
        groups: Columns of maps, one after another, that do not see each other.

    Shape: input (B, C, H, W); the same output.

    Raises:
        HeirloomError: (``E-argument``) There is no such convention, or C cannot be split into the groups.

    Source: Krizhevsky, Sutskever, Hinton 2012, section 3.3, and the code released with it; Caffe's
    lrn_layer.cpp; `torch.nn.LocalResponseNorm`.
    """

    def __init__(
        self,
        convention: Literal["paper", "source", "caffe", "torch"],
        *,
        size: int = 5,
        alpha: float = 1e-4,
        beta: float = 0.75,
        k: float | None = None,
        groups: int = 1,
    ) -> None:
        super().__init__()
        if convention not in _K:
            raise HeirloomError("E-argument", f"no LRN is called {convention!r}", why=nearest(convention, _K))
        self.convention, self.size, self.alpha, self.beta, self.groups = convention, size, alpha, beta, groups
        self.k = _K[convention] if k is None else k

    @property
    def scale(self) -> float:
        """What the sum of squares is multiplied by."""
        return self.alpha if self.convention == "paper" else self.alpha / self.size

    def forward(self, x: Tensor) -> Tensor:
        """Normalise; see the class for shapes."""
        if x.ndim != 4 or x.shape[1] % self.groups:
            raise HeirloomError(
                "E-argument",
                f"LRN takes (B, C, H, W) with C maps in {self.groups} equal columns",
                why=f"got {tuple(x.shape)}",
                where="groups",
            )
        lrn = fast_lrn if worthwhile(x) else plain_lrn
        return lrn(x, self.size, self.scale, self.beta, self.k, self.groups)

    def extra_repr(self) -> str:
        """What distinguishes it."""
        groups = f", groups={self.groups}" if self.groups > 1 else ""
        return (
            f"{self.convention!r}, size={self.size}, alpha={self.alpha}, beta={self.beta}, k={self.k}{groups}"
        )


_K = {"paper": 2.0, "source": 2.0, "caffe": 1.0, "torch": 1.0}


class WithinMapNorm(nn.Module):
    """Normalisation by neighbouring pixels of the same map: ``x / (k + alpha / size^2 * sum of x^2)^beta``.

    The sum runs over the ``size`` x ``size`` pixels around, fewer at the edges.

    Args:
        size: Side of the square window in pixels, odd.
        alpha: See above.
        beta: See above.
        k: See above.

    Shape: input (B, C, H, W); the same output.

    Source: Krizhevsky 2012, cuda-convnet, the layer ``rnorm``, whose scale layer.py divides by size^2.
    """

    def __init__(self, size: int = 5, alpha: float = 1e-3, beta: float = 0.75, k: float = 1.0) -> None:
        super().__init__()
        if size % 2 == 0:
            raise ValueError(f"size is {size}; a window with a middle has an odd one")
        self.size, self.alpha, self.beta, self.k = size, alpha, beta, k

    def forward(self, x: Tensor) -> Tensor:
        """Normalise; see the class for shapes."""
        # The average counts the zeros around the map: it is the sum divided by size^2 at the edges as well.
        wide = x.float() if x.element_size() < 4 else x  # as in `plain_lrn`
        mean = F.avg_pool2d(wide.square(), self.size, 1, self.size // 2)
        return (wide * (self.k + self.alpha * mean).pow(-self.beta)).to(x.dtype)

    def extra_repr(self) -> str:
        """What distinguishes it."""
        return f"size={self.size}, alpha={self.alpha}, beta={self.beta}, k={self.k}"


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

    def few_maps(self) -> bool:
        """True where `heirloom.kernels.convolution` may be quicker than PyTorch's."""
        return self.stride == 1 and max(self.in_maps, self.out_maps) <= MOST_MAPS

    def forward(self, x: Tensor) -> Tensor:
        """Convolve; see the class for shapes."""
        if self.padding:
            x = F.pad(x, (self.padding,) * 4, value=self.padding_value)
        if self.bias.numel() == self.out_maps:
            if self.stride == 1:
                return convolution(x, self.dense_weight(), self.bias.flatten())
            return F.conv2d(x, self.dense_weight(), self.bias.flatten(), self.stride)
        return F.conv2d(x, self.dense_weight(), stride=self.stride) + self.bias


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
        if self.maps == self.in_maps and _halves(x):
            return sum_of_2x2(x, self.coefficient, self.bias)
        total = sum_of_2x2(x) if _halves(x) else F.avg_pool2d(x, self.window, divisor_override=1)
        if self.maps != self.in_maps:
            total = total.repeat_interleave(self.maps // self.in_maps, dim=1)
        return self.coefficient * total + self.bias


class RBF(nn.Module):
    """Euclidean radial basis functions around fixed codes; returns the negated penalties.

    Score of class i: ``-sum_j (x_j - code_ij)^2``, so that the largest score wins.

    Args:
        codes: (K, D) one code per class, stored as a buffer, never trained.

    Shape: input (B, D); output (B, K).

    Source: LeCun, Bottou, Bengio, Haffner 1998, equation 7.
    """

    codes: Tensor

    def __init__(self, codes: Tensor) -> None:
        super().__init__()
        self.register_buffer("codes", codes)

    def forward(self, x: Tensor) -> Tensor:
        """Negated squared distances; see the class for shapes."""
        return -(x.unsqueeze(1) - self.codes).square().sum(dim=2)


class Gaussian(nn.Module):
    """Gaussian units with trainable centres and one trainable width per class; returns log densities.

    Score of class i: ``-sum_j (x_j - centre_ij)^2 / (2 width_i^2) - D log width_i``, the logarithm
    of a Gaussian density up to a constant that all classes share.

    Args:
        features: D, number of inputs.
        classes: K, number of units.

    Shape: input (B, D); output (B, K).
    """

    def __init__(self, features: int, classes: int) -> None:
        super().__init__()
        self.centre = nn.Parameter(torch.empty(classes, features))
        self.width = nn.Parameter(torch.empty(classes))

    def forward(self, x: Tensor) -> Tensor:
        """Logarithms of the densities; see the class for shapes."""
        distance = (x.unsqueeze(1) - self.centre).square().sum(dim=2)
        return -distance / (2 * self.width.square()) - self.centre.shape[1] * self.width.abs().log()
