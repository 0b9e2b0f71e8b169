"""AlexNet, as its released code builds it, and the network of half its width beside it.

Source: Krizhevsky 2012, the code of AlexNet: layers/layers-145.cfg and layers-145-half.cfg with their
layer-params files, and layer.py for what those leave open.
Departs: dropout is PyTorch's, which doubles what is kept in training, where the code halves everything in
the test: the inputs of fc7 and fc8 are twice the code's.

Where the code differs from the paper: the first layer is normalised before it is rectified, and rectified
behind the pooling; normalisation stays within a column, and its sum is divided by 5; the second layer is
normalised once more within each map; weights of conv3 to conv5 start with a deviation of 0.03.
"""

from torch import nn

from heirloom.claim import Claim
from heirloom.layers import LRN, CeilConv2d, Chain, MaxPool2d, WithinMapNorm
from heirloom.models.initialisation import normal_

_STD = dict.fromkeys(("conv3", "conv4", "conv5"), 0.03)
_BIAS = dict.fromkeys(("conv2", "conv4", "conv5", "fc6", "fc7"), 1.0)


class AlexNetSource(Chain):
    """AlexNet of the released code, network #145: its log has the 40.7 and 18.2 % of the paper's "1 CNN".

    Shape: input (B, in_chans, 224, 224), RGB less the mean image; output (B, num_classes).
    """

    def __init__(self, num_classes: int = 1000, in_chans: int = 3) -> None:
        super().__init__(
            (in_chans, 224, 224),
            conv1=CeilConv2d(in_chans, 96, 11, stride=4),  # 96 x 55 x 55
            norm1=LRN("source", groups=2),
            pool1=MaxPool2d(3, stride=2),  # 96 x 27 x 27
            relu1=nn.ReLU(),
            conv2=nn.Conv2d(96, 256, 5, padding=2, groups=2),  # 256 x 27 x 27
            relu2=nn.ReLU(),
            norm2=LRN("source", groups=2),
            cnorm2=WithinMapNorm(5, alpha=1e-3),
            pool2=MaxPool2d(3, stride=2),  # 256 x 13 x 13
            conv3=nn.Conv2d(256, 384, 3, padding=1),  # 384 x 13 x 13
            relu3=nn.ReLU(),
            conv4=nn.Conv2d(384, 384, 3, padding=1, groups=2),  # 384 x 13 x 13
            relu4=nn.ReLU(),
            conv5=nn.Conv2d(384, 256, 3, padding=1, groups=2),  # 256 x 13 x 13
            pool5=MaxPool2d(3, stride=2),  # 256 x 6 x 6
            relu5=nn.ReLU(),
            flatten=nn.Flatten(),  # 9216
            fc6=nn.Linear(256 * 6 * 6, 4096),  # 4096
            relu6=nn.ReLU(),
            drop6=nn.Dropout(0.5),  # 4096
            fc7=nn.Linear(4096, 4096),  # 4096
            relu7=nn.ReLU(),
            drop7=nn.Dropout(0.5),  # 4096
            fc8=nn.Linear(4096, num_classes),  # 1000
        )
        normal_(self, std=0.01, other=_STD, bias=_BIAS)


