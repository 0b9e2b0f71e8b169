"""Layers that do nothing in evaluation and still belong in the table: dropout and the identity."""

from torch import nn

from heirloom.ops import Attributes, Call, Counts, Op


def _dropout(layer: nn.Dropout) -> Attributes:
    return {"kind": "dropout", "p": layer.p}


def _identity(layer: nn.Identity) -> Attributes:
    return {"kind": "identity"}


def _count(call: Call) -> Counts:
    return Counts()


OPS = (
    Op(
        "identity",
        _count,
        modules={
            nn.Identity: _identity,
            nn.Dropout: _dropout,
            nn.Dropout1d: _dropout,
            nn.Dropout2d: _dropout,
            nn.Dropout3d: _dropout,
            nn.AlphaDropout: _dropout,
            nn.FeatureAlphaDropout: _dropout,
        },
        moves_only=True,
    ),
)
