"""AlexNet on ImageNet as Caffe trained it.

Source: BVLC/caffe, models/bvlc_alexnet: solver.prototxt, train_val.prototxt, readme.md: 450,000 updates
with 256 images, rate 0.01, a tenth of it each 100,000 updates, momentum 0.9, weight decay 0.0005; biases at
twice the rate and without decay; images warped to 256 x 256, crops of 227, mirrored; the mean image
subtracted, colours left alone.
Departs: Caffe reads blue first, which a network trained from scratch need not; it goes through its database
in one order again and again. The mean image is that of the middle of the images.
Cost: days on an accelerator; not run here.
"""

from heirloom.recipes.published import Published
from heirloom.recipes.recipe import Recipe

RECIPE = Recipe(
    model="alexnet_caffe",
    data="imagenet",
    epochs=90,
    max_steps=450_000,
    batch_size=256,
    optimizer="sgd",
    lr=0.01,
    bias_lr=2.0,
    momentum=0.9,
    weight_decay=5e-4,
    bias_decay=0.0,
    schedule="update_steps",
    lr_steps="100000:0.1 200000:0.01 300000:0.001 400000:0.0001",
    augment="alexnet_geometry",
    resize="warp",
    box=256,
    normalise="mean_image",
    std=1 / 255,  # grey values 0 to 255
)
PUBLISHED = Published(0.571, "BVLC/caffe, models/bvlc_alexnet/readme.md, update 360,000", "top1@val:center")
