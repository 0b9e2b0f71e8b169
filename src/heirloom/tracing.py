"""The trace: run a network once on shapes, and write down every operation with what it reads.

Two views are combined. Calls of modules give names, and the operations that only a module knows as one
(subsampling, radial basis functions, dropout). A dispatch mode below them sees whatever a ``forward``
does itself: sums, concatenations, functional activations, reshapes. No operation is passed over: one
without a rule is an error.
"""


from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.modules.module import register_module_forward_hook, register_module_forward_pre_hook
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_flatten, tree_map

from heirloom.errors import HeirloomError
from heirloom.ops import Attributes, Call, Counts, Op, Recognised, size_of
from heirloom.ops.receptive_field import Field, image
from heirloom.ops.rules import BY_ATEN, BY_MODULE


@dataclass
class Row:
    """One executed operation, or a module that does not run in evaluation.

    Sizes are per image, the batch axis left out. `receptive_field`, `jump` and `start` are in input
    pixels, one number per axis of the image; None where a unit's field is not the same everywhere.
    """

    id: int
    inputs: list[int]
    name: str
    kind: str
    attrs: Attributes
    input_sizes: list[tuple[int, ...]]
    output_size: tuple[int, ...] | None
    parameters: int = 0
    trainable: int = 0
    fixed: int = 0
    connections: int = 0
    macs: int = 0
    flops: int = 0
    receptive_field: tuple[int, ...] | None = None
    jump: tuple[int, ...] | None = None
    start: tuple[int, ...] | None = None
    aligned: bool = True
    executed: bool = True
    shared_with: int | None = None
    counted: bool = True
    """False for an operation without a rule, where the caller asked for a lower bound."""
    formulas: dict[str, str] = field(default_factory=dict)
    moves_only: bool = False


@dataclass
class Trace:
    """The rows of a network in the order of execution; row 0 is its input."""

    model: str
    input_size: tuple[int, ...]
    rows: list[Row]

    def __iter__(self) -> Iterator[Row]:
        return iter(self.rows)

    def __getitem__(self, name: str) -> Row:
        """The first row of that name. Raises KeyError."""
        for row in self.rows:
            if row.name == name:
                return row
        raise KeyError(name)


def trace(
    model: nn.Module,
    input_size: Sequence[int] | None = None,
    *,
    name: str = "",
    dtype: torch.dtype = torch.float32,
    lower_bound: bool = False,
) -> Trace:
    """Run ``model`` once on shapes, without memory, and return its operations.

    The evaluation pass of one image is traced. The model's mode, device, weights and hooks are left as
    they were; hooks of its own are called, with tensors on the meta device.

    Args:
        model: Any module that takes one tensor.
        input_size: Size of one input without the batch axis, usually (C, H, W); by default the model's own.
        name: What to call the model; by default its class.
        dtype: Type of the input's elements.
        lower_bound: List operations without a rule as not counted instead of raising.

    Raises:
        HeirloomError: (``E-operation``) An operation has no rule; (``E-input-size``) no size is known;
            (``E-trace``) the model does not run on this size, or decides by values.
    """
    size = input_size if input_size is not None else getattr(model, "input_size", None)
    if size is None:
        raise HeirloomError(
            "E-input-size",
            f"the input size of {name or type(model).__name__} is not known",
            remedy="give input_size=(C, H, W), on the command line --input-size C,H,W",
        )
    size = tuple(int(n) for n in size)
    tracer = _Tracer(model, size, dtype, lower_bound)
    modes = {module: module.training for module in model.modules()}
    hooks = [
        register_module_forward_pre_hook(tracer.enter),
        register_module_forward_hook(tracer.leave, with_kwargs=True),
    ]
    try:
        model.eval()
        with torch.no_grad(), tracer:
            model(tracer.input)
    except HeirloomError:
        raise
    except Exception as error:
        first_line = (str(error).strip() or type(error).__name__).splitlines()[0]
        raise HeirloomError(
            "E-trace",
            f"{name or type(model).__name__} does not run on shapes of (1, {', '.join(map(str, size))})",
            where=tracer.place(),
            why=first_line,
            remedy="give the size that it takes; a forward may not look at values",
        ) from error
    finally:
        for hook in hooks:
            hook.remove()
        for module, training in modes.items():
            module.training = training
    return Trace(name or type(model).__name__, size, tracer.finished())


@dataclass
class _Frame:
    """A module being called."""

    module: nn.Module
    rule: Op | None
    children: int = 0
    rows: list[Row] = field(default_factory=list)


