"""Reductions: sums, averages and extremes over whole axes, and the softmax."""

from collections.abc import Sequence
from math import prod

from heirloom.ops import Attributes, Call, Counts, Kept, Op, Recognised, same_field
from heirloom.ops.receptive_field import Axis, Field

_NAMES = "mean sum amax amin max min argmax argmin prod std var norm linalg_vector_norm logsumexp"


def _reduction(call: Recognised) -> Attributes:
    rank = call.args[0].ndim
    given = call.arg(1, "dim")
    if call.name in ("aten.norm", "aten.linalg_vector_norm"):
        given = call.arg(2, "dim")
    if isinstance(given, int):
        given = [given]
    dims = [d % rank for d in given] if given else list(range(rank))
    kind = call.name.removeprefix("aten.")
    # Averaging whole maps of (B, C, H, W) is pooling, however it is written.
    pools = kind in ("mean", "amax") and rank > 2 and sorted(dims) == list(range(2, rank))
    return {"kind": "global_" + kind if pools else kind, "dims": dims, "pools": pools}


def _count(call: Call) -> Counts:
    reads = prod(call.inputs[0])
    return Counts(connections=reads if call.attrs["pools"] else 0, flops=reads)


def _field(call: Call, fields: Sequence[Field | None]) -> Field | None:
    field, dims, before = fields[0], call.attrs["dims"], len(call.inputs[0])
    if field is None:
        return None
    after = len(call.output)

    def moved(axis: Axis) -> int:
        """Where the axis is once the reduced ones are gone."""
        gone = sum(d < axis.dim for d in dims) if after < before else 0
        return max(0, min(axis.dim - gone, after - 1))

    collapsed = field.collapsed(dims)
    return collapsed.with_axes([a._replace(dim=moved(a)) for a in collapsed.axes])


def _formulas(call: Call) -> dict[str, str]:
    read = call.inputs[0][call.inputs[0][0] == 1 :]
    return {"connections": " x ".join(map(str, read))} if call.attrs["pools"] else {}


def _keeps(call: Call) -> Kept:
    """A sum or an average has the same slope everywhere."""
    plain = call.attrs.get("kind", "").removeprefix("global_") in ("mean", "sum")
    return Kept() if plain else Kept(inputs=True, output=True)


def _softmax(call: Recognised) -> Attributes:
    kind = "log_softmax" if "log" in call.name else "softmax"
    return {"kind": kind, "dims": [int(call.args[1]) % call.args[0].ndim]}


def _softmax_count(call: Call) -> Counts:
    return Counts(flops=prod(call.output))


def _softmax_field(call: Call, fields: Sequence[Field | None]) -> Field | None:
    field = same_field(call, fields)
    if field is None:
        return None
    return field.with_axes([a.shared(a.units) if a.dim in call.attrs["dims"] else a for a in field.axes])


OPS = (
    Op(
        "reduction",
        _count,
        _field,
        formulas=_formulas,
        keeps=_keeps,
        aten={f"aten.{name}": _reduction for name in _NAMES.split()},
    ),
    Op(
        "softmax",
        _softmax_count,
        _softmax_field,
        keeps=lambda call: Kept(output=True),
        aten={"aten._softmax": _softmax, "aten._safe_softmax": _softmax, "aten._log_softmax": _softmax},
    ),
)
