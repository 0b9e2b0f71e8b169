"""Protocol buffers as bytes: fields with a number, and no length that is believed.

Source: Google, "Protocol Buffers: Encoding". Only what Caffe's messages need is read; groups, which no file
of this century has, are refused.
"""

from collections.abc import Iterator

VARINT, EIGHT_BYTES, DELIMITED, FOUR_BYTES = 0, 1, 2, 5

Value = int | memoryview
"""A number for VARINT, else the bytes."""


def messages(data: memoryview) -> Iterator[tuple[int, int, Value]]:
    """The fields of one message in their order: (number, wire type, value). Nothing is copied.

    Raises:
        ValueError: The bytes are no message: a field runs over the end, or is of a kind that does not exist.
    """
    position = 0
    while position < len(data):
        key, position = _varint(data, position)
        number, kind = key >> 3, key & 7
        if not 1 <= number < 2**29:
            raise ValueError(f"field number {number}")
        if kind == VARINT:
            value, position = _varint(data, position)
            yield number, kind, value
            continue
        if kind == DELIMITED:
            length, position = _varint(data, position)
        elif kind in (EIGHT_BYTES, FOUR_BYTES):
            length = 8 if kind == EIGHT_BYTES else 4
        else:
            raise ValueError(f"wire type {kind}")
        if length > len(data) - position:
            raise ValueError(f"field {number} runs {length - len(data) + position} bytes over the end")
        yield number, kind, data[position : position + length]
        position += length


def numbers(value: Value, kind: int) -> Iterator[int]:
    """The whole numbers of a repeated field: one, or several packed together.

    Raises:
        ValueError: It is of another kind, or cut short.
    """
    if isinstance(value, int):
        yield value
        return
    if kind != DELIMITED:
        raise ValueError("a whole number of a fixed width")
    position = 0
    while position < len(value):
        number, position = _varint(value, position)
        yield number


def _varint(data: memoryview, position: int) -> tuple[int, int]:
    number = 0
    for shift in range(0, 70, 7):
        if position >= len(data):
            raise ValueError("cut short")
        byte = data[position]
        position += 1
        number |= (byte & 127) << shift
        if byte < 128:
            return number & (2**64 - 1), position
    raise ValueError("a number of more than ten bytes")
