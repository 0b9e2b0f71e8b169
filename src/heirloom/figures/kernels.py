"""The filters of a layer: as the pictures that they look for, or kernel by kernel where they read maps."""

from math import ceil
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import nn

from heirloom.errors import HeirloomError
from heirloom.figures.filters import Filters, kernels_of
from heirloom.figures.looking import layer_named
from heirloom.figures.page import MARGIN, SMALL, WIDTH, Page, number
from heirloom.figures.palette import Theme
from heirloom.figures.picture import Asked, Picture, Subject
from heirloom.figures.pixels import Pixels, diverging
from heirloom.layers import TableConv2d
from heirloom.rows import Trace
from heirloom.tracing import trace

MOST_FILTERS = 128
"""Filters that are shown as pictures."""
_CELL, _GAP = 32, 3
"""Least room of a kernel in a table of them, and between two."""
_ROWS = 16
_HIGH = 480
"""What a table is enlarged to, if it is small."""
_TOP, _SIDE = 26, 70
"""Room of the numbers of what is given, and of what is read."""


def picture(asked: Asked) -> Picture:
    """The filters of one layer of one network: the first, or the one that is asked for."""
    (subject,) = asked.subjects
    books = trace(subject.model, subject.preprocess.size, name=subject.label, lower_bound=True)
    name, weight = chosen(asked, subject, books)
    first = reads_image(books, name, weight)
    towers = _towers(books, name) if first else 1
    title = f"{subject.label}: the filters of {name}"
    numbers: dict[str, Any] = {
        "layer": name,
        "size": list(weight.shape),
        "limit": float(np.abs(weight).max()),
        "reads_image": first,
        "towers": towers,
        "norms": [float(v) for v in np.sqrt(np.square(weight.astype(np.float64)).sum((1, 2, 3)))],
        "means": [float(v) for v in weight.mean((1, 2, 3), dtype=np.float64)],
    }
    n, maps, high, wide = weight.shape
    words = f"{n:,} filters of {name}, each of {maps:,} × {high} × {wide} weights"
    if first:
        canvas, shown = _as_pictures(title, Filters(name, weight, n), towers)
        numbers["shown"] = [shown, maps]
    else:
        table = _table_of(subject.model, name)
        canvas, numbers["shown"] = _as_table(title, name, weight, table, asked.theme)
    return Picture(numbers, title, words + ".", canvas)


def chosen(asked: Asked, subject: Subject, books: Trace) -> tuple[str, NDArray[np.float32]]:
    """The layer that is asked for, else the first that has any, and its kernels (N, C, H, W).

    Colours are red, green, blue, whatever the network's order is.

    Raises:
        HeirloomError: (``E-argument``) It has no kernels, or there is no such layer; (``E-usage``) several.
    """
    if len(asked.layers) > 1:
        raise HeirloomError("E-usage", "this picture shows one layer at a time", remedy="name one: --layer")
    known = [row.name for row in books if row.executed and row.parameters and row.connections]
    with_kernels = [name for name in known if kernels_of(subject.model, books, name) is not None]
    name = asked.layers[0] if asked.layers else next(iter(with_kernels), "")
    if name:
        layer_named(books, subject.model, name, subject.label)
    found = kernels_of(subject.model, books, name) if name else None
    if found is None:
        shown = ", ".join(with_kernels[:6]) + (", ..." if len(with_kernels) > 6 else "")
        raise HeirloomError(
            "E-argument",
            f"{name or subject.label} has no filters",
            why="what reads single numbers, not maps, has weights but no pictures of them",
            remedy=f"there are: {shown}" if with_kernels else "",
        )
    weight = found.float().numpy()
    if subject.preprocess.order == "BGR" and weight.shape[1] == 3 and reads_image(books, name, weight):
        weight = np.ascontiguousarray(weight[:, ::-1])
    return name, weight


def reads_image(books: Trace, name: str, weight: NDArray[np.float32]) -> bool:
    """Whether what it reads is the image itself, perhaps reshaped."""
    row = next((row for row in books if row.name == name and row.inputs), None)
    while row is not None and row.inputs:
        row = books.rows[row.inputs[0]]
        if not row.moves_only and row.id:
            return False
    return bool(weight.shape[1] == books.input_size[0])


def _towers(books: Trace, name: str) -> int:
    """Into how many columns the next layer divides its maps: AlexNet's two."""
    row = next(row for row in books if row.name == name)
    while True:
        readers = [other for other in books if row.id in other.inputs]
        if len(readers) != 1:
            return 1
        (row,) = readers
        if row.macs:
            groups = int(row.attrs.get("groups", 1))
            return groups if 1 < groups <= 4 else 1


