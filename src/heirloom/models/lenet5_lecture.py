"""LeNet-5 as a lecture tells it: a Gaussian output, a softmax, and the code in PyTorch and Keras.

Source: Kim 2023, "Case study: LeNet-5 and AlexNet", lecture deck 001.
Departs: see each network.
"""

import torch
from torch import nn

from heirloom.claim import Claim
from heirloom.layers import (
    AvgPool2d,
    Chain,
    Conv2d,
    Gaussian,
    MaxPool2d,
    ScaledTanh,
    Subsampling,
    TableConv2d,
)
from heirloom.models.initialisation import uniform_by_fan_in_
from heirloom.models.lenet5 import C3_READS


class LeNet5Gaussian(Chain):
    """LeNet-5 as a lecture counts it, "(84 + 1) * 10": a trained Gaussian output.

    A unit has 84 trained centres and a trained width.

    Departs: the deck gives no formula; scores are the logarithms of Gaussian densities. Centres start
    at random corners of the cube of side 2, widths at the square root of 84.

    Shape: input (B, in_chans, 32, 32); output (B, num_classes).
    """

    def __init__(self, num_classes: int = 10, in_chans: int = 1) -> None:
        super().__init__(
            (in_chans, 32, 32),
            c1=Conv2d(in_chans, 6, 5),  # 6 x 28 x 28
            c1_squash=ScaledTanh(),
            s2=Subsampling(6),  # 6 x 14 x 14
            s2_squash=ScaledTanh(),
            c3=TableConv2d(C3_READS, 6, 5),  # 16 x 10 x 10
            c3_squash=ScaledTanh(),
            s4=Subsampling(16),  # 16 x 5 x 5
            s4_squash=ScaledTanh(),
            c5=Conv2d(16, 120, 5),  # 120 x 1 x 1
            c5_squash=ScaledTanh(),
            flatten=nn.Flatten(),  # 120
            f6=nn.Linear(120, 84),  # 84
            f6_squash=ScaledTanh(),
            output=Gaussian(84, num_classes),  # 10
        )
        uniform_by_fan_in_(self)
        output = self.get_submodule("output")
        assert isinstance(output, Gaussian)
        with torch.no_grad():
            output.centre.bernoulli_(0.5).mul_(2).sub_(1)
            output.width.fill_(84**0.5)


class LeNet5Softmax(Chain):
    """LeNet-5 simplified: C3 reads every map, plain averages, tanh, scores for a softmax.

    Departs: the deck says "TanH", "Avg. pooling", "softmax" and no more; initial weights are the paper's.

    Shape: input (B, in_chans, 32, 32); output (B, num_classes).
    """

    def __init__(self, num_classes: int = 10, in_chans: int = 1) -> None:
        super().__init__(
            (in_chans, 32, 32),
            c1=Conv2d(in_chans, 6, 5),  # 6 x 28 x 28
            c1_tanh=nn.Tanh(),
            s2=AvgPool2d(2),  # 6 x 14 x 14
            c3=Conv2d(6, 16, 5),  # 16 x 10 x 10
            c3_tanh=nn.Tanh(),
            s4=AvgPool2d(2),  # 16 x 5 x 5
            c5=Conv2d(16, 120, 5),  # 120 x 1 x 1
            c5_tanh=nn.Tanh(),
            flatten=nn.Flatten(),  # 120
            f6=nn.Linear(120, 84),  # 84
            f6_tanh=nn.Tanh(),
            output=nn.Linear(84, num_classes),  # 10
        )
        uniform_by_fan_in_(self)


