"""ResNet-1202 on CIFAR-10, warmed up.

Source: as `resnet110_cifar10`.
Departs: as there.
Cost: a day on an accelerator; not run here.
"""

import dataclasses

from heirloom.recipes.published import Published
from heirloom.recipes.resnet110_cifar10 import RECIPE as RESNET110

RECIPE = dataclasses.replace(RESNET110, model="resnet1202")
PUBLISHED = Published(0.9207, "He et al. 2015, table 6: 7.93 % error")
