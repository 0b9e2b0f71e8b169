"""The trace: run a network once on shapes, and write down every operation with what it reads.

Two views are combined. Calls of modules give names, and the operations that only a module knows as one
(subsampling, radial basis functions, dropout). A dispatch mode below them sees whatever a ``forward``
does itself: sums, concatenations, functional activations, reshapes. No operation is passed over: one
without a rule is an error.
"""

import itertools
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.parameter import is_lazy
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_flatten, tree_map

from heirloom import layers
from heirloom.errors import HeirloomError
from heirloom.ops import Attributes, Call, Counts, Op, Recognised
from heirloom.ops.receptive_field import Field, image
from heirloom.ops.rules import BY_ATEN, BY_MODULE, SIZE_ONLY
from heirloom.ops.shapes import on_shapes
from heirloom.ops.shapes_only import shapes_only
from heirloom.rows import Row, Trace


def trace(
    model: nn.Module,
    input_size: Sequence[int] | None = None,
    *,
    name: str = "",
    dtype: torch.dtype | None = None,
    lower_bound: bool = False,
) -> Trace:
    """Run ``model`` once on shapes, without memory, and return its operations.

    The evaluation pass of one image is traced. The model's mode, device, weights and hooks are left as
    they were; hooks of its own are called, with tensors on the meta device.

    Args:
        model: Any module that takes one tensor.
        input_size: Size of one input without the batch axis, usually (C, H, W); by default the model's own.
        name: What to call the model; by default its class.
        dtype: Type of the input's elements; by default that of the model's numbers.
        lower_bound: List operations without a rule as not counted instead of raising.

    Raises:
        HeirloomError: (``E-operation``) An operation has no rule; (``E-input-size``) no size is known;
            (``E-trace``) the model does not run on this size, or decides by values.
    """
    label = name or type(model).__name__
    size = _size(model, input_size, label)
    names = {module: path for path, module in model.named_modules()}
    if any(isinstance(module, torch.jit.ScriptModule) for module in names):
        raise HeirloomError(
            "E-trace", f"{label} is compiled TorchScript", remedy="give the module that it was made from"
        )
    parameters = [p for module in names for p in module._parameters.values() if p is not None]
    if any(is_lazy(parameter) for parameter in parameters):
        raise HeirloomError(
            "E-trace",
            f"{label} has layers whose sizes are not known yet",
            remedy="run it once before, or give the sizes instead of lazy layers",
        )
    if dtype is None:
        numbers = (p.dtype for p in parameters if p.is_floating_point())
        dtype = next(numbers, torch.float32)
    # Random numbers that a forward draws must not be missing afterwards.
    with shapes_only(model) as stand_ins, torch.random.fork_rng(devices=[]), torch.no_grad():
        tracer = _Tracer(names, stand_ins, size, dtype, lower_bound)
        try:
            for module in names:
                # In place of its forward, so that the operations of the user's own hooks lie outside.
                vars(module)["forward"] = partial(tracer.run, module, module.forward)
            with tracer:
                model(tracer.input)
        except HeirloomError:
            raise
        except Exception as error:
            first_line = (str(error).strip() or type(error).__name__).splitlines()[0]
            raise HeirloomError(
                "E-trace",
                f"{label} does not run on shapes of (1, {', '.join(map(str, size))})",
                where=tracer.failed,
                why=first_line,
                remedy="give the size that it takes; a forward may not look at values",
            ) from error
        if tracer.refusal:  # the forward caught it
            raise tracer.refusal
        return Trace(label, size, tracer.finished())


def _size(model: nn.Module, given: Sequence[int] | None, label: str) -> tuple[int, ...]:
    size = given if given is not None else getattr(model, "input_size", None)
    if size is None:
        raise HeirloomError(
            "E-input-size",
            f"the input size of {label} is not known",
            remedy="give input_size=(C, H, W), on the command line --input-size C,H,W",
        )
    size = tuple(int(n) for n in size)
    if any(n < 1 for n in size):
        raise HeirloomError(
            "E-input-size",
            f"an input of size {size} has no elements",
            remedy="give (C, H, W), each 1 or more",
        )
    return size


@dataclass(slots=True)
class _Frame:
    """A module being called."""

    module: nn.Module
    rule: Op | None
    inside: bool
    """Whether the rule of a module around it covers what it does."""
    first: int
    """Number of rows before."""
    children: int = 0
    """Calls of other modules that made rows."""
    rows: list[Row] = field(default_factory=list)
    """Those that its own forward made."""


