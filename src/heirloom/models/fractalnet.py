"""FractalNet of 2016: deep without shortcuts, by one rule of expansion and means where paths meet.

``f_1(z) = conv(z)``, and ``f_C+1(z)`` is the mean of ``conv(z)`` and of the inputs of the last join of
``f_C(f_C(z))``: C columns, of 1, 2, 4, ... convolutions, joined wherever they end together. In training
paths are left out by chance, for all images of an update alike: in one half of the updates each join leaves
out each of its inputs with probability 0.15, but never all ("local"), in the other half only one column is
left of the whole network ("global").

Source: Larsson, Maire, Shakhnarovich 2016, "FractalNet: ultra-deep neural networks without residuals", arXiv
1605.07648, sections 2 to 4, as quoted by summaries; everything else from the definition that was released
with it (gustavla/fractalnet, generation/fractalnet.py and globals.crox): 3 columns, blocks of 64, 128, 256,
512 and 512 maps, dropout between convolution and normalisation, maximum pooling before the last join of a
block, Caffe's "xavier" for initial weights.
Departs: that half of the updates are global, each by one column drawn evenly, is how others read the paper.
Released convolutions have biases, and their normalisation, Caffe's, has neither scale nor offset; here it is
the other way round, as usual. Paths that are left out are not computed: their parameters rest in that
update, and so do their statistics. The paper's table prints 38.6 million parameters; its blocks have 33.7.
"""

import functools
import itertools
import math

import torch
from torch import Tensor, nn

from heirloom.claim import Claim
from heirloom.layers import Chain, check_input

COLUMNS = 3
LEFT_OUT, GLOBAL = 0.15, 0.5
"""Probabilities that a join leaves out an input, and that an update trains one column only."""


class Join(nn.Module):
    """The mean of its inputs, of which training leaves some out.

    Random numbers come from torch's generator for the processor, wherever the network is.

    Args:
        inputs: Number of columns that end here, the deepest first.

    Shape: any number of inputs (B, C, H, W); the same output.
    """

    def __init__(self, inputs: int) -> None:
        super().__init__()
        self.inputs = inputs

    def draw(self, column: int | None) -> list[bool]:
        """Which inputs are present: of ``column`` alone, or all, or in training what chance leaves."""
        if column is not None:
            return [place == column for place in range(self.inputs)]
        if not self.training or self.inputs == 1:
            return [True] * self.inputs
        present: list[bool] = (torch.rand(self.inputs, device="cpu") >= LEFT_OUT).tolist()
        if not any(present):
            present[int(torch.randint(self.inputs, (), device="cpu"))] = True
        return present

    def forward(self, *present: Tensor) -> Tensor:
        """See the class for shapes."""
        return functools.reduce(torch.add, present) / len(present) if len(present) > 1 else present[0]


class Unit(nn.Sequential):
    """A convolution of 3 x 3, dropout, batch normalisation, a rectifier."""

    def __init__(self, in_maps: int, maps: int, dropout: float) -> None:
        super().__init__()
        self.conv = nn.Conv2d(in_maps, maps, 3, padding=1, bias=False)
        self.drop = nn.Dropout(dropout)
        self.bn = nn.BatchNorm2d(maps)
        self.relu = nn.ReLU()


class Fractal(nn.Module):
    """f_C without its last join, by the rule of expansion.

    Args:
        columns: C.
        in_maps: Maps that it reads.
        maps: Maps that it returns.
        dropout: Probability with which a number is dropped behind a convolution.

    Shape: input (B, in_maps, H, W); outputs (B, maps, H, W), one for each column, the deepest first.
    """

    def __init__(self, columns: int, in_maps: int, maps: int, dropout: float) -> None:
        super().__init__()
        self.columns = columns
        if columns > 1:
            self.first = Fractal(columns - 1, in_maps, maps, dropout)
            self.join = Join(columns - 1)
            self.second = Fractal(columns - 1, maps, maps, dropout)
        self.column = Unit(in_maps, maps, dropout)

    def forward(self, x: Tensor, present: list[bool], column: int | None) -> list[Tensor]:
        """Only what the next join wants.

        Args:
            x: See the class for shapes.
            present: For each column, whether that join reads it.
            column: The only one that is left of the network, or None.
        """
        found: list[Tensor] = []
        if any(present[:-1]):
            between = self.join(*self.first(x, self.join.draw(column), column))
            found = self.second(between, present[:-1], column)
        return [*found, self.column(x)] if present[-1] else found


