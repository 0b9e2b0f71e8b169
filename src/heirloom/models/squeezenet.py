"""SqueezeNet: fire modules, which squeeze the maps before they expand them, and 1.25 million parameters.

Source: Iandola, Han, Moskewicz, Ashraf, Dally, Keutzer 2016, "SqueezeNet: AlexNet-level accuracy with 50x
fewer parameters and < 0.5MB model size", arXiv 1602.07360, table 1; sizes, padding and initial weights
from the authors' Caffe definitions, github.com/forresti/SqueezeNet, SqueezeNet_v1.0 and SqueezeNet_v1.1
(train_val.prototxt); `source="torchvision"` from torchvision/models/squeezenet.py.
Departs: the paper prints images of 224 x 224, but conv1's printed output of 111 x 111 needs the 227 x 227
of the released definition. That definition pads conv10, a 1 x 1 convolution, so that a frame of rectified
biases is averaged with the rest; the paper prints 13 x 13 behind conv10, which is without padding:
`source` decides. Caffe rounds the size of pooled maps up, and so does every pooling here. The scores are
rectified before they are averaged, as in all definitions.
"""

import math
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from heirloom.claim import Claim
from heirloom.errors import check_choice
from heirloom.layers import Chain, MaxPool2d

Source = Literal["paper", "authors", "torchvision"]


