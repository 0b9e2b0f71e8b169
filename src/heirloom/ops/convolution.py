"""Convolutions: dense, grouped, transposed, rounded up, and with a table of connections."""

from collections.abc import Sequence
from math import prod

from heirloom.layers import CeilConv2d, TableConv2d
from heirloom.ops import Attributes, Call, Counts, Kept, Op, Recognised
from heirloom.ops.receptive_field import Field


def _dense(call: Recognised) -> Attributes:
    weight, transposed = call.args[1], call.args[6]
    groups = call.args[8]
    in_maps, out_maps = weight.shape[1] * groups, weight.shape[0]
    if transposed:
        in_maps, out_maps = weight.shape[0], weight.shape[1] * groups
    return {
        "in_maps": int(in_maps),
        "out_maps": int(out_maps),
        "kernel": [int(k) for k in weight.shape[2:]],
        "stride": list(call.args[3]),
        "padding": list(call.args[4]),
        "dilation": list(call.args[5]),
        "groups": int(groups),
        "bias": call.args[2] is not None,
        **({"kind": "transposed_conv", "transposed": True} if transposed else {}),
    }


def _rounded_up(layer: CeilConv2d) -> Attributes:
    """The zeros on the right and at the bottom move no unit."""
    return {
        "in_maps": layer.in_channels,
        "out_maps": layer.out_channels,
        "kernel": list(layer.kernel_size),
        "stride": list(layer.stride),
        "padding": [int(n) for n in layer.padding],
        "dilation": list(layer.dilation),
        "groups": layer.groups,
        "bias": layer.bias is not None,
        "ceil_mode": True,
    }


def _table(layer: TableConv2d) -> Attributes:
    return {
        "in_maps": layer.in_maps,
        "out_maps": layer.out_maps,
        "kernel": [layer.kernel] * 2,
        "stride": [layer.stride] * 2,
        "padding": [layer.padding] * 2,
        "dilation": [1, 1],
        "groups": 1,
        "bias": True,
        **({"unshared_bias": True} if layer.bias[0].numel() > 1 else {}),
        "table": [list(maps) for maps in layer.table],
    }


def _count(call: Call) -> Counts:
    """A transposed convolution is counted where it reads, margins that its padding cuts off included."""
    a = call.attrs
    places = call.inputs[0] if a.get("transposed") else call.output
    macs = prod(places[:1] + places[2:]) * prod(a["kernel"]) * _links(a)
    biases = prod(call.output) if a["bias"] else 0
    return Counts(connections=macs + biases, macs=macs, flops=2 * macs + biases)


def _links(a: Attributes) -> int:
    """Pairs of an input and an output map that are connected."""
    if "table" in a:
        return sum(len(maps) for maps in a["table"])
    return int(a["in_maps"] * a["out_maps"] // a["groups"])


def _field(call: Call, fields: Sequence[Field | None]) -> Field | None:
    a = call.attrs
    if fields[0] is None:
        return None
    if a.get("transposed"):
        return fields[0].spread(
            a["kernel"], a["stride"], a["padding"], a["dilation"], (call.inputs[0], call.output)
        )
    return fields[0].windowed(
        a["kernel"], a["stride"], a["padding"], a["dilation"], (call.inputs[0], call.output)
    )


def _formulas(call: Call) -> dict[str, str]:
    a = call.attrs
    images = call.output[:1] if call.output[0] > 1 else ()
    places = " x ".join(map(str, (*images, *call.output[2:])))
    window = " x ".join(map(str, a["kernel"]))
    if a.get("transposed"):
        kernels = f"{a['in_maps']} x {a['out_maps'] // a['groups']} x {window}"
        macs = f"{kernels} x {' x '.join(map(str, (*images, *call.inputs[0][2:])))}"
        biases = (f" + {a['out_maps']}", f" + {a['out_maps']} x {places}") if a["bias"] else ("", "")
        return {"parameters": kernels + biases[0], "connections": macs + biases[1], "macs": macs}
    if "table" in a:
        kernels = f"{_links(a)} x {window}"
        shared = (
            str(a["out_maps"])
            if not a.get("unshared_bias")
            else f"{a['out_maps']} x {' x '.join(map(str, call.output[2:]))}"
        )
        return {
            "parameters": f"{kernels} + {shared}",
            "connections": f"({kernels} + {a['out_maps']}) x {places}",
            "macs": f"{kernels} x {places}",
        }
    reads = f"{a['in_maps'] // a['groups']} x {window}"
    per_map = f"({reads} + 1)" if a["bias"] else reads
    return {
        "parameters": f"{a['out_maps']} x {per_map}",
        "connections": f"{a['out_maps']} x {per_map} x {places}",
        "macs": f"{a['out_maps']} x {reads} x {places}",
    }


def _keeps(call: Call) -> Kept:
    """What it reads; layers that pad by themselves read a copy, which reaches as far as their windows do."""
    a = call.attrs
    if a.get("ceil_mode"):
        size = [(n - 1) * s + k for n, s, k in zip(call.output[2:], a["stride"], a["kernel"], strict=True)]
    elif "table" in a and any(a["padding"]):
        size = [n + 2 * p for n, p in zip(call.inputs[0][2:], a["padding"], strict=True)]
    else:
        return Kept(inputs=True)
    return Kept(bytes_per_image=4 * a["in_maps"] * prod(size))


OPS = (
    Op(
        "conv",
        _count,
        _field,
        modules={TableConv2d: _table, CeilConv2d: _rounded_up},
        aten={"aten.convolution": _dense},
        formulas=_formulas,
        keeps=_keeps,
    ),
)
