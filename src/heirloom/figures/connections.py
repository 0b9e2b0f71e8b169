"""Which maps a convolution reads: a cross for each map of its output and each of its input.

Where these are many, such as in AlexNet's two towers, neighbours that read the same are one column, and those
that are read by the same one row: a group is one block.

Source of the table that made this famous: LeCun et al. 1998, table I, for C3 of LeNet-5.
"""

import itertools
import math
from collections.abc import Callable, Iterator, Sequence
from functools import partial

from heirloom.errors import HeirloomError, nearest
from heirloom.figures.architecture import Layer, layers_of
from heirloom.figures.canvas import Canvas, width_of
from heirloom.figures.picture import Asked, Picture
from heirloom.figures.volumes import heading, layer_element
from heirloom.tracing import trace

MOST = 64
"""Maps on a side that stand each for itself, and the square root of how many blocks can be told apart."""

Span = tuple[int, int]
"""Maps side by side: the first, and how many."""
_ROOM = 900.0
"""Pixels of the longer side of a table whose maps do not stand each for itself."""
_BETWEEN = 3.0
"""Pixels between two labels."""
_LINES_APART = 4.0
"""Pixels between lines that can be told apart."""


def picture(asked: Asked) -> Picture:
    """One convolution of one network: the one named, or the first that does not read all maps.

    Raises:
        HeirloomError: (``E-argument``) There is none, or it is no convolution, or its table is too large.
    """
    (subject,) = asked.subjects
    layers = [layer for layer in layers_of(trace(subject.model, subject.preprocess.size)) if "in_maps" in
              layer.row.attrs and "out_maps" in layer.row.attrs]  # fmt: skip
    if len(asked.layers) > 1:
        raise HeirloomError("E-usage", "the picture connections shows one layer", remedy="name one")
    if asked.layers:
        found = next((layer for layer in layers if layer.name == asked.layers[0]), None)
        why = nearest(asked.layers[0], [layer.name for layer in layers])
        error = f"{subject.label} has no convolution {asked.layers[0]!r}"
    else:
        partial = (layer for layer in layers if sum(map(len, table_of(layer))) < _full(layer))
        found = next(partial, None)
        error = f"{subject.label} has no table of connections"
        why = "each of its convolutions reads all maps" if layers else "it has no convolutions"
    if found is None:
        raise HeirloomError("E-argument", error, why=why)
    table, maps = table_of(found), int(found.row.attrs["in_maps"])
    columns, rows = _spans(table), _spans(_readers(table, maps))
    if len(table) <= MOST and maps <= MOST:
        columns, rows = [(i, 1) for i in range(len(table))], [(j, 1) for j in range(maps)]
    reads = _reads(table, columns, rows)
    if sum(map(len, reads.values())) > MOST**2:
        raise HeirloomError(
            "E-argument",
            f"{found.name} of {subject.label} has {maps} × {len(table)} maps",
            why=f"more than {MOST**2:,} blocks of them cannot be told apart",
            remedy="name another layer: --layer",
        )
    count = sum(map(len, table))
    words = f"{count:,} of {maps * len(table):,} pairs of maps are connected"
    numbers = {
        "network": subject.label,
        "layer": found.name,
        "in_maps": maps,
        "out_maps": len(table),
        "connected": count,
        "table": table,
        "parameters": found.parameters,
    }
    title = f"{subject.label}: what the maps of {found.name} read"
    drawn = drawing(found, reads, rows, title, words)
    told = "; ".join(_told(column, own) for column, own in reads.items())
    return Picture(numbers, title, f"{words}. {told}.", drawn)


