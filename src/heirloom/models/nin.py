"""Network in network: convolutions followed by 1 x 1 convolutions, and no fully connected layer.

Source: Lin, Chen, Yan 2013, "Network in network", arXiv 1312.4400; the sizes, and all that the paper
leaves open, from the authors' released Caffe definitions: mavenlin's CIFAR-10 model (gist
e56253735ef32c3c296d) and ImageNet model (gist d802a5849de39225bcc6), read in public copies.
Departs: rectifiers behind a layer are named after it (the ImageNet definition numbers them, with gaps),
and conv4, cccp7 and cccp8 leave out the suffix "-1024" of that definition. The authors' cuda-convnet
definition of the CIFAR-10 network takes the maximum in pool2 where the Caffe one, followed here, takes
the average. Both definitions rectify the scores before they are averaged, and so does this file.
"""

from torch import nn

from heirloom.claim import Claim
from heirloom.layers import AvgPool2d, Chain, MaxPool2d


class NiNCifar(Chain):
    """Network in network for CIFAR-10: three blocks, and the average of each class's map as its score.

    Initial weights are N(0, 0.05^2), biases 0.

    Shape: input (B, in_chans, 32, 32), whitened and normalised RGB; output (B, num_classes).
    """

    def __init__(self, num_classes: int = 10, in_chans: int = 3) -> None:
        super().__init__(
            (in_chans, 32, 32),
            conv1=nn.Conv2d(in_chans, 192, 5, padding=2),  # 192 x 32 x 32
            relu1=nn.ReLU(),
            cccp1=nn.Conv2d(192, 160, 1),  # 160 x 32 x 32
            relu_cccp1=nn.ReLU(),
            cccp2=nn.Conv2d(160, 96, 1),  # 96 x 32 x 32
            relu_cccp2=nn.ReLU(),
            pool1=MaxPool2d(3, 2, ceil_mode=True),  # 96 x 16 x 16
            drop3=nn.Dropout(0.5),  # 96 x 16 x 16
            conv2=nn.Conv2d(96, 192, 5, padding=2),  # 192 x 16 x 16
            relu2=nn.ReLU(),
            cccp3=nn.Conv2d(192, 192, 1),  # 192 x 16 x 16
            relu_cccp3=nn.ReLU(),
            cccp4=nn.Conv2d(192, 192, 1),  # 192 x 16 x 16
            relu_cccp4=nn.ReLU(),
            pool2=AvgPool2d(3, 2, ceil_mode=True),  # 192 x 8 x 8
            drop6=nn.Dropout(0.5),  # 192 x 8 x 8
            conv3=nn.Conv2d(192, 192, 3, padding=1),  # 192 x 8 x 8
            relu3=nn.ReLU(),
            cccp5=nn.Conv2d(192, 192, 1),  # 192 x 8 x 8
            relu_cccp5=nn.ReLU(),
            cccp6=nn.Conv2d(192, num_classes, 1),  # 10 x 8 x 8
            relu_cccp6=nn.ReLU(),
            pool3=AvgPool2d(8, 1),  # 10 x 1 x 1
            flatten=nn.Flatten(),  # 10
        )
        for layer in self:
            if isinstance(layer, nn.Conv2d):
                _draw(layer, 0.05)


