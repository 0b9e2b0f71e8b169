"""LeNet of 1989: handwritten zip codes, 16 x 16 pixels.

Source: LeCun, Boser, Denker, Henderson, Howard, Hubbard, Jackel 1989, "Backpropagation applied to
handwritten zip code recognition", Neural Computation 1, section 3.3, as quoted by the README of
karpathy/lecun1989-repro.
Departs: which 8 of the 12 maps of H1 a map of H2 reads is unpublished; here each third of H2 leaves
out another third of H1. Both convolutions have 2 padding pixels on each side, holding -1 as the
paper's background does; the last column and row of padding is not reached. The activation is a plain
tanh; a scale for it is not at hand.
"""

from typing import Any

from torch import nn

from heirloom.claim import Claim
from heirloom.layers import Chain, TableConv2d
from heirloom.models.initialisation import uniform_by_fan_in_

H2_READS = (
    *[(0, 1, 2, 3, 4, 5, 6, 7)] * 4,
    *[(4, 5, 6, 7, 8, 9, 10, 11)] * 4,
    *[(0, 1, 2, 3, 8, 9, 10, 11)] * 4,
)


class LeNet1989(Chain):
    """LeNet of 1989: two layers of maps with unshared biases, tanh, zip codes of 16 x 16.

    Scores are the output units; their targets here are +1 and -1 (loss ``squared_error``).

    Shape: input (B, in_chans, 16, 16), background -1 and strokes 1; output (B, num_classes).
    """

    def __init__(self, num_classes: int = 10, in_chans: int = 1) -> None:
        every_map = [tuple(range(in_chans))] * 12
        window: dict[str, Any] = {"kernel": 5, "stride": 2, "padding": 2, "padding_value": -1.0}
        super().__init__(
            (in_chans, 16, 16),
            h1=TableConv2d(every_map, in_chans, **window, bias_size=(8, 8)),  # 12 x 8 x 8
            h1_tanh=nn.Tanh(),
            h2=TableConv2d(H2_READS, 12, **window, bias_size=(4, 4)),  # 12 x 4 x 4
            h2_tanh=nn.Tanh(),
            flatten=nn.Flatten(),  # 192
            h3=nn.Linear(192, 30),  # 30
            h3_tanh=nn.Tanh(),
            output=nn.Linear(30, num_classes),  # 10
            output_tanh=nn.Tanh(),
        )
        uniform_by_fan_in_(self, reach=2.4)  # as the reproduction reads it


_SECTION = "LeCun et al. 1989, section 3.3"
CLAIMS = {
    "lenet_1989": (
        Claim("parameters", 9_760, f"{_SECTION}: 9760 independent parameters"),
        Claim("connections", 64_660, f"{_SECTION}: 64,660 connections"),
        Claim("units", 1_256, f"{_SECTION}: 1256 units, the input's among them"),
        Claim("connections", 19_968, "arithmetic: 768 units of 26", layer="h1"),
        Claim("connections", 38_592, "arithmetic: 192 units of 201", layer="h2"),
        Claim("parameters", 1_068, "arithmetic: 12 x 25 weights and 768 biases", layer="h1"),
        Claim("parameters", 2_592, "arithmetic: 12 x 200 weights and 192 biases", layer="h2"),
        Claim("parameters", 5_790, "arithmetic: 30 units of 193", layer="h3"),
        Claim("parameters", 310, "arithmetic: 10 units of 31", layer="output"),
    )
}
