"""Radial basis functions: squared distances to codes or centres."""

from collections.abc import Sequence
from math import prod

from heirloom.layers import RBF, Gaussian
from heirloom.ops import Attributes, Call, Counts, Kept, Op
from heirloom.ops.receptive_field import Field


def _rbf(layer: RBF) -> Attributes:
    return {"in_features": layer.codes.shape[1], "width": False}


def _gaussian(layer: Gaussian) -> Attributes:
    return {"in_features": layer.centre.shape[1], "width": True}


def _count(call: Call) -> Counts:
    outputs = prod(call.output)
    macs = outputs * call.attrs["in_features"]
    widths = outputs if call.attrs["width"] else 0
    return Counts(connections=macs + widths, macs=macs, flops=2 * macs + widths)


def _field(call: Call, fields: Sequence[Field | None]) -> Field | None:
    return fields[0].collapsed() if fields[0] else None


def _formulas(call: Call) -> dict[str, str]:
    units, inputs = call.output[-1], call.attrs["in_features"]
    if call.attrs["width"]:
        both = f"{units} x ({inputs} + 1)"
        return {"parameters": both, "connections": both, "macs": f"{units} x {inputs}"}
    return {
        "fixed": f"{units} x {inputs}",
        "connections": f"{units} x {inputs}",
        "macs": f"{units} x {inputs}",
    }


def _keeps(call: Call) -> Kept:
    """All differences between inputs and centres."""
    return Kept(bytes_per_image=4 * prod(call.output) * call.attrs["in_features"])


OPS = (
    Op("rbf", _count, _field, modules={RBF: _rbf}, formulas=_formulas, keeps=_keeps),
    Op("gaussian", _count, _field, modules={Gaussian: _gaussian}, formulas=_formulas, keeps=_keeps),
)