class NiNImageNet(Chain):
    """Network in network for ImageNet: four blocks, and the average of each class's map as its score.

    Initial weights are N(0, 0.05^2), in conv1, conv3 and the last layer N(0, 0.01^2); biases are 0.

    Shape: input (B, in_chans, 224, 224), BGR of 0 to 255 less a mean; output (B, num_classes).
    """

    def __init__(self, num_classes: int = 1000, in_chans: int = 3) -> None:
        super().__init__(
            (in_chans, 224, 224),
            conv1=nn.Conv2d(in_chans, 96, 11, stride=4),  # 96 x 54 x 54
            relu1=nn.ReLU(),
            cccp1=nn.Conv2d(96, 96, 1),  # 96 x 54 x 54
            relu_cccp1=nn.ReLU(),
            cccp2=nn.Conv2d(96, 96, 1),  # 96 x 54 x 54
            relu_cccp2=nn.ReLU(),
            pool1=MaxPool2d(3, 2, ceil_mode=True),  # 96 x 27 x 27
            conv2=nn.Conv2d(96, 256, 5, padding=2),  # 256 x 27 x 27
            relu2=nn.ReLU(),
            cccp3=nn.Conv2d(256, 256, 1),  # 256 x 27 x 27
            relu_cccp3=nn.ReLU(),
            cccp4=nn.Conv2d(256, 256, 1),  # 256 x 27 x 27
            relu_cccp4=nn.ReLU(),
            pool2=MaxPool2d(3, 2, ceil_mode=True),  # 256 x 13 x 13
            conv3=nn.Conv2d(256, 384, 3, padding=1),  # 384 x 13 x 13
            relu3=nn.ReLU(),
            cccp5=nn.Conv2d(384, 384, 1),  # 384 x 13 x 13
            relu_cccp5=nn.ReLU(),
            cccp6=nn.Conv2d(384, 384, 1),  # 384 x 13 x 13
            relu_cccp6=nn.ReLU(),
            pool3=MaxPool2d(3, 2, ceil_mode=True),  # 384 x 6 x 6
            drop=nn.Dropout(0.5),  # 384 x 6 x 6
            conv4=nn.Conv2d(384, 1024, 3, padding=1),  # 1024 x 6 x 6
            relu4=nn.ReLU(),
            cccp7=nn.Conv2d(1024, 1024, 1),  # 1024 x 6 x 6
            relu_cccp7=nn.ReLU(),
            cccp8=nn.Conv2d(1024, num_classes, 1),  # 1000 x 6 x 6
            relu_cccp8=nn.ReLU(),
            pool4=AvgPool2d(6, 1),  # 1000 x 1 x 1
            flatten=nn.Flatten(),  # 1000
        )
        for name, layer in self.named_children():
            if isinstance(layer, nn.Conv2d):
                _draw(layer, 0.01 if name in ("conv1", "conv3", "cccp8") else 0.05)


def _draw(layer: nn.Conv2d, deviation: float) -> None:
    nn.init.normal_(layer.weight, std=deviation)
    assert layer.bias is not None
    nn.init.zeros_(layer.bias)


CLAIMS = {
    "nin_cifar": (
        Claim("parameters", 966_986, "arithmetic on the released prototxt"),
        Claim("macs", 222_486_528, "arithmetic on the released prototxt"),
        Claim("parameters", 14_592, "arithmetic: 192 x 76", layer="conv1"),
        Claim("parameters", 460_992, "arithmetic: 192 x (96 x 25 + 1)", layer="conv2"),
        Claim("parameters", 1_930, "arithmetic: 10 x 193", layer="cccp6"),
        Claim("receptive_field", 27, "arithmetic", layer="conv3"),
        Claim("receptive_field", 55, "arithmetic", layer="pool3"),
        Claim("jump", 4, "arithmetic", layer="conv3"),
    ),
    "nin_imagenet": (
        Claim("parameters", 7_595_176, "arithmetic on the released prototxt"),
        Claim("macs", 1_100_188_800, "arithmetic on the released prototxt, 224 x 224: 54 x 54 behind conv1"),
        Claim("parameters", 34_944, "arithmetic: 96 x 364", layer="conv1"),
        Claim("parameters", 1_025_000, "arithmetic: 1000 x 1025", layer="cccp8"),
        Claim("receptive_field", 195, "arithmetic", layer="conv4"),
        Claim("receptive_field", 355, "arithmetic", layer="pool4"),
        Claim("jump", 32, "arithmetic", layer="conv4"),
    ),
}
