"""Layers with a cycle: what they compute at one step they read at the next. All steps share their weights."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from heirloom.errors import HeirloomError

State = tuple[Tensor, ...]
"""What is handed from step to step, each (B, units); the first is what other layers see."""


class Rows(nn.Module):
    """An image as the sequence of its rows, from the top; the channels of a row stand one after another.

    Shape: input (B, C, H, W); output (B, H, C W).
    """

    def forward(self, x: Tensor) -> Tensor:
        """See the class for shapes."""
        return x.transpose(1, 2).flatten(2)


class Recurrent(nn.Module):
    """A layer with a cycle. It reads a sequence step by step and returns its last state.

    Sequences of different lengths lie in one batch, filled up at their ends with any finite numbers: with
    ``lengths`` each gives what it would give alone, since no step sees a later one.

    Args:
        inputs: N, numbers at each step.
        units: Numbers of its state.

    Shape: input (B, T, N), and ``lengths`` (B,), whole numbers from 1 to T; output (B, units).
    """

    gates = 1
    """How many numbers each unit computes from what it reads."""
    states: tuple[str, ...] = ("h",)
    """Names of what is handed on."""

    def __init__(self, inputs: int, units: int) -> None:
        super().__init__()
        self.inputs, self.units = inputs, units
        self.input = nn.Linear(inputs, self.gates * units)
        self.recurrent = nn.Linear(units, self.gates * units, bias=False)

    def start(self, x: Tensor) -> State:
        """The state before the first step: zeros."""
        return tuple(x.new_zeros(len(x), self.units) for _ in self.states)

    def step(self, read: Tensor, state: State) -> State:
        """The next state.

        Args:
            read: (B, gates units) what ``input`` makes of this step.
            state: That of the step before.
        """
        raise NotImplementedError

    def forward(self, x: Tensor, lengths: Tensor | Sequence[int] | None = None) -> Tensor:
        """The state after the last step of each sequence; see the class for shapes.

        Raises:
            HeirloomError: (``E-argument``) ``lengths`` are not such numbers.
        """
        state, seen = self.start(x), []
        for read in self.input(x).unbind(1):  # one product for all steps is quicker than one for each
            state = self.step(read, state)
            seen.append(state[0])
        if lengths is None:
            return state[0]
        last = _checked(lengths, x) - 1
        return torch.stack(seen, 1)[torch.arange(len(x), device=x.device), last]


class Elman(Recurrent):
    """h_t = tanh(U x_t + W h_t-1 + b): the simple recurrent network.

    Source: Elman 1990, "Finding structure in time", Cognitive Science 14.
    Departs: hyperbolic tangents, as in most work since, where Elman has logistic units.
    """

    def step(self, read: Tensor, state: State) -> State:
        """See `Recurrent`."""
        (h,) = state
        return (torch.tanh(read + self.recurrent(h)),)


class LSTM(Recurrent):
    """Long short-term memory: a cell c that is added to, and gates that decide what comes in and out.

    With i, f, o = sigmoid(U x_t + W h_t-1 + b) and g = tanh(...), each with weights of its own,
    c_t = f c_t-1 + i g and h_t = o tanh(c_t). The rows of the weights are i, f, g, o.

    Source: Hochreiter, Schmidhuber 1997, "Long short-term memory", Neural Computation 9; the forget gate f
    Gers, Schmidhuber, Cummins 2000, "Learning to forget", Neural Computation 12.
    Departs: in 1997 g and the output squash to -2 ... 2 and -1 ... 1 by logistic functions, which are
    hyperbolic tangents up to scale, and errors are cut where they leave a cell; here they flow everywhere.
    """

    gates = 4
    states = ("h", "c")

    def step(self, read: Tensor, state: State) -> State:
        """See `Recurrent`."""
        h, c = state
        i, f, g, o = (read + self.recurrent(h)).chunk(4, dim=1)
        c = torch.sigmoid(f) * c + torch.sigmoid(i) * torch.tanh(g)
        return torch.sigmoid(o) * torch.tanh(c), c


class GRU(Recurrent):
    """Gated recurrent unit: an update gate z keeps the old state, a reset gate r hides it from the new one.

    With z, r = sigmoid(U x_t + W h_t-1 + b), the candidate is g = tanh(U x_t + W (r h_t-1) + b) and
    h_t = z h_t-1 + (1 - z) g. The rows of the weights are z, r, and g.

    Source: Cho et al. 2014, "Learning phrase representations using RNN encoder-decoder", equations 5 to 8.
    Departs: biases, which the paper leaves out of its formulas. PyTorch's `nn.GRU` is another: it resets
    behind the product, r (W h_t-1 + b'), and needs a second bias there.
    """

    gates = 3

    def __init__(self, inputs: int, units: int) -> None:
        super().__init__(inputs, units)
        self.recurrent = nn.Linear(units, 2 * units, bias=False)
        self.candidate = nn.Linear(units, units, bias=False)

    def step(self, read: Tensor, state: State) -> State:
        """See `Recurrent`."""
        (h,) = state
        gates, new = read.split([2 * self.units, self.units], dim=1)
        z, r = torch.sigmoid(gates + self.recurrent(h)).chunk(2, dim=1)
        g = torch.tanh(new + self.candidate(r * h))
        return (z * h + (1 - z) * g,)


def _checked(lengths: Tensor | Sequence[int], x: Tensor) -> Tensor:
    """The lengths as indices beside ``x``, (B, T, N)."""
    count, steps = x.shape[:2]
    found = torch.as_tensor(lengths, device=x.device)
    whole = not found.is_floating_point() and not found.is_complex() and found.dtype != torch.bool
    if tuple(found.shape) != (count,) or not whole:
        raise HeirloomError(
            "E-argument",
            "lengths do not fit the batch",
            why=f"{tuple(found.shape)} of {str(found.dtype).removeprefix('torch.')} for {count} sequences",
            remedy="give one whole number for each",
        )
    wrong = (found < 1) | (found > steps)
    if bool(wrong.any()):
        place = int(wrong.int().argmax())
        raise HeirloomError(
            "E-argument",
            f"lengths[{place}] is {int(found[place])}",
            why=f"the sequences have {steps} steps",
            remedy=f"give 1 to {steps}",
        )
    return found.long()
