"""FractalNet of 20 layers on CIFAR-10.

Source: Larsson, Maire, Shakhnarovich 2017, section 4, second hand: 400 passes, 100 images an update, rate
0.02, a tenth of it whenever as many passes are left as half before, momentum 0.9; images shifted and
mirrored.
Departs: how far images are shifted is not at hand, here by up to 4 pixels; each channel less its mean and
by its deviation; no weight decay, which our source does not name.
Cost: hours on an accelerator; not run here.
"""

from heirloom.recipes.published import Published
from heirloom.recipes.recipe import Recipe

RECIPE = Recipe(
    model="fractalnet20",
    data="cifar10",
    split="train+val",  # all 50,000
    epochs=400,
    batch_size=100,
    optimizer="sgd",
    lr=0.02,
    momentum=0.9,
    schedule="steps",
    lr_steps="200:0.1 300:0.01 350:0.001 375:0.0001",
    augment="pad_crop",
    normalise="channels",
)
PUBLISHED = Published(
    0.954, "Larsson et al. 2017, table 1: 4.60 % error, drop-path and dropout", verified=False
)
