"""LeNet-1 on MNIST.

Source: the network and its squared error; the optimiser and its settings are ours.
Chosen: on the last 10,000 training images, not trained on, one seed each: 1.81 % of them were wrong at this
rate; 1.89 % at half of it, 2.07 % at a quarter, 1.80 % at twice; 2.06 % with planar distortions, for which
so small a network has no room. Differences of less than 0.2 points are chance.
Cost: about one minute on one core.
"""

from heirloom.recipes.published import Published
from heirloom.recipes.recipe import Recipe

RECIPE = Recipe(
    model="lenet1",
    data="mnist",
    split="train+val",  # all 60,000
    epochs=12,
    batch_size=64,
    optimizer="adam",
    lr=1e-2,
    schedule="one_cycle",
    loss="squared_error",
    mean=0.1 / 1.275,  # black becomes -0.1
    std=1 / 1.275,  # and white 1.175
)
PUBLISHED = Published(0.983, "LeCun et al. 1998, figure 9: LeNet-1, 1.7 % error", verified=False)
