"""What is drawn for each image of a batch, by `heirloom.data.sampling`. Each kind has numbers of its own."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from heirloom.data.sampling import uniform

Index = NDArray[np.int64]
Numbers = NDArray[np.float64]

PLACE, MIRROR, SCALE, COLOUR, ORDER, TRIES = 0, 2, 3, 8, 16, 32
"""Where the numbers of each kind begin."""


def whole(seed: int, epoch: int, index: Index, most: ArrayLike) -> Numbers:
    """A place in whole pixels: from 0 to each of ``most`` (2,) or (B, 2), all as probable. Shape (B, 2)."""
    above = np.asarray(most, np.float64) + 1
    return np.floor(uniform(seed, epoch, index[:, None], PLACE + np.arange(2), 0, above))


def mirrored(seed: int, epoch: int, index: Index) -> NDArray[np.bool_]:
    """True for one image in two. Shape (B,)."""
    return np.asarray(uniform(seed, epoch, index, MIRROR, 0, 1) < 0.5)


def normal(seed: int, epoch: int, index: Index, count: int) -> Numbers:
    """Normal numbers with deviation 1, each of two uniform ones. Shape (B, count).

    Source: Box, Muller 1958, "A note on the generation of random normal deviates".
    """
    draws = uniform(seed, epoch, index[:, None], COLOUR + np.arange(2 * count), 0, 1)
    radius, angle = 1 - draws[:, :count], draws[:, count:]
    return np.asarray(np.sqrt(-2 * np.log(radius)) * np.cos(2 * np.pi * angle))
