"""The decks' AlexNet for CIFAR-10 in a quarter of an hour on two cores.

Source: the network; the optimiser and its settings are ours.
Chosen: on batch 5, not trained on, and on the images trained on, by two passes over 9,000 of them, which are
too few for the network's slow means of batch normalisation: 42 % of those trained on were right in the second
pass, 35 % with Nesterov's momentum and a rate of 0.05. Not tried at full length.
Cost: about a quarter of an hour on two cores.
"""

from heirloom.recipes.recipe import Recipe

RECIPE = Recipe(
    model="alexnet_cifar_bn",
    data="cifar10",
    epochs=10,
    batch_size=128,
    optimizer="adam",
    lr=1e-3,
    schedule="one_cycle",
    augment="pad_crop",
    normalise="channels",
)
