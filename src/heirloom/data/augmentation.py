"""Distortions of training images, on batches of tensors, each a function of (seed, epoch, index)."""

from collections.abc import Callable

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from heirloom.data.sampling import uniform


def planar(images: Tensor, seed: int, epoch: int, index: NDArray[np.int64]) -> Tensor:
    """Translate, scale, squeeze and shear, each by a random amount.

    Translation by up to 6 % of the side (2 of 32 pixels), scale and squeeze (one axis longer, the other
    shorter by as much) by up to 12 %, horizontal shear by up to 0.2 pixels per row. What comes in from
    outside is black.

    Args:
        images: (B, C, H, W) float, 0 black.
        seed: Seed of the run.
        epoch: Number of the epoch.
        index: (B,) indices of the samples in the training split.

    Source: LeCun, Bottou, Bengio, Haffner 1998, section III.A: which distortions.
    Departs: the paper gives no amounts.
    """

    def draw(number: int, low: float, high: float) -> NDArray[np.float64]:
        return uniform(seed, epoch, index, number, low, high)

    scale, squeeze = 1 + draw(0, -0.12, 0.12), 1 + draw(1, -0.12, 0.12)
    matrix = np.zeros((len(index), 2, 3))
    # From a pixel of the result to the place that it is taken from, in halves of the side.
    matrix[:, 0, 0], matrix[:, 1, 1] = 1 / (scale * squeeze), squeeze / scale
    matrix[:, 0, 1] = draw(2, -0.2, 0.2)
    matrix[:, 0, 2], matrix[:, 1, 2] = draw(3, -0.12, 0.12), draw(4, -0.12, 0.12)
    grid = F.affine_grid(torch.from_numpy(matrix).to(images), list(images.shape), align_corners=False)
    return F.grid_sample(images, grid, mode="bilinear", padding_mode="zeros", align_corners=False)


AUGMENTATIONS: dict[str, Callable[[Tensor, int, int, NDArray[np.int64]], Tensor]] = {
    "none": lambda images, seed, epoch, index: images,
    "planar": planar,
}