def _table_of(model: nn.Module, name: str) -> tuple[tuple[int, ...], ...] | None:
    layer = dict(model.named_modules()).get(name)
    return layer.table if isinstance(layer, TableConv2d) else None


def _as_pictures(title: str, filters: Filters, towers: int) -> tuple[Any, int]:
    count, of = min(MOST_FILTERS, len(filters.weight)), len(filters.weight)
    _, maps, high, wide = filters.weight.shape
    colours = "in colour" if filters.in_colour else f"{maps} channels side by side" if maps > 1 else "in grey"
    colours = "" if maps == 1 else f", {colours}"
    which = f"The {of}" if count == of else f"The first {count} of {of:,}"
    page = Page(
        title, f"{which} filters of {high} × {wide} as they lie on the image{colours}; all on one scale"
    )
    room = 190 if count <= 6 else 140 if count <= 16 else 96 if count <= 32 else 66
    gap = 8
    columns = (WIDTH - 2 * MARGIN + gap) // (room + gap)
    each = ceil(count / towers)
    columns = ceil(each / ceil(each / columns))  # rows of one length, as far as can be
    if towers > 1 and each % 16 == 0:
        columns = 16
    for tower in range(towers):
        group = range(tower * each, min(count, (tower + 1) * each))
        if towers > 1:
            page.section(f"Tower {tower + 1}", f"filters {group.start} to {group.stop - 1}")
        names = [str(i) if count <= 32 else "" for i in group]
        page.tiles([filters.pixels(i) for i in group], names, room, columns, gap=gap)
        page.y += 12
    limit = number(filters.limit)
    page.ramp(filters.ramp, (f"−{limit}", "0", f"+{limit}"), filters.legend)
    return page.finished(), count


def _as_table(
    title: str, name: str, weight: NDArray[np.float32], table: Any, theme: Theme
) -> tuple[Any, list[int]]:
    """A column for each map that the layer gives, a row for each that it reads; how many are shown."""
    total, maps, high, wide = weight.shape
    small = max(high, wide) == 1
    gap, room = 1 if small else _GAP, WIDTH - 2 * MARGIN - _SIDE
    rows = min(maps, 36 if small else _ROWS)
    cell = min(_HIGH // rows, room // min(total, 64)) - gap
    factor = max(1, (12 if small else _CELL) // max(high, wide), min(cell, 64) // max(high, wide))
    step_y, step_x = high * factor + gap, wide * factor + gap
    columns = min(total, room // step_x)
    said = f"Columns: maps that it gives{_part(columns, total)}. Rows: maps that it reads{_part(rows, maps)}"
    missing = "; empty where nothing is read" if table is not None else ""
    page = Page(title, f"{said}. Kernels of {high} × {wide}, all on one scale{missing}")
    limit = float(np.abs(weight).max())
    ground = [int(theme.paper[i : i + 2], 16) for i in (1, 3, 5)]
    pixels = np.empty((rows * step_y - gap, columns * step_x - gap, 3), np.uint8)
    pixels[:] = ground
    for row in range(rows):
        for column in range(columns):
            if table is None or row in table[column]:
                part = diverging(np.kron(weight[column, row] / (limit or 1), np.ones((factor, factor))))
                y, x = row * step_y, column * step_x
                pixels[y : y + high * factor, x : x + wide * factor] = part
    left, top = MARGIN + _SIDE, page.y + _TOP
    page.canvas.image(left, top, pixels.shape[1], pixels.shape[0], pixels)
    every = _stride(step_x, 34), _stride(step_y, 20)
    for column in range(0, columns, every[0]):
        x = left + column * step_x + wide * factor / 2
        page.canvas.text(x, top - 9, str(column), SMALL, colour="soft", anchor="middle")
    for row in range(0, rows, every[1]):
        y = top + row * step_y + high * factor / 2 + 6
        page.canvas.text(left - 10, y, str(row), SMALL, colour="soft", anchor="end")
    page.canvas.text(MARGIN + 14, top + pixels.shape[0] / 2, "read", SMALL, anchor="middle", turned=True)
    page.canvas.text(left - 10, top - 9, "given", SMALL, anchor="end")
    page.y = top + pixels.shape[0] + 24
    line: Pixels = diverging(np.linspace(-1, 1, 256).reshape(1, 256))
    page.ramp(line, (f"−{number(limit)}", "0", f"+{number(limit)}"), "blue below 0, white 0, red above")
    return page.finished(), [columns, rows]


def _part(shown: int, total: int) -> str:
    return "" if shown == total else f", the first {shown} of {total:,}"


def _stride(step: float, room: float) -> int:
    """At every which number there is room for it."""
    return next(n for n in (1, 2, 4, 8, 16, 32) if n * step >= room)
