"""LeCun's trainable subsampling: a sum of four inputs, one coefficient and one bias per map."""

from math import prod

from heirloom.layers import Subsampling
from heirloom.ops import Attributes, Call, Counts, Kept, Op, window_field


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


def _formulas(call: Call) -> dict[str, str]:
    maps, height, width = call.output[1:]
    window = " x ".join(map(str, call.attrs["kernel"]))
    return {"parameters": f"{maps} x (1 + 1)", "connections": f"{maps} x ({window} + 1) x {height} x {width}"}


def _keeps(call: Call) -> Kept:
    """The sums of the windows, by which the gradient of the coefficients goes."""
    return Kept(bytes_per_image=4 * prod(call.output))


OPS = (
    Op(
        "subsampling",
        _count,
        window_field,
        modules={Subsampling: _subsampling},
        formulas=_formulas,
        keeps=_keeps,
    ),
)
