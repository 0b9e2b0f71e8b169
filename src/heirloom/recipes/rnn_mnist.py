"""The simple recurrent network on MNIST, row by row, with today's optimiser and small distortions.

Source: the network; the optimiser and its settings are ours. No gradient is clipped: none was seen to
explode.
Chosen: on the last 10,000 training images, not trained on, one seed each: 2.28 % of them were wrong after 20
epochs; without distortions, after 10, 3.81 % at this rate and 4.01 % at twice. In batches of 128, after 6,
7.0 % at 0.003 and 24 % at 0.001. Differences of less than 0.3 points are chance.
Cost: about two minutes on one core.
"""

from heirloom.recipes.recipe import Recipe

RECIPE = Recipe(
    model="rnn",
    data="mnist",
    split="train+val",  # all 60,000
    epochs=20,
    batch_size=64,
    optimizer="adam",
    lr=2e-3,
    schedule="one_cycle",
    average=0.999,
    augment="planar",
    box=28,
)
