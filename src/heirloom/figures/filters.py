"""The filters of the first layer, as the pictures that they look for."""

from dataclasses import dataclass
from math import ceil, prod, sqrt
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import Tensor, nn

from heirloom.figures.pixels import Pixels, diverging
from heirloom.layers import TableConv2d
from heirloom.rows import Trace

MOST = 96
"""Filters shown."""
MOST_PIXELS = 1_000_000
"""And their weights together: a fully connected first layer has as many in one filter as the image has."""


@dataclass(frozen=True)
class Filters:
    """The weights of a layer that reads the image.

    Attributes:
        layer: Its name.
        weight: (N, C, H, W) the filters shown.
        total: How many the layer has.
    """

    layer: str
    weight: NDArray[np.float32]
    total: int

    @property
    def limit(self) -> float:
        """Where the colours end, in both directions: the largest weight of all filters shown."""
        return float(np.abs(self.weight).max())

    @property
    def in_colour(self) -> bool:
        """Whether a filter is shown as one colour picture."""
        return bool(self.weight.shape[1] == 3)

    @property
    def legend(self) -> str:
        """What the colours mean."""
        if self.in_colour:
            return "grey is 0; red, green and blue show the weights of their own channel"
        return "blue below 0, white 0, red above"

    @property
    def ramp(self) -> Pixels:
        """The colours from -`limit` to `limit`. Shape (1, 256, 3)."""
        return self._coloured(np.linspace(-1, 1, 256, dtype=np.float32).reshape(1, 1, 256))

    def pixels(self, number: int) -> Pixels:
        """Filter ``number``; channels that are not the three of a colour picture stand side by side."""
        return self._coloured(self.weight[number] / (self.limit or 1.0))

    def _coloured(self, values: NDArray[np.float32]) -> Pixels:
        """Colours of (C, H, W) numbers from -1 to 1."""
        if self.in_colour:
            levels = np.rint(127.5 * (1 + values)).astype(np.uint8)
            return np.broadcast_to(levels, (3, *levels.shape[1:])).transpose(1, 2, 0).copy()
        return diverging(_mosaic(values))

    @property
    def shown(self) -> str:
        """``The 6 filters``, or ``The first 96 of 512 filters``."""
        n = len(self.weight)
        return f"The {n} filters" if n == self.total else f"The first {n} of {self.total} filters"


def first_filters(model: nn.Module, trace: Trace) -> Filters | None:
    """The filters of the first layer that has weights; None where they are no pictures."""
    name = next((row.name for row in trace if row.connections and row.parameters), None)
    weight = None if name is None else kernels_of(model, trace, name)
    if name is None or weight is None:
        return None
    count = min(MOST, max(1, MOST_PIXELS // weight[0].numel()))
    return Filters(name, weight[:count].float().numpy(), len(weight))


def kernels_of(model: nn.Module, trace: Trace, name: str) -> Tensor | None:
    """The weights of a layer as kernels (N, C, H, W): of each of its N maps one for each map that it reads.

    A full connection has kernels as large as the maps that it reads; one that reads single numbers has none,
    and gives None, as every layer does whose weights are no kernels.
    """
    modules = dict(model.named_modules())
    layer = modules.get(name, model if name == type(model).__name__ else None)
    weight: Any = layer.dense_weight() if isinstance(layer, TableConv2d) else getattr(layer, "weight", None)
    if not isinstance(weight, Tensor) or isinstance(layer, nn.ConvTranspose2d):
        return None
    if isinstance(layer, nn.Linear):
        size = _maps_before(trace, name)
        if size is None or prod(size) != weight.shape[1]:
            return None
        weight = weight.view(-1, *size)
    return weight.detach().to("cpu") if weight.ndim == 4 else None


def _maps_before(trace: Trace, name: str) -> tuple[int, ...] | None:
    """Size (C, H, W) of what a full connection reads, before it was made one row of numbers."""
    row = next((row for row in trace if row.name == name and row.inputs), None)
    while row is not None and row.inputs:
        row = trace.rows[row.inputs[0]]
        if len(row.output_size or ()) == 3:
            return row.output_size
        if not row.moves_only and row.kind != "dropout":
            return None
    return None


def _mosaic(values: NDArray[np.float32]) -> NDArray[np.float32]:
    """(C, H, W) as one picture: the channels in a square, a line of zeros between them."""
    channels, height, width = values.shape
    columns = ceil(sqrt(channels))
    rows = ceil(channels / columns)
    picture = np.zeros((rows * (height + 1) - 1, columns * (width + 1) - 1), np.float32)
    for i, channel in enumerate(values):
        y, x = (i // columns) * (height + 1), (i % columns) * (width + 1)
        picture[y : y + height, x : x + width] = channel
    return picture