class _Tracer(TorchDispatchMode):
    """Collects rows. Tensors are known by identity, so all that pass by are kept alive until the end."""

    @classmethod
    def _should_skip_dynamo(cls) -> bool:
        # To be skipped by PyTorch's compiler costs its import, more than a second; nothing is compiled here.
        return False

    def __init__(
        self,
        names: Mapping[nn.Module, str],
        stand_ins: Mapping[int, Tensor],
        size: tuple[int, ...],
        dtype: torch.dtype,
        lower_bound: bool,
    ) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.lower_bound = lower_bound
        self.input = torch.empty(1, *size, dtype=dtype, device="meta")
        self.rows = [Row(0, [], "input", "input", {}, [], size)]
        self.alive: list[Any] = [self.input]
        self.producer: dict[int, int] = {id(self.input): 0}
        self.fields: dict[int, Field | None] = {id(self.input): image(size)}
        self.frames: list[_Frame] = []
        self.rules: dict[type[nn.Module], Op | None] = {}
        self.names = names
        # Stored numbers by identity: a tensor that two modules share is one, and counts once.
        self.stored = _stored(*names)
        self.sources: dict[int, frozenset[int]] = {key: frozenset([key]) for key in self.stored}
        # A forward may also know them by a reference of its own.
        self.sources |= {i: frozenset([id(t)]) for i, t in stand_ins.items() if id(t) in self.stored}
        self.alive += stand_ins.values()
        self.owner: dict[int, int] = {}  # stored tensor -> row that counts it
        self.taken = defaultdict(int, {row.name: 1 for row in self.rows})
        self.calls: dict[str, int] = {}  # name of a module -> its first row
        self.entered: set[int] = set()
        self.refusal: HeirloomError | None = None
        self.failed = ""  # innermost module that an error is passing through
        self._place(self.rows[0], self.fields[id(self.input)])

    # What is called ---------------------------------------------------------------------------------

    def run(self, module: nn.Module, forward: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        """A module's forward, and what it was: a module with a rule becomes a row, others name theirs."""
        self._enter(module)
        try:
            output = forward(*args, **kwargs)
        except Exception:
            self._leave(module, (), None)  # perhaps its caller goes on without
            raise
        return self._leave(module, (*args, *kwargs.values()), output)

    def _enter(self, module: nn.Module) -> None:
        self.entered.add(id(module))
        frame = _Frame(module, None, self._inside_rule(), len(self.rows))
        self.frames.append(frame)
        if not frame.inside:
            kind = type(module)
            if kind not in self.rules:
                self.rules[kind] = self._rule(module)
            frame.rule = self.rules[kind]

    def _rule(self, module: nn.Module) -> Op | None:
        """The rule of a module's class, or of the class whose forward it inherits."""
        for cls, rule in BY_MODULE.items():
            if isinstance(module, cls):
                if type(module).forward is cls.forward:
                    return rule
                if cls.__module__.startswith(layers.__name__) and not self.lower_bound:
                    # Counted by what it calls, its stored kernels would pass for the dense ones.
                    self.refusal = HeirloomError(
                        "E-operation",
                        f"no rule counts {type(module).__name__}",
                        where=self.names.get(module, ""),
                        why=f"it changes the forward of {cls.__name__}",
                        remedy="derive it from torch.nn.Module, or write a rule in ops/",
                    )
                    raise self.refusal
        return None

    def __deepcopy__(self, memo: Any) -> "_Tracer":
        """A forward may copy a layer, and with it what leads here."""
        return self

    def _leave(self, module: nn.Module, args: tuple[Any, ...], output: Any) -> Any:
        frame, path = self.frames[-1], self._path(module)
        inputs = _tensors(args) if frame.rule else []
        if frame.rule is not None:
            # Dropout and the identity return their input itself; a view tells before from after.
            if isinstance(output, Tensor):
                output = _apart(output, inputs)
            else:
                output = tree_map(lambda o: _apart(o, inputs), output)
        self.frames.pop()
        results = _tensors(output)
        if not results:  # most likely an error
            self.failed = self.failed or path
            return output
        self.failed = ""
        if self._inside_rule():
            return output
        if frame.rule is None:
            self._name(frame, path)
        else:
            describe = next(d for cls, d in frame.rule.modules.items() if isinstance(module, cls))
            attrs = describe(module)
            stored = frozenset(key for key in _stored(*module.modules()) if key in self.stored)
            inputs = [t for t in inputs if id(t) in self.producer]
            row = self._add(frame.rule, attrs, inputs, stored, results, path or type(module).__name__)
            self._share(row, path)
        if self.frames and len(self.rows) > frame.first:
            self.frames[-1].children += 1
        return output

    def __torch_dispatch__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        """One low-level operation: done on shapes, and written down unless a module's rule covers it."""
        kwargs = kwargs or {}
        name = f"aten.{func.overloadpacket.__name__}"
        operands = _tensors((*args, *kwargs.values()) if kwargs else args)
        if not operands:
            return on_shapes(func, args, kwargs)
        dependent: list[Tensor] = []
        others: list[Tensor] = []
        for t in operands:
            (dependent if id(t) in self.producer else others).append(t)
        depends = bool(dependent) and name not in SIZE_ONLY
        meta_args, meta_kwargs = args, kwargs
        elsewhere = [t for t in operands if not t.is_meta]
        if depends or len(elsewhere) < len(operands):
            if elsewhere:
                meta_args, meta_kwargs = tree_map(
                    lambda a: a.to("meta") if isinstance(a, Tensor) and not a.is_meta else a, (args, kwargs)
                )
            if "device" in kwargs:
                meta_kwargs = {**meta_kwargs, "device": "meta"}
        output = on_shapes(func, meta_args, meta_kwargs)
        results = _tensors(output)
        self.alive += [operands, results]
        sources = _NONE.union(*[self.sources.get(id(t), _NONE) for t in others]) if others else _NONE
        if not depends:
            for result in results:  # made of stored numbers alone, such as a transposed weight
                self.sources[id(result)] = sources | self.sources.get(id(result), _NONE)
            return output
        if self._inside_rule():
            for result in results:
                self.producer.setdefault(id(result), self.producer[id(self.input)])
            return output
        rule = BY_ATEN.get(name)
        if rule is None:
            if not self.lower_bound:
                self.refusal = HeirloomError(
                    "E-operation",
                    f"no rule counts {name}",
                    where=self.place(),
                    why="it would be missing from every total",
                    remedy="ask for a lower bound (lower_bound=True, --lower-bound) or write a rule in ops/",
                )
                raise self.refusal
            rule = _UNKNOWN
            attrs: Attributes = {"operation": name}
        else:
            attrs = rule.aten[name](Recognised(name, args, kwargs, lambda t: id(t) in self.producer))
        row = self._add(rule, attrs, dependent, sources, results, name.removeprefix("aten.").strip("_"))
        if name.endswith("_"):  # PyTorch's mark of an operation in place
            self._written(args[0], row)
        if self.frames:
            self.frames[-1].rows.append(row)
        return output

    # How it is written down -------------------------------------------------------------------------

    def _add(
        self,
        rule: Op,
        attrs: Attributes,
        dependent: Sequence[Tensor],
        stored: frozenset[int],
        results: Sequence[Tensor],
        name: str,
    ) -> Row:
        sizes = [tuple(t.shape) for t in dependent]
        output = tuple(results[0].shape)
        call = Call(attrs, sizes, output)
        counts: Counts = rule.count(call)
        row = Row(
            id=len(self.rows),
            inputs=list(dict.fromkeys([self.producer[id(t)] for t in dependent])),
            name=name,
            kind=attrs.get("kind", rule.kind),
            attrs={k: v for k, v in attrs.items() if k != "kind"} if "kind" in attrs else attrs,
            input_sizes=[_per_image(size) for size in sizes],
            output_size=_per_image(output),
            connections=counts.connections,
            macs=counts.macs,
            flops=counts.flops,
            counted=rule is not _UNKNOWN,
            rule=rule,
            call=call,
        )
        if stored:
            new = [key for key in stored if key not in self.owner]
            self._count_stored(row, new)
            if not new:
                row.shared_with = min(self.owner[key] for key in stored)
            self.owner |= dict.fromkeys(new, row.id)
        seen = rule.field(call, [self.fields[id(t)] for t in dependent])
        self._place(row, seen)
        for result in results:
            self.producer[id(result)], self.fields[id(result)] = row.id, seen
        self.rows.append(row)
        self.taken[row.name] += 1
        self.alive.append(results)
        return row

    def _written(self, target: Tensor, row: Row) -> None:
        """After an operation in place: what was written, perhaps through a view, depends on it now."""
        self.producer[id(target)] = row.id
        self.fields.setdefault(id(target), None)
        if target._base is not None:
            self.alive.append(target._base)
            self.producer[id(target._base)] = row.id
            self.fields[id(target._base)] = None

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
        row.receptive_field = tuple([axis.size for axis in seen.axes])
        row.jump = tuple([axis.jump for axis in seen.axes])
        row.start = tuple([axis.start for axis in seen.axes])

    def _name(self, frame: _Frame, path: str) -> None:
        """Name the rows that a module's own forward made.

        A module that calls no other and computes one thing is that thing: its row bears its name, and the
        reshapes around it are dropped. Otherwise rows are called after the module and the operation.
        """
        if not frame.rows:
            return
        essential = [row for row in frame.rows if not row.moves_only] or frame.rows[-1:]
        if frame.children == 0 and len(essential) == 1:
            for row in frame.rows:
                if row is not essential[0]:
                    self._drop(row)
            _end_as(essential[0], frame.rows[-1])
            self._rename(essential[0], path or type(frame.module).__name__)
            self._share(essential[0], path)
            return
        for row in frame.rows:
            self.taken[row.name] -= 1
        for row in frame.rows:
            plain = f"{path}.{row.name}" if path else row.name
            row.name = next(
                n for i in itertools.count() if not self.taken[n := f"{plain}_{i}" if i else plain]
            )
            self.taken[row.name] += 1

    def _rename(self, row: Row, name: str) -> None:
        self.taken[row.name] -= 1
        self.taken[name] += 1
        row.name = name

    def _share(self, row: Row, path: str) -> None:
        first = self.calls.setdefault(path, row.id)
        if first != row.id:
            row.shared_with = first

    def _drop(self, row: Row) -> None:
        """Take a reshape out of the graph: who read it reads what it read."""
        row.kind = ""
        for other in self.rows[row.id + 1 :]:
            if row.id in other.inputs:
                parts = [row.inputs if i == row.id else [i] for i in other.inputs]
                other.inputs = list(dict.fromkeys(itertools.chain.from_iterable(parts)))
        for key, producer in self.producer.items():
            if producer == row.id:
                self.producer[key] = row.inputs[0]

    def _path(self, module: nn.Module) -> str:
        """Its name in the network; of a copy that a forward made, that of its class."""
        path: str = self.names.get(module, type(module).__name__)
        return path

    def _inside_rule(self) -> bool:
        return bool(self.frames) and (self.frames[-1].inside or self.frames[-1].rule is not None)

    def place(self) -> str:
        """Name of the module that is running."""
        return next((path for f in reversed(self.frames) if (path := self._path(f.module))), "")

    def finished(self) -> list[Row]:
        """The rows, renumbered without gaps, with what did not run at the end."""
        rows = [row for row in self.rows if row.kind]
        for module, path in self.names.items():
            left = len(self.owner) < len(self.stored)
            own = [key for key in _stored(module) if key not in self.owner] if left else []
            if not own and not self._idle(module):
                continue
            if path in self.calls:  # a mask, perhaps, that the layer keeps beside what it computes with
                row = self.rows[self.calls[path]]
            else:
                name = type(module).__name__
                row = Row(len(self.rows), [], path or name, name.lower(), {}, [], None, executed=False)
                self.rows.append(row)
                rows.append(row)
            self._count_stored(row, own)
            self.owner |= dict.fromkeys(own, row.id)
        number = {row.id: new for new, row in enumerate(rows)}
        for row in rows:
            row.id = number[row.id]
            row.inputs = [number[i] for i in row.inputs]
            row.shared_with = None if row.shared_with is None else number[row.shared_with]
        return rows

    def _idle(self, module: nn.Module) -> bool:
        """True for a layer without stored numbers that was never called. Containers have nothing to call."""
        callable_ = type(module).forward is not nn.Module.forward
        return (
            callable_
            and id(module) not in self.entered
            and not any(module.children())
            and not _stored(*module.modules())
        )


def _end_as(row: Row, last: Row) -> None:
    """Give ``row`` the result of ``last``, a reshape or a cut that belongs to the same layer."""
    row.output_size = last.output_size
    row.receptive_field, row.jump, row.start = last.receptive_field, last.jump, last.start
    row.aligned = last.aligned


_NONE = frozenset[int]()
_UNKNOWN = Op("unknown", lambda call: Counts(), lambda call, fields: None)


def _stored(*modules: nn.Module) -> dict[int, Tensor]:
    """Parameters of these modules, and their persistent buffers of floating-point numbers, by identity.

    Such buffers are the numbers that the papers call fixed.
    """
    found: dict[int, Tensor] = {}
    for module in modules:
        found |= {id(t): t for t in module._parameters.values() if t is not None}
        for name, buffer in module._buffers.items():
            persistent = name not in module._non_persistent_buffers_set
            if buffer is not None and persistent and buffer.is_floating_point():
                found[id(buffer)] = buffer
    return found


def _tensors(tree: Any) -> list[Tensor]:
    """All tensors in it, in order. Most trees are small, and PyTorch's general walk takes its time."""
    if isinstance(tree, Tensor):
        return [tree]
    if type(tree) is dict:
        tree = tuple(tree.values())
    if type(tree) not in (tuple, list):
        return [leaf for leaf in tree_flatten(tree)[0] if isinstance(leaf, Tensor)]
    found = []
    for part in tree:
        if isinstance(part, Tensor):
            found.append(part)
        elif type(part) not in _LEAVES:
            found += _tensors(part)
    return found


_LEAVES = {type(None), bool, int, float, str, torch.dtype, torch.device, torch.layout}


def _apart(output: Any, inputs: Sequence[Tensor]) -> Any:
    """The output, or a view of it where it is one of the inputs itself."""
    return output.view_as(output) if any(output is i for i in inputs) else output


def _per_image(size: tuple[int, ...]) -> tuple[int, ...]:
    return size[1:] if size and size[0] == 1 else size
