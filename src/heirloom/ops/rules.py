"""All rules, found by the class of a module or by the name of a low-level operation."""

from torch import nn

from heirloom.ops import (
    Op,
    concatenation,
    convolution,
    elementwise,
    filling,
    identity,
    linear,
    locally_connected,
    normalisation,
    pooling,
    radial,
    recurrent,
    reduction,
    reshaping,
    subsampling,
)

OPS = (
    *convolution.OPS,
    *locally_connected.OPS,
    *linear.OPS,
    *radial.OPS,
    *recurrent.OPS,
    *subsampling.OPS,
    *pooling.OPS,
    *normalisation.OPS,
    *elementwise.OPS,
    *reduction.OPS,
    *concatenation.OPS,
    *reshaping.OPS,
    *identity.OPS,
)

BY_MODULE: dict[type[nn.Module], Op] = {cls: op for op in OPS for cls in op.modules}
BY_ATEN: dict[str, Op] = {name: op for op in OPS for name in op.aten}

SIZE_ONLY = frozenset(f"aten.{name}" for name in filling.NAMES)
