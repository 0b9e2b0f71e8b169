"""How the networks of ImageNet saw their photographs: a box of each, perhaps mirrored, in another light."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np
import torch
from torch import Tensor

from heirloom.data.augmentation.chance import PLACE, SCALE, TRIES, Index, Numbers, mirrored, whole
from heirloom.data.augmentation.colour import ENHANCEMENTS, colour_noise, enhancements, photometric
from heirloom.data.augmentation.cropping import Boxes, cut, looked_up
from heirloom.data.augmentation.policy import Augmentation, Chosen
from heirloom.data.preprocessing import Preprocess, with_channels
from heirloom.data.sampling import uniform
from heirloom.errors import HeirloomError

TOGETHER = 8
"""Images whose colours are computed at once: what lies between stays in the processor's cache."""

Shapes = Numbers
"""(B, 2), height and width of images in pixels before they were stored."""


@dataclass(frozen=True)
class Photographs(Augmentation):
    """A box of each image.

    Attributes:
        boxes: Shapes (B, 2), the side of the network's input, seed, epoch and (B,) indices to boxes.
        noisy: Whether `colour_noise` is added.
        light: Whether the images are in another light (`photometric`) before.
        square: Side in pixels of the middle square that evaluation resizes an image to, for an input of 224.
        largest: Side in pixels to which photographs are warped before they are stored, for an input of 224;
            0 means that the square of ``square`` is stored.
    """

    boxes: Callable[[Shapes, int, int, int, Index], Boxes]
    cuts = True
    noisy: bool = True
    light: bool = False
    square: int = 256
    largest: int = 0

    def evaluated(self, preprocess: Preprocess) -> Preprocess:
        """The middle of an image whose shorter side becomes ``square``.

        Raises:
            HeirloomError: (``E-recipe``) The images are to be fitted into a box besides, or are not square.
        """
        _, height, width = preprocess.size
        if height != width:
            why = f"this augmentation cuts squares, the input is {height} x {width} pixels"
            raise HeirloomError("E-recipe", "the augmentation does not fit the network", why=why)
        if preprocess.resize != "fit":
            return preprocess
        if preprocess.box:
            why = "this augmentation cuts its images out of a larger square"
            raise HeirloomError(
                "E-recipe", f"box={preprocess.box}", why=why, remedy="leave it out, or --set augment=none"
            )
        return replace(preprocess, resize="crop", box=scaled_to(self.square, height))

    def stored(self, preprocess: Preprocess) -> Preprocess:
        """See `Augmentation`."""
        if not self.largest:
            return super().stored(self.evaluated(preprocess))
        side = scaled_to(self.largest, preprocess.size[1])
        return Preprocess((3, side, side), side, (0.0,) * 3, (1.0,) * 3, "warp")

    def kept(self, images: Tensor, preprocess: Preprocess, device: torch.device) -> Tensor:
        """As they are, and where they are: a box is resized when it is cut."""
        return images

    def __call__(self, chosen: Chosen, preprocess: Preprocess) -> Tensor:
        """See `Augmentation`."""
        boxes, shift = self.drawn(chosen, preprocess), self.shift(chosen, preprocess)
        levels = None if self.light else preprocess.levels(shift)
        if levels is not None and chosen.device.type == chosen.images.device.type == "cpu":
            found = looked_up(chosen.images, chosen.places, boxes, levels, preprocess.size, chosen.layout)
            if found is not None:
                return found
        images = cut(chosen.images, chosen.places, boxes, preprocess.size[1:])
        found = torch.empty(len(images), *preprocess.size, device=chosen.device)
        for first in range(0, len(images), TOGETHER):
            some = slice(first, first + TOGETHER)
            part = preprocess.scaled(with_channels(images[some], preprocess.size[0]).to(chosen.device))
            if self.light:
                part = photometric(part, chosen.seed, chosen.epoch, chosen.numbers[some])
            part += shift[some, :, None, None].to(chosen.device)
            found[some] = preprocess.normalised(part)
        return found

    def told(self, chosen: Chosen, preprocess: Preprocess) -> list[dict[str, Any]]:
        """See `Augmentation`."""
        boxes = self.drawn(chosen, preprocess)
        places, flipped = boxes.pixels(1, 1).tolist(), boxes.mirrored.tolist()
        found = [{"box": box, "mirrored": each} for box, each in zip(places, flipped, strict=True)]
        if self.noisy:
            for each, colour in zip(found, self.shift(chosen, preprocess).tolist(), strict=True):
                each["added"] = [round(255 * value, 2) for value in colour]
        if self.light:
            factors, order = enhancements(chosen.seed, chosen.epoch, chosen.numbers)
            for each, strength, turns in zip(found, factors.tolist(), order.tolist(), strict=True):
                each["factors"] = dict(zip(ENHANCEMENTS, strength, strict=True))
                each["order"] = [ENHANCEMENTS[turn] for turn in turns]
        return found

    def drawn(self, chosen: Chosen, preprocess: Preprocess) -> Boxes:
        """The boxes of a batch."""
        shapes = np.broadcast_to(np.array(chosen.images.shape[2:], np.float64), (len(chosen.index), 2))
        if chosen.shapes is not None and self.largest:
            shapes = chosen.shapes[chosen.places.cpu()].numpy().astype(np.float64)
        return self.boxes(shapes, preprocess.size[1], chosen.seed, chosen.epoch, chosen.numbers)

    def shift(self, chosen: Chosen, preprocess: Preprocess) -> Tensor:
        """The colour that is added to each image of a batch, (B, C), on the scale of 0 to 1."""
        channels = preprocess.size[0]
        if not self.noisy:
            return torch.zeros(len(chosen.index), channels)
        return torch.from_numpy(colour_noise(chosen.seed, chosen.epoch, chosen.numbers, channels)).float()


