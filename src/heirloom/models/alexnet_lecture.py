"""AlexNet as lectures tell it: counted in one column, and shrunk to CIFAR-10 with batch normalisation.

Source: lecture deck 004, "CNN and classic networks", table of parameters; Kim 2023, "Case study: LeNet-5
and AlexNet", lecture deck 001, code in Keras.
Departs: see each network.
"""

from torch import nn

from heirloom.claim import Claim
from heirloom.layers import LRN, CeilConv2d, Chain, MaxPool2d
from heirloom.models.initialisation import normal_


class AlexNetSingle(Chain):
    """AlexNet in one column, every map reading all maps, as 62,378,344 parameters are counted.

    Departs: the deck's table lists convolutions, pooling and fully connected layers and no more; what it
    does not say, normalisation, dropout and initial weights, is the paper's.

    Shape: input (B, in_chans, 227, 227); output (B, num_classes).
    """

    def __init__(self, num_classes: int = 1000, in_chans: int = 3) -> None:
        super().__init__(
            (in_chans, 227, 227),
            conv1=nn.Conv2d(in_chans, 96, 11, stride=4),  # 96 x 55 x 55
            relu1=nn.ReLU(),
            norm1=LRN("paper"),
            pool1=MaxPool2d(3, stride=2),  # 96 x 27 x 27
            conv2=nn.Conv2d(96, 256, 5, padding=2),  # 256 x 27 x 27
            relu2=nn.ReLU(),
            norm2=LRN("paper"),
            pool2=MaxPool2d(3, stride=2),  # 256 x 13 x 13
            conv3=nn.Conv2d(256, 384, 3, padding=1),  # 384 x 13 x 13
            relu3=nn.ReLU(),
            conv4=nn.Conv2d(384, 384, 3, padding=1),  # 384 x 13 x 13
            relu4=nn.ReLU(),
            conv5=nn.Conv2d(384, 256, 3, padding=1),  # 256 x 13 x 13
            relu5=nn.ReLU(),
            pool5=MaxPool2d(3, stride=2),  # 256 x 6 x 6
            flatten=nn.Flatten(),  # 9216
            fc6=nn.Linear(256 * 6 * 6, 4096),  # 4096
            relu6=nn.ReLU(),
            drop6=nn.Dropout(0.5),  # 4096
            fc7=nn.Linear(4096, 4096),  # 4096
            relu7=nn.ReLU(),
            drop7=nn.Dropout(0.5),  # 4096
            fc8=nn.Linear(4096, num_classes),  # 1000
        )
        normal_(self, std=0.01, bias=dict.fromkeys(("conv2", "conv4", "conv5", "fc6", "fc7"), 1.0))


class AlexNetCifarBN(Chain):
    """AlexNet for CIFAR-10 as a lecture's Keras code: 32 x 32 pixels, batch normalisation everywhere.

    Departs: the softmax that ends the code is left to the loss; Keras flattens rows, columns, maps in that
    order, PyTorch maps first, which is the same here, where a map has one unit. Initial weights are Keras':
    Glorot's uniform, biases 0. The table beside the code shows a network for 227 x 227 pixels, not this one.

    Shape: input (B, in_chans, 32, 32); output (B, num_classes).
    """

    def __init__(self, num_classes: int = 10, in_chans: int = 3) -> None:
        super().__init__(
            (in_chans, 32, 32),
            # "same" adds 7 columns and rows of zeros: 3 on the left and on top, 4 on the other sides.
            conv1=CeilConv2d(in_chans, 96, 11, stride=4, padding=3),  # 96 x 8 x 8
            bn1=nn.BatchNorm2d(96, eps=1e-3, momentum=0.01),
            relu1=nn.ReLU(),
            pool1=MaxPool2d(2),  # 96 x 4 x 4
            conv2=nn.Conv2d(96, 256, 5, padding=2),  # 256 x 4 x 4
            bn2=nn.BatchNorm2d(256, eps=1e-3, momentum=0.01),
            relu2=nn.ReLU(),
            pool2=MaxPool2d(2),  # 256 x 2 x 2
            conv3=nn.Conv2d(256, 384, 3, padding=1),  # 384 x 2 x 2
            bn3=nn.BatchNorm2d(384, eps=1e-3, momentum=0.01),
            relu3=nn.ReLU(),
            conv4=nn.Conv2d(384, 384, 3, padding=1),  # 384 x 2 x 2
            bn4=nn.BatchNorm2d(384, eps=1e-3, momentum=0.01),
            relu4=nn.ReLU(),
            conv5=nn.Conv2d(384, 256, 3, padding=1),  # 256 x 2 x 2
            bn5=nn.BatchNorm2d(256, eps=1e-3, momentum=0.01),
            relu5=nn.ReLU(),
            pool5=MaxPool2d(2),  # 256 x 1 x 1
            flatten=nn.Flatten(),  # 256
            fc6=nn.Linear(256, 4096),  # 4096
            bn6=nn.BatchNorm1d(4096, eps=1e-3, momentum=0.01),
            relu6=nn.ReLU(),
            drop6=nn.Dropout(0.4),  # 4096
            fc7=nn.Linear(4096, 4096),  # 4096
            bn7=nn.BatchNorm1d(4096, eps=1e-3, momentum=0.01),
            relu7=nn.ReLU(),
            drop7=nn.Dropout(0.4),  # 4096
            fc8=nn.Linear(4096, 1000),  # 1000
            bn8=nn.BatchNorm1d(1000, eps=1e-3, momentum=0.01),
            relu8=nn.ReLU(),
            drop8=nn.Dropout(0.4),  # 1000
            fc9=nn.Linear(1000, num_classes),  # 10
            bn9=nn.BatchNorm1d(num_classes, eps=1e-3, momentum=0.01),
        )
        for layer in self:
            if isinstance(layer, nn.Conv2d | nn.Linear):
                nn.init.xavier_uniform_(layer.weight)
                if layer.bias is not None:
                    nn.init.zeros_(layer.bias)


