"""GoogLeNet of 2014: nine inception modules, and two heads more while it is trained.

Source: Szegedy, Liu, Jia, Sermanet, Reed, Anguelov, Erhan, Vanhoucke, Rabinovich 2014, "Going deeper with
convolutions", arXiv 1409.4842, table 1 and section 5. What the paper leaves open is taken from its
replication in Caffe (BVLC/caffe, models/bvlc_googlenet): padding, pooling that rounds sizes up, response
normalisation with alpha / n and k = 1, initial weights U(-sqrt(3/F), sqrt(3/F)) with F the fan-in, biases 0.2
and those of the classifiers 0. ``googlenet_bn`` is torchvision/models/googlenet.py.
Departs: torchvision's network has a 3 x 3 convolution in place of each 5 x 5, which its source calls a known
bug, a last pooling of 2 x 2 and dropout of 0.2; it is ``version="torchvision"``, and without it
``googlenet_bn`` has the shapes of the paper. Its auxiliary heads pool 14 x 14 maps in windows of 4 x 4; here
always the paper's 5 x 5.
"""

import math
from collections import OrderedDict
from typing import Any, Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from heirloom.claim import Claim
from heirloom.errors import check_choice
from heirloom.layers import LRN, WithAux, check_input


def conv(in_maps: int, maps: int, kernel: int, stride: int = 1, *, bn: bool) -> nn.Module:
    """A convolution that keeps the size, or halves it; ``bn`` normalises it over the batch."""
    layer = nn.Conv2d(in_maps, maps, kernel, stride, padding=kernel // 2, bias=not bn)
    if not bn:
        return layer
    return nn.Sequential(OrderedDict(conv=layer, bn=nn.BatchNorm2d(maps, eps=0.001)))


def pool(kernel: int = 3) -> nn.MaxPool2d:
    """Maximum pooling that halves the image, rounded up."""
    return nn.MaxPool2d(kernel, stride=2, ceil_mode=True)


class Inception(nn.Module):
    """Figure 2 (b): four branches side by side, each convolution rectified.

    Args:
        in_maps: Maps that it reads.
        b1x1: Maps of the first branch.
        b3x3: Maps of the second branch, before and after its 3 x 3 convolution.
        b5x5: Maps of the third branch, before and after its 5 x 5 convolution.
        pool_proj: Maps of the last branch, pooled and projected.
        bn: Normalise each convolution over the batch.
        large: Side of the third branch's kernel, in pixels.

    Shape: input (B, in_maps, H, W); output (B, b1x1 + b3x3[1] + b5x5[1] + pool_proj, H, W).
    """

    def __init__(
        self,
        in_maps: int,
        b1x1: int,
        b3x3: tuple[int, int],
        b5x5: tuple[int, int],
        pool_proj: int,
        *,
        bn: bool,
        large: int,
    ) -> None:
        super().__init__()
        self.b1x1 = conv(in_maps, b1x1, 1, bn=bn)
        self.b3x3_reduce = conv(in_maps, b3x3[0], 1, bn=bn)
        self.b3x3 = conv(b3x3[0], b3x3[1], 3, bn=bn)
        self.b5x5_reduce = conv(in_maps, b5x5[0], 1, bn=bn)
        self.b5x5 = conv(b5x5[0], b5x5[1], large, bn=bn)
        self.pool = nn.MaxPool2d(3, stride=1, padding=1)
        self.pool_proj = conv(in_maps, pool_proj, 1, bn=bn)

    def forward(self, x: Tensor) -> Tensor:
        """See the class for shapes."""
        branches = [
            F.relu(self.b1x1(x)),
            F.relu(self.b3x3(F.relu(self.b3x3_reduce(x)))),
            F.relu(self.b5x5(F.relu(self.b5x5_reduce(x)))),
            F.relu(self.pool_proj(self.pool(x))),
        ]
        return torch.cat(branches, dim=1)


class AuxiliaryHead(nn.Sequential):
    """Section 5, a classifier on 14 x 14 maps inside the network, with dropout of 70 %.

    Shape: input (B, in_maps, 14, 14); output (B, num_classes).
    """

    def __init__(self, in_maps: int, num_classes: int, *, bn: bool) -> None:
        super().__init__(
            OrderedDict(
                pool=nn.AvgPool2d(5, stride=3),
                conv=conv(in_maps, 128, 1, bn=bn),
                relu_conv=nn.ReLU(),
                flatten=nn.Flatten(),
                fc=nn.Linear(128 * 4 * 4, 1024),
                relu_fc=nn.ReLU(),
                drop=nn.Dropout(0.7),
                classifier=nn.Linear(1024, num_classes),
            )
        )


class GoogLeNet(nn.Module):
    """Table 1. In training with ``aux`` it returns `WithAux`, else scores.

    Args:
        num_classes: Number of classes.
        in_chans: Input channels.
        aux: Whether it has the two auxiliary heads.
        bn: Normalise each convolution over the batch, and no responses.
        large: Side of the inception modules' largest kernel, in pixels.
        last_pool: Side of the last maximum pooling's window, in pixels.
        dropout: Probability with which an input of the classifier is dropped.

    Shape: input (B, in_chans, 224, 224), RGB less its mean; output (B, num_classes).
    """

    def __init__(
        self,
        num_classes: int,
        in_chans: int,
        aux: bool,
        *,
        bn: bool = False,
        large: int = 5,
        last_pool: int = 3,
        dropout: float = 0.4,
    ) -> None:
        super().__init__()

        def inception(*maps: Any) -> Inception:
            return Inception(*maps, bn=bn, large=large)

        self.input_size = (in_chans, 224, 224)
        self.conv1 = conv(in_chans, 64, 7, stride=2, bn=bn)  # 64 x 112 x 112
        self.relu1 = nn.ReLU()
        self.pool1 = pool()  # 64 x 56 x 56
        self.norm1 = nn.Identity() if bn else LRN("caffe")  # 64 x 56 x 56
        self.conv2_reduce = conv(64, 64, 1, bn=bn)  # 64 x 56 x 56
        self.relu2_reduce = nn.ReLU()
        self.conv2 = conv(64, 192, 3, bn=bn)  # 192 x 56 x 56
        self.relu2 = nn.ReLU()
        self.norm2 = nn.Identity() if bn else LRN("caffe")  # 192 x 56 x 56
        self.pool2 = pool()  # 192 x 28 x 28
        self.inception_3a = inception(192, 64, (96, 128), (16, 32), 32)  # 256 x 28 x 28
        self.inception_3b = inception(256, 128, (128, 192), (32, 96), 64)  # 480 x 28 x 28
        self.pool3 = pool()  # 480 x 14 x 14
        self.inception_4a = inception(480, 192, (96, 208), (16, 48), 64)  # 512 x 14 x 14
        self.inception_4b = inception(512, 160, (112, 224), (24, 64), 64)  # 512 x 14 x 14
        self.inception_4c = inception(512, 128, (128, 256), (24, 64), 64)  # 512 x 14 x 14
        self.inception_4d = inception(512, 112, (144, 288), (32, 64), 64)  # 528 x 14 x 14
        self.inception_4e = inception(528, 256, (160, 320), (32, 128), 128)  # 832 x 14 x 14
        self.pool4 = pool(last_pool)  # 832 x 7 x 7
        self.inception_5a = inception(832, 256, (160, 320), (32, 128), 128)  # 832 x 7 x 7
        self.inception_5b = inception(832, 384, (192, 384), (48, 128), 128)  # 1024 x 7 x 7
        self.avgpool = nn.AvgPool2d(7)  # 1024 x 1 x 1
        self.flatten = nn.Flatten()  # 1024
        self.drop = nn.Dropout(dropout)  # 1024
        self.classifier = nn.Linear(1024, num_classes)  # 1000
        self.aux1 = AuxiliaryHead(512, num_classes, bn=bn) if aux else None
        self.aux2 = AuxiliaryHead(528, num_classes, bn=bn) if aux else None

    def forward(self, x: Tensor) -> Tensor | WithAux:
        """See the class for shapes."""
        check_input(self, x)
        x = self.norm1(self.pool1(self.relu1(self.conv1(x))))
        x = self.relu2_reduce(self.conv2_reduce(x))
        x = self.pool2(self.norm2(self.relu2(self.conv2(x))))
        x = self.pool3(self.inception_3b(self.inception_3a(x)))
        out_4a = self.inception_4a(x)
        out_4d = self.inception_4d(self.inception_4c(self.inception_4b(out_4a)))
        x = self.pool4(self.inception_4e(out_4d))
        x = self.avgpool(self.inception_5b(self.inception_5a(x)))
        scores: Tensor = self.classifier(self.drop(self.flatten(x)))
        if self.training and self.aux1 is not None and self.aux2 is not None:
            return WithAux(scores, (self.aux1(out_4a), self.aux2(out_4d)))
        return scores


def googlenet(num_classes: int = 1000, in_chans: int = 3, aux: bool = True) -> GoogLeNet:
    """GoogLeNet as published, with response normalisation and, in training, two auxiliary heads."""
    net = GoogLeNet(num_classes, in_chans, aux)
    for name, layer in net.named_modules():
        if isinstance(layer, nn.Conv2d | nn.Linear):
            bound = math.sqrt(3 / layer.weight[0].numel())
            nn.init.uniform_(layer.weight, -bound, bound)
            assert layer.bias is not None
            nn.init.constant_(layer.bias, 0.0 if name.endswith("classifier") else 0.2)
    return net


def googlenet_bn(
    num_classes: int = 1000,
    in_chans: int = 3,
    aux: bool = True,
    version: Literal["paper", "torchvision"] = "paper",
) -> GoogLeNet:
    """GoogLeNet with batch normalisation, with the paper's 5 x 5 convolutions or as torchvision has it.

    Initial weights are torchvision's: N(0, 0.01^2), what lies beyond two deviations drawn again.
    """
    check_choice("version", version, ("paper", "torchvision"))
    if version == "paper":
        net = GoogLeNet(num_classes, in_chans, aux, bn=True)
    else:
        net = GoogLeNet(num_classes, in_chans, aux, bn=True, large=3, last_pool=2, dropout=0.2)
    for layer in net.modules():
        if isinstance(layer, nn.Conv2d | nn.Linear):
            nn.init.trunc_normal_(layer.weight, std=0.01, a=-0.02, b=0.02)
    return net


_PAPER = "Szegedy et al. 2014"
_WITHOUT_HEADS = {"aux": False}
_FIELDS = (
    Claim("receptive_field", 7, "arithmetic", layer="conv1"),
    Claim("receptive_field", 11, "arithmetic", layer="pool1"),
    Claim("receptive_field", 27, "arithmetic", layer="pool2"),
    Claim("receptive_field", 91, "arithmetic: 27 + 2 x 32", layer="inception_3b.cat"),
    Claim("receptive_field", 427, "arithmetic: 91 + 16 + 5 x 64", layer="inception_4e.cat"),
    Claim("receptive_field", 715, "arithmetic: 427 + 32 + 2 x 128", layer="inception_5b.cat"),
    Claim("jump", 32, "arithmetic", layer="inception_5b.cat"),
)
_SIZES = tuple(
    Claim("output_size", size, f"{_PAPER}, table 1", layer=layer)
    for layer, size in {
        "conv1": (64, 112, 112),
        "pool1": (64, 56, 56),
        "conv2": (192, 56, 56),
        "pool2": (192, 28, 28),
        "inception_3a.cat": (256, 28, 28),
        "inception_3b.cat": (480, 28, 28),
        "pool3": (480, 14, 14),
        "inception_4a.cat": (512, 14, 14),
        "inception_4b.cat": (512, 14, 14),
        "inception_4c.cat": (512, 14, 14),
        "inception_4d.cat": (528, 14, 14),
        "inception_4e.cat": (832, 14, 14),
        "pool4": (832, 7, 7),
        "inception_5a.cat": (832, 7, 7),
        "inception_5b.cat": (1024, 7, 7),
        "avgpool": (1024, 1, 1),
        "classifier": (1000,),
    }.items()
)
CLAIMS = {
    "googlenet": (
        *_SIZES,
        *_FIELDS,
        Claim("parameters", 6_998_552, "arithmetic on table 1, with biases", args=_WITHOUT_HEADS),
        Claim("parameters", 13_378_280, "arithmetic on table 1 and section 5: 6,379,728 in the two heads"),
        Claim("macs", 1_582_671_872, "arithmetic on table 1"),
        Claim("parameters", 9_472, "arithmetic: 64 x (3 x 7 x 7 + 1)", layer="conv1"),
        Claim("parameters", 1_025_000, "arithmetic: 1000 x 1025", layer="classifier"),
        Claim(
            "parameters",
            2_700,
            f"{_PAPER}, table 1, first row",
            layer="conv1",
            off=-6_772,
            why="a dense 7 x 7 convolution of 3 maps has 9,408 weights; 2,712 fit a separable one, perhaps",
        ),
        Claim(
            "macs",
            34_000_000,
            f"{_PAPER}, table 1, first row",
            layer="conv1",
            off=-84_013_952,
            why="9,408 weights at 112 x 112 places are 118 million; 34 fit a separable one, perhaps",
        ),
        Claim(
            "parameters",
            6_797_700,
            f"{_PAPER}, table 1, sum of the column",
            off=-200_852,
            why="the table leaves out biases, rounds, and differs in its first row and in 4c and 5a",
            args=_WITHOUT_HEADS,
        ),
        Claim(
            "macs",
            1_502_000_000,
            f"{_PAPER}, table 1, sum of the column",
            off=-80_671_872,
            why="the table rounds, and has 84 million fewer in its first row",
        ),
    ),
    "googlenet_bn": (
        *_FIELDS[1:],
        Claim("parameters", 7_005_832, "arithmetic on table 1, without biases", args=_WITHOUT_HEADS),
        Claim("macs", 1_582_671_872, "arithmetic on table 1"),
        Claim("fixed", 14_560, "arithmetic: a mean and a variance per map", args=_WITHOUT_HEADS),
        Claim(
            "parameters",
            6_624_904,
            "torchvision/models/googlenet.py, num_params of the weights",
            args={"aux": False, "version": "torchvision"},
        ),
        Claim(
            "macs",
            1_498_376_192,
            "arithmetic; torchvision's _ops prints 1.498",
            args={"version": "torchvision"},
        ),
        Claim(
            "receptive_field",
            379,
            "arithmetic: 3 x 3 for 5 x 5, and the last pooling 2 x 2",
            layer="inception_5b.cat",
            args={"version": "torchvision"},
        ),
    ),
}
