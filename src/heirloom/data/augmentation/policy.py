"""What becomes of training images: how they are kept, and how a batch is made of them."""

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from heirloom.data.augmentation.chance import Index
from heirloom.data.decoding import working
from heirloom.data.preprocessing import Preprocess
from heirloom.kernels.pixels import looked_up


@dataclass(frozen=True)
class Chosen:
    """The images of a batch, where they are kept, and what decides their chance.

    Attributes:
        images: (N, C, S, T) uint8, all that are kept; it may be a file that is mapped into memory.
        index: (B,) int64, the ones that are wanted. With seed and epoch it decides what is drawn for each.
        seed: Of the run.
        epoch: Counted from 0.
        device: Where the batch is wanted.
        shapes: (N, 2) heights and widths that images had before they were warped to one size; None where
            they are kept in their own proportions.
        rows: (B,) int64, where those are among ``images``; None: at ``index``.
        layout: How the batch had best lie in memory.
    """

    images: Tensor
    index: Tensor
    seed: int
    epoch: int
    device: torch.device
    shapes: Tensor | None = None
    rows: Tensor | None = None
    layout: torch.memory_format = torch.contiguous_format

    @property
    def places(self) -> Tensor:
        """Where the wanted images are among all that are kept. (B,) int64."""
        return self.index if self.rows is None else self.rows

    @property
    def numbers(self) -> Index:
        """The index for `heirloom.data.sampling`."""
        return self.index.cpu().numpy()


class Augmentation:
    """Training images as they are; others are made from this one.

    What is drawn for an image depends on (seed, epoch, index) alone: neither on the batch that it is in nor
    on the number of threads.

    Attributes:
        cuts: Whether it makes its batches from images as they are stored; else they are fitted before.
    """

    cuts = False

    def evaluated(self, preprocess: Preprocess) -> Preprocess:
        """How images are fitted into a network that is trained so: what its evaluation reads."""
        return preprocess

    def stored(self, preprocess: Preprocess) -> Preprocess:
        """How image files are brought to one size before they are stored for training."""
        return working(preprocess)

    def kept(self, images: Tensor, preprocess: Preprocess, device: torch.device) -> Tensor:
        """What is kept of all training images (N, C, S, T) for the whole training, uint8."""
        return preprocess.fit(images).to(device)

    def told(self, chosen: Chosen, preprocess: Preprocess) -> list[dict[str, Any]]:
        """What was drawn for each image of a batch, for people and pictures.

        ``box``: top, left, height and width in parts of the image as it is stored. ``mirrored``. ``added``:
        the colour that is added, 0 to 255. ``factors`` of brightness, contrast and colour, and their
        ``order``. A distortion has fields of numbers and tells none.
        """
        return [{} for _ in chosen.index]

    def __call__(self, chosen: Chosen, preprocess: Preprocess) -> Tensor:
        """A batch as the network reads it, (B, C, H, W) float on ``chosen.device``."""
        return read(chosen.images, chosen.places, preprocess, chosen.device)


def read(images: Tensor, index: Tensor, preprocess: Preprocess, device: torch.device) -> Tensor:
    """Some of the images (N, C, H, W) uint8 as the network reads them, by a table where that is possible."""
    levels = preprocess.levels()
    if levels is not None and images.device == device:
        found = looked_up(images, index, levels.to(device))
        if found is not None:
            return found
    some = images.index_select(0, index.to(images.device))  # much quicker than [index]
    return preprocess.normalised(preprocess.scaled(some.to(device)))
