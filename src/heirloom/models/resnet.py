"""Residual networks of 2015: 18 to 152 layers for ImageNet, 20 to 1202 for CIFAR-10.

Source: He, Zhang, Ren, Sun 2015, "Deep residual learning for image recognition", arXiv 1512.03385: table 1
and section 3.3 for ImageNet, section 4.2 for CIFAR-10, the shortcuts A, B, C of section 4.1.
``version="v1.5"`` and the details of option A are those of the code that followed, fb.resnet.torch
(models/resnet.lua).
Departs: the paper takes its initial weights from "Delving deep into rectifiers" (He et al. 2015), which
derives two variances, 2 / fan-in and 2 / fan-out, and calls either sufficient; here the second, as in
fb.resnet.torch. Of the fully connected layer neither says much: its weights are U(-1/sqrt(F), 1/sqrt(F)), F
its inputs, as Torch left them, its biases 0.
"""

from collections.abc import Sequence
from typing import Any, Literal

import torch.nn.functional as F
from torch import Tensor, nn

from heirloom.claim import Claim
from heirloom.errors import check_choice
from heirloom.layers import Chain

Shortcut = Literal["A", "B", "C"]
"""What carries a block's input past it: A only identities, B a projection where the size changes, C always."""
Version = Literal["v1", "v1.5"]
"""Where a bottleneck halves the image: v1 in its first 1 x 1 convolution (the paper), v1.5 in the 3 x 3."""