class Fire(nn.Module):
    """A fire module: 1 x 1 convolutions squeeze, 1 x 1 and 3 x 3 convolutions side by side expand.

    Args:
        in_maps: Maps that it reads.
        squeeze: Maps in between.
        expand: Maps of each of the two expanding convolutions.

    Shape: input (B, in_maps, H, W); output (B, 2 expand, H, W), those of the 1 x 1 kernels first.
    """

    def __init__(self, in_maps: int, squeeze: int, expand: int) -> None:
        super().__init__()
        self.squeeze = nn.Conv2d(in_maps, squeeze, 1)
        self.expand1x1 = nn.Conv2d(squeeze, expand, 1)
        self.expand3x3 = nn.Conv2d(squeeze, expand, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        """Squeeze and expand; see the class for shapes."""
        x = F.relu(self.squeeze(x))
        return torch.cat((F.relu(self.expand1x1(x)), F.relu(self.expand3x3(x))), dim=1)


class SqueezeNet10(Chain):
    """SqueezeNet 1.0, the paper's: 96 kernels of 7 x 7, eight fire modules, no fully connected layer.

    Args:
        num_classes: K.
        in_chans: Channels of the image.
        source: ``paper``; ``authors``, the definition of the released weights, which pads conv10; or
            ``torchvision``, for images of 224 x 224.

    Shape: input (B, in_chans, 227, 227), BGR of 0 to 255 less (104, 117, 123); output (B, num_classes).

    Raises:
        HeirloomError: (``E-argument``) There is no such source.
    """

    def __init__(self, num_classes: int = 1000, in_chans: int = 3, source: Source = "paper") -> None:
        side = _side(source, ("paper", "authors", "torchvision"))
        super().__init__(
            (in_chans, side, side),
            conv1=nn.Conv2d(in_chans, 96, 7, stride=2),  # 96 x 111 x 111
            relu1=nn.ReLU(),
            pool1=MaxPool2d(3, 2, ceil_mode=True),  # 96 x 55 x 55
            fire2=Fire(96, 16, 64),  # 128 x 55 x 55
            fire3=Fire(128, 16, 64),  # 128 x 55 x 55
            fire4=Fire(128, 32, 128),  # 256 x 55 x 55
            pool4=MaxPool2d(3, 2, ceil_mode=True),  # 256 x 27 x 27
            fire5=Fire(256, 32, 128),  # 256 x 27 x 27
            fire6=Fire(256, 48, 192),  # 384 x 27 x 27
            fire7=Fire(384, 48, 192),  # 384 x 27 x 27
            fire8=Fire(384, 64, 256),  # 512 x 27 x 27
            pool8=MaxPool2d(3, 2, ceil_mode=True),  # 512 x 13 x 13
            fire9=Fire(512, 64, 256),  # 512 x 13 x 13
            drop9=nn.Dropout(0.5),  # 512 x 13 x 13
            conv10=nn.Conv2d(512, num_classes, 1, padding=1 if source == "authors" else 0),  # 1000 x 13 x 13
            relu10=nn.ReLU(),
            pool10=nn.AdaptiveAvgPool2d(1),  # 1000 x 1 x 1
            flatten=nn.Flatten(),  # 1000
        )
        draw(self, source)


class SqueezeNet11(Chain):
    """SqueezeNet 1.1: 64 kernels of 3 x 3 and earlier pooling, less than half the work of 1.0.

    Args:
        num_classes: K.
        in_chans: Channels of the image.
        source: ``authors``, or ``torchvision`` for images of 224 x 224; the layers are the same. No paper
            has this network.

    Shape: input (B, in_chans, 227, 227), BGR of 0 to 255 less (104, 117, 123); output (B, num_classes).

    Raises:
        HeirloomError: (``E-argument``) There is no such source.
    """

    def __init__(self, num_classes: int = 1000, in_chans: int = 3, source: Source = "authors") -> None:
        side = _side(source, ("authors", "torchvision"))
        super().__init__(
            (in_chans, side, side),
            conv1=nn.Conv2d(in_chans, 64, 3, stride=2),  # 64 x 113 x 113
            relu1=nn.ReLU(),
            pool1=MaxPool2d(3, 2, ceil_mode=True),  # 64 x 56 x 56
            fire2=Fire(64, 16, 64),  # 128 x 56 x 56
            fire3=Fire(128, 16, 64),  # 128 x 56 x 56
            pool3=MaxPool2d(3, 2, ceil_mode=True),  # 128 x 28 x 28
            fire4=Fire(128, 32, 128),  # 256 x 28 x 28
            fire5=Fire(256, 32, 128),  # 256 x 28 x 28
            pool5=MaxPool2d(3, 2, ceil_mode=True),  # 256 x 14 x 14
            fire6=Fire(256, 48, 192),  # 384 x 14 x 14
            fire7=Fire(384, 48, 192),  # 384 x 14 x 14
            fire8=Fire(384, 64, 256),  # 512 x 14 x 14
            fire9=Fire(512, 64, 256),  # 512 x 14 x 14
            drop9=nn.Dropout(0.5),  # 512 x 14 x 14
            conv10=nn.Conv2d(512, num_classes, 1),  # 1000 x 14 x 14
            relu10=nn.ReLU(),
            pool10=nn.AdaptiveAvgPool2d(1),  # 1000 x 1 x 1
            flatten=nn.Flatten(),  # 1000
        )
        draw(self, source)


def draw(net: Chain, source: Source) -> None:
    """Initial weights: conv10 N(0, 0.01^2), the others uniform by the fan-in F, biases 0.

    The bound is sqrt(3/F) in the authors' definitions (Caffe's "xavier") and sqrt(6/F) in torchvision.
    """
    for name, layer in net.named_modules():
        if isinstance(layer, nn.Conv2d):
            bound = math.sqrt((6 if source == "torchvision" else 3) / layer.weight[0].numel())
            if name == "conv10":
                nn.init.normal_(layer.weight, std=0.01)
            else:
                nn.init.uniform_(layer.weight, -bound, bound)
            assert layer.bias is not None
            nn.init.zeros_(layer.bias)


def _side(source: Source, known: tuple[Source, ...]) -> int:
    check_choice("source", source, known)
    return 224 if source == "torchvision" else 227


_PROTOTXT = "arithmetic on the released prototxt"
_TABLE = "Iandola et al. 2016, table 1"
_TORCHVISION = {"source": "torchvision"}
CLAIMS = {
    "squeezenet1_0": (
        Claim("parameters", 1_248_424, f"{_TABLE}: 1,248,424 (total)"),
        Claim("macs", 832_667_936, f"arithmetic on {_TABLE}, 227 x 227"),
        Claim("macs", 861_339_936, f"{_PROTOTXT}, conv10 padded", args={"source": "authors"}),
        Claim("macs", 818_924_576, "arithmetic on torchvision's code, 224 x 224", args=_TORCHVISION),
        Claim("parameters", 14_208, _TABLE, layer="conv1"),
        Claim("parameters", 513_000, _TABLE, layer="conv10"),
        Claim("output_size", (96, 111, 111), _TABLE, layer="conv1"),
        Claim("output_size", (96, 55, 55), _TABLE, layer="pool1"),
        Claim("output_size", (256, 27, 27), _TABLE, layer="pool4"),
        Claim("output_size", (512, 13, 13), _TABLE, layer="pool8"),
        Claim("output_size", (1000, 13, 13), _TABLE, layer="conv10"),
        Claim("receptive_field", 155, "arithmetic", layer="conv10"),
        Claim("jump", 16, "arithmetic", layer="conv10"),
    ),
    "squeezenet1_1": (
        Claim("parameters", 1_235_496, _PROTOTXT),
        Claim("macs", 387_747_520, f"{_PROTOTXT}, 227 x 227"),
        Claim("macs", 349_151_936, "arithmetic on torchvision's code, 224 x 224", args=_TORCHVISION),
        Claim("parameters", 1_792, _PROTOTXT, layer="conv1"),
        Claim("parameters", 513_000, _PROTOTXT, layer="conv10"),
        Claim("jump", 16, "arithmetic", layer="conv10"),
    ),
}
