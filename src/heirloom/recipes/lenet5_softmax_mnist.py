"""The simplified LeNet-5, 61,706 parameters and a softmax, on MNIST.

Source: the network; the optimiser and its settings are ours.
Cost: about one or two minutes on one core.
"""

from heirloom.recipes.recipe import Recipe

RECIPE = Recipe(
    model="lenet5_softmax",
    data="mnist",
    split="train+val",  # all 60,000
    epochs=12,
    batch_size=64,
    optimizer="adam",
    lr=3e-3,
    schedule="one_cycle",
    average=0.999,
    augment="planar",
    box=28,
    mean=0.1 / 1.275,  # black becomes -0.1
    std=1 / 1.275,  # and white 1.175
)
