"""From stored pixels to what a network reads. It travels with the weights."""

import math
import operator
from dataclasses import asdict, dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

MOST_NUMBERS = 100_000_000
"""Numbers in one input, at most: a file that asks for more is damaged, or means harm."""


@dataclass(frozen=True)
class Preprocess:
    """Fit an image into the network's input, then normalise its grey values.

    Attributes:
        size: (C, H, W) that the network takes.
        box: Side in pixels of the square that the image is fitted into, its proportions kept, centred on
            black; 0 means the whole input.
        mean: Per channel, on the scale of 0 black to 1 white.
        std: Per channel, on the same scale.
    """

    size: tuple[int, int, int]
    box: int = 0
    mean: tuple[float, ...] = (0.0,)
    std: tuple[float, ...] = (1.0,)

    def fit(self, images: Tensor) -> Tensor:
        """Bring uint8 images (B, c, h, w) to uint8 (B, C, H, W)."""
        channels, height, width = self.size
        images = _with_channels(images, channels)
        room_h, room_w = (self.box, self.box) if self.box else (height, width)
        h, w = images.shape[2:]
        ratio = min(room_h / h, room_w / w)
        new = (max(1, round(h * ratio)), max(1, round(w * ratio)))
        if new != (h, w):
            resized = F.interpolate(images.float(), new, mode="bilinear", align_corners=False, antialias=True)
            images = resized.round().clamp(0, 255).to(torch.uint8)
        top, left = (height - new[0]) // 2, (width - new[1]) // 2
        return F.pad(images, (left, width - new[1] - left, top, height - new[0] - top))

    def scaled(self, images: Tensor) -> Tensor:
        """uint8 0 to 255 to float 0 to 1."""
        return images.float().div(255)

    def normalised(self, images: Tensor) -> Tensor:
        """Float 0 to 1 to what the network reads: less the mean, by the deviation."""
        mean = torch.tensor(self.mean, device=images.device).view(-1, 1, 1)
        std = torch.tensor(self.std, device=images.device).view(-1, 1, 1)
        return (images - mean) / std

    def __call__(self, images: Tensor) -> Tensor:
        """uint8 images of any size (B, c, h, w) to the network's input (B, C, H, W)."""
        return self.normalised(self.scaled(self.fit(images)))

    def as_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return {key: list(v) if isinstance(v, tuple) else v for key, v in asdict(self).items()}

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> "Preprocess":
        """Undo `as_dict`. Raises KeyError, TypeError or ValueError for anything else."""
        c, h, w = map(operator.index, values["size"])
        box = operator.index(values["box"])
        if min(c, h, w) < 1 or c * h * w > MOST_NUMBERS or not 0 <= box <= min(h, w):
            raise ValueError("size")
        mean, std = tuple(map(float, values["mean"])), tuple(map(float, values["std"]))
        if not len(mean) == len(std) == c or not all(map(math.isfinite, (*mean, *std))) or min(std) <= 0:
            raise ValueError("mean, std")
        return cls((c, h, w), box, mean, std)


def _with_channels(images: Tensor, channels: int) -> Tensor:
    """Grey to colour by repetition, colour to grey by the weights of ITU-R BT.601."""
    have = images.shape[1]
    if have == channels:
        return images
    if have == 1:
        return images.expand(-1, channels, -1, -1)
    if have == 3 and channels == 1:
        weights = torch.tensor([299, 587, 114], device=images.device).view(1, 3, 1, 1)
        return (
            ((images.long() * weights).sum(1, keepdim=True) + 500)
            .div(1000, rounding_mode="floor")
            .to(torch.uint8)
        )
    raise ValueError(f"no rule brings {have} channels to {channels}")
