"""Wide ResNet 50-2 on ImageNet.

Source: Zagoruyko, Komodakis 2016: trained by Facebook's program fb.resnet.torch, whose settings
`resnext50_32x4d_imagenet` has.
Departs: as there; that program ends after 90 passes by default.
Cost: days on an accelerator; not run here.
"""

import dataclasses

from heirloom.recipes.published import Published
from heirloom.recipes.resnext50_32x4d_imagenet import RECIPE as FACEBOOK

RECIPE = dataclasses.replace(FACEBOOK, model="wrn_50_2", epochs=90)
PUBLISHED = Published(0.781, "authors' README: WRN-50-2-bottleneck, 21.9 % error", "top1@val:center")
