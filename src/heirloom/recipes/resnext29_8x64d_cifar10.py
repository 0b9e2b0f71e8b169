"""ResNeXt-29 (8 x 64d) on CIFAR-10.

Source: Xie et al. 2016, section 4, and the authors' README: 300 passes, 128 images an update, Nesterov's
momentum 0.9, weight decay 0.0005, rate 0.1, a tenth of it after 150 and 225 passes; 4 pixels padded, crops
of 32, mirrored; each channel less its mean and by its deviation.
Departs: the paper's figures are of 256 images an update and of blocks that normalise first; the authors
recommend these in their README. Their program (train.lua) lowers the rate after 147 and 222 passes.
Cost: a day on an accelerator; not run here.
"""

from heirloom.recipes.published import Published
from heirloom.recipes.recipe import Recipe

RECIPE = Recipe(
    model="resnext29_8x64d",
    data="cifar10",
    split="train+val",  # all 50,000
    epochs=300,
    batch_size=128,
    optimizer="nesterov",
    lr=0.1,
    momentum=0.9,
    weight_decay=5e-4,
    schedule="steps",
    lr_steps="150:0.1 225:0.01",
    augment="pad_crop",
    normalise="channels",
)
PUBLISHED = Published(0.9635, "Xie et al. 2016, table 7: 3.65 % error", verified=False)
