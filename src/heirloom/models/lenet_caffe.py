"""Caffe's LeNet: 20 and 50 maps, 500 hidden units.

Source: BVLC/caffe 9b89154, examples/mnist/lenet_train_test.prototxt.
Departs: none known.
"""

import math

from torch import nn

from heirloom.claim import Claim
from heirloom.layers import Chain, Conv2d, MaxPool2d


class LeNetCaffe(Chain):
    """Caffe's LeNet: 20 and 50 linear maps, maximum pooling, 500 rectified units.

    Initial weights are Caffe's "xavier": U(-sqrt(3/F), sqrt(3/F)) with F the fan-in; biases are 0.

    Shape: input (B, in_chans, 28, 28), grey values 0 to 255 divided by 256; output (B, num_classes).
    """

    def __init__(self, num_classes: int = 10, in_chans: int = 1) -> None:
        super().__init__(
            (in_chans, 28, 28),
            conv1=Conv2d(in_chans, 20, 5),  # 20 x 24 x 24
            pool1=MaxPool2d(2),  # 20 x 12 x 12
            conv2=Conv2d(20, 50, 5),  # 50 x 8 x 8
            pool2=MaxPool2d(2),  # 50 x 4 x 4
            flatten=nn.Flatten(),  # 800
            ip1=nn.Linear(50 * 4 * 4, 500),  # 500
            relu1=nn.ReLU(),
            ip2=nn.Linear(500, num_classes),  # 10
        )
        for layer in self:
            if isinstance(layer, nn.Conv2d | nn.Linear):
                bound = math.sqrt(3 / layer.weight[0].numel())
                nn.init.uniform_(layer.weight, -bound, bound)
                if layer.bias is not None:
                    nn.init.zeros_(layer.bias)


CLAIMS = {
    "lenet_caffe": (
        Claim("parameters", 431_080, "arithmetic on the prototxt: 520 + 25,050 + 400,500 + 5,010"),
        Claim("macs", 2_293_000, "arithmetic on the prototxt"),
        Claim("parameters", 520, "arithmetic on the prototxt: 20 x 26", layer="conv1"),
        Claim("parameters", 25_050, "arithmetic on the prototxt: 50 x 501", layer="conv2"),
        Claim("parameters", 400_500, "arithmetic on the prototxt: 500 x 801", layer="ip1"),
        Claim("parameters", 5_010, "arithmetic on the prototxt: 10 x 501", layer="ip2"),
        Claim("receptive_field", 5, "arithmetic", layer="conv1"),
        Claim("receptive_field", 6, "arithmetic", layer="pool1"),
        Claim("receptive_field", 14, "arithmetic", layer="conv2"),
        Claim("receptive_field", 16, "arithmetic", layer="pool2"),
        Claim("jump", 4, "arithmetic", layer="pool2"),
    )
}
