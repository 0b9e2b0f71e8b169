"""SqueezeNet 1.1 on ImageNet.

Source: as `squeezenet1_0_imagenet`; for 1.1 the authors released no other solver, and print no figure but
that it is no worse.
Departs: as there.
Cost: days on an accelerator; not run here.
"""

import dataclasses

from heirloom.recipes.squeezenet1_0_imagenet import RECIPE as FIRST

RECIPE = dataclasses.replace(FIRST, model="squeezenet1_1")
