"""Changes of colour and light, on images whose values are 0 black to 1 white."""

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from heirloom.data.augmentation.policy import Index
from heirloom.data.sampling import uniform

DEVIATIONS = np.array([19.721, 37.094, 121.780])
"""Square roots of the eigenvalues of the RGB values of ImageNet's pixels, from 0 to 255."""
COMPONENTS = np.array(
    [[0.41796, -0.71258, -0.56351], [-0.81698, -0.02354, -0.57618], [0.39731, 0.70120, -0.59200]]
)
"""Their principal components: a column for each of `DEVIATIONS`, a row for red, green and blue."""
NOISE = 0.1
"""Deviation of the multiples of the components that are added."""

_GREY = np.array([0.299, 0.587, 0.114])
_COLOUR_DRAW = 32  # where the numbers of an image's colour begin; those of its box come before


def colour_noise(images: Tensor, seed: int, epoch: int, index: Index) -> Tensor:
    """Add one colour to each image: a normal multiple of each principal component of RGB values.

    Source: Krizhevsky, Sutskever, Hinton 2012, section 4.1; the constants are those that the program
    make-data of cuda-convnet2 writes (2014), as the ones of 2012 are not released. The sum is not clipped.
    Departs: a grey image gets the grey value of the colour (ITU-R BT.601), which the paper had no need of.
    """
    shift = torch.from_numpy(noise(seed, epoch, index, images.shape[1])).to(images)
    return images + shift[:, :, None, None]


def noise(seed: int, epoch: int, index: Index, channels: int = 3) -> NDArray[np.float64]:
    """What `colour_noise` adds to each channel. Shape (B, channels)."""
    multiples = NOISE * _normal(seed, epoch, index, _COLOUR_DRAW, 3)
    shift = (multiples * DEVIATIONS) @ COMPONENTS.T / 255
    return shift if channels == 3 else np.repeat((shift @ _GREY)[:, None], channels, 1)


def _normal(seed: int, epoch: int, index: Index, draw: int, count: int) -> NDArray[np.float64]:
    """Normal numbers of deviation 1, (B, count), each by two uniform ones: Box and Muller 1958."""
    draws = uniform(seed, epoch, index[:, None], draw + np.arange(2 * count), 0, 1)
    radius, angle = 1 - draws[:, :count], draws[:, count:]
    return np.asarray(np.sqrt(-2 * np.log(radius)) * np.cos(2 * np.pi * angle))
