"""Normalisation: each result is elementwise, given statistics that are stored or shared by many."""

from collections.abc import Sequence
from math import prod

from torch import nn

from heirloom.layers import LRN, WithinMapNorm
from heirloom.ops import Attributes, Call, Counts, Kept, Op, Recognised, same_field
from heirloom.ops.receptive_field import Field


def _lrn(layer: nn.LocalResponseNorm) -> Attributes:
    return {"kind": "lrn", "size": layer.size, "alpha": layer.alpha, "beta": layer.beta, "k": layer.k}


def _our_lrn(layer: LRN) -> Attributes:
    return {
        "kind": "lrn",
        "convention": layer.convention,
        "size": layer.size,
        "alpha": layer.alpha,
        "beta": layer.beta,
        "k": layer.k,
        "groups": layer.groups,
    }


def _within_map_norm(layer: WithinMapNorm) -> Attributes:
    return {
        "kind": "within_map_norm",
        "size": layer.size,
        "alpha": layer.alpha,
        "beta": layer.beta,
        "k": layer.k,
    }


def _rms_norm(layer: nn.RMSNorm) -> Attributes:
    return {"kind": "rms_norm", "axes": len(layer.normalized_shape)}


def _batch_norm(call: Recognised) -> Attributes:
    return {"kind": "batch_norm", "momentum": float(call.args[5]), "eps": float(call.args[6])}


def _without_statistics(call: Recognised) -> Attributes:
    """Without stored statistics, those of the image itself are taken."""
    found: Attributes = {"kind": "batch_norm", "momentum": float(call.args[6]), "eps": float(call.args[7])}
    return {**found, "own_statistics": True} if call.args[5] else found


def _layer_norm(call: Recognised) -> Attributes:
    return {"kind": "layer_norm", "axes": len(call.args[1]), "eps": float(call.args[4])}


def _group_norm(call: Recognised) -> Attributes:
    return {"kind": "group_norm", "groups": int(call.args[6]), "eps": float(call.args[7])}


def _count(call: Call) -> Counts:
    return Counts(flops=prod(call.output))


def _field(call: Call, fields: Sequence[Field | None]) -> Field | None:
    """Batch and local response normalisation stay at their pixel; statistics over pixels see them all."""
    kind, field = call.attrs["kind"], fields[0]
    if field and kind == "within_map_norm":
        size = call.attrs["size"]
        sizes = (call.inputs[0], call.output)
        return field.windowed([size] * 2, [1, 1], [size // 2] * 2, [1, 1], sizes)
    if field is None or kind == "lrn" or (kind == "batch_norm" and not call.attrs.get("own_statistics")):
        return same_field(call, fields)
    rank = len(call.output)
    dims = range(rank - call.attrs["axes"], rank) if "axes" in call.attrs else range(2, rank)
    return field.with_axes([a.shared(a.units) if a.dim in dims else a for a in field.axes])


def _keeps(call: Call) -> Kept:
    """Batch normalisation also keeps mean and deviation of each map.

    Response normalisation keeps no more than it reads where it is ours; as PyTorch composes it, also the
    squares with two empty maps on each side, the sums, and their power; within a map likewise.
    """
    maps, kind, outputs = call.output[1] if len(call.output) > 1 else 1, call.attrs["kind"], prod(call.output)
    if kind == "lrn" and "convention" not in call.attrs:
        empty = (call.attrs["size"] - 1) * outputs // maps
        return Kept(inputs=True, bytes_per_image=4 * (3 * outputs + empty))
    if kind == "within_map_norm":
        return Kept(inputs=True, bytes_per_image=12 * outputs)
    return Kept(inputs=True, bytes_per_batch=8 * maps if kind == "batch_norm" else 0)


OPS = (
    Op(
        "normalisation",
        _count,
        _field,
        keeps=_keeps,
        modules={
            LRN: _our_lrn,
            WithinMapNorm: _within_map_norm,
            nn.LocalResponseNorm: _lrn,
            nn.RMSNorm: _rms_norm,
        },
        aten={
            "aten.native_batch_norm": _without_statistics,
            "aten._native_batch_norm_legit_no_training": _batch_norm,
            "aten.native_layer_norm": _layer_norm,
            "aten.native_group_norm": _group_norm,
        },
    ),
)
