"""Noise that is in the way in training only."""

import torch
from torch import Tensor, nn

from heirloom.errors import HeirloomError


class MaskingNoise(nn.Module):
    """Sets the same share of each image's numbers to 0, other ones each time; in evaluation it does nothing.

    Unlike dropout, it draws a fixed number of them for each image, and leaves the rest as they are.

    Args:
        share: v, 0 to 1; of d numbers, the nearest whole number to v d are set to 0.

    Shape: any (B, ...), and the same.

    Raises:
        HeirloomError: (``E-argument``) The share is not between 0 and 1.

    Source: Vincent, Larochelle, Bengio, Manzagol 2008, "Extracting and composing robust features with
    denoising autoencoders", section 2.3.
    """

    def __init__(self, share: float) -> None:
        super().__init__()
        if not 0 <= share <= 1:
            raise HeirloomError("E-argument", f"noise is {share}", remedy="give a share, 0 to 1")
        self.share = share

    def forward(self, x: Tensor) -> Tensor:
        """See the class."""
        numbers = x[0].numel()
        masked = round(self.share * numbers)
        if not self.training or not masked:
            return x
        drawn = torch.rand(len(x), numbers, device=x.device)
        limit = drawn.kthvalue(masked, dim=1, keepdim=True).values
        return x * (drawn > limit).view_as(x)

    def extra_repr(self) -> str:
        """For people."""
        return f"share={self.share}"
