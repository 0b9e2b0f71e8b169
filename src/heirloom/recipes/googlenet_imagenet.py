"""GoogLeNet on ImageNet.

Source: Szegedy et al. 2014, section 6: momentum 0.9, the rate 4 % lower after each 8 passes, Polyak's
average of the weights, crops of 8 to 100 % of the image; auxiliary classifiers with 0.3. What it does not
print is BVLC's (models/bvlc_googlenet: solver.prototxt, train_val.prototxt): rate 0.01, 32 images an
update, weight decay 0.0002, biases at twice the rate and without decay, 10,000,000 updates (250 passes).
Departs: how the average was taken is not printed, here a moving one with 0.9999. The authors changed the
sampling of their images over months.
Cost: days on an accelerator; not run here.
"""

from heirloom.recipes.published import Published
from heirloom.recipes.recipe import Recipe

RECIPE = Recipe(
    model="googlenet",
    data="imagenet",
    epochs=250,
    max_steps=10_000_000,
    batch_size=32,
    optimizer="sgd",
    lr=0.01,
    bias_lr=2.0,
    momentum=0.9,
    weight_decay=2e-4,
    bias_decay=0.0,
    schedule="every",
    lr_steps="8:0.96",
    average=0.9999,
    augment="inception",
    normalise="channel_mean",
    std=1 / 255,  # grey values 0 to 255
)
PUBLISHED = Published(
    0.8993, "Szegedy et al. 2014, table 3: 1 model, 1 crop, 10.07 % error", "top5@val:center"
)
