"""ResNet-20 on CIFAR-10.

Source: He, Zhang, Ren, Sun 2015, section 4.2: 64,000 updates with 128 images, rate 0.1, divided by ten
after 32,000 and 48,000, momentum 0.9, weight decay 0.0001; 4 pixels padded on each side, crops of 32,
mirrored; the mean of each pixel subtracted. When the rate falls had been chosen on 45,000 and 5,000 of the
training images.
Departs: grey values are from 0 to 1, which batch normalisation makes good. Weight decay is that of all
parameters, as in fb.resnet.torch.
Cost: about twelve hours on two cores, some minutes on an accelerator; not run here.
"""

from heirloom.recipes.published import Published
from heirloom.recipes.recipe import Recipe

RECIPE = Recipe(
    model="resnet20",
    data="cifar10",
    split="train+val",  # all 50,000
    epochs=164,
    max_steps=64_000,
    batch_size=128,
    optimizer="sgd",
    lr=0.1,
    momentum=0.9,
    weight_decay=1e-4,
    schedule="update_steps",
    lr_steps="32000:0.1 48000:0.01",
    augment="pad_crop",
    normalise="mean_image",
)
PUBLISHED = Published(0.9125, "He et al. 2015, table 6: 8.75 % error")
