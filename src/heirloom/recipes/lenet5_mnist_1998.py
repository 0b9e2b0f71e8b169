"""LeNet-5 on MNIST as published in 1998.

Source: LeCun, Bottou, Bengio, Haffner 1998, section III.B and appendices A and C: 20 passes with one
pattern an update, the second-order method with mu = 0.02 and second derivatives from 500 patterns before
each pass, global rates of 0.0005 for two passes, 0.0002 for three, 0.0001 for three, 0.00005 for four and
0.00001 thereafter, the criterion of equation 9. These figures came to us second hand.
Departs: the criterion is read with half the squared distances, mu being 0.02 (`optimizers.DAMPING`), and
the initial weights with a root (`models/initialisation.py`): without them the first passes diverge. The
constant j of equation 9 was not at hand, here 0.1. The order of the patterns is drawn anew for each pass;
the 500 patterns are the first of the pass.
Cost: about 20 minutes on one core.
"""

from heirloom.recipes.published import Published
from heirloom.recipes.recipe import Recipe

RECIPE = Recipe(
    model="lenet5",
    data="mnist",
    split="train+val",  # all 60,000
    epochs=20,
    batch_size=1,
    optimizer="sdlm",
    lr=5e-4,
    schedule="steps",
    lr_steps="2:0.4 5:0.2 8:0.1 12:0.02",
    loss="map",
    box=28,
    mean=0.1 / 1.275,  # black becomes -0.1
    std=1 / 1.275,  # and white 1.175
)
PUBLISHED = Published(0.9905, "LeCun et al. 1998, section III.B: 0.95 % error", verified=False)
