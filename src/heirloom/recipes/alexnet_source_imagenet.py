"""AlexNet on ImageNet, the network of the released program (#145).

Source: as `alexnet_imagenet`; that program divides what it has made of the grey values by 1.1
(convdata.py).
Departs: as `alexnet_imagenet`.
Cost: days on an accelerator; not run here.
"""

import dataclasses

from heirloom.recipes.alexnet_imagenet import RECIPE as PAPER
from heirloom.recipes.published import Published

RECIPE = dataclasses.replace(PAPER, model="alexnet_source", std=1.1 / 255)
PUBLISHED = Published(0.59336, "cuda-convnet, layers-145.cfg: 0.40664 error, 2012", "top1@val:10view")
