"""Layers that do nothing in evaluation and still belong in the table: dropout, noise and the identity."""

from math import prod

from torch import nn

from heirloom.layers import MaskingNoise
from heirloom.ops import Attributes, Call, Counts, Kept, Op


def _dropout(layer: nn.Dropout) -> Attributes:
    return {"kind": "dropout", "p": layer.p}


def _identity(layer: nn.Identity) -> Attributes:
    return {"kind": "identity"}


def _noise(layer: MaskingNoise) -> Attributes:
    return {"kind": "masking_noise", "share": layer.share}


def _count(call: Call) -> Counts:
    return Counts()


def _keeps(call: Call) -> Kept:
    """Dropout keeps, for each number, by what it was multiplied. Noise has nothing trained before it."""
    return Kept(bytes_per_image=4 * prod(call.output) if call.attrs.get("p") else 0)


OPS = (
    Op(
        "identity",
        _count,
        keeps=_keeps,
        modules={
            nn.Identity: _identity,
            nn.Dropout: _dropout,
            nn.Dropout1d: _dropout,
            nn.Dropout2d: _dropout,
            nn.Dropout3d: _dropout,
            nn.AlphaDropout: _dropout,
            nn.FeatureAlphaDropout: _dropout,
            MaskingNoise: _noise,
        },
        moves_only=True,
    ),
)
