"""Images turned, scaled, shifted, drawn thicker or thinner, and with noise: how they would come to be seen.

What comes into view from outside is black, as it is around a digit of MNIST.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import cos, radians, sin

import torch
import torch.nn.functional as F
from torch import Tensor

_FINE = 2
"""Strokes are widened in parts of a pixel: the image is that much finer meanwhile."""


@dataclass(frozen=True)
class Disturbance:
    """One way to change an image, from little to much.

    Attributes:
        name: What it is called.
        unit: What its steps are counted in.
        steps: How much, in order; ``rest`` among them leaves an image as it is.
        rest: No change.
        apply: Of float images (B, C, H, W) from 0 to 1 and one step.
    """

    name: str
    unit: str
    steps: Sequence[float]
    rest: float
    apply: Callable[[Tensor, float], Tensor]

    def __call__(self, images: Tensor, step: float) -> Tensor:
        """uint8 images (B, C, H, W) changed by ``step``; at ``rest`` they are what they were."""
        if step == self.rest:
            return images
        changed = self.apply(images.float() / 255, step)
        return changed.clamp(0, 1).mul(255).round().to(torch.uint8)


def _moved(images: Tensor, matrix: list[list[float]]) -> Tensor:
    """Where each pixel looks in the old image, from -1 to 1 along each axis; bilinear."""
    theta = torch.tensor(matrix, dtype=images.dtype).expand(len(images), 2, 3)
    grid = F.affine_grid(theta, list(images.shape), align_corners=False)
    return F.grid_sample(images, grid, align_corners=False, padding_mode="zeros")


def turned(images: Tensor, degrees: float) -> Tensor:
    """Counterclockwise about the middle."""
    c, s = cos(radians(degrees)), sin(radians(degrees))
    high, wide = images.shape[2:]
    return _moved(images, [[c, -s * high / wide, 0.0], [s * wide / high, c, 0.0]])


def scaled(images: Tensor, factor: float) -> Tensor:
    """Larger or smaller about the middle."""
    return _moved(images, [[1 / factor, 0.0, 0.0], [0.0, 1 / factor, 0.0]])


def shifted(images: Tensor, percent: float) -> Tensor:
    """To the right, by a part of the width."""
    return _moved(images, [[1.0, 0.0, -2 * percent / 100], [0.0, 1.0, 0.0]])


def widened(images: Tensor, pixels: float) -> Tensor:
    """Bright strokes wider by ``pixels``, or thinner: the largest or least value around, in a disc."""
    radius = round(abs(pixels) / 2 * _FINE)
    fine = F.interpolate(images, scale_factor=_FINE, mode="bilinear", align_corners=False)
    if pixels < 0:
        fine = 1 - fine
    y, x = torch.meshgrid(*[torch.arange(-radius, radius + 1)] * 2, indexing="ij")
    padded = F.pad(fine, (radius,) * 4, value=0 if pixels > 0 else 1)
    high, wide = fine.shape[2:]
    widest = fine
    for dy, dx in torch.stack([y, x], -1)[y**2 + x**2 <= radius**2].add(radius).tolist():
        widest = torch.maximum(widest, padded[:, :, dy : dy + high, dx : dx + wide])
    if pixels < 0:
        widest = 1 - widest
    return F.avg_pool2d(widest, _FINE)


def noisy(images: Tensor, percent: float) -> Tensor:
    """So many of the pixels black or white, each as likely; those of less noise are among them."""
    chance = torch.Generator().manual_seed(0)
    size = (len(images), 1, *images.shape[2:])
    hit, colour = torch.rand(2, *size, generator=chance, dtype=images.dtype)
    return torch.where(hit < percent / 100, (colour < 0.5).to(images.dtype), images)


TURN = Disturbance("rotation", "°", tuple(range(-90, 91, 10)), 0, turned)
SCALE = Disturbance("scale", "×", tuple(n / 10 for n in range(4, 17)), 1, scaled)
SHIFT = Disturbance("shift", " %", tuple(range(-40, 41, 5)), 0, shifted)
STROKE = Disturbance("stroke width", " px", tuple(range(-2, 5)), 0, widened)
NOISE = Disturbance("noise", " %", tuple(range(0, 61, 5)), 0, noisy)
"""Salt and pepper, as on the noisy digits of LeCun et al. 1998."""
