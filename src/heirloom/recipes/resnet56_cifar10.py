"""ResNet-56 on CIFAR-10.

Source: as `resnet20_cifar10`.
Departs: as there.
Cost: hours on an accelerator; not run here.
"""

import dataclasses

from heirloom.recipes.published import Published
from heirloom.recipes.resnet20_cifar10 import RECIPE as RESNET20

RECIPE = dataclasses.replace(RESNET20, model="resnet56")
PUBLISHED = Published(0.9303, "He et al. 2015, table 6: 6.97 % error")
