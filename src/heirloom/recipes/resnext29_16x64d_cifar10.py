"""ResNeXt-29 (16 x 64d) on CIFAR-10.

Source: as `resnext29_8x64d_cifar10`.
Departs: as there.
Cost: a day on an accelerator; not run here.
"""

import dataclasses

from heirloom.recipes.published import Published
from heirloom.recipes.resnext29_8x64d_cifar10 import RECIPE as NARROWER

RECIPE = dataclasses.replace(NARROWER, model="resnext29_16x64d")
PUBLISHED = Published(0.9642, "Xie et al. 2016, table 7: 3.58 % error", verified=False)
