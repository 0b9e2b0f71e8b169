"""What a trace is made of: one row for each operation."""

from collections.abc import Iterator
from dataclasses import dataclass

from heirloom.ops import Attributes, Call, Kept, Op


@dataclass(slots=True)
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
    rule: Op | None = None
    """What is known about its kind of operation; None for the input and for what does not run."""
    call: Call | None = None
    """What the rule was asked about."""

    @property
    def formulas(self) -> dict[str, str]:
        """The arithmetic behind some of the counts, by their names."""
        return self.rule.formulas(self.call) if self.rule and self.call else {}

    @property
    def moves_only(self) -> bool:
        """True where nothing is computed, and only the shape changes."""
        return self.rule is not None and self.rule.moves_only

    @property
    def keeps(self) -> Kept:
        """What training keeps here for the way back."""
        return self.rule.keeps(self.call) if self.rule and self.call else Kept()


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
