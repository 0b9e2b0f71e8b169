"""The books of a network: what each operation costs, and totals that are the sums of their columns."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from math import prod
from typing import Any, Literal, get_args

from torch import nn

from heirloom.errors import HeirloomError, nearest
from heirloom.memory import garbage_waits
from heirloom.models import create_model
from heirloom.ops.shapes import WithoutMemory
from heirloom.rows import Row, Trace
from heirloom.tracing import trace

Convention = Literal["lecun", "macs", "flops"]
CONVENTIONS: dict[str, str] = {
    "lecun": "connections",
    "macs": "macs",
    "flops": "flops",
}
"""Which column a convention puts in the headline. All columns are always counted."""

COLUMNS = ("parameters", "trainable", "fixed", "connections", "macs", "flops")


@dataclass(frozen=True)
class Summary:
    """The rows of a trace and their totals.

    Attributes:
        trace: One row per operation, in the order of execution, row 0 the input.
        convention: ``lecun`` (connections), ``macs`` or ``flops``: the headline's count.
    """

    trace: Trace
    convention: Convention = "lecun"
    args: dict[str, Any] = field(default_factory=dict)
    """Arguments of `create_model` that it was built with, apart from the published defaults."""

    @property
    def rows(self) -> list[Row]:
        """The rows of the trace."""
        return self.trace.rows

    @property
    def totals(self) -> dict[str, int]:
        """Sum of each column of `COLUMNS`."""
        return {column: sum(getattr(row, column) for row in self.rows) for column in COLUMNS}

    @property
    def units(self) -> int:
        """Units: the numbers of the input, and the outputs of all layers with connections, pooling too.

        So LeCun's papers count. That of AlexNet leaves out the input and the pooled units: of our 932,264 it
        has 659,272, "650,000 neurons".
        """
        layers = [row.output_size for row in self.rows if row.connections and row.output_size is not None]
        return prod(self.trace.input_size) + sum(prod(size) for size in layers)

    @property
    def lower_bound(self) -> bool:
        """True where operations without a rule were left out of the totals."""
        return not all(row.counted for row in self.rows)

    def as_dict(self) -> dict[str, Any]:
        """The documented JSON form, schema 1."""
        return {
            "schema": 1,
            "model": self.trace.model,
            "input_size": list(self.trace.input_size),
            "convention": self.convention,
            **({"lower_bound": True} if self.lower_bound else {}),
            "rows": [_row(row) for row in self.rows],
            "totals": self.totals,
        }


def summary(
    model: nn.Module | str,
    input_size: Sequence[int] | None = None,
    *,
    convention: Convention = "lecun",
    lower_bound: bool = False,
    **args: Any,
) -> Summary:
    """Account for every parameter, connection and operation of ``model``, for one image.

    Args:
        model: A module, or what `create_model` takes: a name or ``file.py:Class``; such a model is
            built without memory.
        input_size: Usually (C, H, W), in pixels; by default the model's own.
        convention: The headline's count; every column is counted in any case.
        lower_bound: List operations without a rule as not counted instead of raising.
        **args: Arguments of `create_model`.

    Raises:
        HeirloomError: See `trace` and `create_model`; (``E-usage``) unknown convention.
    """
    if args and not isinstance(model, str):
        raise HeirloomError(
            "E-argument",
            f"{', '.join(args)} cannot be given",
            why="the model is built already",
            where="summary",
        )
    if convention not in get_args(Convention):
        raise HeirloomError(
            "E-usage", f"unknown convention {convention!r}", why=nearest(convention, get_args(Convention))
        )
    name = ""
    with garbage_waits():
        if isinstance(model, str):
            name, model = model, _built(model, args)
        return Summary(trace(model, input_size, name=name, lower_bound=lower_bound), convention, args)


def _built(name: str, args: dict[str, Any]) -> nn.Module:
    """The network without memory, or with, where its constructor looks at values."""
    try:
        with WithoutMemory():
            return create_model(name, **args)
    except HeirloomError:
        return create_model(name, **args)


@dataclass(frozen=True)
class Share:
    """What all operations of one kind have of the totals.

    Attributes:
        kind: Kind of operation; ``total`` for all.
        rows: How many there are.
        counts: Each column of `COLUMNS`.
        parts: The same as parts of the totals, 0 to 1.
    """

    kind: str
    rows: int
    counts: dict[str, int]
    parts: dict[str, float]


def shares(books: Summary) -> list[Share]:
    """Parameters and operations by kind of operation, most FLOPs first; kinds without any are left out."""
    totals, found = books.totals, []
    for kind in dict.fromkeys(row.kind for row in books.rows):
        rows = [row for row in books.rows if row.kind == kind]
        counts = {column: sum(getattr(row, column) for row in rows) for column in COLUMNS}
        parts = {column: counts[column] / (totals[column] or 1) for column in COLUMNS}
        if any(counts.values()):
            found.append(Share(kind, len(rows), counts, parts))
    return sorted(found, key=lambda share: -share.counts["flops"])


STATE = {"sgd": 0, "momentum": 1, "adam": 2}
"""Optimiser -> numbers that it keeps for each trained one: nothing, the velocity, two moments."""

NUMBER = 4
"""Bytes of a number in single precision."""


def memory(books: Summary, batch: int) -> dict[str, int]:
    """Bytes that training takes in single precision, by arithmetic on the trace.

    Activations are what PyTorch's operations keep for the way back until it comes: a tensor that several of
    them keep counts once, and so does one that a reshape only looks at differently. Not counted: what an
    operation needs while it runs, the loss, and auxiliary heads, which an evaluation pass does not show.

    Args:
        books: Of the network.
        batch: Images at once.

    Returns:
        Bytes of ``parameters``, ``fixed`` (stored numbers that are not trained), ``gradients``,
        ``activations``, and of the state of each optimiser of `STATE`. Adam's counters, one number for
        each tensor, are left out.

    Raises:
        HeirloomError: (``E-usage``) The batch has no image.
    """
    if batch < 1:
        raise HeirloomError("E-usage", f"a batch of {batch} images", remedy="give a whole number, 1 or more")
    totals = books.totals
    sizes = {"parameters": totals["parameters"], "fixed": totals["fixed"], "gradients": totals["trainable"]}
    # Nothing is kept where nothing before is trained.
    trained: set[int] = set()
    for row in books.rows:
        shares_trained = row.shared_with in trained
        if row.trainable or shares_trained or trained.intersection(row.inputs):
            trained.add(row.id)
    rows = [row for row in books.rows if row.id in trained]
    kept = {row.id for row in rows if row.keeps.output}
    kept |= {place for row in rows if row.keeps.inputs for place in row.inputs}
    kept = {_origin(books.rows, place) for place in kept}
    images = NUMBER * sum(prod(books.rows[place].output_size or ()) for place in kept)
    images += sum(row.keeps.bytes_per_image for row in rows)
    return {
        **{name: NUMBER * numbers for name, numbers in sizes.items()},
        "activations": batch * images + sum(row.keeps.bytes_per_batch for row in rows),
        **{name: NUMBER * factor * totals["trainable"] for name, factor in STATE.items()},
    }


def _origin(rows: list[Row], place: int) -> int:
    """The row whose numbers a tensor has: reshapes have those of what they read."""
    row = rows[place]
    while row.moves_only and len(row.inputs) == 1 and not row.keeps.bytes_per_image:
        before = rows[row.inputs[0]]
        if before.output_size is None or prod(before.output_size) != prod(row.output_size or ()):
            break
        row = before
    return row.id


def pixels(value: Sequence[int] | None) -> int | list[int] | None:
    """Lengths along the axes of the image: one number where all are equal, else [vertical, horizontal]."""
    if not value:
        return None
    return value[0] if len(set(value)) == 1 else list(value)


def size_text(size: Sequence[int] | None) -> str:
    """``6×28×28``."""
    return "–" if size is None else "×".join(map(str, size))


def _row(row: Row) -> dict[str, Any]:
    return {
        "id": row.id,
        "inputs": row.inputs,
        "name": row.name,
        "kind": row.kind,
        "attrs": row.attrs,
        "input_sizes": [list(size) for size in row.input_sizes],
        "output_size": None if row.output_size is None else list(row.output_size),
        **{column: getattr(row, column) for column in COLUMNS},
        "receptive_field": pixels(row.receptive_field),
        "jump": pixels(row.jump),
        "start": pixels(row.start),
        "aligned": row.aligned,
        "executed": row.executed,
        "shared_with": row.shared_with,
    }
