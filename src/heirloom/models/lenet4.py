"""LeNet-4: between LeNet-1 and LeNet-5.

Source: LeCun, Bottou, Bengio, Haffner 1998, section III.C.
Departs: the table of C3 is unpublished; here each of its maps reads four neighbouring maps of S2,
two maps starting at each of the eight, so that both maps of a pair are read equally often. Squashing,
initial weights and ten output units with targets of +-1 are taken from its sister networks.
"""

from torch import nn

from heirloom.claim import Claim
from heirloom.layers import Chain, Conv2d, ScaledTanh, Subsampling, TableConv2d
from heirloom.models.initialisation import uniform_by_fan_in_

C3_READS = tuple(tuple((first // 2 + i) % 8 for i in range(4)) for first in range(16))


class LeNet4(Chain):
    """LeNet-4: four maps, eight subsampling maps in pairs, sixteen maps, 120 units.

    Shape: input (B, in_chans, 32, 32); output (B, num_classes).
    """

    def __init__(self, num_classes: int = 10, in_chans: int = 1) -> None:
        super().__init__(
            (in_chans, 32, 32),
            c1=Conv2d(in_chans, 4, 5),  # 4 x 28 x 28
            c1_squash=ScaledTanh(),
            s2=Subsampling(8, in_maps=4),  # 8 x 14 x 14
            s2_squash=ScaledTanh(),
            c3=TableConv2d(C3_READS, 8, 5),  # 16 x 10 x 10
            c3_squash=ScaledTanh(),
            s4=Subsampling(16),  # 16 x 5 x 5
            s4_squash=ScaledTanh(),
            c5=Conv2d(16, 120, 5),  # 120 x 1 x 1
            c5_squash=ScaledTanh(),
            flatten=nn.Flatten(),  # 120
            output=nn.Linear(120, num_classes),  # 10
            output_squash=ScaledTanh(),
        )
        uniform_by_fan_in_(self)


CLAIMS = {
    "lenet4": (
        Claim("parameters", 48_120, "arithmetic: 120 units reading 16 maps of 5 x 5 and a bias", layer="c5"),
        Claim(
            "parameters",
            17_000,
            "often quoted: about 17,000 free parameters",
            verified=False,
            why="does not fit 120 units that read 16 maps of 5 x 5, which alone have 48,120; unresolved",
        ),
    )
}
