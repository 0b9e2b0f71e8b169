"""HEAD

Source: the network; optimiser and settings are ours.
Chosen: CHOSEN
Cost: COST
"""

from heirloom.recipes.recipe import Recipe

RECIPE = Recipe(
    model="autoencoder_sparse",
    data="mnist",
    task="reconstruct",
    split="train+val",  # all 60,000
    epochs=3,
    batch_size=64,
    optimizer="adam",
    lr=2e-3,
    loss="mean_squared",
)
