"""Wide ResNet 28-10 on CIFAR-10.

Source: Zagoruyko, Komodakis 2016, section 3, and the authors' program (szagoruyko/wide-residual-networks):
200 passes, 128 images an update, Nesterov's momentum 0.9, weight decay 0.0005, rate 0.1, a fifth of it
after 60, 120 and 160 passes; 4 pixels of reflection on each side, crops of 32, mirrored; each channel less
its mean and by its deviation.
Departs: that program lowers the rate where passes 60, 120 and 160 begin, one pass earlier than the paper
says, and goes on from there with a velocity of 0; it leaves out the last images of a pass that fill no batch.
Cost: hours on an accelerator; not run here.
"""

from heirloom.recipes.published import Published
from heirloom.recipes.recipe import Recipe

RECIPE = Recipe(
    model="wrn_28_10",
    data="cifar10",
    split="train+val",  # all 50,000
    epochs=200,
    batch_size=128,
    optimizer="nesterov",
    lr=0.1,
    momentum=0.9,
    weight_decay=5e-4,
    schedule="steps",
    lr_steps="60:0.2 120:0.04 160:0.008",
    augment="pad_crop_reflect",
    normalise="channels",
)
PUBLISHED = Published(0.96, "authors' README: WRN-28-10, 4.00 % error, median of 5 runs")