def table_of(layer: Layer) -> list[list[int]]:
    """For each map of the output the maps that it reads."""
    attrs = layer.row.attrs
    if attrs.get("table") is not None:
        return [sorted(int(m) for m in row) for row in attrs["table"]]
    maps, out, groups = int(attrs["in_maps"]), int(attrs["out_maps"]), layer.groups
    reads, makes = maps // groups, out // groups
    return [list(range(i // makes * reads, i // makes * reads + reads)) for i in range(out)]


def _full(layer: Layer) -> int:
    return int(layer.row.attrs["in_maps"]) * int(layer.row.attrs["out_maps"])


def _readers(table: list[list[int]], maps: int) -> list[list[int]]:
    """For each map of the input those of the output that read it."""
    found: list[list[int]] = [[] for _ in range(maps)]
    for i, row in enumerate(table):
        for j in row:
            found[j].append(i)
    return found


def _spans(lines: list[list[int]]) -> list[Span]:
    """Neighbours that are equal."""
    found, first = [], 0
    for _, equal in itertools.groupby(lines):
        count = len(list(equal))
        found.append((first, count))
        first += count
    return found


def _reads(table: list[list[int]], columns: list[Span], rows: list[Span]) -> dict[Span, list[Span]]:
    """The spans of the input that each span of the output reads."""
    reads = {column: set(table[column[0]]) for column in columns}
    return {column: [row for row in rows if row[0] in reads[column]] for column in columns}


def _told(column: Span, rows: list[Span]) -> str:
    maps, read = ("map", "reads") if column[1] == 1 else ("maps", "read")
    return f"{maps} {_label(column, ' to ')} {read} {', '.join(_label(row, ' to ') for row in rows)}"


def _label(span: Span, to: str = "–") -> str:
    first, count = span
    return str(first) if count == 1 else f"{first}{to}{first + count - 1}"


def _apart(
    places: Sequence[tuple[Span, str]], cell: float, size: Callable[[str], float]
) -> Iterator[tuple[float, str]]:
    """Texts with the middles of their spans, but for those too near to the one before."""
    end, needed = -math.inf, max(size(text) for _, text in places) + _BETWEEN
    for (first, many), text in places:
        middle = cell * (first + many / 2)
        if middle >= end:
            end = middle + needed
            yield middle, text


def _names(spans: Sequence[Span], cell: float, size: Callable[[str], float]) -> Iterator[tuple[float, str]]:
    """What maps are called: by both ends of a span where there is room for all of them, else by its first."""
    room = all(size(_label(span)) + _BETWEEN <= cell * span[1] for span in spans)
    return _apart([(span, _label(span) if room else str(span[0])) for span in spans], cell, size)


def drawing(
    layer: Layer, reads: dict[Span, list[Span]], rows: list[Span], title: str, subtitle: str
) -> Canvas:
    """Columns are maps of the output, rows those of the input, as in the paper."""
    outs, maps = sum(list(reads)[-1]), sum(rows[-1])
    most = max(outs, maps)
    cell = 40.0 if most <= 20 else 24.0 if most <= MOST else _ROOM / most
    size, left = (cell * 0.42, 104.0) if most <= MOST else (12.0, 176.0)
    top, bottom, right = 156.0, 156.0 + cell * maps, left + cell * outs
    canvas = Canvas(max(right + 44, 640.0), bottom + 72)
    heading(canvas, title, subtitle)
    canvas.text((left + right) / 2, top - 34, f"map of {layer.name}", 16, anchor="middle")
    canvas.text(60, (top + bottom) / 2, "map that it reads", 16, anchor="middle", turned=True)
    wide, high = partial(width_of, size=size), lambda text: size * 0.9
    with layer_element(canvas, layer):
        for middle, text in _names(list(reads), cell, wide):
            canvas.text(left + middle, top - 10, text, size, anchor="middle", colour="soft")
        for (i, outputs), own in reads.items():
            for j, inputs in own:
                x, y, w, h = left + cell * i, top + cell * j, cell * outputs, cell * inputs
                if most <= MOST:
                    canvas.rect(x + 1, y + 1, w - 2, h - 2, 4, fill="conv")
                    a, b = cell * 0.32, cell * 0.68
                    canvas.line([(x + a, y + a), (x + b, y + b)], "conv_edge", width=cell / 13)
                    canvas.line([(x + a, y + b), (x + b, y + a)], "conv_edge", width=cell / 13)
                else:
                    gap = min(1.0, w / 4, h / 4)
                    canvas.rect(x + gap, y + gap, w - 2 * gap, h - 2 * gap, fill="conv", stroke="conv_edge")
        counts = [(column, str(sum(many for _, many in own))) for column, own in reads.items()]
        for middle, text in _apart(counts, cell, wide):
            canvas.text(left + middle, bottom + 22, text, size, anchor="middle", colour="ink")
    canvas.text(left - 12, bottom + 22, "maps read", 14, anchor="end", colour="soft")
    for middle, text in _names(rows, cell, high):
        canvas.text(left - 12, top + middle + size * 0.36, text, size, anchor="end", colour="soft")
    for j in (0, *(first for first, many in rows if first and cell * many >= _LINES_APART), maps):
        canvas.line([(left, top + cell * j), (right, top + cell * j)], "rule")
    for i in (0, *(first for first, many in reads if first and cell * many >= _LINES_APART), outs):
        canvas.line([(left + cell * i, top), (left + cell * i, bottom)], "rule")
    return canvas
