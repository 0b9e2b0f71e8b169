"""LeNet-5 of 1998.

Source: LeCun, Bottou, Bengio, Haffner 1998, "Gradient-based learning applied to document recognition",
Proceedings of the IEEE 86, section II.B; the initial weights appendix A.
Departs: the 7 x 12 codes are a public transcription of the paper's figure 3, the same in two
repositories, not compared with the paper itself.
"""

import torch
from torch import Tensor, nn

from heirloom.claim import Claim
from heirloom.errors import HeirloomError
from heirloom.layers import RBF, Chain, Conv2d, ScaledTanh, Subsampling, TableConv2d
from heirloom.models.initialisation import uniform_by_fan_in_

# Table I by column: the maps of S2 that each of the 16 maps of C3 reads. 60 of 96 pairs.
C3_READS = (
    (0, 1, 2), (1, 2, 3), (2, 3, 4), (3, 4, 5), (0, 4, 5), (0, 1, 5),                    # 3 neighbours
    (0, 1, 2, 3), (1, 2, 3, 4), (2, 3, 4, 5), (0, 3, 4, 5), (0, 1, 4, 5), (0, 1, 2, 5),  # 4 neighbours
    (0, 1, 3, 4), (1, 2, 4, 5), (0, 2, 3, 5),                                            # 4, with a gap
    (0, 1, 2, 3, 4, 5),                                                                  # all
)  # fmt: skip

# Figure 3: what F6 should look like for each digit, 7 wide and 12 high, from the top. `#` is +1, `.` is -1.
CODES = (
    ".#####. ....... ..###.. .##.##. ##...## ##...## ##...## ##...## .##.##. ..###.. ....... .......",
    "...##.. ..###.. .####.. ...##.. ...##.. ...##.. ...##.. ...##.. ...##.. .###### ....... .......",
    ".#####. ....... .#####. ##...## #....## ....##. ..###.. .##.... ##..... ####### ....... .......",
    "####### .....## ....##. ...##.. ..####. .....## .....## .....## ##...## .#####. ....... .......",
    ".#####. ....... ....... .##..## .##..## ###..## ##...## ##...## ##..### .###### .....## .....##",
    ".#####. ....... ####### ##..... ##..... .####.. ..####. .....## ##...## .#####. ....... .......",
    "..####. .##.... ##..... ##..... ######. ###..## ##...## ##...## ###..## .#####. ....... .......",
    "####### .....## .....## ....##. ...##.. ...##.. ..##... ..##... ..##... ..##... ....... .......",
    ".#####. ##...## ##...## ##...## .#####. ##...## ##...## ##...## ##...## .#####. ....... .......",
    ".#####. ##..### ##...## ##...## ##..### .###### .....## .....## ....##. .####.. ....... .......",
)


def codes() -> Tensor:
    """The codes of the ten digits as numbers. Shape (10, 84), each +1 or -1."""
    return torch.tensor([[1.0 if c == "#" else -1.0 for c in code if c != " "] for code in CODES])


class LeNet5(Chain):
    """LeNet-5 of 1998: connection table, trainable subsampling, radial basis functions.

    Scores are the negated penalties of equation 7. There are codes for the ten digits only.

    Shape: input (B, in_chans, 32, 32), background -0.1 and strokes 1.175; output (B, 10).

    Raises:
        HeirloomError: (``E-argument``) ``num_classes`` is not 10.
    """

    def __init__(self, num_classes: int = 10, in_chans: int = 1) -> None:
        if num_classes != len(CODES):
            raise HeirloomError(
                "E-argument",
                f"lenet5 has no {num_classes} classes",
                where="num_classes",
                why="its output codes were published for characters, and are at hand for the ten digits",
                remedy="take lenet5_gaussian or lenet5_softmax",
            )
        super().__init__(
            (in_chans, 32, 32),
            c1=Conv2d(in_chans, 6, 5),  # 6 x 28 x 28
            c1_squash=ScaledTanh(),
            s2=Subsampling(6),  # 6 x 14 x 14
            s2_squash=ScaledTanh(),
            c3=TableConv2d(C3_READS, 6, 5),  # 16 x 10 x 10
            c3_squash=ScaledTanh(),
            s4=Subsampling(16),  # 16 x 5 x 5
            s4_squash=ScaledTanh(),
            c5=Conv2d(16, 120, 5),  # 120 x 1 x 1
            c5_squash=ScaledTanh(),
            flatten=nn.Flatten(),  # 120
            f6=nn.Linear(120, 84),  # 84
            f6_squash=ScaledTanh(),
            output=RBF(codes()),  # 10
        )
        uniform_by_fan_in_(self)


_PAPER = "LeCun et al. 1998, section II.B"
_DECK = "lecture deck 001"
CLAIMS = {
    "lenet5": (
        Claim("parameters", 60_000, f"{_PAPER}: only 60,000 trainable free parameters"),
        Claim("connections", 340_908, f"{_PAPER}: 340,908 connections"),
        Claim("parameters", 156, f"{_DECK}, input to C1", layer="c1"),
        Claim("connections", 122_304, f"{_DECK}, input to C1", layer="c1"),
        Claim("parameters", 12, f"{_DECK}, C1 to S2", layer="s2"),
        Claim("connections", 5_880, f"{_DECK}, C1 to S2", layer="s2"),
        Claim("parameters", 1_516, f"{_DECK}, S2 to C3", layer="c3"),
        Claim("connections", 151_600, f"{_DECK}, S2 to C3", layer="c3"),
        Claim("parameters", 32, f"{_DECK}, C3 to S4", layer="s4"),
        Claim("connections", 2_000, f"{_DECK}, C3 to S4", layer="s4"),
        Claim("connections", 48_120, f"{_DECK}, S4 to C5", layer="c5"),
        Claim("parameters", 10_164, f"{_DECK}, C5 to F6", layer="f6"),
        Claim("fixed", 840, "arithmetic: 10 codes of 7 x 12", layer="output"),
        Claim("connections", 840, "arithmetic: 10 units of 84 inputs, no bias", layer="output"),
        Claim("macs", 326_520, "arithmetic: 325,680 up to F6 and 840 squared differences"),
        Claim("receptive_field", 5, "arithmetic", layer="c1"),
        Claim("receptive_field", 6, "arithmetic", layer="s2"),
        Claim("receptive_field", 14, "arithmetic", layer="c3"),
        Claim("receptive_field", 16, "arithmetic", layer="s4"),
        Claim("receptive_field", 32, "arithmetic", layer="c5"),
        Claim("parameters", 456, "arithmetic: 6 x (3 x 25 + 1), colour", layer="c1", args={"in_chans": 3}),
    )
}
