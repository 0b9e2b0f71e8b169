"""AlexNet, as its paper describes it.

Source: Krizhevsky, Sutskever, Hinton 2012, "ImageNet classification with deep convolutional neural
networks", sections 3 to 5 and figure 2.
Departs: 224 x 224 pixels give 55 x 55 units in figure 2, and (224 - 11) / 4 + 1 is 54.25: the first layer is
rounded up, as in the code of the paper, whose last windows read zeros beyond the image. The formula of
section 3.3 sums over "adjacent kernel maps" up to N, "the total number of kernels in the layer": so the
normalisation reads across the two columns, which the code does not do (`alexnet_source`). Dropout is
PyTorch's, which doubles what is kept in training, where the paper halves everything in the test: the inputs
of fc7 and fc8 are twice the paper's.
"""

from torch import nn

from heirloom.claim import Claim
from heirloom.layers import LRN, CeilConv2d, Chain, MaxPool2d
from heirloom.models.initialisation import normal_


class AlexNet(Chain):
    """AlexNet of 2012: two columns of maps, which meet in conv3 and from fc6 on.

    Weights are drawn from N(0, 0.01^2); biases are 1 in conv2, conv4, conv5, fc6 and fc7, else 0.

    Shape: input (B, in_chans, 224, 224), RGB less the mean of the training set; output (B, num_classes).
    """

    def __init__(self, num_classes: int = 1000, in_chans: int = 3) -> None:
        super().__init__(
            (in_chans, 224, 224),
            conv1=CeilConv2d(in_chans, 96, 11, stride=4),  # 96 x 55 x 55
            relu1=nn.ReLU(),
            norm1=LRN("paper"),
            pool1=MaxPool2d(3, stride=2),  # 96 x 27 x 27
            conv2=nn.Conv2d(96, 256, 5, padding=2, groups=2),  # 256 x 27 x 27
            relu2=nn.ReLU(),
            norm2=LRN("paper"),
            pool2=MaxPool2d(3, stride=2),  # 256 x 13 x 13
            conv3=nn.Conv2d(256, 384, 3, padding=1),  # 384 x 13 x 13
            relu3=nn.ReLU(),
            conv4=nn.Conv2d(384, 384, 3, padding=1, groups=2),  # 384 x 13 x 13
            relu4=nn.ReLU(),
            conv5=nn.Conv2d(384, 256, 3, padding=1, groups=2),  # 256 x 13 x 13
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


_PAPER = "Krizhevsky et al. 2012"
_TABLE = "arithmetic on the paper's figure 2"
CLAIMS = {
    "alexnet": (
        Claim("parameters", 60_965_224, _TABLE),
        Claim("macs", 724_406_816, _TABLE),
        Claim("connections", 726_168_264, f"{_TABLE}, biases and pooling with them"),
        Claim("parameters", "60 million", f"{_PAPER}, abstract"),
        Claim(
            "units",
            659_272,
            f"{_TABLE}: 290,400 + 186,624 + 2 x 64,896 + 43,264 + 2 x 4,096 + 1,000",
            off=-272_992,
            why="the paper counts neither the 150,528 numbers of an image nor the 122,464 pooled units",
        ),
        Claim(
            "units",
            650_000,
            f"{_PAPER}, abstract: 650,000 neurons",
            off=-282_264,
            why="rounded, and without the 150,528 numbers of an image and the 122,464 pooled units: 659,272",
        ),
        Claim("output_size", (96, 55, 55), f"{_PAPER}, figure 2", layer="conv1"),
        Claim("output_size", (256, 27, 27), f"{_PAPER}, figure 2", layer="conv2"),
        Claim("output_size", (384, 13, 13), f"{_PAPER}, figure 2", layer="conv3"),
        Claim("output_size", (384, 13, 13), f"{_PAPER}, figure 2", layer="conv4"),
        Claim("output_size", (256, 13, 13), f"{_PAPER}, figure 2", layer="conv5"),
        Claim("output_size", (9_216,), "arithmetic: 256 x 6 x 6", layer="flatten"),
        Claim("parameters", 34_944, "arithmetic: 96 x (3 x 121 + 1)", layer="conv1"),
        Claim("parameters", 307_456, "arithmetic: 256 x (48 x 25 + 1)", layer="conv2"),
        Claim("parameters", 885_120, "arithmetic: 384 x (256 x 9 + 1)", layer="conv3"),
        Claim("parameters", 663_936, "arithmetic: 384 x (192 x 9 + 1)", layer="conv4"),
        Claim("parameters", 442_624, "arithmetic: 256 x (192 x 9 + 1)", layer="conv5"),
        Claim("parameters", 37_752_832, "arithmetic: 4,096 x (9,216 + 1)", layer="fc6"),
        Claim("parameters", 16_781_312, "arithmetic: 4,096 x 4,097", layer="fc7"),
        Claim("parameters", 4_097_000, "arithmetic: 1,000 x 4,097", layer="fc8"),
        Claim("macs", 105_415_200, "arithmetic: 34,848 x 55 x 55", layer="conv1"),
        Claim("macs", 223_948_800, "arithmetic: 307,200 x 27 x 27", layer="conv2"),
        Claim("macs", 149_520_384, "arithmetic: 884,736 x 13 x 13", layer="conv3"),
        Claim("macs", 112_140_288, "arithmetic: 663,552 x 13 x 13", layer="conv4"),
        Claim("macs", 74_760_192, "arithmetic: 442,368 x 13 x 13", layer="conv5"),
        Claim("receptive_field", 11, "arithmetic", layer="conv1"),
        Claim("receptive_field", 19, "arithmetic: 11 + 2 x 4", layer="pool1"),
        Claim("receptive_field", 51, "arithmetic: 19 + 4 x 8", layer="conv2"),
        Claim("receptive_field", 67, "arithmetic: 51 + 2 x 8", layer="pool2"),
        Claim("receptive_field", 99, "arithmetic: 67 + 2 x 16", layer="conv3"),
        Claim("receptive_field", 131, "arithmetic: 99 + 2 x 16", layer="conv4"),
        Claim("receptive_field", 163, "arithmetic: 131 + 2 x 16", layer="conv5"),
        Claim("receptive_field", 195, "arithmetic: 163 + 2 x 16", layer="pool5"),
        Claim("receptive_field", 355, "arithmetic: 195 + 5 x 32", layer="fc6"),
        Claim("jump", 4, f"{_PAPER}, section 3.5: a stride of 4 pixels", layer="conv1"),
        Claim("jump", 8, "arithmetic", layer="conv2"),
        Claim("jump", 16, "arithmetic", layer="conv5"),
        Claim("jump", 32, "arithmetic", layer="pool5"),
    )
}
