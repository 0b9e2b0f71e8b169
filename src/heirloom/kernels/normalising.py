"""Local response normalisation: the plain formula, and the same a few images at a time.

With ``s = k + scale * (sum of the squares of neighbouring maps)`` the result is ``x / s^beta``.
"""

from typing import Any, cast

import torch
import torch.nn.functional as F
from torch import Tensor

PIECE = 300_000
"""Numbers that are worked on at a time: what is computed on the way stays in the processor's cache."""


def plain_lrn(x: Tensor, size: int, scale: float, beta: float, k: float, groups: int) -> Tensor:
    """The definition, in operations that PyTorch can differentiate, trace and run anywhere.

    Shape: input (B, C, H, W); the same output.
    """
    # In bfloat16 the numbers next to k = 2 are 1/64 away: most sums would change nothing.
    wide = x.float() if x.element_size() < 4 else x
    s = k + scale * _plain_sum(wide.square(), size, groups, size // 2)
    return (wide * s.pow(-beta)).to(x.dtype)


def fast_lrn(x: Tensor, size: int, scale: float, beta: float, k: float, groups: int) -> Tensor:
    """The same as `plain_lrn`. Keeps ``x`` alone for the way back, and computes the rest again."""
    return cast(Tensor, _LRN.apply(x, size, scale, beta, k, groups))  # type: ignore[no-untyped-call]


class _LRN(torch.autograd.Function):
    @staticmethod
    def forward(x: Tensor, size: int, scale: float, beta: float, k: float, groups: int) -> Tensor:
        """Piece by piece."""
        x, out, add = _laid_out(x), _like(x), torch.tensor(k, dtype=x.dtype)
        near = _Neighbours(x, size, groups)
        for piece, result in zip(near.pieces(x), near.pieces(out), strict=True):
            torch.mul(piece, piece, out=near.maps(piece))
            s = near.sum(piece, size // 2)
            torch.add(add, s, alpha=scale, out=s)
            torch.mul(piece, _power(s, beta, result, out=s), out=result)
        return out

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:
        """Keep the input."""
        x, *ctx.settings = inputs
        ctx.save_for_backward(x)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        """By the plain formula where a further derivative may be asked for."""
        (x,) = ctx.saved_tensors
        back = _plain_back if torch.is_grad_enabled() else _fast_back
        return back(x, grad, *ctx.settings), None, None, None, None, None

    @staticmethod
    def vmap(info: Any, in_dims: tuple[Any, ...], x: Tensor, *settings: Any) -> tuple[Tensor, int]:
        """More images in one batch."""
        images = x.movedim(in_dims[0], 0)
        flat = _LRN.apply(images.flatten(0, 1), *settings)  # type: ignore[no-untyped-call]
        return flat.unflatten(0, images.shape[:2]), 0


# The way back: g_i s_i^-beta - 2 scale beta x_i (sum of g_j x_j s_j^(-beta - 1) over all j that read x_i).


def _plain_back(
    x: Tensor, grad: Tensor, size: int, scale: float, beta: float, k: float, groups: int
) -> Tensor:
    s = k + scale * _plain_sum(x.square(), size, groups, size // 2)
    direct = grad * s.pow(-beta)
    return direct - 2 * scale * beta * x * _plain_sum(direct * x / s, size, groups, (size - 1) // 2)


def _fast_back(
    x: Tensor, grad: Tensor, size: int, scale: float, beta: float, k: float, groups: int
) -> Tensor:
    x, out, add = _laid_out(x), _like(x), torch.tensor(k, dtype=x.dtype)
    grad = grad.expand_as(x).contiguous(memory_format=_layout(x))
    near = _Neighbours(x, size, groups)
    s = near.empty()
    for piece, g, result in zip(*map(near.pieces, (x, grad, out)), strict=True):
        s = s[: len(piece)]
        maps = near.maps(piece)
        torch.mul(piece, piece, out=maps)
        torch.add(add, near.sum(piece, size // 2), alpha=scale, out=s)
        torch.mul(g, _power(s, beta, result, out=near.total(piece)), out=result)
        torch.mul(result, piece, out=maps).div_(s)
        result.addcmul_(piece, near.sum(piece, (size - 1) // 2), value=-2 * scale * beta)
    return out


def _plain_sum(x: Tensor, size: int, groups: int, before: int) -> Tensor:
    """For each map the sum of ``size`` of its group, from ``before`` maps before it on."""
    maps = x.unflatten(1, (groups, -1))
    padded = F.pad(maps, (0, 0, 0, 0, before, size - 1 - before))
    total = padded.narrow(2, 0, maps.shape[2])
    for first in range(1, size):
        total = total + padded.narrow(2, first, maps.shape[2])
    return total.flatten(1, 2)


class _Neighbours:
    """Sums over neighbouring maps, a few images at a time, in memory that is used again and again.

    Args:
        x: (B, C, H, W), as `_laid_out` gives it.
        size: Number of neighbours that are summed.
        groups: Columns of maps that do not see each other.
    """

    def __init__(self, x: Tensor, size: int, groups: int) -> None:
        self.size, self.groups, self.margin = size, groups, size // 2
        self.images = max(1, PIECE // x[:1].numel())
        first = self.pieces(x)[0]
        self.dim = 2 if x.is_contiguous() else 3
        self.count = first.shape[self.dim]
        self._total = torch.empty_like(first)
        shape = list(first.shape)
        shape[self.dim] += 2 * self.margin
        self._padded = first.new_zeros(shape)  # its margins stay zero

    def pieces(self, x: Tensor) -> tuple[Tensor, ...]:
        """A few images each: (b, groups, maps, pixels) or, with the maps last in memory, (b, pixels, ...)."""
        pixels = x[0, 0].numel()
        if x.is_contiguous():
            maps = x.view(len(x), self.groups, -1, pixels)
        else:
            maps = x.permute(0, 2, 3, 1).view(len(x), pixels, self.groups, -1)
        return cast(tuple[Tensor, ...], maps.split(self.images))

    def empty(self) -> Tensor:
        """Further memory for a piece."""
        return torch.empty_like(self._total)

    def total(self, piece: Tensor) -> Tensor:
        """Where the next sum will be."""
        return self._total[: len(piece)]

    def maps(self, piece: Tensor) -> Tensor:
        """Where to put what is to be summed."""
        return self._padded[: len(piece)].narrow(self.dim, self.margin, self.count)

    def sum(self, piece: Tensor, before: int) -> Tensor:
        """For each map the sum of ``size`` of its group, from ``before`` maps before it on."""
        padded, total = self._padded[: len(piece)], self.total(piece)
        starts = range(self.margin - before, self.margin - before + self.size)
        parts = [padded.narrow(self.dim, start, self.count) for start in starts]
        torch.add(parts[0], parts[1] if self.size > 1 else 0, out=total)
        for part in parts[2:]:
            total.add_(part)
        return total


def _power(s: Tensor, beta: float, spare: Tensor, *, out: Tensor) -> Tensor:
    """``s^-beta``; roots are several times as quick as powers."""
    if beta != 0.75:
        return torch.pow(s, -beta, out=out)
    torch.rsqrt(s, out=out)
    return out.mul_(torch.sqrt(out, out=spare))


def _layout(x: Tensor) -> torch.memory_format:
    last = x.is_contiguous(memory_format=torch.channels_last) and not x.is_contiguous()
    return torch.channels_last if last else torch.contiguous_format


def _laid_out(x: Tensor) -> Tensor:
    """Contiguous, with the maps first or last."""
    return x.contiguous(memory_format=_layout(x))


def _like(x: Tensor) -> Tensor:
    return torch.empty_like(x, memory_format=_layout(x))
