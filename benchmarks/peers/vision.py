"""MNIST image by image, as torchvision gives it: an equivalent of our own, from its documentation.

Where torchvision does more for each image (checks, making the mean a tensor), this does less, so that the
peers are rather too quick than too slow.
"""

import gzip
import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from PIL import Image, ImageOps
from torch import Tensor
from torch.utils.data import Dataset

Transform = Callable[[Image.Image], Tensor]


class MNIST(Dataset[tuple[Tensor, int]]):
    """Pairs of an image and its label; the image is made ready whenever it is asked for."""

    def __init__(self, part: str, transform: Transform, limit: int = 0) -> None:
        self.transform = transform
        images = _numbers(f"{part}-images-idx3-ubyte", 16).reshape(-1, 28, 28)
        labels = _numbers(f"{part}-labels-idx1-ubyte", 8)
        self.images, self.labels = images[: limit or None], labels[: limit or None]

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, index: int) -> tuple[Tensor, int]:
        return self.transform(Image.fromarray(self.images[index])), int(self.labels[index])


def to_tensor(image: Image.Image) -> Tensor:
    """Grey PIL image to floats of 0 to 1, shape (1, H, W)."""
    pixels = torch.from_numpy(np.array(image)).view(image.height, image.width, 1)
    return pixels.permute(2, 0, 1).contiguous().float().div(255)


def ready(mean: float, std: float, border: int = 0) -> Transform:
    """Pad with black, then `to_tensor`, then normalise."""
    means, stds = torch.tensor(mean).view(1, 1, 1), torch.tensor(std).view(1, 1, 1)

    def transform(image: Image.Image) -> Tensor:
        padded = ImageOps.expand(image, border) if border else image
        return to_tensor(padded).sub_(means).div_(stds)

    return transform


def _numbers(name: str, header: int) -> np.ndarray[tuple[int], np.dtype[np.uint8]]:
    roots = [Path(root) for root in os.environ.get("HEIRLOOM_DATA", "").split(os.pathsep) if root]
    for path in (root / "mnist" / f"{name}{end}" for root in roots for end in (".gz", "")):
        if path.exists():
            data = path.read_bytes()
            data = gzip.decompress(data) if path.suffix == ".gz" else data
            return np.frombuffer(data, np.uint8, offset=header)
    raise SystemExit(f"no mnist/{name} below HEIRLOOM_DATA")
