"""ResNet-34 on ImageNet.

Source: as `resnet50_imagenet`.
Departs: as there.
Cost: days on an accelerator; not run here.
"""

import dataclasses

from heirloom.recipes.published import Published
from heirloom.recipes.resnet50_imagenet import RECIPE as RESNET50

RECIPE = dataclasses.replace(RESNET50, model="resnet34")
PUBLISHED = Published(0.7548, "He et al. 2015, table 3, B: 24.52 % error", "top1@val:10view")
