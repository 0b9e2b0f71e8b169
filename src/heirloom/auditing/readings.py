"""What is read off a network's books: the numbers that papers and lectures print about it."""

import json
from collections.abc import Callable
from fractions import Fraction
from functools import cache
from math import prod
from typing import Any

from heirloom.accounting import Summary, pixels, summary
from heirloom.auditing.verdicts import Value
from heirloom.rows import Row


@cache
def _published(model: str, args: str) -> Summary:
    return summary(model, **json.loads(args))


def books(model: str, args: dict[str, Any] | None = None) -> Summary:
    """The books of a published network, which do not change while the program runs."""
    return _published(model, json.dumps(args or {}, sort_keys=True))


def measured(quantity: str, layer: str, books: Summary) -> int | tuple[int, ...]:
    """The network's own number for what a claim is about: a total, or of a row.

    Raises:
        KeyError: There is no such row, or nothing has that quantity.
    """
    if quantity == "units":
        return books.units
    if not layer:
        return books.totals[quantity]
    value = getattr(books.trace[layer], quantity)
    if quantity in ("receptive_field", "jump"):
        value = pixels(value)
    found: int | tuple[int, ...] = tuple(value) if isinstance(value, list) else value
    return found


def _maps_last(size: tuple[int, ...] | None) -> tuple[int, ...]:
    assert size is not None
    return (*size[1:], size[0])


def _kernel(row: Row) -> tuple[int, ...]:
    # A fully connected layer is a 1 x 1 convolution of maps of one unit.
    return tuple(row.attrs["kernel"]) if "kernel" in row.attrs else (1, 1)


def _biases(row: Row) -> int:
    return (row.output_size or (0,))[0] if row.attrs.get("bias") else 0


OF_A_ROW: dict[str, Callable[[Row], Value]] = {
    "output_size": lambda row: _maps_last(row.output_size),
    "input_size": lambda row: _maps_last(row.input_sizes[0]),
    "inputs": lambda row: prod(row.input_sizes[0]),
    "outputs": lambda row: prod(row.output_size or ()),
    "maps": lambda row: (row.output_size or (0,))[0],
    "side": lambda row: (row.output_size or (0,))[-1],
    "pixels": lambda row: prod((row.output_size or ())[1:]),
    "kernel": _kernel,
    "filter": lambda row: (*_kernel(row), row.attrs["in_maps"] // row.attrs["groups"]),
    "kernel_maps": lambda row: (_kernel(row)[0], (row.output_size or (0,))[0]),
    "window": lambda row: _kernel(row)[0],
    "strides": lambda row: tuple(row.attrs["stride"]),
    "stride": lambda row: row.attrs["stride"][0],
    "padding": lambda row: row.attrs["padding"][0],
    "groups": lambda row: row.attrs["groups"],
    "maps_of_a_group": lambda row: row.attrs["out_maps"] // row.attrs["groups"],
    "biases": _biases,
    "weights": lambda row: row.parameters - _biases(row),
    "rate": lambda row: Fraction(str(row.attrs["p"])),
    "size": lambda row: row.attrs["size"],
    "alpha": lambda row: Fraction(str(row.attrs["alpha"])),
    "beta": lambda row: Fraction(str(row.attrs["beta"])),
}
"""What lectures say about a layer, beside the columns of the summary; sizes with the maps last."""

_WEIGHTED = ("conv", "linear", "rbf", "gaussian")
_CONVOLUTION, _DENSE = ("conv",), ("linear", "rbf", "gaussian")


def _layers(kinds: tuple[str, ...]) -> Callable[[Summary], Value]:
    return lambda books: sum(row.kind in kinds for row in books.rows)


def _parameters(kinds: tuple[str, ...]) -> Callable[[Summary], int]:
    return lambda books: sum(row.parameters for row in books.rows if row.kind in kinds)


def _share(kinds: tuple[str, ...]) -> Callable[[Summary], Value]:
    return lambda books: Fraction(100 * _parameters(kinds)(books), books.totals["parameters"])


def _depth(books: Summary) -> int:
    """Layers with weights on the longest way from the input to the end."""
    deep: dict[int, int] = {}
    for row in books.rows:
        deep[row.id] = max((deep[i] for i in row.inputs), default=0) + (row.kind in _WEIGHTED)
    return max(deep.values())


OF_A_NETWORK: dict[str, Callable[[Summary], Value]] = {
    "depth": _depth,
    "conv_layers": _layers(_CONVOLUTION),
    "fc_layers": _layers(_DENSE),
    "pool_layers": _layers(("max_pool", "average_pool", "subsampling")),
    "conv_parameters": _parameters(_CONVOLUTION),
    "fc_parameters": _parameters(_DENSE),
    "pool_parameters": _parameters(("max_pool", "average_pool", "subsampling")),
    "conv_share": _share(_CONVOLUTION),
    "fc_share": _share(_DENSE),
}
"""What lectures say about a whole network; shares in per cent."""
