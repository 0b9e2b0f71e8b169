"""The files of data sets that are downloaded: what they are called, how long they are, their checksums.

The checksums of MNIST are of the unpacked bytes, since copies are about that were packed anew; we computed
them from files whose unpacked MD5 sums are those in circulation. Those of Fashion-MNIST are of the packed
files.

CIFAR is downloaded as the archive of its binary version, which is never unpacked on the disk.

Source: for Fashion-MNIST torchvision's ``prototype/datasets/_builtin/mnist.py``; the packed files also have
the MD5 sums that the README of zalandoresearch/fashion-mnist prints. For CIFAR's binary files and archives
ankane/torchvision-ruby, for its archives for Python keras-team/keras, for the MD5 sums of its pickled batches
torchvision. We computed those of CIFAR-10's training batches from files whose SHA-1 sums are the official
ones, and that of a thousand of its test images from a copy.
"""

import gzip
import hashlib
import struct
import zlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from heirloom.data.idx import opened, unpacked

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


@dataclass(frozen=True)
class PublishedArchive(PublishedFile):
    """An archive as it was published: ``name`` ends in ``.tar``; size and checksum are of the packed file."""

    packed: bool = True

    def fault(self, path: Path) -> str:
        """As of `PublishedFile`; nothing is unpacked."""
        digest, size = hashlib.sha256(), 0
        with opened(path) as file:
            while chunk := file.read(min(2**20, self.size + 1 - size)):
                digest.update(chunk)
                size += len(chunk)
        if size != self.size:
            return (
                f"{'more than ' * (size > self.size)}{min(size, self.size):,} bytes instead of {self.size:,}"
            )
        found = digest.hexdigest()
        return "" if found == self.sha256 else f"its SHA-256 is {found}, not {self.sha256}"

    def __str__(self) -> str:
        return f"{self.name}.gz ({self.size:,} bytes, SHA-256 {self.sha256})"


def _packed(name: str, size: int, sha256: str) -> PublishedFile:
    return PublishedFile(name, size, sha256, packed=True)


CIFAR_SUMS = {
    "cifar-10-binary.tar.gz": "c4a38c50a1bc5f3a1c5537f2155ab9d68f9f25eb1ed8d9ddda3db29a59bca1dd",
    "cifar-10-python.tar.gz": "6d958be074577803d12ecdefd02955f39262c83c16fe9348329d7fe0b5c001ce",
    "data_batch_1.bin": "cee916563c9f80d84e3cc88e17fdc0941787f1244f00a67874d45b261883ada5",
    "data_batch_2.bin": "a591ca11fa1708a91ee40f54b3da4784ccd871ecf2137de63f51ada8b3fa57ed",
    "data_batch_3.bin": "bbe8596564c0f86427f876058170b84dac6670ddf06d79402899d93ceea26f67",
    "data_batch_4.bin": "014e562d6e23c72197cc727519169a60359f5eccd8945ad5a09d710285ff4e48",
    "data_batch_5.bin": "755304fc0b379caeae8c14f0dac912fbc7d6cd469eb67a1029a08a39453a9add",
    "test_batch.bin": "8e2eb146ae340b09e24670f29cabc6326dba54da8789dab6768acf480273f65b",
    "test_batch_first1000.bin": "8314c96d7cd65618193bab23acdd5d4c4af15bf6dd00a1781d55beedf3be1ef5",
    "data_batch_1": "c99cafc152244af753f735de768cd75f",
    "data_batch_2": "d4bba439e000b95fd0a9bffe97cbabec",
    "data_batch_3": "54ebc095f3ab1f0389bbae665268c751",
    "data_batch_4": "634d18415352ddfa80567beed471001a",
    "data_batch_5": "482c414d41f54cd18b22e5b47cb7c3cb",
    "test_batch": "40351d587109b95175f43aff81a1287e",
    "cifar-100-binary.tar.gz": "58a81ae192c23a4be8b1804d68e518ed807d710a4eb253b1f2a199162a40d8ec",
    "cifar-100-python.tar.gz": "85cd44d02ba6437773c5bbd22e183051d648de2e7d6b014e1ef29b855ba677a7",
    "train.bin": "f31298fc616915fa142368359df1c4ca2ae984d6915ca468b998a5ec6aeebf29",
    "test.bin": "d8b1e6b7b3bee4020055f0699b111f60b1af1e262aeb93a0b659061746f8224a",
    "train": "16019d7e3df5f24257cddd939b257f8d",
    "test": "f0ef6b0ae62326f3e7ffdfab6717acfc",
}
"""SHA-256 of CIFAR's archives and binary files; MD5, since nothing else is known, of its pickled ones."""


def _archive(name: str, size: int) -> PublishedArchive:
    return PublishedArchive(name, size, CIFAR_SUMS[f"{name}.gz"])


FILES: dict[str, tuple[PublishedFile, ...]] = {
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
    "cifar10": (_archive("cifar-10-binary.tar", 170_052_171),),
    "cifar100": (_archive("cifar-100-binary.tar", 168_513_733),),
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
    "cifar10": (
        "https://www.cs.toronto.edu/~kriz",
        "https://storage.googleapis.com/s4tf-hosted-binaries/datasets/CIFAR10",
    ),
    "cifar100": ("https://www.cs.toronto.edu/~kriz",),
}
"""Folders on the web that have them, in the order in which they are tried."""
