"""Diagrams of a chain of layers: what each hands on, drawn in its size, from the left to the right.

Two ways, as in the papers: maps as stacked squares with the window of one unit (LeCun et al. 1998, figure 2),
and boxes whose thickness stands for the number of maps, in two towers where convolutions read their maps in
two groups (Krizhevsky et al. 2012, figure 2). The drawings are new; the windows are where they truly lie.
"""

from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from math import log2

from heirloom.figures.architecture import Layer, times
from heirloom.figures.canvas import Canvas, Point, fitted, fitted_title, width_of

NAME, TEXT, GAP = 17.0, 14.0, 22.0
"""Sizes of letters, and the least room between two columns of text."""
_LONGEST = 24
"""Letters of a line of text at most."""
_MARGIN, _HEAD = 44.0, 108.0
_SMALLER = 0.8
"""What a drawing is reduced by where there are many side by side."""


@dataclass
class Volume:
    """What a layer hands on, as it is drawn; x and y are its upper left corner.

    Attributes:
        layer: The layer.
        maps: How many; 0 for a vector.
        size: (H, W) of a map, or the length of a vector.
        towers: In how many parts it is drawn.
        narrow: Whether there are many beside it, so that words stand below one another.
    """

    layer: Layer
    maps: int
    size: tuple[int, ...]
    towers: int = 1
    narrow: bool = False
    x: float = 0.0
    wide: float = 0.0

    @property
    def above(self) -> tuple[str, ...]:
        """Lines above it: the name, and what it hands on."""
        parts = f"{self.towers} × " if self.towers > 1 else ""
        if self.maps:
            side = times(self.size)
            return (self.layer.name, f"{parts}{self.maps // self.towers} @ {side}")
        return (self.layer.name, f"{parts}{self.size[0] // self.towers:,}")

    @property
    def below(self) -> tuple[str, ...]:
        """Lines below it: the operation, what follows it, its parameters."""
        if self.layer.kind == "input":
            return ()
        words = [w.replace("_", " ") for w in (*self.layer.squashes, *self.layer.norms)]
        weights = [f"{self.layer.parameters:,}", "parameters"] if self.layer.parameters else []
        weights = weights if self.narrow else [" ".join(weights)]
        return tuple(line for line in (*_in_lines(self.layer.does), ", ".join(words), *weights) if line)

    def room(self) -> float:
        """Width of its widest line."""
        name, *rest = self.above
        widths = [width_of(_cut(name), NAME, bold=True)]
        return max(widths + [width_of(_cut(line), TEXT) for line in (*rest, *self.below)])

    @property
    def as_pool(self) -> tuple[str, ...]:
        """Lines for a volume that stands behind another one in its column."""
        return (self.layer.name, self.above[1], *self.below)


def _in_lines(does: str) -> list[str]:
    """An operation in short lines: ``5×5 conv, 256`` and ``2 groups``."""
    words = does.replace(", by", "; by").split("; ")
    if words[0].endswith(" groups"):
        head, _, groups = words[0].rpartition(", ")
        words[:1] = [head, groups]
    return words


def _cut(line: str) -> str:
    return fitted(line, 10, 10 * 0.62 * _LONGEST)


def volumes_of(layers: Sequence[Layer], narrow: bool = False) -> list[Volume]:
    """One for each layer; from one that is read in two groups to the last but one they have two towers."""
    made = []
    for layer in layers:
        size = layer.size or (1,)
        maps = size[0] if len(size) == 3 else 0
        shape = size[1:] if maps else (size if len(size) == 1 else (int(_product(size)),))
        made.append(Volume(layer, maps, tuple(shape), narrow=narrow))
    grouped = [i for i, volume in enumerate(made) if volume.layer.groups == 2]
    if grouped:
        first = grouped[0] - 1
        while first > 1 and made[first].layer.area == "pool":
            first -= 1
        for volume in made[max(1, first) : -1]:
            if (volume.maps or volume.size[0]) % 2 == 0:
                volume.towers = 2
    return made


def _product(size: Sequence[int]) -> int:
    found = 1
    for length in size:
        found *= length
    return found


# Stacked maps ---------------------------------------------------------------------------------------------

_LARGEST, _MOST_PLANES, _LEAN = 196.0, 16, 9.0


