"""ResNet-110 on CIFAR-10, warmed up.

Source: as `resnet20_cifar10`; section 4.2: "0.01 to warm up the training until the training error is below
80 % (about 400 iterations)".
Departs: as there; the warming lasts just 400 updates. The best of the paper's five runs has 6.43 % error.
Cost: hours on an accelerator; not run here.
"""

import dataclasses

from heirloom.recipes.published import Published
from heirloom.recipes.resnet20_cifar10 import RECIPE as RESNET20

RECIPE = dataclasses.replace(RESNET20, model="resnet110", lr_steps="0:0.1 400:1 32000:0.1 48000:0.01")
PUBLISHED = Published(0.9339, "He et al. 2015, table 6: 6.61 % error, mean of 5 runs")
