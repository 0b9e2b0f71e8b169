"""ResNet-44 on CIFAR-10.

Source: as `resnet20_cifar10`.
Departs: as there.
Cost: hours on an accelerator; not run here.
"""

import dataclasses

from heirloom.recipes.published import Published
from heirloom.recipes.resnet20_cifar10 import RECIPE as RESNET20

RECIPE = dataclasses.replace(RESNET20, model="resnet44")
PUBLISHED = Published(0.9283, "He et al. 2015, table 6: 7.17 % error")