class _Tracer(TorchDispatchMode):
    """Collects rows. Tensors are known by identity, so all that pass by are kept alive until the end."""

    def __init__(self, model: nn.Module, size: tuple[int, ...], dtype: torch.dtype, lower_bound: bool) -> None:
        super().__init__()
        self.model, self.lower_bound = model, lower_bound
        self.input = torch.empty(1, *size, dtype=dtype, device="meta")
        self.rows = [Row(0, [], "input", "input", {}, [], size)]
        self.alive: list[Any] = [self.input]
        self.producer: dict[int, int] = {id(self.input): 0}
        self.fields: dict[int, Field | None] = {id(self.input): image(size)}
        self.frames: list[_Frame] = []
        self.names = {id(module): path for path, module in model.named_modules()}
        # Stored numbers by identity: a tensor that two modules share is one, and counts once.
        self.stored: dict[int, Tensor] = {id(t): t for t in _stored(model)}
        self.sources: dict[int, frozenset[int]] = {key: frozenset([key]) for key in self.stored}
        self.owner: dict[int, int] = {}  # stored tensor -> row that counts it
        self.calls: dict[str, int] = {}  # name of a module -> its first row
        self._place(self.rows[0], self.fields[id(self.input)])

    # What is called ---------------------------------------------------------------------------------

    def enter(self, module: nn.Module, args: Any) -> None:
        """Before a module's forward."""
        if id(module) not in self.names:
            return
        if self.frames:
            self.frames[-1].children += 1
        self.frames.append(_Frame(module, None if self._inside_rule() else BY_MODULE.get(type(module))))

    def leave(self, module: nn.Module, args: Any, kwargs: Mapping[str, Any], output: Any) -> Any:
        """After a module's forward: a module with a rule becomes a row, others name the rows they made."""
        if id(module) not in self.names:
            return None
        frame, path = self.frames.pop(), self.names[id(module)]
        if self._inside_rule():
            return None
        if frame.rule is None:
            self._name(frame, path)
            return None
        attrs = frame.rule.modules[type(module)](module)
        stored = frozenset(key for t in _stored(module) if (key := id(t)) in self.stored)
        inputs = _tensors((args, kwargs))
        # Dropout and the identity return their input itself; a view tells before from after.
        output = tree_map(lambda o: o.view_as(o) if any(o is i for i in inputs) else o, output)
        row = self._add(frame.rule, attrs, inputs, stored, _tensors(output), path or type(module).__name__)
        self._share(row, path)
        return output

    def __torch_dispatch__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        """One low-level operation: done on shapes, and written down unless a module's rule covers it."""
        kwargs = kwargs or {}
        operands = _tensors((args, kwargs))
        meta_args, meta_kwargs = args, kwargs
        if any(t.is_meta for t in operands):
            meta_args, meta_kwargs = tree_map(
                lambda a: a.to("meta") if isinstance(a, Tensor) and not a.is_meta else a, (args, kwargs)
            )
            if "device" in kwargs:
                meta_kwargs = {**meta_kwargs, "device": "meta"}
        output = func(*meta_args, **meta_kwargs)
        results = _tensors(output)
        self.alive += [operands, results]
        sources = frozenset[int]().union(*(self.sources.get(id(t), frozenset()) for t in operands))
        if not any(id(t) in self.producer for t in operands):
            for result in results:  # made of stored numbers alone, such as a transposed weight
                self.sources[id(result)] = sources | self.sources.get(id(result), frozenset())
            return output
        if self._inside_rule():
            for result in results:
                self.producer.setdefault(id(result), self.producer[id(self.input)])
            return output
        name = f"aten.{func.overloadpacket.__name__}"
        rule = BY_ATEN.get(name)
        if rule is None:
            if not self.lower_bound:
                raise HeirloomError(
                    "E-operation",
                    f"no rule counts {name}",
                    where=self.place(),
                    why="it would be missing from every total",
                    remedy="ask for a lower bound (lower_bound=True, --lower-bound) or write a rule in ops/",
                )
            rule = _UNKNOWN
            attrs: Attributes = {"operation": name}
        else:
            attrs = rule.aten[name](Recognised(name, args, kwargs, lambda t: id(t) in self.producer))
        row = self._add(rule, attrs, operands, sources, results, name.removeprefix("aten.").strip("_"))
        if self.frames:
            self.frames[-1].rows.append(row)
        return output

    # How it is written down -------------------------------------------------------------------------

    def _add(
        self,
        rule: Op,
        attrs: Attributes,
        operands: Sequence[Tensor],
        stored: frozenset[int],
        results: Sequence[Tensor],
        name: str,
    ) -> Row:
        dependent = [t for t in operands if id(t) in self.producer]
        sizes = [size_of(t) for t in dependent]
        output = size_of(results[0])
        call = Call(attrs, sizes, output)
        counts: Counts = rule.count(call)
        new = [key for key in stored if key not in self.owner]
        row = Row(
            id=len(self.rows),
            inputs=list(dict.fromkeys(self.producer[id(t)] for t in dependent)),
            name=name,
            kind=attrs.get("kind", rule.kind),
            attrs={key: value for key, value in attrs.items() if key != "kind"},
            input_sizes=[_per_image(size) for size in sizes],
            output_size=_per_image(output),
            connections=counts.connections,
            macs=counts.macs,
            flops=counts.flops,
            counted=rule is not _UNKNOWN,
            formulas=rule.formulas(call),
            moves_only=rule.moves_only,
        )
        self._count_stored(row, new)
        if stored and not new:
            row.shared_with = min(self.owner[key] for key in stored)
        self.owner |= dict.fromkeys(new, row.id)
        seen = rule.field(call, [self.fields[id(t)] for t in dependent])
        self._place(row, seen)
        for result in results:
            self.producer[id(result)], self.fields[id(result)] = row.id, seen
        self.rows.append(row)
        self.alive.append(results)
        return row

    def _count_stored(self, row: Row, keys: Sequence[int]) -> None:
        for key in keys:
            tensor = self.stored[key]
            if isinstance(tensor, nn.Parameter):
                row.parameters += tensor.numel()
                row.trainable += tensor.numel() if tensor.requires_grad else 0
            else:
                row.fixed += tensor.numel()

    def _place(self, row: Row, seen: Field | None) -> None:
        if seen is None:
            return
        row.aligned = seen.aligned
        row.receptive_field = tuple(axis.size for axis in seen.axes)
        row.jump = tuple(axis.jump for axis in seen.axes)
        row.start = tuple(axis.start for axis in seen.axes)

    def _name(self, frame: _Frame, path: str) -> None:
        """Name the rows that a module's own forward made.

        A module that calls no other and computes one thing is that thing: its row bears its name, and the
        reshapes around it are dropped. Otherwise rows are called after the module and the operation.
        """
        if not frame.rows:
            return
        essential = [row for row in frame.rows if not row.moves_only] or frame.rows[-1:]
        if frame.children == 0 and len(essential) == 1 and path:
            for row in frame.rows:
                if row is not essential[0]:
                    self._drop(row)
            essential[0].output_size = frame.rows[-1].output_size
            essential[0].name = path
            self._share(essential[0], path)
            return
        for row in frame.rows:
            row.name = self._unused(f"{path}.{row.name}" if path else row.name)

    def _share(self, row: Row, path: str) -> None:
        first = self.calls.setdefault(path, row.id)
        if first != row.id:
            row.shared_with = first

    def _unused(self, name: str) -> str:
        taken = {row.name for row in self.rows}
        return next(n for i in range(len(self.rows) + 1) if (n := f"{name}_{i}" if i else name) not in taken)

    def _drop(self, row: Row) -> None:
        """Take a reshape out of the graph: who read it reads what it read."""
        source = row.inputs[0]
        row.kind = ""
        for other in self.rows:
            other.inputs = list(dict.fromkeys(source if i == row.id else i for i in other.inputs))
        for key, producer in self.producer.items():
            if producer == row.id:
                self.producer[key] = source

    def _inside_rule(self) -> bool:
        return any(frame.rule is not None for frame in self.frames)

    def place(self) -> str:
        """Name of the module that is running."""
        return next((path for f in reversed(self.frames) if (path := self.names[id(f.module)])), "")

    def finished(self) -> list[Row]:
        """The rows, renumbered without gaps, with what did not run at the end."""
        rows = [row for row in self.rows if row.kind]
        for path, module in self.model.named_modules():
            own = [id(t) for t in _stored(module, recurse=False) if id(t) not in self.owner]
            if not own:
                continue
            row = Row(len(self.rows), [], path or type(module).__name__, type(module).__name__.lower(), {}, [], None)
            row.executed = False
            self._count_stored(row, own)
            self.owner |= dict.fromkeys(own, row.id)
            self.rows.append(row)
            rows.append(row)
        number = {row.id: new for new, row in enumerate(rows)}
        for row in rows:
            row.id = number[row.id]
            row.inputs = [number[i] for i in row.inputs]
            row.shared_with = None if row.shared_with is None else number[row.shared_with]
        return rows


_UNKNOWN = Op("unknown", lambda call: Counts(), lambda call, fields: None)


def _stored(module: nn.Module, recurse: bool = True) -> list[Tensor]:
    """Parameters, and persistent buffers of floating-point numbers: those that the paper calls fixed."""
    found: list[Tensor] = list(module.parameters(recurse))
    for part in module.modules() if recurse else [module]:
        found += [
            buffer
            for name, buffer in part.named_buffers(recurse=False)
            if name not in part._non_persistent_buffers_set and buffer.is_floating_point()
        ]
    return found


def _tensors(tree: Any) -> list[Tensor]:
    return [leaf for leaf in tree_flatten(tree)[0] if isinstance(leaf, Tensor)]


def _per_image(size: tuple[int, ...]) -> tuple[int, ...]:
    return size[1:] if size and size[0] == 1 else size
