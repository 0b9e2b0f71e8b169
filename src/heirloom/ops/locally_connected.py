"""Locally connected layers: the windows of a convolution, with kernels and biases of their own."""

from math import prod

from heirloom.layers import LocallyConnected2d
from heirloom.ops import Attributes, Call, Counts, Kept, Op, window_field


def _local(layer: LocallyConnected2d) -> Attributes:
    return {
        "in_maps": layer.in_size[0],
        "out_maps": layer.out_maps,
        "kernel": [layer.kernel] * 2,
        "stride": [layer.stride] * 2,
    }


def _reads(a: Attributes) -> int:
    """Inputs of one unit."""
    return int(a["in_maps"] * prod(a["kernel"]))


def _count(call: Call) -> Counts:
    """As a convolution: it is only stored that differs."""
    biases = prod(call.output)
    macs = biases * _reads(call.attrs)
    return Counts(connections=macs + biases, macs=macs, flops=2 * macs + biases)


def _formulas(call: Call) -> dict[str, str]:
    a = call.attrs
    units = " x ".join(map(str, call.output[1:]))
    reads = f"{a['in_maps']} x {' x '.join(map(str, a['kernel']))}"
    both = f"{units} x ({reads} + 1)"
    return {"parameters": both, "connections": both, "macs": f"{units} x {reads}"}


def _keeps(call: Call) -> Kept:
    """Its windows, written out place by place."""
    places = prod(call.output[2:])
    return Kept(bytes_per_image=4 * places * _reads(call.attrs))


OPS = (
    Op(
        "locally_connected",
        _count,
        window_field,
        modules={LocallyConnected2d: _local},
        formulas=_formulas,
        keeps=_keeps,
    ),
)
