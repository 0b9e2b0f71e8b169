"""ResNeXt-50 (32 x 4d) on ImageNet.

Source: Xie, Girshick, Dollar, Tu, He 2016, section 4, and the authors' program (facebookresearch/ResNeXt:
train.lua, opts.lua, datasets/imagenet.lua): 100 passes, 256 images an update, Nesterov's momentum 0.9,
weight decay 0.0001, rate 0.1, a tenth of it after each 30 passes; crops of 8 to 100 % of the image, colours
changed; each channel by ImageNet's mean and deviation.
Departs: colours change as `augment=inception` has them, in that program by 40 % of light, contrast and
saturation and a weaker shift.
Cost: days on an accelerator; not run here.
"""

from heirloom.recipes.published import Published
from heirloom.recipes.recipe import Recipe

RECIPE = Recipe(
    model="resnext50_32x4d",
    data="imagenet",
    epochs=100,
    batch_size=256,
    optimizer="nesterov",
    lr=0.1,
    momentum=0.9,
    weight_decay=1e-4,
    schedule="every",
    lr_steps="30:0.1",
    augment="inception",
    normalise="imagenet",
)
PUBLISHED = Published(0.778, "authors' README: ResNeXt-50 (32x4d), 22.2 % error", "top1@val:center")