def scaled_to(pixels: int, side: int) -> int:
    """What ``pixels`` for an input of 224 are for one of ``side``. For 227, which others took, the same."""
    return pixels if 224 <= side <= 227 else max(side, round(pixels * side / 224))


def from_middle(shapes: Shapes, side: int, seed: int, epoch: int, index: Index) -> Boxes:
    """A square of the network's input out of the middle square of 256 pixels, at any whole pixel."""
    square = scaled_to(256, side)
    places = whole(seed, epoch, index, (square - side,) * 2)
    short = shapes.min(1, keepdims=True)
    begin = (shapes - short) / 2 + short * places / square  # in pixels of the image
    return Boxes.of(begin / shapes, short * (side / square) / shapes, mirrored(seed, epoch, index))


def rescaled(
    shapes: Shapes, side: int, seed: int, epoch: int, index: Index, lowest: int, highest: int
) -> Boxes:
    """A square of the network's input out of the whole image, whose shorter side becomes any whole number.

    Args:
        shapes: (B, 2) heights and widths.
        side: Of the network's input.
        seed: Of the run.
        epoch: Counted from 0.
        index: (B,)
        lowest: Least that the shorter side becomes, for an input of 224.
        highest: Most that it becomes.
    """
    low, high = scaled_to(lowest, side), scaled_to(highest, side)
    short = np.floor(uniform(seed, epoch, index, SCALE, low, high + 1))[:, None]
    # The longer side is cut off to whole pixels, as `Preprocess` does; a hair above, for 2 x 256 is 512.
    became = np.floor(short * shapes / shapes.min(1, keepdims=True) + 1e-6)
    places = whole(seed, epoch, index, became - side)
    return Boxes.of(places / became, side / became, mirrored(seed, epoch, index))


def of_area(shapes: Shapes, side: int, seed: int, epoch: int, index: Index, least: float) -> Boxes:
    """A box with a share of the image's area from ``least`` to 1 and a width of 3/4 to 4/3 of its height.

    Both are uniform. Of ten tries the first that the image has room for is taken, at any place; where it has
    room for none, its middle square.
    """
    tries = TRIES + np.arange(10)
    area = uniform(seed, epoch, index[:, None], tries, least, 1) * shapes.prod(1, keepdims=True)
    ratio = uniform(seed, epoch, index[:, None], tries + len(tries), 3 / 4, 4 / 3)
    sizes = np.sqrt(np.stack([area / ratio, area * ratio], 2))  # (B, 10, 2), in pixels of the image
    fits = (sizes <= shapes[:, None]).all(2)
    first = np.take_along_axis(sizes, fits.argmax(1)[:, None, None], 1)[:, 0]
    size = np.where(fits.any(1)[:, None], first, shapes.min(1, keepdims=True))
    part = uniform(seed, epoch, index[:, None], PLACE + np.arange(2), 0, 1)
    part = np.where(fits.any(1)[:, None], part, 0.5)
    return Boxes.of((shapes - size) * part / shapes, size / shapes, mirrored(seed, epoch, index))


alexnet = Photographs(from_middle)
"""224 of the middle 256 x 256, mirrored, with colour noise.

Source: Krizhevsky, Sutskever, Hinton 2012, section 4.1; that offsets are 0 to 32 and one image in two is
mirrored is in the released program.
Departs: that one draws place and mirroring once for 32 images that follow one another (crop_chunk); here
each image has its own. For other inputs than 224 the border is in proportion.
"""

alexnet_geometry = Photographs(from_middle, noisy=False)
"""`alexnet` without its colour noise, which the released schedule turns off for the last epochs."""

vgg = Photographs(partial(rescaled, lowest=256, highest=512), square=384, largest=512)
"""224 of the whole image, its shorter side 256 to 512; mirrored, with the colour noise of `alexnet`.

Source: Simonyan, Zisserman 2014, section 3.1, "multi-scale training"; tested with a shorter side of 384, as
in section 4.1.
Departs: files are stored as squares of 512 and resized from these, which costs the longer side detail.
"""

vgg_256 = Photographs(partial(rescaled, lowest=256, highest=256), largest=384)
"""`vgg` at the one scale of 256, as in its section 3.1; the same departures, with squares of 384."""

vgg_384 = Photographs(partial(rescaled, lowest=384, highest=384), square=384, largest=384)
"""`vgg` at the one scale of 384, which the paper begins with the weights of `vgg_256`."""

inception = Photographs(partial(of_area, least=0.08), light=True, largest=480)
"""A box of 8 to 100 % of the image, its width 3/4 to 4/3 of its height; mirrored, in another light.

Source: Szegedy et al. 2014, section 6, "evenly" for the area.
Departs: the paper says no distribution for the proportions, here they are uniform, and nothing of mirroring,
here it is one in two. Its other ways to interpolate are left out; the paper cannot tell their use. Files are
stored as squares of 480 and resized from these.
"""

resnet = Photographs(partial(rescaled, lowest=256, highest=480), largest=480)
"""224 of the whole image, its shorter side 256 to 480; mirrored, with the colour noise of `alexnet`.

Source: He, Zhang, Ren, Sun 2015, section 3.4.
Departs: files are stored as squares of 480 and resized from these, which costs the longer side detail.
"""

crop_mirror = Photographs(partial(of_area, least=0.35), largest=256)
"""A box of 35 to 100 % of the image, mirrored, with the colour noise of `alexnet`: for small folders.

Source: none; ours, milder than `inception` as few images and few epochs need it. Files are stored as squares
of 256, the side that photographs are tested at; a smaller box is enlarged, as the published ones are.
"""
