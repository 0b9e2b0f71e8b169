"""The architecture of a network, in the way of the papers that fits it: chosen by its structure alone.

- A short chain of small maps: stacked maps, as in LeCun et al. 1998.
- A short chain of larger ones, or one whose convolutions read their maps in two groups: boxes, as in
  Krizhevsky et al. 2012.
- All others: columns of boxes, branches side by side, repeated blocks folded.
"""

from itertools import pairwise
from typing import Any, Literal

from heirloom.accounting import Summary
from heirloom.figures.architecture import Layer, blocks_of, layers_of
from heirloom.figures.canvas import Canvas
from heirloom.figures.columns import columns
from heirloom.figures.picture import Asked, Picture
from heirloom.figures.volumes import boxed, stacked, volumes_of
from heirloom.tracing import trace

Idiom = Literal["stacked maps", "boxes", "columns"]

_SHORT, _SMALL, _FEW = 10, 64, 128
"""Layers with weights of a short chain; the longest side and the most maps of small ones."""
_WIDE = 1440
"""Width from which a chain is drawn narrower."""


def picture(asked: Asked) -> Picture:
    """One network; no data are needed."""
    (subject,) = asked.subjects
    books = Summary(trace(subject.model, subject.preprocess.size, name=subject.label))
    idle = [row for row in books.rows if not row.executed and row.parameters]
    layers = layers_of(books.trace)
    idiom = idiom_of(layers)
    totals = books.totals
    words = f"{totals['parameters']:,} parameters, {totals['macs']:,} multiply-adds for one image"
    if idle:
        words += f"; not drawn, since they run in training alone: {sum(r.parameters for r in idle):,} of them"
    canvas = drawing(layers, idiom, subject.label, words)
    numbers: dict[str, Any] = {
        "network": subject.label,
        "idiom": idiom,
        "input_size": list(books.trace.input_size),
        "layers": [_numbers(layer) for layer in layers],
        "not_run": [{"name": row.name, "parameters": row.parameters} for row in idle],
        "totals": totals,
    }
    told = ". ".join(layer.told for layer in layers[:40])
    more = f". And {len(layers) - 40} more" if len(layers) > 40 else ""
    return Picture(numbers, f"The architecture of {subject.label}", f"{words}. {told}{more}.", canvas)


def idiom_of(layers: list[Layer]) -> Idiom:
    """How a network with these layers is drawn."""
    weighted = [layer for layer in layers if layer.parameters or layer.area in ("conv", "dense")]
    chain = all(layer.inputs == [before.id] for before, layer in pairwise(layers))
    if not chain or len(weighted) > _SHORT:
        return "columns"
    maps = [layer.size for layer in layers if len(layer.size) == 3]
    small = all(max(size[1:]) <= _SMALL and size[0] <= _FEW for size in maps)
    grouped = any(layer.groups > 1 for layer in layers)
    return "stacked maps" if small and not grouped else "boxes"


def drawing(layers: list[Layer], idiom: Idiom, title: str, subtitle: str) -> Canvas:
    """The drawing in this way."""
    if idiom == "columns":
        return columns(blocks_of(layers), title, subtitle)
    draw = stacked if idiom == "stacked maps" else boxed
    canvas = draw(volumes_of(layers), title, subtitle)
    if canvas.width > _WIDE:
        canvas = draw(volumes_of(layers, narrow=True), title, subtitle)
    return canvas


def _numbers(layer: Layer) -> dict[str, Any]:
    return {
        "id": layer.id,
        "name": layer.name,
        "does": layer.does,
        "inputs": layer.inputs,
        "output_size": list(layer.size),
        "followed_by": [row.name for row in layer.rows[1:]],
        "parameters": layer.parameters,
        "connections": layer.connections,
        "macs": layer.macs,
    }
