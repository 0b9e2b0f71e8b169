"""LeNet-5 with rectified units and maximum pooling on MNIST, as fast as it goes to 99 %.

Source: the network; the optimiser and its settings are ours.
Cost: about ten seconds on one core.
"""

from heirloom.recipes.recipe import Recipe

RECIPE = Recipe(
    model="lenet5_relu_max",
    data="mnist",
    split="train+val",  # all 60,000
    epochs=2,
    batch_size=64,
    optimizer="adam",
    lr=6e-3,
    schedule="one_cycle",
    augment="planar",
    box=28,
    mean=0.1307,
    std=0.3081,
)
