"""The files of data sets that are downloaded: what they are called, how long they are, their checksums.

The checksums of MNIST are of the unpacked bytes, since copies are about that were packed anew; we computed
them from files whose unpacked MD5 sums are those in circulation. Those of Fashion-MNIST are of the packed
files.

Source: for Fashion-MNIST torchvision's ``prototype/datasets/_builtin/mnist.py``; the packed files also have
the MD5 sums that the README of zalandoresearch/fashion-mnist prints.
"""

import gzip
import hashlib
import struct
import zlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from heirloom.data.idx import unpacked

NAMES = (
    "train-images-idx3-ubyte",
    "train-labels-idx1-ubyte",
    "t10k-images-idx3-ubyte",
    "t10k-labels-idx1-ubyte",
)
"""Images and labels to train with, then to test with."""


@dataclass(frozen=True)
class PublishedFile:
    """A file as it was published.

    Attributes:
        name: Without ``.gz``.
        size: Bytes, unpacked.
        sha256: Hexadecimal SHA-256.
        packed: The checksum is of the gzipped file, not of what is in it.
    """

    name: str
    size: int
    sha256: str
    packed: bool = False

    def is_in(self, path: Path, array: NDArray[np.uint8]) -> bool:
        """Whether ``path``, from which ``array`` was read, is this file; True if that cannot be told."""
        if not self.packed:
            header = struct.pack(f">{1 + array.ndim}I", 0x800 + array.ndim, *array.shape)
            return hashlib.sha256(header + array.tobytes()).hexdigest() == self.sha256
        packed = path.read_bytes()
        return packed[:2] != b"\x1f\x8b" or hashlib.sha256(packed).hexdigest() == self.sha256

    def fault(self, path: Path) -> str:
        """Say why ``path`` is not this file; empty if it is. Raises OSError if it cannot be read."""
        packed, inner, size = hashlib.sha256(), hashlib.sha256(), 0
        try:
            with unpacked(path) as stream:
                # One byte more than there should be is enough to know, however much would follow.
                while chunk := stream.read(min(2**20, self.size + 1 - size)):
                    inner.update(chunk)
                    size += len(chunk)
        except EOFError:
            return "its gzip stream is cut short"
        except (zlib.error, gzip.BadGzipFile) as error:
            return f"no gzip file, or a damaged one: {error}"
        if size != self.size:
            more = "more than " if size > self.size else ""
            return f"{more}{min(size, self.size):,} bytes unpacked instead of {self.size:,}"
        if self.packed:
            with path.open("rb") as file:
                while chunk := file.read(2**20):
                    packed.update(chunk)
        found = (packed if self.packed else inner).hexdigest()
        return "" if found == self.sha256 else f"its SHA-256 is {found}, not {self.sha256}"

    def __str__(self) -> str:
        of = "" if self.packed else " unpacked"
        return f"{self.name}.gz ({self.size:,} bytes unpacked, SHA-256{of} {self.sha256})"


def _packed(name: str, size: int, sha256: str) -> PublishedFile:
    return PublishedFile(name, size, sha256, packed=True)


FILES = {
    "mnist": (
        PublishedFile(NAMES[0], 47040016, "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db"),
        PublishedFile(NAMES[1], 60008, "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5"),
        PublishedFile(NAMES[2], 7840016, "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7"),
        PublishedFile(NAMES[3], 10008, "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2"),
    ),
    "fashion_mnist": (
        _packed(NAMES[0], 47040016, "3aede38d61863908ad78613f6a32ed271626dd12800ba2636569512369268a84"),
        _packed(NAMES[1], 60008, "a04f17134ac03560a47e3764e11b92fc97de4d1bfaf8ba1a3aa29af54cc90845"),
        _packed(NAMES[2], 7840016, "346e55b948d973a97e58d2351dde16a484bd415d4595297633bb08f03db6a073"),
        _packed(NAMES[3], 10008, "67da17c76eaffca5446c3361aaab5c3cd6d1c2608764d35dfb1850b086bf8dd5"),
    ),
}
"""Files of each data set that can be downloaded."""

MIRRORS = {
    "mnist": (
        "https://ossci-datasets.s3.amazonaws.com/mnist",
        "https://storage.googleapis.com/cvdf-datasets/mnist",
    ),
    "fashion_mnist": (
        "https://raw.githubusercontent.com/zalandoresearch/fashion-mnist/master/data/fashion",
        "https://storage.googleapis.com/tensorflow/tf-keras-datasets",
    ),
}
"""Folders on the web that have them, in the order in which they are tried."""
