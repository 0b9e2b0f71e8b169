"""Caffe's LeNet on MNIST with Caffe's solver.

Source: BVLC/caffe 9b89154, examples/mnist/lenet_solver.prototxt and lenet_train_test.prototxt: 10,000
updates with 64 images, rate 0.01 by the policy "inv" (gamma 0.0001, power 0.75), twice that for biases,
momentum 0.9, weight decay 0.0005, grey values divided by 256.
Departs: Caffe goes through its database in one order again and again, we draw an order for each pass.
Cost: about two minutes on one core.
"""

from heirloom.recipes.published import Published
from heirloom.recipes.recipe import Recipe

RECIPE = Recipe(
    model="lenet_caffe",
    data="mnist",
    split="train+val",  # all 60,000
    epochs=11,
    max_steps=10_000,
    batch_size=64,
    optimizer="sgd",
    lr=0.01,
    bias_lr=2.0,
    momentum=0.9,
    weight_decay=5e-4,
    schedule="inverse",
    std=256 / 255,  # grey values 0 to 255 divided by 256
)
PUBLISHED = Published(0.9897, "BVLC/caffe, examples/mnist/readme.md: test score at update 10,000")