def stacked(volumes: list[Volume], title: str, subtitle: str) -> Canvas:
    """Each layer's maps as squares behind one another, and the window that one unit of it reads."""
    side = max((max(v.size) for v in volumes if v.maps), default=1)
    tallest = 0.0
    for v in volumes:
        if v.maps and max(v.size) > 1:
            planes = min(v.maps, _MOST_PLANES)
            v.wide = _plane(v, side)[0] + (planes - 1) * _offset(v)
            tallest = max(tallest, _plane(v, side)[1] + (planes - 1) * _offset(v))
        else:
            v.wide = 26.0
            tallest = max(tallest, _bar(v))
    canvas, middle = _page([[v] for v in volumes], tallest, title, subtitle)
    fronts = [_front(v, side, middle) for v in volumes]
    for before, v, front, after in zip(volumes, volumes[1:], fronts, fronts[1:], strict=False):
        if not (before.maps and v.maps and max(before.size) > 1 and max(v.size) > 1):
            _fan(canvas, front, after, not (before.maps and max(before.size) > 1))
    for i, v in enumerate(volumes):
        with layer_element(canvas, v.layer):
            _draw_stack(canvas, v, fronts[i])
            _captions(canvas, v, middle - tallest / 2, middle + tallest / 2, v.x + v.wide / 2)
    for before, v, front, after in zip(volumes, volumes[1:], fronts, fronts[1:], strict=False):
        if before.maps and v.maps and max(before.size) > 1 and max(v.size) > 1:
            _window(canvas, before, v, front, after)
    return canvas


Box = tuple[float, float, float, float]
"""Left, top, width, height."""


def _plane(v: Volume, side: int) -> tuple[float, float]:
    """Width and height of a map; small ones are drawn a little larger than they are."""
    factor = (_SMALLER if v.narrow else 1) * _LARGEST * (max(v.size) / side) ** 0.8 / max(v.size)
    return v.size[1] * factor, v.size[0] * factor


def _offset(v: Volume) -> float:
    planes = min(v.maps, _MOST_PLANES)
    return min(9.0, 62.0 / max(planes - 1, 1))


def _bar(v: Volume) -> float:
    units = v.maps or v.size[0]
    return min(34.0 + 22.0 * log2(max(units, 1)), 236.0)


def _front(v: Volume, side: int, middle: float) -> Box:
    """The map in front, or the bar."""
    if v.maps and max(v.size) > 1:
        wide, high = _plane(v, side)
        spread = (min(v.maps, _MOST_PLANES) - 1) * _offset(v)
        return v.x + spread, middle - (high + spread) / 2 + spread, wide, high
    return v.x + 6, middle - _bar(v) / 2, 14.0, _bar(v)


def _draw_stack(canvas: Canvas, v: Volume, front: Box) -> None:
    x, y, wide, high = front
    area = v.layer.area
    edge = f"{area}_edge"
    if v.maps and max(v.size) > 1:
        planes = min(v.maps, _MOST_PLANES)
        for back in range(planes - 1, -1, -1):
            step = back * _offset(v)
            canvas.rect(x - step, y - step, wide, high, fill=area, stroke=edge, width=1.2)
        return
    slant = _LEAN
    points = [(x, y + slant), (x + wide, y), (x + wide, y + high - slant), (x, y + high)]
    canvas.polygon(points, fill=area, stroke=edge, width=1.4)
    if "units" in v.layer.row.attrs:  # what goes round
        out = x + wide
        canvas.path(
            ("M", ((out, y + high * 0.36),)),
            ("C", ((out + 46, y + high * 0.2), (out + 46, y + high * 0.8), (out + 8, y + high * 0.66))),
            stroke="train",
            width=2,
        )
        canvas.arrow([(out + 9, y + high * 0.665), (out + 1, y + high * 0.63)], "train", width=2)


def _fan(canvas: Canvas, front: Box, after: Box, slanted: bool) -> None:
    """Every unit reads all of what is before: the area between both."""
    x0, y0, w0, h0 = front
    h0 -= _LEAN if slanted else 0
    x1, y1, _, h1 = after
    right = x0 + w0
    points = [(right, y0), (x1, y1 + _LEAN), (x1, y1 + h1), (right, y0 + h0)]
    canvas.polygon(points, fill="panel")
    canvas.line([(right, y0), (x1, y1 + _LEAN)], "rule", width=1.2)
    canvas.line([(right, y0 + h0), (x1, y1 + h1)], "rule", width=1.2)


