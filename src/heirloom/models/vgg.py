"""The VGG networks: nothing but 3 x 3 convolutions, 11 to 19 layers deep.

Source: Simonyan, Zisserman 2014, "Very deep convolutional networks for large-scale image recognition",
arXiv 1409.1556, table 1 (configurations A, A-LRN, B, C, D, E) and section 3.1 (initial weights); the
networks with batch normalization are those of torchvision/models/vgg.py.
Departs: the paper trains A and A-LRN from random weights, and starts the deeper ones from layers of the
trained A. A fresh network has no such layers: B to E start as a footnote of the paper allows, by the
procedure of Glorot and Bengio 2010, whose "normalized" (uniform) form is taken. A and A-LRN start as
printed, with a variance of 0.01, a standard deviation of 0.1; with weights so large, a fresh network gives
scores of the order of 10^8. The normalisation of A-LRN is printed as that of AlexNet, and read as in that
paper's formula: k = 2, 5 maps, alpha = 0.0001 not divided by anything, beta = 0.75.
"""

from collections.abc import Iterator

from torch import nn

from heirloom.claim import Claim
from heirloom.layers import LRN, Chain, MaxPool2d


def stage(number: int, in_maps: int, *maps: int, last: int = 3, norm: bool = False) -> dict[str, nn.Module]:
    """A cell of table 1: convolutions that keep the size, each rectified, then pooling that halves it.

    Args:
        number: 1 to 5, the first digit of the layers' names.
        in_maps: Maps that the first convolution reads.
        *maps: Maps of each convolution.
        last: Side of the last convolution's kernel, in pixels; 1 in configuration C.
        norm: Normalise each convolution over the batch, before it is rectified.
    """
    layers: dict[str, nn.Module] = {}
    for i, out_maps in enumerate(maps, start=1):
        kernel = last if i == len(maps) else 3
        layers[f"conv{number}_{i}"] = nn.Conv2d(in_maps, out_maps, kernel, padding=kernel // 2)
        if norm:
            layers[f"bn{number}_{i}"] = nn.BatchNorm2d(out_maps)
        layers[f"relu{number}_{i}"] = nn.ReLU()
        in_maps = out_maps
    return layers | {f"pool{number}": MaxPool2d(2)}


def classifier(num_classes: int) -> dict[str, nn.Module]:
    """The three fully connected layers that all configurations share."""
    return {
        "flatten": nn.Flatten(),
        "fc6": nn.Linear(512 * 7 * 7, 4096),
        "relu6": nn.ReLU(),
        "drop6": nn.Dropout(0.5),
        "fc7": nn.Linear(4096, 4096),
        "relu7": nn.ReLU(),
        "drop7": nn.Dropout(0.5),
        "fc8": nn.Linear(4096, num_classes),
    }


class VGG11(Chain):
    """VGG configuration A: 8 convolutions and 3 fully connected layers.

    Initial weights are N(0, 0.01), a standard deviation of 0.1; biases are 0.

    Shape: input (B, in_chans, 224, 224), RGB less the mean of the training set; output (B, num_classes).
    """

    def __init__(self, num_classes: int = 1000, in_chans: int = 3) -> None:
        super().__init__(
            (in_chans, 224, 224),
            **stage(1, in_chans, 64),  # 64 x 112 x 112
            **stage(2, 64, 128),  # 128 x 56 x 56
            **stage(3, 128, 256, 256),  # 256 x 28 x 28
            **stage(4, 256, 512, 512),  # 512 x 14 x 14
            **stage(5, 512, 512, 512),  # 512 x 7 x 7
            **classifier(num_classes),  # 1000
        )
        gaussian_(self)


class VGG11LRN(Chain):
    """VGG configuration A-LRN: A with local response normalisation behind the first convolution.

    Shape: as `VGG11`.
    """

    def __init__(self, num_classes: int = 1000, in_chans: int = 3) -> None:
        super().__init__(
            (in_chans, 224, 224),
            conv1_1=nn.Conv2d(in_chans, 64, 3, padding=1),  # 64 x 224 x 224
            relu1_1=nn.ReLU(),
            norm1=LRN("paper"),
            pool1=MaxPool2d(2),  # 64 x 112 x 112
            **stage(2, 64, 128),  # 128 x 56 x 56
            **stage(3, 128, 256, 256),  # 256 x 28 x 28
            **stage(4, 256, 512, 512),  # 512 x 14 x 14
            **stage(5, 512, 512, 512),  # 512 x 7 x 7
            **classifier(num_classes),  # 1000
        )
        gaussian_(self)


class VGG13(Chain):
    """VGG configuration B: 10 convolutions and 3 fully connected layers.

    Shape: as `VGG11`.
    """

    def __init__(self, num_classes: int = 1000, in_chans: int = 3) -> None:
        super().__init__(
            (in_chans, 224, 224),
            **stage(1, in_chans, 64, 64),  # 64 x 112 x 112
            **stage(2, 64, 128, 128),  # 128 x 56 x 56
            **stage(3, 128, 256, 256),  # 256 x 28 x 28
            **stage(4, 256, 512, 512),  # 512 x 14 x 14
            **stage(5, 512, 512, 512),  # 512 x 7 x 7
            **classifier(num_classes),  # 1000
        )
        glorot_(self)


class VGG16OneByOne(Chain):
    """VGG configuration C: 13 convolutions, three of them 1 x 1, and 3 fully connected layers.

    Shape: as `VGG11`.
    """

    def __init__(self, num_classes: int = 1000, in_chans: int = 3) -> None:
        super().__init__(
            (in_chans, 224, 224),
            **stage(1, in_chans, 64, 64),  # 64 x 112 x 112
            **stage(2, 64, 128, 128),  # 128 x 56 x 56
            **stage(3, 128, 256, 256, 256, last=1),  # 256 x 28 x 28
            **stage(4, 256, 512, 512, 512, last=1),  # 512 x 14 x 14
            **stage(5, 512, 512, 512, 512, last=1),  # 512 x 7 x 7
            **classifier(num_classes),  # 1000
        )
        glorot_(self)


class VGG16(Chain):
    """VGG configuration D: 13 convolutions and 3 fully connected layers.

    Shape: as `VGG11`.
    """

    def __init__(self, num_classes: int = 1000, in_chans: int = 3) -> None:
        super().__init__(
            (in_chans, 224, 224),
            **stage(1, in_chans, 64, 64),  # 64 x 112 x 112
            **stage(2, 64, 128, 128),  # 128 x 56 x 56
            **stage(3, 128, 256, 256, 256),  # 256 x 28 x 28
            **stage(4, 256, 512, 512, 512),  # 512 x 14 x 14
            **stage(5, 512, 512, 512, 512),  # 512 x 7 x 7
            **classifier(num_classes),  # 1000
        )
        glorot_(self)


class VGG19(Chain):
    """VGG configuration E: 16 convolutions and 3 fully connected layers.

    Shape: as `VGG11`.
    """

    def __init__(self, num_classes: int = 1000, in_chans: int = 3) -> None:
        super().__init__(
            (in_chans, 224, 224),
            **stage(1, in_chans, 64, 64),  # 64 x 112 x 112
            **stage(2, 64, 128, 128),  # 128 x 56 x 56
            **stage(3, 128, 256, 256, 256, 256),  # 256 x 28 x 28
            **stage(4, 256, 512, 512, 512, 512),  # 512 x 14 x 14
            **stage(5, 512, 512, 512, 512, 512),  # 512 x 7 x 7
            **classifier(num_classes),  # 1000
        )
        glorot_(self)


class VGG11BN(Chain):
    """VGG configuration A with batch normalization, as torchvision has it.

    Shape: as `VGG11`; torchvision scales RGB to 0 to 1, less a mean, divided by a deviation per channel.
    """

    def __init__(self, num_classes: int = 1000, in_chans: int = 3) -> None:
        super().__init__(
            (in_chans, 224, 224),
            **stage(1, in_chans, 64, norm=True),  # 64 x 112 x 112
            **stage(2, 64, 128, norm=True),  # 128 x 56 x 56
            **stage(3, 128, 256, 256, norm=True),  # 256 x 28 x 28
            **stage(4, 256, 512, 512, norm=True),  # 512 x 14 x 14
            **stage(5, 512, 512, 512, norm=True),  # 512 x 7 x 7
            **classifier(num_classes),  # 1000
        )
        torchvision_(self)


class VGG13BN(Chain):
    """VGG configuration B with batch normalization, as torchvision has it.

    Shape: as `VGG11BN`.
    """

    def __init__(self, num_classes: int = 1000, in_chans: int = 3) -> None:
        super().__init__(
            (in_chans, 224, 224),
            **stage(1, in_chans, 64, 64, norm=True),  # 64 x 112 x 112
            **stage(2, 64, 128, 128, norm=True),  # 128 x 56 x 56
            **stage(3, 128, 256, 256, norm=True),  # 256 x 28 x 28
            **stage(4, 256, 512, 512, norm=True),  # 512 x 14 x 14
            **stage(5, 512, 512, 512, norm=True),  # 512 x 7 x 7
            **classifier(num_classes),  # 1000
        )
        torchvision_(self)


class VGG16BN(Chain):
    """VGG configuration D with batch normalization, as torchvision has it.

    Shape: as `VGG11BN`.
    """

    def __init__(self, num_classes: int = 1000, in_chans: int = 3) -> None:
        super().__init__(
            (in_chans, 224, 224),
            **stage(1, in_chans, 64, 64, norm=True),  # 64 x 112 x 112
            **stage(2, 64, 128, 128, norm=True),  # 128 x 56 x 56
            **stage(3, 128, 256, 256, 256, norm=True),  # 256 x 28 x 28
            **stage(4, 256, 512, 512, 512, norm=True),  # 512 x 14 x 14
            **stage(5, 512, 512, 512, 512, norm=True),  # 512 x 7 x 7
            **classifier(num_classes),  # 1000
        )
        torchvision_(self)


class VGG19BN(Chain):
    """VGG configuration E with batch normalization, as torchvision has it.

    Shape: as `VGG11BN`.
    """

    def __init__(self, num_classes: int = 1000, in_chans: int = 3) -> None:
        super().__init__(
            (in_chans, 224, 224),
            **stage(1, in_chans, 64, 64, norm=True),  # 64 x 112 x 112
            **stage(2, 64, 128, 128, norm=True),  # 128 x 56 x 56
            **stage(3, 128, 256, 256, 256, 256, norm=True),  # 256 x 28 x 28
            **stage(4, 256, 512, 512, 512, 512, norm=True),  # 512 x 14 x 14
            **stage(5, 512, 512, 512, 512, 512, norm=True),  # 512 x 7 x 7
            **classifier(num_classes),  # 1000
        )
        torchvision_(self)


def gaussian_(net: Chain) -> None:
    """Section 3.1: weights from a normal distribution of variance 0.01, biases 0."""
    for layer in _weighted(net):
        nn.init.normal_(layer.weight, std=0.1)


def glorot_(net: Chain) -> None:
    """The footnote of section 3.1: Glorot and Bengio 2010, equation 16, biases 0."""
    for layer in _weighted(net):
        nn.init.xavier_uniform_(layer.weight)


def torchvision_(net: Chain) -> None:
    """Convolutions as He et al. 2015 by the fan-out, fully connected layers N(0, 0.01^2), biases 0."""
    for layer in _weighted(net):
        if isinstance(layer, nn.Conv2d):
            nn.init.kaiming_normal_(layer.weight, mode="fan_out", nonlinearity="relu")
        else:
            nn.init.normal_(layer.weight, std=0.01)


def _weighted(net: Chain) -> Iterator[nn.Conv2d | nn.Linear]:
    """Convolutions and fully connected layers, their biases set to 0."""
    for layer in net:
        if isinstance(layer, nn.Conv2d | nn.Linear):
            assert layer.bias is not None
            nn.init.zeros_(layer.bias)
            yield layer


def _published(
    millions: int, parameters: int, macs: int, last: str, fields: tuple[int, int]
) -> tuple[Claim, ...]:
    return (
        Claim("parameters", f"{millions} million", "Simonyan and Zisserman 2014, table 2"),
        Claim("parameters", parameters, "arithmetic on table 1"),
        Claim("macs", macs, "arithmetic on table 1, one image of 224 x 224"),
        Claim("receptive_field", fields[0], "arithmetic", layer=last),
        Claim("receptive_field", fields[1], "arithmetic", layer="pool5"),
        Claim("jump", 32, "arithmetic", layer="pool5"),
        Claim("output_size", (512, 7, 7), "arithmetic: 224 halved five times", layer="pool5"),
        *_CLASSIFIER,
    )


def _normalised(
    parameters: int, fixed: int, macs: int, last: str, fields: tuple[int, int]
) -> tuple[Claim, ...]:
    return (
        Claim("parameters", parameters, "torchvision/models/vgg.py, num_params of the weights"),
        Claim("fixed", fixed, "arithmetic: a mean and a variance per map"),
        Claim("macs", macs, "arithmetic on table 1: normalisation has no multiply-accumulates"),
        Claim("receptive_field", fields[0], "arithmetic", layer=last),
        Claim("receptive_field", fields[1], "arithmetic", layer="pool5"),
        *_CLASSIFIER,
    )


_CLASSIFIER = (
    Claim("parameters", 1_792, "arithmetic: 64 x 28", layer="conv1_1"),
    Claim("parameters", 102_764_544, "arithmetic: 4096 x (512 x 49 + 1)", layer="fc6"),
    Claim("parameters", 16_781_312, "arithmetic: 4096 x 4097", layer="fc7"),
    Claim("parameters", 4_097_000, "arithmetic: 1000 x 4097", layer="fc8"),
)
_A = _published(133, 132_863_336, 7_609_090_048, "conv5_2", (134, 150))
CLAIMS = {
    "vgg11": _A,
    "vgg11_lrn": _A,
    "vgg13": _published(133, 133_047_848, 11_308_466_176, "conv5_2", (140, 156)),
    "vgg16_1x1": _published(134, 133_638_952, 11_770_888_192, "conv5_3", (140, 156)),
    "vgg16": _published(138, 138_357_544, 15_470_264_320, "conv5_3", (196, 212)),
    "vgg19": _published(144, 143_667_240, 19_632_062_464, "conv5_4", (252, 268)),
    "vgg11_bn": _normalised(132_868_840, 5_504, 7_609_090_048, "conv5_2", (134, 150)),
    "vgg13_bn": _normalised(133_053_736, 5_888, 11_308_466_176, "conv5_2", (140, 156)),
    "vgg16_bn": _normalised(138_365_992, 8_448, 15_470_264_320, "conv5_3", (196, 212)),
    "vgg19_bn": _normalised(143_678_248, 11_008, 19_632_062_464, "conv5_4", (252, 268)),
}
