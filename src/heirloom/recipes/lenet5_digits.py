"""LeNet-5 of 1998 on scikit-learn's handwritten digits.

Source: network, grey values (background -0.1, strokes 1.175), size of the digits in the field (20 of 32
pixels), discriminative loss (equation 9) and kinds of distortion are those of LeCun et al. 1998; the
optimiser and its settings are ours, chosen on the validation split.
"""

from heirloom.recipes.recipe import Recipe

RECIPE = Recipe(
    model="lenet5",
    data="digits",
    epochs=60,
    batch_size=32,
    optimizer="adam",
    lr=3e-3,
    schedule="one_cycle",
    loss="map",
    augment="planar",
    box=20,
    mean=0.1 / 1.275,  # black becomes -0.1
    std=1 / 1.275,  # and white 1.175
)