def _window(canvas: Canvas, before: Volume, v: Volume, front: Box, after: Box) -> None:
    """What one unit reads in the map before, at its true place, and the unit."""
    a = v.layer.row.attrs
    if "kernel" not in a or len(a["kernel"]) != 2:
        return
    transposed = a.get("transposed", False)
    stride, padding = a.get("stride", [1, 1]), a.get("padding", [0, 0])
    reach = [1 + (n - 1) * step for n, step in zip(a["kernel"], a.get("dilation", [1, 1]), strict=True)]
    big, small, box_big, box_small = (v, before, after, front) if transposed else (before, v, front, after)
    unit = (round((small.size[0] - 1) * 0.66), round((small.size[1] - 1) * 0.7))
    start = [unit[i] * stride[i] - padding[i] for i in (0, 1)]
    for row in before.layer.rows:
        if row.kind == "pad":  # left, right, top, bottom
            sides = [*row.attrs["padding"], 0, 0]
            start = [start[0] - sides[2], start[1] - sides[0]]
    low = [max(0, s) for s in start]
    high = [min(big.size[i], start[i] + reach[i]) for i in (0, 1)]
    px, py = box_big[2] / big.size[1], box_big[3] / big.size[0]
    qx, qy = box_small[2] / small.size[1], box_small[3] / small.size[0]
    window = (
        box_big[0] + low[1] * px,
        box_big[1] + low[0] * py,
        (high[1] - low[1]) * px,
        (high[0] - low[0]) * py,
    )
    place = (box_small[0] + unit[1] * qx, box_small[1] + unit[0] * qy, max(qx, 3.0), max(qy, 3.0))
    left, right = (place, window) if transposed else (window, place)
    ends: list[tuple[Point, Point]] = [
        ((left[0] + left[2], left[1]), (right[0], right[1])),
        ((left[0] + left[2], left[1] + left[3]), (right[0], right[1] + right[3])),
    ]
    for one, other in ends:
        canvas.line([one, other], "ink", width=1.0)
    for x, y, wide, tall in (window, place):
        canvas.rect(x, y, wide, tall, stroke="ink", width=1.4)


# Boxes ----------------------------------------------------------------------------------------------------

_TALL, _SLANT = 224.0, (0.34, 0.2)


def boxed(volumes: list[Volume], title: str, subtitle: str) -> Canvas:
    """Each layer as a box; in two towers where its maps are read in two groups. Pooling stands close by."""
    side = max((max(v.size) for v in volumes if v.maps), default=1)
    columns: list[list[Volume]] = []
    for v in volumes:
        v.wide = _thick(v) + _depth(v, side)[0]
        behind = v.layer.area == "pool" and columns and columns[-1][0].layer.kind != "input"
        columns[-1].append(v) if behind and len(columns[-1]) < 2 else columns.append([v])
    tallest = max(v.towers * (_high(v, side) + _depth(v, side)[1]) + (v.towers - 1) * 40 for v in volumes)
    canvas, middle = _page(columns, tallest, title, subtitle)
    boxes = [_boxes(v, side, middle, tallest) for v in volumes]
    for before, v, sources, targets in zip(volumes, volumes[1:], boxes, boxes[1:], strict=False):
        _links(canvas, before, v, sources, targets, side)
    top, bottom = middle - tallest / 2, middle + tallest / 2
    placed = dict(zip((v.layer.id for v in volumes), boxes, strict=True))
    for column in columns:
        low = bottom + 38 + 20 * len(column[0].below)
        for i, v in enumerate(column):
            with layer_element(canvas, v.layer):
                for place in placed[v.layer.id]:
                    _draw_box(canvas, v, place, side)
                if i == 0:
                    _captions(canvas, v, top, bottom, _centre(column))
                else:
                    _lines(canvas, v, v.as_pool, low, _centre(column))
    return canvas


def _thick(v: Volume) -> float:
    units = v.maps or v.size[0]
    return min(96.0, 7.0 + 2.5 * (units / v.towers) ** 0.5) if v.maps else 22.0


def _high(v: Volume, side: int) -> float:
    if not v.maps:
        return min(30.0 + 8.0 * log2(max(v.size[0] / v.towers, 1)), 130.0)
    tall = (_SMALLER if v.narrow else 1) * (0.79 * _TALL if v.towers == 2 else _TALL)
    return max(12.0, tall * float((v.size[0] / side) ** 0.36))


def _depth(v: Volume, side: int) -> tuple[float, float]:
    """How far the box goes back, to the right and up."""
    high = _high(v, side)
    if not v.maps:
        return (0.0, 0.0)
    return (high * _SLANT[0], high * _SLANT[1])


def _boxes(v: Volume, side: int, middle: float, tallest: float) -> list[Box]:
    """Front faces: one, or the upper and the lower one."""
    high, (_, up) = _high(v, side), _depth(v, side)
    if v.towers == 1:
        return [(v.x, middle - (high + up) / 2 + up, _thick(v), high)]
    quarter = tallest / 4 + 6
    return [
        (v.x, centre - (high + up) / 2 + up, _thick(v), high)
        for centre in (middle - quarter, middle + quarter)
    ]


