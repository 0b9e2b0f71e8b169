"""Convolution of few maps with stride 1 and no padding, by ``native.c``."""

from typing import Any, cast

import torch
import torch.nn.functional as F
from torch import Tensor

from heirloom.kernels.native import Convolution, Library, empty_images_last, library_for

MOST_MAPS = 64
"""Of input or output: with more, the lanes of PyTorch's own are full."""

LEAST_IMAGES = 8
"""In a batch: with fewer, most lanes are idle."""

LARGEST = 2**20
"""Bytes that a thread may gather, of input and output together: what a second-level cache holds."""


def convolution(x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
    """What `torch.nn.functional.conv2d(x, weight, bias)` gives.

    Shape: x (B, C, H, W); weight (K, C, h, w); bias (K,); output (B, K, H - h + 1, W - w + 1). On the native
    path it lies in memory as (K, H', W', B), where the layers that follow are quickest.
    """
    library = library_for(x)
    if library and _fits(library, x, weight):
        return cast(Tensor, _Convolution.apply(x, weight, bias, library))  # type: ignore[no-untyped-call]
    return F.conv2d(x, weight, bias)


def _fits(library: Library, x: Tensor, weight: Tensor) -> bool:
    if x.ndim != 4 or weight.dtype != x.dtype or x.shape[0] < LEAST_IMAGES:
        return False
    _, c, h, w = x.shape
    maps, read, rows, columns = weight.shape
    numbers = c * h * w + maps * max(0, h - rows + 1) * (w + columns - 1)
    return (
        read == c
        and max(maps, c) <= MOST_MAPS
        and 1 < rows <= h
        and 1 < columns <= min(w, library.widest)
        and 4 * library.lanes * numbers <= LARGEST
    )


class _Convolution(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, bias: Tensor | None, library: Library) -> Tensor:
        """Convolve."""
        x, weight = _orderly(x), weight.contiguous()
        ctx.library, ctx.biased = library, bias is not None
        ctx.save_for_backward(x, weight)
        bias = bias.contiguous() if bias is not None else None
        maps, _, rows, columns = weight.shape
        b, c, h, w = x.shape
        out = empty_images_last(b, maps, h - rows + 1, w - columns + 1)
        layer = _layer(x, weight, c * h * w)
        packed = torch.empty((maps + 1) // 2 * 2, c, rows, columns)
        scratch = torch.empty(library.threads, layer.scratch_size, library.lanes)
        layer.bias = bias.data_ptr() if bias is not None else None
        layer.out, layer.packed, layer.scratch = out.data_ptr(), packed.data_ptr(), scratch.data_ptr()
        library("convolve", layer)
        return out

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, Tensor, Tensor | None, None]:
        """Gradients by input, weight and bias; by the plain formula where they are differentiated again."""
        x, weight = ctx.saved_tensors
        wanted = ctx.needs_input_grad[0]
        if torch.is_grad_enabled():
            sizes = ([len(weight)], [1, 1], [0, 0], [1, 1], False, [0, 0], 1, [wanted, True, ctx.biased])
            return *torch.ops.aten.convolution_backward(grad, x, weight, *sizes), None
        library: Library = ctx.library
        grad = _orderly(grad)
        b, c, h, w = x.shape
        maps, _, rows, columns = weight.shape
        margin = columns - 1 if wanted else 0
        layer = _layer(x, weight, c * h * w + maps * grad.shape[2] * (grad.shape[3] + 2 * margin))
        layer.grad, layer.grad_image, layer.grad_place = grad.data_ptr(), grad.stride(0), _place(grad)
        out = empty_images_last(b, c, h, w) if wanted else None
        found = torch.empty(-(-b // library.lanes), maps * (1 + c * rows * columns))
        packed = torch.empty((c + 1) // 2 * 2, maps, rows, columns)
        scratch = torch.empty(library.threads, layer.scratch_size, library.lanes)
        layer.out = out.data_ptr() if out is not None else None
        layer.weight_grad, layer.packed, layer.scratch = (
            found.data_ptr(),
            packed.data_ptr(),
            scratch.data_ptr(),
        )
        library("convolve_back", layer)
        # Copies: the sums of the other blocks need not be kept as long as a gradient is.
        by_weight = found[0, maps:].clone().view(weight.shape)
        return out, by_weight, found[0, :maps].clone() if ctx.biased else None, None


def _layer(x: Tensor, weight: Tensor, scratch_size: int) -> Convolution:
    b, c, h, w = x.shape
    maps, _, rows, columns = weight.shape
    layer = Convolution(b, c, h, w, maps, rows, columns, x.data_ptr(), x.stride(0), _place(x))
    layer.weight, layer.scratch_size = weight.data_ptr(), scratch_size
    return layer


def _orderly(x: Tensor) -> Tensor:
    """``x``, or a copy, with maps, rows and columns one after the other in memory."""
    distance = _place(x)
    for size, stride in zip(reversed(x.shape[1:]), reversed(x.stride()[1:]), strict=True):
        if size > 1 and stride != distance:
            return x.contiguous()
        distance *= size
    return x


def _place(x: Tensor) -> int:
    """Distance in memory between neighbouring places."""
    sides = zip(reversed(x.shape[1:]), reversed(x.stride()[1:]), strict=True)
    return next((stride for size, stride in sides if size > 1), 1)
