"""ResNet-20 on CIFAR-10 in half an hour on two cores.

Source: the network, the augmentation and the normalisation are the paper's; the rest is common practice with
short trainings: one rise and fall of the rate, Nesterov's momentum, weight decay 0.0005.
Chosen: not among several; the rate, the decay and the 24 passes are those of common practice.
Cost: 27 minutes on two cores.
"""

from heirloom.recipes.recipe import Recipe

RECIPE = Recipe(
    model="resnet20",
    data="cifar10",
    epochs=24,
    batch_size=128,
    optimizer="nesterov",
    lr=0.2,
    momentum=0.9,
    weight_decay=5e-4,
    schedule="one_cycle",
    augment="pad_crop",
    normalise="channels",
)