class AlexNetHalf(Chain):
    """AlexNet with one of its two columns: half the kernels, but as many in conv5, fc6 and fc7.

    The paper's section 3.2 compares it with two columns: 1.7 and 1.2 points more top-1 and top-5 error.

    Shape: as `AlexNetSource`.
    """

    def __init__(self, num_classes: int = 1000, in_chans: int = 3) -> None:
        super().__init__(
            (in_chans, 224, 224),
            conv1=CeilConv2d(in_chans, 48, 11, stride=4),  # 48 x 55 x 55
            norm1=LRN("source"),
            pool1=MaxPool2d(3, stride=2),  # 48 x 27 x 27
            relu1=nn.ReLU(),
            conv2=nn.Conv2d(48, 128, 5, padding=2),  # 128 x 27 x 27
            relu2=nn.ReLU(),
            norm2=LRN("source"),
            cnorm2=WithinMapNorm(5, alpha=1e-3),
            pool2=MaxPool2d(3, stride=2),  # 128 x 13 x 13
            conv3=nn.Conv2d(128, 192, 3, padding=1),  # 192 x 13 x 13
            relu3=nn.ReLU(),
            conv4=nn.Conv2d(192, 192, 3, padding=1),  # 192 x 13 x 13
            relu4=nn.ReLU(),
            conv5=nn.Conv2d(192, 256, 3, padding=1),  # 256 x 13 x 13
            pool5=MaxPool2d(3, stride=2),  # 256 x 6 x 6
            relu5=nn.ReLU(),
            flatten=nn.Flatten(),  # 9216
            fc6=nn.Linear(256 * 6 * 6, 4096),  # 4096
            relu6=nn.ReLU(),
            drop6=nn.Dropout(0.5),  # 4096
            fc7=nn.Linear(4096, 4096),  # 4096
            relu7=nn.ReLU(),
            drop7=nn.Dropout(0.5),  # 4096
            fc8=nn.Linear(4096, num_classes),  # 1000
        )
        normal_(self, std=0.01, other=_STD, bias=_BIAS)


_FIELDS = (
    Claim("receptive_field", 19, "arithmetic: 11 + 2 x 4", layer="pool1"),
    Claim("receptive_field", 51, "arithmetic: 19 + 4 x 8", layer="norm2"),
    Claim("receptive_field", 83, "arithmetic: 51 + 4 x 8", layer="cnorm2"),
    Claim("receptive_field", 99, "arithmetic: 83 + 2 x 8", layer="pool2"),
    Claim("receptive_field", 195, "arithmetic: 99 + 3 x 2 x 16", layer="conv5"),
    Claim("receptive_field", 227, "arithmetic: 195 + 2 x 16", layer="pool5"),
    Claim("jump", 32, "arithmetic", layer="pool5"),
)
CLAIMS = {
    "alexnet_source": (
        Claim("parameters", 60_965_224, "arithmetic on layers-145.cfg"),
        Claim("macs", 724_406_816, "arithmetic on layers-145.cfg"),
        Claim(
            "output_size", (96, 55, 55), "layer.py: 1 + ceil((224 - 11) / 4) = 1 + ceil(53.25)", layer="conv1"
        ),
        Claim("parameters", 34_944, "arithmetic on layers-145.cfg: 2 x 48 x 364", layer="conv1"),
        Claim("parameters", 307_456, "arithmetic on layers-145.cfg: 2 x 128 x 1,201", layer="conv2"),
        Claim("parameters", 885_120, "arithmetic on layers-145.cfg: 2 x 192 x 2,305", layer="conv3"),
        Claim("parameters", 663_936, "arithmetic on layers-145.cfg: 2 x 192 x 1,729", layer="conv4"),
        Claim("parameters", 442_624, "arithmetic on layers-145.cfg: 2 x 128 x 1,729", layer="conv5"),
        *_FIELDS,
    ),
    "alexnet_half": (
        Claim("parameters", 59_798_312, "arithmetic on layers-145-half.cfg"),
        Claim("macs", 391_514_384, "arithmetic on layers-145-half.cfg"),
        Claim("parameters", 17_472, "arithmetic: 48 x 364", layer="conv1"),
        Claim("parameters", 153_728, "arithmetic: 128 x 1,201", layer="conv2"),
        Claim("parameters", 221_376, "arithmetic: 192 x 1,153", layer="conv3"),
        Claim("parameters", 331_968, "arithmetic: 192 x 1,729", layer="conv4"),
        Claim("parameters", 442_624, "arithmetic: 256 x 1,729", layer="conv5"),
        *_FIELDS,
    ),
}
