"""Residual networks of 2015: 18 to 152 layers for ImageNet, 20 to 1202 for CIFAR-10.

Source: He, Zhang, Ren, Sun 2015, "Deep residual learning for image recognition", arXiv 1512.03385: table 1
and section 3.3 for ImageNet, section 4.2 for CIFAR-10, the shortcuts A, B, C of section 4.1. That a
bottleneck halves the image in its first convolution is seen in the authors' files
(KaimingHe/deep-residual-networks). ``version="v1.5"`` and the details of option A are those of the training
code that they name, fb.resnet.torch (models/resnet.lua).
Departs: the paper takes its initial weights from "Delving deep into rectifiers" (He et al. 2015), which
derives two variances, 2 / fan-in and 2 / fan-out, and calls either sufficient; here the second, as in
fb.resnet.torch. Of the fully connected layer neither says much: its weights are U(-1/sqrt(F), 1/sqrt(F)), F
its inputs, as Torch has them, its biases 0. The first pooling pads by 1 as fb.resnet.torch does; the authors'
files pool without padding and round up, to the same size two pixels aside. Statistics of batch normalisation
are moving averages; the authors took theirs anew after training.
"""

from collections.abc import Sequence
from typing import Any, Literal

import torch.nn.functional as F
from torch import Tensor, nn

from heirloom.claim import Claim
from heirloom.errors import check_choice
from heirloom.layers import Chain

Shortcut = Literal["A", "B", "C"]
"""What carries a block's input past it: A the identity, B a projection where the size changes, C always."""
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
    """Option A: every other pixel as it is, and zeros for the maps that the input lacks; no parameters."""

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


class Residual(nn.Module):
    """A block whose input goes past it and is added to what it computes."""

    expansion = 1
    """Maps that it returns, as a multiple of its argument ``maps``."""


class Block(Residual):
    """Figure 5, left: two 3 x 3 convolutions and a shortcut.

    Args:
        in_maps: Maps that it reads.
        maps: Maps that it returns.
        stride: 2 where it halves the image.
        shortcut: As `Shortcut`.
        version: Changes nothing here: the first convolution is a 3 x 3.

    Shape: input (B, in_maps, H, W); output (B, maps, H / stride, W / stride).
    """

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

    def residual(self, x: Tensor) -> Tensor:
        """What is added to the shortcut; see the class for shapes."""
        out: Tensor = self.bn2(self.conv2(self.relu1(self.bn1(self.conv1(x)))))
        return out

    def forward(self, x: Tensor) -> Tensor:
        """See the class for shapes."""
        total: Tensor = self.relu2(self.residual(x) + self.shortcut(x))
        return total


class Bottleneck(Residual):
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
        total: Tensor = self.relu3(out + self.shortcut(x))
        return total


