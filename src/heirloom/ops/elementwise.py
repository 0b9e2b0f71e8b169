"""Elementwise operations: activations, sums and products of tensors, and other arithmetic."""

from math import prod

from heirloom.layers import ScaledTanh
from heirloom.ops import Attributes, Call, Counts, Kept, Op, Recognised

_ACTIVATIONS = """
    relu leaky_relu elu celu selu prelu _prelu_kernel rrelu hardtanh relu6 hardswish hardsigmoid
    hardshrink softshrink threshold gelu silu mish softplus sigmoid log_sigmoid_forward tanh glu
"""
_ARITHMETIC = """
    add sub rsub mul div pow neg abs sign exp exp2 expm1 log log2 log10 log1p sqrt rsqrt square reciprocal
    sin cos tan sinh cosh asin acos atan erf clamp clamp_min clamp_max minimum maximum fmod remainder floor
    ceil round trunc where masked_fill lerp addcmul addcdiv eq ne lt le gt ge logical_and logical_or
    logical_not bitwise_not nan_to_num
"""
NAMES = [*_ACTIVATIONS.split(), *_ARITHMETIC.split()]
ACTIVATIONS = frozenset(_ACTIVATIONS.split()) | {"scaled_tanh"}
"""Kinds of rows that squash or rectify."""


def _named(call: Recognised) -> Attributes:
    return {
        "kind": call.name.removeprefix("aten.").strip("_").removesuffix("_kernel").removesuffix("_forward")
    }


def _scaled_tanh(layer: ScaledTanh) -> Attributes:
    return {"kind": "scaled_tanh", "amplitude": layer.amplitude, "slope": layer.slope}


def _count(call: Call) -> Counts:
    return Counts(flops=prod(call.output))


_FROM_RESULT = frozenset("relu sigmoid tanh scaled_tanh exp sqrt rsqrt reciprocal".split())  # noqa: SIM905
_FROM_NOTHING = frozenset("add sub rsub neg".split())  # noqa: SIM905


def _keeps(call: Call) -> Kept:
    """The slope of a rectifier or a hyperbolic tangent is a function of its result."""
    kind = call.attrs["kind"]
    if kind in _FROM_RESULT:
        return Kept(output=True)
    product_with_number = kind in ("mul", "div") and len(call.inputs) == 1
    return Kept(inputs=kind not in _FROM_NOTHING and not product_with_number)


OPS = (
    Op(
        "elementwise",
        _count,
        keeps=_keeps,
        modules={ScaledTanh: _scaled_tanh},
        # A trailing underscore is PyTorch's mark of an operation in place.
        aten={f"aten.{name}{mark}": _named for name in NAMES for mark in ("", "_")},
    ),
)
