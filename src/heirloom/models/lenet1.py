"""LeNet-1, 1990: 28 x 28 pixels, four and twelve maps.

Source: LeCun, Boser, Denker, Henderson, Howard, Hubbard, Jackel 1990, "Handwritten digit recognition
with a back-propagation network", NIPS 2.
Departs: the table of H3 was not at hand; the one here is remembered, has the 20 pairs that the
published number of parameters needs, and was not compared with the paper. Squashing and initial
weights are those of the later LeNets.
"""

from torch import nn

from heirloom.claim import Claim
from heirloom.layers import Chain, Conv2d, ScaledTanh, Subsampling, TableConv2d
from heirloom.models.initialisation import uniform_by_fan_in_

H3_READS = ((0,), (0, 1), (0, 1), (1,), (0, 1), (0, 1), (2,), (2, 3), (2, 3), (3,), (2, 3), (2, 3))


class LeNet1(Chain):
    """LeNet-1 of 1990: convolution and trainable subsampling, twice, 28 x 28.

    Shape: input (B, in_chans, 28, 28); output (B, num_classes).
    """

    def __init__(self, num_classes: int = 10, in_chans: int = 1) -> None:
        super().__init__(
            (in_chans, 28, 28),
            h1=Conv2d(in_chans, 4, 5),  # 4 x 24 x 24
            h1_squash=ScaledTanh(),
            h2=Subsampling(4),  # 4 x 12 x 12
            h2_squash=ScaledTanh(),
            h3=TableConv2d(H3_READS, 4, 5),  # 12 x 8 x 8
            h3_squash=ScaledTanh(),
            h4=Subsampling(12),  # 12 x 4 x 4
            h4_squash=ScaledTanh(),
            flatten=nn.Flatten(),  # 192
            output=nn.Linear(192, num_classes),  # 10
            output_squash=ScaledTanh(),
        )
        uniform_by_fan_in_(self)


_PAPER = "LeCun et al. 1990, from memory"
CLAIMS = {
    "lenet1": (
        Claim("parameters", 2_578, _PAPER, verified=False),
        Claim("connections", 98_442, _PAPER, verified=False),
        Claim("parameters", 512, "arithmetic: 20 kernels of 25 and 12 biases", layer="h3"),
        Claim("connections", 32_768, "arithmetic: 512 x 8 x 8", layer="h3"),
    )
}
