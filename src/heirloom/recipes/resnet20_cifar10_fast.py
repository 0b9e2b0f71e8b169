"""ResNet-20 on CIFAR-10 in half an hour on two cores.

Source: the network and the crops are the paper's; the rest is common practice with short trainings: one rise
and fall of the rate, Nesterov's momentum, weight decay 0.0005, channels normalised by the images trained on.
Chosen: not among several; no comparison at full length was made. With 10,000 of the images, four passes had
57 % of batch 5 right.
Cost: half an hour on two cores.
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
