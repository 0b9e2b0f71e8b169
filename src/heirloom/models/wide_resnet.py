"""Wide residual networks of 2016: few layers, many maps.

Source: Zagoruyko, Komodakis 2016, "Wide residual networks", arXiv 1605.07146, table 1 and sections 2 and 3;
order and shortcuts are those of the authors' code (szagoruyko/wide-residual-networks,
models/wide-resnet.lua). WRN-50-2 is the bottleneck network of its section on ImageNet, built with
fb.resnet.torch, so that it halves the image in the 3 x 3 convolution.
Departs: none known. Initial weights are those of the code, the same as in `heirloom.models.resnet`.
"""

from torch import Tensor, nn

from heirloom.claim import Claim
from heirloom.layers import Chain
from heirloom.models.resnet import Bottleneck, Residual, ResNet, conv, initialise_, stage


class WideBlock(Residual):
    """Figure 1 (d): normalised and rectified before each of two 3 x 3 convolutions, dropout between them.

    Where the number of maps changes, the shortcut is a projection of what is normalised and rectified.

    Args:
        in_maps: Maps that it reads.
        maps: Maps that it returns.
        stride: 2 where it halves the image.
        dropout: Probability with which a number is dropped.

    Shape: input (B, in_maps, H, W); output (B, maps, H / stride, W / stride).
    """

    def __init__(self, in_maps: int, maps: int, stride: int, dropout: float) -> None:
        super().__init__()
        self.bn1 = nn.BatchNorm2d(in_maps)
        self.relu1 = nn.ReLU()
        self.conv1 = conv(in_maps, maps, 3, stride)
        self.bn2 = nn.BatchNorm2d(maps)
        self.relu2 = nn.ReLU()
        self.drop = nn.Dropout(dropout)
        self.conv2 = conv(maps, maps, 3)
        self.shortcut = None if in_maps == maps else conv(in_maps, maps, 1, stride)

    def forward(self, x: Tensor) -> Tensor:
        """See the class for shapes."""
        ready = self.relu1(self.bn1(x))
        out: Tensor = self.conv2(self.drop(self.relu2(self.bn2(self.conv1(ready)))))
        return out + (x if self.shortcut is None else self.shortcut(ready))


class WideResNet(Chain):
    """Table 1, a network of 6n + 4 layers for images of 32 x 32 pixels.

    Args:
        n: Blocks of each size.
        k: How many times as wide as a residual network of the same depth.
        num_classes: Number of classes.
        in_chans: Input channels.
        dropout: Probability with which a number is dropped inside a block.

    Shape: input (B, in_chans, 32, 32), RGB, standardised per channel; output (B, num_classes).
    """

    def __init__(self, n: int, k: int, num_classes: int, in_chans: int, dropout: float) -> None:
        super().__init__(
            (in_chans, 32, 32),
            conv1=conv(in_chans, 16, 3),  # 16 x 32 x 32
            conv2=stage(WideBlock, n, 16, 16 * k, 1, dropout=dropout),  # 16k x 32 x 32
            conv3=stage(WideBlock, n, 16 * k, 32 * k, 2, dropout=dropout),  # 32k x 16 x 16
            conv4=stage(WideBlock, n, 32 * k, 64 * k, 2, dropout=dropout),  # 64k x 8 x 8
            bn4=nn.BatchNorm2d(64 * k),
            relu4=nn.ReLU(),
            avgpool=nn.AvgPool2d(8),  # 64k x 1 x 1
            flatten=nn.Flatten(),  # 64k
            fc=nn.Linear(64 * k, num_classes),  # 10
        )
        initialise_(self)


def wrn_28_10(num_classes: int = 10, in_chans: int = 3, dropout: float = 0.0) -> WideResNet:
    """WRN-28-10 for CIFAR: 28 layers, ten times as wide; published without dropout and with 0.3."""
    return WideResNet(4, 10, num_classes, in_chans, dropout)


def wrn_40_4(num_classes: int = 10, in_chans: int = 3, dropout: float = 0.0) -> WideResNet:
    """WRN-40-4 for CIFAR: 40 layers, four times as wide."""
    return WideResNet(6, 4, num_classes, in_chans, dropout)


def wrn_16_8(num_classes: int = 10, in_chans: int = 3, dropout: float = 0.0) -> WideResNet:
    """WRN-16-8 for CIFAR and SVHN: 16 layers, eight times as wide; for SVHN published with dropout 0.4."""
    return WideResNet(2, 8, num_classes, in_chans, dropout)


def wrn_40_10(num_classes: int = 10, in_chans: int = 3, dropout: float = 0.0) -> WideResNet:
    """WRN-40-10 for CIFAR: 40 layers, ten times as wide; published without dropout and with 0.3."""
    return WideResNet(6, 10, num_classes, in_chans, dropout)


def wrn_50_2(num_classes: int = 1000, in_chans: int = 3) -> ResNet:
    """WRN-50-2 for ImageNet: ResNet-50 with twice as many maps inside each bottleneck."""
    return ResNet(Bottleneck, (3, 4, 6, 3), num_classes, in_chans, version="v1.5", inner=2)


def _cifar(n: int, k: int, parameters: int, printed: str, macs: int) -> tuple[Claim, ...]:
    """Claims about WRN-(6n + 4)-k; 100 classes need 90 x (64k + 1) parameters more."""
    return (
        Claim("parameters", parameters, "arithmetic on table 1"),
        Claim("parameters", printed, "Zagoruyko and Komodakis 2016, tables of section 3", verified=False),
        Claim(
            "parameters",
            parameters + 90 * (64 * k + 1),
            "arithmetic: CIFAR-100",
            args={"num_classes": 100},
        ),
        Claim("macs", macs, "arithmetic on table 1"),
        Claim("output_size", (16, 32, 32), "Zagoruyko and Komodakis 2016, table 1", layer="conv1"),
        Claim("output_size", (64 * k, 8, 8), "Zagoruyko and Komodakis 2016, table 1", layer="relu4"),
        Claim("receptive_field", 28 * n - 3, "arithmetic: 3 + 4n + 8n - 2 + 16n - 4", layer="relu4"),
        Claim("jump", 4, "arithmetic", layer="relu4"),
    )


CLAIMS = {
    "wrn_28_10": _cifar(4, 10, 36_479_194, "36.5M", 5_243_328_768),
    "wrn_40_4": _cifar(6, 4, 8_949_210, "8.9M", 1_298_582_016),
    "wrn_16_8": _cifar(2, 8, 10_961_370, "11.0M", 1_548_145_664),
    "wrn_40_10": _cifar(6, 10, 55_841_754, "55.8M", 8_074_483_968),
    "wrn_50_2": (
        Claim("parameters", 68_883_240, "arithmetic on fb.resnet.torch; torchvision's num_params"),
        Claim("macs", 11_398_021_120, "arithmetic on fb.resnet.torch; torchvision's _ops, rounded"),
        Claim("receptive_field", 427, "arithmetic", layer="conv5_x.2.relu3"),
    ),
}
