"""Residual networks of stochastic depth, 2016: in training, blocks are left out by chance.

Of L blocks block l, counted from 1, survives an update with probability 1 - l/L (1 - p_L), here with
p_L = 0.5; one draw decides for all its images. A block left out hands on its shortcut; evaluation takes every
block, what it adds times its probability.

Source: Huang, Sun, Liu, Sedra, Weinberger 2016, "Deep networks with stochastic depth", arXiv 1603.09382,
section 3, and the authors' code (yueatsprograms/Stochastic_Depth: main.lua, ResidualDrop.lua).
Departs: the blocks are those of the ResNet-110 of He et al. as `heirloom.models.resnet` has them. In the
authors' code its convolutions have biases, and where the image is halved the shortcut averages 2 x 2 pixels
instead of leaving some out. The parameters of a block left out have no gradient and rest in that update;
in the authors' code their gradient is 0, and momentum and weight decay go on moving them.
"""

import torch
from torch import Tensor

from heirloom.claim import Claim
from heirloom.models.resnet import CLAIMS as RESNET_CLAIMS
from heirloom.models.resnet import Block, CifarResNet

LAST_SURVIVES = 0.5
"""p_L, the probability that the last block survives."""


class StochasticBlock(Block):
    """A block that an update leaves out with probability 1 - ``survival``.

    In training its random number comes from torch's generator for the processor, wherever the block is.

    Shape: input (B, in_maps, H, W); output (B, maps, H / stride, W / stride).
    """

    survival = 1.0
    """Probability that it is not left out; what is added is multiplied by it in evaluation."""

    def forward(self, x: Tensor) -> Tensor:
        """See the class for shapes."""
        total: Tensor
        if not self.training:
            total = self.relu2(self.survival * self.residual(x) + self.shortcut(x))
        elif torch.rand((), device="cpu").item() < self.survival:
            total = super().forward(x)
        else:
            total = self.relu2(self.shortcut(x))
        return total


def resnet110_stochastic(num_classes: int = 10, in_chans: int = 3) -> CifarResNet:
    """ResNet-110 of stochastic depth, for CIFAR-10: an update trains 40 of its 54 blocks on average."""
    net = CifarResNet(18, num_classes, in_chans, "A", StochasticBlock)
    blocks = [part for part in net.modules() if isinstance(part, StochasticBlock)]
    for number, block in enumerate(blocks, start=1):
        block.survival = 1 - number / len(blocks) * (1 - LAST_SURVIVES)
    return net


CLAIMS: dict[str, tuple[Claim, ...]] = {
    # It has the parameters and the multiply-accumulates of the network that it is made of.
    "resnet110_stochastic": tuple(claim for claim in RESNET_CLAIMS["resnet110"] if not claim.args)
}
