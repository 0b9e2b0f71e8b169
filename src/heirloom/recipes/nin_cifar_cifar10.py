"""Network in network on CIFAR-10.

Source: Lin, Chen, Yan 2013: 128 images an update, dropout, the rate divided by ten twice. The numbers are
those of the authors' Caffe definitions, second hand: rate 0.1, biases at twice that and without decay,
cccp6 at a tenth, weight decay 0.0001 (jiecaoyu/pytorch-nin-cifar10, original.py); momentum 0.9 (the authors'
earlier program for CIFAR-100, mavenlin/cuda-convnet, NIN/cifar-100_params; original.py has 0.95); divided
after 100,000 and 115,000 updates (the authors' scripts for CIFAR-100); end at 120,000 (the name of their
file of weights).
Departs: the images are not whitened; each channel has its mean subtracted, and is divided by its deviation.
Without augmentation; the authors had 8.81 % with it.
Cost: an hour or two on an accelerator; not run here.
"""

from heirloom.recipes.published import Published
from heirloom.recipes.recipe import Recipe

RECIPE = Recipe(
    model="nin_cifar",
    data="cifar10",
    split="train+val",  # all 50,000
    epochs=308,
    max_steps=120_000,
    batch_size=128,
    optimizer="sgd",
    lr=0.1,
    bias_lr=2.0,
    layer_lr="cccp6.weight:0:0.1 cccp6.bias:0:0.05",
    momentum=0.9,
    weight_decay=1e-4,
    bias_decay=0.0,
    schedule="update_steps",
    lr_steps="100000:0.1 115000:0.01",
    normalise="channels",
)
PUBLISHED = Published(0.8959, "Lin et al. 2013, table 1: 10.41 % error, not augmented", verified=False)
