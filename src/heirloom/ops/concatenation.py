"""Concatenation and stacking: branches come together, nothing is computed."""

from collections.abc import Sequence

from heirloom.ops import Attributes, Call, Counts, Op, Recognised
from heirloom.ops.receptive_field import Field, union


def _cat(call: Recognised) -> Attributes:
    return {"dim": int(call.arg(1, "dim", 0)) % call.args[0][0].ndim}


def _stack(call: Recognised) -> Attributes:
    return {"kind": "stack", "dim": int(call.arg(1, "dim", 0)) % (call.args[0][0].ndim + 1)}


def _count(call: Call) -> Counts:
    return Counts()


def _field(call: Call, fields: Sequence[Field | None]) -> Field | None:
    merged, dim = union(fields), call.attrs["dim"]
    if merged is None:
        return None
    if call.attrs.get("kind") == "stack":
        return merged.with_axes([a._replace(dim=a.dim + (a.dim >= dim)) for a in merged.axes])
    # Side by side along an axis of the image, units no longer lie evenly.
    return None if any(a.dim == dim and a.units != call.output[dim] for a in merged.axes) else merged


OPS = (Op("cat", _count, _field, aten={"aten.cat": _cat, "aten.stack": _stack}),)
