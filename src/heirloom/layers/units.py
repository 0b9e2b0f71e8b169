"""Squashing, and units that compare with a code or a centre."""

import torch
from torch import Tensor, nn

from heirloom.kernels import worthwhile
from heirloom.kernels.squashing import scaled_tanh


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
