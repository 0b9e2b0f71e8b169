"""Diagrams of any network: boxes in columns, branches side by side, what repeats drawn once with its count.

So VGG's table, GoogLeNet's modules and ResNet's blocks are drawn, each from its graph alone.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

from heirloom.figures.architecture import (
    Item,
    Layer,
    Parallel,
    Repeat,
    Series,
    Tangle,
    every,
    of_one_form,
    times,
)
from heirloom.figures.arranging import narrowest, split
from heirloom.figures.canvas import Canvas, Point, fitted, width_of
from heirloom.figures.volumes import heading, layer_element

BOLD, TEXT = 14.0, 13.0
_LINE, _STEP, _APART, _GUTTER = 17.0, 14.0, 10.0, 30.0
_MARGIN, _HEAD = 44.0, 104.0
_MOST = 300.0
"""Width of a line of text at most."""
_SHORTCUT = 26.0
_READABLE = 900 / 60
"""Height of letters on a slide of 1600 x 900 below which blocks of one form are drawn once."""


@dataclass(frozen=True)
class _Around:
    """Where an item stands: what its names begin with, and how often it stands there.

    Attributes:
        prefix: Left out of names.
        maps: Height and width that go without saying.
        copies: For each layer, all layers that it stands for.
        plain: Whether the block needs no frame of its own.
        flat: Whether there is room for longer lines.
        forms: Of how many blocks that differ in their widths it is one.
    """

    prefix: str = ""
    maps: tuple[int, ...] | None = None
    copies: tuple[Series, ...] = ()
    plain: bool = False
    flat: bool = False
    forms: int = 1


def columns(items: Series, title: str, subtitle: str) -> Canvas:
    """The whole network, its columns chosen so that it is as large as possible on a wide page."""
    around = _Around(flat=any(not isinstance(item, Layer) and not _single(item) for item in items))
    scale, parts = _arranged(items, around)
    if scale * TEXT < _READABLE:
        folded = of_one_form(items)
        larger, placed = _arranged(folded, around)
        if larger > scale:
            items, parts = folded, placed
    sizes = [_measure(item, around) for item in items]
    wide, high = _extent(parts, sizes)
    canvas = Canvas(max(wide, 520.0), high)
    heading(canvas, title, subtitle)
    x = _MARGIN + (canvas.width - wide) / 2
    before: Point | None = None
    for part in parts:
        room = max(sizes[i][0] for i in part)
        centre, y = x + room / 2, _HEAD
        if before:  # from the foot of one column to the head of the next
            gutter, top = x - _GUTTER / 2, y - 12
            way = [before, (before[0], before[1] + 10), (gutter, before[1] + 10), (gutter, top)]
            canvas.arrow([*way, (centre, top), (centre, y)], "soft", width=1.6)
        for i in part:
            if i != part[0]:
                canvas.arrow([(centre, y - _STEP), (centre, y)], "soft", width=1.6)
            _draw(canvas, items[i], centre, y, around)
            y += sizes[i][1] + _STEP
        before = (centre, y - _STEP)
        x += room + _GUTTER
    _legend(canvas, items)
    return canvas


def _arranged(items: Series, around: _Around) -> tuple[float, list[list[int]]]:
    """The columns that make them largest on a slide of 1600 x 900, and how large."""
    sizes = [_measure(item, around) for item in items]
    heights = [high for _, high in sizes]
    even = [split(heights, count, _STEP) for count in range(1, min(len(items), 12) + 1)]
    lowest = [max(sum(heights[i] + _STEP for i in part) for part in parts) for parts in even]
    uneven = [
        narrowest(sizes, slack * high, _STEP, _GUTTER) for high in lowest for slack in (1.0, 1.05, 1.1, 1.2)
    ]
    best: tuple[float, list[list[int]]] = (0.0, [])
    for better, tried in ((1.02, even), (1.1, uneven)):
        for parts in tried:
            wide, high = _extent(parts, sizes)
            scale = min(1600 / max(wide, 520), 900 / high)
            if scale > best[0] * better:
                best = (scale, parts)
    return best


def _legend(canvas: Canvas, items: Series) -> None:
    """What the strips in the boxes and the thick lines are."""
    layers = list(every(items))
    norms = dict.fromkeys(word.replace("_", " ") for layer in layers for word in layer.norms)
    squashes = dict.fromkeys(word.replace("_", " ") for layer in layers for word in layer.squashes)
    shortcut = ["shortcut: handed on as it is"] if any(map(_has_shortcut, items)) else []
    x, y = _MARGIN, canvas.height - 26
    for colour, told in (("norm_edge", norms), ("squash_edge", squashes), ("train", shortcut)):
        if told:
            words = fitted(", ".join(told), TEXT, canvas.width - x - _MARGIN - 30)
            canvas.rect(x, y - 6, 22, 3, fill=colour)
            canvas.text(x + 30, y, words, TEXT, colour="soft")
            x += 30 + width_of(words, TEXT) + 26


def _has_shortcut(item: Item) -> bool:
    if isinstance(item, Parallel):
        return any(not branch or any(map(_has_shortcut, branch)) for branch in item.branches)
    return isinstance(item, Repeat) and any(map(_has_shortcut, item.first))


def _extent(parts: list[list[int]], sizes: Sequence[Point]) -> Point:
    wide = sum(max(sizes[i][0] for i in part) for part in parts) + _GUTTER * (len(parts) - 1)
    high = max(sum(sizes[i][1] for i in part) + _STEP * (len(part) - 1) for part in parts)
    return wide + 2 * _MARGIN, _HEAD + high + 26 + 44


# Layers ---------------------------------------------------------------------------------------------------


def _stands_for(layer: Layer, around: _Around) -> list[Layer]:
    """The layer, and those in the other copies of its block."""
    if not around.copies:
        return [layer]
    place = [each.id for each in every(around.copies[0])].index(layer.id)
    return [list(every(copy))[place] for copy in around.copies]


def _lines(layer: Layer, around: _Around) -> list[str]:
    same = _stands_for(layer, around)
    inner = around.maps is not None
    name = layer.name.removeprefix(around.prefix)
    does = layer.does
    if around.forms > 1:  # what each of the blocks hands on stands below them
        repeated = len(same) // around.forms
        does, widths = _in_common([each.does for each in same[::repeated]])
        does = f"{does}  × {repeated}" if repeated > 1 else does
        return [does] if layer.area == "join" else [does, *([widths] if widths else []), name]
    if around.copies and len(around.copies[0]) == 1 and isinstance(around.copies[0][0], Layer):
        does = f"{does}  × {len(same)}"
        if not inner:
            name = f"{same[0].name}{', ' if len(same) == 2 else ' … '}{same[-1].name}"
    if layer.area == "join":  # named after the operation, and it says what the block hands on
        return [f"{does}  {times(layer.size)}"]
    size = "" if inner and layer.size[1:] == around.maps else times(layer.size)
    named = [name] if name != does else []
    if layer.groups > 1:  # the widest of all words
        does = does.replace(f", {layer.groups} groups", "")
        named = [" · ".join([*named, f"{layer.groups} groups"])]
    if inner:
        return [does, *named, *([size] if size else [])]
    weights = sum(each.parameters for each in same)
    counts = [size, *([f"{weights:,}"] if weights else [])]
    return [does, " · ".join([*named, *counts])] if around.flat else [does, *named, " · ".join(counts)]


def _in_common(does: Sequence[str]) -> tuple[str, str]:
    """What operations of one form share, and in what they differ: ``1×1 conv`` and ``64, 128``."""
    parts = list(zip(*(each.split(", ") for each in does), strict=True))
    shared = ", ".join(part[0] for part in parts if len(set(part)) == 1)
    return shared, "; ".join(", ".join(part) for part in parts if len(set(part)) > 1)


def _box_size(layer: Layer, around: _Around) -> Point:
    first, *rest = _lines(layer, around)
    widths = [min(_MOST, width_of(first, BOLD, bold=True)), *(min(_MOST, width_of(t, TEXT)) for t in rest)]
    return max(70.0, max(widths) + 16), _LINE * (1 + len(rest)) + 12


def _draw_box(canvas: Canvas, layer: Layer, x: float, y: float, around: _Around) -> None:
    wide, high = _box_size(layer, around)
    with layer_element(canvas, layer, _stands_for(layer, around)):
        area = layer.area
        canvas.rect(x - wide / 2, y, wide, high, 6, fill=area, stroke=f"{area}_edge", width=1.4)
        if layer.norms:
            canvas.rect(x - wide / 4, y + high - 4, wide / 4, 3, fill="norm_edge")
        if layer.squashes:
            canvas.rect(x, y + high - 4, wide / 4, 3, fill="squash_edge")
        first, *rest = _lines(layer, around)
        canvas.text(x, y + 19, fitted(first, BOLD, _MOST, bold=True), BOLD, bold=True, anchor="middle")
        for i, line in enumerate(rest):
            words = fitted(line, TEXT, _MOST)
            canvas.text(x, y + 19 + _LINE * (i + 1), words, TEXT, anchor="middle", colour="soft")


# Blocks ---------------------------------------------------------------------------------------------------


def _prefix(layers: Sequence[Layer]) -> str:
    """What all names begin with, up to a dot."""
    names = [layer.name.split(".") for layer in layers]
    count = 0
    while all(len(name) > count + 1 for name in names) and len({name[count] for name in names}) == 1:
        count += 1
    return ".".join(names[0][:count]) + "." if count and len(layers) > 1 else ""


def _inside(item: Parallel | Tangle, around: _Around) -> _Around:
    layers = list(every(item))
    last = layers[-1]
    prefix = _prefix(layers) or around.prefix
    return replace(around, prefix=prefix, maps=last.size[1:], plain=False)


def _name(block: Series) -> str:
    return _prefix(list(every(block))).rstrip(".")


def _frame_words(item: Item, around: _Around) -> str:
    """What stands in the upper left corner of a block."""
    layers = list(every(item))
    weights = sum(each.parameters for layer in layers for each in _stands_for(layer, around))
    told = f"{weights:,} parameters" if weights else ""
    if isinstance(item, Repeat):
        names = [_name(copy) for copy in item.copies]
        between = ", " if len(names) == 2 else " … "
        last = names[-1].removeprefix(re.sub(r"[^._]*$", "", names[0]))  # conv3_x.1 … 3
        span = f"{names[0]}{between}{last}" if names[-1] != names[0] else names[0]
        return "  ".join(part for part in (f"× {len(item.copies)}", span, told) if part)
    name = _prefix(layers).rstrip(".")
    if around.prefix and name:
        name = (name + ".").removeprefix(around.prefix).rstrip(".")
    return "  ".join(part for part in (name, told) if part)


_PAD, _TITLE = 12.0, 28.0


def _framed(item: Item, around: _Around) -> bool:
    return isinstance(item, Repeat) or (around.maps is None and not around.plain)


def _single(item: Item) -> Layer | None:
    """The layer that a repeat repeats, if it is but one."""
    if isinstance(item, Repeat) and len(item.first) == 1 and isinstance(item.first[0], Layer):
        return item.first[0]
    return None


def _measure(item: Item, around: _Around) -> Point:
    if isinstance(item, Layer):
        return _box_size(item, around)
    if (layer := _single(item)) and isinstance(item, Repeat):
        return _box_size(layer, _within(item, around))
    wide, high = _content(item, around)
    if not _framed(item, around):
        return wide, high
    words = width_of(fitted(_frame_words(item, around), TEXT, _MOST * 1.4), TEXT, bold=True)
    below = _LINE * len(item.copies) + 8 if isinstance(item, Repeat) and item.differ else 0
    return max(wide, words) + 2 * _PAD, high + _TITLE + _PAD + below


def _within(item: Repeat, around: _Around) -> _Around:
    """What stands inside of a repeated block; if it is repeated itself, each stands for all."""
    copies = [list(copy) for copy in item.copies]
    if around.copies:
        place = [each.id for each in every(around.copies[0])].index(next(every(item)).id)
        length = len(list(every(item)))
        outer = [list(every(copy))[place : place + length] for copy in around.copies]
        part = length // len(item.copies)
        copies = [list(layers[k : k + part]) for layers in outer for k in range(0, length, part)]
    forms = len(copies) if item.differ else around.forms
    return replace(around, copies=tuple(copies), plain=True, forms=forms)


def _content(item: Item, around: _Around) -> Point:
    if isinstance(item, Repeat):
        return _series_size(item.first, _within(item, around))
    assert isinstance(item, Parallel | Tangle)
    inside = _inside(item, around)
    if isinstance(item, Tangle):
        boxes = [_box_size(layer, inside) for layer in item.layers]
        lanes = len(_lanes(item))
        wide = max(w for w, _ in boxes) + 2 * (14 * lanes + 16)
        return wide, sum(h for _, h in boxes) + _STEP * len(boxes)
    sizes = [_series_size(branch, inside) if branch else (_SHORTCUT, 0.0) for branch in item.branches]
    wide = sum(w for w, _ in sizes) + _APART * (len(sizes) - 1)
    high = 2 * _STEP + max(h for _, h in sizes) + 8
    if item.join:
        join = _box_size(item.join, inside)
        wide, high = max(wide, join[0]), high + join[1]
    return wide, high


def _series_size(items: Series, around: _Around) -> Point:
    sizes = [_measure(item, around) for item in items]
    return max(w for w, _ in sizes), sum(h for _, h in sizes) + _STEP * (len(sizes) - 1)


def _draw(canvas: Canvas, item: Item, x: float, y: float, around: _Around) -> None:
    """Draw it below ``y``, around the middle ``x``."""
    if isinstance(item, Layer):
        _draw_box(canvas, item, x, y, around)
        return
    if (layer := _single(item)) and isinstance(item, Repeat):
        inside = _within(item, around)
        wide, high = _box_size(layer, inside)
        area = layer.area
        canvas.rect(x - wide / 2 + 4, y + 4, wide, high, 6, fill=area, stroke=f"{area}_edge", width=1.4)
        _draw_box(canvas, layer, x, y, inside)
        return
    wide, high = _measure(item, around)
    top = y
    if _framed(item, around):
        look = {"fill": "panel", "stroke": "rule", "width": 1.2}
        if isinstance(item, Repeat):
            canvas.rect(x - wide / 2 + 5, y + 5, wide, high, 10, **look)
        canvas.rect(x - wide / 2, y, wide, high, 10, **look)
        words = fitted(_frame_words(item, around), TEXT, _MOST * 1.4)
        canvas.text(x - wide / 2 + _PAD, y + 19, words, TEXT, bold=isinstance(item, Repeat), colour="soft")
        top = y + _TITLE
        narrow = width_of(words, TEXT, bold=True) < wide / 2 - _PAD - 8
        canvas.line([(x, y if narrow else y + 24), (x, top)], "soft", width=1.6)  # or from below the words
        if isinstance(item, Repeat) and item.differ:
            _list(canvas, item, x, y + high - 8 - _LINE * len(item.copies))
        else:
            canvas.line([(x, y + high - _PAD), (x, y + high)], "soft", width=1.6)
    if isinstance(item, Repeat):
        _draw_series(canvas, item.first, x, top, _within(item, around))
    elif isinstance(item, Tangle):
        _draw_tangle(canvas, item, x, top, _inside(item, around))
    else:
        _draw_branches(canvas, item, x, top, _inside(item, around))


def _list(canvas: Canvas, item: Repeat, x: float, y: float) -> None:
    """What each of the blocks is called, hands on and has, around the middle ``x``."""
    lasts = [list(every(copy))[-1] for copy in item.copies]
    weights = [sum(layer.parameters for layer in every(copy)) for copy in item.copies]
    columns = (
        ("start", [fitted(_name(copy), TEXT, _MOST / 2) for copy in item.copies]),
        ("start", [times(last.size) for last in lasts]),
        ("end", [f"{count:,}" for count in weights]),
    )
    rooms = [max(width_of(word, TEXT) for word in words) for _, words in columns]
    left = x - (sum(rooms) + 2 * _GUTTER) / 2
    for (anchor, words), room in zip(columns, rooms, strict=True):
        for line, word in enumerate(words):
            at = left + room if anchor == "end" else left
            canvas.text(at, y + _LINE * line + 12, word, TEXT, anchor=anchor, colour="soft")
        left += room + _GUTTER


def _draw_series(canvas: Canvas, items: Series, x: float, y: float, around: _Around) -> None:
    for i, item in enumerate(items):
        if i:
            canvas.arrow([(x, y - _STEP), (x, y)], "soft", width=1.6)
        _draw(canvas, item, x, y, around)
        y += _measure(item, around)[1] + _STEP


def _draw_branches(canvas: Canvas, item: Parallel, x: float, y: float, inside: _Around) -> None:
    sizes = [_series_size(branch, inside) if branch else (_SHORTCUT, 0.0) for branch in item.branches]
    wide = sum(w for w, _ in sizes) + _APART * (len(sizes) - 1)
    tallest = max(h for _, h in sizes)
    left = x - wide / 2
    split, start, end = y + 2, y + _STEP, y + _STEP + tallest
    merge = end + 8
    low = merge + _STEP
    centres = []
    for (room, _), _branch in zip(sizes, item.branches, strict=True):
        centres.append(left + room / 2)
        left += room + _APART
    canvas.line([(min(*centres, x), split), (max(*centres, x), split)], "soft", width=1.6)
    canvas.line([(x, y), (x, split)], "soft", width=1.6)
    for centre, branch, (_, high) in zip(centres, item.branches, sizes, strict=True):
        if branch:
            canvas.arrow([(centre, split), (centre, start)], "soft", width=1.6)
            _draw_series(canvas, branch, centre, start, inside)
            canvas.line([(centre, start + high), (centre, merge)], "soft", width=1.6)
        else:
            canvas.line([(centre, split), (centre, merge)], "train", width=2.2)
    canvas.line([(min(*centres, x), merge), (max(*centres, x), merge)], "soft", width=1.6)
    if item.join:
        canvas.arrow([(x, merge), (x, low)], "soft", width=1.6)
        _draw_box(canvas, item.join, x, low, inside)


def _lanes(item: Tangle) -> list[tuple[int, int]]:
    """Edges from one place to another that is not the next; -1 is what stands before."""
    place = {layer.id: i for i, layer in enumerate(item.layers)}
    edges = [(place.get(source, -1), i) for i, layer in enumerate(item.layers) for source in layer.inputs]
    return [(one, other) for one, other in edges if other != one + 1]


def _draw_tangle(canvas: Canvas, item: Tangle, x: float, y: float, inside: _Around) -> None:
    top, boxes = y - 2, []
    y += _STEP
    for layer in item.layers:
        wide, high = _box_size(layer, inside)
        boxes.append((y, wide, high))
        _draw_box(canvas, layer, x, y, inside)
        y += high + _STEP
    place = {layer.id: i for i, layer in enumerate(item.layers)}
    for i, layer in enumerate(item.layers):
        if i - 1 in (place.get(source, -1) for source in layer.inputs):
            canvas.arrow([(x, boxes[i][0] - _STEP), (x, boxes[i][0])], "soft", width=1.6)
    widest = max(wide for _, wide, _ in boxes)
    for lane, (one, other) in enumerate(_lanes(item)):
        out = x + widest / 2 + 14 * (lane + 1)
        y1, wide1, high1 = boxes[other]
        if one < 0:
            begin = [(x, top), (out, top)]
        else:
            y0, wide0, high0 = boxes[one]
            begin = [(x + wide0 / 2, y0 + high0 * 0.7), (out, y0 + high0 * 0.7)]
        line = [*begin, (out, y1 + high1 * 0.35), (x + wide1 / 2, y1 + high1 * 0.35)]
        canvas.arrow(line, "train", width=1.6)
