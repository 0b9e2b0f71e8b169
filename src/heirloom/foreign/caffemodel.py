"""Caffe's trained networks (``.caffemodel``), in both of its dialects, and its mean images.

Source: BVLC/caffe 9b89154, src/caffe/proto/caffe.proto: NetParameter, LayerParameter (field 100),
V1LayerParameter (field 2), BlobProto, BlobShape. The structure of the network is not read: names, kinds and
numbers of the layers are.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from heirloom.foreign.wire import DELIMITED, EIGHT_BYTES, FOUR_BYTES, Value, messages, numbers

NAMES = ("weight", "bias")
"""What the blobs of a layer are called here, in their order."""

MOST_DIMENSIONS = 8


@dataclass(frozen=True)
class _Dialect:
    """Where a kind of layer message has what is needed."""

    name: int
    kind: int
    blobs: int


_LAYER = {100: _Dialect(name=1, kind=2, blobs=7), 2: _Dialect(name=4, kind=5, blobs=6)}
"""Field of the network -> its kind of layer: today's, and that of 2013 and 2014."""

_OLDER_LAYER = 1
"""Field of a V1LayerParameter that holds a layer of the dialect before it."""


def read(data: bytes) -> dict[str, Tensor]:
    """The tensors of a network, named ``LAYER.weight`` and ``LAYER.bias``, sizes as stored.

    A layer ``BatchNorm`` stores sums and what to divide them by: it becomes ``LAYER.running_mean`` and
    ``LAYER.running_var``. Further blobs are ``LAYER.2`` and so on.

    Raises:
        ValueError: The bytes are no such network, or not one that is understood; says where.
    """
    found: dict[str, Tensor] = {}
    for field, kind, value in messages(memoryview(data)):
        if field in _LAYER and kind == DELIMITED:
            assert isinstance(value, memoryview)
            name, sort, blobs = _layer(value, _LAYER[field])
            if not blobs:
                continue
            for key, tensor in _named(name, sort, blobs):
                if key in found:
                    raise ValueError(f"two layers {name!r} have weights")
                found[key] = tensor
    if not found:
        raise ValueError("no layer in it has weights")
    return found


def read_mean(data: bytes) -> Tensor:
    """A mean image (``.binaryproto``) as (C, H, W), channels in Caffe's order, BGR.

    Raises:
        ValueError: The bytes are no such image.
    """
    mean = _blob(memoryview(data))
    while mean.ndim > 3 and mean.shape[0] == 1:
        mean = mean[0]
    if mean.ndim != 3:
        raise ValueError(f"its size is {tuple(mean.shape)}")
    return mean


def _layer(data: memoryview, dialect: _Dialect) -> tuple[str, str, list[Tensor]]:
    name, sort, blobs = "", "", []
    for field, kind, value in messages(data):
        if field == dialect.name and kind == DELIMITED:
            assert isinstance(value, memoryview)
            name = bytes(value).decode("utf-8")
        elif field == dialect.kind and kind == DELIMITED:
            assert isinstance(value, memoryview)
            sort = bytes(value).decode("utf-8")
        elif field == dialect.blobs:
            if kind != DELIMITED:
                raise ValueError(f"layer {name!r}: a blob is no message")
            assert isinstance(value, memoryview)
            try:
                blobs.append(_blob(value))
            except ValueError as error:
                raise ValueError(f"layer {name!r}, blob {len(blobs)}: {error}") from error
        elif field == _OLDER_LAYER and dialect.name != _OLDER_LAYER:
            raise ValueError("its layers are of the form of 2013: upgrade it with Caffe's upgrade_net_proto")
    return name, sort, blobs


def _named(name: str, sort: str, blobs: list[Tensor]) -> Iterator[tuple[str, Tensor]]:
    if sort == "BatchNorm":
        if len(blobs) != 3 or blobs[2].numel() != 1:
            raise ValueError(f"layer {name!r}: a BatchNorm has a mean, a variance and a factor")
        factor = float(blobs[2].reshape(-1)[0])
        scale = 1 / factor if factor else 0.0  # as Caffe does
        yield f"{name}.running_mean", blobs[0] * scale
        yield f"{name}.running_var", blobs[1] * scale
        return
    for i, blob in enumerate(blobs):
        yield f"{name}.{NAMES[i] if i < len(NAMES) else i}", blob


def _blob(data: memoryview) -> Tensor:
    """A BlobProto: its numbers must be as many as its size says."""
    legacy: dict[int, int] = {}
    size: tuple[int, ...] | None = None
    singles, doubles = _Numbers("<f4", FOUR_BYTES), _Numbers("<f8", EIGHT_BYTES)
    for field, kind, value in messages(data):
        if field in (1, 2, 3, 4) and isinstance(value, int):
            legacy[field] = value
        elif field == 5:
            singles.add(value, kind)
        elif field == 8:
            doubles.add(value, kind)
        elif field == 7 and kind == DELIMITED:
            size = _shape(value)
        elif field > 9:
            raise ValueError(f"field {field} is none of BVLC's Caffe")
    if size is None:
        # A number that is left out is 0 for protocol buffers; a blob without any has its numbers in a row.
        size = tuple(legacy.get(field, 0) for field in (1, 2, 3, 4)) if legacy else None
    if len(singles) and len(doubles):
        raise ValueError("it has its numbers twice")
    values = (doubles if len(doubles) else singles).array()
    size = (len(values),) if size is None else size
    if math.prod(size) != len(values):
        raise ValueError(f"its size {size} wants {math.prod(size)} numbers, it has {len(values)}")
    return torch.from_numpy(values).view(size)


def _shape(value: Value) -> tuple[int, ...]:
    assert isinstance(value, memoryview)
    size: list[int] = []
    for field, kind, inner in messages(value):
        if field == 1:
            for number in numbers(inner, kind):
                size.append(number)
                if len(size) > MOST_DIMENSIONS or number >= 2**31:
                    raise ValueError(f"its size is {tuple(size)}")
    return tuple(size)


class _Numbers:
    """Floating-point numbers of a repeated field, packed or one by one."""

    def __init__(self, dtype: str, alone: int) -> None:
        self.dtype = np.dtype(dtype)
        self.alone = alone  # the wire type of one that stands alone
        self.data = bytearray()

    def __len__(self) -> int:
        return len(self.data)

    def add(self, value: Value, kind: int) -> None:
        """Take the numbers of one field."""
        if isinstance(value, int) or kind not in (DELIMITED, self.alone) or len(value) % self.dtype.itemsize:
            raise ValueError("its numbers are damaged")
        self.data += value

    def array(self) -> NDArray[np.float32]:
        """All of them as float32."""
        return np.frombuffer(self.data, self.dtype).astype(np.float32)
