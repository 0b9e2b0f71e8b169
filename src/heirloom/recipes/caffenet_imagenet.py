"""CaffeNet on ImageNet as Caffe trained it.

Source: BVLC/caffe, models/bvlc_reference_caffenet: the settings of `alexnet_caffe_imagenet`.
Departs: as there.
Cost: days on an accelerator; not run here.
"""

import dataclasses

from heirloom.recipes.alexnet_caffe_imagenet import RECIPE as ALEXNET
from heirloom.recipes.published import Published

RECIPE = dataclasses.replace(ALEXNET, model="caffenet")
PUBLISHED = Published(
    0.574, "BVLC/caffe, models/bvlc_reference_caffenet/readme.md, update 310,000", "top1@val:center"
)
