"""What passes between the layers of a network for given images, found by the names of its trace.

A value is looked at where a module gives it, else where the next module reads it, else where a ``forward``
calls its function: a rectifier is found in whichever way it is written.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from typing import Any

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from heirloom.errors import HeirloomError, nearest
from heirloom.ops.elementwise import ACTIVATIONS
from heirloom.rows import Row, Trace

_BETWEEN = frozenset({"batch_norm", "dropout", "identity"})
"""What may stand between a layer and its nonlinearity."""


def is_map(row: Row) -> bool:
    """Whether it gives maps: a grid of units for each channel, not single numbers."""
    size = row.output_size
    return row.executed and size is not None and len(size) == 3 and size[1] * size[2] > 1


def convolutions(trace: Trace) -> list[Row]:
    """The layers with weights that give maps, in the order of execution."""
    return [row for row in trace if is_map(row) and row.macs]


def last_maps(trace: Trace, label: str) -> Row:
    """The last maps before the image is gone: of the size that the last convolution gives, the last.

    So AlexNet's rectified conv5 and not its pooled one, a residual network's last sum, LeNet-5's C3.

    Raises:
        HeirloomError: (``E-argument``) It has no convolution that gives maps.
    """
    found = convolutions(trace)
    if not found:
        raise HeirloomError(
            "E-argument",
            f"{label} has no layer with maps",
            why="no convolution gives more than one unit of each kind",
            remedy="take a convolutional network",
        )
    size = (found[-1].output_size or ())[1:]
    return [row for row in trace if is_map(row) and (row.output_size or ())[1:] == size][-1]


def scorer(trace: Trace, label: str) -> Row:
    """The last layer with weights: what it reads are the features that the answer is made of.

    Raises:
        HeirloomError: (``E-argument``) No layer has weights.
    """
    found = [row for row in trace if row.executed and row.macs]
    if not found:
        raise HeirloomError("E-argument", f"{label} has no layer with weights")
    return found[-1]


def nonlinearity(trace: Trace, row: Row) -> Row:
    """What squashes or rectifies the results of ``row``; ``row`` itself where something else reads them."""
    at = row
    while True:
        readers = [other for other in trace if at.id in other.inputs]
        if len(readers) != 1 or len(readers[0].inputs) != 1:
            return row
        (at,) = readers
        if at.kind in ACTIVATIONS:
            return at
        if at.kind not in _BETWEEN:
            return row


def layer_named(trace: Trace, model: nn.Module, name: str, label: str) -> str:
    """``name``, if there is such a layer. Raises `HeirloomError` (``E-argument``) with the nearest name."""
    known = {row.name for row in trace if row.executed} | {n for n, _ in model.named_modules() if n}
    if name not in known:
        raise HeirloomError("E-argument", f"{label} has no layer {name!r}", why=nearest(name, known))
    return name


def passing(model: nn.Module, trace: Trace, images: Tensor, names: Sequence[str]) -> dict[str, Tensor]:
    """What the named layers give for ``images``, as `looking` keeps it, without gradients.

    Args:
        model: In evaluation mode.
        trace: Of it.
        images: (B, C, H, W) as it reads them.
        names: Of rows of the trace, or of modules.

    Returns:
        (B, ...) for each name.

    Raises:
        HeirloomError: (``E-argument``) One of them cannot be looked at, or did not run.
    """
    with torch.no_grad(), looking(model, trace, names) as found:
        model(images)
    return found


@contextmanager
def looking(model: nn.Module, trace: Trace, names: Sequence[str]) -> Iterator[dict[str, Tensor]]:
    """Keep what the named layers give at their first call, while the network runs; see `passing`."""
    found: dict[str, Tensor] = {}
    handles = []
    calls = _Calls(found)
    try:
        places = {name: _place(model, trace, name) for name in names}
        # Those that hand on a copy come first: the others know a value by its identity.
        for name, (module, how) in sorted(places.items(), key=lambda place: place[1][1] == "called"):
            if how == "reads":
                handles.append(module.register_forward_pre_hook(_on_reading(found, name)))
            elif how == "gives":
                handles.append(module.register_forward_hook(_on_giving(found, name)))
            else:
                handles.append(module.register_forward_hook(calls.expecting(name)))
        with calls if calls.names else nullcontext():
            yield found
    finally:
        for handle in handles:
            handle.remove()
    for name in names:
        if name not in found:
            raise _unseen(name, "it does not run in evaluation, or gives no tensor")


class _Calls(TorchFunctionMode):
    """Keeps what the next function makes of what certain modules give."""

    def __init__(self, found: dict[str, Tensor]) -> None:
        super().__init__()
        self.found = found
        self.names: list[str] = []
        self.expected: dict[int, tuple[str, Tensor]] = {}

    def expecting(self, name: str) -> Callable[..., Any]:
        """A hook of the module whose result the function of that name takes."""
        self.names.append(name)

        def hook(module: nn.Module, args: Any, output: Any) -> None:
            if isinstance(output, Tensor) and name not in self.found:
                self.expected[id(output)] = (name, output)

        return hook

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        name, given = self.expected.get(id(args[0]) if args else 0, ("", None))
        output = func(*args, **(kwargs or {}))
        if given is not None and isinstance(output, Tensor) and output.shape == given.shape:
            del self.expected[id(given)]
            return _kept(self.found, name, output)
        return output


def _on_giving(found: dict[str, Tensor], name: str) -> Callable[..., Any]:
    def hook(module: nn.Module, args: Any, output: Any) -> Any:
        return _kept(found, name, output)

    return hook


def _on_reading(found: dict[str, Tensor], name: str) -> Callable[..., Any]:
    def hook(module: nn.Module, args: Any) -> Any:
        kept = _kept(found, name, args[0]) if args else None
        return None if kept is None else (kept, *args[1:])

    return hook


def _kept(found: dict[str, Tensor], name: str, value: Any) -> Tensor | None:
    """Keep a copy, and hand on another: what follows may write over what it reads."""
    if name in found or not isinstance(value, Tensor):
        return None
    found[name] = value.clone()
    return found[name].clone()


def _place(model: nn.Module, trace: Trace, name: str) -> tuple[nn.Module, str]:
    """A module, and whether it ``gives`` the value, ``reads`` it, or what it gives is ``called`` with."""
    modules = dict(model.named_modules())
    if name in modules and name:
        return modules[name], "gives"
    row = next((row for row in trace if row.name == name and row.executed), None)
    if row is None:
        raise _unseen(name, "there is no such layer")
    if name == type(model).__name__:  # a network that is one layer
        return model, "gives"
    for other in trace:
        if other.inputs == [row.id] and other.input_sizes == [row.output_size] and other.name in modules:
            return modules[other.name], "reads"
    # What a block gives in the end is the block's.
    block = name.rpartition(".")[0]
    inside = [other for other in trace if other.executed and other.name.startswith(f"{block}.")]
    if block in modules and inside and inside[-1] is row:
        return modules[block], "gives"
    source = trace.rows[row.inputs[0]] if len(row.inputs) == 1 else None
    if row.kind in ACTIVATIONS and source is not None and source.name in modules:
        return modules[source.name], "called"
    raise _unseen(name, "no module gives it, and none reads it alone")


def _unseen(name: str, why: str) -> HeirloomError:
    return HeirloomError("E-argument", f"what {name} gives cannot be looked at", why=why)
