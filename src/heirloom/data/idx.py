"""The one place where IDX files are opened, as MNIST's writers published them.

An IDX file is two zero bytes, a byte for the type of its numbers, a byte for how many dimensions there are,
four bytes for each dimension, the highest first, then the numbers. It is read gzipped or not, told by its
content. No header is believed: memory is taken for bytes that are there, not for those that are promised.

Source: LeCun, Cortes, Burges, "The MNIST database of handwritten digits", section "File formats".
"""

import contextlib
import gzip
import io
import math
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray

from heirloom.errors import HeirloomError

MOST_BYTES = 2**28
"""Bytes in one file, unpacked, at most: five times MNIST. More is damaged, or means harm."""

TYPES = {8: "uint8", 9: "int8", 11: "int16", 12: "int32", 13: "float32", 14: "float64"}
_CHUNK = 2**20
_GZIP = b"\x1f\x8b"


def read_idx(path: Path, remedy: str = "") -> NDArray[np.uint8]:
    """Read the whole of an IDX file of bytes, of one to four dimensions.

    Args:
        path: The file, gzipped or not.
        remedy: What to do about a bad file, for the errors.

    Raises:
        HeirloomError: (``E-data-file``) It cannot be read, is no IDX file, holds something else than bytes,
            or more or less than it promises.
    """
    try:
        with unpacked(path) as stream:
            return _read(stream, path, remedy)
    except EOFError as error:
        raise _bad(path, "its gzip stream is cut short", remedy) from error
    except (zlib.error, gzip.BadGzipFile) as error:
        raise _bad(path, f"damaged gzip data: {error}", remedy) from error
    except OSError as error:
        raise _bad(path, (error.strerror or str(error)).lower(), remedy) from error


def read_labelled(
    images: Path, labels: Path, classes: int, remedy: str = ""
) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Read images (N, H, W) and their labels (N,), which are below ``classes``.

    Raises:
        HeirloomError: (``E-data-file``) Either file is bad, or they do not belong together.
    """
    pixels, answers = read_idx(images, remedy), read_idx(labels, remedy)
    if pixels.ndim != 3 or answers.ndim != 1:
        swapped = "swapped: " if pixels.ndim == 1 and answers.ndim == 3 else ""
        raise HeirloomError(
            "E-data-file",
            "no images with their labels",
            where=f"{images} and {labels}",
            why=f"{swapped}the images' file has {_dimensions(pixels)}, the labels' {_dimensions(answers)}; "
            "it should be 3 and 1 (byte offset 3)",
            remedy=remedy,
        )
    if len(pixels) != len(answers):
        raise HeirloomError(
            "E-data-file",
            "images and labels do not belong together",
            where=f"{images} and {labels}",
            why=f"{len(pixels):,} images, {len(answers):,} labels",
            remedy=remedy,
        )
    wrong = np.flatnonzero(answers >= classes)
    if len(wrong):
        index = int(wrong[0])
        raise _bad(
            labels,
            f"label {index:,} (byte offset {8 + index}) is {answers[index]}, allowed are 0 to {classes - 1}",
            remedy,
        )
    return pixels, answers


@contextlib.contextmanager
def unpacked(path: Path) -> Iterator[BinaryIO]:
    """The bytes of a file, unpacked while they are read if it is gzipped.

    Raises:
        OSError: It is no regular file, or cannot be read; `gzip.BadGzipFile`, EOFError and `zlib.error` come
            from damaged gzip data.
    """
    with opened(path) as file:
        if file.peek(2)[:2] == _GZIP:
            with gzip.GzipFile(fileobj=file) as unpacked:
                yield unpacked  # type: ignore[misc]
        else:
            yield file


def opened(path: Path) -> io.BufferedReader:
    """A file, opened to be read; a folder, or a pipe that might never end, is an OSError."""
    if path.exists() and not path.is_file():
        raise OSError("not a regular file")
    return path.open("rb")


def _read(stream: BinaryIO, path: Path, remedy: str) -> NDArray[np.uint8]:
    head = stream.read(512)
    if len(head) < 4:
        raise _bad(path, f"{len(head)} bytes, an IDX file needs at least 4", remedy)
    if head.lstrip()[:1] == b"<":
        raise _bad(path, "it looks like a web page: a failed download", remedy)
    if head[:2] != b"\0\0":
        inner = ", which looks like gzip data packed twice" if head[:2] == _GZIP else ""
        raise _bad(
            path,
            f"no IDX file: it begins with {head[:2].hex(' ')}{inner}, not with 00 00 (byte offset 0)",
            remedy,
        )
    if head[2] != 8:
        kind = TYPES.get(head[2])
        known = f"its numbers are {kind}" if kind else f"there is no type 0x{head[2]:02x} of numbers"
        raise _bad(path, f"{known} (byte offset 2), images and labels are uint8, type 0x08", remedy)
    if not 1 <= head[3] <= 4:
        raise _bad(path, f"{head[3]} dimensions (byte offset 3), allowed are 1 to 4", remedy)
    start = 4 + 4 * head[3]
    if len(head) < start:
        raise _bad(path, f"cut short within its header: {len(head)} bytes of {start}", remedy)
    shape = [int.from_bytes(head[at : at + 4], "big") for at in range(4, start, 4)]
    if 0 in shape:
        raise _bad(path, f"dimension {shape.index(0)} is 0 (byte offset {4 + 4 * shape.index(0)})", remedy)
    promised = math.prod(shape)
    body = bytearray()
    chunk, there = head[start:], 0
    while chunk and there <= MOST_BYTES:
        there += len(chunk)
        if there <= promised <= MOST_BYTES:
            body += chunk
        chunk = stream.read(_CHUNK)
    if there != promised or promised > MOST_BYTES:
        sizes = " x ".join(map(str, shape))
        why = (
            f"its header (byte offset 4) promises {sizes} = {promised:,} bytes of data, "
            f"there are {'more than ' if there > MOST_BYTES else ''}{min(there, MOST_BYTES):,}"
        )
        raise _bad(path, why + (f"; the limit is {MOST_BYTES:,}" if promised > MOST_BYTES else ""), remedy)
    return np.frombuffer(body, np.uint8).reshape(shape)


def _bad(path: Path, why: str, remedy: str) -> HeirloomError:
    return HeirloomError("E-data-file", "cannot read the data", where=str(path), why=why, remedy=remedy)


def _dimensions(array: NDArray[np.uint8]) -> str:
    return f"{array.ndim} dimension{'s' * (array.ndim > 1)}, {' x '.join(map(str, array.shape))}"