def _draw_box(canvas: Canvas, v: Volume, box: Box, side: int) -> None:
    x, y, wide, high = box
    dx, dy = _depth(v, side)
    area = v.layer.area
    edge, right = f"{area}_edge", x + wide
    top = [(x, y), (x + dx, y - dy), (right + dx, y - dy), (right, y)]
    flank = [(right, y), (right + dx, y - dy), (right + dx, y - dy + high), (right, y + high)]
    canvas.rect(x, y, wide, high, fill=area, stroke=edge, width=1.3)
    if dx:
        canvas.polygon(top, fill=area, stroke=edge, width=1.3)
        canvas.polygon(flank, fill=area, stroke=edge, width=1.3)
        canvas.polygon(flank, fill=edge, opacity=0.16)


def _links(
    canvas: Canvas, before: Volume, v: Volume, sources: list[Box], targets: list[Box], side: int
) -> None:
    """Arrows from each part to each part that reads it."""
    crossing = v.layer.groups == 1 and v.layer.area in ("conv", "dense")
    dx, dy = _depth(before, side)
    up = _depth(v, side)[1]
    for i, (x0, y0, w0, h0) in enumerate(sources):
        for j, (x1, y1, _, h1) in enumerate(targets):
            if len(sources) == len(targets) == 2 and i != j and not crossing:
                continue
            crossed = len(sources) == len(targets) == 2 and i != j
            start = (x0 + w0 + dx / 2, y0 - dy / 2 + h0 / 2)
            end = (
                x1 - 3,
                y1 - up / 2 + h1 / 2 + (0 if i == j or len(targets) == 1 else (-12 if i < j else 12)),
            )
            if len(targets) == 1 and len(sources) == 2:
                end = (x1 - 3, y1 - up / 2 + h1 / 2 + (-10 if i == 0 else 10))
            look = {"width": 1.6, "dash": (5, 3)} if crossed else {"width": 1.6}
            canvas.arrow([start, end], "train" if crossed else "soft", **look)


# Both -----------------------------------------------------------------------------------------------------


def _centre(column: Sequence[Volume]) -> float:
    return (column[0].x + column[-1].x + column[-1].wide) / 2


def _page(columns: list[list[Volume]], tallest: float, title: str, subtitle: str) -> tuple[Canvas, float]:
    """Places all volumes; returns the page with its title, and the height of the middle."""
    x, between = _MARGIN, 16.0
    for i, column in enumerate(columns):
        drawn = sum(v.wide for v in column) + between * (len(column) - 1)
        texts = [column[0].room(), *(width_of(_cut(line), TEXT) for v in column[1:] for line in v.as_pool)]
        room = max(drawn, *texts)
        at = x + (room - drawn) / 2
        for v in column:
            v.x = at
            at += v.wide + between
        x += room + (GAP if i + 1 < len(columns) else 0)
    below = (
        max(20 * sum(len(v.below if v is c[0] else v.as_pool) for v in c) + 8 * len(c) for c in columns) + 16
    )
    wide = max(x + _MARGIN, 520.0)
    for v in (v for column in columns for v in column):
        v.x += (wide - x - _MARGIN) / 2
    canvas = Canvas(wide, _HEAD + 56 + tallest + below + _MARGIN - 12)
    heading(canvas, title, subtitle)
    return canvas, _HEAD + 56 + tallest / 2


def heading(canvas: Canvas, title: str, subtitle: str) -> None:
    """The title in the upper left corner, and a line below it."""
    room = canvas.width - 2 * _MARGIN
    canvas.text(_MARGIN, 52, fitted_title(title, 26, room), 26, bold=True)
    canvas.text(_MARGIN, 80, fitted(subtitle, 16, room), 16, colour="soft")
    canvas.top = 86


def layer_element(canvas: Canvas, layer: Layer, same: Sequence[Layer] = ()) -> AbstractContextManager[None]:
    """The element of a layer, which may stand for several alike: their parameters are added."""
    alike = same or [layer]
    names = {"copies": len(alike), "names": " ".join(each.name for each in alike)} if len(alike) > 1 else {}
    return canvas.group(
        f"layer-{layer.id}",
        "\n".join(each.told for each in alike),
        name=layer.name,
        kind=layer.kind,
        size=times(layer.size),
        parameters=sum(each.parameters for each in alike),
        macs=sum(each.macs for each in alike),
        **names,
    )


def _captions(canvas: Canvas, v: Volume, top: float, bottom: float, x: float) -> None:
    name, *rest = v.above
    canvas.text(x, top - 36, _cut(name), NAME, bold=True, anchor="middle")
    for line in rest:
        canvas.text(x, top - 16, _cut(line), TEXT, anchor="middle", colour="soft")
    _lines(canvas, v, v.below, bottom + 30, x)


def _lines(canvas: Canvas, v: Volume, lines: Sequence[str], y: float, x: float) -> None:
    """Lines below a volume, the first in its colour."""
    for i, line in enumerate(lines):
        colour = "soft" if i else f"{v.layer.area}_edge"
        canvas.text(x, y + 20 * i, _cut(line), TEXT, anchor="middle", colour=colour)
