"""Boxes of images, cut out and brought to one size: uint8 to uint8."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

Numbers = NDArray[np.float64]
Pixels = NDArray[np.uint8]

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
    """
    kept, wanted = images.cpu().numpy(), index.cpu().numpy()
    found = np.empty((len(wanted), kept.shape[1], *size), np.uint8)
    unit = np.array([kept.shape[2], kept.shape[3], kept.shape[2], kept.shape[3]])
    places = np.stack([boxes.top, boxes.left, boxes.height, boxes.width], 1) * unit

    def some(part: range) -> None:
        for i in part:
            _cut(kept[wanted[i]], places[i], bool(boxes.mirrored[i]), found[i])

    threads = threads or torch.get_num_threads()
    parts = [range(first, len(wanted), threads) for first in range(threads)]
    if threads == 1:
        some(parts[0])
    else:
        with ThreadPoolExecutor(threads, "heirloom-cropping") as pool:
            list(pool.map(some, parts))
    return torch.from_numpy(found)


def _cut(image: Pixels, place: Numbers, mirrored: bool, out: Pixels) -> None:
    """One box of (C, S, T), in pixels, into (C, H, W)."""
    _, height, width = out.shape
    top, left, tall, wide = np.rint(place).astype(int)
    if (tall, wide) == (height, width) and np.abs(place - np.rint(place)).max() < _EQUAL:
        box = image[:, top : top + tall, left : left + wide]
        out[:] = box[:, :, ::-1] if mirrored else box
        return
    y, x, h, w = place
    # Half a rounding outside is outside for Pillow.
    room = (max(x, 0.0), max(y, 0.0), min(x + w, image.shape[2]), min(y + h, image.shape[1]))
    for channel, to in zip(image, out, strict=True):
        plane = Image.fromarray(channel).resize((width, height), Image.Resampling.BILINEAR, room)
        to[:] = np.asarray(plane)[:, ::-1] if mirrored else plane
