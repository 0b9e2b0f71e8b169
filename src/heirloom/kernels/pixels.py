"""Stored images to what a network reads, by ``native.c``: each of the 256 grey values is computed once."""

from collections.abc import Sequence

import torch
from torch import Tensor

from heirloom.kernels.native import Crops, Library, Pixels, Resizes, library_for, library_for_pixels

MOST_SMALLER = 3
"""How many times smaller `interpolated` makes a side, at most: from there on PyTorch is as quick."""


def looked_up(stored: Tensor, index: Tensor, levels: Tensor) -> Tensor | None:
    """What grey values become, without a copy of the stored ones; None where native.c is not at hand.

    Args:
        stored: (N, C, H, W) uint8.
        index: (B,) int64, the images that are wanted.
        levels: (C, 256), what each grey value becomes in each channel.

    Shape: the result is (B, C, H, W).

    Raises:
        IndexError: There is no such image.
    """
    out = torch.empty(len(index), *stored.shape[1:], dtype=levels.dtype, device=stored.device)
    library = library_for(out)
    if library is None or not stored.is_contiguous() or stored.dtype != torch.uint8:
        return None
    _check_images(index, stored)
    index, levels = index.contiguous(), levels.contiguous()
    library(
        "look_up",
        Pixels(
            len(index), stored.shape[1], stored[0, 0].numel(), stored.data_ptr(), index.data_ptr(),
            levels.data_ptr(), out.data_ptr(),
        ),
    )  # fmt: skip
    return out


def cropped(
    stored: Tensor,
    index: Tensor,
    corners: Tensor,
    mirrored: Tensor,
    levels: Tensor,
    size: tuple[int, int],
    layout: torch.memory_format = torch.contiguous_format,
) -> Tensor | None:
    """What the grey values of a part of each image become; None where native.c is not at hand.

    Args:
        stored: (N, C, S, T) uint8.
        index: (B,) int64, the images that are wanted.
        corners: (B, 2) int64, row and column at which each part begins.
        mirrored: (B,) bool, whether left and right are exchanged.
        levels: (B, C, 256), what each grey value becomes in each channel of each image.
        size: (H, W) of the parts.
        layout: Of the result.

    Shape: the result is (B, C, H, W).

    Raises:
        IndexError: There is no such image, or a part is not within it.
    """
    shape = (len(index), stored.shape[1], *size)
    out = torch.empty(shape, dtype=levels.dtype, device=stored.device, memory_format=layout)
    library = library_for(out)
    if library is None or not stored.is_contiguous() or stored.dtype != torch.uint8:
        return None
    _, channels, rows, columns = stored.shape
    room = torch.tensor([rows - size[0], columns - size[1]])
    _check_images(index, stored)
    if bool((corners < 0).any()) or bool((corners > room).any()):
        raise IndexError(f"parts of {size} that begin outside of 0 to {room.tolist()}")
    index, corners, mirrored = index.contiguous(), corners.contiguous(), mirrored.contiguous()
    levels = levels.contiguous()
    library(
        "crop",
        Crops(
            len(index), channels, rows, columns, *size, out.stride(1), out.stride(3),
            stored.data_ptr(), index.data_ptr(), corners.data_ptr(), mirrored.data_ptr(),
            levels.data_ptr(), out.data_ptr(),
        ),
    )  # fmt: skip
    return out


def resized(
    stored: Tensor,
    index: Tensor,
    boxes: Tensor,
    mirrored: Tensor,
    size: tuple[int, int],
    levels: Tensor | None = None,
    layout: torch.memory_format = torch.contiguous_format,
) -> Tensor | None:
    """A box of each image as an image of one size; None where native.c is not at hand.

    Byte by byte as Pillow's ``BILINEAR`` has each channel, resized across and then down.

    Args:
        stored: (N, C, S, T) uint8.
        index: (B,) int64, the images that are wanted.
        boxes: (B, 4) float32, left, top, right and bottom, in pixels.
        mirrored: (B,) bool, whether left and right are exchanged.
        size: (H, W) of the results.
        levels: (B, C, 256) float32, what each grey value becomes in each channel of each image.
        layout: Of the result, where there are ``levels``.

    Shape: the result is (B, C, H, W), uint8 or as ``levels`` are.

    Raises:
        IndexError: There is no such image, or a box is not within it.
    """
    library = library_for_pixels()
    if library is None or stored.device.type != "cpu":
        return None
    rows, columns = stored.shape[2:]
    _check_images(index, stored)
    within = boxes[:, :2].ge(0).all() & boxes[:, 2].le(columns).all() & boxes[:, 3].le(rows).all()
    if not bool(within & (boxes[:, 2:] > boxes[:, :2]).all()):
        raise IndexError(f"boxes outside of images of {rows} x {columns}")
    dtype, layout = (torch.uint8, torch.contiguous_format) if levels is None else (levels.dtype, layout)
    out = torch.empty(len(index), stored.shape[1], *size, dtype=dtype, memory_format=layout)
    _resize(library, stored, out, (index, boxes, mirrored), levels)
    return out


def interpolated(images: Tensor, size: tuple[int, int]) -> Tensor | None:
    """Images scaled to ``size``, byte by byte as `torch.nn.functional.interpolate`, bilinear and antialiased.

    None where native.c is not at hand, or a side becomes less than a third of what it is.

    Shape: (B, C, S, T) uint8 become (B, C, H, W).
    """
    library = library_for_pixels()
    count, _, rows, columns = images.shape
    small = rows > MOST_SMALLER * size[0] or columns > MOST_SMALLER * size[1]
    if library is None or images.device.type != "cpu" or small:
        return None
    out = torch.empty(count, images.shape[1], *size, dtype=torch.uint8)
    _resize(library, images, out, short_weights=True)
    return out


def _resize(
    library: Library,
    stored: Tensor,
    out: Tensor,
    chosen: Sequence[Tensor] = (),
    levels: Tensor | None = None,
    short_weights: bool = False,
) -> None:
    """``chosen``: index, boxes and mirrored, as of `resized`; without them all images are wanted, whole."""
    chosen = [each.contiguous() for each in chosen]
    levels = None if levels is None else levels.contiguous()
    places = [each.data_ptr() for each in chosen] or [0] * 3
    given = Resizes(
        len(out), *stored.shape[1:], *out.shape[2:], *stored.stride(), out.stride(1), out.stride(3),
        short_weights, stored.data_ptr(), *places, 0 if levels is None else levels.data_ptr(),
        out.data_ptr(), 0,
    )  # fmt: skip
    work = torch.empty(library("resize_size", given), dtype=torch.uint8)
    given.work = work.data_ptr()
    library("resize", given)


def _check_images(index: Tensor, stored: Tensor) -> None:
    if len(index) and not 0 <= int(index.min()) <= int(index.max()) < len(stored):
        raise IndexError(f"images {int(index.min())} to {int(index.max())} of {len(stored)}")
