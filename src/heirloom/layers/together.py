"""Chains of small layers as one: while a network is trained, ``kernels/native.c`` computes what it can of it.

Here stands which layers those are. The layers themselves are computed wherever somebody looks at what passes
between them, and for other devices and number formats.
"""

from collections.abc import Callable, Sequence
from itertools import accumulate
from math import prod
from typing import Any, NamedTuple, cast

import torch
from torch import Tensor, nn

from heirloom.kernels import native
from heirloom.kernels.native import Library, library_for
from heirloom.layers.convolutions import MOST_MAPS, Conv2d, TableConv2d
from heirloom.layers.pooling import AvgPool2d, MaxPool2d, Subsampling
from heirloom.layers.units import RBF, ScaledTanh

LEAST_IMAGES = 8
"""In a batch: with fewer, most lanes are idle."""

LARGEST = 2**20
"""Bytes of a convolution's input and output for a block of images: what a second-level cache holds."""

# As in native.c, and layers that only reshape.
CONVOLUTION, PRODUCT, RECTIFIER, SQUASHING, DISTANCES, LARGEST_OF_WINDOW, SUM_OF_WINDOW, NOTHING = range(8)

Size = tuple[int, ...]
"""Of an image or a vector, without the batch."""


class Step(NamedTuple):
    """A layer as native.c knows it."""

    kind: int
    size: Size
    """Of the output."""
    weight: Tensor | None = None
    bias: Tensor | None = None
    kernel: tuple[int, int] = (1, 1)
    amplitude: float = 1.0
    slope: float = 1.0
    table: TableConv2d | None = None
    """Where there are kernels for some pairs of maps only."""

    @property
    def parameters(self) -> list[Tensor]:
        """Those that are trained."""
        given = [] if self.kind == DISTANCES else [self.weight, self.bias]
        return [tensor for tensor in given if tensor is not None]


def computed(layers: Sequence[nn.Module], x: Tensor) -> tuple[int, Tensor]:
    """How many of the first ``layers`` were computed at once, perhaps none, and what they make of ``x``."""
    library = library_for(x)
    if library is None or x.ndim != 4 or len(x) < LEAST_IMAGES or _watched(layers):
        return 0, x
    steps = steps_of(layers, tuple(x.shape[1:]), library)
    if all(step.kind != CONVOLUTION for step in steps):
        return 0, x
    return len(steps), together(layers[: len(steps)], steps, x, library)


def together(layers: Sequence[nn.Module], steps: list[Step], x: Tensor, library: Library) -> Tensor:
    """What ``layers``, which are ``steps``, make of ``x``; see `steps_of`."""
    parameters = [parameter for step in steps for parameter in step.parameters]
    return cast(Tensor, _Together.apply(x, library, steps, layers, *parameters))  # type: ignore[no-untyped-call]


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
    if step.kind != CONVOLUTION:
        return True
    small = 4 * library.lanes * (prod(size) + prod(step.size)) <= LARGEST
    return small and max(step.kernel) <= library.widest and max(size[0], step.size[0]) <= MOST_MAPS


def _watched(layers: Sequence[nn.Module]) -> bool:
    """True where somebody wants to see what each layer is given or gives."""
    hooks = ("_forward_hooks", "_forward_pre_hooks", "_backward_hooks", "_backward_pre_hooks")
    return bool(nn.modules.module._has_any_global_hook()) or any(
        layer.__dict__[name] for layer in layers for name in hooks
    )


# ---- What each layer is to native.c, or None ------------------------------------------------------------


def _convolution(layer: Conv2d, size: Size) -> Step | None:
    return _convolved(layer, tuple(layer.weight.shape), size) if layer.plain() else None


def _by_table(layer: TableConv2d, size: Size) -> Step | None:
    shape = (layer.out_maps, layer.in_maps, layer.kernel, layer.kernel)
    found = _convolved(layer, shape, size) if layer.plain() else None
    return found and found._replace(table=layer)


def _convolved(layer: Conv2d | TableConv2d, shape: Size, size: Size) -> Step | None:
    maps, reads, rows, columns = shape
    if len(size) != 3 or reads != size[0] or rows > size[1] or columns > size[2]:
        return None
    out = (maps, size[1] - rows + 1, size[2] - columns + 1)
    kind = PRODUCT if out[1:] == (1, 1) else CONVOLUTION
    return Step(kind, out, layer.weight, layer.bias, (rows, columns))


