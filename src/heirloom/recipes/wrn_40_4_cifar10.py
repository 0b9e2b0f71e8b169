"""Wide ResNet 40-4 on CIFAR-10.

Source: as `wrn_28_10_cifar10`.
Departs: as there.
Cost: hours on an accelerator; not run here.
"""

import dataclasses

from heirloom.recipes.published import Published
from heirloom.recipes.wrn_28_10_cifar10 import RECIPE as WIDER

RECIPE = dataclasses.replace(WIDER, model="wrn_40_4")
PUBLISHED = Published(0.9547, "Zagoruyko, Komodakis 2016, table 4: 4.53 % error", verified=False)
