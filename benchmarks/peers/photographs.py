"""Workload ``loading``, the peer's side: a `DataLoader` over a folder of classes, with the usual transforms.

The transforms do what torchvision's documentation says of ``Resize``, ``RandomCrop``, ``RandomResizedCrop``,
``RandomHorizontalFlip``, ``ToTensor`` and ``Normalize`` for images of Pillow, in that order.
"""

import math
import random
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from benchmarks.photographs import Epoch, asked, folder_of, measure
from benchmarks.settings import BATCH, SIDE

MEAN, STD = (
    torch.tensor([0.485, 0.456, 0.406]).view(3, 1, 1),
    torch.tensor([0.229, 0.224, 0.225]).view(3, 1, 1),
)
SHORT = 256


def crop(image: Image.Image) -> Image.Image:
    """``Resize(256)``, ``RandomCrop(224)``."""
    width, height = image.size
    short = min(width, height)
    image = image.resize((int(SHORT * width / short), int(SHORT * height / short)), Image.Resampling.BILINEAR)
    left, top = random.randint(0, image.width - SIDE), random.randint(0, image.height - SIDE)
    return image.crop((left, top, left + SIDE, top + SIDE))


def area(image: Image.Image) -> Image.Image:
    """``RandomResizedCrop(224)``: 8 to 100 % of the area, proportions of 3/4 to 4/3, by their logarithm."""
    width, height = image.size
    for _ in range(10):
        part = width * height * random.uniform(0.08, 1)
        ratio = math.exp(random.uniform(math.log(3 / 4), math.log(4 / 3)))
        w, h = round(math.sqrt(part * ratio)), round(math.sqrt(part / ratio))
        if 0 < w <= width and 0 < h <= height:
            left, top = random.randint(0, width - w), random.randint(0, height - h)
            break
    else:
        w = h = min(width, height)
        left, top = (width - w) // 2, (height - h) // 2
    return image.crop((left, top, left + w, top + h)).resize((SIDE, SIDE), Image.Resampling.BILINEAR)


CUTS: dict[str, Callable[[Image.Image], Image.Image]] = {"crop": crop, "area": area}


class Folder(Dataset[tuple[Tensor, int]]):
    """Images of a folder of classes."""

    def __init__(self, root: Path, cut: Callable[[Image.Image], Image.Image]) -> None:
        classes = sorted(path for path in root.iterdir() if path.is_dir())
        self.files = [(path, label) for label, own in enumerate(classes) for path in sorted(own.iterdir())]
        self.cut = cut

    def __len__(self) -> int:
        return len(self.files)

    def __getitem__(self, number: int) -> tuple[Tensor, int]:
        path, label = self.files[number]
        with path.open("rb") as file:
            image = self.cut(Image.open(file).convert("RGB"))
        if random.random() < 0.5:
            image = image.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
        tensor = torch.from_numpy(np.array(image)).permute(2, 0, 1).contiguous().float().div(255)
        return tensor.sub_(MEAN).div_(STD), label


def main() -> None:
    """Print the images a second."""
    given = asked()
    folder = folder_of(given.folder, given.copies)

    def begin() -> Epoch:
        loader = DataLoader(
            Folder(folder / "train", CUTS[given.policy]),
            BATCH,
            shuffle=True,
            num_workers=given.workers,
            persistent_workers=given.workers > 0,
        )

        def epoch(number: int) -> Iterator[int]:
            return (len(images) for images, _ in loader)

        return epoch

    measure(begin)


if __name__ == "__main__":
    main()
