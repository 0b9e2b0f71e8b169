"""ResNet-110 of stochastic depth on CIFAR-10.

Source: Huang, Sun, Liu, Sedra, Weinberger 2016, section 4, and the authors' program
(yueatsprograms/Stochastic_Depth, main.lua): 500 passes over 45,000 images, 128 an update, Nesterov's
momentum 0.9, weight decay 0.0001, rate 0.1, a tenth of it after 249 and 374 passes; each pixel less its
mean, by one deviation for all (cifar-dataset.lua), which is 64.15 for grey values of 0 to 255; the test error
is that at the best validation.
Departs: 40,000 images are trained on, all but the last batch of the files. The weights of the last pass are
evaluated; those of the best validation are beside them.
Cost: a day on an accelerator; not run here.
"""

from heirloom.recipes.published import Published
from heirloom.recipes.recipe import Recipe

RECIPE = Recipe(
    model="resnet110_stochastic",
    data="cifar10",
    epochs=500,
    batch_size=128,
    optimizer="nesterov",
    lr=0.1,
    momentum=0.9,
    weight_decay=1e-4,
    schedule="steps",
    lr_steps="249:0.1 374:0.01",
    augment="pad_crop",
    normalise="mean_image",
    std=64.15 / 255,
)
PUBLISHED = Published(0.9477, "authors' README: 5.23 % error")
