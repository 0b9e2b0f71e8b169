"""AlexNet on ImageNet, by the schedule that the released program was run with.

Source: Krizhevsky, Sutskever, Hinton 2012, section 5: 128 images an update, momentum 0.9, weight decay
0.0005, rate 0.01, divided by ten three times when validation stopped improving, about 90 passes. When it
was divided is noted in the released program (cuda-convnet, layer-params-145.cfg): after 25, 51 and 79
passes; conv1 learns at a tenth from pass 67 on and rests from 72 on. From there are also the biases, at twice
the rate and without decay. Section 4.1: the mean image is subtracted; grey values stay 0 to 255.
Departs: that run was ended at pass 91, here after the paper's 90; it also took the noise from the colours at
pass 67, here it stays. conv1 rests at once, without what its velocity would still move it. The mean image is
that of the middle of the images, in the paper it is cut with each crop. Crops and mirroring as
`augment=alexnet` has them. Pass numbers are read as passes done.
Cost: days on an accelerator; not run here.
"""

from heirloom.recipes.published import Published
from heirloom.recipes.recipe import Recipe

RECIPE = Recipe(
    model="alexnet",
    data="imagenet",
    epochs=90,
    batch_size=128,
    optimizer="sgd",
    lr=0.01,
    bias_lr=2.0,
    layer_lr="conv1.*:67:0.1 conv1.*:72:0",
    momentum=0.9,
    weight_decay=5e-4,
    bias_decay=0.0,
    schedule="steps",
    lr_steps="25:0.1 51:0.01 79:0.001",
    augment="alexnet",
    normalise="mean_image",
    std=1 / 255,  # grey values 0 to 255
)
PUBLISHED = Published(0.593, "Krizhevsky et al. 2012, table 2: 1 CNN, 40.7 % error", "top1@val:10view")
