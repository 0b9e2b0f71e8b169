"""Caffe's AlexNet, and CaffeNet, where pooling comes before normalisation.

Source: BVLC/caffe, models/bvlc_alexnet/train_val.prototxt (c2aaebd) and
models/bvlc_reference_caffenet/train_val.prototxt (74bf4b7); src/caffe/layers/lrn_layer.cpp.
Departs: none known. Caffe's pooling rounds up, which makes no difference at these sizes.
"""

from torch import nn

from heirloom.claim import Claim
from heirloom.layers import LRN, Chain, MaxPool2d
from heirloom.models.initialisation import normal_

_STD = dict.fromkeys(("fc6", "fc7"), 0.005)
_BIASED = ("conv2", "conv4", "conv5", "fc6", "fc7")


class AlexNetCaffe(Chain):
    """Caffe's AlexNet: 227 x 227 pixels, normalisation with k = 1, biases that start at 0.1.

    Caffe's readme: biases of 1, as in the paper, gave a flat loss.

    Shape: input (B, in_chans, 227, 227), BGR less the mean image; output (B, num_classes).
    """

    def __init__(self, num_classes: int = 1000, in_chans: int = 3) -> None:
        super().__init__(
            (in_chans, 227, 227),
            conv1=nn.Conv2d(in_chans, 96, 11, stride=4),  # 96 x 55 x 55
            relu1=nn.ReLU(),
            norm1=LRN("caffe"),
            pool1=MaxPool2d(3, stride=2),  # 96 x 27 x 27
            conv2=nn.Conv2d(96, 256, 5, padding=2, groups=2),  # 256 x 27 x 27
            relu2=nn.ReLU(),
            norm2=LRN("caffe"),
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
        normal_(self, std=0.01, other=_STD, bias=dict.fromkeys(_BIASED, 0.1))


class CaffeNet(Chain):
    """CaffeNet: as Caffe's AlexNet, but pooled before it is normalised, and with biases that start at 1.

    Shape: as `AlexNetCaffe`.
    """

    def __init__(self, num_classes: int = 1000, in_chans: int = 3) -> None:
        super().__init__(
            (in_chans, 227, 227),
            conv1=nn.Conv2d(in_chans, 96, 11, stride=4),  # 96 x 55 x 55
            relu1=nn.ReLU(),
            pool1=MaxPool2d(3, stride=2),  # 96 x 27 x 27
            norm1=LRN("caffe"),
            conv2=nn.Conv2d(96, 256, 5, padding=2, groups=2),  # 256 x 27 x 27
            relu2=nn.ReLU(),
            pool2=MaxPool2d(3, stride=2),  # 256 x 13 x 13
            norm2=LRN("caffe"),
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
        normal_(self, std=0.01, other=_STD, bias=dict.fromkeys(_BIASED, 1.0))


_COMMON = (
    Claim("parameters", 60_965_224, "arithmetic on the prototxt"),
    Claim("macs", 724_406_816, "arithmetic on the prototxt"),
    Claim("parameters", 34_944, "arithmetic on the prototxt: 96 x 364", layer="conv1"),
    Claim("parameters", 307_456, "arithmetic on the prototxt: 256 x 1,201", layer="conv2"),
    Claim("parameters", 885_120, "arithmetic on the prototxt: 384 x 2,305", layer="conv3"),
    Claim("parameters", 663_936, "arithmetic on the prototxt: 384 x 1,729", layer="conv4"),
    Claim("parameters", 442_624, "arithmetic on the prototxt: 256 x 1,729", layer="conv5"),
    Claim("receptive_field", 163, "arithmetic", layer="conv5"),
    Claim("receptive_field", 195, "arithmetic", layer="pool5"),
    Claim("jump", 32, "arithmetic", layer="pool5"),
)
CLAIMS = {"alexnet_caffe": _COMMON, "caffenet": _COMMON}
