"""Which maps a convolution reads: a cross for each map of its output and each of its input.

Source of the table that made this famous: LeCun et al. 1998, table I, for C3 of LeNet-5.
"""

from heirloom.errors import HeirloomError, nearest
from heirloom.figures.architecture import Layer, layers_of
from heirloom.figures.canvas import Canvas
from heirloom.figures.picture import Asked, Picture
from heirloom.figures.volumes import heading, layer_element
from heirloom.tracing import trace

MOST = 64
"""Maps on a side: more crosses say nothing."""


def picture(asked: Asked) -> Picture:
    """One convolution of one network: the one named, or the first that does not read all maps.

    Raises:
        HeirloomError: (``E-argument``) There is none, or it is no convolution, or has too many maps.
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
        error, why = f"{subject.label} has no table of connections", "each of its convolutions reads all maps"
    if found is None:
        raise HeirloomError("E-argument", error, why=why)
    table, maps = table_of(found), int(found.row.attrs["in_maps"])
    if max(len(table), maps) > MOST:
        raise HeirloomError(
            "E-argument",
            f"{found.name} of {subject.label} has {maps} × {len(table)} maps",
            why=f"more than {MOST} cannot be read",
            remedy="name another layer: --layer",
        )
    count = sum(map(len, table))
    words = f"{count} of {maps * len(table)} pairs of maps are connected"
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
    return Picture(numbers, title, f"{words}. " + "; ".join(
        f"map {i} reads {', '.join(map(str, row))}" for i, row in enumerate(table)) + ".",
        drawing(found, table, maps, title, words))  # fmt: skip


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


def drawing(layer: Layer, table: list[list[int]], maps: int, title: str, subtitle: str) -> Canvas:
    """Columns are maps of the output, rows those of the input, as in the paper."""
    cell = 40.0 if max(len(table), maps) <= 20 else 24.0
    size = cell * 0.42
    left, top = 104.0, 156.0
    canvas = Canvas(max(left + cell * len(table) + 44, 640.0), top + cell * maps + 72)
    heading(canvas, title, subtitle)
    canvas.text(left + cell * len(table) / 2, top - 34, f"map of {layer.name}", 16, anchor="middle")
    canvas.text(60, top + cell * maps / 2, "map that it reads", 16, anchor="middle", turned=True)
    with layer_element(canvas, layer):
        for i, row in enumerate(table):
            x = left + cell * i
            canvas.text(x + cell / 2, top - 10, str(i), size, anchor="middle", colour="soft")
            for j in row:
                y = top + cell * j
                canvas.rect(x + 1, y + 1, cell - 2, cell - 2, 4, fill="conv")
                a, b = cell * 0.32, cell * 0.68
                canvas.line([(x + a, y + a), (x + b, y + b)], "conv_edge", width=cell / 13)
                canvas.line([(x + a, y + b), (x + b, y + a)], "conv_edge", width=cell / 13)
            canvas.text(
                x + cell / 2, top + cell * maps + 22, str(len(row)), size, anchor="middle", colour="ink"
            )
    canvas.text(left - 12, top + cell * maps + 22, "maps read", 14, anchor="end", colour="soft")
    for j in range(maps + 1):
        canvas.line([(left, top + cell * j), (left + cell * len(table), top + cell * j)], "rule")
        if j < maps:
            canvas.text(
                left - 12, top + cell * (j + 0.5) + size * 0.36, str(j), size, anchor="end", colour="soft"
            )
    for i in range(len(table) + 1):
        canvas.line([(left + cell * i, top), (left + cell * i, top + cell * maps)], "rule")
    return canvas
