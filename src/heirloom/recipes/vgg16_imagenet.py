"""VGG's network D on ImageNet, trained at all scales.

Source: as `vgg13_imagenet`; section 3.1 and table 3: the shorter side has from 256 to 512 pixels, in
evaluation 384.
Departs: as there; and the authors went on from a network that they had trained with 384 pixels.
Cost: days on an accelerator; not run here.
"""

import dataclasses

from heirloom.recipes.published import Published
from heirloom.recipes.vgg11_imagenet import RECIPE as A

RECIPE = dataclasses.replace(A, model="vgg16", augment="vgg", resize="crop", box=384)
PUBLISHED = Published(
    0.744, "Simonyan, Zisserman 2014, table 3: D, 256 to 512, 25.6 % error", "top1@val:dense"
)
