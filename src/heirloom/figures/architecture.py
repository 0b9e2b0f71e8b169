"""The architecture behind a trace: layers with what belongs to them, branches, and blocks that repeat.

Everything is told from the graph of operations; no name of a network decides anything.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from heirloom.rows import Row, Trace

_ACCOMPANY = {
    "batch_norm": "norm", "layer_norm": "norm", "group_norm": "norm", "instance_norm": "norm", "lrn": "norm",
    "dropout": "", "identity": "", "noise": "", "gaussian_noise": "", "div": "", "mul": "", "copy": "",
    "slice": "", "pad": "", "permute": "",
}  # fmt: skip
"""Kinds of operations that belong to the layer before them, and as what."""


@dataclass
class Layer:
    """An operation that computes, with the normalisation, nonlinearity and reshapes behind it.

    Attributes:
        id: Of its first row.
        name: As the summary names it.
        kind: The row's kind.
        rows: All rows that belong to it; no row belongs to two layers.
        inputs: Ids of the layers that it reads.
        squashes: Its nonlinearities.
        norms: Its normalisations.
    """

    id: int
    name: str
    kind: str
    rows: list[Row]
    inputs: list[int] = field(default_factory=list)
    squashes: list[str] = field(default_factory=list)
    norms: list[str] = field(default_factory=list)

    @property
    def row(self) -> Row:
        """The operation itself."""
        return self.rows[0]

    @property
    def size(self) -> tuple[int, ...]:
        """Its output: that of the operation, before what belongs to it."""
        return self.row.output_size or ()

    @property
    def parameters(self) -> int:
        """Of all its rows."""
        return sum(row.parameters for row in self.rows)

    @property
    def macs(self) -> int:
        """Of all its rows."""
        return sum(row.macs for row in self.rows)

    @property
    def connections(self) -> int:
        """Of all its rows."""
        return sum(row.connections for row in self.rows)

    @property
    def groups(self) -> int:
        """In how many parts a convolution reads its maps."""
        return int(self.row.attrs.get("groups", 1))

    @property
    def area(self) -> str:
        """Role of its colour, see `palette.AREAS`."""
        if self.kind == "input" or self.row.moves_only:
            return "input"
        if len(self.row.inputs) > 1:
            return "join"
        if "conv" in self.kind or "locally" in self.kind:
            return "conv"
        if "pool" in self.kind or self.kind in ("subsampling", "mean", "amax", "max", "reduction"):
            return "pool"
        if self.kind in _ACCOMPANY and _ACCOMPANY[self.kind] == "norm":
            return "norm"
        if self.kind in ("linear", "rbf") or "inputs" in self.row.attrs:
            return "dense"
        return "squash"

    @property
    def does(self) -> str:
        """The operation in a few words, as the papers write it: ``3×3 conv, 64, /2``."""
        a, kind = self.row.attrs, self.kind
        if kind == "input":
            return "input"
        stride = _per_axis(a.get("stride", [1]))
        step = f", /{stride}" if stride != "1" else ""
        window = _window(a["kernel"]) if "kernel" in a else ""
        if "out_maps" in a:
            word = {"transposed_conv": "up-conv", "locally_connected": "local"}.get(kind, "conv")
            groups = f", {self.groups} groups" if self.groups > 1 else ""
            table = ", by a table" if _is_sparse(a) else ""
            apart = _per_axis(a.get("dilation", [1]))
            step += f", dilation {apart}" if apart != "1" else ""
            return f"{window} {word}, {a['out_maps']}{step}{groups}{table}"
        if "out_features" in a:
            return f"fc {a['out_features']}"
        if kind == "rbf":
            return f"Gaussian {self.size[0]}" if self.size else "Gaussian"
        if "units" in a:
            return f"{kind} {a['units']}"
        if window:
            if self.size[-1:] == (1,) and len(self.row.input_sizes[0]) == 3 and stride in ("1", window):
                return f"{_words(kind)} {window}"
            # A pooling window that lies side by side says its stride itself.
            return f"{_words(kind)} {window}" + (f", /{stride}" if stride != _per_axis(a["kernel"]) else "")
        if len(self.row.inputs) > 1:
            return {"cat": "concat", "add": "add", "mul": "multiply"}.get(kind, _words(kind))
        return _words(kind)

    @property
    def signature(self) -> tuple[object, ...]:
        """What it must share with another one to be drawn as the same thing again."""
        return (self.does, self.size, tuple(self.squashes), tuple(self.norms), self.area)

    @property
    def form(self) -> tuple[object, ...]:
        """What it must share with another one to be drawn beside it: all but widths and sizes."""
        does = [part for part in self.does.split(", ") if not part.isdigit()]
        return (*does, len(self.size), tuple(self.squashes), tuple(self.norms), self.area)

    @property
    def told(self) -> str:
        """All of it in words."""
        behind = [_words(word) for word in (*self.norms, *self.squashes)]
        parts = [f"{self.name}: {self.does}", *behind]
        weights = f", {self.parameters:,} parameters" if self.parameters else ""
        return f"{', '.join(parts)}; output {times(self.size)}{weights}"


def _is_sparse(attributes: Mapping[str, Any]) -> bool:
    table = attributes.get("table")
    return table is not None and any(len(maps) < attributes["in_maps"] for maps in table)


def times(size: Sequence[int]) -> str:
    """``64×56×56``."""
    return "×".join(map(str, size))


def _words(kind: str) -> str:
    return kind.replace("_", " ")


def _per_axis(value: Sequence[int]) -> str:
    return str(value[0]) if len(set(value)) == 1 else times(value)


def _window(kernel: Sequence[int]) -> str:
    return times(kernel) if len(kernel) > 1 else times([kernel[0]] * 2)


# Blocks ---------------------------------------------------------------------------------------------------


@dataclass
class Parallel:
    """Branches, and the layer that joins them; an empty branch is a shortcut."""

    branches: list["Series"]
    join: Layer | None


@dataclass
class Tangle:
    """Layers whose edges are no branches, in order; the last one is read by what follows."""

    layers: list[Layer]


@dataclass
class Repeat:
    """A block that stands several times one after the other, the same or of the same form."""

    copies: list["Series"]

    @property
    def first(self) -> "Series":
        """The one that is drawn."""
        return self.copies[0]

    @property
    def differ(self) -> bool:
        """Whether the copies are of other widths or sizes."""
        return len({signature(copy) for copy in self.copies}) > 1


Item = Layer | Parallel | Tangle | Repeat
Series = list[Item]


def layers_of(trace: Trace) -> list[Layer]:
    """The layers in the order of execution; the input is the first one. What did not run is left out."""
    found: list[Layer] = []
    owner: dict[int, Layer] = {}
    read_by: dict[int, int] = {}
    for row in trace:
        for place in row.inputs:
            read_by[place] = read_by.get(place, 0) + 1
    for row in trace:
        if not row.executed:
            continue
        before = owner.get(row.inputs[0]) if len(row.inputs) == 1 else None
        if before is not None and row.name != "input" and _accompanies(row, before):
            before.rows.append(row)
            owner[row.id] = before
            role = _ACCOMPANY.get(row.kind, "" if row.moves_only else "squash")
            if role == "squash":
                before.squashes.append(row.kind)
            elif role == "norm":
                before.norms.append(row.kind)
            continue
        inputs = list(dict.fromkeys(owner[place].id for place in row.inputs))
        layer = Layer(row.id, row.name, row.kind, [row], inputs)
        found.append(layer)
        owner[row.id] = layer
    return found


def _accompanies(row: Row, before: Layer) -> bool:
    if row.moves_only or row.kind in ("permute", "slice", "pad"):
        return True
    if before.kind == "input":  # nothing has been computed yet that it could belong to
        return row.kind in _ACCOMPANY and not row.parameters
    if row.kind in _ACCOMPANY:
        return True
    windowed = any(key in row.attrs for key in ("kernel", "in_features", "units", "inputs"))
    shape = row.output_size == before.row.output_size or row.output_size == before.rows[-1].output_size
    return not windowed and shape and not row.parameters


def blocks_of(layers: Sequence[Layer]) -> Series:
    """The layers as a series of layers, branches and repeated blocks."""
    return _folded(_series(list(layers), None))


def _series(layers: list[Layer], entry: int | None) -> Series:
    """``layers`` in order, of which some read ``entry``, a layer outside.

    A layer through which everything passes ends what lies between it and the one before.
    """
    place = {layer.id: i for i, layer in enumerate(layers)}
    last_reader = list(range(len(layers)))
    furthest = -1  # how far down an edge goes that has begun
    for i, layer in enumerate(layers):
        for source in layer.inputs:
            if source in place:
                last_reader[place[source]] = i
            elif source == entry:
                furthest = i
    made: Series = []
    start, before = 0, entry
    for i, layer in enumerate(layers):
        if furthest <= i:
            made += _between(layers[start:i], before, layer)
            start, before = i + 1, layer.id
        furthest = max(furthest, last_reader[i])
    return made + _between(layers[start:], before, None)  # several ends, which nothing joins


def _between(layers: list[Layer], entry: int | None, join: Layer | None) -> Series:
    """What lies between ``entry`` and ``join``, and the join."""
    end: Series = [join] if join else []
    parts = _components(layers)
    direct = join is not None and entry in join.inputs
    if not parts:
        return end
    if len(parts) == 1 and not direct:
        if len(parts[0]) == 1:
            return [parts[0][0], *end]
        return [Tangle([*parts[0], *([join] if join else [])])]
    return [Parallel([*(_series(part, entry) for part in parts), *([[]] if direct else [])], join)]


def _components(layers: list[Layer]) -> list[list[Layer]]:
    """Parts that no edge connects."""
    leader = {layer.id: layer.id for layer in layers}

    def find(i: int) -> int:
        while leader[i] != i:
            i = leader[i]
        return i

    for layer in layers:
        for source in layer.inputs:
            if source in leader:
                one, other = sorted((find(layer.id), find(source)))
                leader[other] = one
    parts: dict[int, list[Layer]] = {}
    for layer in layers:
        parts.setdefault(find(layer.id), []).append(layer)
    return list(parts.values())


def signature(
    item: Item | Series, of: Callable[[Layer], tuple[object, ...]] = lambda layer: layer.signature
) -> tuple[object, ...]:
    """What two pieces share that are drawn alike; ``of`` says it of a layer."""
    if isinstance(item, Layer):
        return of(item)
    if isinstance(item, Parallel):
        join = of(item.join) if item.join else ()
        return ("parallel", join, *(signature(branch, of) for branch in item.branches))
    if isinstance(item, Repeat):
        return ("repeat", len(item.copies), signature(item.first, of))
    if isinstance(item, Tangle):
        first = item.layers[0].id
        edges = (tuple(source - first for source in layer.inputs) for layer in item.layers)
        return ("tangle", *zip((of(layer) for layer in item.layers), edges, strict=True))
    return tuple(signature(part, of) for part in item)


def of_one_form(items: Series) -> Series:
    """The same, blocks of branches that follow one another put together where but their widths differ."""
    made: Series = []
    for item in items:
        copies, before = _copies(item), _copies(made[-1]) if made else []
        block = len(copies[0]) == 1 and isinstance(copies[0][0], Parallel | Tangle)
        if block and before and _form(copies[0]) == _form(before[0]):
            made[-1] = Repeat([*before, *copies])
        else:
            made.append(item)
    return made


def _copies(item: Item) -> list[Series]:
    return item.copies if isinstance(item, Repeat) else [[item]]


def _form(items: Series) -> tuple[object, ...]:
    return signature(items, lambda layer: layer.form)


def _folded(items: Series) -> Series:
    for item in items:
        if isinstance(item, Parallel):
            item.branches = [_folded(branch) for branch in item.branches]
    marks = [hash(signature(item)) for item in items]
    made: Series = []
    i = 0
    while i < len(items):
        best, length = 1, 1
        for period in range(1, min(12, (len(items) - i) // 2) + 1):
            count = 1
            while marks[i : i + period] == marks[i + count * period : i + (count + 1) * period]:
                count += 1
            if count > 1 and count * period > best * length:
                best, length = count, period
        if best > 1:
            made.append(Repeat([items[i + k * length : i + (k + 1) * length] for k in range(best)]))
        else:
            made.append(items[i])
        i += best * length
    return made


def every(item: Item | Series) -> Iterator[Layer]:
    """All layers in it, those of repeated blocks as well."""
    if isinstance(item, Layer):
        yield item
    elif isinstance(item, Tangle):
        yield from item.layers
    elif isinstance(item, Parallel):
        for branch in item.branches:
            yield from every(branch)
        if item.join:
            yield item.join
    else:
        for part in item.copies if isinstance(item, Repeat) else item:
            yield from every(part)
