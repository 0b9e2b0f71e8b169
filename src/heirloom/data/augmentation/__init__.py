"""What becomes of training images on their way to the network, by functions of (seed, epoch, index)."""

from heirloom.data.augmentation import photographs
from heirloom.data.augmentation.distortion import Distortion, elastic, planar, planar_elastic, planar_pool
from heirloom.data.augmentation.padding import Padded
from heirloom.data.augmentation.policy import Augmentation, Chosen

__all__ = ["AUGMENTATIONS", "Augmentation", "Chosen"]

AUGMENTATIONS: dict[str, Augmentation] = {
    "none": Augmentation(),
    "planar": Distortion(planar),
    "planar_pool": Distortion(planar_pool),
    "elastic": Distortion(elastic),
    "planar_elastic": Distortion(planar_elastic),
    "pad_crop": Padded(),
    "pad_crop_reflect": Padded("reflect"),
    "alexnet": photographs.alexnet,
    "alexnet_geometry": photographs.alexnet_geometry,
    "vgg": photographs.vgg,
    "vgg_256": photographs.vgg_256,
    "vgg_384": photographs.vgg_384,
    "inception": photographs.inception,
    "resnet": photographs.resnet,
    "crop_mirror": photographs.crop_mirror,
}
"""What a recipe's ``augment`` can be."""
