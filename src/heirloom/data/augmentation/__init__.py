"""What becomes of training images on their way to the network, by functions of (seed, epoch, index)."""

from heirloom.data.augmentation.distortion import Distortion, elastic, planar, planar_elastic, planar_pool
from heirloom.data.augmentation.photographs import ALEXNET, ALEXNET_GEOMETRY
from heirloom.data.augmentation.policy import Augmentation, Chosen

__all__ = ["AUGMENTATIONS", "Augmentation", "Chosen"]

AUGMENTATIONS: dict[str, Augmentation] = {
    "none": Augmentation(),
    "planar": Distortion(planar),
    "planar_pool": Distortion(planar_pool),
    "elastic": Distortion(elastic),
    "planar_elastic": Distortion(planar_elastic),
    "alexnet": ALEXNET,
    "alexnet_geometry": ALEXNET_GEOMETRY,
}
"""What a recipe's ``augment`` can be."""
