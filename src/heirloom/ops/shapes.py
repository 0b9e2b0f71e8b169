"""Sizes of results on the meta device, found without loading PyTorch's compiler.

On the meta device PyTorch finds the size of a sum, a rectifier, a convolution or a linear layer in Python.
The first such call of a process loads its compiler and SymPy, a second in which nothing is compiled, and each
call costs more than all our counting. What networks are made of is therefore answered here, for
contiguous tensors of one floating-point type; everything else, and what is an error, is PyTorch's to answer.
"""

import itertools
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils._device import DeviceContext, _device_constructors
from torch.utils._python_dispatch import TorchDispatchMode

_ELEMENTWISE = """
    relu leaky_relu elu hardtanh hardswish hardsigmoid gelu silu softplus sigmoid tanh
    add sub rsub mul div pow neg abs exp log sqrt rsqrt square reciprocal sin cos erfinv
    clamp clamp_min clamp_max maximum minimum
"""
_IN_PLACE = """
    uniform_ normal_ zero_ fill_ erfinv_ relu_ leaky_relu_ clamp_ neg_ sqrt_ add_ sub_ mul_ div_
"""


def on_shapes(func: Any, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Any:
    """What ``func``, a low-level operation, returns for these tensors of the meta device.

    Args:
        func: An overload such as ``torch.ops.aten.relu.default``.
        args: Its arguments.
        kwargs: Its named arguments.
    """
    quick = _QUICK.get(func.overloadpacket.__name__)
    found = quick(args, kwargs) if quick else None
    return func(*args, **kwargs) if found is None else found


class Shapes(TorchDispatchMode):
    """While it is active, operations on tensors of the meta device are answered by `on_shapes`."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]

    @classmethod
    def _should_skip_dynamo(cls) -> bool:
        return False  # to be skipped by PyTorch's compiler costs its import

    def __torch_dispatch__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        """One operation; what is not on the meta device is left alone."""
        return on_shapes(func, args, kwargs or {})


_CONSTRUCTORS = _device_constructors()
_FILLED = {torch.zeros, torch.ones}
_FILLS = {Tensor.uniform_, Tensor.normal_, Tensor.fill_, Tensor.zero_}
_DRAWS = {nn.init.uniform_, nn.init.normal_, nn.init.constant_, nn.init.kaiming_uniform_}
_LOOKS = {
    torch._C._set_grad_enabled,
    Tensor.size,
    Tensor.dim,
    Tensor.numel,
    Tensor.is_contiguous,
    Tensor.shape.__get__,  # type: ignore[attr-defined]
    Tensor.grad_fn.__get__,  # type: ignore[union-attr]
}


class WithoutMemory(DeviceContext):
    """While it is active, networks are built on the meta device, and nothing is drawn for their weights.

    It is ``torch.device("meta")`` with `Shapes`, less what these cost a deep network: nearly half the time of
    building one would go into initial values that have no place.
    """

    def __init__(self) -> None:
        super().__init__("meta")
        self.accepted: set[Any] = set()
        """What PyTorch has once not refused: the function, the kind of tensor, all other arguments."""

    def __torch_function__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        """One function of PyTorch, before its gradients are thought of."""
        kwargs = kwargs or {}
        if func in _LOOKS:  # by far the most frequent
            return func(*args, **kwargs)
        if func in _CONSTRUCTORS:
            if kwargs.get("device") is None:
                kwargs["device"] = self.device
                if func in _FILLED:  # quicker without, and there is no place for them
                    func = torch.empty
        elif func in _FILLS:
            # A weight is only written while no gradients are kept; otherwise PyTorch is to refuse.
            if args[0].is_meta and not (args[0].requires_grad and torch.is_grad_enabled()):
                return args[0]
        elif func in _DRAWS and kwargs["tensor"].is_meta:
            tensor = kwargs["tensor"]
            draw = (func, tensor.ndim, tensor.dtype, *[v for k, v in kwargs.items() if k != "tensor"])
            if draw not in self.accepted:
                with Shapes():
                    func(*args, **kwargs)
                self.accepted.add(draw)
            return tensor
        elif func.__name__ != "__get__":
            with Shapes():
                return func(*args, **kwargs)
        return func(*args, **kwargs)


_NUMBERS = (Tensor, float, int)
Arguments = Mapping[str, Any]
Quick = Callable[[tuple[Any, ...], Arguments], Any]
"""Arguments of an operation -> its result, or None where PyTorch is to answer, errors included."""


def _plain(*tensors: Any) -> bool:
    """True for tensors of the meta device and of one floating-point type."""
    for t in tensors:
        if type(t) is not Tensor and type(t) is not nn.Parameter:
            return False
        if not t.is_meta or t.dtype != tensors[0].dtype:
            return False
    return bool(tensors[0].is_floating_point())


def _contiguous(*tensors: Tensor) -> bool:
    return all(t.is_contiguous() for t in tensors)


def _in_order(*tensors: Tensor) -> bool:
    """True where axes follow one another in memory as in the size, perhaps with gaps: results have none."""
    return all(t.is_contiguous() or _descending(t) for t in tensors)


def _descending(tensor: Tensor) -> bool:
    steps = [step for n, step in zip(tensor.shape, tensor.stride(), strict=True) if n != 1]
    return 0 not in steps and all(one > other for one, other in itertools.pairwise(steps))


def _empty(size: Sequence[int], like: Tensor) -> Tensor:
    return torch.empty(size, dtype=like.dtype, device="meta")


def _broadcast(sizes: Sequence[Sequence[int]]) -> list[int] | None:
    """The size of a result of tensors of these sizes; None if they do not fit."""
    found = [1] * max(map(len, sizes))
    for size in sizes:
        for axis, n in enumerate(size, start=len(found) - len(size)):
            if n != 1 and found[axis] not in (1, n):
                return None
            found[axis] = n if n != 1 else found[axis]
    return found


def _elementwise(args: tuple[Any, ...], kwargs: Arguments) -> Tensor | None:
    tensors = [a for a in args if isinstance(a, Tensor)]
    numbers = all(isinstance(a, _NUMBERS) for a in args)
    if not numbers or "out" in kwargs or not _plain(*tensors) or not _in_order(*tensors):
        return None
    size = _broadcast([t.shape for t in tensors])
    return None if size is None else _empty(size, tensors[0])


def _in_place(args: tuple[Any, ...], kwargs: Arguments) -> Tensor | None:
    tensors = [a for a in args if isinstance(a, Tensor)]
    numbers = all(isinstance(a, _NUMBERS) for a in args)
    fits = numbers and _plain(*tensors) and _broadcast([t.shape for t in tensors]) == list(args[0].shape)
    return args[0] if fits else None


def _slid(
    size: Sequence[int],
    kernel: Sequence[int],
    stride: Sequence[int],
    padding: Sequence[int],
    dilation: Sequence[int],
    ceil: bool = False,
) -> list[int] | None:
    """Positions of a window along each axis; None where it is wrong or does not fit."""
    found = []
    for n, k, s, p, d in zip(size, kernel, stride, padding, dilation, strict=True):
        rest = n + 2 * p - d * (k - 1) - 1
        if rest < 0 or min(k, s, d) < 1 or p < 0:
            return None
        steps = -(-rest // s) if ceil else rest // s
        if ceil and steps * s >= n + p:  # a window that would begin in the padding at the end
            steps -= 1
        found.append(steps + 1)
    return found


def _convolution(args: tuple[Any, ...], kwargs: Arguments) -> Tensor | None:
    x, weight, bias, stride, padding, dilation, transposed, output_padding, groups = args
    tensors = [x, weight] if bias is None else [x, weight, bias]
    if kwargs or not _plain(*tensors) or not _contiguous(*tensors):
        return None
    axes = x.ndim - 2
    if axes < 1 or weight.ndim != x.ndim or {len(stride), len(padding), len(dilation)} != {axes}:
        return None
    if transposed:
        usual = groups == 1 and len(output_padding) == axes and not any(output_padding)
        return _transposed(x, weight, bias, stride, padding, dilation) if usual else None
    if x.shape[1] != weight.shape[1] * groups or weight.shape[0] % groups:
        return None
    if bias is not None and bias.shape != weight.shape[:1]:
        return None
    places = _slid(x.shape[2:], weight.shape[2:], stride, padding, dilation)
    return None if places is None else _empty((x.shape[0], weight.shape[0], *places), x)


def _transposed(
    x: Tensor,
    weight: Tensor,
    bias: Tensor | None,
    stride: Sequence[int],
    padding: Sequence[int],
    dilation: Sequence[int],
) -> Tensor | None:
    if x.shape[1] != weight.shape[0] or (bias is not None and bias.shape != weight.shape[1:2]):
        return None
    if 0 in x.shape or 0 in weight.shape or min(*stride, *dilation) < 1 or min(padding) < 0:
        return None
    sizes = zip(x.shape[2:], weight.shape[2:], stride, padding, dilation, strict=True)
    places = [(n - 1) * s - 2 * p + (k - 1) * d + 1 for n, k, s, p, d in sizes]
    return None if min(places) < 1 else _empty((x.shape[0], weight.shape[1], *places), x)


def _pooled(
    args: tuple[Any, ...], axes: int, dilation: Sequence[int] | None = None, ceil: bool = False
) -> Tensor | None:
    x, kernel, stride, padding = (*args, None, None)[:4]
    if not _plain(x) or not _contiguous(x) or x.ndim != axes + 2 or 0 in x.shape:
        return None
    several = [_several(v, axes) for v in (kernel, stride or kernel, padding or 0, dilation or 1)]
    if any(2 * p > k for k, p in zip(several[0], several[2], strict=True)):
        return None
    places = _slid(x.shape[2:], several[0], several[1], several[2], several[3], ceil)
    return None if places is None else _empty((*x.shape[:2], *places), x)


def _several(value: int | Sequence[int], axes: int) -> Sequence[int]:
    values = [value] if isinstance(value, int) else value
    return list(values) * axes if len(values) == 1 else values


def _average(axes: int) -> Quick:
    def quick(args: tuple[Any, ...], kwargs: Arguments) -> Tensor | None:
        return None if kwargs else _pooled(args, axes, ceil=len(args) > 4 and args[4])

    return quick


def _maximum(args: tuple[Any, ...], kwargs: Arguments) -> tuple[Tensor, Tensor] | None:
    found = _pooled(args, 2, args[4] if len(args) > 4 else None, len(args) > 5 and args[5])
    if kwargs or found is None:
        return None
    return found, torch.empty(found.shape, dtype=torch.int64, device="meta")


def _addmm(args: tuple[Any, ...], kwargs: Arguments) -> Tensor | None:
    bias, a, b = args
    if kwargs or not _plain(bias, a, b) or (a.ndim, b.ndim, bias.ndim) != (2, 2, 1):
        return None
    fits = a.shape[1] == b.shape[0] and bias.shape[0] == b.shape[1]
    return _empty((a.shape[0], b.shape[1]), a) if fits else None


def _baddbmm(args: tuple[Any, ...], kwargs: Arguments) -> Tensor | None:
    bias, a, b = args
    if kwargs or not _plain(bias, a, b) or (a.ndim, b.ndim, bias.ndim) != (3, 3, 3):
        return None
    size = [a.shape[0], a.shape[1], b.shape[2]]
    fits = (a.shape[0], a.shape[2]) == tuple(b.shape[:2]) and _broadcast([bias.shape, size]) == size
    return _empty(size, a) if fits else None


def _mm(args: tuple[Any, ...], kwargs: Arguments) -> Tensor | None:
    a, b = args
    fits = not kwargs and _plain(a, b) and (a.ndim, b.ndim) == (2, 2) and a.shape[1] == b.shape[0]
    return _empty((a.shape[0], b.shape[1]), a) if fits else None


def _batch_norm(args: tuple[Any, ...], kwargs: Arguments) -> tuple[Tensor, Tensor, Tensor] | None:
    """In evaluation, with stored statistics."""
    x, stored, training = args[0], [t for t in args[1:5] if t is not None], args[5]
    if training or args[3] is None or not _plain(x, *stored) or not _contiguous(x, *stored):
        return None
    if any(t.shape != x.shape[1:2] for t in stored):
        return None
    statistics = _empty(x.shape[1:2], x)
    return _empty(x.shape, x), statistics, statistics


def _cat(args: tuple[Any, ...], kwargs: Arguments) -> Tensor | None:
    tensors, dim = args[0], args[1] if len(args) > 1 else 0
    if not _plain(*tensors) or not _contiguous(*tensors) or not -tensors[0].ndim <= dim < tensors[0].ndim:
        return None
    sizes = [list(t.shape) for t in tensors]
    total = sum(size[dim] for size in sizes if len(size) == len(sizes[0]))
    for size in sizes:
        size[dim : dim + 1 or None] = [total]
    return _empty(sizes[0], tensors[0]) if all(size == sizes[0] for size in sizes) else None


def _reduced(args: tuple[Any, ...], kwargs: Arguments) -> Tensor | None:
    x, dims, keep = args[0], args[1] if len(args) > 1 else None, len(args) > 2 and args[2]
    if not dims or kwargs or not _plain(x) or not _contiguous(x):
        return None
    gone = {dim + x.ndim if dim < 0 else dim for dim in dims}
    if len(gone) < len(dims) or not gone <= set(range(x.ndim)):
        return None
    return _empty([1 if i in gone else n for i, n in enumerate(x.shape) if keep or i not in gone], x)


def _index_copy(args: tuple[Any, ...], kwargs: Arguments) -> Tensor | None:
    x, dim, index, source = args
    if not _plain(x, source) or not _contiguous(x) or index.ndim != 1 or not 0 <= dim < x.ndim:
        return None
    fits = source.shape == (*x.shape[:dim], index.shape[0], *x.shape[dim + 1 :])
    return _empty(x.shape, x) if fits else None


def _made(args: tuple[Any, ...], kwargs: Arguments) -> Tensor | None:
    """What batch normalisation asks for, to no purpose on this device."""
    return torch.empty(*args, **kwargs) if len(args) == 1 and "memory_format" not in kwargs else None


_QUICK: dict[str, Quick] = {
    "empty": _made,
    **dict.fromkeys(_ELEMENTWISE.split(), _elementwise),
    **dict.fromkeys(_IN_PLACE.split(), _in_place),
    "convolution": _convolution,
    "max_pool2d_with_indices": _maximum,
    "avg_pool2d": _average(2),
    "avg_pool3d": _average(3),
    "addmm": _addmm,
    "mm": _mm,
    "baddbmm": _baddbmm,
    "native_batch_norm": _batch_norm,
    "cat": _cat,
    "mean": _reduced,
    "sum": _reduced,
    "index_copy": _index_copy,
}
