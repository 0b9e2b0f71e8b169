"""Wide ResNet 40-4 on CIFAR-100.

Source: as `wrn_28_10_cifar10`.
Departs: as there.
Cost: hours on an accelerator; not run here.
"""

import dataclasses

from heirloom.recipes.published import Published
from heirloom.recipes.wrn_28_10_cifar100 import RECIPE as WIDER

RECIPE = dataclasses.replace(WIDER, model="wrn_40_4")
PUBLISHED = Published(0.7882, "Zagoruyko, Komodakis 2016, table 4: 21.18 % error", verified=False)
