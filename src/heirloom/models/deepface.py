"""DeepFace of 2014: the face of one of 4,030 people, in a picture that was turned to the front.

Source: Taigman, Yang, Ranzato, Wolf 2014, "DeepFace: closing the gap to human-level performance in face
verification", CVPR, section 3 and figure 2. Initial weights and biases and the place of dropout are known
second hand, from swghosh/DeepFace and other programs that follow the paper.
Departs: each unit of L4 to L6 has a bias of its own, of which nothing is said. M2 rounds up, without which
its 71 pixels are 70; where the windows over the edge lie is not known, here on the right and at the bottom.
How faces are found and turned comes before this network and is not part of it; nor is the verification
behind it, which takes the 4,096 numbers of F7, divides each by its largest value in the training set, and the
vector by its length.
"""

from torch import nn

from heirloom.claim import Claim
from heirloom.layers import Chain, LocallyConnected2d
from heirloom.models.initialisation import normal_


class DeepFace(Chain):
    """DeepFace of 2014: two convolutions and three locally connected layers, 4,030 faces.

    Shape: input (B, in_chans, 152, 152), RGB, faces turned to the front, grey values 0 to 1; output
    (B, num_classes).
    """

    def __init__(self, num_classes: int = 4030, in_chans: int = 3) -> None:
        super().__init__(
            (in_chans, 152, 152),
            c1=nn.Conv2d(in_chans, 32, 11),  # 32 x 142 x 142
            relu1=nn.ReLU(),
            m2=nn.MaxPool2d(3, stride=2, ceil_mode=True),  # 32 x 71 x 71
            c3=nn.Conv2d(32, 16, 9),  # 16 x 63 x 63
            relu3=nn.ReLU(),
            l4=LocallyConnected2d((16, 63, 63), 16, 9),  # 16 x 55 x 55
            relu4=nn.ReLU(),
            l5=LocallyConnected2d((16, 55, 55), 16, 7, stride=2),  # 16 x 25 x 25
            relu5=nn.ReLU(),
            l6=LocallyConnected2d((16, 25, 25), 16, 5),  # 16 x 21 x 21
            relu6=nn.ReLU(),
            flatten=nn.Flatten(),  # 7056
            f7=nn.Linear(16 * 21 * 21, 4096),  # 4096
            relu7=nn.ReLU(),
            drop7=nn.Dropout(0.5),  # 4096
            f8=nn.Linear(4096, num_classes),  # 4030
        )
        normal_(self, std=0.01, bias=dict.fromkeys(("c1", "c3", "l4", "l5", "l6", "f7", "f8"), 0.5))


_PAPER = "Taigman et al. 2014"
CLAIMS = {
    "deepface": (
        Claim("parameters", 118_923_774, "arithmetic on section 3, untied weights and biases"),
        Claim(
            "parameters",
            120_000_000,
            f"{_PAPER}, abstract: more than 120 million parameters",
            off=1_076_226,
            why="section 3 gives 118.9 million, to the unit; rounded, the figure would be 119",
            verified=False,
        ),
        Claim("macs", 517_624_448, "arithmetic on section 3"),
        Claim("parameters", 11_648, "arithmetic: 32 x (3 x 121 + 1)", layer="c1"),
        Claim("parameters", 41_488, "arithmetic: 16 x (32 x 81 + 1)", layer="c3"),
        Claim("parameters", 62_774_800, "arithmetic: 16 x 55 x 55 x (16 x 81 + 1)", layer="l4"),
        Claim("parameters", 7_850_000, "arithmetic: 16 x 25 x 25 x (16 x 49 + 1)", layer="l5"),
        Claim("parameters", 2_829_456, "arithmetic: 16 x 21 x 21 x (16 x 25 + 1)", layer="l6"),
        Claim("parameters", 28_905_472, "arithmetic: 4,096 x 7,057", layer="f7"),
        Claim("parameters", 16_510_910, "arithmetic: 4,030 x 4,097", layer="f8"),
        Claim("output_size", (32, 142, 142), "arithmetic: 152 - 11 + 1", layer="c1"),
        Claim(
            "output_size",
            (32, 152, 152),
            f"{_PAPER}, figure 2: 32x11x11x3@152x152",
            layer="c1",
            why="152 is the side of the picture that C1 reads; only 142 gives the 71 pixels of M2",
            verified=False,
        ),
        Claim("output_size", (32, 71, 71), f"{_PAPER}, figure 2", layer="m2", verified=False),
        Claim("output_size", (16, 63, 63), f"{_PAPER}, figure 2", layer="c3", verified=False),
        Claim("output_size", (16, 55, 55), f"{_PAPER}, figure 2", layer="l4", verified=False),
        Claim("output_size", (16, 25, 25), f"{_PAPER}, figure 2", layer="l5", verified=False),
        Claim("output_size", (16, 21, 21), f"{_PAPER}, figure 2", layer="l6", verified=False),
        Claim("receptive_field", 73, "arithmetic: 11 + 2 + 8 x 2 + 8 x 2 + 6 x 2 + 4 x 4", layer="l6"),
    )
}
