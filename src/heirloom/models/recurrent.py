"""Recurrent networks that read an image row by row, and what they are when their cycle is unfolded.

Source: one file, three layers. Elman 1990; Hochreiter, Schmidhuber 1997 with the forget gate of Gers,
Schmidhuber, Cummins 2000; Cho et al. 2014. To read a digit of MNIST as 28 rows of 28 pixels with 100
units, and a linear layer behind the last state: Akandeh, Salem 2017, arXiv 1707.04619, and Dey, Salem 2017,
arXiv 1701.05923; 100 units, pixel by pixel: Le, Jaitly, Hinton 2015, arXiv 1504.00941.
Departs: `layers.recurrent` says where a layer is not its paper's. Each unit has one bias, as the papers and
their counts have, where PyTorch's own layers keep two that are added. The channels of a colour image stand
one after another in its row.
"""

import copy
from collections.abc import Sequence
from typing import cast

import torch
from torch import Tensor, nn

from heirloom.claim import Claim
from heirloom.layers import GRU as GatedUnits
from heirloom.layers import LSTM as MemoryCells
from heirloom.layers import Elman, Recurrent, Rows, check_input

UNITS = 100


class RowByRow(nn.Module):
    """What the three have in common: rows, a layer with a cycle, scores from its last state."""

    any_height = True
    """An image may have any number of rows; its width is that of ``input_size``."""
    input_size: tuple[int, int, int]
    rows: Rows
    hidden: Recurrent
    output: nn.Linear

    def forward(self, x: Tensor, lengths: Tensor | Sequence[int] | None = None) -> Tensor:
        """Scores.

        Args:
            x: (B, C, H, W) with any H of 1 or more.
            lengths: (B,) how many rows of each image are read, from the top; the rest is padding. Images of
                different heights so share a batch, and each gets the scores that it gets alone. By
                default all H.

        Raises:
            HeirloomError: (``E-input-size``) Another width or other channels; (``E-argument``) impossible
                lengths.
        """
        check_input(self, x)
        scores: Tensor = self.output(self.hidden(self.rows(x), lengths))
        return scores


class RNN(RowByRow):
    """The simple recurrent network: a state of 100 numbers, read again with every row.

    Shape: input (B, in_chans, H, 28), published with 28 rows; output (B, num_classes).

    Source: Elman 1990, "Finding structure in time", Cognitive Science 14.
    Departs: hyperbolic tangents where Elman has logistic units, and gradients through all steps where his
    went back by one. He prints no initial weights: here each unit draws weights and bias from
    U(-1/sqrt(F), 1/sqrt(F)), F its 128 inputs, as in LeCun's networks.
    """

    def __init__(self, num_classes: int = 10, in_chans: int = 1) -> None:
        super().__init__()
        self.input_size = (in_chans, 28, 28)
        self.rows = Rows()  # 28 x 28
        self.hidden = Elman(28 * in_chans, UNITS)  # 100
        self.output = nn.Linear(UNITS, num_classes)  # 10
        for parameters, fan_in in (
            (self.hidden.parameters(), 28 * in_chans + UNITS),
            (self.output.parameters(), UNITS),
        ):
            for parameter in parameters:
                nn.init.uniform_(parameter, -(fan_in**-0.5), fan_in**-0.5)


class LSTM(RowByRow):
    """Long short-term memory: 100 cells that gates protect, and that forget.

    Shape: input (B, in_chans, H, 28), published with 28 rows; output (B, num_classes).

    Source: Hochreiter, Schmidhuber 1997, "Long short-term memory", Neural Computation 9, with the forget
    gates of Gers, Schmidhuber, Cummins 2000, "Learning to forget", Neural Computation 12; no peepholes.
    Departs: the first weights, U(-0.1, 0.1), are those of several experiments of 1997, known to us second
    hand. The bias of the forget gates is 1: Gers et al. want it positive, so that a cell keeps at first what
    it has. All other biases are 0.
    """

    def __init__(self, num_classes: int = 10, in_chans: int = 1) -> None:
        super().__init__()
        self.input_size = (in_chans, 28, 28)
        self.rows = Rows()  # 28 x 28
        self.hidden = MemoryCells(28 * in_chans, UNITS)  # 100
        self.output = nn.Linear(UNITS, num_classes)  # 10
        for layer in (self.hidden.input, self.hidden.recurrent, self.output):
            nn.init.uniform_(layer.weight, -0.1, 0.1)
        nn.init.zeros_(self.hidden.input.bias)
        nn.init.zeros_(self.output.bias)
        with torch.no_grad():
            self.hidden.input.bias[UNITS : 2 * UNITS] = 1.0


