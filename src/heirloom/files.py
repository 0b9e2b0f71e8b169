"""Files that appear whole or not at all."""

import contextlib
import errno
import hashlib
import math
import os
import re
import stat
from collections.abc import Iterator
from pathlib import Path

from heirloom.errors import HeirloomError


def sha256(data: bytes) -> str:
    """Hexadecimal SHA-256 of ``data``."""
    return hashlib.sha256(data).hexdigest()


@contextlib.contextmanager
def disk_errors(
    path: Path,
    remedy: str = "free some space and try again (a run: heirloom resume); what was saved before is intact",
    elsewhere: str = "choose another place",
) -> Iterator[None]:
    """Turn the operating system's refusals to write at ``path`` into one clear line.

    ``remedy`` is what to do about a full disk, ``elsewhere`` about a place that is not ours to write.
    """
    try:
        yield
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO):
            raise HeirloomError(
                "E-disk",
                "cannot write",
                where=str(path),
                why=(error.strerror or str(error)).lower(),
                remedy=remedy,
            ) from error
        raise HeirloomError(
            "E-output-unwritable",
            "cannot write",
            where=str(path),
            why=(error.strerror or str(error)).lower(),
            remedy=elsewhere,
        ) from error


def is_folder(path: Path) -> bool:
    """True for a folder; a name that the system refuses is none."""
    try:
        return path.is_dir()
    except OSError:
        return False


def read_regular(path: Path, most: float = math.inf) -> bytes:
    """The bytes of a file; a folder, a pipe that might never end, or more than ``most`` is an OSError."""
    status = path.stat()
    if not stat.S_ISREG(status.st_mode):
        raise OSError("not a regular file")
    if status.st_size > most:
        raise OSError(f"{status.st_size:,} bytes, the limit is {most:,}")
    return path.read_bytes()


def write_synced(path: Path, data: bytes) -> None:
    """Write ``data`` and wait until the disk has it."""
    with path.open("wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())


def sync_folder(folder: Path) -> None:
    """Make the names in ``folder`` durable. Windows has no such call and needs none."""
    if os.name == "nt":
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def sweep(folder: Path) -> None:
    """Remove what `write_atomically` left in ``folder`` for a process that was killed. Only our own names."""
    for path in folder.glob(".*.tmp") if folder.is_dir() else ():
        owner = _TEMPORARY.fullmatch(path.name)
        if owner and (int(owner[1]) == os.getpid() or not alive(int(owner[1]))):
            with contextlib.suppress(OSError):
                path.unlink()


_TEMPORARY = re.compile(r"\..+\.(\d+)\.tmp")


def alive(process: int) -> bool:
    """Whether a process of that number runs: what it was writing may not be half of something."""
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True
    return True


def write_atomically(path: Path, data: bytes) -> None:
    """Replace ``path`` by ``data``: after a crash it holds the old bytes or the new ones, never a part.

    Raises:
        HeirloomError: The disk is full or the folder cannot be written. The old file is intact.
    """
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    with disk_errors(path):
        try:
            write_synced(temporary, data)
            temporary.replace(path)
        except BaseException:
            with contextlib.suppress(OSError):
                temporary.unlink()
            raise
        sync_folder(path.parent)
