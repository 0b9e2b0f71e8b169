"""VGG's network B on ImageNet.

Source: as `vgg11_imagenet`.
Departs: as there; and the authors took the first four convolutions and the fully connected layers of the
trained network A to begin with. All weights are drawn here, which they found to do as well (their footnote
in section 3.1).
Cost: days on an accelerator; not run here.
"""

import dataclasses

from heirloom.recipes.published import Published
from heirloom.recipes.vgg11_imagenet import RECIPE as A

RECIPE = dataclasses.replace(A, model="vgg13")
PUBLISHED = Published(0.713, "Simonyan, Zisserman 2014, table 3: B, 256, 28.7 % error", "top1@val:dense")
