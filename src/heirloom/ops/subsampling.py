"""LeCun's trainable subsampling: a sum of four inputs, one coefficient and one bias per map."""

from collections.abc import Sequence
from math import prod

from heirloom.layers import Subsampling
from heirloom.ops import Attributes, Call, Counts, Kept, Op
from heirloom.ops.receptive_field import Field


def _subsampling(layer: Subsampling) -> Attributes:
    return {
        "maps": layer.maps,
        "in_maps": layer.in_maps,
        "kernel": [layer.window] * 2,
        "stride": [layer.window] * 2,
    }


def _count(call: Call) -> Counts:
    reads = prod(call.output) * (prod(call.attrs["kernel"]) + 1)
    return Counts(connections=reads, flops=reads)


def _field(call: Call, fields: Sequence[Field | None]) -> Field | None:
    a = call.attrs
    if fields[0] is None:
        return None
    return fields[0].windowed(a["kernel"], a["stride"], (0, 0), (1, 1), (call.inputs[0], call.output))


def _formulas(call: Call) -> dict[str, str]:
    maps, height, width = call.output[1:]
    window = " x ".join(map(str, call.attrs["kernel"]))
    return {"parameters": f"{maps} x (1 + 1)", "connections": f"{maps} x ({window} + 1) x {height} x {width}"}


def _keeps(call: Call) -> Kept:
    """The sums of the windows, by which the gradient of the coefficients goes."""
    return Kept(bytes_per_image=4 * prod(call.output))


OPS = (
    Op("subsampling", _count, _field, modules={Subsampling: _subsampling}, formulas=_formulas, keeps=_keeps),
)
