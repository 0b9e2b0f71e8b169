"""Images beside what an autoencoder made of them: the best, the middling and the worst."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from heirloom.data.preprocessing import Preprocess
from heirloom.figures.canvas import Canvas
from heirloom.figures.pixels import Pixels, Tile, image_pixels, sheet

EACH = 6
"""Images shown of each kind."""


@dataclass(frozen=True)
class Example:
    """An image of the test split.

    Attributes:
        index: Which one.
        label: Its class, of which the network knows nothing.
        error: Mean squared difference of grey values from 0 to 1.
    """

    index: int
    label: str
    error: float


def read_examples(rows: Sequence[dict[str, str]]) -> list[Example]:
    """All images of ``evaluations/test-center.csv``, the smallest error first."""
    found = [Example(int(row["index"]), row["label"], float(row["error"])) for row in rows]
    return sorted(found, key=lambda example: (example.error, example.index))


def chosen(ranked: Sequence[Example]) -> dict[str, list[Example]]:
    """The `EACH` best, those around the median, and the worst, the worst one first; none of them twice."""
    count = min(EACH, len(ranked) // 3) or len(ranked)
    if count == len(ranked):
        return {"All": list(ranked)}
    middle = (len(ranked) - count) // 2
    return {
        "Best": list(ranked[:count]),
        "Median": list(ranked[middle : middle + count]),
        "Worst": list(ranked[::-1][:count]),
    }


def pair(image: Tensor, reconstruction: Tensor) -> Pixels:
    """An image and its reconstruction side by side, one white column between them.

    Args:
        image: (C, H, W) uint8.
        reconstruction: (C, H, W) uint8.
    """
    left, right = image_pixels(image.numpy()), image_pixels(reconstruction.numpy())
    gap = np.full((left.shape[0], 1, *left.shape[2:]), 255, np.uint8)
    return np.concatenate([left, gap, right], axis=1)


@torch.no_grad()
def given_back(model: nn.Module, preprocess: Preprocess, images: Tensor) -> Tensor:
    """What an autoencoder makes of fitted uint8 images (N, C, H, W), as uint8; what is beyond is cut off."""
    made = preprocess.restored(model(preprocess.normalised(preprocess.scaled(images))))
    return made.clamp(0, 1).mul(255).round().to(torch.uint8)


def reconstructions_sheet(
    title: str, groups: dict[str, list[Example]], images: Tensor, reconstructions: Tensor
) -> Canvas:
    """All examples.

    Args:
        title: In bold.
        groups: As `chosen` gives them.
        images: (N, C, H, W) uint8, those of the examples in order.
        reconstructions: The same size.
    """
    told = [(group, example) for group, examples in groups.items() for example in examples]
    tiles = [
        Tile(pair(image, made), (f"{example.error:#.3g}",), (f"{group.lower()}, image {example.index}",))
        for (group, example), image, made in zip(told, images, reconstructions, strict=True)
    ]
    words = "Each image beside its reconstruction, and the mean squared difference of grey values"
    return sheet(title, words, tiles, EACH, 228)
