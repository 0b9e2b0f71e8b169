"""Changes of colour and light, on images whose values are 0 black to 1 white."""

import numpy as np
import torch
from torch import Tensor

from heirloom.data.augmentation.chance import ORDER, Index, Numbers, normal
from heirloom.data.sampling import uniform

DEVIATIONS = np.array([19.721, 37.094, 121.780])
"""Square roots of the eigenvalues of the RGB values of ImageNet's pixels, from 0 to 255."""
COMPONENTS = np.array(
    [[0.41796, -0.71258, -0.56351], [-0.81698, -0.02354, -0.57618], [0.39731, 0.70120, -0.59200]]
)
"""Their principal components: a column for each of `DEVIATIONS`, a row for each of red, green and blue."""
NOISE = 0.1
"""Deviation of the multiples of the components that are added."""
ENHANCED = 0.5
"""Most that brightness, contrast and colour are made stronger or weaker by."""

ENHANCEMENTS = ("brightness", "contrast", "colour")

GREY = np.array([0.299, 0.587, 0.114])
"""What red, green and blue are of grey, ITU-R BT.601."""


def colour_noise(seed: int, epoch: int, index: Index, channels: int) -> Numbers:
    """One colour for each image, to be added to it: a normal multiple of each component of RGB values.

    Shape: (B, channels).

    Source: Krizhevsky, Sutskever, Hinton 2012, section 4.1; the constants are those that the program
    make-data of cuda-convnet2 writes (2014), as the ones of 2012 are not released. The sum is not clipped.
    Departs: where images are grey, the grey value of that colour is added.
    """
    multiples = NOISE * normal(seed, epoch, index, 3)
    shift = (multiples * DEVIATIONS) @ COMPONENTS.T / 255
    return shift if channels == 3 else np.repeat((shift @ GREY)[:, None], channels, 1)


def photometric(images: Tensor, seed: int, epoch: int, index: Index) -> Tensor:
    """Brightness, contrast and colour by factors of 0.5 to 1.5, in any order.

    Brightness is a mixture with black, contrast one with the mean grey value of the image, colour one with
    its grey version; with a factor above 1 it goes beyond the image.

    Source: Howard 2013, "Some improvements on deep convolutional neural network based image classification",
    which Szegedy et al. 2014 name; second hand: the factors are not checked against its text.
    Departs: theirs was the Python Imaging Library, whose values are clipped and rounded after each of the
    three; here they are computed at once and clipped after all three.
    """
    channels = images.shape[1]
    factors, order = enhancements(seed, epoch, index)
    grey = GREY if channels == 3 else np.full(channels, 1 / channels)
    matrix = np.broadcast_to(np.eye(channels), (len(index), channels, channels))
    offset = np.zeros((len(index), channels))
    middle = images.mean((2, 3)).double().cpu().numpy()
    same, mixed = np.eye(channels), np.tile(grey, (channels, 1))  # a colour as it is, and its grey
    for turn in range(3):
        kind = order[:, turn]
        factor = np.take_along_axis(factors, kind[:, None], 1)
        now = ((matrix @ middle[:, :, None])[:, :, 0] + offset) @ grey  # mean grey value
        of_colour = factor[..., None] * same + (1 - factor[..., None]) * mixed
        by = np.where((kind == 2)[:, None, None], of_colour, factor[..., None] * same)
        add = np.where((kind == 1)[:, None], (1 - factor) * now[:, None], 0.0)
        matrix, offset = by @ matrix, (by @ offset[:, :, None])[:, :, 0] + add
    part, constant = (torch.from_numpy(numbers).to(images)[..., None, None] for numbers in (matrix, offset))
    found = torch.empty_like(images)
    for to in range(channels):  # no product of matrices: its rounding depends on how many images there are
        found[:, to] = constant[:, to]
        for of in range(channels):
            found[:, to].addcmul_(part[:, to, of], images[:, of])
    return found.clamp_(0, 1)


def enhancements(seed: int, epoch: int, index: Index) -> tuple[Numbers, Index]:
    """Factors of brightness, contrast and colour, (B, 3), and in which order they are applied, (B, 3)."""
    draws = uniform(seed, epoch, index[:, None], ORDER + np.arange(6), 0, 1)
    return 1 + ENHANCED * (2 * draws[:, :3] - 1), np.argsort(draws[:, 3:], axis=1)
