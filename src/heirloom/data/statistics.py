"""Means, deviations, the mean image and the colour axes of a data set."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from heirloom.data import absolute, load_data, of_photographs
from heirloom.data.preprocessing import Preprocess
from heirloom.data.waiting import told

SIDE = 256
"""Pixels: images of one's own are scaled until their shorter side has as many, then the middle is taken, as
AlexNet's authors did before they took the mean image."""
_TOGETHER = 2**24
"""Numbers that are taken at once."""

Real = NDArray[np.float64]


@dataclass(frozen=True)
class Statistics:
    """What the pixels of a split are like, on the scale of 0 black to 1 white, channels in the order RGB.

    Attributes:
        data: Name or path of the data set.
        split: Name of the split.
        images: How many images there are.
        size: (C, H, W) of one.
        mean: (C,) over all pixels.
        std: (C,) deviation over all pixels, of the whole and not of a sample.
        mean_image: (C, H, W) over all images.
        variances: (C,) along `axes`, the largest first: eigenvalues of the colours' covariance.
        axes: (C, C), each column an eigenvector of length 1 whose largest number is above zero.
    """

    data: str
    split: str
    images: int
    size: tuple[int, int, int]
    mean: Real
    std: Real
    mean_image: NDArray[np.float32]
    variances: Real
    axes: Real

    def as_dict(self) -> dict[str, Any]:
        """The JSON form, schema 1, without the mean image."""
        return {
            "schema": 1,
            "data": self.data,
            "split": self.split,
            "images": self.images,
            "size": list(self.size),
            "scale": 1,
            "mean": self.mean.tolist(),
            "std": self.std.tolist(),
            "pca": {"variances": self.variances.tolist(), "axes": self.axes.tolist()},
        }


def stats(data: str, split: str = "train", side: int = SIDE) -> Statistics:
    """Measure the pixels of a data set.

    Args:
        data: Name of a data set, or path of images of one's own.
        split: ``train``, ``val``, ``test``, or several joined by ``+``.
        side: Pixels of the square that images of one's own are cut to.

    Raises:
        HeirloomError: As `heirloom.data.load_data` and `heirloom.data.Dataset.split` do.

    Source: Krizhevsky, Sutskever, Hinton 2012, "ImageNet classification with deep convolutional neural
    networks", section 4.1: the principal components of the RGB values of all pixels.
    """
    crop = Preprocess((3, side, side), side, (0.0,) * 3, (1.0,) * 3, "crop")
    dataset = load_data(absolute(data), fit=crop if of_photographs(data) else None, wait=False)
    images = dataset.split(split).settled().images.numpy()
    step = max(1, _TOGETHER // images[0].size)
    parts = (images[begin : begin + step] for begin in range(0, len(images), step))
    found = measured(told("measuring images", len(images), parts, len))
    values, axes = np.linalg.eigh(found.covariance)
    values, axes = values[::-1].clip(0), axes[:, ::-1]
    axes = axes * np.where(axes[np.abs(axes).argmax(0), np.arange(len(axes))] < 0, -1.0, 1.0)
    return Statistics(
        data,
        split,
        len(images),
        images.shape[1:],
        found.mean,
        found.std,
        found.mean_image.astype(np.float32),
        values / 255**2,
        axes,
    )


@dataclass(frozen=True)
class Measured:
    """What pixels are like.

    Attributes:
        mean: (C,) over all pixels, from 0 black to 1 white.
        std: (C,) deviation over all pixels, likewise, of the whole and not of a sample.
        mean_image: (C, H, W) over all images, likewise.
        covariance: (C, C) of the channels over all pixels, on the scale of 0 to 255.
    """

    mean: Real
    std: Real
    mean_image: Real
    covariance: Real


def measured(parts: Iterable[NDArray[np.uint8]]) -> Measured:
    """Measure images, (N, C, H, W) in parts: the sums are exact, and so the same in whatever parts.

    Raises:
        ValueError: There are no images.
    """
    count, total, products = 0, np.zeros(0), np.zeros(0)
    for part in parts:
        if not count:
            total, products = np.zeros(part.shape[1:], np.int64), np.zeros((part.shape[1],) * 2)
        count += len(part)
        total += part.sum(0, dtype=np.int64)
        # Sums of whole numbers below 2**53 are exact in floating point, in whatever order.
        colours = part.transpose(1, 0, 2, 3).reshape(part.shape[1], -1).astype(np.float64)
        products += colours @ colours.T
    if not count:
        raise ValueError("no images")
    pixels = count * total[0].size
    mean = total.sum((1, 2)) / pixels
    covariance = products / pixels - np.outer(mean, mean)
    return Measured(mean / 255, np.sqrt(np.diag(covariance).clip(0)) / 255, total / count / 255, covariance)
