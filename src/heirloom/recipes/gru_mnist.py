"""Gated recurrent units that read MNIST row by row, with today's optimiser and small distortions.

Source: the network; the optimiser and its settings are ours. No gradient is clipped: none was seen to
explode.
Chosen: on the last 10,000 training images, not trained on, one seed, 6 epochs in batches of 128: 1.18 %
of them were wrong at this rate, 2.11 % at 0.003. Differences of less than 0.2 points are chance.
Cost: about three minutes on one core.
"""

from heirloom.recipes.recipe import Recipe

RECIPE = Recipe(
    model="gru",
    data="mnist",
    split="train+val",  # all 60,000
    epochs=12,
    batch_size=128,
    optimizer="adam",
    lr=1e-2,
    schedule="one_cycle",
    average=0.999,
    augment="planar",
    box=28,
)
