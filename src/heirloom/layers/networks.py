"""What networks are made as: chains of named layers, for images of one size; and what they return besides."""

from collections import OrderedDict
from itertools import islice
from typing import NamedTuple, cast

from torch import Tensor, nn

from heirloom.errors import HeirloomError
from heirloom.layers.together import computed


class WithAux(NamedTuple):
    """What a network with auxiliary heads returns in training; in evaluation it returns its scores alone."""

    scores: Tensor
    """(B, K), the network's own."""
    aux: tuple[Tensor, ...]
    """(B, K) each, those of the auxiliary heads."""


class WithPenalty(NamedTuple):
    """What a network with a penalty of its own returns in training; in evaluation, its output alone.

    The penalty is added to the loss as it is, in the loss's own units.
    """

    output: Tensor
    """(B, K) scores or (B, C, H, W) images."""
    penalty: Tensor
    """One number, without axes."""


def check_input(network: nn.Module, x: Tensor) -> None:
    """Refuse images of another size than the network's ``input_size``, (C, H, W).

    A network with an attribute ``takes_larger`` that is true takes larger images as well, one with
    ``any_height`` images of any number of rows.

    Raises:
        HeirloomError: (``E-input-size``) The input is not (B, *input_size).
    """
    size, given = cast(tuple[int, int, int], network.input_size), tuple(x.shape[1:])
    larger = bool(getattr(network, "takes_larger", False))
    at_least = len(given) == 3 and given[0] == size[0] and given[1] >= size[1] and given[2] >= size[2]
    rows = bool(getattr(network, "any_height", False))
    right_rows = len(given) == 3 and given[0] == size[0] and given[1] >= 1 and given[2] == size[2]
    if given != size and not (larger and at_least) and not (rows and right_rows):
        raise HeirloomError(
            "E-input-size",
            f"{type(network).__name__} takes (B, {', '.join(map(str, size))}){' or larger' * larger}"
            f"{', or another number of rows' * rows}",
            why=f"got {tuple(x.shape)}",
            remedy="resize or pad the images to the published size",
        )


class Chain(nn.Sequential):
    """A network that is a chain of named layers and takes images of one size only.

    A slice of it is a plain `nn.Sequential`.

    Raises:
        HeirloomError: (``E-input-size``, in ``forward``) The input is not (B, *input_size).
    """

    def __init__(self, input_size: tuple[int, int, int], **layers: nn.Module) -> None:
        super().__init__(OrderedDict(layers))
        self.input_size = tuple(input_size)

    def __getitem__(self, index: slice | int) -> nn.Module:
        if isinstance(index, slice):
            return nn.Sequential(OrderedDict(list(self.named_children())[index]))
        return super().__getitem__(index)

    def forward(self, x: Tensor) -> Tensor:
        """Apply the layers in order."""
        check_input(self, x)
        done, x = computed(self, x)
        for layer in islice(self, done, None):
            x = layer(x)
        return x
