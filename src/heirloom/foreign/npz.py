"""NumPy's archives of named arrays (``.npz``), read without its unpickler.

Source: numpy.lib.format, version 1.0 to 3.0; the archive is a plain zip of ``NAME.npy``.
"""

import io
import math
import zipfile
import zlib

import numpy as np
import torch
from torch import Tensor

GROWTH, ALLOWANCE, MOST = 64, 64 * 2**20, 4 * 2**30
"""Unpacked bytes: at most so many times the file and these beside, and never more than the last."""


def read(data: bytes) -> dict[str, Tensor]:
    """The arrays of an archive by name.

    Raises:
        ValueError: It is none, is damaged, has anything but numbers in it, or is far larger unpacked.
    """
    found: dict[str, Tensor] = {}
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            entries = archive.infolist()
            total = sum(entry.file_size for entry in entries)
            if total > min(MOST, ALLOWANCE + GROWTH * len(data)):
                raise ValueError(f"unpacked it would have {total:,} bytes")
            for entry in entries:
                name = entry.filename.removesuffix(".npy")
                if name == entry.filename:
                    raise ValueError(f"{entry.filename!r} is no array")
                if name in found:
                    raise ValueError(f"{name!r} is in it twice")
                with archive.open(entry) as file:
                    # One byte more than is stated shows a file that states too little.
                    content = file.read(entry.file_size + 1)
                if len(content) != entry.file_size:
                    raise ValueError(f"{name!r} is damaged")
                try:
                    found[name] = array(content)
                except ValueError as error:
                    raise ValueError(f"{name!r}: {error}") from error
    except (zipfile.BadZipFile, NotImplementedError, RuntimeError, OSError, EOFError, zlib.error) as error:
        raise ValueError(f"a damaged archive: {error}") from error
    if not found:
        raise ValueError("it is empty")
    return found


def array(data: bytes) -> Tensor:
    """One array (``.npy``); whole numbers stay whole.

    Raises:
        ValueError: It is damaged, or has anything but numbers in it.
    """
    file = io.BytesIO(data)
    try:
        version = np.lib.format.read_magic(file)
        header = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}
        if version not in header:
            raise ValueError(f"version {version}")
        shape, fortran, dtype = header[version](file)
    except (ValueError, EOFError, SyntaxError, TypeError, RecursionError, MemoryError) as error:
        raise ValueError(f"no array: {str(error).splitlines()[0] if str(error) else 'damaged'}") from error
    if dtype.hasobject or dtype.kind not in "fiu" or dtype.itemsize > 8:
        raise ValueError(f"it holds {dtype}, not numbers")
    left = data[file.tell() :]
    if min(shape, default=1) < 0 or math.prod(shape) * dtype.itemsize != len(left):
        raise ValueError(f"its size {shape} is not that of its {len(left):,} bytes")
    values = np.frombuffer(left, dtype).reshape(shape, order="F" if fortran else "C")
    return torch.from_numpy(np.ascontiguousarray(values.astype(dtype.newbyteorder("="))))
