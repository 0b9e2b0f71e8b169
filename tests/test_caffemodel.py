"""Caffe's files: both dialects, every way of storing numbers, and bytes that mean harm."""

import struct
import tracemalloc
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from heirloom.errors import HeirloomError
from heirloom.foreign import caffemodel
from heirloom.foreign.reading import read_foreign
from heirloom.foreign.wire import messages

# A small encoder, written from the description of the format.


def varint(number: int) -> bytes:
    out = bytearray()
    while number > 127:
        out.append(number & 127 | 128)
        number >>= 7
    return bytes([*out, number])


def field(number: int, value: "int | bytes | float") -> bytes:
    if isinstance(value, bytes):
        return varint(number << 3 | 2) + varint(len(value)) + value
    if isinstance(value, float):
        return varint(number << 3 | 5) + struct.pack("<f", value)
    return varint(number << 3) + varint(value)


def blob(
    values: Sequence[float],
    size: Sequence[int] | None,
    *,
    legacy: bool = False,
    packed: bool = True,
    double: bool = False,
) -> bytes:
    data = b""
    if double:
        data += field(8, struct.pack(f"<{len(values)}d", *values))
    elif packed:
        data += field(5, struct.pack(f"<{len(values)}f", *values))
    else:
        data += b"".join(field(5, float(value)) for value in values)
    if size is not None and legacy:
        four = [1] * (4 - len(size)) + list(size)
        data += b"".join(field(i, n) for i, n in enumerate(four, 1))
    elif size is not None:
        data += field(7, field(1, b"".join(map(varint, size))))
    return data


def layer(name: str, kind: str, *blobs: bytes) -> bytes:
    """A LayerParameter of today."""
    bottoms = field(3, b"data") + field(4, name.encode())
    return field(
        100,
        field(1, name.encode()) + field(2, kind.encode()) + bottoms + b"".join(field(7, b) for b in blobs),
    )


def old_layer(name: str, kind: int, *blobs: bytes) -> bytes:
    """A V1LayerParameter."""
    return field(
        2, field(2, b"data") + field(4, name.encode()) + field(5, kind) + b"".join(field(6, b) for b in blobs)
    )


WEIGHT = [0.5 * i - 3 for i in range(2 * 3 * 2 * 2)]
BIAS = [1.25, -2.5]


def test_todays_dialect() -> None:
    data = (
        field(1, b"net")
        + layer("data", "Data")
        + layer("conv", "Convolution", blob(WEIGHT, (2, 3, 2, 2)), blob(BIAS, (2,)))
    )
    found = caffemodel.read(data)
    assert list(found) == ["conv.weight", "conv.bias"]
    assert torch.equal(found["conv.weight"], torch.tensor(WEIGHT).view(2, 3, 2, 2))
    assert found["conv.bias"].tolist() == BIAS


def test_the_dialect_of_2014() -> None:
    data = old_layer("fc", 14, blob(WEIGHT, (2, 12), legacy=True), blob(BIAS, (2,), legacy=True)) + old_layer(
        "loss", 21
    )
    found = caffemodel.read(field(1, b"net") + data)
    assert tuple(found["fc.weight"].shape) == (1, 1, 2, 12)
    assert tuple(found["fc.bias"].shape) == (1, 1, 1, 2)
    assert found["fc.weight"].flatten().tolist() == WEIGHT


@settings(max_examples=60)
@given(
    values=st.lists(st.floats(-1e6, 1e6, width=32), min_size=1, max_size=12),
    packed=st.booleans(), double=st.booleans(), legacy=st.booleans(), old=st.booleans(),
)  # fmt: skip
def test_every_way_of_storing_numbers(
    values: list[float], packed: bool, double: bool, legacy: bool, old: bool
) -> None:
    one = blob(values, (len(values),), legacy=legacy, packed=packed, double=double)
    data = old_layer("a/b", 4, one) if old else layer("a/b", "Convolution", one)
    assert caffemodel.read(data)["a/b.weight"].flatten().tolist() == values


def test_numbers_in_several_pieces() -> None:
    pieces = (
        field(5, struct.pack("<2f", 1, 2))
        + field(5, 3.0)
        + field(5, struct.pack("<f", 4))
        + field(7, field(1, 4))
    )
    assert caffemodel.read(layer("a", "Bias", pieces))["a.weight"].tolist() == [1, 2, 3, 4]


