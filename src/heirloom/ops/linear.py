"""Matrix products: fully connected layers, and products of two computed matrices (attention)."""

from collections.abc import Sequence
from math import prod
from typing import Any

from heirloom.ops import Attributes, Call, Counts, Op, Recognised, keeps_inputs
from heirloom.ops.receptive_field import Field, union


def _product(call: Recognised, left: Any, right: Any, bias: bool) -> Attributes:
    both = {"kind": "matmul"} if call.depends(left) and call.depends(right) else {}
    # Usually the weights stand on the right; a unit then is a column.
    units = left.shape[-2:-1] if call.depends(right) else right.shape[1:][-1:]
    return {
        **both,
        "in_features": int(left.shape[-1]),
        "out_features": int(units[0]) if units else 1,
        "bias": bias,
        **({"weights_left": True} if call.depends(right) and not both else {}),
    }


def _mm(call: Recognised) -> Attributes:
    return _product(call, call.args[0], call.args[1], bias=False)


def _addmm(call: Recognised) -> Attributes:
    return _product(call, call.args[1], call.args[2], bias=True)


def _count(call: Call) -> Counts:
    outputs = prod(call.output)
    macs = outputs * call.attrs["in_features"]
    biases = outputs if call.attrs["bias"] else 0
    connections = 0 if call.attrs.get("kind") == "matmul" else macs + biases
    return Counts(connections=connections, macs=macs, flops=2 * macs + biases)


def _field(call: Call, fields: Sequence[Field | None]) -> Field | None:
    """A unit sees what the axis sees that it sums over; products of two computed matrices see all."""
    if len(fields) > 1:
        return union([f.with_axes([axis.shared(1) for axis in f.axes]) if f else None for f in fields])
    rank = len(call.inputs[0])
    summed = rank - 2 if call.attrs.get("weights_left") and rank > 1 else rank - 1
    return fields[0].collapsed((summed,)) if fields[0] else None


def _formulas(call: Call) -> dict[str, str]:
    if call.attrs.get("kind") == "matmul":
        return {"macs": f"{prod(call.output)} x {call.attrs['in_features']}"}
    outputs, inputs = call.attrs["out_features"], call.attrs["in_features"]
    places = prod(call.output) // outputs
    rows = f"{places} x " if places > 1 else ""
    per_unit = f"({inputs} + 1)" if call.attrs["bias"] else f"{inputs}"
    return {
        "parameters": f"{outputs} x {per_unit}",
        "connections": f"{rows}{outputs} x {per_unit}",
        "macs": f"{rows}{outputs} x {inputs}",
    }


OPS = (
    Op(
        "linear",
        _count,
        _field,
        aten={
            "aten.mm": _mm,
            "aten.mv": _mm,
            "aten.bmm": _mm,
            "aten.addmm": _addmm,
            "aten.addmv": _addmm,
            "aten.baddbmm": _addmm,
        },
        formulas=_formulas,
        keeps=keeps_inputs,
    ),
)
