"""ResNeXt of 2016: residual networks whose bottlenecks are cut into many narrow paths.

Source: Xie, Girshick, Dollár, Tu, He 2016, "Aggregated residual transformations for deep neural networks",
arXiv 1611.05431, table 1 and section 5; the form (c) of figure 3, grouped convolutions, and the place of the
stride are those of the authors' code (facebookresearch/ResNeXt, models/resnext.lua).
Departs: none known. Initial weights are those of the code, the same as in `heirloom.models.resnet`.
"""

from torch import nn

from heirloom.claim import Claim
from heirloom.layers import Chain
from heirloom.models.resnet import Bottleneck, ResNet, conv, initialise_, stage


def resnext50_32x4d(num_classes: int = 1000, in_chans: int = 3) -> ResNet:
    """ResNeXt-50 for ImageNet: 32 paths, 4 maps wide."""
    return ResNet(Bottleneck, (3, 4, 6, 3), num_classes, in_chans, version="v1.5", inner=2, groups=32)


def resnext101_32x4d(num_classes: int = 1000, in_chans: int = 3) -> ResNet:
    """ResNeXt-101 for ImageNet: 32 paths, 4 maps wide."""
    return ResNet(Bottleneck, (3, 4, 23, 3), num_classes, in_chans, version="v1.5", inner=2, groups=32)


def resnext101_64x4d(num_classes: int = 1000, in_chans: int = 3) -> ResNet:
    """ResNeXt-101 for ImageNet: 64 paths, 4 maps wide."""
    return ResNet(Bottleneck, (3, 4, 23, 3), num_classes, in_chans, version="v1.5", inner=4, groups=64)


class CifarResNeXt29(Chain):
    """Section 5.3, ResNeXt-29 for images of 32 x 32 pixels.

    Args:
        paths: Cardinality: 8 or 16 paths, each 64 maps wide.
        num_classes: Number of classes.
        in_chans: Input channels.

    Shape: input (B, in_chans, 32, 32), RGB; output (B, num_classes).
    """

    def __init__(self, paths: int, num_classes: int, in_chans: int) -> None:
        options = {"version": "v1.5", "inner": paths, "groups": paths}
        super().__init__(
            (in_chans, 32, 32),
            conv1=conv(in_chans, 64, 3),  # 64 x 32 x 32
            bn1=nn.BatchNorm2d(64),
            relu1=nn.ReLU(),
            conv2_x=stage(Bottleneck, 3, 64, 64, 1, **options),  # 256 x 32 x 32
            conv3_x=stage(Bottleneck, 3, 256, 128, 2, **options),  # 512 x 16 x 16
            conv4_x=stage(Bottleneck, 3, 512, 256, 2, **options),  # 1024 x 8 x 8
            avgpool=nn.AvgPool2d(8),  # 1024 x 1 x 1
            flatten=nn.Flatten(),  # 1024
            fc=nn.Linear(1024, num_classes),  # 10
        )
        initialise_(self)


def resnext29_8x64d(num_classes: int = 10, in_chans: int = 3) -> CifarResNeXt29:
    """ResNeXt-29 for CIFAR: 8 paths, 64 maps wide."""
    return CifarResNeXt29(8, num_classes, in_chans)


def resnext29_16x64d(num_classes: int = 10, in_chans: int = 3) -> CifarResNeXt29:
    """ResNeXt-29 for CIFAR: 16 paths, 64 maps wide."""
    return CifarResNeXt29(16, num_classes, in_chans)


def _published(
    parameters: int, macs: int, last: str, field: int, witness: str = "; torchvision's num_params"
) -> tuple[Claim, ...]:
    return (
        Claim("parameters", parameters, f"arithmetic on table 1{witness}"),
        Claim("macs", macs, "arithmetic on table 1"),
        Claim("receptive_field", field, "arithmetic", layer=last),
        Claim("jump", 32, "arithmetic", layer=last),
    )


def _cifar(parameters: int, printed: str) -> tuple[Claim, ...]:
    return (
        Claim("parameters", parameters, "arithmetic on the authors' code"),
        Claim("parameters", printed, "Xie et al. 2016, table 7", verified=False),
        Claim("receptive_field", 39, "arithmetic: 3 + 6 + 10 + 20", layer="conv4_x.2.relu3"),
        Claim("jump", 4, "arithmetic", layer="conv4_x.2.relu3"),
    )


CLAIMS = {
    "resnext50_32x4d": _published(25_028_904, 4_230_479_872, "conv5_x.2.relu3", 427),
    "resnext101_32x4d": _published(44_177_704, 7_969_996_800, "conv5_x.2.relu3", 971, witness=""),
    "resnext101_64x4d": _published(83_455_272, 15_460_270_080, "conv5_x.2.relu3", 971),
    "resnext29_8x64d": _cifar(34_426_698, "34.4M"),
    "resnext29_16x64d": _cifar(68_155_210, "68.1M"),
}
