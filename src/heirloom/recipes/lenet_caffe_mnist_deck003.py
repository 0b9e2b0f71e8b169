"""Caffe's LeNet on MNIST as a lecture tells it: 20 and 50 maps, 500 units, 75 epochs at 0.01.

Source: Kim 2023, "CNN examples", lecture deck 003: "after training the network for 75 epochs with a
learning rate of 0.01".
Departs: the deck says no more; updates with 64 images, momentum, weight decay and the rate of the biases
are those of Caffe's solver, the rate stays as it is.
Cost: about a quarter of an hour on one core.
"""

import dataclasses

from heirloom.recipes.lenet_caffe_mnist import RECIPE as CAFFE
from heirloom.recipes.published import Published

RECIPE = dataclasses.replace(CAFFE, epochs=75, max_steps=0, schedule="constant")
PUBLISHED = Published(0.9938, "lecture deck 003: 99.38 %, 75 epochs, rate 0.01")
