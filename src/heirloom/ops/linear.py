"""Matrix products: fully connected layers, and products of two computed matrices (attention)."""

from collections.abc import Sequence
from math import prod
from typing import Any

from heirloom.ops import Attributes, Call, Counts, Op, Recognised
from heirloom.ops.receptive_field import Field, union


def _product(call: Recognised, left: Any, right: Any, bias: bool) -> Attributes:
    both = {"kind": "matmul"} if call.depends(left) and call.depends(right) else {}
    return {**both, "in_features": int(left.shape[-1]), "bias": bias}


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
        merged = union(fields)
        return merged.collapsed() if merged else None
    return fields[0].collapsed((len(call.inputs[0]) - 1,)) if fields[0] else None


def _formulas(call: Call) -> dict[str, str]:
    if call.attrs.get("kind") == "matmul":
        return {"macs": f"{prod(call.output)} x {call.attrs['in_features']}"}
    outputs, inputs = call.output[-1], call.attrs["in_features"]
    rows = "".join(f"{n} x " for n in call.output[1:-1])
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
    ),
)
