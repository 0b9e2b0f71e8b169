"""Pooling: the maximum, minimum, average or root of the sum of squares of a window."""

from collections.abc import Sequence
from math import prod

from heirloom.layers import L2Pool2d, MinPool2d
from heirloom.ops import Attributes, Call, Counts, Kept, Op, Recognised
from heirloom.ops.receptive_field import Field


def _windows(call: Recognised) -> Attributes:
    spatial = call.args[0].ndim - 2
    average = "avg" in call.name

    def several(value: Sequence[int] | None, default: list[int]) -> list[int]:
        values = [int(v) for v in value] if value else default
        return values * spatial if len(values) == 1 else values

    kernel = several(call.args[1], [])
    return {
        "kind": "average_pool" if average else "max_pool",
        "kernel": kernel,
        "stride": several(call.arg(2, "stride"), kernel),
        "padding": several(call.arg(3, "padding"), [0] * spatial),
        "dilation": [1] * spatial if average else several(call.arg(4, "dilation"), [1] * spatial),
        "ceil_mode": bool(call.arg(4 if average else 5, "ceil_mode", False)),
    }


def _squares(kind: str, layer: MinPool2d | L2Pool2d) -> Attributes:
    kernel, stride = [layer.kernel_size] * 2, [layer.stride] * 2
    return {"kind": kind, "kernel": kernel, "stride": stride, "padding": [0, 0], "dilation": [1, 1]}


def _minimum(layer: MinPool2d) -> Attributes:
    return _squares("min_pool", layer)


def _l2(layer: L2Pool2d) -> Attributes:
    return _squares("l2_pool", layer)


def _adaptive(call: Recognised) -> Attributes:
    return {"kind": "average_pool" if "avg" in call.name else "max_pool", "adaptive": True}


def _count(call: Call) -> Counts:
    if call.attrs.get("adaptive"):
        spatial = len(call.output) - 2
        reads = prod(call.output[:2]) * prod(
            sum(end - start for start, end in _shares(n, m))
            for n, m in zip(call.inputs[0][-spatial:], call.output[-spatial:], strict=True)
        )
    else:
        reads = prod(call.output) * prod(call.attrs["kernel"])
    return Counts(connections=reads, flops=reads)


def _keeps(call: Call) -> Kept:
    """Maximum pooling also keeps the place of each maximum, in 8 bytes; the minimum is one of negatives."""
    inputs, outputs = prod(call.inputs[0]), prod(call.output)
    match call.attrs["kind"]:
        case "max_pool":
            return Kept(inputs=True, bytes_per_image=8 * outputs)
        case "min_pool":
            return Kept(bytes_per_image=4 * inputs + 8 * outputs)
        case "l2_pool":  # the squares, the roots, and where they are 0
            return Kept(inputs=True, bytes_per_image=4 * inputs + 5 * outputs)
        case _:
            return Kept(inputs=True)


def _shares(units: int, parts: int) -> list[tuple[int, int]]:
    """The windows of adaptive pooling: ``parts`` that cover ``units``, overlapping where they must."""
    return [(part * units // parts, -(-(part + 1) * units // parts)) for part in range(parts)]


def _field(call: Call, fields: Sequence[Field | None]) -> Field | None:
    field, a = fields[0], call.attrs
    if field is None:
        return None
    kernel, stride, padding, dilation = (
        a.get(name, ()) for name in ("kernel", "stride", "padding", "dilation")
    )
    if a.get("adaptive"):
        before, after = call.inputs[0][2:], call.output[2:]
        if any(units % parts for units, parts in zip(before, after, strict=True)):
            return None  # windows of different sizes
        kernel = stride = [units // parts for units, parts in zip(before, after, strict=True)]
        padding, dilation = [0] * len(kernel), [1] * len(kernel)
    return field.windowed(kernel, stride, padding, dilation, (call.inputs[0], call.output))


def _formulas(call: Call) -> dict[str, str]:
    if call.attrs.get("adaptive"):
        return {}
    window = " x ".join(map(str, call.attrs["kernel"]))
    return {"connections": f"{window} x {' x '.join(map(str, call.output[call.output[0] == 1 :]))}"}


OPS = (
    Op(
        "pool",
        _count,
        _field,
        modules={MinPool2d: _minimum, L2Pool2d: _l2},
        aten={
            "aten.max_pool2d_with_indices": _windows,
            "aten.max_pool3d_with_indices": _windows,
            "aten.avg_pool1d": _windows,
            "aten.avg_pool2d": _windows,
            "aten.avg_pool3d": _windows,
            "aten._adaptive_avg_pool2d": _adaptive,
            "aten._adaptive_avg_pool3d": _adaptive,
            "aten.adaptive_max_pool2d": _adaptive,
            "aten.adaptive_max_pool3d": _adaptive,
        },
        formulas=_formulas,
        keeps=_keeps,
    ),
)
