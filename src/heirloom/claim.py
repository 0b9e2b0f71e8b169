"""A published number, kept beside the network that it is about."""

from dataclasses import dataclass, field
from typing import Any, Literal

Quantity = Literal[
    "parameters", "trainable", "fixed", "connections", "macs", "flops", "units",
    "receptive_field", "jump", "output_size",
]  # fmt: skip
"""What a claim can be about: a total or a column of the summary, or the number of units."""


@dataclass(frozen=True)
class Claim:
    """One number that a source prints.

    ``ours + off == value`` is what the test checks: where a source contradicts the network that
    bears its name, ``off`` is the difference and ``why`` explains it, so that contradictions are
    tested as well.
    """

    quantity: Quantity
    value: int | tuple[int, ...] | str
    """The number; where it is rounded, the text that is printed: ``62.3 million``."""
    source: str
    """Document and place where the number is printed."""
    layer: str = ""
    """Name of a row of the summary; empty for the total."""
    off: int = 0
    why: str = ""
    verified: bool = True
    """False for a number known only second hand: it is shown, and decides nothing."""
    args: dict[str, Any] = field(default_factory=dict)
    """Arguments of `create_model` under which the claim holds."""