def conv(in_maps: int, maps: int, kernel: int, stride: int = 1, groups: int = 1) -> nn.Conv2d:
    """A convolution that keeps the size, or halves it; without a bias, which batch normalisation has."""
    return nn.Conv2d(in_maps, maps, kernel, stride, padding=kernel // 2, groups=groups, bias=False)


class Projection(nn.Module):
    """Options B and C: a 1 x 1 convolution to the size of the block's output."""

    def __init__(self, in_maps: int, maps: int, stride: int) -> None:
        super().__init__()
        self.conv = conv(in_maps, maps, 1, stride)
        self.bn = nn.BatchNorm2d(maps)

    def forward(self, x: Tensor) -> Tensor:
        """Shape: input (B, in_maps, H, W); output (B, maps, H / stride, W / stride)."""
        out: Tensor = self.bn(self.conv(x))
        return out


class ZeroMaps(nn.Module):
    """Option A: every other pixel as it is, and maps of zeros for those that the input lacks. No parameters."""

    def __init__(self, in_maps: int, maps: int, stride: int) -> None:
        super().__init__()
        self.missing, self.stride = maps - in_maps, stride

    def forward(self, x: Tensor) -> Tensor:
        """Shape: as `Projection`."""
        every_other = x[:, :, :: self.stride, :: self.stride]
        return F.pad(every_other, (0, 0, 0, 0, 0, self.missing))


def shortcut_of(option: Shortcut, in_maps: int, maps: int, stride: int) -> nn.Module:
    """The shortcut of one block, by the paper's option."""
    check_choice("shortcut", option, "ABC")
    if option == "C" or (option == "B" and in_maps != maps):
        return Projection(in_maps, maps, stride)
    return nn.Identity() if in_maps == maps else ZeroMaps(in_maps, maps, stride)


class Block(nn.Module):
    """Figure 5, left: two 3 x 3 convolutions and a shortcut.

    Args:
        in_maps: Maps that it reads.
        maps: Maps that it returns.
        stride: 2 where it halves the image.
        shortcut: As `Shortcut`.
        version: Changes nothing here: the first convolution is a 3 x 3.

    Shape: input (B, in_maps, H, W); output (B, maps, H / stride, W / stride).
    """

    expansion = 1

    def __init__(
        self, in_maps: int, maps: int, stride: int, shortcut: Shortcut = "B", version: Version = "v1"
    ) -> None:
        super().__init__()
        check_choice("version", version, ("v1", "v1.5"))
        self.conv1 = conv(in_maps, maps, 3, stride)
        self.bn1 = nn.BatchNorm2d(maps)
        self.relu1 = nn.ReLU()
        self.conv2 = conv(maps, maps, 3)
        self.bn2 = nn.BatchNorm2d(maps)
        self.shortcut = shortcut_of(shortcut, in_maps, maps, stride)
        self.relu2 = nn.ReLU()

    def forward(self, x: Tensor) -> Tensor:
        """See the class for shapes."""
        out = self.relu1(self.bn1(self.conv1(x)))
        out = self.bn2(self.conv2(out))
        out = self.relu2(out + self.shortcut(x))
        return out


class Bottleneck(nn.Module):
    """Figure 5, right: 1 x 1 to fewer maps, 3 x 3, 1 x 1 to four times as many, and a shortcut.

    Args:
        in_maps: Maps that it reads.
        maps: A quarter of the maps that it returns.
        stride: 2 where it halves the image.
        shortcut: As `Shortcut`.
        version: As `Version`.
        inner: Maps of the 3 x 3 convolution, as a multiple of ``maps``.
        groups: Groups of the 3 x 3 convolution.

    Shape: input (B, in_maps, H, W); output (B, 4 maps, H / stride, W / stride).
    """

    expansion = 4

    def __init__(
        self,
        in_maps: int,
        maps: int,
        stride: int,
        shortcut: Shortcut = "B",
        version: Version = "v1",
        inner: int = 1,
        groups: int = 1,
    ) -> None:
        super().__init__()
        check_choice("version", version, ("v1", "v1.5"))
        first, second = (stride, 1) if version == "v1" else (1, stride)
        self.conv1 = conv(in_maps, maps * inner, 1, first)
        self.bn1 = nn.BatchNorm2d(maps * inner)
        self.relu1 = nn.ReLU()
        self.conv2 = conv(maps * inner, maps * inner, 3, second, groups)
        self.bn2 = nn.BatchNorm2d(maps * inner)
        self.relu2 = nn.ReLU()
        self.conv3 = conv(maps * inner, 4 * maps, 1)
        self.bn3 = nn.BatchNorm2d(4 * maps)
        self.shortcut = shortcut_of(shortcut, in_maps, 4 * maps, stride)
        self.relu3 = nn.ReLU()

    def forward(self, x: Tensor) -> Tensor:
        """See the class for shapes."""
        out = self.relu1(self.bn1(self.conv1(x)))
        out = self.relu2(self.bn2(self.conv2(out)))
        out = self.bn3(self.conv3(out))
        out = self.relu3(out + self.shortcut(x))
        return out


def stage(
    block: type[Block] | type[Bottleneck], count: int, in_maps: int, maps: int, stride: int, **options: Any
) -> nn.Sequential:
    """Blocks of one size, numbered from 0; the first makes the size. ``options`` are those of the block."""
    first = block(in_maps, maps, stride, **options)
    others = (block(block.expansion * maps, maps, 1, **options) for _ in range(count - 1))
    return nn.Sequential(first, *others)


class ResNet(Chain):
    """Table 1, a residual network for images of 224 x 224 pixels.

    Args:
        block: `Block` or `Bottleneck`.
        counts: Blocks of conv2_x to conv5_x.
        num_classes: Number of classes.
        in_chans: Input channels.
        **options: Those of the block.

    Shape: input (B, in_chans, 224, 224), RGB; output (B, num_classes).
    """

    def __init__(
        self,
        block: type[Block] | type[Bottleneck],
        counts: Sequence[int],
        num_classes: int,
        in_chans: int,
        **options: Any,
    ) -> None:
        n2, n3, n4, n5 = counts
        e = block.expansion  # 1 or 4
        super().__init__(
            (in_chans, 224, 224),
            conv1=conv(in_chans, 64, 7, stride=2),  # 64 x 112 x 112
            bn1=nn.BatchNorm2d(64),
            relu1=nn.ReLU(),
            pool1=nn.MaxPool2d(3, stride=2, padding=1),  # 64 x 56 x 56
            conv2_x=stage(block, n2, 64, 64, 1, **options),  # 64e x 56 x 56
            conv3_x=stage(block, n3, 64 * e, 128, 2, **options),  # 128e x 28 x 28
            conv4_x=stage(block, n4, 128 * e, 256, 2, **options),  # 256e x 14 x 14
            conv5_x=stage(block, n5, 256 * e, 512, 2, **options),  # 512e x 7 x 7
            avgpool=nn.AvgPool2d(7),  # 512e x 1 x 1
            flatten=nn.Flatten(),  # 512e
            fc=nn.Linear(512 * e, num_classes),  # 1000
        )
        initialise_(self)


class CifarResNet(Chain):
    """Section 4.2, a residual network of 6n + 2 layers for images of 32 x 32 pixels.

    Args:
        n: Blocks of each size.
        num_classes: Number of classes.
        in_chans: Input channels.
        shortcut: As `Shortcut`.

    Shape: input (B, in_chans, 32, 32), RGB less the mean of the training set; output (B, num_classes).
    """

    def __init__(self, n: int, num_classes: int, in_chans: int, shortcut: Shortcut) -> None:
        super().__init__(
            (in_chans, 32, 32),
            conv1=conv(in_chans, 16, 3),  # 16 x 32 x 32
            bn1=nn.BatchNorm2d(16),
            relu1=nn.ReLU(),
            conv2_x=stage(Block, n, 16, 16, 1, shortcut=shortcut),  # 16 x 32 x 32
            conv3_x=stage(Block, n, 16, 32, 2, shortcut=shortcut),  # 32 x 16 x 16
            conv4_x=stage(Block, n, 32, 64, 2, shortcut=shortcut),  # 64 x 8 x 8
            avgpool=nn.AvgPool2d(8),  # 64 x 1 x 1
            flatten=nn.Flatten(),  # 64
            fc=nn.Linear(64, num_classes),  # 10
        )
        initialise_(self)


def initialise_(net: nn.Module) -> None:
    """Convolutions from N(0, 2 / fan-out), normalisation 1 and 0, the fully connected layer as Torch left it."""
    for layer in net.modules():
        if isinstance(layer, nn.Conv2d):
            nn.init.kaiming_normal_(layer.weight, mode="fan_out", nonlinearity="relu")
        elif isinstance(layer, nn.Linear):
            nn.init.uniform_(layer.weight, -(layer.in_features**-0.5), layer.in_features**-0.5)
            nn.init.zeros_(layer.bias)


def resnet18(
    num_classes: int = 1000, in_chans: int = 3, version: Version = "v1", shortcut: Shortcut = "B"
) -> ResNet:
    """ResNet-18 for ImageNet: 8 blocks of two 3 x 3 convolutions."""
    return ResNet(Block, (2, 2, 2, 2), num_classes, in_chans, version=version, shortcut=shortcut)


def resnet34(
    num_classes: int = 1000, in_chans: int = 3, version: Version = "v1", shortcut: Shortcut = "B"
) -> ResNet:
    """ResNet-34 for ImageNet: 16 blocks of two 3 x 3 convolutions."""
    return ResNet(Block, (3, 4, 6, 3), num_classes, in_chans, version=version, shortcut=shortcut)


def resnet50(
    num_classes: int = 1000, in_chans: int = 3, version: Version = "v1", shortcut: Shortcut = "B"
) -> ResNet:
    """ResNet-50 for ImageNet: 16 bottlenecks."""
    return ResNet(Bottleneck, (3, 4, 6, 3), num_classes, in_chans, version=version, shortcut=shortcut)


def resnet101(
    num_classes: int = 1000, in_chans: int = 3, version: Version = "v1", shortcut: Shortcut = "B"
) -> ResNet:
    """ResNet-101 for ImageNet: 33 bottlenecks."""
    return ResNet(Bottleneck, (3, 4, 23, 3), num_classes, in_chans, version=version, shortcut=shortcut)


def resnet152(
    num_classes: int = 1000, in_chans: int = 3, version: Version = "v1", shortcut: Shortcut = "B"
) -> ResNet:
    """ResNet-152 for ImageNet: 50 bottlenecks."""
    return ResNet(Bottleneck, (3, 8, 36, 3), num_classes, in_chans, version=version, shortcut=shortcut)


def resnet20(num_classes: int = 10, in_chans: int = 3, shortcut: Shortcut = "A") -> CifarResNet:
    """ResNet-20 for CIFAR-10: n = 3."""
    return CifarResNet(3, num_classes, in_chans, shortcut)


def resnet32(num_classes: int = 10, in_chans: int = 3, shortcut: Shortcut = "A") -> CifarResNet:
    """ResNet-32 for CIFAR-10: n = 5."""
    return CifarResNet(5, num_classes, in_chans, shortcut)


def resnet44(num_classes: int = 10, in_chans: int = 3, shortcut: Shortcut = "A") -> CifarResNet:
    """ResNet-44 for CIFAR-10: n = 7."""
    return CifarResNet(7, num_classes, in_chans, shortcut)


def resnet56(num_classes: int = 10, in_chans: int = 3, shortcut: Shortcut = "A") -> CifarResNet:
    """ResNet-56 for CIFAR-10: n = 9."""
    return CifarResNet(9, num_classes, in_chans, shortcut)


def resnet110(num_classes: int = 10, in_chans: int = 3, shortcut: Shortcut = "A") -> CifarResNet:
    """ResNet-110 for CIFAR-10: n = 18."""
    return CifarResNet(18, num_classes, in_chans, shortcut)


def resnet1202(num_classes: int = 10, in_chans: int = 3, shortcut: Shortcut = "A") -> CifarResNet:
    """ResNet-1202 for CIFAR-10: n = 200."""
    return CifarResNet(200, num_classes, in_chans, shortcut)


CLAIMS: dict[str, tuple[Claim, ...]] = {}
