"""ResNet-50 on ImageNet.

Source: He, Zhang, Ren, Sun 2015, section 3.4: 256 images an update, rate 0.1, divided by ten when the error
stands still, up to 600,000 updates (120 passes), momentum 0.9, weight decay 0.0001, no dropout; the shorter
side has 256 to 480 pixels, crops of 224, mirrored, colours as in AlexNet, the mean of each pixel
subtracted.
Departs: the paper does not say how long the error must have stood still: `lr_patience` passes. The mean
image is that of the middle of the images. Weight decay is that of all parameters, as in fb.resnet.torch.
Cost: days on an accelerator; not run here.
"""

from heirloom.recipes.published import Published
from heirloom.recipes.recipe import Recipe

RECIPE = Recipe(
    model="resnet50",
    data="imagenet",
    epochs=120,
    max_steps=600_000,
    batch_size=256,
    optimizer="sgd",
    lr=0.1,
    momentum=0.9,
    weight_decay=1e-4,
    schedule="plateau",
    augment="resnet",
    normalise="mean_image",
)
PUBLISHED = Published(0.7715, "He et al. 2015, table 3: 22.85 % error", "top1@val:10view")
