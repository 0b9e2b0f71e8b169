"""SqueezeNet 1.0 on ImageNet.

Source: Iandola et al. 2016 and the authors' Caffe definitions (forresti/SqueezeNet, SqueezeNet_v1.0,
solver.prototxt as of its last change): 170,000 updates with 512 images, the rate from 0.04 to 0 in a
straight line, momentum 0.9, weight decay 0.0002; crops of 227 of 256 x 256, the mean of each channel
subtracted, grey values stay 0 to 255.
Departs: crops are also mirrored, which the released definition does not say. Caffe reads blue first; the
mean is that of the training images, there 104, 117 and 123. An earlier solver of theirs falls from 0.08 by
the square root in 85,000 updates with 1,024 images.
Cost: days on an accelerator; not run here.
"""

from heirloom.recipes.published import Published
from heirloom.recipes.recipe import Recipe

RECIPE = Recipe(
    model="squeezenet1_0",
    data="imagenet",
    epochs=68,
    max_steps=170_000,
    batch_size=512,
    optimizer="sgd",
    lr=0.04,
    momentum=0.9,
    weight_decay=2e-4,
    schedule="linear",
    augment="alexnet_geometry",
    resize="warp",
    box=256,
    normalise="channel_mean",
    std=1 / 255,  # grey values 0 to 255
)
PUBLISHED = Published(0.575, "Iandola et al. 2016, table 2: SqueezeNet, 57.5 %", "top1@val:center")
