"""VGG's network A with local response normalisation on ImageNet.

Source: as `vgg11_imagenet`.
Departs: as there.
Cost: days on an accelerator; not run here.
"""

import dataclasses

from heirloom.recipes.published import Published
from heirloom.recipes.vgg11_imagenet import RECIPE as A

RECIPE = dataclasses.replace(A, model="vgg11_lrn")
PUBLISHED = Published(0.703, "Simonyan, Zisserman 2014, table 3: A-LRN, 256, 29.7 % error", "top1@val:dense")
