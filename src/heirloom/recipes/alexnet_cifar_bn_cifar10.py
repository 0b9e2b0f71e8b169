"""The decks' AlexNet for CIFAR-10, trained as they say of AlexNet.

Source: lecture deck 001: the network, and 128 images an update, momentum 0.9, weight decay 0.0005, rate
0.01; deck 002: "manually reduced by factor of ten on monitoring validation loss".
Departs: by validation, not by hand, and by accuracy; 45 passes, about which the decks are silent, and about
how grey values are normalised.
Cost: about an hour on two cores, by its number of images; not run here.
"""

from heirloom.recipes.recipe import Recipe

RECIPE = Recipe(
    model="alexnet_cifar_bn",
    data="cifar10",
    epochs=45,
    batch_size=128,
    optimizer="sgd",
    lr=0.01,
    momentum=0.9,
    weight_decay=5e-4,
    schedule="plateau",
    lr_patience=3,
    normalise="channels",
)
