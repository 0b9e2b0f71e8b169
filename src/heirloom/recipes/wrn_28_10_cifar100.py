"""Wide ResNet 28-10 on CIFAR-100.

Source: as `wrn_28_10_cifar10`.
Departs: as there.
Cost: hours on an accelerator; not run here.
"""

import dataclasses

from heirloom.recipes.published import Published
from heirloom.recipes.wrn_28_10_cifar10 import RECIPE as CIFAR10

RECIPE = dataclasses.replace(CIFAR10, data="cifar100")
PUBLISHED = Published(0.8075, "authors' README: WRN-28-10, 19.25 % error, median of 5 runs")
