"""LeNet-5 of 1998 and as a lecture's code has it, in plain PyTorch, with the losses that they learn by.

The formulas are those of `heirloom.models` and are checked against them; nothing of ours is used, so that a
quicker layer of ours does not make the peers quicker.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

# The maps of S2 that each map of C3 reads, and the codes of the digits as rows of 84 signs.
READS = "012 123 234 345 045 015 0123 1234 2345 0345 0145 0125 0134 1245 0235 012345"


class LeNet5(nn.Module):
    """(B, 1, 32, 32) to negated penalties (B, 10).

    Args:
        codes: (10, 84), each +1 or -1.
    """

    mask: Tensor
    codes: Tensor

    def __init__(self, codes: Tensor) -> None:
        super().__init__()
        self.c1, self.s2 = nn.Conv2d(1, 6, 5), Subsampling(6)
        self.c3, self.s4 = nn.Conv2d(6, 16, 5), Subsampling(16)
        self.c5, self.f6 = nn.Conv2d(16, 120, 5), nn.Linear(120, 84)
        mask = torch.zeros(16, 6, 1, 1)
        for row, maps in enumerate(READS.split()):
            mask[row, [int(digit) for digit in maps]] = 1
        self.register_buffer("mask", mask)
        self.register_buffer("codes", codes)

    def forward(self, x: Tensor) -> Tensor:
        """The network's formulas, one line a layer."""
        x = squash(self.c1(x))
        x = squash(self.s2(x))
        x = squash(F.conv2d(x, self.c3.weight * self.mask, self.c3.bias))
        x = squash(self.s4(x))
        x = squash(self.c5(x)).flatten(1)
        x = squash(self.f6(x))
        return -(x.unsqueeze(1) - self.codes).square().sum(2)


class Subsampling(nn.Module):
    """Sum of 2 x 2 inputs, times a coefficient, plus a bias, one of each per map."""

    def __init__(self, maps: int) -> None:
        super().__init__()
        self.coefficient = nn.Parameter(torch.full((maps, 1, 1), 0.25))
        self.bias = nn.Parameter(torch.zeros(maps, 1, 1))

    def forward(self, x: Tensor) -> Tensor:
        """(B, maps, H, W) to (B, maps, H / 2, W / 2)."""
        return F.avg_pool2d(x, 2) * (4 * self.coefficient) + self.bias


def squash(x: Tensor) -> Tensor:
    """1.7159 tanh(2a/3), elementwise."""
    return 1.7159 * torch.tanh(2 / 3 * x)


def map_loss(scores: Tensor, labels: Tensor) -> Tensor:
    """Equation 9 of LeCun et al. 1998 with j = 0.1, a mean over the batch."""
    rubbish = scores.new_full((len(scores), 1), -0.1)
    return F.cross_entropy(torch.cat([scores, rubbish], dim=1), labels)


def relu_max() -> nn.Sequential:
    """(B, 1, 32, 32) to scores (B, 10): ReLU and maximum pooling."""
    return nn.Sequential(
        *(nn.Conv2d(1, 6, 5), nn.ReLU(), nn.MaxPool2d(2)),
        *(nn.Conv2d(6, 16, 5), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten()),
        *(nn.Linear(400, 120), nn.ReLU(), nn.Linear(120, 84), nn.ReLU(), nn.Linear(84, 10)),
    )
