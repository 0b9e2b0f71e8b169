"""ResNeXt-101 (64 x 4d) on ImageNet.

Source: as `resnext50_32x4d_imagenet`.
Departs: as there.
Cost: days on an accelerator; not run here.
"""

import dataclasses

from heirloom.recipes.published import Published
from heirloom.recipes.resnext50_32x4d_imagenet import RECIPE as RESNEXT50

RECIPE = dataclasses.replace(RESNEXT50, model="resnext101_64x4d")
PUBLISHED = Published(0.796, "authors' README: ResNeXt-101 (64x4d), 20.4 % error", "top1@val:center")