class GRU(RowByRow):
    """Gated recurrent units: 100 numbers, each kept or renewed, with two gates where LSTM has three.

    Shape: input (B, in_chans, H, 28), published with 28 rows; output (B, num_classes).

    Source: Cho et al. 2014, "Learning phrase representations using RNN encoder-decoder for statistical
    machine translation", equations 5 to 8; the first weights are those of its appendix, known to us
    second hand: random orthogonal matrices for the recurrent ones, N(0, 0.01^2) for all others.
    Departs: one orthogonal matrix for each gate; biases, which are 0 at first.
    """

    def __init__(self, num_classes: int = 10, in_chans: int = 1) -> None:
        super().__init__()
        self.input_size = (in_chans, 28, 28)
        self.rows = Rows()  # 28 x 28
        self.hidden = GatedUnits(28 * in_chans, UNITS)  # 100
        self.output = nn.Linear(UNITS, num_classes)  # 10
        for layer in (self.hidden.input, self.output):
            nn.init.normal_(layer.weight, std=0.01)
            nn.init.zeros_(layer.bias)
        for weight in (*self.hidden.recurrent.weight.split(UNITS), self.hidden.candidate.weight):
            nn.init.orthogonal_(weight)


class Unfolded(nn.Module):
    """The feed-forward network that a recurrent one is for images of one height: a layer for each row.

    All its layers have the same weights, so the gradient of a weight is the sum over the layers.

    Args:
        network: The recurrent network; its weights are shared, not copied.
        steps: Number of rows of an image; by default as published.

    Shape: input (B, C, steps, W); output (B, num_classes).
    """

    def __init__(self, network: RowByRow, steps: int | None = None) -> None:
        super().__init__()
        channels, rows, width = network.input_size
        self.input_size = (channels, rows if steps is None else steps, width)
        self.rows = network.rows
        tied = {id(weight): weight for weight in network.hidden.parameters()}
        copies = [copy.deepcopy(network.hidden, dict(tied)) for _ in range(self.input_size[1])]
        self.steps = nn.ModuleList(_Step(layer) for layer in copies)
        self.output = network.output

    def forward(self, x: Tensor) -> Tensor:
        """Scores; see the class for shapes."""
        check_input(self, x)
        sequence = self.rows(x)
        state = cast(_Step, self.steps[0]).layer.start(sequence)
        for step, row in zip(self.steps, sequence.unbind(1), strict=True):
            state = step(row, *state)
        scores: Tensor = self.output(state[0])
        return scores


class _Step(nn.Module):
    """One step of a layer with a cycle, as a layer without: from a row and a state to the next state."""

    def __init__(self, layer: Recurrent) -> None:
        super().__init__()
        self.layer = layer

    def forward(self, row: Tensor, *state: Tensor) -> tuple[Tensor, ...]:
        return self.layer.step(self.layer.input(row), state)


_SLIM = "Akandeh, Salem 2017, table of results: parameters of the standard LSTM, row by row"
CLAIMS = {
    "rnn": (
        Claim("parameters", 12_900, "arithmetic: (28 + 100 + 1) x 100", layer="hidden"),
        Claim("parameters", 13_910, "arithmetic: 12,900 + 101 x 10"),
        Claim("connections", 361_200, "arithmetic: 28 rows x 12,900", layer="hidden"),
        Claim("macs", 359_400, "arithmetic: 28 x (28 x 100 + 100 x 100) + 100 x 10"),
        Claim("receptive_field", 28, "arithmetic: the last state has seen all rows", layer="hidden"),
        Claim("parameters", 18_500, "arithmetic: (3 x 28 + 100 + 1) x 100, colour", layer="hidden",
              args={"in_chans": 3}),
    ),
    "lstm": (
        Claim("parameters", 52_610, _SLIM, verified=False),
        Claim("parameters", 51_600, "arithmetic: 4 x (28 + 100 + 1) x 100", layer="hidden"),
        Claim("connections", 1_444_800, "arithmetic: 28 rows x 51,600", layer="hidden"),
        Claim("macs", 1_434_600, "arithmetic: 28 x 4 x (28 x 100 + 100 x 100) + 100 x 10"),
    ),
    "gru": (
        Claim("parameters", 38_700, "arithmetic: 3 x (28 + 100 + 1) x 100", layer="hidden"),
        Claim("parameters", 39_710, "arithmetic: 38,700 + 101 x 10"),
        Claim("connections", 1_083_600, "arithmetic: 28 rows x 38,700", layer="hidden"),
        Claim("macs", 1_076_200, "arithmetic: 28 x 3 x (28 x 100 + 100 x 100) + 100 x 10"),
    ),
}  # fmt: skip
