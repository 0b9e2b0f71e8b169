"""The convolutional autoencoder on scikit-learn's handwritten digits, with ten numbers as the code.

Source: the network; optimiser and settings are ours, and so is the code's size, as in `autoencoder_digits`.
Chosen: on the validation split, not trained on, one seed: error 0.0044 after 60 epochs, where ten principal
components leave 0.0096. Nothing else was tried.
Cost: about a minute on one core.
"""

from heirloom.recipes.recipe import Recipe

RECIPE = Recipe(
    model="autoencoder_conv",
    data="digits",
    args="code=10",
    task="reconstruct",
    split="train+val",  # --set split=train shows the validation curve instead
    epochs=60,
    batch_size=32,
    optimizer="adam",
    lr=5e-3,
    loss="mean_squared",
)