def _linear(layer: nn.Linear, size: Size) -> Step | None:
    fits = size == (layer.in_features,)
    return Step(PRODUCT, (layer.out_features,), layer.weight, layer.bias) if fits else None


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
    return Step(SUM_OF_WINDOW, (layer.maps, *out[1:]), layer.coefficient, layer.bias)


def _halves(size: Size) -> Size | None:
    if len(size) != 3 or size[1] % 2 or size[2] % 2:
        return None
    return (size[0], size[1] // 2, size[2] // 2)


def _codes(layer: RBF, size: Size) -> Step | None:
    codes = layer.codes
    return Step(DISTANCES, (len(codes),), codes) if size == codes.shape[1:] else None


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


# ---- The call -------------------------------------------------------------------------------------------


class _Together(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any,
        x: Tensor,
        library: Library,
        steps: list[Step],
        layers: Sequence[nn.Module],
        *parameters: Tensor,
    ) -> Tensor:
        """All layers, for one block of images after another."""
        ctx.save_for_backward(x, *parameters)
        x = x.contiguous()
        out = x.new_empty(len(x), *steps[-1].size)
        known = [step for step in steps if step.kind != NOTHING]
        weights = [_dense(step) for step in known]
        described = _described(known, weights, tuple(x.shape[1:]))
        chain = native.Chain(len(x), len(known), described, x.data_ptr(), out.data_ptr())
        kept = torch.empty(library("kept_size", chain))
        chain.kept = kept.data_ptr()
        library("forward", chain)
        ctx.library, ctx.layers, ctx.chain = library, layers, chain
        ctx.pointed_at = (x, kept, known, weights, described)
        return out

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        """Gradients by ``x`` and the parameters; from the layers where they are differentiated again."""
        x, *parameters = ctx.saved_tensors
        if torch.is_grad_enabled():
            wanted = [tensor for tensor in (x, *parameters) if tensor.requires_grad]
            out = x
            with native.active(0):
                for layer in ctx.layers:
                    out = layer(out)
            found = iter(torch.autograd.grad(out, wanted, grad, create_graph=True))
            by_x, *rest = (next(found) if tensor.requires_grad else None for tensor in (x, *parameters))
            return by_x, None, None, None, *rest
        _, _, known, weights, described = ctx.pointed_at
        sizes = [
            weight.numel() + len(weight) if weight is not None and step.parameters else 0
            for step, weight in zip(known, weights, strict=True)
        ]
        gradients = torch.empty(sum(sizes))
        for layer, size, place in zip(described, sizes, accumulate(sizes, initial=0), strict=False):
            layer.weight_grad = gradients.data_ptr() + 4 * place if size else None
        grad, by_x = grad.contiguous(), torch.empty(x.shape) if ctx.needs_input_grad[0] else None
        chain, library = ctx.chain, ctx.library
        chain.grad, chain.x_grad = grad.data_ptr(), by_x.data_ptr() if by_x is not None else None
        work = torch.empty(library("work_size", chain))
        chain.work = work.data_ptr()
        library("backward", chain)
        by_parameters: list[Tensor] = []
        for step, weight, found in zip(known, weights, gradients.split(sizes), strict=True):
            if weight is not None and step.weight is not None and step.parameters:
                by_weight = found[: weight.numel()]
                if step.table:
                    by_weight = by_weight.view(-1, *step.kernel)[step.table.slot]
                by_parameters.append(by_weight.view(step.weight.shape))
            if step.bias is not None:
                by_parameters.append(found[-step.bias.numel() :].view(step.bias.shape))
        return by_x, None, None, None, *by_parameters


def _dense(step: Step) -> Tensor | None:
    """The weights as native.c reads them: by output map, then by input map."""
    if step.table:
        return step.table.dense_weight()
    return None if step.weight is None else step.weight.contiguous()


def _described(steps: list[Step], weights: list[Tensor | None], size: Size) -> Any:
    """An array of ``layer``."""
    layers = (native.Layer * len(steps))()
    for layer, step, weight in zip(layers, steps, weights, strict=True):
        layer.kind, layer.amplitude, layer.slope = step.kind, step.amplitude, step.slope
        layer.maps, layer.rows, layer.columns = (*size, 1, 1)[:3]
        layer.out_maps, layer.out_rows, layer.out_columns = (*step.size, 1, 1)[:3]
        layer.kernel_rows, layer.kernel_columns = step.kernel
        layer.weight = weight.data_ptr() if weight is not None else None
        layer.bias = step.bias.data_ptr() if step.bias is not None else None
        size = step.size
    return layers
