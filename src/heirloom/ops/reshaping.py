"""Operations that move numbers and compute none: reshapes, permutations, slices, padding, copies."""

from collections.abc import Sequence
from math import prod

from heirloom.ops import Attributes, Call, Counts, Op, Recognised, same_field
from heirloom.ops.receptive_field import Axis, Field

_VIEWS = ["view", "_unsafe_view", "reshape", "squeeze", "unsqueeze", "expand", "repeat", "repeat_interleave"]
_COPIES = ["clone", "contiguous", "_to_copy", "detach", "alias", "lift_fresh", "fill_", "zero_"]
_PERMUTATIONS = ["permute", "transpose", "transpose_", "t", "t_", "numpy_T"]
_SPLITS = ["split", "split_with_sizes", "chunk", "unbind", "unsafe_split", "unsafe_chunk"]
_RESAMPLING = """
    upsample_nearest1d upsample_nearest2d upsample_nearest3d pixel_shuffle pixel_unshuffle channel_shuffle
    reflection_pad1d reflection_pad2d reflection_pad3d
    replication_pad1d replication_pad2d replication_pad3d
    flip roll im2col col2im index gather index_select embedding
""".split()  # noqa: SIM905


def _plain(call: Recognised) -> Attributes:
    return {"kind": call.name.removeprefix("aten.").strip("_")}


def _permute(call: Recognised) -> Attributes:
    rank = call.args[0].ndim
    order = list(range(rank))
    if call.name == "aten.permute":
        order = [d % rank for d in call.args[1]]
    elif rank > 1:
        one, other = (
            (0, 1) if call.name in ("aten.t", "aten.t_") else (call.args[1] % rank, call.args[2] % rank)
        )
        order[one], order[other] = order[other], order[one]
    return {"kind": "permute", "order": order}


def _slice(call: Recognised) -> Attributes:
    dim = call.arg(1, "dim", 0) % call.args[0].ndim
    size = call.args[0].shape[dim]
    first = call.arg(2, "start") or 0
    return {
        "kind": "slice",
        "dim": dim,
        "first": first + size if first < 0 else first,
        "step": call.arg(4, "step", 1),
    }


def _select(call: Recognised) -> Attributes:
    dim = call.args[1] % call.args[0].ndim
    index = call.args[2]
    return {"kind": "select", "dim": dim, "first": index + call.args[0].shape[dim] if index < 0 else index}


def _split(call: Recognised) -> Attributes:
    dim = call.arg(1 if call.name == "aten.unbind" else 2, "dim", 0)
    return {"kind": "split", "dim": dim % call.args[0].ndim}


def _pad(call: Recognised) -> Attributes:
    return {"kind": "pad", "padding": [int(n) for n in call.args[1]]}


def _count(call: Call) -> Counts:
    return Counts()


def _viewed(call: Call, fields: Sequence[Field | None]) -> Field | None:
    """Find each axis of the image again: the axis of the result whose stretch of memory holds its own."""
    before, after = call.inputs[0], call.output
    if fields[0] is None:
        return None
    if prod(before) != prod(after):
        return _repeated(before, after, fields[0])
    axes: list[Axis] = []
    for axis in fields[0].axes:
        stride = prod(before[axis.dim + 1 :]) * axis.apart
        steps = [prod(after[dim + 1 :]) for dim in range(len(after))]
        holding = [
            d for d, step in enumerate(steps) if stride % step == 0 and stride * axis.units <= step * after[d]
        ]
        if not holding:
            return None
        # An axis that is by itself; of several with one unit, those that no other axis has taken.
        alone = [d for d in holding if steps[d] == stride and after[d] == axis.units]
        free = [d for d in alone if d not in {a.dim for a in axes}]
        from_end = axis.dim - len(before) + len(after)
        best = from_end if from_end in free else (free or alone or holding)[-1]
        axes.append(axis._replace(dim=best, apart=stride // steps[best]))
    return fields[0].with_axes(axes)


def _repeated(before: Sequence[int], after: Sequence[int], field: Field) -> Field | None:
    shift = len(after) - len(before)
    axes = []
    for axis in field.axes:
        units = after[axis.dim + shift]
        if units != before[axis.dim] and axis.units > 1:
            return None
        axes.append(
            (axis.shared(units) if units != before[axis.dim] else axis)._replace(dim=axis.dim + shift)
        )
    return field.with_axes(axes)


def _copied(call: Call, fields: Sequence[Field | None]) -> Field | None:
    """What was there before is gone; the operand that is copied comes last."""
    return fields[-1] if call.inputs[-1] == call.output else None


def _permuted(call: Call, fields: Sequence[Field | None]) -> Field | None:
    if fields[0] is None:
        return None
    return fields[0].with_axes([a._replace(dim=call.attrs["order"].index(a.dim)) for a in fields[0].axes])


def _cut(call: Call, fields: Sequence[Field | None]) -> Field | None:
    field, a, before = fields[0], call.attrs, call.inputs[0]
    if field is None:
        return None
    gone = a["kind"] == "select"

    def cut(axis: Axis) -> Axis | None:
        dim = min(axis.dim - (gone and axis.dim > a["dim"]), len(call.output) - 1)
        if axis.dim != a["dim"]:
            return axis._replace(dim=dim)
        if before[axis.dim] != axis.units:
            return None
        units = 1 if gone else call.output[axis.dim]
        return axis.cut(a["first"], a.get("step", 1), units)._replace(dim=dim)

    axes = [cut(axis) for axis in field.axes]
    return None if None in axes else field.with_axes([axis for axis in axes if axis])


def _padded(call: Call, fields: Sequence[Field | None]) -> Field | None:
    """Padding comes in pairs (before, after), the last axis first."""
    field, padding, rank = fields[0], call.attrs["padding"], len(call.output)
    if field is None or any(call.inputs[0][axis.dim] != axis.units for axis in field.axes):
        return None
    before = {rank - 1 - i: n for i, n in enumerate(padding[::2])}
    return field.with_axes([a.cut(-before.get(a.dim, 0), 1, call.output[a.dim]) for a in field.axes])


def _split_field(call: Call, fields: Sequence[Field | None]) -> Field | None:
    """Parts along an axis of the image differ in what they see."""
    field = fields[0]
    if field is None or any(axis.dim == call.attrs["dim"] for axis in field.axes):
        return None
    shift = len(call.output) - len(call.inputs[0])
    return field.with_axes(
        [a._replace(dim=a.dim + (shift if a.dim > call.attrs["dim"] else 0)) for a in field.axes]
    )


def _unknown(call: Call, fields: Sequence[Field | None]) -> Field | None:
    return None


OPS = (
    Op("reshape", _count, _viewed, aten={f"aten.{n}": _plain for n in _VIEWS}, moves_only=True),
    Op("copy", _count, same_field, aten={f"aten.{n}": _plain for n in _COPIES}, moves_only=True),
    Op("copy", _count, _copied, aten={"aten.copy_": _plain}, moves_only=True),
    Op("permute", _count, _permuted, aten={f"aten.{n}": _permute for n in _PERMUTATIONS}, moves_only=True),
    Op("slice", _count, _cut, aten={"aten.slice": _slice, "aten.select": _select}, moves_only=True),
    Op("split", _count, _split_field, aten={f"aten.{n}": _split for n in _SPLITS}, moves_only=True),
    Op("pad", _count, _padded, aten={"aten.constant_pad_nd": _pad}, moves_only=True),
    Op("move", _count, _unknown, aten={f"aten.{n}": _plain for n in _RESAMPLING}, moves_only=True),
)  # fmt: skip
