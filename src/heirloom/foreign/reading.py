"""Which format a file has, told by its content, and its tensors by name."""

import io
import json
import zipfile
from dataclasses import dataclass
from pathlib import Path

import safetensors.torch
from safetensors import SafetensorError
from torch import Tensor

from heirloom.errors import HeirloomError
from heirloom.files import read_regular, sha256
from heirloom.foreign import caffemodel, npz, pytorch
from heirloom.weights import looks_like

MOST_BYTES = 8 * 2**30
"""A file that is larger is none of these networks: the largest has a fifteenth of it."""

PICKLED = (".pth", ".pt", ".th", ".pkl", ".pickle", ".bin", ".ckpt", ".tar")


@dataclass(frozen=True)
class ForeignFile:
    """What a file of another program holds.

    Attributes:
        kind: ``pytorch``, ``caffemodel``, ``npz`` or ``safetensors``.
        sha256: Of its bytes.
        tensors: By the names that are in it.
    """

    kind: str
    sha256: str
    tensors: dict[str, Tensor]


def read_foreign(path: Path) -> ForeignFile:
    """Read a file of another program. Nothing in it is run.

    Raises:
        HeirloomError: (``E-weights``) It is missing, damaged, of an unknown format, or wants to be run.
    """
    data = _bytes(path)
    kind = _kind(data, path)
    readers = {"pytorch": pytorch.read, "caffemodel": caffemodel.read, "npz": npz.read}
    try:
        if kind == "safetensors":
            tensors = _safetensors(data)
        elif kind in readers:
            tensors = readers[kind](data)
        else:
            known = "PyTorch (.pth), Caffe (.caffemodel), NumPy (.npz), safetensors"
            raise ValueError(looks_like(data) or f"its format is none of {known}")
    except (ValueError, MemoryError) as error:
        raise HeirloomError(
            "E-weights",
            "cannot read the weights",
            where=str(path),
            why=f"{kind}: {error}" if kind else str(error),
        ) from error
    return ForeignFile(kind, sha256(data), tensors)


def read_mean_image(path: Path) -> Tensor:
    """A mean image (C, h, w) from a ``.npy`` or a ``.binaryproto``. Raises as `read_foreign` does."""
    data = _bytes(path)
    try:
        return npz.array(data) if data.startswith(b"\x93NUMPY") else caffemodel.read_mean(data)
    except (ValueError, MemoryError) as error:
        raise HeirloomError(
            "E-weights", "cannot read the mean image", where=str(path), why=str(error)
        ) from error


def _bytes(path: Path) -> bytes:
    try:
        return read_regular(path, MOST_BYTES)
    except (OSError, ValueError) as error:
        why = (getattr(error, "strerror", None) or str(error)).lower()
        raise HeirloomError("E-weights", "cannot read the weights", where=str(path), why=why) from error


def _kind(data: bytes, path: Path) -> str:
    suffix = path.suffix.lower()
    if data.startswith(b"PK"):
        return "npz" if _all_arrays(data) else "pytorch"
    if data.startswith(b"\x80") or data[257:262] == b"ustar":
        return "pytorch"
    if data[8:9] == b"{" and int.from_bytes(data[:8], "little") <= len(data) - 8:
        return "safetensors"
    if suffix == ".caffemodel" and data:
        return "caffemodel"
    return "pytorch" if suffix in PICKLED and not looks_like(data) else ""


def _all_arrays(data: bytes) -> bool:
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            return all(name.endswith(".npy") for name in archive.namelist())
    except (zipfile.BadZipFile, ValueError, NotImplementedError, OSError):
        return False


def _safetensors(data: bytes) -> dict[str, Tensor]:
    try:
        tensors: dict[str, Tensor] = safetensors.torch.load(data)
        header = json.loads(data[8 : 8 + int.from_bytes(data[:8], "little")])
    except (SafetensorError, KeyError, RecursionError, AttributeError) as error:
        raise ValueError(f"damaged: {error}") from error
    if "heirloom" in (header.get("__metadata__") or {}):
        raise ValueError("it is a weights file of heirloom already, and is used as it is")
    return pytorch.without_prefixes(tensors)