def stage(
    block: type[Residual], count: int, in_maps: int, maps: int, stride: int, **options: Any
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
        block: type[Residual],
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
        block: `Block`, or one that is made of it.

    Shape: input (B, in_chans, 32, 32), RGB less the mean of the training set; output (B, num_classes).
    """

    def __init__(
        self, n: int, num_classes: int, in_chans: int, shortcut: Shortcut, block: type[Block] = Block
    ) -> None:
        super().__init__(
            (in_chans, 32, 32),
            conv1=conv(in_chans, 16, 3),  # 16 x 32 x 32
            bn1=nn.BatchNorm2d(16),
            relu1=nn.ReLU(),
            conv2_x=stage(block, n, 16, 16, 1, shortcut=shortcut),  # 16 x 32 x 32
            conv3_x=stage(block, n, 16, 32, 2, shortcut=shortcut),  # 32 x 16 x 16
            conv4_x=stage(block, n, 32, 64, 2, shortcut=shortcut),  # 64 x 8 x 8
            avgpool=nn.AvgPool2d(8),  # 64 x 1 x 1
            flatten=nn.Flatten(),  # 64
            fc=nn.Linear(64, num_classes),  # 10
        )
        initialise_(self)


def initialise_(net: nn.Module) -> None:
    """Convolutions from N(0, 2 / fan-out), the fully connected layer as Torch has it; see the file's head."""
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


_PAPER = "He et al. 2015"
_IMAGENET = (
    Claim("parameters", 9_408, "arithmetic: 64 x 3 x 7 x 7, no bias", layer="conv1"),
    Claim("macs", 118_013_952, "arithmetic: 9,408 x 112 x 112", layer="conv1"),
    Claim("output_size", (64, 112, 112), f"{_PAPER}, table 1", layer="conv1"),
    Claim("output_size", (64, 56, 56), f"{_PAPER}, table 1", layer="pool1"),
    Claim("receptive_field", 7, "arithmetic", layer="conv1"),
    Claim("receptive_field", 11, "arithmetic", layer="pool1"),
    Claim("jump", 4, "arithmetic", layer="pool1"),
)


def _deep(
    parameters: int, macs: int, printed: str, last: str, field: int, v1_5: tuple[int, int]
) -> tuple[Claim, ...]:
    """Claims about a network of bottlenecks; of v1.5 its multiply-accumulates and its receptive field."""
    halved_later = {"version": "v1.5"}
    return (
        *_IMAGENET,
        Claim("parameters", parameters, "arithmetic on table 1; torchvision's num_params, which is v1.5"),
        Claim("parameters", 2_049_000, "arithmetic: 1000 x 2049", layer="fc"),
        Claim("macs", macs, "arithmetic on table 1"),
        Claim("macs", printed, f"{_PAPER}, table 1: FLOPs, multiply-adds"),
        Claim("receptive_field", field, "arithmetic", layer=last),
        Claim("jump", 32, "arithmetic", layer=last),
        Claim(
            "macs", v1_5[0], "arithmetic on fb.resnet.torch; torchvision's _ops, rounded", args=halved_later
        ),
        Claim("parameters", parameters, "arithmetic on fb.resnet.torch", args=halved_later),
        Claim("receptive_field", v1_5[1], "arithmetic", layer=last, args=halved_later),
    )


def _shallow(
    parameters: dict[str, int], macs: dict[str, int], printed: str, last: str, field: int
) -> tuple[Claim, ...]:
    """Claims about a network without bottlenecks, by the shortcuts' option."""
    return (
        *_IMAGENET,
        Claim("parameters", 513_000, "arithmetic: 1000 x 513", layer="fc"),
        *(
            Claim("parameters", n, f"arithmetic on table 1, option {option}", args={"shortcut": option})
            for option, n in parameters.items()
        ),
        *(
            Claim("macs", n, f"arithmetic on table 1, option {option}", args={"shortcut": option})
            for option, n in macs.items()
        ),
        Claim("macs", printed, f"{_PAPER}, table 1: FLOPs, multiply-adds", args={"shortcut": "A"}),
        Claim("receptive_field", field, "arithmetic", layer=last),
        Claim("jump", 32, "arithmetic", layer=last),
    )


def _cifar(n: int, parameters: int, printed: str, macs: int) -> tuple[Claim, ...]:
    """Claims about a network of 6n + 2 layers."""
    last = f"conv4_x.{n - 1}.relu2"
    return (
        Claim("parameters", parameters, f"arithmetic on section 4.2, n = {n}, option A"),
        Claim("parameters", printed, f"{_PAPER}, table 6"),
        Claim("parameters", parameters + 2_752, "arithmetic: 512 + 2,048 + 192 more", args={"shortcut": "B"}),
        Claim("macs", macs, f"arithmetic on section 4.2, n = {n}, option A"),
        Claim("output_size", (16, 32, 32), f"{_PAPER}, section 4.2", layer=f"conv2_x.{n - 1}.relu2"),
        Claim("output_size", (32, 16, 16), f"{_PAPER}, section 4.2", layer=f"conv3_x.{n - 1}.relu2"),
        Claim("output_size", (64, 8, 8), f"{_PAPER}, section 4.2", layer=last),
        Claim("receptive_field", 28 * n - 3, "arithmetic: 3 + 4n + 8n - 2 + 16n - 4", layer=last),
        Claim("jump", 4, "arithmetic", layer=last),
    )


CLAIMS = {
    "resnet18": _shallow(
        {"A": 11_515_688, "B": 11_689_512},
        {"A": 1_794_805_760, "B": 1_814_073_344},
        "1.8 x 10^9",
        "conv5_x.1.relu2",
        435,
    ),
    "resnet34": _shallow(
        {"A": 21_623_848, "B": 21_797_672, "C": 22_716_840},
        {"A": 3_644_493_824, "B": 3_663_761_408},
        "3.6 x 10^9",
        "conv5_x.2.relu2",
        899,
    ),
    "resnet50": _deep(25_557_032, 3_857_973_248, "3.8 x 10^9", "conv5_x.2.relu3", 483, (4_089_184_256, 427)),
    "resnet101": _deep(
        44_549_160, 7_570_194_432, "7.6 x 10^9", "conv5_x.2.relu3", 1_027, (7_801_405_440, 971)
    ),
    "resnet152": _deep(
        60_192_808, 11_282_415_616, "11.3 x 10^9", "conv5_x.2.relu3", 1_507, (11_513_626_624, 1_451)
    ),
    "resnet20": _cifar(3, 269_722, "0.27M", 40_551_040),
    "resnet32": _cifar(5, 464_154, "0.46M", 68_862_592),
    "resnet44": _cifar(7, 658_586, "0.66M", 97_174_144),
    "resnet56": _cifar(9, 853_018, "0.85M", 125_485_696),
    "resnet110": _cifar(18, 1_727_962, "1.7M", 252_887_680),
    "resnet1202": _cifar(200, 19_421_274, "19.4M", 2_829_238_912),
}
