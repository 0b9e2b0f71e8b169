"""ResNet-18 on ImageNet.

Source: as `resnet50_imagenet`.
Departs: as there. The figure is that of the network with shortcuts A.
Cost: days on an accelerator; not run here.
"""

import dataclasses

from heirloom.recipes.published import Published
from heirloom.recipes.resnet50_imagenet import RECIPE as RESNET50

RECIPE = dataclasses.replace(RESNET50, model="resnet18", args="shortcut=A")
PUBLISHED = Published(0.7212, "He et al. 2015, table 2: 27.88 % error", "top1@val:10view", verified=False)
