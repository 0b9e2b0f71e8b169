"""AlexNet for one processor, which most people mean when they say AlexNet today: torchvision's.

Source: Krizhevsky 2014, "One weird trick for parallelizing convolutional neural networks", arXiv 1404.5997,
as torchvision/models/alexnet.py builds it.
Departs: torchvision averages pool5 to 6 x 6, which it has already at 224 x 224 pixels: that layer is left
out. It is torchvision that drops from the input of fc6 and fc7, not from their output as in 2012. Its conv3
to conv5 have 384, 256 and 256 maps. Initial weights are PyTorch's, as torchvision leaves them.
"""

from torch import nn

from heirloom.claim import Claim
from heirloom.layers import Chain, MaxPool2d


class AlexNetOWT(Chain):
    """AlexNet of 2014 as in torchvision: one column, fewer maps, no normalisation; its weights fit here.

    Shape: input (B, in_chans, 224, 224), RGB of 0 to 1, less a mean and divided by a deviation per channel;
    output (B, num_classes).
    """

    def __init__(self, num_classes: int = 1000, in_chans: int = 3) -> None:
        super().__init__(
            (in_chans, 224, 224),
            conv1=nn.Conv2d(in_chans, 64, 11, stride=4, padding=2),  # 64 x 55 x 55
            relu1=nn.ReLU(),
            pool1=MaxPool2d(3, stride=2),  # 64 x 27 x 27
            conv2=nn.Conv2d(64, 192, 5, padding=2),  # 192 x 27 x 27
            relu2=nn.ReLU(),
            pool2=MaxPool2d(3, stride=2),  # 192 x 13 x 13
            conv3=nn.Conv2d(192, 384, 3, padding=1),  # 384 x 13 x 13
            relu3=nn.ReLU(),
            conv4=nn.Conv2d(384, 256, 3, padding=1),  # 256 x 13 x 13
            relu4=nn.ReLU(),
            conv5=nn.Conv2d(256, 256, 3, padding=1),  # 256 x 13 x 13
            relu5=nn.ReLU(),
            pool5=MaxPool2d(3, stride=2),  # 256 x 6 x 6
            flatten=nn.Flatten(),  # 9216
            drop6=nn.Dropout(0.5),  # 9216
            fc6=nn.Linear(256 * 6 * 6, 4096),  # 4096
            relu6=nn.ReLU(),
            drop7=nn.Dropout(0.5),  # 4096
            fc7=nn.Linear(4096, 4096),  # 4096
            relu7=nn.ReLU(),
            fc8=nn.Linear(4096, num_classes),  # 1000
        )


CLAIMS = {
    "alexnet_owt": (
        Claim("parameters", 61_100_840, "torchvision/models/alexnet.py, num_params"),
        Claim("macs", 714_188_480, "arithmetic; torchvision prints 0.714 billion"),
        Claim("parameters", 23_296, "arithmetic: 64 x (3 x 121 + 1)", layer="conv1"),
        Claim("parameters", 307_392, "arithmetic: 192 x (64 x 25 + 1)", layer="conv2"),
        Claim("parameters", 663_936, "arithmetic: 384 x (192 x 9 + 1)", layer="conv3"),
        Claim("parameters", 884_992, "arithmetic: 256 x (384 x 9 + 1)", layer="conv4"),
        Claim("parameters", 590_080, "arithmetic: 256 x (256 x 9 + 1)", layer="conv5"),
        Claim("parameters", 37_752_832, "arithmetic: 4,096 x (9,216 + 1)", layer="fc6"),
        Claim("receptive_field", 163, "arithmetic", layer="conv5"),
        Claim("receptive_field", 195, "arithmetic", layer="pool5"),
        Claim("jump", 32, "arithmetic", layer="pool5"),
    )
}
