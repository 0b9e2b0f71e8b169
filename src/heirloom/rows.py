"""What a trace is made of: one row for each operation."""

from collections.abc import Iterator
from dataclasses import dataclass, field

from heirloom.ops import Attributes, Kept


@dataclass
class Row:
    """One executed operation, or a module that does not run in evaluation.

    Sizes are per image, the batch axis left out. `receptive_field`, `jump` and `start` are in input
    pixels, one number per axis of the image; None where a unit's field is not the same everywhere.
    """

    id: int
    inputs: list[int]
    name: str
    kind: str
    attrs: Attributes
    input_sizes: list[tuple[int, ...]]
    output_size: tuple[int, ...] | None
    parameters: int = 0
    trainable: int = 0
    fixed: int = 0
    connections: int = 0
    macs: int = 0
    flops: int = 0
    receptive_field: tuple[int, ...] | None = None
    jump: tuple[int, ...] | None = None
    start: tuple[int, ...] | None = None
    aligned: bool = True
    executed: bool = True
    shared_with: int | None = None
    counted: bool = True
    """False for an operation without a rule, where the caller asked for a lower bound."""
    formulas: dict[str, str] = field(default_factory=dict)
    moves_only: bool = False
    keeps: Kept = field(default_factory=Kept)
    """What training keeps here for the way back."""


@dataclass
class Trace:
    """The rows of a network in the order of execution; row 0 is its input."""

    model: str
    input_size: tuple[int, ...]
    rows: list[Row]

    def __iter__(self) -> Iterator[Row]:
        return iter(self.rows)

    def __getitem__(self, name: str) -> Row:
        """The first row of that name. Raises KeyError."""
        for row in self.rows:
            if row.name == name:
                return row
        raise KeyError(name)
