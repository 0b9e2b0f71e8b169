"""LeNet-5 of 1998 on MNIST with today's optimiser, distortions and averaging of weights.

Source: the network, its grey values and its distortions; the optimiser and its settings are ours.
Cost: about six minutes on one core.
"""

from heirloom.recipes.published import Published
from heirloom.recipes.recipe import Recipe

RECIPE = Recipe(
    model="lenet5",
    data="mnist",
    split="train+val",  # all 60,000
    epochs=36,
    batch_size=64,
    optimizer="nesterov",
    lr=0.04,
    schedule="one_cycle",
    loss="cross_entropy",
    temperature=10.0,
    average=0.999,
    augment="planar",
    box=28,
    mean=0.1 / 1.275,  # black becomes -0.1
    std=1 / 1.275,  # and white 1.175
)
PUBLISHED = Published(0.992, "LeCun et al. 1998, section III.B: 0.8 % error, distortions", verified=False)
