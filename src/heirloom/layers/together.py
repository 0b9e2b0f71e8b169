"""Chains of small layers as one: while a network is trained, ``kernels/native.c`` computes what it can of it.

Here stands which layers those are. The layers themselves are computed wherever somebody looks at what passes
between them, and for other devices and number formats.
"""

from collections.abc import Callable, Sequence
from math import prod
from operator import attrgetter
from typing import Any
from weakref import WeakKeyDictionary

from torch import Tensor, nn

from heirloom.kernels.chains import (
    CONVOLUTION,
    DISTANCES,
    LARGEST_OF_WINDOW,
    NOTHING,
    PRODUCT,
    RECTIFIER,
    SQUASHING,
    SUM_OF_WINDOW,
    Plan,
    Size,
    Step,
)
from heirloom.kernels.native import Library, activation, library_for
from heirloom.layers.convolutions import MOST_MAPS, Conv2d, TableConv2d
from heirloom.layers.pooling import AvgPool2d, MaxPool2d, Subsampling
from heirloom.layers.units import RBF, ScaledTanh

LEAST_IMAGES = 8
"""In a batch: with fewer, most lanes are idle."""

LARGEST = 2**20
"""Bytes of a convolution's input and output for a block of images: what a second-level cache holds."""

_plans: WeakKeyDictionary[nn.Module, tuple[object, Plan | None]] = WeakKeyDictionary()
"""Of each network, and what it depends on beside what no training changes."""


def computed(chain: nn.Sequential, x: Tensor) -> tuple[int, Tensor]:
    """How many layers of ``chain``, from the first, were computed at once, and what they give for ``x``.

    The layers are looked at in the first pass of each `heirloom.kernels.native.active`, and again where
    one of them became another.
    """
    library = library_for(x)
    if library is None or x.ndim != 4 or len(x) < LEAST_IMAGES:
        return 0, x
    layers, size = tuple(chain._modules.values()), tuple(x.shape[1:])
    if _watched(layers):
        return 0, x
    reads = [(type(layer), READ.get(type(layer), _nothing)(layer)) for layer in layers]
    depends = (activation(), size, layers, reads)
    before, plan = _plans.get(chain, (None, None))
    if before != depends:
        steps = steps_of(layers, size, library)
        pays = any(step.kind == CONVOLUTION for step in steps)
        plan = Plan(layers[: len(steps)], steps, size) if pays else None
        _plans[chain] = (depends, plan)
    out = plan(x, library) if plan else None
    return (0, x) if plan is None or out is None else (len(plan.layers), out)


def steps_of(layers: Sequence[nn.Module], size: Size, library: Library) -> list[Step]:
    """The first layers as native.c knows them, up to the first that it does not."""
    steps: list[Step] = []
    for layer in layers:
        rule = RULES.get(type(layer))
        step = rule(layer, size) if rule else None
        if step is None or not _fits(step, size, library):
            break
        steps.append(step)
        size = step.size
    for i in range(len(steps) - 1):
        # The largest of rectified numbers is the rectified largest, and there are four times as few of them.
        if (steps[i].kind, steps[i + 1].kind) == (RECTIFIER, LARGEST_OF_WINDOW):
            steps[i], steps[i + 1] = steps[i + 1], steps[i]._replace(size=steps[i + 1].size)
    return steps


def _fits(step: Step, size: Size, library: Library) -> bool:
    # With fewer numbers, native.c would read past their end. A table's are put in their places by PyTorch.
    numbers = [getattr(step.layer, name).numel() for name in step.trained]
    if any(a != b for a, b in list(zip(numbers, step.gradients, strict=False))[bool(step.undo) :]):
        return False
    if step.kind != CONVOLUTION:
        return True
    small = 4 * library.lanes * (prod(size) + prod(step.size)) <= LARGEST
    return small and max(step.kernel) <= library.widest and max(size[0], step.size[0]) <= MOST_MAPS


def _watched(layers: Sequence[nn.Module]) -> bool:
    """True where somebody wants to see what each layer is given or gives."""
    return bool(nn.modules.module._has_any_global_hook()) or any(
        layer._forward_hooks or layer._forward_pre_hooks or layer._backward_hooks or layer._backward_pre_hooks
        for layer in layers
    )


# ---- What each layer is to native.c, or None ------------------------------------------------------------


def _convolution(layer: Conv2d, size: Size) -> Step | None:
    return _convolved(layer, tuple(layer.weight.shape), size) if layer.plain() else None