class LeNet5ReluMax(Chain):
    """LeNet-5 as a lecture's PyTorch code: ReLU, maximum pooling; its checkpoints load here.

    Departs: none known; initial weights are PyTorch's, as in the deck.

    Shape: input (B, in_chans, 32, 32); output (B, num_classes).
    """

    def __init__(self, num_classes: int = 10, in_chans: int = 1) -> None:
        super().__init__(
            (in_chans, 32, 32),
            conv1=Conv2d(in_chans, 6, 5),  # 6 x 28 x 28
            relu1=nn.ReLU(),
            pool1=MaxPool2d(2),  # 6 x 14 x 14
            conv2=Conv2d(6, 16, 5),  # 16 x 10 x 10
            relu2=nn.ReLU(),
            pool2=MaxPool2d(2),  # 16 x 5 x 5
            flatten=nn.Flatten(),  # 400
            fc1=nn.Linear(16 * 5 * 5, 120),  # 120
            relu3=nn.ReLU(),
            fc2=nn.Linear(120, 84),  # 84
            relu4=nn.ReLU(),
            fc3=nn.Linear(84, num_classes),  # 10
        )


class LeNet5ReluAvg(Chain):
    """LeNet-5 as a lecture's Keras code: ReLU and average pooling.

    Departs: the softmax that ends the deck's code is left to the loss; Keras flattens rows, columns,
    maps in that order, PyTorch maps first. Initial weights are Keras': Glorot's uniform, biases 0.

    Shape: input (B, in_chans, 32, 32); output (B, num_classes).
    """

    def __init__(self, num_classes: int = 10, in_chans: int = 1) -> None:
        super().__init__(
            (in_chans, 32, 32),
            conv2d=Conv2d(in_chans, 6, 5),  # 6 x 28 x 28
            relu1=nn.ReLU(),
            average_pooling2d=AvgPool2d(2),  # 6 x 14 x 14
            conv2d_1=Conv2d(6, 16, 5),  # 16 x 10 x 10
            relu2=nn.ReLU(),
            average_pooling2d_1=AvgPool2d(2),  # 16 x 5 x 5
            flatten=nn.Flatten(),  # 400
            dense=nn.Linear(16 * 5 * 5, 120),  # 120
            relu3=nn.ReLU(),
            dense_1=nn.Linear(120, 84),  # 84
            relu4=nn.ReLU(),
            dense_2=nn.Linear(84, num_classes),  # 10
        )
        for layer in self:
            if isinstance(layer, nn.Conv2d | nn.Linear):
                nn.init.xavier_uniform_(layer.weight)
                if layer.bias is not None:
                    nn.init.zeros_(layer.bias)


_DECK = "lecture deck 001"
_MODERN = (
    Claim("parameters", 61_706, "arithmetic: 156 + 2,416 + 48,120 + 10,164 + 850"),
    Claim("macs", 416_520, "arithmetic"),
    Claim("parameters", 62_006, "arithmetic: 6 x 2 x 25 weights more for colour", args={"in_chans": 3}),
    Claim("macs", 651_720, "arithmetic, colour", args={"in_chans": 3}),
)
CLAIMS = {
    "lenet5_gaussian": (
        Claim("parameters", 60_850, f"{_DECK}, total number of free parameters"),
        Claim("connections", 340_918, f"{_DECK}, total number of connections per image"),
        Claim("parameters", 156, f"{_DECK}, input to C1", layer="c1"),
        Claim("connections", 122_304, f"{_DECK}, input to C1", layer="c1"),
        Claim("parameters", 12, f"{_DECK}, C1 to S2", layer="s2"),
        Claim("connections", 5_880, f"{_DECK}, C1 to S2", layer="s2"),
        Claim("parameters", 1_516, f"{_DECK}, S2 to C3", layer="c3"),
        Claim("connections", 151_600, f"{_DECK}, S2 to C3", layer="c3"),
        Claim("parameters", 32, f"{_DECK}, C3 to S4", layer="s4"),
        Claim("connections", 2_000, f"{_DECK}, C3 to S4", layer="s4"),
        Claim("parameters", 48_120, f"{_DECK}, S4 to C5", layer="c5"),
        Claim("parameters", 10_164, f"{_DECK}, C5 to F6", layer="f6"),
        Claim("parameters", 850, f"{_DECK}, F6 to output", layer="output"),
        Claim("connections", 850, f"{_DECK}, F6 to output", layer="output"),
    ),
    "lenet5_softmax": _MODERN,
    "lenet5_relu_max": _MODERN,
    "lenet5_relu_avg": _MODERN,
}