def test_batch_statistics_are_divided_by_their_factor() -> None:
    bn = layer("bn", "BatchNorm", blob([2, 4], (2,)), blob([6, 8], (2,)), blob([2], (1,)))
    scale = layer("scale", "Scale", blob([1, 2], (2,)), blob([3, 4], (2,)))
    found = caffemodel.read(bn + scale)
    assert {name: value.tolist() for name, value in found.items()} == {
        "bn.running_mean": [1, 2], "bn.running_var": [3, 4], "scale.weight": [1, 2], "scale.bias": [3, 4]
    }  # fmt: skip
    never = layer("bn", "BatchNorm", blob([2, 4], (2,)), blob([6, 8], (2,)), blob([0], (1,)))
    assert caffemodel.read(never)["bn.running_var"].tolist() == [0, 0]


def test_a_mean_image() -> None:
    values = np.arange(3 * 2 * 2, dtype=np.float32)
    mean = caffemodel.read_mean(blob(values.tolist(), (3, 2, 2), legacy=True))
    assert torch.equal(mean, torch.from_numpy(values).view(3, 2, 2))
    with pytest.raises(ValueError, match="its size is"):
        caffemodel.read_mean(blob([1.0, 2.0], (2,)))


GOOD = layer("conv", "Convolution", blob(WEIGHT, (2, 3, 2, 2)), blob(BIAS, (2,)))


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (layer("conv", "Convolution", blob(WEIGHT, (2, 3, 2, 3))), "wants 36 numbers, it has 24"),
        (layer("conv", "Convolution", blob(WEIGHT, (2**30, 2**30, 2**30))), "it has 24"),
        (layer("conv", "Convolution", blob(WEIGHT, (2**31, 1))), "its size is"),
        (layer("conv", "Convolution", blob(WEIGHT, [1] * 40)), "its size is"),
        (GOOD + GOOD, "two layers 'conv' have weights"),
        (layer("data", "Data"), "no layer in it has weights"),
        (b"\x0a\xff\xff\xff\xff\x0f", "over the end"),
        (b"\xff" * 11, "more than ten bytes"),
        (b"\x0a", "cut short"),
        (b"\x0b", "wire type 3"),
        (b"\x02\x01", "field number 0"),
        (layer("conv", "Convolution", field(5, b"\0\0\0")), "its numbers are damaged"),
        (
            layer("conv", "Convolution", blob([1.0], None) + blob([1.0], None, double=True)),
            "its numbers twice",
        ),
        (layer("conv", "Convolution", field(12, b"raw")), "field 12 is none of BVLC's"),
        (field(2, field(1, b"\x0a\x01x")), "the form of 2013"),
        (layer("bn", "BatchNorm", blob([1.0], (1,))), "a mean, a variance and a factor"),
        (field(100, field(1, b"\xff\xfe")), "utf-8"),
    ],
)
def test_what_is_wrong_is_said_in_one_line(tmp_path: Path, data: bytes, words: str) -> None:
    path = tmp_path / "net.caffemodel"
    path.write_bytes(data)
    with pytest.raises(HeirloomError) as caught:
        read_foreign(path)
    assert caught.value.status == 4
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)


@settings(max_examples=400)
@given(chance=st.randoms(use_true_random=False), old=st.booleans(), cut=st.booleans())
def test_spoiled_files_give_one_line_and_no_more_memory_than_they_have(
    tmp_path_factory: pytest.TempPathFactory, chance: "st.random.Random", old: bool, cut: bool
) -> None:
    """Bytes changed, put in, and cut off: either it is still a network, or the reader says why it is not."""
    data = bytearray(GOOD + (old_layer("fc", 14, blob(WEIGHT, (2, 12), legacy=True)) if old else b""))
    for _ in range(chance.randint(1, 8)):
        position = chance.randrange(len(data))
        data[position] = chance.choice([0, 1, 0x7F, 0x80, 0xFF, chance.randrange(256)])
    if cut:
        del data[chance.randrange(len(data)) :]
    path = tmp_path_factory.getbasetemp() / "spoiled.caffemodel"
    path.write_bytes(data)
    tracemalloc.start()
    try:
        read_foreign(path)
    except HeirloomError as error:
        assert error.code == "E-weights"
        assert "\n" not in str(error)
    finally:
        _, most = tracemalloc.get_traced_memory()
        tracemalloc.stop()
    assert most < 1_000_000


@settings(max_examples=300)
@given(data=st.binary(max_size=200))
def test_any_bytes_are_a_message_or_a_value_error(data: bytes) -> None:
    try:
        found = sum(1 for _ in messages(memoryview(data)))
    except ValueError:
        return
    assert found <= len(data)