def _by_table(layer: TableConv2d, size: Size) -> Step | None:
    shape = (layer.out_maps, layer.in_maps, layer.kernel, layer.kernel)
    found = _convolved(layer, shape, size) if layer.plain() else None
    return found and found._replace(weights=layer.dense_weight, undo=layer.from_dense)


def _convolved(layer: nn.Module, shape: Size, size: Size) -> Step | None:
    maps, reads, rows, columns = shape
    if len(size) != 3 or reads != size[0] or rows > size[1] or columns > size[2]:
        return None
    out = (maps, size[1] - rows + 1, size[2] - columns + 1)
    kind = PRODUCT if out[1:] == (1, 1) else CONVOLUTION
    return Step(kind, out, layer, _trained(layer), (prod(shape), maps), kernel=(rows, columns))


def _linear(layer: nn.Linear, size: Size) -> Step | None:
    units, reads = layer.weight.shape
    return (
        Step(PRODUCT, (units,), layer, _trained(layer), (reads * units, units)) if size == (reads,) else None
    )


def _trained(layer: nn.Module) -> tuple[str, ...]:
    return ("weight",) if layer.bias is None else ("weight", "bias")


def _flatten(layer: nn.Flatten, size: Size) -> Step | None:
    return Step(NOTHING, (prod(size),)) if (layer.start_dim, layer.end_dim) == (1, -1) else None


def _scaled_tanh(layer: ScaledTanh, size: Size) -> Step:
    return Step(SQUASHING, size, amplitude=layer.amplitude, slope=layer.slope)


def _largest(layer: nn.MaxPool2d, size: Size) -> Step | None:
    plain = (layer.kernel_size, layer.stride, layer.padding, layer.dilation) == (2, 2, 0, 1)
    out = _halves(size)
    return Step(LARGEST_OF_WINDOW, out) if plain and out and not layer.return_indices else None


def _average(layer: nn.AvgPool2d, size: Size) -> Step | None:
    plain = (layer.kernel_size, layer.stride, layer.padding) == (2, 2, 0)
    out = _halves(size)
    return Step(SUM_OF_WINDOW, out, slope=1 / (layer.divisor_override or 4)) if plain and out else None


def _subsampling(layer: Subsampling, size: Size) -> Step | None:
    out = _halves(size)
    if not out or out[0] != layer.in_maps:
        return None
    out = (layer.maps, *out[1:])
    return Step(SUM_OF_WINDOW, out, layer, ("coefficient", "bias"), (layer.maps, layer.maps))


def _halves(size: Size) -> Size | None:
    if len(size) != 3 or size[1] % 2 or size[2] % 2:
        return None
    return (size[0], size[1] // 2, size[2] // 2)


def _codes(layer: RBF, size: Size) -> Step | None:
    units, reads = layer.codes.shape
    if size != (reads,) or layer.codes.requires_grad:
        return None
    return Step(DISTANCES, (units,), layer, fixed=("codes",))


RULES: dict[type, Callable[[Any, Size], Step | None]] = {
    Conv2d: _convolution,
    TableConv2d: _by_table,
    nn.Linear: _linear,
    nn.Flatten: _flatten,
    nn.ReLU: lambda _, size: Step(RECTIFIER, size),
    nn.Tanh: lambda _, size: Step(SQUASHING, size),
    ScaledTanh: _scaled_tanh,
    MaxPool2d: _largest,
    AvgPool2d: _average,
    Subsampling: _subsampling,
    RBF: _codes,
}
"""Layers of other kinds, subclasses among them, are computed by themselves."""


def _nothing(_: nn.Module) -> None:
    return None


def _has_bias(layer: nn.Linear) -> bool:
    return layer.bias is not None


_steps_of_kernels = attrgetter("stride", "padding", "dilation", "groups")

READ: dict[type, Callable[[Any], object]] = {
    Conv2d: lambda layer: (_has_bias(layer), _steps_of_kernels(layer)),
    TableConv2d: attrgetter("stride", "padding", "in_maps", "out_maps", "kernel"),
    nn.Linear: _has_bias,
    nn.Flatten: attrgetter("start_dim", "end_dim"),
    ScaledTanh: attrgetter("amplitude", "slope"),
    MaxPool2d: attrgetter("kernel_size", "stride", "padding", "dilation", "return_indices"),
    AvgPool2d: attrgetter("kernel_size", "stride", "padding", "divisor_override"),
    Subsampling: attrgetter("maps", "in_maps"),
    RBF: attrgetter("codes.requires_grad"),
}
"""What the rules read of a layer, beside its tensors' shapes: somebody may change it between two passes."""
