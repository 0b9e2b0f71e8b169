"""Chance that depends on nothing but (seed, epoch, index).

The order of samples and every augmentation are functions of these three numbers, by an integer
algorithm written down here. So nothing has to be stored to go on with a run, and neither the number of
workers nor a new release of a library changes what a sample looks like.
"""

import numpy as np
from numpy.typing import ArrayLike, NDArray

_MASK = 2**64 - 1


def mix(*words: ArrayLike) -> NDArray[np.uint64]:
    """Hash words to 64 bits each, elementwise over arrays that broadcast.

    Source: the finaliser of SplitMix64, Steele, Lea, Flood 2014, applied once per word.
    """
    state = np.zeros((), np.uint64)
    with np.errstate(over="ignore"):
        for word in words:
            bits = np.uint64(word & _MASK) if isinstance(word, int) else np.asarray(word).astype(np.uint64)
            z = (state ^ bits) + np.uint64(0x9E3779B97F4A7C15)
            z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
            z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
            state = z ^ (z >> np.uint64(31))
    return np.asarray(state)


def permutation(seed: int, epoch: int, count: int) -> NDArray[np.int64]:
    """The order of ``count`` samples in one epoch."""
    return np.argsort(mix(seed, epoch, np.arange(count)), kind="stable")


def uniform(
    seed: int, epoch: ArrayLike, index: ArrayLike, draw: ArrayLike, low: ArrayLike, high: ArrayLike
) -> NDArray[np.float64]:
    """Numbers from [low, high), elementwise; ``draw`` tells several numbers of a sample apart."""
    fraction = (mix(seed, epoch, index, 1 + np.asarray(draw)) >> np.uint64(11)).astype(np.float64) * 2.0**-53
    bottom, top = np.asarray(low, np.float64), np.asarray(high, np.float64)
    return bottom + (top - bottom) * fraction
