"""What is known about each kind of operation: how to recognise, count and place it. One file per kind.

Counts follow LeCun et al. 1998 and are per image:

* *connection*: one input or bias read by one output of a convolution, linear, radial basis, pooling or
  subsampling layer, multiplications by padding included;
* *MAC*: one multiply-accumulate of a weight, or one squared difference, bias excluded; a product of two
  computed tensors (attention) counts as well;
* *FLOP*: 2 per MAC, 1 per bias and per elementwise result, k^2 per pooled output.
"""

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from torch import nn

from heirloom.ops.receptive_field import Field, union

Attributes = dict[str, Any]


class Call(NamedTuple):
    """One executed operation. Sizes have the batch axis, and the batch is 1.

    Attributes:
        attrs: What distinguishes it from others of its kind: kernel, stride, ...
        inputs: Sizes of the tensors that it reads and that depend on the network's input.
        output: Size of its result.
    """

    attrs: Attributes
    inputs: Sequence[tuple[int, ...]]
    output: tuple[int, ...]


class Counts(NamedTuple):
    """Operations for one image."""

    connections: int = 0
    macs: int = 0
    flops: int = 0


class Kept(NamedTuple):
    """What one operation keeps in training, so that gradients find their way back.

    Attributes:
        inputs: Whether it keeps the tensors that it reads.
        output: Whether it keeps its result.
        bytes_per_image: Of anything else that grows with the batch, such as the places of maxima.
        bytes_per_batch: Of anything else that does not, such as the means of a batch.
    """

    inputs: bool = False
    output: bool = False
    bytes_per_image: int = 0
    bytes_per_batch: int = 0


class Recognised(NamedTuple):
    """Arguments of a low-level operation, and which of its tensors depend on the network's input."""

    name: str
    args: tuple[Any, ...]
    kwargs: Mapping[str, Any]
    depends: Callable[[Any], bool]

    def arg(self, position: int, name: str, default: Any = None) -> Any:
        """An argument, however it was passed."""
        return self.args[position] if len(self.args) > position else self.kwargs.get(name, default)


def window_field(call: Call, fields: Sequence[Field | None]) -> Field | None:
    """Receptive field of a sliding window without padding, of the size and stride that the attributes say."""
    a = call.attrs
    if fields[0] is None:
        return None
    return fields[0].windowed(a["kernel"], a["stride"], (0, 0), (1, 1), (call.inputs[0], call.output))


def same_field(call: Call, fields: Sequence[Field | None]) -> Field | None:
    """For elementwise operations: the union of what the operands see."""
    return union(fields)


def no_formulas(call: Call) -> dict[str, str]:
    """For operations whose counts need no explanation."""
    return {}


def keeps_nothing(call: Call) -> Kept:
    """For operations whose gradient is the same whatever the numbers are."""
    return Kept()


def keeps_inputs(call: Call) -> Kept:
    """For operations whose gradient depends on what they read."""
    return Kept(inputs=True)


@dataclass(frozen=True)
class Op:
    """The rule of one kind of operation.

    Attributes:
        kind: Its name in tables.
        count: Operations of one call.
        field: What its results see, given what its inputs see; None where that is not known.
        modules: Classes of `nn.Module` that are one such operation, whatever they do inside (no
            subclasses), with a function that reads their attributes.
        aten: Names of PyTorch's low-level operations of this kind, without the overload, with a function
            that reads attributes from a call. An attribute ``kind`` replaces the kind in that row.
        formulas: Arithmetic in words of ``+ - x ( )`` for ``parameters``, ``connections``, ``macs``.
        keeps: What it keeps for the way back, as PyTorch's own operations do, in numbers of 4 bytes.
        moves_only: True where nothing is computed, and only the shape changes.
    """

    kind: str
    count: Callable[[Call], Counts]
    field: Callable[[Call, Sequence[Field | None]], Field | None] = same_field
    modules: Mapping[type[nn.Module], Callable[[Any], Attributes]] = dataclasses.field(default_factory=dict)
    aten: Mapping[str, Callable[[Recognised], Attributes]] = dataclasses.field(default_factory=dict)
    formulas: Callable[[Call], dict[str, str]] = no_formulas
    keeps: Callable[[Call], Kept] = keeps_nothing
    moves_only: bool = False