class FractalBlock(nn.Module):
    """A fractal of three columns; each is pooled before the last join, which halves the image.

    Args:
        in_maps: Maps that it reads.
        maps: Maps that it returns.
        dropout: Probability with which a number is dropped behind a convolution.

    Shape: input (B, in_maps, H, W); output (B, maps, H / 2, W / 2).
    """

    def __init__(self, in_maps: int, maps: int, dropout: float) -> None:
        super().__init__()
        self.fractal = Fractal(COLUMNS, in_maps, maps, dropout)
        self.pool = nn.ModuleList(nn.MaxPool2d(2) for _ in range(COLUMNS))
        self.join = Join(COLUMNS)

    def forward(self, x: Tensor, column: int | None) -> Tensor:
        """See the class for shapes, and `FractalNet.forward` for ``column``."""
        present = self.join.draw(column)
        pools = itertools.compress(self.pool, present)
        found = self.fractal(x, present, column)
        out: Tensor = self.join(*[pool(path) for pool, path in zip(pools, found, strict=True)])
        return out


class FractalNet(Chain):
    """FractalNet for CIFAR: five fractals of three columns, 20 convolutions along the deepest.

    Shape: input (B, in_chans, 32, 32), RGB; output (B, num_classes).
    """

    def __init__(self, num_classes: int = 10, in_chans: int = 3) -> None:
        super().__init__(
            (in_chans, 32, 32),
            block1=FractalBlock(in_chans, 64, 0.0),  # 64 x 16 x 16
            block2=FractalBlock(64, 128, 0.1),  # 128 x 8 x 8
            block3=FractalBlock(128, 256, 0.2),  # 256 x 4 x 4
            block4=FractalBlock(256, 512, 0.3),  # 512 x 2 x 2
            block5=FractalBlock(512, 512, 0.4),  # 512 x 1 x 1
            flatten=nn.Flatten(),  # 512
            fc=nn.Linear(512, num_classes),  # 10
        )
        for layer in self.modules():
            if isinstance(layer, nn.Conv2d | nn.Linear):
                bound = math.sqrt(3 / layer.weight[0].numel())
                nn.init.uniform_(layer.weight, -bound, bound)
                if layer.bias is not None:
                    nn.init.zeros_(layer.bias)

    def forward(self, x: Tensor, column: int | None = None) -> Tensor:
        """See the class for shapes.

        Args:
            x: Images.
            column: The column that computes alone, 0 the deepest with 20 convolutions, 1 that with 10,
                2 that with 5; published beside the whole. By default all of them, or what chance leaves.
        """
        check_input(self, x)
        if column is None and self.training and torch.rand((), device="cpu").item() < GLOBAL:
            column = int(torch.randint(COLUMNS, (), device="cpu"))
        for layer in self:
            x = layer(x, column) if isinstance(layer, FractalBlock) else layer(x)
        return x


CLAIMS = {
    "fractalnet20": (
        Claim("parameters", 33_724_618, "arithmetic: 9 (3 M N + 4 N^2) + 14 N a block, and 5,130"),
        Claim(
            "parameters",
            38_600_000,
            "Larsson et al. 2016, table of results on CIFAR: 38.6M",
            off=38_600_000 - 33_724_618,
            why="unresolved: neither the released definition nor programs that follow it have them; there"
            " would be 38,649,034 if blocks 1 to 4 had a normalised 1 x 1 convolution to widen the maps",
            verified=False,
        ),
        Claim("macs", 845_222_912, "arithmetic: 9 (3 M N + 4 N^2) x side^2 a block, and 5,120"),
        Claim("output_size", (64, 16, 16), "the released definition", layer="block1.join.div"),
        Claim("output_size", (512, 1, 1), "the released definition", layer="block5.join.div"),
        Claim("receptive_field", 280, "arithmetic: 1 + (4 x 2 + 1) (1 + 2 + 4 + 8 + 16)", layer="flatten"),
    )
}
