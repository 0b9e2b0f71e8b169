"""VGG's network A on ImageNet.

Source: Simonyan, Zisserman 2014, section 3: 370,000 updates with 256 images (74 passes), momentum 0.9,
weight decay 0.0005, rate 0.01, divided by ten three times when validation stopped improving; images whose
shorter side has 256 pixels, crops of 224, mirrored, colours shifted; the mean of red, green and blue on the
training set is subtracted; grey values stay 0 to 255.
Departs: the paper does not say how long validation must have stood still: `lr_patience` passes. The rate is
divided as often as it does.
Cost: days on an accelerator; not run here.
"""

from heirloom.recipes.published import Published
from heirloom.recipes.recipe import Recipe

RECIPE = Recipe(
    model="vgg11",
    data="imagenet",
    epochs=74,
    max_steps=370_000,
    batch_size=256,
    optimizer="sgd",
    lr=0.01,
    momentum=0.9,
    weight_decay=5e-4,
    schedule="plateau",
    augment="vgg_256",
    normalise="channel_mean",
    std=1 / 255,  # grey values 0 to 255
)
PUBLISHED = Published(0.704, "Simonyan, Zisserman 2014, table 3: A, 256, 29.6 % error", "top1@val:dense")
