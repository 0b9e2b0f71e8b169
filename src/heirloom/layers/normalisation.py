"""Normalisation of responses, over neighbouring maps or within a map."""

from typing import Literal

import torch.nn.functional as F
from torch import Tensor, nn

from heirloom.errors import HeirloomError, nearest
from heirloom.kernels import worthwhile
from heirloom.kernels.normalising import fast_lrn, plain_lrn

_K = {"paper": 2.0, "source": 2.0, "caffe": 1.0, "torch": 1.0}


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
        if size < 1:
            raise HeirloomError("E-argument", f"LRN over {size} maps", remedy="give 1 or more")
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
