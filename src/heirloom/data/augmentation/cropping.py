"""Boxes of images, cut out and brought to one size: uint8 to uint8."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from heirloom.data.augmentation.chance import Numbers
from heirloom.kernels.pixels import cropped, resized

Pixels = NDArray[np.uint8]

HOW = Image.Resampling.BILINEAR

_EQUAL = 1e-6
"""Pixels: as near as that to whole ones, a box is cut out by copying."""


@dataclass(frozen=True)
class Boxes:
    """A box for each image of a batch, in parts of the image's own height and width: 0 to 1.

    Attributes:
        top: (B,) where it begins.
        left: (B,) where it begins.
        height: (B,)
        width: (B,)
        mirrored: (B,) bool, whether left and right are exchanged.
    """

    top: Numbers
    left: Numbers
    height: Numbers
    width: Numbers
    mirrored: NDArray[np.bool_]

    @classmethod
    def of(cls, begin: Numbers, size: Numbers, mirrored: NDArray[np.bool_]) -> "Boxes":
        """From (B, 2) beginnings and sizes, down and across."""
        return cls(begin[:, 0], begin[:, 1], size[:, 0], size[:, 1], mirrored)

    def outside(self) -> bool:
        """Whether any one is, by more than rounding."""
        ends = ((self.top, self.top + self.height), (self.left, self.left + self.width))
        return any(bool(((begin < 0) | (end > 1 + 1e-9)).any()) for begin, end in ends)

    def pixels(self, height: int, width: int) -> Numbers:
        """Top, left, height and width in pixels of an image of that size. Shape (B, 4)."""
        parts = np.stack([self.top, self.left, self.height, self.width], 1)
        return np.asarray(parts * (height, width, height, width))

    def __len__(self) -> int:
        return len(self.top)


def cut(images: Tensor, index: Tensor, boxes: Boxes, size: tuple[int, int], threads: int = 0) -> Tensor:
    """The boxes of images as images of one size.

    A box of that size in whole pixels is copied. Any other is resized by Pillow with a triangle filter that
    widens where pixels become fewer (``BILINEAR``, antialiased), whose arithmetic is that of integers.

    Args:
        images: (N, C, S, T) uint8.
        index: (B,) int64, which images the boxes are of.
        boxes: B of them.
        size: (H, W) of the results.
        threads: How many share the work; 0 means as many as torch has. They change no result.

    Shape: (B, C, H, W) uint8, on the CPU.

    Raises:
        ValueError: A box is outside of the image.
    """
    if boxes.outside():
        raise ValueError("a box is outside of the image")
    places, copied = _places(images, boxes, size)
    rooms = _rooms(places, images.shape[2:])
    done = resized(images, index.cpu(), torch.from_numpy(rooms), torch.from_numpy(boxes.mirrored), size)
    if done is not None:
        return done
    kept, wanted = images.cpu().numpy(), index.cpu().numpy()
    found = np.empty((len(wanted), kept.shape[1], *size), np.uint8)

    def some(part: range) -> None:
        for i in part:
            image, mirrored = kept[wanted[i]], bool(boxes.mirrored[i])
            if copied[i]:
                _copy(image, places[i], mirrored, found[i])
            else:
                _resize(image, rooms[i], mirrored, found[i])

    threads = threads or torch.get_num_threads()
    parts = [range(first, len(wanted), threads) for first in range(threads)]
    if threads == 1:
        some(parts[0])
    else:
        with ThreadPoolExecutor(threads, "heirloom-cropping") as pool:
            list(pool.map(some, parts))
    return torch.from_numpy(found)


def looked_up(
    images: Tensor,
    index: Tensor,
    boxes: Boxes,
    levels: Tensor,
    size: tuple[int, int, int],
    layout: torch.memory_format = torch.contiguous_format,
) -> Tensor | None:
    """What `cut` gives, each grey value replaced, in one pass; None where native.c is not at hand.

    Args:
        images: (N, C, S, T) uint8, with as many channels as ``size``.
        index: (B,) int64.
        boxes: B of them.
        levels: (B, C, 256), what each grey value of each image becomes.
        size: (C, H, W) of the results.
        layout: Of the results.
    """
    if images.shape[1] != size[0]:
        return None
    places, copied = _places(images, boxes, size[1:])
    mirrored = torch.from_numpy(boxes.mirrored)
    if copied.all():
        corners = torch.from_numpy(places[:, :2]).long()
        return cropped(images, index, corners, mirrored, levels, size[1:], layout)
    rooms = torch.from_numpy(_rooms(places, images.shape[2:]))
    return resized(images, index, rooms, mirrored, size[1:], levels, layout)


def _places(images: Tensor, boxes: Boxes, size: tuple[int, int]) -> tuple[Numbers, NDArray[np.bool_]]:
    """The boxes in pixels (B, 4), and which of them have the size of the result, in whole pixels."""
    places = boxes.pixels(images.shape[2], images.shape[3])
    near = np.abs(places - np.rint(places)).max(1) < _EQUAL
    copied = np.asarray(near & (np.rint(places[:, 2:]) == size).all(1))
    return np.where(copied[:, None], np.rint(places), places), copied


def _rooms(places: Numbers, size: Sequence[int]) -> NDArray[np.float32]:
    """Left, top, right and bottom of (B, 4) boxes. Half a rounding outside is outside for Pillow."""
    y, x, h, w = places.T
    within = (np.maximum(x, 0), np.maximum(y, 0), np.minimum(x + w, size[1]), np.minimum(y + h, size[0]))
    return np.stack(within, 1).astype(np.float32)


def _copy(image: Pixels, place: Numbers, mirrored: bool, out: Pixels) -> None:
    """A part of (C, S, T), in whole pixels, into (C, H, W)."""
    _, height, width = out.shape
    top, left = place[:2].astype(int)
    box = image[:, top : top + height, left : left + width]
    out[:] = box[:, :, ::-1] if mirrored else box


def _resize(image: Pixels, room: NDArray[np.float32], mirrored: bool, out: Pixels) -> None:
    """One box of (C, S, T) into (C, H, W): across, then down. Versions of Pillow differ in their order."""
    (_, height, width), (left, top, right, bottom) = out.shape, room.tolist()
    for channel, to in zip(image, out, strict=True):
        rows = len(channel)
        across = Image.fromarray(channel).resize((width, rows), HOW, (left, 0, right, rows))
        plane = across.resize((width, height), HOW, (0, top, width, bottom))
        to[:] = np.asarray(plane)[:, ::-1] if mirrored else plane
