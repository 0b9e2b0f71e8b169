"""How the networks of ImageNet saw their photographs: a box of each, perhaps mirrored, in another light."""

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from heirloom.data.augmentation.colour import colour_noise
from heirloom.data.augmentation.cropping import Boxes, Numbers, cut
from heirloom.data.augmentation.policy import Augmentation, Chosen, Index, read
from heirloom.data.preprocessing import Preprocess, with_channels
from heirloom.data.sampling import uniform
from heirloom.errors import HeirloomError

Shapes = Numbers
"""(B, 2), height and width of images in pixels before they were stored."""


@dataclass(frozen=True)
class Photographs(Augmentation):
    """A box of each image.

    Attributes:
        boxes: Shapes (B, 2), the side of the network's input, seed, epoch and (B,) indices to boxes.
        light: Float images (B, C, H, W), 0 to 1, seed, epoch and (B,) indices to such images; None where
            colours stay.
        square: Side in pixels of the middle square that evaluation resizes an image to, for an input of 224.
        largest: Side in pixels to which photographs are warped before they are stored, for an input of 224;
            0 means that the square of ``square`` is stored.
    """

    boxes: Callable[[Shapes, int, int, int, Index], Boxes]
    light: Callable[[Tensor, int, int, Index], Tensor] | None = None
    square: int = 256
    largest: int = 0

    def evaluated(self, preprocess: Preprocess) -> Preprocess:
        """The middle of an image whose shorter side becomes ``square``.

        Raises:
            HeirloomError: (``E-recipe``) The images are to be fitted into a box besides.
        """
        if preprocess.resize == "crop":
            return preprocess
        if preprocess.box:
            why = "this augmentation cuts its images out of a larger square"
            raise HeirloomError("E-recipe", f"box={preprocess.box}", why=why, remedy="leave it out")
        return replace(preprocess, resize="crop", box=scaled_to(self.square, max(preprocess.size[1:])))

    def stored(self, preprocess: Preprocess) -> Preprocess:
        """See `Augmentation`."""
        preprocess = self.evaluated(preprocess)
        if not self.largest:
            return super().stored(preprocess)
        side = scaled_to(self.largest, max(preprocess.size[1:]))
        return Preprocess((3, side, side), side, (0.0,) * 3, (1.0,) * 3, "warp")

    def kept(self, images: Tensor, preprocess: Preprocess, device: torch.device) -> Tensor:
        """As they are, and where they are: a box is resized when it is cut."""
        return images

    def __call__(self, chosen: Chosen, preprocess: Preprocess) -> Tensor:
        """See `Augmentation`."""
        _, height, width = preprocess.size
        index, own = chosen.numbers, chosen.images.shape[2:]
        shapes = np.broadcast_to(np.array(own, np.float64), (len(index), 2))
        if chosen.shapes is not None:
            shapes = chosen.shapes[chosen.index.cpu()].numpy().astype(np.float64)
        boxes = self.boxes(shapes, max(height, width), chosen.seed, chosen.epoch, index)
        images = cut(chosen.images, chosen.index, boxes, (height, width))
        images = with_channels(images, preprocess.size[0]).to(chosen.device)
        if self.light is None:
            return read(images, torch.arange(len(index), device=chosen.device), preprocess, chosen.device)
        lit = self.light(preprocess.scaled(images), chosen.seed, chosen.epoch, index)
        return preprocess.normalised(lit)


def scaled_to(pixels: int, side: int) -> int:
    """What ``pixels`` for an input of 224 are for one of ``side``. For 227, cut of 256, the same."""
    return pixels if 224 <= side <= 227 else max(side, round(pixels * side / 224))


def alexnet(shapes: Shapes, side: int, seed: int, epoch: int, index: Index) -> Boxes:
    """A square of the network's input out of the middle square of 256 pixels, at any whole pixel.

    Source: Krizhevsky, Sutskever, Hinton 2012, section 4.1: 224 of 256 pixels, and mirrored ones; the
    offsets 0 to 32 and mirroring with 1/2 are those of the released program.
    Departs: that one draws offset and mirroring once for 32 images that follow one another (crop_chunk).
    """
    square = scaled_to(256, side)
    places = _whole(seed, epoch, index, (square - side,) * 2)
    short = shapes.min(1)
    # Of the middle square, then of the image.
    begin = (shapes - short[:, None]) / 2 / shapes
    top, left = ((short[:, None] * places / square) / shapes + begin).T
    height, width = (short[:, None] * (side / square) / shapes).T
    return Boxes(top, left, height, width, mirrored(seed, epoch, index))


def _whole(seed: int, epoch: int, index: Index, room: tuple[int, int] | Numbers) -> Numbers:
    """Whole numbers from 0 to each of ``room``, all as probable. Shape (B, 2)."""
    most = np.asarray(room, np.float64)
    return np.floor(uniform(seed, epoch, index[:, None], np.arange(2), 0, most + 1))


def mirrored(seed: int, epoch: int, index: Index) -> NDArray[np.bool_]:
    """One in two. Shape (B,)."""
    return uniform(seed, epoch, index, 2, 0, 1) < 0.5


ALEXNET = Photographs(alexnet, colour_noise)
ALEXNET_GEOMETRY = Photographs(alexnet)
