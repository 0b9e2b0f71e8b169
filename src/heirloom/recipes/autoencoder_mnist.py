"""Hinton's and Salakhutdinov's deep autoencoder on MNIST, trained without pretraining.

Source: the network and its 30 numbers; theirs was pretrained layer by layer, and tuned by conjugate
gradients on cross entropy. Optimiser, loss and their settings are ours.
Chosen: CHOSEN
Cost: COST
"""

from heirloom.recipes.published import Published
from heirloom.recipes.recipe import Recipe

RECIPE = Recipe(
    model="autoencoder",
    data="mnist",
    task="reconstruct",
    split="train+val",  # all 60,000
    epochs=12,
    batch_size=128,
    optimizer="adam",
    lr=2e-3,
    loss="mean_squared",
)
PUBLISHED = Published(
    3.00 / 784,
    "Hinton, Salakhutdinov 2006, figure 2B: 3.00 for an image of 784 pixels; principal components 13.87",
    metric="mse@test:center",
    verified=False,
)