_TABLE = "lecture deck 004, table of parameters"
CLAIMS = {
    "alexnet_single": (
        Claim("parameters", 62_378_344, f"{_TABLE}, total"),
        Claim("macs", 1_135_256_096, "arithmetic on lecture deck 004"),
        Claim("parameters", 34_944, _TABLE, layer="conv1"),
        Claim("parameters", 614_656, _TABLE, layer="conv2"),
        Claim("parameters", 885_120, _TABLE, layer="conv3"),
        Claim("parameters", 1_327_488, _TABLE, layer="conv4"),
        Claim("parameters", 884_992, _TABLE, layer="conv5"),
        Claim("parameters", 37_752_832, _TABLE, layer="fc6"),
        Claim("parameters", 16_781_312, _TABLE, layer="fc7"),
        Claim("parameters", 4_097_000, _TABLE, layer="fc8"),
        Claim("output_size", (96, 55, 55), _TABLE, layer="conv1"),
        Claim("output_size", (96, 27, 27), _TABLE, layer="pool1"),
        Claim("output_size", (256, 27, 27), _TABLE, layer="conv2"),
        Claim("output_size", (256, 13, 13), _TABLE, layer="pool2"),
        Claim("output_size", (384, 13, 13), _TABLE, layer="conv3"),
        Claim("output_size", (384, 13, 13), _TABLE, layer="conv4"),
        Claim("output_size", (256, 13, 13), _TABLE, layer="conv5"),
        Claim("output_size", (256, 6, 6), _TABLE, layer="pool5"),
        Claim("receptive_field", 163, "arithmetic", layer="conv5"),
        Claim("receptive_field", 195, "arithmetic", layer="pool5"),
    ),
    "alexnet_cifar_bn": (
        Claim("parameters", 25_709_350, "arithmetic on lecture deck 001"),
        Claim("fixed", 21_156, "arithmetic: a mean and a variance for each of 10,578 maps and units"),
        Claim(
            "parameters",
            25_730_506,
            "arithmetic on lecture deck 001, as Keras counts",
            off=21_156,
            why="Keras adds the means and variances of batch normalisation, which are not trained",
        ),
        Claim("parameters", 34_944, "arithmetic: 96 x (3 x 121 + 1)", layer="conv1"),
        Claim("parameters", 614_656, "arithmetic: 256 x (96 x 25 + 1)", layer="conv2"),
        Claim("parameters", 1_052_672, "arithmetic: 4,096 x (256 + 1)", layer="fc6"),
        Claim("parameters", 10_010, "arithmetic: 10 x (1,000 + 1)", layer="fc9"),
        Claim("output_size", (256,), "arithmetic: 32 / 4 / 2 / 2 / 2 = 1 unit a map", layer="flatten"),
    ),
}
