"""Layers in a row as one operation, by ``native.c``."""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple, cast

import torch
from torch import Tensor, nn
from torch.func import functional_call

from heirloom.kernels.native import PROPER, Chain, Layer, Library, active

# As in native.c, and layers that only reshape.
CONVOLUTION, PRODUCT, RECTIFIER, SQUASHING, DISTANCES, LARGEST_OF_WINDOW, SUM_OF_WINDOW, NOTHING = range(8)

Size = tuple[int, ...]
"""Of an image or a vector, without the batch."""


class Step(NamedTuple):
    """A layer as native.c knows it."""

    kind: int
    size: Size
    """Of the output."""
    layer: nn.Module | None = None
    """Whose tensors are read."""
    trained: tuple[str, ...] = ()
    """What the parameters are called there: weights, perhaps bias."""
    gradients: tuple[int, int] = (0, 0)
    """Numbers of the gradients by weights and bias. There is always one by the bias."""
    weights: Callable[[], Tensor] | None = None
    """Gives them where they are not a tensor of the layer as it stands,"""
    undo: Callable[[Tensor], Tensor] | None = None
    """and makes the gradient by the parameter of the one by them."""
    fixed: tuple[str, ...] = ()
    """What tensors are called there that are not trained, where it has no parameters."""
    kernel: tuple[int, int] = (1, 1)
    amplitude: float = 1.0
    slope: float = 1.0


class Plan:
    """Layers in a row, looked at once for many batches.

    Args:
        layers: As they are.
        steps: The same for native.c.
        size: Of the input.
    """

    def __init__(self, layers: Sequence[nn.Module], steps: Sequence[Step], size: Size) -> None:
        self.layers, self.size, self.out_size = layers, size, steps[-1].size
        steps = [step for step in steps if step.kind != NOTHING]
        self._described = (Layer * len(steps))()
        for layer, step in zip(self._described, steps, strict=True):
            layer.kind, layer.amplitude, layer.slope = step.kind, step.amplitude, step.slope
            layer.maps, layer.rows, layer.columns = (*size, 1, 1)[:3]
            layer.out_maps, layer.out_rows, layer.out_columns = (*step.size, 1, 1)[:3]
            layer.kernel_rows, layer.kernel_columns = step.kernel
            size = step.size
        self.reading = [(place, step) for place, step in enumerate(steps) if step.layer]
        """The layers that have tensors, and their places in the row."""
        self._shapes = [tensor.shape for tensor in self._tensors()]
        self._fixed = [(step.layer, name) for _, step in self.reading for name in step.fixed]
        self._needs: dict[tuple[str, int, int], int] = {}

    def _tensors(self) -> list[Tensor]:
        return [
            getattr(step.layer, name) for _, step in self.reading for name in (*step.trained, *step.fixed)
        ]

    def __call__(self, x: Tensor, library: Library) -> Tensor | None:
        """What the layers make of ``x`` (B, *size); None where their tensors are no longer what they were."""
        tensors = self._tensors()
        if not all(type(tensor) in PROPER for tensor in tensors):
            return None
        if [tensor.shape for tensor in tensors] != self._shapes:
            return None
        if not all(tensor.dtype == torch.float32 and tensor.is_cpu for tensor in tensors):
            return None
        if any(getattr(layer, name).requires_grad for layer, name in self._fixed):
            return None
        return cast(Tensor, _Chain.apply(x, library, self, *tensors))  # type: ignore[no-untyped-call]

    def described(self) -> Any:
        """An array of ``layer`` that points at no tensor yet."""
        return type(self._described).from_buffer_copy(self._described)

    def memory(self, name: str, chain: Chain, library: Library) -> Tensor:
        """As much as a function of native.c says that ``chain`` needs."""
        key = (name, chain.images, library.threads)
        if key not in self._needs:
            self._needs[key] = library(name, chain)
        return torch.empty(self._needs[key])


class _Chain(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, library: Library, plan: Plan, *given: Tensor) -> Tensor:
        """All layers, for one block of images after another."""
        ctx.save_for_backward(x, *given)
        x = x.contiguous()
        out = torch.empty(len(x), *plan.out_size)
        layers, rest, pointed_at = plan.described(), iter(given), [x]
        for place, step in plan.reading:
            tensors = [next(rest).contiguous() for _ in (*step.trained, *step.fixed)]
            if step.weights:
                tensors[:1] = [step.weights().contiguous()]
            layers[place].weight = tensors[0].data_ptr()
            layers[place].bias = tensors[1].data_ptr() if len(tensors) > 1 else None
            pointed_at += tensors
        chain = Chain(len(x), len(layers), layers, x.data_ptr(), out.data_ptr())
        kept = plan.memory("kept_size", chain, library)
        chain.kept = kept.data_ptr()
        library("forward", chain)
        ctx.library, ctx.plan, ctx.chain, ctx.described = library, plan, chain, layers
        # Others on the same memory, which so outlives `parameter.data = ...`.
        ctx.pointed_at = (kept, [tensor.detach() for tensor in pointed_at])
        return out

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        """Gradients by ``x`` and the parameters; from the layers where they are differentiated again."""
        x, *tensors = ctx.saved_tensors
        library, plan, chain = ctx.library, ctx.plan, ctx.chain
        if torch.is_grad_enabled():
            return _again(plan, x, tensors, grad)
        trained = [(place, step) for place, step in plan.reading if step.trained]
        sizes = [size for _, step in trained for size in step.gradients]
        gradients = torch.empty(sum(sizes))
        address = gradients.data_ptr()
        for place, step in trained:
            ctx.described[place].weight_grad = address
            address += gradients.element_size() * sum(step.gradients)
        grad, by_x = grad.contiguous(), torch.empty(x.shape) if ctx.needs_input_grad[0] else None
        chain.grad, chain.x_grad = grad.data_ptr(), by_x.data_ptr() if by_x is not None else None
        work = plan.memory("work_size", chain, library)
        chain.work = work.data_ptr()
        library("backward", chain)
        found, rest = iter(gradients.split(sizes)), iter(tensors)
        by_tensors: list[Tensor | None] = []
        for _, step in plan.reading:
            by_tensors += [None for _ in zip(step.fixed, rest, strict=False)]
            if not step.trained:
                continue
            by_weights, by_bias = next(found), next(found)
            by_weights = step.undo(by_weights) if step.undo else by_weights
            pairs = zip((by_weights, by_bias), step.trained, strict=False)  # perhaps it has no bias
            by_tensors += [gradient.view(next(rest).shape) for gradient, _ in pairs]
        return by_x, None, None, *by_tensors


def _again(plan: Plan, x: Tensor, tensors: list[Tensor], grad: Tensor) -> tuple[Tensor | None, ...]:
    """Gradients that can be differentiated again, from the layers with the tensors that they had."""
    # One of its own for each place: a tensor that has two has a gradient by either.
    places = [tensor.view_as(tensor) for tensor in (x, *tensors)]
    out, *rest = places
    given = iter(rest)
    names = {step.layer: (*step.trained, *step.fixed) for _, step in plan.reading}
    with active(0):
        for layer in plan.layers:
            own = {name: next(given) for name in names.get(layer, ())}
            out = functional_call(layer, own, (out,)) if own else layer(out)
    wanted = [place for place in places if place.requires_grad]
    found = iter(torch.autograd.grad(out, wanted, grad, create_graph=True))
    by_x, *others = (next(found) if place.requires_grad else None for place in places)
    return by_x, None, None, *others
